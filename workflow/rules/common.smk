"""What all rules share. Settings reach a job as `params`, code as `input.modules`."""

import os
import sys
from pathlib import Path

from workflow.imports import module_files
from workflow.settings import digest, doublings, look_up, optimizer_options, options, penalty_grid

VOCABULARY = ["vocabulary_3", "vocabulary_10", "vocabulary_20"]
TRAINING = ["convergence", *VOCABULARY]
SIMULATION = ["simulation_100", "simulation_500"]
CHECK = "check_100"
STAGE_1_ALONE = ["population"]
FIGURES = [
    "fig1_convergence",
    "fig2_softmax_vs_linear",
    "fig3_signals",
    "fig4_similarity",
    "fig5_vocabulary",
    "fig6_simulation",
    "transfer",
]

# The number of GPUs of a job that trains: none unless the settings insist on one.
GPU = int(config["device"].startswith("cuda"))

# Jobs run the Python that runs Snakemake, whether its environment is active or not.
os.environ.update(PATH=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


def settings(**keys):
    """Params function: command-line options, each from the setting at a dotted key.

    One list, because Snakemake compares the values of a job's params as a set, without their
    names: it would not see two settings trade places. Neither device nor threads are settings:
    they decide how a result is computed, not what it is, and rerun nothing.
    """

    def read(wildcards):
        setting = wildcards.get("setting")
        return options(
            {name: look_up(config, key.format(setting=setting)) for name, key in keys.items()}
        )

    return read


def replicates_at(wildcards):
    """Replicates at a T: fewer where they cost most, and no more than there are."""
    most = dict(zip(config["transfer"]["lengths"], config["transfer"]["replicates"]))
    return min(config["replicates"], most.get(int(wildcards.length), config["replicates"]))


# --- The wider sweeps ---

# How mu is made in the sweep of Stage 1.
MUS = ["uniform", "drawn"]
# Each sweep over lambda: the setting whose states it starts from, and what differs from it.
SWEEPS = {
    **{setting: (setting, {}) for setting in TRAINING},
    "larger_rate": ("vocabulary_3", {"rate": "regularization.larger_rate"}),
    "larger_batch": ("vocabulary_3", {"batch": "regularization.larger_batch"}),
}
# Each reading that is changed: the tasks, and the options of scb.experiments.sensitivity.
VARIANTS = {
    "rates": ("convergence", ["--unscaled"]),
    "raw_sgd": ("convergence", ["--raw"]),
    "no_threshold": ("convergence", []),
    "sampler": ("sensitivity", []),
    "switch": (
        "convergence",
        ["--switch-signal", str(config["sensitivity"]["switch_signal"])],
    ),
}


def stage1_runs(wildcards):
    return [
        f"<results>/stage1_samples/{mu}_{length}.parquet"
        for mu in MUS
        for length in doublings(**config["stage1_samples"][mu])
    ]


def sweep_setting(key):
    """Params function: a setting of the sweep, from its own key or from where it starts."""

    def read(wildcards):
        setting, changed = SWEEPS[wildcards.sweep]
        return look_up(config, changed.get(key, f"{setting}.{key}"))

    return read


def sweep_optimizers(wildcards):
    """An optimizer for each lambda, alike in all else."""
    setting, changed = SWEEPS[wildcards.sweep]
    keys = config["regularization"]
    proximal = config[setting]["optimizers"]["proximal"]
    rate = look_up(config, changed.get("rate", f"{setting}.optimizers.proximal.rate"))
    grid = penalty_grid(keys["least"], keys["most"], keys["per_decade"])
    return optimizer_options(
        {
            f"penalty_{place:02}": proximal | {"rate": rate, "penalty": penalty}
            for place, penalty in enumerate(grid)
        }
    )


def variant_optimizers(wildcards):
    optimizers = config["convergence"]["optimizers"]
    if wildcards.variant == "no_threshold":
        optimizers = {name: steps | {"threshold": False} for name, steps in optimizers.items()}
    return optimizer_options(optimizers)
