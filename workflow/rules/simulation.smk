rule simulation:
    """Stages 1 and 2 at a T that no training reaches."""
    input:
        modules=module_files("scb.experiments.simulate"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/{setting}/simulation.parquet",
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
        " --curves {output.curves:q} > {log:q} 2>&1"
