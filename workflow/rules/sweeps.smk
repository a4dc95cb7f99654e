# The wider sweeps: not part of `rule all`.

STAGE1 = SETTINGS.stage1_samples
SWEEPS = sweeps(SETTINGS)
VARIANTS = variants(SETTINGS)
VARIED = SETTINGS.sensitivity.section


use rule training as stage1 with:
    """Stage 1 alone, at many batch sizes, for one mu and T."""
    input:
        modules=code("scb.experiments.stage1", "stage1"),
    output:
        runs="<results>/stage1_samples/{mu}_{length}.parquet",
        provenance="<results>/stage1_samples/{mu}_{length}.provenance.json",
    log:
        "<logs>/stage1_samples/{mu}_{length}.log",
    benchmark:
        "<benchmarks>/stage1_samples/{mu}_{length}.tsv"
    wildcard_constraints:
        mu="uniform|drawn",
    # The longest jobs of the extensions come first, so that no core waits for them at the end.
    priority: 1
    resources:
        mem_mb=STAGE1.memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.stage1",
        settings=lambda wildcards: read.Stage1Alone.of(
            STAGE1,
            length=int(wildcards.length),
            stationary=wildcards.mu,
            rates=(STAGE1.rate, STAGE1.larger_rate),
        ).as_json(),


use rule experiment as stage1_fit with:
    """The batch that Stage 1 needs, and its exponents in T and eta."""
    input:
        modules=code("scb.experiments.stage1_fit", "stage1_fit"),
        runs=[
            *expand(rules.stage1.output.runs, mu="uniform", length=STAGE1.uniform.lengths),
            *expand(rules.stage1.output.runs, mu="drawn", length=STAGE1.drawn.lengths),
        ],
    output:
        probabilities="<results>/stage1_samples/probabilities.parquet",
        batches="<results>/stage1_samples/batches.parquet",
        exponents="<results>/stage1_samples/exponents.parquet",
        provenance="<results>/stage1_samples/fit.provenance.json",
    log:
        "<logs>/stage1_samples/fit.log",
    benchmark:
        "<benchmarks>/stage1_samples/fit.tsv"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        module="scb.experiments.stage1_fit",
        settings=read.Seeded.of(STAGE1).as_json(),


use rule optimizers as sweep with:
    """Proximal steps at many lambdas, from one state and on one stream."""
    input:
        modules=code("scb.experiments.optimizers", "sweep"),
        tasks=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep].section}/tasks.parquet",
        state=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep].section}/boost_state.parquet",
    output:
        curves="<results>/regularization/{sweep}.parquet",
        provenance="<results>/regularization/{sweep}.provenance.json",
    log:
        "<logs>/regularization/{sweep}.log",
    benchmark:
        "<benchmarks>/regularization/{sweep}.tsv"
    wildcard_constraints:
        sweep="|".join(SWEEPS),
    priority: 0
    resources:
        mem_mb=lambda wildcards: SWEEPS[wildcards.sweep].memory,
        runtime=120,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        settings=lambda wildcards: SWEEPS[wildcards.sweep].settings.as_json(),


use rule experiment as windows with:
    """Which lambdas are useful, and how their window moves with eta, B and K_P."""
    input:
        modules=code("scb.experiments.windows", "windows"),
        curves=expand(rules.sweep.output.curves, sweep=SWEEPS),
        boost=[f"<results>/{sweep.section}/boost.parquet" for sweep in SWEEPS.values()],
        tasks=[f"<results>/{sweep.section}/tasks.parquet" for sweep in SWEEPS.values()],
    output:
        ends="<results>/regularization/ends.parquet",
        windows="<results>/regularization/windows.parquet",
        exponents="<results>/regularization/exponents.parquet",
        provenance="<results>/regularization/windows.provenance.json",
    log:
        "<logs>/regularization/windows.log",
    benchmark:
        "<benchmarks>/regularization/windows.tsv"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        module="scb.experiments.windows",
        settings=read.Windows(
            sweeps=tuple(SWEEPS),
            printed=tuple(sweep.printed for sweep in SWEEPS.values()),
            varied=SETTINGS.regularization.varied,
        ).as_json(),


use rule tasks as sensitivity_tasks with:
    """Ground truths of the sampler that the replication does not use."""
    input:
        modules=code("scb.experiments.tasks", "sensitivity_tasks"),
    output:
        tasks="<results>/sensitivity/tasks.parquet",
        provenance="<results>/sensitivity/tasks.provenance.json",
    log:
        "<logs>/sensitivity/tasks.log",
    benchmark:
        "<benchmarks>/sensitivity/tasks.tsv"
    resources:
        mem_mb=TRAINING[VARIED].memory,
        runtime=5,
    params:
        settings=read.Tasks.of(SETTINGS.sensitivity, TRAINING[VARIED]).as_json(),


use rule training as sensitivity with:
    """The runs of a section with one reading changed."""
    input:
        modules=code("scb.experiments.sensitivity", "sensitivity"),
        tasks=lambda wildcards: (
            rules.sensitivity_tasks.output.tasks
            if wildcards.variant == "sampler"
            else f"<results>/{VARIED}/tasks.parquet"
        ),
    output:
        boost="<results>/sensitivity/{variant}/boost.parquet",
        curves="<results>/sensitivity/{variant}/optimizers.parquet",
        provenance="<results>/sensitivity/{variant}.provenance.json",
    log:
        "<logs>/sensitivity/{variant}.log",
    benchmark:
        "<benchmarks>/sensitivity/{variant}.tsv"
    wildcard_constraints:
        variant="|".join(VARIANTS),
    resources:
        mem_mb=TRAINING[VARIED].memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.sensitivity",
        settings=lambda wildcards: VARIANTS[wildcards.variant].as_json(),


use rule experiment as sensitivity_table with:
    """How claims C1 to C5 fare under each reading."""
    input:
        modules=code("scb.experiments.sensitivity_table", "sensitivity_table"),
        boost=[
            *expand(rules.boost.output.curves, section=VARIED),
            *expand(rules.sensitivity.output.boost, variant=VARIANTS),
        ],
        curves=[
            *expand(rules.optimizers.output.curves, section=VARIED),
            *expand(rules.sensitivity.output.curves, variant=VARIANTS),
        ],
    output:
        table="<results>/sensitivity.parquet",
        markdown=report(
            "<results>/sensitivity.md",
            category="Extensions",
            labels={"table": "Sensitivity", "settings": "sensitivity"},
        ),
        provenance="<results>/sensitivity/table.provenance.json",
    log:
        "<logs>/sensitivity/table.log",
    benchmark:
        "<benchmarks>/sensitivity/table.tsv"
    params:
        module="scb.experiments.sensitivity_table",
        settings=read.Variants(variants=("as_we_read", *VARIANTS)).as_json(),
