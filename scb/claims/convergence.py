"""C1 to C5 and B1 to B4: proximal and SGD after Stage 1."""

import numpy as np

from scb.analysis.runs import Array, Run
from scb.claims.reading import (
    CLOSE,
    HIGHER,
    LOWER,
    PARTS,
    SAME,
    SYMBOLS,
    Reading,
    difference,
    distance_of,
    lower,
    nothing_of,
    of_attention,
    ratio,
)
from scb.claims.verdict import Claim, Part, Rule, median, share

DOMINATES = Rule(above=1)
IMPROVES = Rule(above=0, reach=0.01)  # of a cosine
NOT_WORSE = Rule(above=-0.01)  # of a cosine


def claims(run: Run) -> list[Claim]:
    """C1 to C5, of any run of Stage 1 followed by at least ``proximal`` and ``sgd``.

    C2 is left out where there is no ``sgd_small``.
    """
    read = Reading(run)
    found = [c1(read), c3(read), c4(read), c5(read)]
    if "sgd_small" in run.optimizers:
        found.insert(1, c2(read))
    return found


def beyond(run: Run) -> list[Claim]:
    """B1 to B4: what the paper does not say, under rules of the same kind."""
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
                    f"normalised {distance_of(part)} at the last step / {nothing_of(part)}, "
                    "SGD − proximal",
                    of_attention(SAME, part),
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
            lower(
                read, "proximal_large", "proximal", LOWER, "proximal with our larger λ / printed λ"
            ),
            paper=False,
        ),
    ]


def c1(read: Reading) -> Claim:
    """Proximal reaches lower distances than SGD."""
    parts = lower(read, "proximal", "sgd", LOWER, "proximal / SGD")
    if "proximal_large" in read.run.optimizers:
        parts += lower(read, "proximal_large", "sgd", None, "proximal with our larger λ / SGD")
    return Claim(
        "C1",
        "After Stage 1, proximal reaches lower ‖A−Q‖_μ and ‖V−P‖_μ than SGD at the same η₂.",
        "fig1_convergence",
        parts,
    )


def c2(read: Reading) -> Claim:
    """Small-step SGD is too slow: it ends above proximal, with its signals half-way."""
    parts = lower(read, "sgd_small", "proximal", HIGHER, "small-step SGD / proximal")
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
        [*close(read, "proximal", CLOSE, "proximal"), *close(read, "sgd", None, "SGD")],
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
            of_attention(IMPROVES, part),
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
            of_attention(NOT_WORSE, part) if prefix else NOT_WORSE,
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


def close(read: Reading, name: str, rule: Rule | None, said: str) -> list[Part]:
    """Parts: distances of the last normalised solution, relative to knowing nothing."""
    return [
        Part(
            f"normalised {distance_of(part)} at the last step / {nothing_of(part)}, {said}",
            of_attention(rule, part),
            **read.among_positive(
                read.last(name, f"normalised_{part}_distance") / read.nothing(part)
            ),
        )
        for part in PARTS
    ]
