# Sections by themselves: tasks, Stage 1, optimizers, attention and simulations.

from scb.settings.simulation import Checking, Simulating
from scb.settings.training import Comparison, FirstStage, Scheduled, Stage1, Tasks


use rule experiment as tasks with:
    """Ground truths (P, mu, Q) of all replicates."""
    input:
        modules=code("scb.experiments.tasks", "tasks"),
    output:
        tasks="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{section}/tasks",
    wildcard_constraints:
        section="|".join(TASKS),
    resources:
        mem_mb=lambda wildcards: TASKS[wildcards.section].memory,
        runtime=10,
    params:
        settings=lambda wildcards: Tasks.of(TASKS[wildcards.section]).as_json(),


use rule tasks as further_tasks with:
    """Ground truths that are no section's."""
    input:
        modules=code("scb.experiments.tasks", "further_tasks"),
    pathvars:
        job="{drawn}",
    resources:
        mem_mb=lambda wildcards: FURTHER[wildcards.drawn].memory,
        runtime=10,
    params:
        settings=lambda wildcards: FURTHER[wildcards.drawn].settings.as_json(),


use rule training as boost with:
    """Stage 1: lambda = 0 until both signals stand out of the noise."""
    input:
        modules=code("scb.experiments.boost", "boost"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/<job>.parquet",
        state="<results>/<job>_state.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{section}/boost",
    wildcard_constraints:
        section="|".join(TRAINING),
    # What the longest job waits for.
    priority: 1
    params:
        settings=lambda wildcards: Stage1.of(TRAINING[wildcards.section]).as_json(),


use rule training as optimizers with:
    """Stage 2 and its rivals, from the same state and on the same stream."""
    input:
        modules=code("scb.experiments.optimizers", "optimizers"),
        tasks=rules.tasks.output.tasks,
        state=rules.boost.output.state,
    output:
        curves="<results>/<job>.parquet",
        states="<results>/<job>_state.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{section}/optimizers",
    wildcard_constraints:
        section="|".join(COMPARED),
    # The longest job is one of these.
    priority: 1
    resources:
        **on_device(lambda wildcards: TRAINING[wildcards.section].memory, runtime=120),
    params:
        settings=lambda wildcards: Comparison.of(TRAINING[wildcards.section]).as_json(),


use rule training as attention with:
    """Linear against softmax attention on the same ground truths and stream."""
    input:
        modules=code("scb.experiments.attention", "attention"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/<job>.parquet",
        states="<results>/<job>_state.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{section}/attention",
    wildcard_constraints:
        section="|".join(ATTENTION),
    params:
        settings=lambda wildcards: Scheduled.of(ATTENTION[wildcards.section]).as_json(),


use rule training as softmax with:
    """The first stage of softmax attention, and one of its steps after the linear one's."""
    input:
        modules=code("scb.experiments.softmax", "softmax"),
        tasks=f"<results>/{SOFTMAX}/tasks.parquet",
        state=f"<results>/{SOFTMAX}/boost_state.parquet",
    output:
        curves="<results>/<job>.parquet",
        alike=f"<results>/{SOFTMAX}/alike.parquet",
        weights=f"<results>/{SOFTMAX}/weights.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job=f"{SOFTMAX}/softmax",
    resources:
        **on_device(TASKS[SOFTMAX].memory),
    params:
        settings=FirstStage.of(
            TRAINING[SOFTMAX], softmax=TRAINING[SOFTMAX].optimizers["softmax"]
        ).as_json(),


use rule experiment as simulation with:
    """Stages 1 and 2 without sequences."""
    input:
        modules=code("scb.experiments.simulate", "simulation"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="{section}/simulation",
    wildcard_constraints:
        section="|".join(SIMULATION),
    resources:
        mem_mb=lambda wildcards: SIMULATION[wildcards.section].memory,
        runtime=60,
    params:
        settings=lambda wildcards: Simulating.of(SIMULATION[wildcards.section]).as_json(),


use rule training as check with:
    """Stage 2 trained on sequences beside its simulation."""
    input:
        modules=code("scb.experiments.check", "check"),
        tasks="<results>/check/tasks.parquet",
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="check/check",
    # As long as the longest.
    priority: 1
    resources:
        **on_device(SETTINGS.check.memory),
    params:
        settings=Checking.of(SETTINGS.check).as_json(),
