"""Names, colours and marks of the kernels, the same in all figures of them."""

from collections.abc import Iterable
from typing import Any

from scb.figures import style
from scb.figures.style import Look

# Squares in reds and yellows, Taylor polynomials in blues, the rest in greys.
SIMILARITIES = {
    "softmax": Look("softmax", "#000000"),
    "identity": Look("linear: $x$, undivided", "#9a9a9a", (0, (1, 1.2))),
    "elu": Look(r"linear: $\mathrm{elu}(x)+1$", "#6e6e6e", (0, (4, 1.2))),
    "based": Look("Based", "#0173b2"),
    "based_shifted": Look("Based, shifted to 0", "#56b4e9", (0, (3, 1, 1, 1))),
    "square": Look("$x^2$", "#e6a817", (0, (1, 1.2))),
    "square_gamma": Look(r"$(\gamma x)^2$", "#c9820e", (0, (4, 1.2))),
    "square_affine": Look(r"$(\gamma x+\beta)^2$", "#8c5a00", (0, (6, 1, 1, 1, 1, 1))),
    "square_norm": Look(r"$\mathrm{norm}(x)^2$", "#e78ac3", (0, (3, 1, 1, 1))),
    "rebased": Look(r"ReBased: $(\gamma\,\mathrm{norm}(x)+\beta)^2$", "#c1121f"),
}

MARKS = dict(zip(SIMILARITIES, "hXpos^v<>D", strict=True))


def legend(kernels: Iterable[str]) -> list[Any]:
    """An entry for each kernel."""
    return [
        style.entry(
            SIMILARITIES[kernel].name,
            color=SIMILARITIES[kernel].colour,
            ls=SIMILARITIES[kernel].dashes,
            lw=1.1,
            marker=MARKS[kernel],
            ms=4.5,
            mec="white",
            mew=0.4,
        )
        for kernel in kernels
    ]
