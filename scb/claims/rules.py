"""The paper's claims, each as statistics and the rules that decide it.

Written from the sentence alone: what would a reader of the paper's figure take it to mean?
The figures 1 to 6 of these very seeds had been drawn and described by then, and what is
beyond the paper (B1 to B4) came from looking at them; no rule had been tried on them but
C11's, once, at a larger batch. What transfer gives (C10, B5) came later. Words have one
meaning throughout.

- *Knowing nothing* is the start of training, ``V = mu 1^T`` and ``A = 1 1^T / T``, whose
  distances to the ground truth are ``sqrt(K_P)`` and ``sqrt(K_Q)``; a solution is *close*,
  an error *small*, two curves *near* or *about the same*, within a tenth of it.
- *Lower* and *higher* are medians of paired ratios, off 1 beyond chance and by a tenth.
- *Positive runs* have both signals positive at the end of Stage 1. The optimisers part
  after that, so their comparison stays paired; the same over all runs stands beside it.
- A run that diverged is infinitely far; two that did are equal.

A normalised V decides nothing: fitted on the population loss it is P exactly even where A
has learnt nothing (`scb.learning.algorithm.refit_value` at the uniform A), so that it would make any
claim partly true. It is told beside the normalised A, which decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scb.analysis.runs import Array, Run
from scb.analysis.scaling import FOUND, samples_needed
from scb.claims.verdict import Claim, Part, Rule, Statistic, exponent, median, share

LOWER = Rule(below=1, reach=0.9)
HIGHER = Rule(above=1, reach=1.1)
CLOSE = Rule(below=0.1)
NOT_CLOSE = Rule(above=0.1)
SAME = Rule(above=-0.1, below=0.1)
DOUBLE = Rule(above=2)
DOMINATES = Rule(above=1)
IMPROVES = Rule(above=0, reach=0.01)  # of a cosine
NOT_WORSE = Rule(above=-0.01)  # of a cosine
# For T near 1000 even log(T)^2 grows like T to the power 2 / log 1000 = 0.3 only.
POLYNOMIAL, NOT_POLYNOMIAL = Rule(above=0.5), Rule(below=0.5)
ALIKE = Rule(above=0.9)  # of a cosine: four fifths of the squared norm are shared

SYMBOLS = {"value": ("V", "P", "K_P"), "attention": ("A", "Q", "K_Q")}
PARTS = ("attention", "value")


# --- Arithmetic with infinities -------------------------------------------------------


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient of nonnegative numbers, 1 where they are equal, infinite ones included."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator == denominator, 1.0, numerator / denominator)


def difference(left: Array, right: Array) -> Array:
    """Difference, 0 where they are equal, infinite ones included."""
    with np.errstate(invalid="ignore"):
        return np.where(left == right, 0.0, left - right)


# --- A run, read for its claims -------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """Values of all replicates of a run, each of shape (R,), and which runs are positive."""

    run: Run

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Replicates with both signals positive at the end of Stage 1."""
        return np.isin(self.run.replicates, self.run.positive("boost"))

    def curve(self, optimizer: str, metric: str) -> tuple[NDArray[np.int64], Array]:
        """Logged steps (S,) and values (R, S)."""
        return self.run.values(optimizer, metric, self.run.replicates)

    def last(self, optimizer: str, metric: str) -> Array:
        """Values at the last step."""
        return self.curve(optimizer, metric)[1][:, -1]

    def nothing(self, part: str, optimizer: str = "boost") -> Array:
        """Distance of knowing nothing, that of the first step."""
        return self.curve(optimizer, f"{part}_distance")[1][:, 0]

    def among_positive(self, values: Array) -> dict[str, Statistic]:
        """Medians for a `Part`: over the positive runs, and over all."""
        return {"over": median(values[self.positive]), "over_all": median(values)}


def _distance(part: str) -> str:
    learnt, truth, _ = SYMBOLS[part]
    return f"‖{learnt}−{truth}‖_μ"


def _nothing(part: str) -> str:
    return f"√{SYMBOLS[part][2]}"


# --- C1 to C5: convergence ------------------------------------------------------------


def _lower(read: Reading, name: str, rival: str, rule: Rule | None, said: str) -> list[Part]:
    """Parts: distances at the last step as ratios of two optimizers."""
    return [
        Part(
            f"{_distance(part)} at the last step, {said}",
            rule,
            **read.among_positive(
                ratio(read.last(name, f"{part}_distance"), read.last(rival, f"{part}_distance"))
            ),
        )
        for part in PARTS
    ]


