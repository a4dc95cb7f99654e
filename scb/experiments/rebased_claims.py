"""Judge the second paper's claims on recall by its tables, and summarise those."""

from scb.claims.document import Published, publish
from scb.claims.tables import PRINTED
from scb.claims.verdict import judge
from scb.experiments.job import Inputs, Output, job
from scb.rebased.claims import claims as claims_of
from scb.rebased.claims import note_of
from scb.rebased.results import Recalled, summarise
from scb.settings.rebased import JudgingRebased
from scb.store.files import replacing


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
    publish(
        {PRINTED: judge(claims_of(recalled, settings.limited))},
        Published(claims, statistics, markdown),
        stored={
            "limited": settings.limited,
            "fixed": settings.fixed,
            "settings": list(recalled),
            "digest": settings.digest,
        },
        figures=settings.figures,
        note=note_of(settings.fixed),
    )
    with replacing(summary) as temporary:
        temporary.write_text(summarise(recalled), encoding="utf-8")


if __name__ == "__main__":
    judge_rebased.main()
