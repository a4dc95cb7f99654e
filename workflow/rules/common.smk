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
