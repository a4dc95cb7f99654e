"""The paper's three-stage algorithm (section 3) and the pieces of it.

Stage 1 boosts the signals with plain preconditioned steps, Stage 2 keeps A sparse with
a threshold and then proximal steps, Stage 3 rounds A and fits V to it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from scb.data.stream import Stream
from scb.data.task import Task
from scb.kernels import kernel_for
from scb.kernels.reference import project_columns
from scb.learning.logits import to_simplex
from scb.learning.metrics import AttentionStatistics, attention_signal, useful_entries, value_signal
from scb.learning.models import LinearTransformer, Model
from scb.learning.optimizers import Spec, preconditioned
from scb.learning.replay import stepping
from scb.settings.training import Logits, LogitsAdam
from scb.store.progress import progress


def sparsify(columns: Tensor, threshold: Tensor) -> Tensor:
    """Entry of Stage 2: keep entries of at least ``threshold``, zero the rest, project.

    The paper assumes positive signals and keeps ``a_t >= threshold``; here the size
    decides, so that a run whose signals came out negative is treated alike.

    Parameters
    ----------
    columns : Tensor, shape (..., N, T)
    threshold : Tensor, shape (...)
        At least 0.
    """
    kept = torch.where(columns.abs() >= threshold[..., None, None], columns, 0.0)
    return project_columns(kept)


def switch_threshold(task: Task, value: Tensor) -> Tensor:
    """Threshold ``|alpha_V| / (2Q)`` of the stage switch, shape (...).

    Of the paper's order alpha_V / Q; the factor is our reading. An oracle quantity:
    alpha_V is measured against the true P.
    """
    return value_signal(task, value.double()).abs() / (2 * task.sparsity)


def round_columns(columns: Tensor, sparsity: int, rounding: float) -> Tensor:
    """Stage 3 for A: keep ``a_t >= c/Q`` and divide each column by its sum.

    A column with nothing that large stays uniform.

    Parameters
    ----------
    columns : Tensor, shape (..., N, T)
    sparsity : int
        Q.
    rounding : float
        c; Lemma F.1 asks for a small one.
    """
    kept = torch.where(columns >= rounding / sparsity, columns, 0.0)
    total = kept.sum(-1, keepdim=True)  # (..., N, 1)
    uniform = 1 / columns.shape[-1]
    return torch.where(total > 0, kept / torch.where(total > 0, total, 1.0), uniform)


def refit_value(task: Task, attention: AttentionStatistics) -> Tensor:
    """Stage 3 for V: the least-squares solution on the population loss, given A.

    With ``1^T a = 1``, ``o = sum_k mu_k <q, a>`` and ``p = sum_k mu_k |a|^2`` the normal
    equations ``E[e_o s^T] = V E[s s^T]`` read
    ``o P D + (1 - o) mu mu^T = V (p D + (1 - p) mu mu^T)``; as ``P mu = mu`` and
    ``1^T D = mu^T``, they are solved by ``V = r P + (1 - r) mu 1^T`` with ``r = o / p``.
    So the refit knows P: only the scale r is left to the quality of A.

    Parameters
    ----------
    task : Task
    attention : AttentionStatistics of shape (..., R, N)

    Returns
    -------
    Tensor, shape (..., R, N, N), float64
    """
    ratio = refit_signal(task, attention)[..., None, None]
    return ratio * task.transition + (1 - ratio) * task.stationary[..., None]


def refit_signal(task: Task, attention: AttentionStatistics) -> Tensor:
    """The r of `refit_value`: the signal alpha_V of the refit, shape (...)."""
    overlap = (task.stationary * attention.overlap).sum(-1)
    square = (task.stationary * attention.square).sum(-1)
    return overlap / square


def rounded(number: float, dtype: torch.dtype) -> float:
    """The number as a tensor of that dtype holds it, without making one and reading it back."""
    return float(np.dtype(str(dtype).removeprefix("torch.")).type(number))


def normalise(task: Task, columns: Tensor, rounding: float) -> tuple[Tensor, AttentionStatistics]:
    """Stage 3 applied to an iterate: the refitted V and the statistics of the rounded A.

    As `refit_value` of `round_columns`, without making the rounded A.
    """
    least = rounded(rounding / task.sparsity, columns.dtype)
    total, square = kernel_for(columns).moments(columns, least)  # of the entries kept, (..., R, N)
    useful = useful_entries(task, columns)  # (..., R, N, Q)
    overlap = (task.weights.mT * torch.where(useful >= least, useful, 0.0)).sum(-1)
    nothing = total == 0
    total = torch.where(nothing, 1.0, total)
    uniform = 1 / task.length
    statistics = AttentionStatistics(
        overlap=torch.where(nothing, uniform, overlap / total),
        square=torch.where(nothing, uniform, square / total.square()),
        total=torch.ones_like(total),
    )
    return refit_value(task, statistics), statistics


def branch(task: Task, value: Tensor, columns: Tensor, specs: Sequence[Spec]) -> LinearTransformer:
    """A model with the end of Stage 1 in a condition for each optimizer: Stage 2 opens.

    Where an optimizer asks for it, entries of A below `switch_threshold` are dropped, or A is
    brought to where a softmax can be.

    Parameters
    ----------
    task : Task of R replicates
    value : Tensor, shape (R, N, N)
    columns : Tensor, shape (R, N, T)
    specs : sequence of G
        What the settings say of the optimizers.
    """
    thresholded = [getattr(spec, "threshold", False) for spec in specs]
    sparse = sparsify(columns, switch_threshold(task, value).to(columns))
    chosen = torch.tensor(thresholded, device=columns.device)[:, None, None, None]
    branches = torch.where(chosen, sparse, columns)  # (G, R, N, T)
    if softmax := [place for place, spec in enumerate(specs) if _on_simplex(spec)]:
        branches[softmax] = to_simplex(columns)
    return LinearTransformer(value.expand(len(specs), *value.shape), branches)


def _on_simplex(spec: Spec) -> bool:
    return isinstance(spec, Logits | LogitsAdam) or getattr(spec, "simplex", False)


def train(
    model: Model,
    optimizers: Sequence[torch.optim.Optimizer],
    stream: Stream,
    steps: range,
    batch_size: int,
    observe: Callable[[int], bool | None] | None = None,
) -> int:
    """Online training: one step on a fresh mini-batch for each index in ``steps``.

    Parameters
    ----------
    model : Model
    optimizers : torch optimizers that together hold the model's parameters
    stream : Stream
    steps : range
        Indices of the steps; the same index is the same mini-batch, so a run goes on
        where an earlier one ended.
    batch_size : int
        B.
    observe : function of the step, optional
        Called before each step, and after the last; training ends when it returns True.

    Returns
    -------
    int
        The step to go on from.
    """
    take = stepping(model, optimizers, stream, batch_size)
    for step in progress(steps, "training"):
        if observe is not None and observe(step):
            return step
        take(step)
    if observe is not None:
        observe(steps.stop)
    return steps.stop


def learn(
    task: Task,
    stream: Stream,
    *,
    batch_size: int,
    boost_rate: float,
    rate: float,
    penalty: float,
    max_steps: int,
    rounding: float = 0.25,
    check_every: int = 10,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor, int]:
    """The whole algorithm, each stage ended by its own signal.

    Stage 1 ends once ``max(alpha_V, alpha_A) >= 1 / (QN)`` in absolute value, Stage 2
    once ``(alpha_V + alpha_A) / 2 >= 1``, in the median over replicates; both signals
    are oracle quantities.

    Parameters
    ----------
    task : Task of R replicates
    stream : Stream of the same task
    batch_size : int
    boost_rate, rate : float
        eta of Stages 1 and 2.
    penalty : float
        lambda.
    max_steps : int
        Stages 1 and 2 together end here at the latest.
    rounding : float
        c of Stage 3.
    check_every : int
        Steps between two looks at the signals.
    dtype : torch.dtype

    Returns
    -------
    value : Tensor, shape (R, N, N)
    columns : Tensor, shape (R, N, T)
        Rounded attention, transposed.
    steps : int
        Steps taken.
    """
    model = LinearTransformer.initial(task, dtype)

    def signals() -> tuple[Tensor, Tensor]:
        statistics = AttentionStatistics.of(task, model.columns.detach())
        alpha_value = value_signal(task, model.value.detach().double())
        return alpha_value, attention_signal(task, statistics)

    def boosted(step: int) -> bool:
        if step % check_every:
            return False
        strongest = torch.maximum(*(alpha.abs() for alpha in signals()))
        return bool(strongest.median() >= 1 / (task.sparsity * task.states))

    def converged(step: int) -> bool:
        if step % check_every:
            return False
        alpha_value, alpha_attention = signals()
        return bool(((alpha_value + alpha_attention) / 2).abs().median() >= 1)

    def stage(first: int, rate: float, penalty: float, ended: Callable[[int], bool]) -> int:
        steps = range(first, max_steps)
        return train(
            model, preconditioned(task, model, rate, penalty), stream, steps, batch_size, ended
        )

    switch = stage(0, boost_rate, 0.0, boosted)
    with torch.no_grad():
        threshold = switch_threshold(task, model.value).to(dtype)
        model.columns.copy_(sparsify(model.columns, threshold))
    end = stage(switch, rate, penalty, converged)
    rounded = round_columns(model.columns.detach(), task.sparsity, rounding)
    return refit_value(task, AttentionStatistics.of(task, rounded)), rounded, end
