"""C1 to C5 and B1 to B4: proximal and SGD after Stage 1 (figures 1, 3 and 4)."""

from dataclasses import replace

import numpy as np

from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Array
from scb.claims.parts import (
    ALWAYS,
    HALVED,
    HIGHER,
    LOWER,
    PARTS,
    SAID,
    SMALL,
    SYMBOLS,
    TYPICAL,
    UNTYPICAL,
    close,
    difference,
    distance_of,
    lower,
    median,
    nothing_of,
    ratio,
    relative,
    share,
)
from scb.claims.samples import Share
from scb.claims.verdict import Bar, Claim, Part

SIMILAR = 0.9
"""A cosine *close to 1*, a pattern *about right*: four fifths of the squared norm are shared."""

# An error as large as the signal is the least that can be said to dominate it.
DOMINATES = Bar(1, "above")
# Half of the way to the signals of 1 that end Stage 2.
TOO_SLOW = Bar(0.5, "below")
# Twice in eight runs is what nobody would call rare.
GOOD_SHARE = Bar(0.25, "above")


def claims(read: Endpoints) -> list[Claim]:
    """C1 to C5, of any runs of ``proximal`` and ``sgd`` at least.

    C2 is left out where there is no ``sgd_small``.
    """
    found = [c1(read), c3(read), c4(read), c5(read)]
    if "sgd_small" in read.optimizers:
        found.insert(1, c2(read))
    return found


def beyond(read: Endpoints) -> list[Claim]:
    """B1 to B4: what the paper does not say, by bars of the same kind."""
    return [b1(read), b2(read), b3(read), b4(read)]


def c1(read: Endpoints) -> Claim:
    """Both distances fall faster under proximal than under SGD."""
    return Claim(
        "C1",
        "After Stage 1, ‖A−Q‖_μ and ‖V−P‖_μ fall faster under proximal than under SGD at the "
        "same η₂.",
        "fig1_convergence",
        (*lower(read, ("proximal", "sgd"), LOWER, "proximal / SGD"),),
    )


def c2(read: Endpoints) -> Claim:
    """SGD at the small rate is too slow: half-way at most, and behind proximal."""
    signals = read("sgd_small", "last_value_signal") + read("sgd_small", "last_attention_signal")
    attention, value = lower(
        read, ("sgd_small", "proximal"), HIGHER, "SGD at the small η₂′ / proximal"
    )
    return Claim(
        "C2",
        "SGD with the small η₂′ is too slow to reach the proximal solution in 1000 steps.",
        "fig1_convergence",
        (
            Part(
                "(α_V+α_A)/2 of SGD at the small η₂′ at the last step; 1 ends Stage 2",
                TOO_SLOW,
                **median(read, signals / 2),
            ),
            attention,
            replace(value, bar=None),
        ),
    )


def c3(read: Endpoints) -> Claim:
    """The star is close to the ground truth, the similarity quickly so."""
    similarity = read("proximal", "midway_normalised_attention_similarity")
    return Claim(
        "C3",
        "The normalised proximal solution gets close to the ground truth, in similarity quickly.",
        "fig1_convergence",
        (
            _share_close(read, "proximal", "attention", TYPICAL),
            # *Quickly*: within the first half of the steps after Stage 1.
            Part(
                f"share of runs with normalised cos(A, Q) > {SIMILAR:g} midway from Stage 1 to the "
                "last step, proximal",
                TYPICAL,
                **share(read, similarity > SIMILAR),
            ),
            _share_close(read, "proximal", "value", None),
            _share_close(read, "sgd", "attention", None),
        ),
    )


def c4(read: Endpoints) -> Claim:
    """Errors: SGD's in A grows and dominates, proximal reduces it; both are small in V."""
    scale, path = read.scale("attention"), read("proximal", "path_deviation")
    noise, rival = (read(name, "last_attention_error") for name in ("proximal", "sgd"))
    right = read("proximal", "last_normalised_attention_centred_similarity") > SIMILAR

    def dominance(name: str) -> Array:
        size = np.abs(read(name, "last_attention_signal")) * scale
        return relative(read(name, "last_attention_error"), size)

    return Claim(
        "C4",
        "Under SGD ‖Δ_A‖ keeps growing and dominates the signal. Proximal reduces it dramatically "
        "and stays close to the population process; its ‖Δ_A‖ grows eventually, yet the "
        "normalised pattern is about right. ‖Δ_V‖ stays small for both.",
        "fig3_signals",
        (
            Part(
                "‖Δ_A‖ at the last step, proximal / SGD",
                HALVED,
                **median(read, ratio(noise, rival)),
            ),
            Part(
                "‖Δ_A‖ under SGD, last step / midway from Stage 1",
                HIGHER,
                **median(read, ratio(rival, read("sgd", "midway_attention_error"))),
            ),
            Part(
                "‖Δ_A‖ / (∣α_A∣ √K_Q) at the last step, SGD",
                DOMINATES,
                **median(read, dominance("sgd")),
            ),
            # The path goes on from the run's own signals: Stage 1 has an error of its own (C11).
            Part(
                "largest distance of a signal from the population path that starts at the end of "
                "Stage 1 / the path's last, proximal",
                SMALL,
                **median(read, path),
            ),
            # *Eventually*: late. The opening threshold leaves next to no error, and any growth is
            # large against that.
            Part(
                "‖Δ_A‖ under proximal, last step / midway from Stage 1",
                HIGHER,
                **median(read, ratio(noise, read("proximal", "midway_attention_error"))),
            ),
            Part(
                f"share of runs with normalised cos(A−11ᵀ/T, Q−11ᵀ/T) > {SIMILAR:g} at the last "
                "step, proximal",
                TYPICAL,
                **share(read, right),
            ),
            *(
                Part(
                    f"largest ‖Δ_V‖ after Stage 1 / √K_P, {said}",
                    SMALL,
                    **median(
                        read, relative(read(name, "largest_value_error"), read.scale("value"))
                    ),
                )
                for name, said in SAID.items()
            ),
            Part(
                "‖Δ_A‖ / (∣α_A∣ √K_Q) at the last step, proximal",
                None,
                **median(read, dominance("proximal")),
            ),
        ),
    )


