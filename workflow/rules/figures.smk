rule fig1_convergence:
    """Distance to the ground truth, proximal against SGD."""
    input:
        modules=module_files("scb.figures.fig1_convergence"),
        boost="<results>/convergence/boost.parquet",
        curves="<results>/convergence/optimizers.parquet",
    output:
        pdf="<figures>/fig1_convergence.pdf",
        png=report(
            "<figures>/fig1_convergence.png",
            caption="../report/fig1_convergence.rst",
            category="Figures",
            labels={"figure": "1 Convergence", "settings": "convergence"},
        ),
    log:
        "<logs>/figures/fig1_convergence.log",
    benchmark:
        "<benchmarks>/figures/fig1_convergence.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig1_convergence"
        " --boost {input.boost:q} --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule fig2_softmax_vs_linear:
    """Learned attention and values of both models beside the ground truth."""
    input:
        modules=module_files("scb.figures.fig2_softmax_vs_linear"),
        tasks="<results>/attention/tasks.parquet",
        curves=rules.attention.output.curves,
        states=rules.attention.output.states,
    output:
        pdf="<figures>/fig2_softmax_vs_linear.pdf",
        png=report(
            "<figures>/fig2_softmax_vs_linear.png",
            caption="../report/fig2_softmax_vs_linear.rst",
            category="Figures",
            labels={"figure": "2 Softmax against linear", "settings": "attention"},
        ),
    log:
        "<logs>/figures/fig2_softmax_vs_linear.log",
    benchmark:
        "<benchmarks>/figures/fig2_softmax_vs_linear.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig2_softmax_vs_linear"
        " --tasks {input.tasks:q} --curves {input.curves:q} --states {input.states:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule fig3_signals:
    """Signals and errors, proximal against SGD."""
    input:
        modules=module_files("scb.figures.fig3_signals"),
        boost="<results>/convergence/boost.parquet",
        curves="<results>/convergence/optimizers.parquet",
    output:
        pdf="<figures>/fig3_signals.pdf",
        png=report(
            "<figures>/fig3_signals.png",
            caption="../report/fig3_signals.rst",
            category="Figures",
            labels={"figure": "3 Signals and errors", "settings": "convergence"},
        ),
    log:
        "<logs>/figures/fig3_signals.log",
    benchmark:
        "<benchmarks>/figures/fig3_signals.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig3_signals"
        " --boost {input.boost:q} --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule fig4_similarity:
    """Similarity to the ground truth, with and without normalisation."""
    input:
        modules=module_files("scb.figures.fig4_similarity"),
        boost="<results>/convergence/boost.parquet",
        curves="<results>/convergence/optimizers.parquet",
    output:
        pdf="<figures>/fig4_similarity.pdf",
        png=report(
            "<figures>/fig4_similarity.png",
            caption="../report/fig4_similarity.rst",
            category="Figures",
            labels={"figure": "4 Similarity", "settings": "convergence"},
        ),
    log:
        "<logs>/figures/fig4_similarity.log",
    benchmark:
        "<benchmarks>/figures/fig4_similarity.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig4_similarity"
        " --boost {input.boost:q} --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule fig5_vocabulary:
    """Distance and test loss as the vocabulary grows."""
    input:
        modules=module_files("scb.figures.fig5_vocabulary"),
        boost=expand(rules.boost.output.curves, setting=VOCABULARY),
        curves=expand(rules.optimizers.output.curves, setting=VOCABULARY),
    output:
        pdf="<figures>/fig5_vocabulary.pdf",
        png=report(
            "<figures>/fig5_vocabulary.png",
            caption="../report/fig5_vocabulary.rst",
            category="Figures",
            labels={"figure": "5 Vocabulary", "settings": "vocabulary_3, 10, 20"},
        ),
    log:
        "<logs>/figures/fig5_vocabulary.log",
    benchmark:
        "<benchmarks>/figures/fig5_vocabulary.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig5_vocabulary"
        " --boost {input.boost:q} --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"


rule fig6_simulation:
    """Signals and errors at a T that no training reaches."""
    input:
        modules=module_files("scb.figures.fig6_simulation"),
        curves=[
            *expand(rules.simulation.output.curves, setting=SIMULATION),
            rules.check.output.curves,
        ],
    output:
        pdf="<figures>/fig6_simulation.pdf",
        png=report(
            "<figures>/fig6_simulation.png",
            caption="../report/fig6_simulation.rst",
            category="Figures",
            labels={"figure": "6 Simulation", "settings": "simulation_100, 500, check_100"},
        ),
    log:
        "<logs>/figures/fig6_simulation.log",
    benchmark:
        "<benchmarks>/figures/fig6_simulation.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    shell:
        "python -m scb.figures.fig6_simulation"
        " --curves {input.curves:q}"
        " --output {output.pdf:q} > {log:q} 2>&1"
