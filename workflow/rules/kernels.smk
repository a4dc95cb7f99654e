KERNELS = [
    "softmax",
    "identity",
    "elu",
    "based",
    "based_shifted",
    "square",
    "square_gamma",
    "square_affine",
    "square_norm",
    "rebased",
]
RECALL = config["kernels"]["settings"]


rule recall:
    """One kernel on multi-query associative recall, at every learning rate and in every run."""
    input:
        modules=module_files("scb.experiments.recall"),
    output:
        curves="<results>/{setting}/{kernel}.parquet",
        provenance="<results>/{setting}/{kernel}.provenance.json",
    log:
        "<logs>/{setting}/{kernel}.log",
    benchmark:
        "<benchmarks>/{setting}/{kernel}.tsv"
    wildcard_constraints:
        setting="|".join(RECALL),
        kernel="|".join(KERNELS),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
        gpu=GPU,
        device=config["device"],
    params:
        settings=settings(
            seed="seed",
            rates="kernels.rates",
            runs="kernels.runs",
            vocabulary="{setting}.vocabulary",
            length="{setting}.length",
            pairs="{setting}.pairs",
            width="{setting}.width",
            features="{setting}.features",
            batch="{setting}.batch",
            steps="{setting}.steps",
            log_interval="{setting}.log_interval",
            solved="{setting}.solved",
            validation="{setting}.validation",
            test="{setting}.test",
        ),
    shell:
        "python -m scb.experiments.recall --kernel {wildcards.kernel:q} {params.settings:q}"
        " --device {resources.device:q} --threads {threads}"
        " --output {output.curves:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule kernel_columns:
    """Every kernel as a parametrisation of the attention column, on the task of figure 2."""
    input:
        modules=module_files("scb.experiments.rebased_columns"),
        tasks="<results>/attention/tasks.parquet",
    output:
        curves="<results>/attention/kernels.parquet",
        states="<results>/attention/kernels_state.parquet",
        provenance="<results>/attention/kernels.provenance.json",
    log:
        "<logs>/attention/kernels.log",
    benchmark:
        "<benchmarks>/attention/kernels.tsv"
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
            features="kernels.features",
            log_interval="log_interval",
        ),
    shell:
        "python -m scb.experiments.rebased_columns {params.settings:q}"
        " --device {resources.device:q} --threads {threads} --tasks {input.tasks:q}"
        " --curves {output.curves:q} --states {output.states:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"


rule kernels:
    """Recall: accuracy against steps and state size, and ranks at every learning rate."""
    input:
        modules=module_files("scb.figures.rebased"),
        tables=expand(rules.recall.output.curves, setting=RECALL, kernel=KERNELS),
    output:
        pdf="<figures>/kernels.pdf",
        png=report(
            "<figures>/kernels.png",
            caption="../report/kernels.rst",
            category="Figures",
            labels={"figure": "Kernels: recall", "settings": "kernels"},
        ),
    log:
        "<logs>/figures/kernels.log",
    benchmark:
        "<benchmarks>/figures/kernels.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.rebased --tables {input.tables:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule kernels_patterns:
    """What each kernel learns of one bigram task, how well and how fast."""
    input:
        modules=module_files("scb.figures.rebased_patterns"),
        tasks="<results>/attention/tasks.parquet",
        curves=rules.kernel_columns.output.curves,
        states=rules.kernel_columns.output.states,
    output:
        pdf="<figures>/kernels_patterns.pdf",
        png=report(
            "<figures>/kernels_patterns.png",
            caption="../report/kernels_patterns.rst",
            category="Figures",
            labels={"figure": "Kernels: bigrams", "settings": "attention"},
        ),
    log:
        "<logs>/figures/kernels_patterns.log",
    benchmark:
        "<benchmarks>/figures/kernels_patterns.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.rebased_patterns"
        " --tasks {input.tasks:q} --curves {input.curves:q} --states {input.states:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule kernel_claims:
    """Verdicts on the second paper's claims, and every kernel's accuracies."""
    input:
        modules=module_files("scb.experiments.rebased_claims"),
        tables=expand(rules.recall.output.curves, setting=RECALL, kernel=KERNELS),
    output:
        claims="<results>/kernel_claims.parquet",
        markdown=report(
            "<results>/kernel_claims.md",
            caption="../report/kernel_claims.rst",
            category="Claims",
            labels={"figure": "Verdicts: kernels", "settings": "kernels"},
        ),
        summary="<results>/kernels.md",
        provenance="<results>/kernel_claims.provenance.json",
    log:
        "<logs>/kernel_claims.log",
    benchmark:
        "<benchmarks>/kernel_claims.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        limited=config["kernels"]["limited"],
        digest=digest(config, ["seed", "kernels", *RECALL]),
        figures=os.path.relpath(config["figures"], config["results"]),
    shell:
        "python -m scb.experiments.rebased_claims --tables {input.tables:q}"
        " --limited {params.limited:q} --digest {params.digest:q} --figures {params.figures:q}"
        " --output {output.claims:q} --markdown {output.markdown:q} --summary {output.summary:q}"
        " --provenance {output.provenance:q} > {log:q} 2>&1"
