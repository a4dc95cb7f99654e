"""Judge the second paper's claims on language by its tables."""

from scb.claims.document import Published, publish
from scb.claims.tables import PRINTED
from scb.claims.verdict import judge
from scb.experiments.job import Inputs, Output, job
from scb.rebased.language_claims import claims as claims_of
from scb.rebased.language_claims import note_of
from scb.rebased.language_results import Modelled
from scb.settings.language import JudgingLanguage


@job
def judge_language(
    settings: JudgingLanguage,
    tables: Inputs,
    claims: Output,
    statistics: Output,
    markdown: Output,
) -> None:
    """Read, judge and write."""
    publish(
        {PRINTED: judge(claims_of(Modelled.read(tables)))},
        Published(claims, statistics, markdown),
        stored={"fixed": settings.fixed, "digest": settings.digest},
        figures=settings.figures,
        note=note_of(settings.fixed),
    )


if __name__ == "__main__":
    judge_language.main()
