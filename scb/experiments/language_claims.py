"""Judge the second paper's claims on language by its tables."""

from scb.claims.markdown import render
from scb.claims.tables import CLAIMS, PRINTED, STATISTICS, summarise, tabulate
from scb.claims.verdict import judge
from scb.experiments.job import Inputs, Output, job
from scb.rebased.language_claims import claims as claims_of
from scb.rebased.language_claims import note_of
from scb.rebased.language_results import Modelled
from scb.settings.language import JudgingLanguage
from scb.store.files import replacing
from scb.store.tables import read, write


@job
def judge_language(
    settings: JudgingLanguage,
    tables: Inputs,
    claims: Output,
    statistics: Output,
    markdown: Output,
) -> None:
    """Read, judge and write."""
    judged = {PRINTED: judge(claims_of(Modelled.read(tables)))}
    stored = {"fixed": settings.fixed, "digest": settings.digest}
    write(tabulate(judged), statistics, STATISTICS, stored)
    write(summarise(judged, {}), claims, CLAIMS, stored)
    # As read again, so that the text follows from the tables alone.
    found = read(claims, CLAIMS), read(statistics, STATISTICS)
    text = render(*found, settings.figures, note_of(settings.fixed))
    with replacing(markdown) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    judge_language.main()