def _close(read: Reading, name: str, rule: Rule | None, said: str) -> list[Part]:
    """Parts: distances of the last normalised solution, relative to knowing nothing."""
    return [
        Part(
            f"normalised {_distance(part)} at the last step / {_nothing(part)}, {said}",
            _of_attention(rule, part),
            **read.among_positive(
                read.last(name, f"normalised_{part}_distance") / read.nothing(part)
            ),
        )
        for part in PARTS
    ]


def _of_attention(rule: Rule | None, part: str) -> Rule | None:
    """The rule of a normalised solution: V's decides nothing."""
    return rule if part == "attention" else None


def c1(read: Reading) -> Claim:
    """Proximal reaches lower distances than SGD."""
    parts = _lower(read, "proximal", "sgd", LOWER, "proximal / SGD")
    if "proximal_large" in read.run.optimizers:
        parts += _lower(read, "proximal_large", "sgd", None, "proximal with our larger λ / SGD")
    return Claim(
        "C1",
        "After Stage 1, proximal reaches lower ‖A−Q‖_μ and ‖V−P‖_μ than SGD at the same η₂.",
        "fig1_convergence",
        parts,
    )


def c2(read: Reading) -> Claim:
    """Small-step SGD is too slow: it ends above proximal, with its signals half-way."""
    parts = _lower(read, "sgd_small", "proximal", HIGHER, "small-step SGD / proximal")
    signals = (
        read.last("sgd_small", "value_signal") + read.last("sgd_small", "attention_signal")
    ) / 2
    parts.append(
        Part(
            "(α_V+α_A)/2 of small-step SGD at the last step; 1 ends Stage 2",
            Rule(below=0.5),
            **read.among_positive(signals),
        )
    )
    return Claim(
        "C2",
        "SGD with the small η₂′ is too slow to reach the proximal solution in 1000 steps.",
        "fig1_convergence",
        parts,
    )


def c3(read: Reading) -> Claim:
    """The star is close to the ground truth."""
    return Claim(
        "C3",
        "The normalised proximal solution is close to the ground truth.",
        "fig1_convergence",
        [*_close(read, "proximal", CLOSE, "proximal"), *_close(read, "sgd", None, "SGD")],
    )


def c4(read: Reading) -> Claim:
    """Errors: SGD's in A grows and dominates, proximal's is smaller; both small in V."""
    steps, error = read.curve("sgd", "attention_error")  # (R, S)
    middle = int(np.abs(steps - (steps[0] + steps[-1]) / 2).argmin())
    last, proximal = error[:, -1], read.last("proximal", "attention_error")

    def dominance(name: str) -> Array:
        size = np.abs(read.last(name, "attention_signal")) * read.nothing("attention")
        wrong = read.last(name, "attention_error")
        return np.where(np.isinf(wrong), np.inf, ratio(wrong, size))

    largest = {
        name: read.curve(name, "value_error")[1].max(axis=1) / read.nothing("value")
        for name in ("sgd", "proximal")
    }
    return Claim(
        "C4",
        "Under SGD ‖Δ_A‖ keeps growing and dominates the signal, proximal keeps it smaller; "
        "‖Δ_V‖ stays small for both.",
        "fig3_signals",
        [
            Part(
                "‖Δ_A‖ at the last step, proximal / SGD",
                LOWER,
                **read.among_positive(ratio(proximal, last)),
            ),
            Part(
                "‖Δ_A‖ under SGD, last step / midway from Stage 1",
                HIGHER,
                **read.among_positive(ratio(last, error[:, middle])),
            ),
            Part(
                "‖Δ_A‖ / (∣α_A∣ √K_Q) at the last step, SGD",
                DOMINATES,
                **read.among_positive(dominance("sgd")),
            ),
            *(
                Part(
                    f"largest ‖Δ_V‖ after Stage 1 / √K_P, {said}",
                    CLOSE,
                    **read.among_positive(largest[name]),
                )
                for name, said in (("sgd", "SGD"), ("proximal", "proximal"))
            ),
            Part(
                "‖Δ_A‖ / (∣α_A∣ √K_Q) at the last step, proximal",
                None,
                **read.among_positive(dominance("proximal")),
            ),
        ],
    )


