"""What all rules share: settings, and what a job is.

A job's settings are a param, so that a changed one runs again what reads it and nothing else; its
code is an input. Neither device, threads nor paths are settings: they decide how a result is
computed, not what it is.
"""

import os
import sys
from functools import partial
from pathlib import Path

from workflow import conditions
from workflow.guard import job_code
from workflow.imports import module_files
from workflow.jobs import device_resources, job_module, job_options, plates, there
from workflow.settings import digests, judged_sections

TRAINING, SIMULATION, ATTENTION = SETTINGS.training, SETTINGS.simulation, SETTINGS.attention
# Sections with tasks of their own, each a folder of results.
TASKS = {**TRAINING, **SIMULATION, **ATTENTION, "check": SETTINGS.check}
# Tasks that are no section's, by where they lie in the results.
FURTHER = conditions.further_tasks(SETTINGS)
SOFTMAX = SETTINGS.claims.printed.softmax
COMPARED = [section for section, settings in TRAINING.items() if settings.optimizers]

DIGESTS = digests(SETTINGS)
FIGURES_FROM_RESULTS = os.path.relpath(SETTINGS.figures, SETTINGS.results)

# Jobs run the Python that runs Snakemake, whether its environment is active or not.
os.environ.update(PATH=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


# The code of a job, which is run again too if its results were made with other settings.
code = partial(job_code, workflow)

# The resources of a job that trains.
on_device = partial(device_resources, SETTINGS.device)


rule experiment:
    """What the others inherit: a module of scb.experiments is given settings and files.

    A rule says with <job> where its files lie: its log, its benchmark and its outputs.
    """
    log:
        "<logs>/<job>.log",
    benchmark:
        "<benchmarks>/<job>.tsv"
    pathvars:
        job="experiment",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        module=job_module,
        options=job_options,
    shell:
        "python -m {params.module:q} --settings {params.settings:q} {params.options:q}"
        " --threads {threads} > {log:q} 2>&1"


use rule experiment as training with:
    """What those inherit that train."""
    resources:
        **on_device(lambda wildcards: TASKS[wildcards.section].memory),
