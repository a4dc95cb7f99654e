"""The replication, from settings to figures: see config.yaml and workflow/rules."""

import sys
from pathlib import Path

from snakemake.utils import min_version

from workflow.guard import hold, require_places
from workflow.settings import folder_faults, require_device, require_valid, require_yaml
from workflow.stopping import hear_sigterm_anywhere

min_version("9.13")

require_yaml(Path("config.yaml"))


configfile: "config.yaml"


SETTINGS = require_valid(config)


report: "workflow/report/workflow.rst"


pathvars:
    results=SETTINGS.results,
    figures=SETTINGS.figures,
    logs=f"{SETTINGS.results}/logs",
    benchmarks=f"{SETTINGS.results}/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/experiments.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/sweeps.smk"
include: "workflow/rules/rebased.smk"
include: "workflow/rules/figures.smk"


require_places(workflow.rules, SETTINGS)


rule all:
    default_target: True
    input:
        DRAWN["all"],
        rules.claims.output,


rule extensions:
    input:
        DRAWN["extensions"],
        rules.sensitivity_table.output,


rule rebased:
    input:
        DRAWN["rebased"],
        rules.rebased_claims.output,


onstart:
    # Not before: a dry run, a report, drawing and a cluster's login node need no GPU.
    if workflow.local_exec and any(
        job.resources.get("gpu") for job in workflow.dag.needrun_jobs()
    ):
        require_device(SETTINGS)
    hold(Path(SETTINGS.results))
    hear_sigterm_anywhere()


onerror:
    # The log of a job that found the disk full is empty.
    for fault in folder_faults(SETTINGS):
        print(f"Bad setting: {fault}", file=sys.stderr)
