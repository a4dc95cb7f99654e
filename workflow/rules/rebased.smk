# The second paper, ReBased: not part of `rule all`.

from scb.settings.rebased import ChoosingRates, JudgingRebased, Kernelising

REBASED, RECALL = SETTINGS.rebased, SETTINGS.rebased.recall


use rule training as recall with:
    """One kernel on multi-query associative recall, at its rate or at those to choose from."""
    input:
        modules=code("scb.experiments.recall", "recall"),
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{recalled}/{setting}/{kernel}",
    resources:
        **on_device(lambda wildcards: RECALL[wildcards.setting].memory, runtime=240),
    params:
        settings=lambda wildcards: conditions.recalling(SETTINGS, *wildcards).as_json(),


use rule experiment as rebased_rates with:
    """The learning rate of each kernel, by validation on the tuning seed."""
    input:
        modules=code("scb.experiments.rebased_rates", "rebased_rates"),
        tables=conditions.recalled(REBASED, conditions.TUNING),
    output:
        rates="<results>/<job>.yaml",
        statistics="<results>/<job>_statistics.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="rebased_rates",
    params:
        settings=ChoosingRates.of(REBASED, MULTIVERSE).as_json(),


use rule training as rebased_columns with:
    """Every kernel as a parametrisation of the attention column, on the task of figure 2."""
    input:
        modules=code("scb.experiments.rebased_columns", "rebased_columns"),
        tasks=f"<results>/{REBASED.section}/tasks.parquet",
    output:
        curves="<results>/<job>.parquet",
        states="<results>/<job>_state.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="rebased/columns",
    resources:
        **on_device(REBASED.memory_of(ATTENTION[REBASED.section])),
    params:
        settings=Kernelising.of(ATTENTION[REBASED.section], REBASED).as_json(),


use rule experiment as rebased_claims with:
    """Verdicts on the second paper's claims on recall, and every kernel's accuracies."""
    input:
        modules=code("scb.experiments.rebased_claims", "rebased_claims"),
        tables=conditions.recalled(REBASED, "rebased"),
    output:
        claims="<results>/<job>.parquet",
        statistics="<results>/rebased_statistics.parquet",
        markdown=report(
            "<results>/<job>.md",
            caption="../report/rebased_claims.rst",
            category="Claims",
            labels={"figure": "Verdicts: recall", "settings": "rebased"},
        ),
        summary="<results>/rebased.md",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="rebased_claims",
    params:
        settings=JudgingRebased.of(
            REBASED, digest=DIGESTS["rebased_claims"], figures=FIGURES_FROM_RESULTS
        ).as_json(),
