# A figure is a module of scb.figures, an entry here and a caption in workflow/report.

from workflow.jobs import BEST, Figure, configured, files_by_target, input_options
from workflow.jobs import attended, renamed, simulated, tables_of, trained

DRAW = SETTINGS.draw

FIGURES = {
    "fig1_convergence": Figure("1 Convergence", lambda drawn: trained([drawn.section])),
    "fig2_softmax_vs_linear": Figure(
        "2 Softmax against linear", lambda drawn: attended(drawn.section)
    ),
    "fig3_signals": Figure("3 Signals and errors", lambda drawn: trained([drawn.section], "tasks")),
    "fig4_similarity": Figure("4 Similarity", lambda drawn: trained([drawn.section])),
    "fig5_vocabulary": Figure("5 Vocabulary", lambda drawn: trained(drawn.sections)),
    "fig6_simulation": Figure("6 Simulation", lambda drawn: simulated(drawn.sections)),
    "softmax": Figure(
        "Softmax at the size of figure 1",
        lambda drawn: {**trained([drawn.section]), **renamed(rules.softmax.output, curves="first")},
    ),
    "transfer": Figure("Transfer", {"curves": TRANSFER_CURVES}),
    "stage1_samples": Figure(
        "Samples of Stage 1",
        {
            **tables_of(rules.stage1_fit.output),
            "odds": expand(rules.stage1_odds.output.counts, states=STAGE1.odds.states),
        },
        target="extensions",
    ),
    "softmax_samples": Figure(
        "Samples of softmax",
        {
            "runs": expand(
                rules.softmax_samples.output.runs, length=SETTINGS.softmax_samples.lengths
            )
        },
        target="extensions",
    ),
    "regularization": Figure(
        "Regularization", tables_of(rules.windows.output), target="extensions"
    ),
    "multiverse": Figure(
        "Multiverse", tables_of(rules.judge_universes.output), target="multiverse"
    ),
    "phase_diagram": Figure("Phase diagram", tables_of(rules.phases.output), target="multiverse"),
    "rebased": Figure(
        "Rebased: recall", {"tables": rules.rebased_claims.input.tables}, target="rebased"
    ),
    "language": Figure(
        "Rebased: language", {"tables": rules.language_claims.input.tables}, target="rebased"
    ),
    "rebased_patterns": Figure(
        "Rebased: bigrams",
        {"tasks": rules.rebased_columns.input.tasks, **tables_of(rules.rebased_columns.output)},
        target="rebased",
    ),
}

# What config.yaml says of each, and the same modules and captions at other settings.
FIGURES = configured(FIGURES, DRAW)

DRAWN = files_by_target(FIGURES)

for name, figure in FIGURES.items():

    rule:
        name:
            f"draw_{name}"
        input:
            **figure.tables,
            modules=module_files(f"scb.figures.{name.removesuffix(BEST)}"),
        output:
            pdf=f"<figures>/{name}.pdf",
            png=report(
                f"<figures>/{name}.png",
                caption=f"../report/{name.removesuffix(BEST)}.rst",
                category=figure.category,
                labels={"figure": figure.title, "settings": figure.sections},
            ),
        log:
            f"<logs>/figures/{name}.log",
        benchmark:
            f"<benchmarks>/figures/{name}.tsv"
        conda:
            "../../environment.yml"
        resources:
            mem_mb=2000,
            runtime=5,
        params:
            name=name,
            module=f"scb.figures.{name.removesuffix(BEST)}",
            settings=figure.options,
            options=input_options,
        shell:
            "python -m {params.module:q} {params.settings:q} {params.options:q}"
            " --output {output.pdf:q} > {log:q} 2>&1"
