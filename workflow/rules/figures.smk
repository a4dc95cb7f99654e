# A figure is a module of scb.figures, an entry here and a caption in workflow/report.

DRAW = SETTINGS.draw

FIGURES = {
    "fig1_convergence": Figure(
        "1 Convergence", trained([DRAW.fig1_convergence.section]), DRAW.fig1_convergence
    ),
    "fig2_softmax_vs_linear": Figure(
        "2 Softmax against linear",
        {"tasks": rules.attention.input.tasks, **tables_of(rules.attention.output)},
    ),
    "fig3_signals": Figure(
        "3 Signals and errors", trained([DRAW.fig3_signals.section]), DRAW.fig3_signals
    ),
    "fig4_similarity": Figure(
        "4 Similarity", trained([DRAW.fig4_similarity.section]), DRAW.fig4_similarity
    ),
    "fig5_vocabulary": Figure(
        "5 Vocabulary", trained(DRAW.fig5_vocabulary.sections), DRAW.fig5_vocabulary
    ),
    "fig6_simulation": Figure(
        "6 Simulation",
        {
            "curves": [
                *expand(rules.simulation.output.curves, section=DRAW.fig6_simulation.sections),
                rules.check.output.curves,
            ]
        },
    ),
    "transfer": Figure("Transfer", {"curves": TRANSFER_CURVES}),
    "stage1_samples": Figure(
        "Samples of Stage 1",
        tables_of(rules.stage1_fit.output),
        category="Extensions",
        target="extensions",
    ),
    "regularization": Figure(
        "Regularization",
        tables_of(rules.windows.output),
        category="Extensions",
        target="extensions",
    ),
    "rebased": Figure(
        "Rebased: recall", {"tables": rules.rebased_claims.input.tables}, target="rebased"
    ),
    "rebased_patterns": Figure(
        "Rebased: bigrams",
        {"tasks": rules.rebased_columns.input.tasks, **tables_of(rules.rebased_columns.output)},
        target="rebased",
    ),
}

# Of each target rule.
DRAWN = {
    target: [
        f"<figures>/{name}.{format}"
        for name, figure in FIGURES.items()
        if figure.target == target
        for format in ("pdf", "png")
    ]
    for target in ("all", "extensions", "rebased")
}

for name, figure in FIGURES.items():

    rule:
        name:
            f"draw_{name}"
        input:
            **figure.inputs,
            modules=module_files(f"scb.figures.{name}"),
        output:
            pdf=f"<figures>/{name}.pdf",
            png=report(
                f"<figures>/{name}.png",
                caption=f"../report/{name}.rst",
                category=figure.category,
                labels={"figure": figure.title, "settings": figure.sections},
            ),
        log:
            f"<logs>/figures/{name}.log",
        benchmark:
            f"<benchmarks>/figures/{name}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=5,
        params:
            module=f"scb.figures.{name}",
            settings=figure.options,
            options=input_options,
        shell:
            "python -m {params.module:q} {params.settings:q} {params.options:q}"
            " --output {output.pdf:q} > {log:q} 2>&1"
