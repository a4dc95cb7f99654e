"""What all rules share: settings, and what a job is.

A job's settings are a param, so that a changed one runs again what reads it and nothing else; its
code is an input. Neither device, threads nor paths are settings: they decide how a result is
computed, not what it is.
"""

import os
import sys
from functools import partial
from pathlib import Path

from scb import settings as read
from workflow.conditions import sweeps, variants
from workflow.guard import job_code
from workflow.imports import module_files
from workflow.jobs import Figure, input_options, job_options, tables_of, trained
from workflow.settings import digests

TRAINING, SIMULATION = SETTINGS.training, SETTINGS.simulation
# Sections with tasks of their own, each a folder of results.
TASKS = {**TRAINING, **SIMULATION, "attention": SETTINGS.attention, "check": SETTINGS.check}
COMPARED = [section for section, settings in TRAINING.items() if settings.optimizers]

DIGESTS = digests(SETTINGS)
FIGURES_FROM_RESULTS = os.path.relpath(SETTINGS.figures, SETTINGS.results)

# The number of GPUs of a job that trains: none unless the settings insist on one.
GPU = int(SETTINGS.device.startswith("cuda"))

# Jobs run the Python that runs Snakemake, whether its environment is active or not.
os.environ.update(PATH=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


# The code of a job, which is run again too if its results were made with other settings.
code = partial(job_code, workflow)


wildcard_constraints:
    length=r"\d+",


rule experiment:
    """What the others inherit: a module of scb.experiments is given settings and files."""
    log:
        "<logs>/experiment.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        options=job_options,
    shell:
        "python -m {params.module:q} --settings {params.settings:q} {params.options:q}"
        " --threads {threads} > {log:q} 2>&1"


use rule experiment as training with:
    """What those inherit that train: on the GPU, if there is one."""
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=GPU,
        device=SETTINGS.device,