def c5(read: Reading) -> Claim:
    """Similarity: better normalised, and not worse under proximal."""
    names = {"proximal": "proximal", "sgd": "SGD"}
    improved = [
        Part(
            f"cos({', '.join(SYMBOLS[part][:2])}) at the last step, normalised − raw, {said}",
            _of_attention(IMPROVES, part),
            **read.among_positive(
                difference(
                    read.last(name, f"normalised_{part}_similarity"),
                    read.last(name, f"{part}_similarity"),
                )
            ),
        )
        for part in PARTS
        for name, said in names.items()
    ]
    compared = [
        Part(
            f"cos({', '.join(SYMBOLS[part][:2])}) at the last step, {said}, proximal − SGD",
            _of_attention(NOT_WORSE, part) if prefix else NOT_WORSE,
            **read.among_positive(
                difference(*(read.last(name, f"{prefix}{part}_similarity") for name in names))
            ),
        )
        for part in PARTS
        for prefix, said in (("", "raw"), ("normalised_", "normalised"))
    ]
    # Most of cos(V, P) is the part mu 1^T, which V has from the start.
    centred = Part(
        "cos(V−μ1ᵀ, P−μ1ᵀ) at the last step, normalised − raw, proximal",
        None,
        **read.among_positive(
            difference(
                read.last("proximal", "normalised_value_centred_similarity"),
                read.last("proximal", "value_centred_similarity"),
            )
        ),
    )
    return Claim(
        "C5",
        "Normalisation improves similarity; proximal is at least as similar as SGD with and "
        "without it.",
        "fig4_similarity",
        [*improved, *compared, centred],
    )


def convergence(run: Run) -> list[Claim]:
    """C1 to C5, of any run of Stage 1 followed by at least ``proximal`` and ``sgd``.

    C2 is left out where there is no ``sgd_small``.
    """
    read = Reading(run)
    claims = [c1(read), c3(read), c4(read), c5(read)]
    if "sgd_small" in run.optimizers:
        claims.insert(1, c2(read))
    return claims


# --- C6: vocabulary -------------------------------------------------------------------


def c6(runs: Sequence[Run]) -> Claim:
    """C1 and C3 for each N; the loss converges while the raw distance grows again."""
    parts: list[Part] = []
    for run in runs:
        read, label = Reading(run), f"N = {run['states']}"
        nothing, excess = read.nothing("attention"), read.curve("boost", "excess_loss")[1][:, 0]
        _, losses = read.curve("proximal", "excess_loss")
        rows, stop = np.arange(len(losses)), losses.argmin(axis=1)  # the first of equal ones
        _, raw = read.curve("proximal", "attention_distance")
        star = {
            part: read.curve("proximal", f"normalised_{part}_distance")[1][rows, stop]
            for part in PARTS
        }
        parts += [
            *_lower(read, "proximal", "sgd", LOWER, f"proximal / SGD, {label}"),
            *(
                Part(
                    f"normalised {_distance(part)} at the least test loss / {_nothing(part)}, "
                    f"proximal, {label}",
                    _of_attention(CLOSE, part),
                    **read.among_positive(star[part] / read.nothing(part)),
                )
                for part in PARTS
            ),
            Part(
                "test loss above Bayes, last step / knowing nothing, proximal, " + label,
                CLOSE,
                **read.among_positive(losses[:, -1] / excess),
            ),
            Part(
                "‖A−Q‖_μ, last step / least test loss, proximal, " + label,
                HIGHER,
                **read.among_positive(ratio(raw[:, -1], raw[rows, stop])),
            ),
            Part(
                "‖A−Q‖_μ at the last step / √K_Q, proximal, not normalised, " + label,
                NOT_CLOSE,
                **read.among_positive(raw[:, -1] / nothing),
            ),
        ]
    return Claim(
        "C6",
        "C1 and C3 hold for N = 3, 10, 20; the loss converges while the raw distance later "
        "grows, so that stopping early and normalising is essential.",
        "fig5_vocabulary",
        parts,
    )


# --- C7: simulation -------------------------------------------------------------------


