"""What the rules of all experiments share: a run as its claims read it, rules, arithmetic."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scb.analysis.runs import Array, Run
from scb.claims.verdict import Part, Rule, Statistic, median

LOWER = Rule(below=1, reach=0.9)
HIGHER = Rule(above=1, reach=1.1)
CLOSE = Rule(below=0.1)
SAME = Rule(above=-0.1, below=0.1)
DOUBLE = Rule(above=2)

SYMBOLS = {"value": ("V", "P", "K_P"), "attention": ("A", "Q", "K_Q")}
PARTS = ("attention", "value")


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


def distance_of(part: str) -> str:
    """Symbols of a distance to the ground truth."""
    learnt, truth, _ = SYMBOLS[part]
    return f"‖{learnt}−{truth}‖_μ"


def nothing_of(part: str) -> str:
    """Symbols of the distance of knowing nothing."""
    return f"√{SYMBOLS[part][2]}"


def lower(read: Reading, name: str, rival: str, rule: Rule | None, said: str) -> list[Part]:
    """Parts: distances at the last step as ratios of two optimizers."""
    return [
        Part(
            f"{distance_of(part)} at the last step, {said}",
            rule,
            **read.among_positive(
                ratio(read.last(name, f"{part}_distance"), read.last(rival, f"{part}_distance"))
            ),
        )
        for part in PARTS
    ]


def of_attention(rule: Rule | None, part: str) -> Rule | None:
    """The rule of a normalised solution: V's decides nothing."""
    return rule if part == "attention" else None


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient of nonnegative numbers, 1 where they are equal, infinite ones included."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator == denominator, 1.0, numerator / denominator)


def difference(left: Array, right: Array) -> Array:
    """Difference, 0 where they are equal, infinite ones included."""
    with np.errstate(invalid="ignore"):
        return np.where(left == right, 0.0, left - right)


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
