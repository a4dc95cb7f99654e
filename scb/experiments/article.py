"""The article: its facts, read from the tables, and its text, typeset with them.

Typst reads the facts as JSON. The text names each by what it is (claim, setting, statistic), so no
number of a result is typed by hand. See workflow/article.
"""

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import typst

from scb.analysis.multiverse import CLAIMS as ACROSS
from scb.analysis.multiverse import OBSERVATIONS, across, by_option, together
from scb.analysis.readings import READINGS
from scb.analysis.tables import MULTIVERSE
from scb.claims.parts import SMALL
from scb.claims.tables import CLAIMS, STATISTICS
from scb.claims.verdict import FAMILY
from scb.experiments.job import Asides, IfThere, Input, Output, job
from scb.settings.claims import Writing
from scb.store import tables
from scb.store.files import replacing
from scb.theory.tables import CLOSED_FORMS, SURE

FACTS, PLATES = "facts.json", "figures"
"""Names by which the text knows its facts and the folder of its figures."""


@job
def write_article(
    settings: Writing,
    claims: Input,
    statistics: Input,
    closed: Input,
    text: Asides,
    plates: Asides,
    facts: Output,
    pdf: Output,
    multiverse: IfThere = None,
    published: IfThere = None,
) -> None:
    """Write the facts as JSON and typeset the text, whose first file is the document.

    ``plates`` are the figures. ``published`` is the repository's own table of claims, by which the
    article knows whether its results are of the published settings.
    """
    found = facts_of(settings, claims, statistics, closed, multiverse, published)
    found[PLATES] = {plate.stem: plate.name for plate in plates}
    with replacing(facts) as temporary:
        temporary.write_text(to_json(found), encoding="utf-8")
    printed = typeset(text, facts, plates)
    with replacing(pdf) as temporary:
        temporary.write_bytes(printed)


def facts_of(
    settings: Writing,
    claims: Path,
    statistics: Path,
    closed: Path,
    multiverse: Path | None = None,
    published: Path | None = None,
) -> dict[str, Any]:
    """All that the text may name, of the tables and settings.

    Returns
    -------
    dict
        ``settings``; ``published``, whether the claims are of the settings of the published ones;
        ``rules``, constants of the verdicts and of the closed forms;
        ``claims`` by id; ``statistics`` by id, setting and name; ``closed_forms`` by
        quantity; ``universes``, or None.
    """
    judged = tables.read(statistics, STATISTICS).drop(columns=["values", "sizes"])
    named: dict[str, Any] = {}
    for row in records(judged):
        # A statistic with two bars has two rows, and one estimate.
        named.setdefault(row["id"], {}).setdefault(row["setting"], {}).setdefault(
            row["statistic"], row
        )
    return {
        "settings": settings.model_dump(mode="json"),
        "published": published is not None and _digest(published) == _digest(claims),
        "rules": {"close": SMALL.value, "family": FAMILY, "sure": SURE},
        "claims": {row["id"]: row for row in records(tables.read(claims, CLAIMS))},
        "statistics": named,
        "closed_forms": {
            row["quantity"]: row for row in records(tables.read(closed, CLOSED_FORMS))
        },
        "universes": None if multiverse is None else universes(tables.read(multiverse, MULTIVERSE)),
    }


def universes(table: pd.DataFrame) -> dict[str, Any]:
    """How many universes there are and how the claims fare in them; how many meet an observation.

    ``options`` has the shares of the outcomes of each claim at each option of each reading;
    ``observations`` is how many the paper has, ``never`` those that no universe meets, and ``most``
    the largest set that some do, with their number.
    """
    fared = {claim: across(table, claim) for claim in ACROSS}
    most = together(table).iloc[0]
    return {
        "count": len(table),
        "runs": int(table["runs"].max()),
        "options": {
            reading.name: {claim: by_option(table, claim, reading.name) for claim in ACROSS}
            for reading in READINGS
        },
        "observations": len(OBSERVATIONS),
        "never": [name for name in OBSERVATIONS if not table[name].any()],
        "most": {
            "met": [name for name in OBSERVATIONS if most[name]],
            "universes": int(most["universes"]),
        },
        **{claim: found._asdict() for claim, found in fared.items()},
    }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, with plain values, None where there is none."""
    return [
        {str(name): None if _missing(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]


def to_json(found: Mapping[str, Any]) -> str:
    """As text; JSON has no infinity, so it is a word."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(entry) for entry in value]
        return str(value) if isinstance(value, float) and math.isinf(value) else value

    return json.dumps(plain(found), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def typeset(text: Sequence[Path], facts: Path, plates: Sequence[Path]) -> bytes:
    """The article as PDF: the same bytes for the same files, wherever these lie.

    Raises
    ------
    ValueError
        One line: what the text names and the facts lack, or what is wrong with the text.
    """
    with TemporaryDirectory() as folder:
        root = lay_out(Path(folder), text, facts, plates)
        try:
            # The fonts that the package brings: those of the system differ.
            return typst.compile(root / text[0].name, root=root, ignore_system_fonts=True)
        except typst.TypstError as fault:
            places = re.findall(r"[\w.]+:\d+(?=:\d)", fault.diagnostic)  # the last is the article's
            place = text[0].with_name(places[-1]) if places else text[0]
            raise ValueError(f"{place}: {fault.message.removeprefix('panicked with: ')}") from None


def lay_out(root: Path, text: Sequence[Path], facts: Path, plates: Sequence[Path]) -> Path:
    """Copy all that the text reads into one folder, by the names that it knows; the folder."""
    (root / PLATES).mkdir()
    for file in text:
        shutil.copyfile(file, root / file.name)
    shutil.copyfile(facts, root / FACTS)
    for plate in plates:
        shutil.copyfile(plate, root / PLATES / plate.name)
    return root


def _digest(claims: Path) -> Any:
    """Of the settings that a table of claims was judged at."""
    return tables.setting(claims)["digest"]


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


if __name__ == "__main__":
    write_article.main()