def c7(runs: Sequence[Run]) -> Claim:
    """Proximal stays near the population path, SGD's error grows fast."""
    parts = []
    for run in runs:
        read = Reading(run)
        label = f"T = {run['length']}, N = {run['states']}"
        signals = [
            largest_deviation(
                read.curve("proximal", f"{part}_signal"),
                read.curve("population", f"{part}_signal"),
            )
            for part in PARTS
        ]
        _, error = read.curve("proximal", "attention_error")
        _, rival = read.curve("sgd", "attention_error")
        # The path's own attention at its end.
        scale = read.nothing("attention") * read.last("population", "attention_signal")
        parts += [
            Part(
                "largest distance of a signal from the path after Stage 1 / the path's last, "
                f"proximal, {label}",
                CLOSE,
                **read.among_positive(np.maximum(*signals)),
            ),
            Part(
                f"largest ‖Δ_A‖ after Stage 1 / (√K_Q · the path's last α_A), proximal, {label}",
                CLOSE,
                **read.among_positive(relative(error.max(axis=1), scale)),
            ),
            Part(
                f"‖Δ_A‖ under SGD, last step / end of Stage 1, {label}",
                DOUBLE,
                **read.among_positive(ratio(rival[:, -1], rival[:, 0])),
            ),
            Part(
                f"‖Δ_A‖ at the last step, SGD / proximal, {label}",
                DOUBLE,
                **read.among_positive(ratio(rival[:, -1], error[:, -1])),
            ),
        ]
    return Claim(
        "C7",
        "At T = 100 000, N = 100 and 500, proximal stays near the population path and SGD's "
        "error grows fast.",
        "fig6_simulation",
        parts,
    )


def largest_deviation(
    curve: tuple[NDArray[np.int64], Array], path: tuple[NDArray[np.int64], Array]
) -> Array:
    """Largest distance from a path at their common steps, relative to the path's last value.

    Both are (steps (S,), values (R, S)). Infinite where both diverge.
    """
    _, mine, its = np.intersect1d(curve[0], path[0], return_indices=True)
    with np.errstate(invalid="ignore"):
        away = np.abs(curve[1][:, mine] - path[1][:, its]).max(axis=1)
    return relative(away, path[1][:, -1])


