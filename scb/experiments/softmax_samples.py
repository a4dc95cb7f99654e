"""How many samples the first stage needs to find the support of Q, by softmax and linear attention.

All start as in the paper: the linear model, softmax at the logit rate that is matched at the start
and at a small share of it, and Adam on the logits. A run ends once alpha_A is `BOOSTED` in size, or
with its steps. It found the support if alpha_A is positive then and the Q largest weights of each
column are at the pattern.
"""

import math

import pandas as pd
import torch
from torch import Tensor

from scb.analysis.scaling import FOUND
from scb.analysis.tables import SOFTMAX_SAMPLES
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Output, job
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, support_found
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import Spec, build_optimizers
from scb.settings.softmax_samples import SoftmaxAlone
from scb.settings.training import Logits, LogitsAdam, Sgd, Tasks
from scb.store import tables
from scb.theory.boosting import BOOSTED
from scb.theory.first_stage import drift_steps, growth_rate, support_batch, support_chance
from scb.theory.stage1 import ladder

PATIENCE = 1.5
"""Steps of a run, over those that the drift alone would take."""


def ends(
    task: Task, seeds: list[int], specs: list[Spec], steps: int, batch: int
) -> tuple[Tensor, Tensor]:
    """Whether each run found the support, and whether it has ``alpha_A >= BOOSTED`` too.

    Returns
    -------
    right, reached : Tensor, shape (G, R), bool
        For each of the ``specs`` and replicates, all on one stream.
    """
    start = LinearTransformer.initial(task)
    model = LinearTransformer(
        *(part.expand(len(specs), *part.shape) for part in (start.value, start.columns))
    )
    shape, device = model.columns.shape[:2], model.columns.device
    right, reached, over = torch.zeros(3, *shape, dtype=torch.bool, device=device)

    def observe(step: int) -> bool:
        # At every step: in a softmax a step or two later one useful weight may have taken all.
        if step == 0:
            return False
        columns = model.columns.detach()
        signal = attention_signal(task, AttentionStatistics.of(task, columns))  # (G, R)
        ended = ~over & ((signal.abs() >= BOOSTED) | ~signal.isfinite() | (step == steps))
        if ended.any():
            found = (support_found(task, columns, signed=True) >= FOUND) & (signal > 0)
            right.logical_or_(ended & found)
            reached.logical_or_(ended & found & (signal >= BOOSTED))
            over.logical_or_(ended)
        return bool(over.all())

    train(
        model, build_optimizers(task, model, specs), Stream(task, seeds), range(steps), batch,
        observe,
    )  # fmt: skip
    return right, reached


@job
def samples(settings: SoftmaxAlone, runs: Output, device: torch.device) -> None:
    """Run both paces at every batch of their ladders, and write."""
    drawing = Tasks.of(settings, sampler="balanced", weights="uniform")
    task = Task.draw(drawing).to(device)
    rate, factor = settings.rate, settings.factor
    matched = Logits(kind="softmax", rate=rate, signal=None)
    paces: dict[float, dict[str, Spec]] = {
        1.0: {"linear": Sgd(kind="sgd", rate=rate), "softmax": matched},
        factor: {
            "softmax_slow": matched.model_copy(update={"factor": factor}),
            "softmax_adam": LogitsAdam(
                kind="softmax_adam", rate=rate, logit_rate=settings.logit_rate
            ),
        },
    }
    frames = []
    for share, specs in paces.items():
        pace = growth_rate(rate, share)
        steps = math.ceil(PATIENCE * drift_steps(task, pace, BOOSTED))
        predicted = {
            name: steps * support_batch(task, pace, BOOSTED, softmax=name != "linear")
            for name in specs
        }
        batches = ladder(max(predicted.values()) / steps, settings.halvings, settings.doublings)
        settings.refuse("softmax_samples", max(batches))
        for batch in batches:
            names = "softmax_samples", settings.length, f"{share:g}", batch
            seeds = [
                derive(settings.seed, *names, replicate) for replicate in range(settings.replicates)
            ]
            outcome = ends(task, seeds, list(specs.values()), steps, batch)
            for name, right, reached in zip(specs, *(part.cpu() for part in outcome), strict=True):
                frame = pd.DataFrame({"right": right, "reached": reached})
                frame["probability"] = support_chance(
                    task, batch, pace, BOOSTED, softmax=name != "linear"
                )
                frames.append(
                    frame.assign(
                        model=name,
                        batch=batch,
                        samples=batch * steps,
                        replicate=range(len(seeds)),
                        predicted=predicted[name],
                    )
                )
    frame = pd.concat(frames).assign(length=settings.length)
    setting = settings.model_dump(exclude={"seed", "length", "halvings", "doublings"})
    tables.write(frame, runs, SOFTMAX_SAMPLES, setting | {"level": BOOSTED})


if __name__ == "__main__":
    samples.main()