def c5(read: Endpoints) -> Claim:
    """Similarity: proximal always ahead of SGD, better still normalised; SGD fails."""
    # The law is bimodal: a pattern found improves, one not found gets worse.
    missing, left = (
        1 - read("proximal", f"last_{prefix}attention_similarity") for prefix in ("", "normalised_")
    )
    improved = Part(
        "share of runs in which normalising takes a tenth at least off 1 − cos(A, Q) at the last "
        "step, proximal",
        TYPICAL,
        **share(read, left < LOWER.value * missing),
    )
    compared = [
        Part(
            f"share of pairs with cos({', '.join(SYMBOLS[part][:2])}) at the last step, {said}, "
            "larger under proximal than under SGD",
            # A normalised V decides nothing.
            None if (prefix, part) == ("normalised_", "value") else ALWAYS,
            **share(
                read,
                np.greater(
                    *(read(name, f"last_{prefix}{part}_similarity") for name in SAID),
                ),
            ),
        )
        for prefix, said in (("", "raw"), ("normalised_", "normalised"))
        for part in PARTS
    ]
    return Claim(
        "C5",
        "With and without normalisation proximal always outperforms SGD in similarity, "
        "normalisation improves its solution further, and SGD fails to recover the ground truth.",
        "fig4_similarity",
        (*compared, improved, _share_close(read, "sgd", "attention", UNTYPICAL)),
    )


def b1(read: Endpoints) -> Claim:
    """The sign is decided by noise."""
    return Claim(
        "B1",
        "The sign of the signals is decided by noise: at the paper's batch a good share of runs "
        "ends Stage 1 on the other side.",
        "fig3_signals",
        (
            Part(
                "share of runs not positive after Stage 1",
                GOOD_SHARE,
                Share(~read.positive, read.replicates),
                section=read.section,
            ),
        ),
        paper=False,
    )


def b2(read: Endpoints) -> Claim:
    """A run on the other side never finds the pattern."""
    lost = ~close(read, "proximal", "attention")
    return Claim(
        "B2",
        "What Stage 1 lost, neither the proximal steps nor the normalisation find again.",
        "fig1_convergence",
        (
            Part(
                f"share of runs with normalised ‖A−Q‖_μ ≥ {SMALL.value:g} √K_Q at the last step, "
                "proximal, of the runs not positive",
                Bar(ALWAYS.value, "above"),
                **share(read, lost, ~read.positive),
            ),
        ),
        paper=False,
    )


def b3(read: Endpoints) -> Claim:
    """SGD's star is where proximal's is."""
    stars = {}
    for part in PARTS:
        one, other = (read(name, f"last_normalised_{part}_distance") for name in SAID)
        # Of two that diverged none is anywhere.
        apart = np.where(np.isinf(one), np.inf, np.abs(difference(one, other)))
        stars[part] = apart < SMALL.value * read.scale(part)
    return Claim(
        "B3",
        "Rounding and fitting V again suffice: SGD's normalised solution is as close as "
        "proximal's.",
        "fig1_convergence",
        tuple(
            Part(
                f"share of pairs whose normalised {distance_of(part)} at the last step differ by "
                f"less than {SMALL.value:g} {nothing_of(part)}",
                Bar(ALWAYS.value, "above") if part == "attention" else None,
                **share(read, stars[part]),
            )
            for part in PARTS
        ),
        paper=False,
    )


def b4(read: Endpoints) -> Claim:
    """Our larger lambda is better than the printed one."""
    said = "proximal with our larger λ / printed λ"
    return Claim(
        "B4",
        "A larger λ, from the closed form of the gradient's noise, reaches lower distances than "
        "the printed one.",
        "fig1_convergence",
        (*lower(read, ("proximal_large", "proximal"), LOWER, said),),
        paper=False,
    )


def _share_close(read: Endpoints, name: str, part: str, bar: Bar | None) -> Part:
    """Share of runs that end with a normalised solution close to the ground truth."""
    return Part(
        f"share of runs with normalised {distance_of(part)} < {SMALL.value:g} {nothing_of(part)} "
        f"at the last step, {SAID[name]}",
        bar,
        **share(read, close(read, name, part)),
    )
