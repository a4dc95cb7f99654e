rule optimizers:
    """Stage 2 and its rivals, from the same state and on the same stream."""
    input:
        modules=module_files("scb.experiments.optimizers"),
        tasks=rules.tasks.output.tasks,
        state=rules.boost.output.state,
    output:
        curves="<results>/{setting}/optimizers.parquet",
        state="<results>/{setting}/optimizers_state.parquet",
        provenance="<results>/{setting}/optimizers.provenance.json",
    log:
        "<logs>/{setting}/optimizers.log",
    benchmark:
        "<benchmarks>/{setting}/optimizers.tsv"
    wildcard_constraints:
        setting="|".join(TRAINING),
    # The longest job is one of these.
    priority: 1
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
            batch="{setting}.batch",
            steps="{setting}.steps",
            log_interval="log_interval",
        ),
        optimizers=lambda wildcards: optimizer_options(config[wildcards.setting]["optimizers"]),
    shell:
        "python -m scb.experiments.optimizers {params.settings:q} {params.optimizers:q}"
        " --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q} --state {input.state:q}"
        " --curves {output.curves:q} --state-output {output.state:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
