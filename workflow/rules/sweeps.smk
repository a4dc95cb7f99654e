# The wider sweeps: not part of `rule all`.

from scb.settings.model import Seeded
from scb.settings.regularization import Windows
from scb.settings.softmax_samples import SoftmaxAlone
from scb.settings.stage1_samples import Stage1Alone, Stage1Odds

STAGE1 = SETTINGS.stage1_samples
SWEEPS = conditions.sweeps(SETTINGS)


use rule training as stage1 with:
    """Stage 1 alone, at many batch sizes, for one mu and T."""
    input:
        modules=code("scb.experiments.stage1", "stage1"),
    output:
        runs="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="stage1_samples/{mu}_{length}",
    # The longest jobs of the extensions come first, so that no core waits for them at the end.
    priority: 1
    resources:
        **on_device(STAGE1.memory),
    params:
        settings=lambda wildcards: Stage1Alone.of(
            STAGE1,
            length=int(wildcards.length),
            stationary=wildcards.mu,
            rates=(STAGE1.rate, STAGE1.larger_rate),
        ).as_json(),


use rule training as stage1_odds with:
    """The share of runs that end Stage 1 with two positive signals, for one N."""
    input:
        modules=code("scb.experiments.stage1_odds", "stage1_odds"),
    output:
        counts="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="stage1_samples/odds_{states}",
    priority: 1
    resources:
        **on_device(STAGE1.memory),
    params:
        settings=lambda wildcards: Stage1Odds.of(
            STAGE1.odds, SETTINGS.tasks, STAGE1, states=int(wildcards.states)
        ).as_json(),


use rule experiment as stage1_fit with:
    """The batch that Stage 1 needs, and its exponents in T and eta."""
    input:
        modules=code("scb.experiments.stage1_fit", "stage1_fit"),
        runs=[
            *expand(rules.stage1.output.runs, mu="uniform", length=STAGE1.uniform.lengths),
            *expand(rules.stage1.output.runs, mu="drawn", length=STAGE1.drawn.lengths),
        ],
    output:
        probabilities="<results>/stage1_samples/probabilities.parquet",
        batches="<results>/stage1_samples/batches.parquet",
        exponents="<results>/stage1_samples/exponents.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="stage1_samples/fit",
    params:
        settings=Seeded.of(STAGE1).as_json(),


use rule training as softmax_samples with:
    """The first stage of linear and softmax attention, at many batch sizes, for one T."""
    input:
        modules=code("scb.experiments.softmax_samples", "softmax_samples"),
    output:
        runs="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="softmax_samples/{length}",
    priority: 1
    resources:
        **on_device(SETTINGS.softmax_samples.memory),
    params:
        settings=lambda wildcards: SoftmaxAlone.of(
            SETTINGS.softmax_samples, length=int(wildcards.length)
        ).as_json(),


use rule optimizers as sweep with:
    """Proximal steps at many lambdas, from one state and on one stream."""
    input:
        modules=code("scb.experiments.optimizers", "sweep"),
        tasks=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep].section}/tasks.parquet",
        state=lambda wildcards: f"<results>/{SWEEPS[wildcards.sweep].section}/boost_state.parquet",
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="regularization/{sweep}",
    priority: 0
    resources:
        **on_device(lambda wildcards: SWEEPS[wildcards.sweep].memory, runtime=120),
    params:
        settings=lambda wildcards: SWEEPS[wildcards.sweep].settings.as_json(),


use rule experiment as windows with:
    """Which lambdas are useful, and how their window moves with eta, B and K_P."""
    input:
        modules=code("scb.experiments.windows", "windows"),
        curves=expand(rules.sweep.output.curves, sweep=SWEEPS),
        boost=[f"<results>/{sweep.section}/boost.parquet" for sweep in SWEEPS.values()],
        tasks=[f"<results>/{sweep.section}/tasks.parquet" for sweep in SWEEPS.values()],
    output:
        ends="<results>/regularization/ends.parquet",
        windows="<results>/<job>.parquet",
        exponents="<results>/regularization/exponents.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="regularization/windows",
    params:
        settings=Windows(
            sweeps=tuple(SWEEPS),
            printed=tuple(sweep.printed for sweep in SWEEPS.values()),
            varied=SETTINGS.regularization.varied,
        ).as_json(),
