# Sections by themselves: tasks, Stage 1, optimizers, attention and simulations.


use rule experiment as tasks with:
    """Ground truths (P, mu, Q) of all replicates."""
    input:
        modules=code("scb.experiments.tasks", "tasks"),
    output:
        tasks="<results>/{section}/tasks.parquet",
        provenance="<results>/{section}/tasks.provenance.json",
    log:
        "<logs>/{section}/tasks.log",
    benchmark:
        "<benchmarks>/{section}/tasks.tsv"
    wildcard_constraints:
        section="|".join(TASKS),
    resources:
        mem_mb=lambda wildcards: TASKS[wildcards.section].memory,
        runtime=5,
    params:
        module="scb.experiments.tasks",
        settings=lambda wildcards: read.Tasks.of(TASKS[wildcards.section]).as_json(),


use rule training as boost with:
    """Stage 1: lambda = 0 until both signals stand out of the noise."""
    input:
        modules=code("scb.experiments.boost", "boost"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/{section}/boost.parquet",
        state="<results>/{section}/boost_state.parquet",
        provenance="<results>/{section}/boost.provenance.json",
    log:
        "<logs>/{section}/boost.log",
    benchmark:
        "<benchmarks>/{section}/boost.tsv"
    wildcard_constraints:
        section="|".join(TRAINING),
    # What the longest job waits for.
    priority: 1
    resources:
        mem_mb=lambda wildcards: TRAINING[wildcards.section].memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.boost",
        settings=lambda wildcards: read.Stage1.of(TRAINING[wildcards.section]).as_json(),


use rule training as optimizers with:
    """Stage 2 and its rivals, from the same state and on the same stream."""
    input:
        modules=code("scb.experiments.optimizers", "optimizers"),
        tasks=rules.tasks.output.tasks,
        state=rules.boost.output.state,
    output:
        curves="<results>/{section}/optimizers.parquet",
        states="<results>/{section}/optimizers_state.parquet",
        provenance="<results>/{section}/optimizers.provenance.json",
    log:
        "<logs>/{section}/optimizers.log",
    benchmark:
        "<benchmarks>/{section}/optimizers.tsv"
    wildcard_constraints:
        section="|".join(COMPARED),
    # The longest job is one of these.
    priority: 1
    resources:
        mem_mb=lambda wildcards: TRAINING[wildcards.section].memory,
        runtime=120,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.optimizers",
        settings=lambda wildcards: read.Comparison.of(TRAINING[wildcards.section]).as_json(),


use rule training as attention with:
    """Linear against softmax attention on the same ground truths and stream."""
    input:
        modules=code("scb.experiments.attention", "attention"),
        tasks="<results>/attention/tasks.parquet",
    output:
        curves="<results>/attention/attention.parquet",
        states="<results>/attention/attention_state.parquet",
        provenance="<results>/attention/attention.provenance.json",
    log:
        "<logs>/attention/attention.log",
    benchmark:
        "<benchmarks>/attention/attention.tsv"
    resources:
        mem_mb=SETTINGS.attention.memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.attention",
        settings=read.Attending.of(SETTINGS.attention).as_json(),


use rule experiment as simulation with:
    """Stages 1 and 2 without sequences."""
    input:
        modules=code("scb.experiments.simulate", "simulation"),
        tasks=rules.tasks.output.tasks,
    output:
        curves="<results>/{section}/simulation.parquet",
        provenance="<results>/{section}/simulation.provenance.json",
    log:
        "<logs>/{section}/simulation.log",
    benchmark:
        "<benchmarks>/{section}/simulation.tsv"
    wildcard_constraints:
        section="|".join(SIMULATION),
    resources:
        mem_mb=lambda wildcards: SIMULATION[wildcards.section].memory,
        runtime=60,
    params:
        module="scb.experiments.simulate",
        settings=lambda wildcards: read.Simulating.of(SIMULATION[wildcards.section]).as_json(),


use rule training as check with:
    """Stage 2 trained on sequences beside its simulation."""
    input:
        modules=code("scb.experiments.check", "check"),
        tasks="<results>/check/tasks.parquet",
    output:
        curves="<results>/check/check.parquet",
        provenance="<results>/check/check.provenance.json",
    log:
        "<logs>/check/check.log",
    benchmark:
        "<benchmarks>/check/check.tsv"
    # As long as the longest.
    priority: 1
    resources:
        mem_mb=SETTINGS.check.memory,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
    params:
        module="scb.experiments.check",
        settings=read.Checking.of(SETTINGS.check).as_json(),