def relative(distance: Array, scale: Array) -> Array:
    """Distance over scale; infinite where both diverge, as nothing is near there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = distance / scale
    return np.where(np.isnan(found), np.inf, found)


# --- C8: softmax against linear -------------------------------------------------------


def c8(run: Run, states: pd.DataFrame, tasks: pd.DataFrame) -> Claim:
    """Softmax and linear attention end alike.

    Parameters
    ----------
    run : Run
        Optimizers ``linear`` and ``softmax``.
    states, tasks : DataFrame
        Of `scb.learning.tables.STATES` and `scb.data.tables.TASKS`.
    """
    read = Reading(run)
    columns = {name: _last_columns(states, name) for name in ("linear", "softmax")}
    ordered = tasks.sort_values(["replicate", "state"])
    count = ordered["replicate"].nunique()
    stationary = ordered["stationary"].to_numpy().reshape(count, -1)  # (R, N)
    values, attentions = (
        [columns[name][part] for name in ("linear", "softmax")] for part in (0, 1)
    )
    alike = {
        "attention": _cosine(attentions, stationary, 1 / attentions[0].shape[-1]),
        "value": _cosine(values, stationary, stationary[:, None, :]),
    }
    losses = {name: read.last(name, "excess_loss") for name in columns}
    nothing = read.curve("linear", "excess_loss")[1][:, 0]
    return Claim(
        "C8",
        "Softmax and linear attention learn similar patterns and values and reach about the "
        "same loss.",
        "fig2_softmax_vs_linear",
        [
            Part("cosine of the two A − 11ᵀ/T at the last step", ALIKE, median(alike["attention"])),
            Part("cosine of the two V − μ1ᵀ at the last step", ALIKE, median(alike["value"])),
            Part(
                "test loss at the last step, (softmax − linear) / (knowing nothing − Bayes)",
                SAME,
                median(difference(losses["softmax"], losses["linear"]) / nothing),
            ),
            *(
                Part(
                    f"cosine of A − 11ᵀ/T and Q − 11ᵀ/T at the last step, {name}",
                    None,
                    median(read.last(name, "attention_centred_similarity")),
                )
                for name in columns
            ),
        ],
    )


def _last_columns(states: pd.DataFrame, optimizer: str) -> tuple[Array, Array]:
    """Columns of V (R, N, N) and of A (R, N, T): [r, k] is the column of query k."""
    rows = states[states["optimizer"] == optimizer].sort_values(["replicate", "state"])
    count = rows["replicate"].nunique()

    def stack(name: str) -> Array:
        flat = np.stack(rows[name].to_list()).astype(np.float64)
        return flat.reshape(count, -1, flat.shape[-1])

    return stack("value"), stack("attention")


def _cosine(matrices: Sequence[Array], stationary: Array, centre: Array | float) -> Array:
    """mu-cosine of two matrices given by columns, (R, N, K) each, less what they share.

    The least there is, -1, where a run has diverged.
    """
    left, right = (matrix - centre for matrix in matrices)

    def inner(a: Array, b: Array) -> Array:
        return np.asarray((stationary * (a * b).sum(-1)).sum(-1))

    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = inner(left, right) / np.sqrt(inner(left, left) * inner(right, right))
    return np.where(np.isfinite(cosine), cosine, -1.0)


# --- C9 and C10: from scratch, and after pretraining ----------------------------------


def c9(run: Run, transfer: pd.DataFrame) -> Claim:
    """A slow, sample-hungry first stage, then a fast one.

    Parameters
    ----------
    run : Run
        The convergence run.
    transfer : DataFrame
        Of `scb.learning.tables.TRANSFER`; its runs from scratch tell what Stage 1 needs as T grows.
    """
    read = Reading(run)
    steps, value = read.curve("boost", "value_signal")
    mean = (value[:, -1] + read.last("boost", "attention_signal")) / 2
    last = (read.last("proximal", "value_signal") + read.last("proximal", "attention_signal")) / 2
    slow, fast = mean / steps[-1], difference(last, mean) / (run.last - steps[-1])
    return Claim(
        "C9",
        "Training from scratch has a slow, sample-hungry first stage, with signals near 0.1 at "
        "step 400, then a fast one.",
        "fig3_signals",
        [
            # No run is left out: whether Stage 1 finds the signal is what is asked.
            Part(
                "(α_V+α_A)/2 at the end of Stage 1, over all runs",
                Rule(above=0.05, below=0.2),
                median(mean),
            ),
            Part(
                "gain of (α_V+α_A)/2 per step, proximal / Stage 1",
                DOUBLE,
                **read.among_positive(ratio(fast, slow)),
            ),
            Part(
                f"exponent in T of the samples until {_GOAL}, {_FROM_SCRATCH}",
                POLYNOMIAL,
                _from_scratch(transfer),
            ),
        ],
    )


def c10(pretrained: pd.DataFrame, transfer: pd.DataFrame) -> Claim:
    """One step on a pretrained V replaces Stage 1, at a cost that hardly grows with T.

    The correlation is the least for which the paper's condition ``<P_hat, P>_mu - |mu|^2 >=
    |mu|^2`` holds in half of the replicates, or the largest if it holds for none. Samples are
    compared at the T of the runs that go on to Stage 2.

    Parameters
    ----------
    pretrained, transfer : DataFrame
        Of `scb.theory.tables.PRETRAINED` and `scb.learning.tables.TRANSFER`.
    """
    overlap = pretrained.groupby("correlation")["overlap_ratio"].median()
    correlation = next((rho for rho in overlap.index if overlap[rho] >= 1), overlap.index[-1])
    of_it = transfer[transfer["correlation"] == correlation]
    sizes, step = _needed(of_it[of_it["start"] == "one_step"])
    scratch_sizes, scratch = _needed(transfer[transfer["start"] == "scratch"])
    tuned = of_it[of_it["start"] == "transfer"]
    length = tuned["length"].max()
    saved = ratio(scratch[:, scratch_sizes == length], step[:, sizes == length])[:, 0]
    tuned = tuned[tuned["length"] == length]
    last = tuned.sort_values("samples").groupby("replicate").tail(1)
    distance = (last["normalised_attention_distance"] / last["pattern_norm"]).mask(
        last["diverged"], np.inf
    )
    label = f"P̂ with correlation {correlation:g}"
    return Claim(
        "C10",
        "A pretrained model with nontrivial correlation skips the first stage: the samples that "
        "it needs do not grow polynomially in T.",
        "transfer",
        [
            Part(
                f"exponent in T of the samples until {_GOAL}, one step, {label}",
                NOT_POLYNOMIAL,
                exponent(sizes, step),
            ),
            Part(
                f"samples until {_GOAL}, from scratch / one step, {label}, T = {length}",
                DOUBLE,
                median(saved[~np.isnan(saved)]),  # NaN where that T was not run
            ),
            Part(
                f"normalised ‖A−Q‖_μ / ‖Q‖_μ after Stage 2, {label}, T = {length}",
                CLOSE,
                median(distance),
            ),
        ],
    )


def _needed(runs: pd.DataFrame) -> tuple[Array, Array]:
    """Lengths (S,) and samples until the support is found (R, S), of runs of one kind."""
    counts = samples_needed(runs)
    return counts.columns.to_numpy(np.float64), counts.to_numpy(np.float64)


def _from_scratch(transfer: pd.DataFrame) -> Statistic:
    """Exponent in T of the samples that training from scratch needs."""
    return exponent(*_needed(transfer[transfer["start"] == "scratch"]))


_GOAL = f"{FOUND:.0%} of the support of Q is found"

# The sign is not asked, and the rate, half of the largest stable one, falls with T.
_FROM_SCRATCH = "from scratch, of either sign"


# --- C11: large batches ---------------------------------------------------------------


def c11(run: Run, path: Array, small: Run, small_path: Array) -> Claim:
    """Runs with large batches follow the population path.

    Parameters
    ----------
    run : Run
        Plain steps with a large batch: the optimizer ``boost``.
    path : array of shape (steps + 1, 2, R)
        `scb.theory.population.trajectory` of its tasks.
    small, small_path : the same at the paper's batch
    """

    def deviations(run: Run, path: Array) -> list[Array]:
        read = Reading(run)
        every = np.arange(len(path))
        return [
            largest_deviation(read.curve("boost", f"{part}_signal"), (every, path[:, i].T))
            for i, part in ((1, "attention"), (0, "value"))
        ]

    def label(run: Run) -> str:
        return f"B = {run['batch']}, T = {run['length']}"

    def parts(run: Run, path: Array, rule: Rule | None) -> list[Part]:
        return [
            Part(
                f"largest distance of {symbol} from the path / the path's last, {label(run)}",
                rule,
                median(away),
            )
            for symbol, away in zip(("α_A", "α_V"), deviations(run, path), strict=True)
        ]

    return Claim(
        "C11",
        "With large batches the mini-batch run follows the two-dimensional population recursion.",
        "",
        [*parts(run, path, CLOSE), *parts(small, small_path, None)],
    )


# --- What the paper does not say ------------------------------------------------------


def beyond(run: Run, transfer: pd.DataFrame) -> list[Claim]:
    """What we would add in a rebuttal, under rules of the same kind.

    Parameters
    ----------
    run : Run
        The convergence run.
    transfer : DataFrame
        Of `scb.learning.tables.TRANSFER`.
    """
    read = Reading(run)
    positive = read.positive
    relative = read.last("proximal", "normalised_attention_distance") / read.nothing("attention")
    return [
        Claim(
            "B1",
            "The sign of the signals is decided by noise: at the paper's batch a good share of "
            "runs ends Stage 1 on the other side.",
            "fig3_signals",
            [Part("share of runs not positive after Stage 1", Rule(above=0.1), share(~positive))],
            paper=False,
        ),
        Claim(
            "B2",
            "What Stage 1 lost, neither the proximal steps nor the normalisation find again.",
            "fig1_convergence",
            [
                Part(
                    "normalised ‖A−Q‖_μ at the last step / √K_Q, proximal, over the runs not "
                    "positive",
                    Rule(above=0.9),
                    median(relative[~positive]),
                    median(relative),
                )
            ],
            paper=False,
        ),
        Claim(
            "B3",
            "Rounding and fitting V again suffice: SGD's normalised solution is as close as "
            "proximal's.",
            "fig1_convergence",
            [
                Part(
                    f"normalised {_distance(part)} at the last step / {_nothing(part)}, "
                    "SGD − proximal",
                    _of_attention(SAME, part),
                    **read.among_positive(
                        difference(
                            read.last("sgd", f"normalised_{part}_distance"),
                            read.last("proximal", f"normalised_{part}_distance"),
                        )
                        / read.nothing(part)
                    ),
                )
                for part in PARTS
            ],
            paper=False,
        ),
        Claim(
            "B4",
            "A larger λ, from the closed form of the gradient's noise, reaches lower distances "
            "than the printed one.",
            "fig1_convergence",
            _lower(
                read, "proximal_large", "proximal", LOWER, "proximal with our larger λ / printed λ"
            ),
            paper=False,
        ),
        Claim(
            "B5",
            "From scratch the samples until the support shows, be the sign right or wrong, grow "
            "slower in T than the paper's bound for Stage 1, T².",
            "transfer",
            [
                Part(
                    f"exponent in T of the samples until {_GOAL}, {_FROM_SCRATCH}",
                    Rule(below=2),
                    _from_scratch(transfer),
                )
            ],
            paper=False,
        ),
    ]
