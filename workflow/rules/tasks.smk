rule tasks:
    """Ground truths (P, mu, Q) of all replicates."""
    input:
        modules=module_files("scb.experiments.tasks"),
    output:
        tasks="<results>/{setting}/tasks.parquet",
        provenance="<results>/{setting}/tasks.provenance.json",
    log:
        "<logs>/{setting}/tasks.log",
    benchmark:
        "<benchmarks>/{setting}/tasks.tsv"
    wildcard_constraints:
        setting="|".join([*TRAINING, *STAGE_1_ALONE, *SIMULATION, CHECK, "attention"]),
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
            states="{setting}.states",
            length="{setting}.length",
            sparsity="{setting}.sparsity",
            sampler="tasks.sampler",
            concentration="tasks.concentration",
            weights="tasks.weights",
        ),
    shell:
        "python -m scb.experiments.tasks {params.settings:q}"
        " --output {output.tasks:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
