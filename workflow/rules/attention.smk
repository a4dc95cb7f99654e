rule attention:
    """Linear against softmax attention on the same ground truths and stream."""
    input:
        modules=module_files("scb.experiments.attention"),
        tasks="<results>/attention/tasks.parquet",
    output:
        curves="<results>/attention/attention.parquet",
        states="<results>/attention/attention_state.parquet",
        provenance="<results>/attention/attention.provenance.json",
    log:
        "<logs>/attention/attention.log",
    benchmark:
        "<benchmarks>/attention/attention.tsv"
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
            batch="attention.batch",
            steps="attention.steps",
            rate="attention.rate",
            logit_rate="attention.logit_rate",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.attention {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --tasks {input.tasks:q}"
        " --curves {output.curves:q} --states {output.states:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
