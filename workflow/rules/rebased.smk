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
        curves="<results>/rebased/{setting}/{kernel}.parquet",
        provenance="<results>/rebased/{setting}/{kernel}.provenance.json",
    log:
        "<logs>/rebased/{setting}/{kernel}.log",
    benchmark:
        "<benchmarks>/rebased/{setting}/{kernel}.tsv"
    wildcard_constraints:
        setting="|".join(RECALL),
        kernel="|".join(KERNELS),
    resources:
        mem_mb=lambda wildcards: RECALL[wildcards.setting].memory,
        runtime=240,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.recall",
        settings=lambda wildcards: read.Recalling.of(
            RECALL[wildcards.setting], REBASED, seed=SETTINGS.seed, kernel=wildcards.kernel
        ).as_json(),


use rule training as rebased_columns with:
    """Every kernel as a parametrisation of the attention column, on the task of figure 2."""
    input:
        modules=code("scb.experiments.rebased_columns", "rebased_columns"),
        tasks="<results>/attention/tasks.parquet",
    output:
        curves="<results>/rebased/columns.parquet",
        states="<results>/rebased/columns_state.parquet",
        provenance="<results>/rebased/columns.provenance.json",
    log:
        "<logs>/rebased/columns.log",
    benchmark:
        "<benchmarks>/rebased/columns.tsv"
    resources:
        mem_mb=REBASED.memory_of(SETTINGS.attention),
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.rebased_columns",
        settings=read.Kernelising.of(SETTINGS.attention, REBASED).as_json(),


use rule experiment as rebased_claims with:
    """Verdicts on the second paper's claims, and every kernel's accuracies."""
    input:
        modules=code("scb.experiments.rebased_claims", "rebased_claims"),
        tables=expand(rules.recall.output.curves, setting=RECALL, kernel=KERNELS),
    output:
        claims="<results>/rebased_claims.parquet",
        markdown=report(
            "<results>/rebased_claims.md",
            caption="../report/rebased_claims.rst",
            category="Claims",
            labels={"figure": "Verdicts: rebased", "settings": "rebased"},
        ),
        summary="<results>/rebased.md",
        provenance="<results>/rebased_claims.provenance.json",
    log:
        "<logs>/rebased_claims.log",
    benchmark:
        "<benchmarks>/rebased_claims.tsv"
    params:
        module="scb.experiments.rebased_claims",
        settings=read.JudgingRebased(
            limited=REBASED.limited,
            digest=DIGESTS["rebased_claims"],
            figures=FIGURES_FROM_RESULTS,
        ).as_json(),
