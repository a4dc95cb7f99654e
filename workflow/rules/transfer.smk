# Section 4 of the paper: transfer against training from scratch.

from scb.settings.transfer import Finetuning, Pretraining, Scratching, Stepping

TRANSFER = SETTINGS.transfer


use rule training as pretrain with:
    """Value matrices learned on tasks of set correlations with the downstream ones."""
    input:
        modules=code("scb.experiments.pretrain", "pretrain"),
        downstream="<results>/transfer/pretraining_tasks.parquet",
    output:
        pretrained="<results>/transfer/pretrained.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="transfer/pretrain",
    resources:
        **on_device(TRANSFER.memory, runtime=30),
    params:
        settings=Pretraining.of(TRANSFER.pretrain, TRANSFER).as_json(),


use rule training as one_step with:
    """The one step of transfer after every number of samples, at one T."""
    input:
        modules=code("scb.experiments.one_step", "one_step"),
        tasks="<results>/transfer/tasks_{length}.parquet",
        pretrained=rules.pretrain.output.pretrained,
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="transfer/one_step_{length}",
    resources:
        **on_device(TRANSFER.memory),
    params:
        settings=Stepping.of(TRANSFER.one_step, TRANSFER).as_json(),


use rule one_step as finetune with:
    """The one step, then Stage 2, on the same samples as from scratch."""
    input:
        modules=code("scb.experiments.finetune", "finetune"),
        tasks="<results>/transfer/tasks_{length}.parquet",
        pretrained=rules.pretrain.output.pretrained,
    pathvars:
        job="transfer/finetune_{length}",
    params:
        settings=Finetuning.of(TRANSFER.finetune, TRANSFER).as_json(),


use rule one_step as scratch with:
    """The paper's start on the same tasks and samples, at one T."""
    input:
        modules=code("scb.experiments.scratch", "scratch"),
        tasks="<results>/transfer/tasks_{length}.parquet",
    pathvars:
        job="transfer/scratch_{length}",
    params:
        settings=Scratching.of(TRANSFER.scratch, TRANSFER).as_json(),


TRANSFER_CURVES = [
    *expand(rules.one_step.output.curves, length=TRANSFER.lengths),
    *expand(rules.scratch.output.curves, length=TRANSFER.lengths),
    *expand(rules.finetune.output.curves, length=TRANSFER.curve_length),
]
