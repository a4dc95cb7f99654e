"""Judge the second paper's claims on recall by its tables, and summarise those."""

from scb.claims.markdown import render
from scb.claims.tables import CLAIMS, PRINTED, STATISTICS, tabulate
from scb.claims.tables import summarise as rows_of
from scb.claims.verdict import judge
from scb.experiments.job import Inputs, Output, job
from scb.rebased.claims import claims as claims_of
from scb.rebased.claims import note_of
from scb.rebased.results import Recalled, summarise
from scb.settings.rebased import JudgingRebased
from scb.store.files import replacing
from scb.store.tables import read, write


@job
def judge_rebased(
    settings: JudgingRebased,
    tables: Inputs,
    claims: Output,
    statistics: Output,
    markdown: Output,
    summary: Output,
) -> None:
    """Read, judge and write."""
    recalled = Recalled.read(tables)
    judged = {PRINTED: judge(claims_of(recalled, settings.limited))}
    stored = {
        "limited": settings.limited,
        "fixed": settings.fixed,
        "settings": list(recalled),
        "digest": settings.digest,
    }
    write(tabulate(judged), statistics, STATISTICS, stored)
    write(rows_of(judged, {}), claims, CLAIMS, stored)
    # As read again, so that the text follows from the tables alone.
    found = read(claims, CLAIMS), read(statistics, STATISTICS)
    text = render(*found, settings.figures, note_of(settings.fixed))
    for path, content in ((markdown, text), (summary, summarise(recalled))):
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    judge_rebased.main()
