rule boost:
    """Stage 1: lambda = 0 until both signals stand out of the noise."""
    input:
        modules=module_files("scb.experiments.boost"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/{setting}/boost.parquet",
        state="<results>/{setting}/boost_state.parquet",
        provenance="<results>/{setting}/boost.provenance.json",
    log:
        "<logs>/{setting}/boost.log",
    benchmark:
        "<benchmarks>/{setting}/boost.tsv"
    wildcard_constraints:
        setting="|".join([*TRAINING, *STAGE_1_ALONE]),
    # What the longest job waits for.
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
            batch="{setting}.batch",
            steps="{setting}.boost.steps",
            rate="{setting}.boost.rate",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.boost {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --tasks {input.tasks:q}"
        " --curves {output.curves:q} --state {output.state:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
