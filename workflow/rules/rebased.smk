# The second paper, ReBased: not part of `rule all`.

REBASED = SETTINGS.rebased
RECALL = {name: REBASED.recall[name] for name in REBASED.settings}
KERNELS = ["softmax", "identity", "elu", "based", "based_shifted"]
KERNELS += ["square", "square_gamma", "square_affine", "square_norm", "rebased"]


use rule training as recall with:
    """One kernel on multi-query associative recall, at every learning rate and in every run."""
    input:
        modules=code("scb.experiments.recall", "recall"),
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="rebased/{setting}/{kernel}",
    resources:
        **on_device(lambda wildcards: RECALL[wildcards.setting].memory, runtime=240),
    params:
        settings=lambda wildcards: read.Recalling.of(
            RECALL[wildcards.setting], REBASED, seed=SETTINGS.seed, kernel=wildcards.kernel
        ).as_json(),


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
        settings=read.Kernelising.of(ATTENTION[REBASED.section], REBASED).as_json(),


use rule experiment as rebased_claims with:
    """Verdicts on the second paper's claims, and every kernel's accuracies."""
    input:
        modules=code("scb.experiments.rebased_claims", "rebased_claims"),
        tables=expand(rules.recall.output.curves, setting=RECALL, kernel=KERNELS),
        language=expand(rules.language.output.curves, kernel=LANGUAGE.rates),
    output:
        claims="<results>/<job>.parquet",
        statistics="<results>/rebased_statistics.parquet",
        markdown=report(
            "<results>/<job>.md",
            caption="../report/rebased_claims.rst",
            category="Claims",
            labels={"figure": "Verdicts: rebased", "settings": "rebased"},
        ),
        summary="<results>/rebased.md",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="rebased_claims",
    params:
        settings=read.JudgingRebased(
            limited=REBASED.limited,
            digest=DIGESTS["rebased_claims"],
            figures=FIGURES_FROM_RESULTS,
        ).as_json(),
