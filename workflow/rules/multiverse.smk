# Every reading of figure 1, a phase diagram around it, and candidates for what the paper does not
# state: not part of `rule all`. All on a seed of its own.

from scb.settings.multiverse import Choosing, Grouped, Scaled

MULTIVERSE, CANDIDATES = SETTINGS.multiverse, SETTINGS.multiverse.candidates
GROUPS, PHASES = conditions.universes(SETTINGS), conditions.phases(SETTINGS)
TRAINED = conditions.trained_candidates(SETTINGS)
SIMULATED = conditions.simulated_candidates(SETTINGS)
ATTENDED = conditions.attended_candidates(SETTINGS)
BRANCHED = {**GROUPS, **PHASES, **TRAINED}


use rule training as universes with:
    """Stage 1 and many conditions from its end, on the same samples."""
    input:
        modules=code("scb.experiments.universes", "universes"),
        tasks=lambda wildcards: BRANCHED[wildcards.branched].table,
    output:
        runs="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="multiverse/{branched}",
    # They are the longest, so that no core waits for them at the end.
    priority: 1
    resources:
        **on_device(lambda wildcards: BRANCHED[wildcards.branched].memory),
    params:
        settings=lambda wildcards: BRANCHED[wildcards.branched].settings.as_json(),


use rule simulation as simulated_candidates with:
    """A candidate for a column of figure 6."""
    input:
        modules=code("scb.experiments.simulate", "simulated_candidates"),
        tasks=lambda wildcards: SIMULATED[wildcards.simulated].table,
    pathvars:
        job="multiverse/{simulated}",
    resources:
        mem_mb=lambda wildcards: SIMULATED[wildcards.simulated].memory,
        runtime=60,
    params:
        settings=lambda wildcards: SIMULATED[wildcards.simulated].settings.as_json(),


use rule attention as attended_candidates with:
    """A candidate for figure 2."""
    input:
        modules=code("scb.experiments.attention", "attended_candidates"),
        tasks=lambda wildcards: ATTENDED[wildcards.attended].table,
    pathvars:
        job="multiverse/{attended}",
    resources:
        **on_device(lambda wildcards: ATTENDED[wildcards.attended].memory),
    params:
        settings=lambda wildcards: ATTENDED[wildcards.attended].settings.as_json(),


use rule experiment as judge_universes with:
    """A row for each universe: what it shows, and what of the paper's picture it has."""
    input:
        modules=code("scb.experiments.multiverse", "judge_universes"),
        runs=expand(rules.universes.output.runs, branched=GROUPS),
    output:
        table="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="multiverse",
    params:
        settings=Grouped(groups=tuple(GROUPS)).as_json(),


use rule experiment as phases with:
    """What the scale of eta and lambda make of figure 1."""
    input:
        modules=code("scb.experiments.phases", "phases"),
        runs=expand(rules.universes.output.runs, branched=PHASES),
        tasks=next(iter(PHASES.values())).table,
    output:
        table="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="multiverse/phases",
    params:
        settings=Scaled(
            scales=MULTIVERSE.scales,
            printed=TRAINING[MULTIVERSE.section].optimizers[conditions.PROXIMAL].penalty,
        ).as_json(),


use rule experiment as best with:
    """Of all candidates the values that favour each claim most."""
    input:
        modules=code("scb.experiments.best", "best"),
        results=[
            rules.judge_universes.output.table,
            rules.phases.output.table,
            *expand(rules.universes.output.runs, branched=TRAINED),
            *expand(rules.simulated_candidates.output.curves, simulated=SIMULATED),
            *expand(rules.attended_candidates.output.curves, attended=ATTENDED),
            *expand(rules.attended_candidates.output.states, attended=ATTENDED),
            *expand("<results>/multiverse/tasks/{drawn}.parquet", drawn=CANDIDATES.attention),
        ],
    output:
        best="<results>/<job>.yaml",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="best",
    params:
        settings=Choosing.of(
            MULTIVERSE,
            training=tuple(CANDIDATES.training),
            simulation=tuple(CANDIDATES.simulation),
            attention=tuple(CANDIDATES.attention),
        ).as_json(),
