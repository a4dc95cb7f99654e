rule simulation:
    """Stages 1 and 2 without sequences."""
    input:
        modules=module_files("scb.experiments.simulate"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/{setting}/simulation.parquet",
        provenance="<results>/{setting}/simulation.provenance.json",
    log:
        "<logs>/{setting}/simulation.log",
    benchmark:
        "<benchmarks>/{setting}/simulation.tsv"
    wildcard_constraints:
        setting="|".join(SIMULATION),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings(
            seed="seed",
            batch="{setting}.batch",
            steps="{setting}.steps",
            boost_steps="{setting}.boost.steps",
            boost_rate="{setting}.boost.rate",
            rate="{setting}.rate",
            penalty="{setting}.penalty",
            particles="{setting}.particles",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.simulate {params.settings:q} --threads {threads} --tasks {input.tasks:q}"
        " --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule check:
    """Stage 2 trained on sequences beside its simulation."""
    input:
        modules=module_files("scb.experiments.check"),
        tasks=f"<results>/{CHECK}/tasks.parquet",
    output:
        curves=f"<results>/{CHECK}/check.parquet",
        provenance=f"<results>/{CHECK}/check.provenance.json",
    log:
        f"<logs>/{CHECK}/check.log",
    benchmark:
        f"<benchmarks>/{CHECK}/check.tsv"
    # As long as the longest.
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
            batch=f"{CHECK}.batch",
            steps=f"{CHECK}.steps",
            signal=f"{CHECK}.signal",
            rate=f"{CHECK}.rate",
            penalty=f"{CHECK}.penalty",
            particles=f"{CHECK}.particles",
            trained=f"{CHECK}.trained",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.check {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --tasks {input.tasks:q} --curves {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
