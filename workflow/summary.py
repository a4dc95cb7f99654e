"""The README's answer to *does the paper hold?*, filled from the published tables.

The sentences are in summary.md.jinja. Each number stands there as a key, and each verdict as the
claims that it is said of. A sentence whose verdict is no longer that of the tables is not filled.
"""

from pathlib import Path

from jinja2 import Environment, StrictUndefined, TemplateError

from scb.claims.tables import PRINTED
from scb.claims.verdict import SHOWN
from scb.settings.whole import Settings
from workflow.published import Published

SENTENCES = Path("workflow/summary.md.jinja")


def summary(root: Path, settings: Settings) -> str:
    """The sentences of a repository, filled.

    Raises
    ------
    ValueError
        In one line, if a verdict is not that of the tables or a key is not in them.
    """
    published = Published.read(root)

    def said_of(verdict: str, setting: str, *claims: str) -> str:
        """The claims, if they come to the verdict."""
        published.require(verdict, setting, claims)
        return " and ".join(filter(None, [", ".join(claims[:-1]), claims[-1]]))

    def number_of(verdict: str, setting: str, *claims: str) -> int:
        """How many of the paper's claims come to the verdict, if they are the claims named."""
        published.require(verdict, setting, claims)
        if others := set(published.with_verdict(verdict, setting)) - set(claims):
            raise ValueError(f"{', '.join(sorted(others))} is {verdict}, {setting}, and not said")
        return len(claims)

    def estimate(claim: str, statistic: str, setting: str = PRINTED) -> float:
        """The estimate of a statistic."""
        return float(published.statistic(claim, setting, statistic)["estimate"])

    def runs(claim: str, statistic: str, setting: str = PRINTED) -> int:
        """How many runs a statistic is over."""
        return int(published.statistic(claim, setting, statistic)["replicates"])

    def readings_without(claim: str) -> int:
        """How many readings there are, if none of them reproduces the claim."""
        if shown := published.claim(claim)[SHOWN]:
            raise ValueError(f"{claim} is said to be reproduced in no reading: {shown:.1%} do")
        return len(published.universes)

    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    environment.filters |= {"percent": percent, "digits": digits, "power": power}
    environment.globals |= {
        "said_of": said_of,
        "number_of": number_of,
        "estimate": estimate,
        "runs": runs,
        "claim": published.claim,
        "claims": int(published.claims["paper"].sum()),
        "readings_without": readings_without,
        "settings": settings,
    }
    text = (root / SENTENCES).read_text(encoding="utf-8")
    try:
        return environment.from_string(text).render().strip()
    except (ValueError, TemplateError) as error:
        raise ValueError(f"{SENTENCES}: {error}") from error


def percent(share: float) -> str:
    """A share in whole percent; 0% and 100% are exact."""
    if 0 < share < 0.005:
        return "under 1%"
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def digits(number: float) -> str:
    """Three digits."""
    return f"{number:.3g}"


def power(number: float) -> str:
    r"""A number of one digit in a formula: ``10^{-5}``, ``2 \cdot 10^{-5}``."""
    mantissa, exponent = f"{number:.0e}".split("e")
    times = "" if mantissa == "1" else rf"{mantissa} \cdot "
    return f"{times}10^{{{int(exponent)}}}"
