"""The replication, from settings to figures: see config.yaml and workflow/rules."""

import sys
from pathlib import Path

from snakemake.utils import min_version

from workflow.guard import hold, losses, require_no_losses, require_places
from workflow.log import Log
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
include: "workflow/rules/multiverse.smk"
include: "workflow/rules/language.smk"
include: "workflow/rules/rebased.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/article.smk"


# Only here does Snakemake apply to what a rule's <job> stands for the constraints of that rule.
wildcard_constraints:
    length=r"\d+",
    drawn="|".join(FURTHER),
    branched="|".join(BRANCHED),
    simulated="|".join(SIMULATED),
    attended="|".join(ATTENDED),
    setting="|".join(RECALL),
    recalled=f"rebased|{conditions.TUNING}",
    kernel=r"\w+",
    mu="uniform|drawn",
    states=r"\d+",
    sweep="|".join(SWEEPS),


require_places(workflow.rules, SETTINGS)

logger.addHandler(Log(workflow, SETTINGS))


rule all:
    default_target: True
    input:
        DRAWN["all"],
        rules.claims.output,
        rules.article.output,


rule extensions:
    input:
        DRAWN["extensions"],


rule multiverse:
    input:
        DRAWN["multiverse"],
        rules.judge_universes.output,
        rules.best.output,


rule rebased:
    input:
        DRAWN["rebased"],
        rules.rebased_claims.output,
        rules.language_claims.output,


rule rebased_tuning:
    input:
        rules.rebased_rates.output,
        rules.language_tuning.output,


onstart:
    # Not before: a dry run, a report, drawing and a cluster's login node need no GPU.
    if workflow.local_exec and any(
        job.resources.get("gpu") for job in workflow.dag.needrun_jobs()
    ):
        require_device(SETTINGS)
    hold(Path(SETTINGS.results))
    if not (SETTINGS.overwrite or workflow.touch):
        require_no_losses(losses(workflow))
    hear_sigterm_anywhere()


onerror:
    # The log of a job that found the disk full is empty.
    for fault in folder_faults(SETTINGS):
        print(f"Bad setting: {fault}", file=sys.stderr)
