"""What claims are judged by, and what the article tells of it."""

from typing import Annotated, Literal

from scb.settings.model import Model, Of, Seeded
from scb.settings.simulation import Check, Simulation
from scb.settings.training import Attention, Boost, Optimizer, Training
from scb.settings.transfer import Transfer
from scb.settings.values import Commit, Count, Name, Names, Replicates, Rounding, Signal

ClaimId = Literal["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"]


class Judged(Model):
    """The settings by which all claims are judged, and the optimizers that claims know by name."""

    # C1 to C5, C9 and B1 to B4
    convergence: Annotated[str, Of("training", ("proximal", "proximal_large", "sgd"))]
    vocabulary: Annotated[Names, Of("training", ("proximal", "sgd"))]  # C6
    simulation: Annotated[Names, Of("simulation")]  # C7
    attention: Annotated[str, Of("attention")]  # C8
    population: Annotated[str, Of("training")]  # C11
    # C12 and B6
    softmax: Annotated[str, Of("training", ("proximal_best", "sgd", "sgd_simplex", "softmax"))]


class Elsewhere(Model):
    """Settings by which one claim is judged once more."""

    said: str  # what differs, as the table has it
    sections: Names  # a row each, as of the claim as printed
    proximal: Name = "proximal"  # the optimizers that are judged as proximal, SGD, small-rate SGD
    sgd: Name = "sgd"
    sgd_small: Name | None = None  # which C2 asks for


class Claims(Model):
    """What the claims are judged by."""

    fixed: Commit | None  # at which rules, readings and replicates were fixed; null as yet
    printed: Judged  # stated values as stated, silent ones by the default reading
    best: dict[ClaimId, Elsewhere] | None  # silent values that favour the claim
    changed: dict[ClaimId, Elsewhere] | None  # a stated value changed


class Judging(Model):
    """What the claims read."""

    claims: Claims
    digest: str  # of the settings of these results
    figures: str  # folder of figures, seen from the document


class ClosedForms(Seeded):
    """What the closed forms beside the claims read."""

    replicates: Replicates
    batch: Count  # B
    boost: Boost
    optimizers: dict[Name, Optimizer]


class Writing(Seeded):
    """What the article tells of the settings."""

    rounding: Rounding
    training: dict[Name, Training]
    simulation: dict[Name, Simulation]
    attention: dict[Name, Attention]
    check: Check
    transfer: Transfer
    reported: Signal  # what the paper reports of the signals at the end of Stage 1
    claims: Claims
