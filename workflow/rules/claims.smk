from scb.settings.claims import Judging

JUDGED = judged_sections(SETTINGS)


use rule experiment as claims with:
    """Verdicts on the paper's claims, from the tables of all experiments."""
    input:
        modules=code("scb.experiments.claims", "claims"),
        tables=[
            *expand(rules.boost.output.curves, section=JUDGED.training),
            *expand(
                rules.optimizers.output.curves,
                section=[section for section in JUDGED.training if section in COMPARED],
            ),
            *expand(rules.simulation.output.curves, section=JUDGED.simulation),
            *expand(rules.attention.output.curves, section=JUDGED.attention),
            *expand(rules.attention.output.states, section=JUDGED.attention),
            rules.softmax.output.curves,
            rules.softmax.output.alike,
            *TRANSFER_CURVES,
            rules.pretrain.output.pretrained,
            *expand(rules.tasks.output.tasks, section=[*JUDGED.attention, *JUDGED.training]),
        ],
        multiverse=there("docs/tuning/multiverse.parquet"),
    output:
        claims="<results>/<job>.parquet",
        statistics="<results>/statistics.parquet",
        markdown=report(
            "<results>/<job>.md",
            caption="../report/claims.rst",
            category="Claims",
            labels={"figure": "Verdicts", "settings": "all"},
        ),
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="claims",
    params:
        settings=Judging(
            claims=SETTINGS.claims, digest=DIGESTS["claims"], figures=FIGURES_FROM_RESULTS
        ).as_json(),
