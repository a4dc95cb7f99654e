# Section 4 of the paper: transfer against training from scratch.

TRANSFER = SETTINGS.transfer


use rule tasks as transfer_tasks with:
    """Downstream tasks at one T: P and mu of a replicate are the same at every T."""
    input:
        modules=code("scb.experiments.tasks", "transfer_tasks"),
    output:
        tasks="<results>/transfer/tasks_{length}.parquet",
        provenance="<results>/transfer/tasks_{length}.provenance.json",
    log:
        "<logs>/transfer/tasks_{length}.log",
    benchmark:
        "<benchmarks>/transfer/tasks_{length}.tsv"
    resources:
        mem_mb=TRANSFER.memory,
        runtime=5,
    params:
        settings=lambda wildcards: read.Tasks.of(
            TRANSFER,
            SETTINGS.tasks,
            length=int(wildcards.length),
            replicates=TRANSFER.replicates_of(int(wildcards.length)),
            sampler="balanced",
        ).as_json(),


use rule tasks as pretraining_tasks with:
    """P and mu of all replicates, of which a T may have fewer."""
    input:
        modules=code("scb.experiments.tasks", "pretraining_tasks"),
    output:
        tasks="<results>/transfer/pretraining_tasks.parquet",
        provenance="<results>/transfer/pretraining_tasks.provenance.json",
    log:
        "<logs>/transfer/pretraining_tasks.log",
    benchmark:
        "<benchmarks>/transfer/pretraining_tasks.tsv"
    resources:
        mem_mb=TRANSFER.memory,
        runtime=5,
    params:
        settings=read.Tasks.of(
            TRANSFER.pretrain, TRANSFER, SETTINGS.tasks, sampler="balanced"
        ).as_json(),


use rule training as pretrain with:
    """Value matrices learned on tasks of set correlations with the downstream ones."""
    input:
        modules=code("scb.experiments.pretrain", "pretrain"),
        downstream=rules.pretraining_tasks.output.tasks,
    output:
        pretrained="<results>/transfer/pretrained.parquet",
        provenance="<results>/transfer/pretrain.provenance.json",
    log:
        "<logs>/transfer/pretrain.log",
    benchmark:
        "<benchmarks>/transfer/pretrain.tsv"
    resources:
        mem_mb=TRANSFER.memory,
        runtime=30,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.pretrain",
        settings=read.Pretraining.of(TRANSFER.pretrain, TRANSFER).as_json(),


use rule training as one_step with:
    """The one step of transfer after every number of samples, at one T."""
    input:
        modules=code("scb.experiments.one_step", "one_step"),
        tasks=rules.transfer_tasks.output.tasks,
        pretrained=rules.pretrain.output.pretrained,
    output:
        curves="<results>/transfer/one_step_{length}.parquet",
        provenance="<results>/transfer/one_step_{length}.provenance.json",
    log:
        "<logs>/transfer/one_step_{length}.log",
    benchmark:
        "<benchmarks>/transfer/one_step_{length}.tsv"
    resources:
        mem_mb=TRANSFER.memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.one_step",
        settings=read.Stepping.of(TRANSFER.one_step, TRANSFER).as_json(),


use rule one_step as finetune with:
    """The one step, then Stage 2, on the same samples as from scratch."""
    input:
        modules=code("scb.experiments.finetune", "finetune"),
        tasks=rules.transfer_tasks.output.tasks,
        pretrained=rules.pretrain.output.pretrained,
    output:
        curves="<results>/transfer/finetune_{length}.parquet",
        provenance="<results>/transfer/finetune_{length}.provenance.json",
    log:
        "<logs>/transfer/finetune_{length}.log",
    benchmark:
        "<benchmarks>/transfer/finetune_{length}.tsv"
    params:
        module="scb.experiments.finetune",
        settings=read.Finetuning.of(TRANSFER.finetune, TRANSFER).as_json(),


use rule one_step as scratch with:
    """The paper's start on the same tasks and samples, at one T."""
    input:
        modules=code("scb.experiments.scratch", "scratch"),
        tasks=rules.transfer_tasks.output.tasks,
    output:
        curves="<results>/transfer/scratch_{length}.parquet",
        provenance="<results>/transfer/scratch_{length}.provenance.json",
    log:
        "<logs>/transfer/scratch_{length}.log",
    benchmark:
        "<benchmarks>/transfer/scratch_{length}.tsv"
    params:
        module="scb.experiments.scratch",
        settings=read.Scratching.of(TRANSFER.scratch, TRANSFER).as_json(),


TRANSFER_CURVES = [
    *expand(rules.one_step.output.curves, length=TRANSFER.lengths),
    *expand(rules.scratch.output.curves, length=TRANSFER.lengths),
    *expand(rules.finetune.output.curves, length=TRANSFER.curve_length),
]
