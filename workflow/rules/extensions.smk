# The wider sweeps: not part of `rule all`.


rule stage1:
    """Stage 1 alone, at many batch sizes, for one mu and T."""
    input:
        modules=module_files("scb.experiments.stage1"),
    output:
        runs="<results>/stage1_samples/{mu}_{length}.parquet",
        provenance="<results>/stage1_samples/{mu}_{length}.provenance.json",
    log:
        "<logs>/stage1_samples/{mu}_{length}.log",
    benchmark:
        "<benchmarks>/stage1_samples/{mu}_{length}.tsv"
    wildcard_constraints:
        mu="|".join(MUS),
        length=r"\d+",
    # The longest jobs of the extensions come first, so that no core waits for them at the end.
    priority: 1
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=GPU,
        device=config["device"],
    params:
        settings=settings(
            seed="seed",
            replicates="replicates",
            states="stage1_samples.states",
            sparsity="stage1_samples.sparsity",
            concentration="stage1_samples.concentration",
            halvings="stage1_samples.halvings",
            doublings="stage1_samples.doublings",
        ),
        rates=[config["stage1_samples"][key] for key in ("rate", "larger_rate")],
    shell:
        "python -m scb.experiments.stage1 {params.settings:q} --rates {params.rates:q}"
        " --device {resources.device:q} --threads {threads}"
        " --stationary {wildcards.mu:q} --length {wildcards.length:q}"
        " --output {output.runs:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule stage1_fit:
    """The batch that Stage 1 needs, and its exponents in T and eta."""
    input:
        modules=module_files("scb.experiments.stage1_fit"),
        runs=stage1_runs,
    output:
        probabilities="<results>/stage1_samples/probabilities.parquet",
        batches="<results>/stage1_samples/batches.parquet",
        exponents="<results>/stage1_samples/exponents.parquet",
        provenance="<results>/stage1_samples/fit.provenance.json",
    log:
        "<logs>/stage1_samples/fit.log",
    benchmark:
        "<benchmarks>/stage1_samples/fit.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=settings(seed="seed"),
    shell:
        "python -m scb.experiments.stage1_fit {params.settings:q} --runs {input.runs:q}"
        " --probabilities {output.probabilities:q} --batches {output.batches:q}"
        " --exponents {output.exponents:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule stage1_samples:
    """The chance of the right sign against B, and the batch that it needs against T."""
    input:
        modules=module_files("scb.figures.stage1_samples"),
        probabilities=rules.stage1_fit.output.probabilities,
        batches=rules.stage1_fit.output.batches,
        exponents=rules.stage1_fit.output.exponents,
    output:
        pdf="<figures>/stage1_samples.pdf",
        png=report(
            "<figures>/stage1_samples.png",
            caption="../report/stage1_samples.rst",
            category="Extensions",
            labels={"figure": "Samples of Stage 1", "settings": "stage1_samples"},
        ),
    log:
        "<logs>/figures/stage1_samples.log",
    benchmark:
        "<benchmarks>/figures/stage1_samples.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.stage1_samples --probabilities {input.probabilities:q}"
        " --batches {input.batches:q} --exponents {input.exponents:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule sweep:
    """Proximal steps at many lambdas, from one state and on one stream."""
    input:
        modules=module_files("scb.experiments.optimizers"),
        tasks=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep][0]}/tasks.parquet",
        state=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep][0]}/boost_state.parquet",
    output:
        curves="<results>/regularization/{sweep}.parquet",
        provenance="<results>/regularization/{sweep}.provenance.json",
    log:
        "<logs>/regularization/{sweep}.log",
    benchmark:
        "<benchmarks>/regularization/{sweep}.tsv"
    wildcard_constraints:
        sweep="|".join(SWEEPS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
        gpu=GPU,
        device=config["device"],
    params:
        settings=settings(
            seed="seed",
            replicates="regularization.replicates",
            log_interval="regularization.log_interval",
        ),
        batch=sweep_setting("batch"),
        steps=sweep_setting("steps"),
        optimizers=sweep_optimizers,
    shell:
        "python -m scb.experiments.optimizers {params.settings:q} {params.optimizers:q}"
        " --batch {params.batch:q} --steps {params.steps:q}"
        " --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q} --state {input.state:q}"
        " --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule windows:
    """Which lambdas are useful, and how their window moves with eta, B and K_P."""
    input:
        modules=module_files("scb.experiments.windows"),
        curves=expand(rules.sweep.output.curves, sweep=SWEEPS),
        boost=[f"<results>/{setting}/boost.parquet" for setting, _ in SWEEPS.values()],
        tasks=[f"<results>/{setting}/tasks.parquet" for setting, _ in SWEEPS.values()],
    output:
        ends="<results>/regularization/ends.parquet",
        windows="<results>/regularization/windows.parquet",
        exponents="<results>/regularization/exponents.parquet",
        provenance="<results>/regularization/windows.provenance.json",
    log:
        "<logs>/regularization/windows.log",
    benchmark:
        "<benchmarks>/regularization/windows.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        sweeps=list(SWEEPS),
        printed=[
            config[setting]["optimizers"]["proximal"]["penalty"] for setting, _ in SWEEPS.values()
        ],
    shell:
        "python -m scb.experiments.windows --sweeps {params.sweeps:q} --printed {params.printed:q}"
        " --curves {input.curves:q} --boost {input.boost:q} --tasks {input.tasks:q}"
        " --ends {output.ends:q} --windows {output.windows:q}"
        " --exponents {output.exponents:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule regularization:
    """Distances and signals against lambda, and the window of useful ones."""
    input:
        modules=module_files("scb.figures.regularization"),
        ends=rules.windows.output.ends,
        windows=rules.windows.output.windows,
        exponents=rules.windows.output.exponents,
    output:
        pdf="<figures>/regularization.pdf",
        png=report(
            "<figures>/regularization.png",
            caption="../report/regularization.rst",
            category="Extensions",
            labels={"figure": "Regularization", "settings": "regularization"},
        ),
    log:
        "<logs>/figures/regularization.log",
    benchmark:
        "<benchmarks>/figures/regularization.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.regularization --ends {input.ends:q}"
        " --windows {input.windows:q} --exponents {input.exponents:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule sensitivity_tasks:
    """Ground truths of the sampler that the replication does not use."""
    input:
        modules=module_files("scb.experiments.tasks"),
    output:
        tasks="<results>/sensitivity/tasks.parquet",
        provenance="<results>/sensitivity/tasks.provenance.json",
    log:
        "<logs>/sensitivity/tasks.log",
    benchmark:
        "<benchmarks>/sensitivity/tasks.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        settings=settings(
            seed="seed",
            replicates="replicates",
            states="convergence.states",
            length="convergence.length",
            sparsity="convergence.sparsity",
            sampler="sensitivity.sampler",
            concentration="tasks.concentration",
            weights="tasks.weights",
        ),
    shell:
        "python -m scb.experiments.tasks {params.settings:q}"
        " --output {output.tasks:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule variant:
    """The runs of figure 1 with one reading changed."""
    input:
        modules=module_files("scb.experiments.sensitivity"),
        tasks=lambda wildcards: f"<results>/{VARIANTS[wildcards.variant][0]}/tasks.parquet",
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
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
        gpu=GPU,
        device=config["device"],
    params:
        settings=settings(
            seed="seed",
            batch="convergence.batch",
            steps="convergence.steps",
            boost_steps="convergence.boost.steps",
            boost_rate="convergence.boost.rate",
            log_interval="log_interval",
        ),
        optimizers=variant_optimizers,
        reading=lambda wildcards: VARIANTS[wildcards.variant][1],
    shell:
        "python -m scb.experiments.sensitivity {params.settings:q} {params.optimizers:q}"
        " {params.reading:q} --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q}"
        " --boost {output.boost:q} --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule sensitivity:
    """How claims C1 to C5 fare under each reading."""
    input:
        modules=module_files("scb.experiments.sensitivity_table"),
        boost=[
            "<results>/convergence/boost.parquet",
            *expand(rules.variant.output.boost, variant=VARIANTS),
        ],
        curves=[
            "<results>/convergence/optimizers.parquet",
            *expand(rules.variant.output.curves, variant=VARIANTS),
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
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        variants=["as_we_read", *VARIANTS],
    shell:
        "python -m scb.experiments.sensitivity_table --variants {params.variants:q}"
        " --boost {input.boost:q} --curves {input.curves:q}"
        " --table {output.table:q} --markdown {output.markdown:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
