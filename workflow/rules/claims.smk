CLAIMS = SETTINGS.claims
CONVERGENCE = [CLAIMS.convergence, *CLAIMS.vocabulary]


use rule experiment as claims with:
    """Verdicts on the paper's claims, from the tables of all experiments."""
    input:
        modules=code("scb.experiments.claims", "claims"),
        tables=[
            *expand(rules.boost.output.curves, section=[*CONVERGENCE, CLAIMS.population]),
            *expand(rules.optimizers.output.curves, section=CONVERGENCE),
            *expand(rules.simulation.output.curves, section=CLAIMS.simulation),
            rules.attention.output.curves,
            rules.attention.output.states,
            *TRANSFER_CURVES,
            rules.pretrain.output.pretrained,
            *expand(
                rules.tasks.output.tasks,
                section=["attention", CLAIMS.convergence, CLAIMS.population],
            ),
        ],
    output:
        claims="<results>/claims.parquet",
        markdown=report(
            "<results>/claims.md",
            caption="../report/claims.rst",
            category="Claims",
            labels={"figure": "Verdicts", "settings": "all"},
        ),
        provenance="<results>/claims.provenance.json",
    log:
        "<logs>/claims.log",
    benchmark:
        "<benchmarks>/claims.tsv"
    params:
        module="scb.experiments.claims",
        settings=read.Judging(
            claims=CLAIMS, digest=DIGESTS["claims"], figures=FIGURES_FROM_RESULTS
        ).as_json(),
