rule claims:
    """Verdicts on the paper's claims, from the tables of all experiments."""
    input:
        modules=module_files("scb.experiments.claims"),
        tables=[
            *expand(
                "<results>/{setting}/{table}.parquet",
                setting=TRAINING,
                table=["boost", "optimizers"],
            ),
            *expand("<results>/{setting}/boost.parquet", setting=STAGE_1_ALONE),
            *expand("<results>/{setting}/simulation.parquet", setting=SIMULATION),
            rules.attention.output.curves,
            rules.attention.output.states,
            *rules.transfer.input.curves,
            rules.pretrain.output.pretrained,
            *expand(
                rules.tasks.output.tasks, setting=["attention", "convergence", *STAGE_1_ALONE]
            ),
        ],
    output:
        claims="<results>/claims.parquet",
        markdown=report(
            "<results>/claims.md",
            caption="../report/claims.rst",
            category="Claims",
            labels={"figure": "Verdicts", "settings": "all"},
        ),
        provenance="<results>/claims.provenance.json",
    log:
        "<logs>/claims.log",
    benchmark:
        "<benchmarks>/claims.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        digest=digest(config),
        figures=os.path.relpath(config["figures"], config["results"]),
    shell:
        "python -m scb.experiments.claims --tables {input.tables:q}"
        " --digest {params.digest:q} --figures {params.figures:q}"
        " --output {output.claims:q} --markdown {output.markdown:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
