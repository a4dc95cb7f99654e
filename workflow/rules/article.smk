# The article, and the closed forms that it tells beside the claims.

from scb.settings.claims import ClosedForms, Writing

PRINTED = SETTINGS.claims.printed.convergence


use rule experiment as closed_forms with:
    """What theory says of the paper's figure 1."""
    input:
        modules=code("scb.experiments.closed_forms", "closed_forms"),
        tasks=f"<results>/{PRINTED}/tasks.parquet",
    output:
        table="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="closed_forms",
    params:
        settings=ClosedForms.of(TRAINING[PRINTED]).as_json(),


use rule experiment as article with:
    """A replication report, every number of it from the tables."""
    input:
        modules=code("scb.experiments.article", "article"),
        claims=rules.claims.output.claims,
        statistics=rules.claims.output.statistics,
        closed=rules.closed_forms.output.table,
        text=sorted(map(str, Path("workflow/article").iterdir())),
        plates=plates(DRAWN["all"]),
        multiverse=rules.claims.input.multiverse,
        published=there("docs/gallery/claims.parquet"),
    output:
        facts="<results>/<job>.json",
        pdf="<figures>/<job>.pdf",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="article",
    params:
        settings=Writing.of(SETTINGS, reported=SETTINGS.multiverse.switch_signal).as_json(),
