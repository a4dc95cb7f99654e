"""What figures draw."""

from typing import Annotated

from scb.settings.model import Model, Of
from scb.settings.values import Names


class Curves(Model):
    """A figure of one setting."""

    section: Annotated[str, Of("training")]
    optimizers: Names  # of that setting, in the order of the legend


class Rows(Model):
    """A figure with a row for each of several settings."""

    sections: Annotated[Names, Of("training")]
    optimizers: Names  # of each of them, in the order of the legend


class Columns(Model):
    """A figure with a column for each of several simulations."""

    sections: Annotated[Names, Of("simulation")]


class Matrices(Model):
    """A figure of what both transformers learn in one setting."""

    section: Annotated[str, Of("attention")]


class Draw(Model):
    """What each figure draws, and once more with silent values that favour the claims."""

    fig1_convergence: Curves
    fig1_convergence_best: Curves | None = None
    fig2_softmax_vs_linear: Matrices
    fig2_softmax_vs_linear_best: Matrices | None = None
    fig3_signals: Curves
    fig3_signals_best: Curves | None = None
    fig4_similarity: Curves
    fig4_similarity_best: Curves | None = None
    fig5_vocabulary: Rows
    fig5_vocabulary_best: Rows | None = None
    fig6_simulation: Columns
    fig6_simulation_best: Columns | None = None
    softmax: Curves
