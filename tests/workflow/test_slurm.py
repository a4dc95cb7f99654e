"""A run through a real Slurm: a job each, as its rule asks for it, and the same Parquet."""

import subprocess
import time

import pytest
from cluster import FILES, FOLDER, Cluster, why_not
from project import differences, requests

pytestmark = pytest.mark.slurm

# The plugin's waits are for clusters with thousands of jobs.
PROFILE = (
    *("--profile", "profiles/slurm"),
    *("--slurm-init-seconds-before-status-checks", "1", "--seconds-between-status-checks", "1"),
)
TARGETS = ("all", "rebased")
BOOST = "smoke/results/convergence/boost.parquet"


@pytest.fixture(scope="module")
def slurm():
    if reason := why_not():
        pytest.skip(f"Slurm is NOT tested: {reason}")
    with Cluster() as cluster:
        yield cluster
    # Nothing of it is left.
    assert not cluster.folder.exists()
    assert not any((FOLDER / name).exists() for name in FILES)
    assert all(daemon.poll() is not None for daemon in cluster.daemons)


def allotted(job):
    """What Slurm says of a job, in the same words."""
    tres = dict(part.split("=") for part in job["TRES"].split(","))
    assert tres["mem"].endswith("M")
    days, _, clock = job["TimeLimit"].rpartition("-")
    hours, minutes, seconds = map(int, clock.split(":"))
    assert seconds == 0
    return {
        "threads": int(job["CPUs/Task"]),
        "mem_mb": int(tres["mem"][:-1]),
        "runtime": (int(days or 0) * 24 + hours) * 60 + minutes,
        "gpu": int(job.get("TresPerJob", "gres:gpu:0").rpartition(":")[2]),
    }


def test_every_job_runs_under_its_own_id_with_what_its_rule_asks(slurm, fresh, whole):
    arguments = (*TARGETS, "--set-threads", "draw_fig5_vocabulary=2")
    before = len(slurm.jobs())
    plan = fresh.run("--dry-run", *arguments).stdout
    # In names of jobs the plugin writes a slash as an underscore.
    asked = {(rule, names.replace("/", "_")): job for (rule, names), job in requests(plan).items()}
    total = len(asked) + len(TARGETS)  # which only gather
    assert f"total {total}".split() in map(str.split, plan.splitlines())
    run = fresh.run(*arguments, *PROFILE)
    assert run.returncode == 0, run.stdout

    jobs = slurm.jobs()[before:]
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}
    assert len({job["JobId"] for job in jobs}) == len(jobs) == len(asked)
    assert {(job["Rule"], job["Wildcards"]): allotted(job) for job in jobs} == asked
    assert asked["draw_fig5_vocabulary", ""]["threads"] == 2
    assert {request["gpu"] for request in asked.values()} == {0}  # nothing asked for one

    assert differences(fresh, whole, part=True) == []

    # In the same folder: of a job that fails there, the log is shown here.
    (fresh.root / "scb/figures/fig3_signals.py").write_text("raise SystemExit('no ink')\n")
    run = fresh.run(*PROFILE)
    assert run.returncode != 0
    assert "no ink" in run.stdout
    (job,) = slurm.jobs()[before + len(jobs) :]
    assert (job["Rule"], job["JobState"]) == ("draw_fig3_signals", "FAILED")


def test_cancelled_job_is_submitted_again(slurm, fresh, smoke):
    # With a GPU in the request, and none in the job: this node has none.
    arguments = (
        *(BOOST, *PROFILE, "--config", "device=cuda"),
        *("--set-resources", "boost:device=cpu", "--set-threads", "boost=2"),
    )
    before = len(slurm.jobs())
    log = fresh.root / "smoke/results/logs/convergence/boost.log"
    with fresh.start(*arguments) as running:
        end = time.monotonic() + 120
        while not log.exists() and time.monotonic() < end:  # its Python starts
            time.sleep(0.05)
        tasks, boost = slurm.jobs()[before:]
        assert boost["JobState"] == "RUNNING"
        subprocess.run(["scancel", boost["JobId"]], check=True)
        output, _ = running.communicate(timeout=120)
    assert running.returncode != 0
    assert f"'{boost['JobId']}' failed, SLURM status is: 'CANCELLED'" in output
    assert not (fresh.root / BOOST).exists()

    run = fresh.run(*arguments)
    assert run.returncode == 0, run.stdout
    tasks, boost, again = slurm.jobs()[before:]
    assert (tasks["Rule"], tasks["JobState"]) == ("tasks", "COMPLETED")
    assert (boost["Rule"], boost["JobState"]) == ("boost", "CANCELLED")
    assert (again["Rule"], again["JobState"]) == ("boost", "COMPLETED")
    assert [allotted(job)["gpu"] for job in (tasks, boost, again)] == [0, 1, 1]
    assert allotted(again)["threads"] == 2
    assert differences(fresh, smoke, part=True) == []


def test_there_is_one_at_a_time(slurm):
    assert "running already" in why_not()
