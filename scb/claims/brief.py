"""What the claims come to, in brief, as Markdown: counted by verdict, then a line for each."""

from collections.abc import Iterator

import pandas as pd

from scb.claims.markdown import link, word
from scb.claims.tables import BEST, CHANGED, PRINTED, SETTINGS
from scb.claims.verdict import NOT_REPRODUCED, REPRODUCED, SHOWN, UNDECIDED

GROUPS = {
    PRINTED: "Reproduced as printed",
    BEST: "Reproduced with other values of what the paper leaves open",
    CHANGED: "Reproduced with a stated value changed",
    NOT_REPRODUCED: "Not reproduced",
    UNDECIDED: "Undecided",
}
"""What `group` finds, as headings, in their order."""

DIFFERS = {BEST: "Chosen", CHANGED: "Changed"}
"""What is said of a setting that is not the printed one."""


def brief(claims: pd.DataFrame, figures: str, document: str) -> str:
    """How many claims are reproduced as printed, then all claims by what reproduces them.

    Parameters
    ----------
    claims : DataFrame
        In the columns of `scb.claims.tables.CLAIMS`.
    figures, document : str
        Where the figures lie, and the document of `scb.claims.markdown.render`.
    """
    paper, own = claims[claims["paper"]], claims[~claims["paper"]]
    counts = paper[PRINTED].value_counts()
    found, against, rest = (
        int(counts.get(verdict, 0)) for verdict in (REPRODUCED, NOT_REPRODUCED, UNDECIDED)
    )
    said = (
        f"**As printed, {found} of the paper's {len(paper)} claims "
        f"{'is' if found == 1 else 'are'} reproduced**, {against} not reproduced and "
        f"{rest} undecided."
    )
    parts = [said]
    for name, heading in GROUPS.items():
        rows = paper[paper.apply(group, axis=1) == name]
        if not rows.empty:
            lines = (
                _line(row, _differs(row, name), figures, document) for _, row in rows.iterrows()
            )
            parts += [f"**{heading}: {len(rows)}**", "\n".join(lines)]
    if not own.empty:
        shown = (own[PRINTED] == REPRODUCED).sum()
        lines = (
            _line(row, f"*{word(row, row[PRINTED]).capitalize()}.*", figures, document)
            for _, row in own.iterrows()
        )
        parts += [
            f"**What the replication adds: {shown} of {len(own)} {SHOWN}**",
            "\n".join(lines),
        ]
    return "\n\n".join(parts) + "\n"


def group(claim: pd.Series) -> str:
    """The first setting in which a claim is reproduced, or else its verdict as printed."""
    reproduced: Iterator[str] = (name for name in SETTINGS if claim[name] == REPRODUCED)
    return next(reproduced, str(claim[PRINTED]))


def _differs(claim: pd.Series, name: str) -> str:
    """What a setting other than the printed one differs in."""
    said = claim[f"{name}_said"] if name in DIFFERS else ""
    return f"*{DIFFERS[name]}: {said}.*" if said else ""


def _line(claim: pd.Series, said: str, figures: str, document: str) -> str:
    """An item of a list."""
    pieces = [
        f"[{claim['id']}]({document}#{claim['id'].lower()})",
        claim["claim"],
        said,
        "" if claim["stable"] else "*Quarters of the runs disagree.*",
        link(claim["figure"], figures),
    ]
    return f"- {' '.join(piece for piece in pieces if piece)}"
