"""The replication, from settings to figures: see config.yaml and workflow/rules."""

import sys
from pathlib import Path

from snakemake.utils import min_version

from workflow.settings import folder_faults, require_device, require_valid, require_yaml
from workflow.stopping import hear_sigterm_anywhere

min_version("9.13")

require_yaml(Path("config.yaml"))


configfile: "config.yaml"


require_valid(config)


report: "workflow/report/workflow.rst"


pathvars:
    results=config["results"],
    figures=config["figures"],
    logs=f"{config['results']}/logs",
    benchmarks=f"{config['results']}/benchmarks",


include: "workflow/rules/common.smk"
include: "workflow/rules/tasks.smk"
include: "workflow/rules/boost.smk"
include: "workflow/rules/optimizers.smk"
include: "workflow/rules/attention.smk"
include: "workflow/rules/simulation.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/extensions.smk"
include: "workflow/rules/kernels.smk"


rule all:
    default_target: True
    input:
        expand("<figures>/{figure}.{format}", figure=FIGURES, format=["pdf", "png"]),
        rules.claims.output,


rule extensions:
    input:
        expand(
            "<figures>/{figure}.{format}",
            figure=["stage1_samples", "regularization"],
            format=["pdf", "png"],
        ),
        rules.sensitivity.output,


rule kernelised:
    input:
        expand(
            "<figures>/{figure}.{format}",
            figure=["kernels", "kernels_patterns"],
            format=["pdf", "png"],
        ),
        rules.kernel_claims.output,


onstart:
    # Not before: a dry run, a report, drawing and a cluster's login node need no GPU.
    if workflow.local_exec and any(
        job.resources.get("gpu") for job in workflow.dag.needrun_jobs()
    ):
        require_device(config)
    hear_sigterm_anywhere()


onerror:
    # The log of a job that found the disk full is empty.
    for fault in folder_faults(config):
        print(f"Bad setting: {fault}", file=sys.stderr)
