TRANSFER_CURVES = [
    *expand(
        "<results>/transfer/{start}_{length}.parquet",
        start=["one_step", "scratch"],
        length=config["transfer"]["lengths"],
    ),
    f"<results>/transfer/finetune_{config['transfer']['curve_length']}.parquet",
]


rule transfer_tasks:
    """Downstream tasks at one T: P and mu of a replicate are the same at every T."""
    input:
        modules=module_files("scb.experiments.tasks"),
    output:
        tasks="<results>/transfer/tasks_{length}.parquet",
        provenance="<results>/transfer/tasks_{length}.provenance.json",
    log:
        "<logs>/transfer/tasks_{length}.log",
    benchmark:
        "<benchmarks>/transfer/tasks_{length}.tsv"
    wildcard_constraints:
        length=r"\d+",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        replicates=replicates_at,
        settings=settings(
            seed="seed",
            states="transfer.states",
            sparsity="transfer.sparsity",
            concentration="transfer.concentration",
            weights="tasks.weights",
        ),
    shell:
        "python -m scb.experiments.tasks {params.settings:q} --sampler balanced"
        " --length {wildcards.length:q} --replicates {params.replicates:q}"
        " --output {output.tasks:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule pretrain:
    """Value matrices learned on tasks of set correlations with the downstream ones."""
    input:
        modules=module_files("scb.experiments.pretrain"),
        tasks=f"<results>/transfer/tasks_{config['transfer']['pretrain']['length']}.parquet",
    output:
        pretrained="<results>/transfer/pretrained.parquet",
        provenance="<results>/transfer/pretrain.provenance.json",
    log:
        "<logs>/transfer/pretrain.log",
    benchmark:
        "<benchmarks>/transfer/pretrain.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=GPU,
        device=config["device"],
    params:
        settings=settings(
            seed="seed",
            length="transfer.pretrain.length",
            concentration="transfer.concentration",
            correlation="transfer.correlations",
            batch="transfer.pretrain.batch",
            steps="transfer.pretrain.steps",
            fit_steps="transfer.pretrain.fit_steps",
            fit_rate="transfer.pretrain.fit_rate",
        ),
    shell:
        "python -m scb.experiments.pretrain {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --tasks {input.tasks:q}"
        " --output {output.pretrained:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule one_step:
    """The one step of transfer after every number of samples, at one T."""
    input:
        modules=module_files("scb.experiments.one_step"),
        tasks=rules.transfer_tasks.output.tasks,
        pretrained=rules.pretrain.output.pretrained,
    output:
        curves="<results>/transfer/one_step_{length}.parquet",
        provenance="<results>/transfer/one_step_{length}.provenance.json",
    log:
        "<logs>/transfer/one_step_{length}.log",
    benchmark:
        "<benchmarks>/transfer/one_step_{length}.tsv"
    wildcard_constraints:
        length=r"\d+",
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
            batch="transfer.batch",
            steps="transfer.one_step.steps",
            ratio="transfer.one_step.ratio",
            mixing="transfer.mixing",
        ),
    shell:
        "python -m scb.experiments.one_step {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q} --pretrained {input.pretrained:q}"
        " --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule finetune:
    """The one step, then Stage 2, on the same samples as from scratch."""
    input:
        modules=module_files("scb.experiments.finetune"),
        tasks=rules.transfer_tasks.output.tasks,
        pretrained=rules.pretrain.output.pretrained,
    output:
        curves="<results>/transfer/finetune_{length}.parquet",
        provenance="<results>/transfer/finetune_{length}.provenance.json",
    log:
        "<logs>/transfer/finetune_{length}.log",
    benchmark:
        "<benchmarks>/transfer/finetune_{length}.tsv"
    wildcard_constraints:
        length=r"\d+",
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
            batch="transfer.batch",
            mixing="transfer.mixing",
            growth="transfer.finetune.growth",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.finetune {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q} --pretrained {input.pretrained:q}"
        " --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule scratch:
    """The paper's start on the same tasks and samples, at one T."""
    input:
        modules=module_files("scb.experiments.scratch"),
        tasks=rules.transfer_tasks.output.tasks,
    output:
        curves="<results>/transfer/scratch_{length}.parquet",
        provenance="<results>/transfer/scratch_{length}.provenance.json",
    log:
        "<logs>/transfer/scratch_{length}.log",
    benchmark:
        "<benchmarks>/transfer/scratch_{length}.tsv"
    wildcard_constraints:
        length=r"\d+",
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
            batch="transfer.batch",
            growth="transfer.scratch.growth",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.scratch {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --tasks {input.tasks:q}"
        " --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule transfer:
    """Support and distances against samples, and samples needed against T."""
    input:
        modules=module_files("scb.figures.transfer"),
        curves=TRANSFER_CURVES,
    output:
        pdf="<figures>/transfer.pdf",
        png=report(
            "<figures>/transfer.png",
            caption="../report/transfer.rst",
            category="Figures",
            labels={"figure": "Transfer", "settings": "transfer"},
        ),
    log:
        "<logs>/figures/transfer.log",
    benchmark:
        "<benchmarks>/figures/transfer.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.transfer --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"
