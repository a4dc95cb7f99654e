"""What may befall a run: kills, a full disk, a second run. Nothing is lost or wrong afterwards."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from project import ROOT, SMOKE, copy_tree, differences

slow = pytest.mark.slow

KILLS = 3, 6, 6, 5
"""Of each part of a test; all parts but the first are slow."""
SEED = 20241

# Both branches of the DAG: five jobs, two at a time.
TARGETS = [
    "smoke/results/convergence/optimizers.parquet",
    "smoke/results/simulation_100/simulation.parquet",
]

LONG = """
log_interval: 10000
training: {convergence: {steps: 50000, boost: {steps: 50000}}}
"""


@pytest.fixture
def started(fresh):
    """Start the workflow in a session of its own; what is left of it ends with the test."""
    calls = []

    def start(*targets, settings=(SMOKE,)):
        # What runs in the background ignores Ctrl-C, and so would all that it starts.
        calls.append(
            fresh.start(
                *(targets or TARGETS),
                settings=settings,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        )
        return calls[-1]

    yield start
    for running in calls:
        if running.poll() is None:
            kill(family(running))
        running.wait()
        running.stdout.close()


def family(running):
    """The process and all that it started, none of which can start more meanwhile."""
    found = [psutil.Process(running.pid)]
    for process in found:  # grows
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
            found += process.children()
    return found


def kill(processes):
    # By psutil, which does not take a later process of the same number for one of these.
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def wait_for(path, text="", seconds=120):
    """Until there is such a file, with that text in it."""
    end = time.monotonic() + seconds
    while not (path.exists() and text in path.read_text(errors="ignore")):
        assert time.monotonic() < end, f"no {path} with {text!r}"
        time.sleep(0.02)


def is_locked(project):
    return any((project.root / ".snakemake/locks").glob("*"))


def unlock(project, *targets):
    """Unlock as docs/reliability.md says; whether it was locked."""
    locked = is_locked(project)
    if locked:
        assert "--unlock" in project.snakemake(*targets).stdout
        assert project.snakemake("--unlock").returncode == 0
    return locked


def finish(project, *targets):
    """Run to the end as docs/reliability.md says; whether it was locked."""
    targets = targets or TARGETS
    locked = unlock(project, *targets)
    run = project.snakemake(*targets)
    assert run.returncode == 0, run.stdout
    return locked


def files(project):
    found = (path for path in (project.root / "smoke").rglob("*") if path.is_file())
    return sorted(path.relative_to(project.root) for path in found)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """How long a run takes, in seconds, and what it leaves."""
    project = copy_tree(tmp_path_factory.mktemp("undisturbed"))
    begin = time.monotonic()
    run = project.run(*TARGETS)
    assert run.returncode == 0, run.stdout
    return time.monotonic() - begin, files(project)


@pytest.mark.parametrize(
    ("part", "kills"),
    [
        pytest.param(part, kills, marks=[pytest.mark.hostile("kills", kills), *[slow][: part > 0]])
        for part, kills in enumerate(KILLS)
    ],
)
def test_killed_at_random_moments(fresh, started, smoke, undisturbed, part, kills):
    duration, whole = undisturbed
    moments = random.Random(SEED + part)
    hit = 0
    for _ in range(3 * kills + 5):
        for name in ("smoke", ".snakemake"):
            if (fresh.root / name).exists():
                shutil.rmtree(fresh.root / name)
        running = started()
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.communicate(timeout=moments.uniform(0, duration))
        if running.poll() is None:
            hit += 1
            victims = family(running)
            kill(victims)
            running.communicate()
            psutil.wait_procs(victims, timeout=10)
        finish(fresh)
        # All there, nothing else there, and none of it different.
        assert files(fresh) == whole
        assert differences(fresh, smoke, part=True) == []
        if hit == kills:
            break
    assert hit == kills
    assert fresh.plan(*TARGETS) == set()


@slow
@pytest.mark.hostile("kills", 3)
def test_whole_run_killed_at_random_moments(fresh, started, smoke):
    jobs = sum(path.suffix == ".tsv" for path in files(smoke))
    moments = random.Random(SEED)
    for part in range(3):
        # Quiet: nobody reads what it says, and a full pipe would hold it.
        running = started("all", "--quiet", "all")
        # Counted in jobs that ended: how long they take depends on what else the machine does.
        ended = moments.randrange(part * jobs // 3, (part + 1) * jobs // 3)
        end = time.monotonic() + 900
        while sum(path.suffix == ".tsv" for path in files(fresh)) < ended:
            assert running.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(moments.uniform(0, 2))
        victims = family(running)
        kill(victims)
        assert running.wait() == -signal.SIGKILL
        psutil.wait_procs(victims, timeout=10)
        unlock(fresh, "all")
    # To its end as a user runs it: each job in a process of its own, unlike those of `smoke`.
    run = fresh.run("all")
    assert run.returncode == 0, run.stdout
    assert files(fresh) == files(smoke)
    assert differences(fresh, smoke) == []
    assert fresh.plan("all") == set()


@slow
@pytest.mark.hostile("kills")
def test_killed_without_its_jobs(fresh, started, smoke):
    # As by an out-of-memory killer: the jobs go on, and write beside those of the next run.
    running = started()
    wait_for(fresh.root / "smoke/results/logs/convergence/boost.log")
    jobs = psutil.Process(running.pid).children(recursive=True)
    running.kill()
    assert any(job.is_running() for job in jobs)
    assert finish(fresh)
    kill(psutil.wait_procs(jobs, timeout=30)[1])
    assert differences(fresh, smoke, part=True) == []


@slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_asked_to_stop(fresh, started, smoke, by):
    # One job, of seconds, that soon says how far it is: then it is past its imports.
    progress = fresh.root / "scb/store/progress.py"
    rare = progress.read_text()
    assert "SECONDS_BETWEEN_LINES = 15.0" in rare
    progress.write_text(rare.replace("LINES = 15.0", "LINES = 1.0"))
    (fresh.root / "long.yaml").write_text(LONG)
    running = started(TARGETS[0], settings=(SMOKE, "long.yaml"))
    results = fresh.root / "smoke/results"
    log = results / "logs/convergence/boost.log"
    wait_for(log, "training: step")
    jobs = psutil.Process(running.pid).children(recursive=True)
    if by == signal.SIGINT:
        os.killpg(running.pid, by)  # as a terminal does
    else:
        running.send_signal(by)
    output, _ = running.communicate(timeout=120)
    assert running.returncode != 0
    announced = {
        signal.SIGINT: "Terminating processes on user request",
        signal.SIGTERM: "Will exit after finishing currently running jobs",
    }
    assert announced[by] in output
    assert "Traceback" not in output
    told = [line for line in log.read_text().splitlines() if not line.startswith("training: ")]
    if by == signal.SIGINT:
        (line,) = told
        assert line.endswith(": interrupted")
        assert not (results / "convergence/boost.parquet").exists()
    else:
        assert told == []
        assert (results / "convergence/boost.parquet").exists()
        assert not (results / "logs/convergence/optimizers.log").exists()
    assert psutil.wait_procs(jobs, timeout=30)[1] == []
    # Not locked. What has finished is of the long settings.
    assert not finish(fresh, *TARGETS, "--config", "overwrite=true")
    assert differences(fresh, smoke, part=True) == []


@slow
@pytest.mark.hostile("races")
def test_second_run_in_the_folder_is_refused(fresh, started, smoke):
    running = started()
    wait_for(fresh.root / "smoke/results/logs/convergence/boost.log")
    second = fresh.snakemake(*TARGETS)
    assert second.returncode != 0
    assert "Directory cannot be locked" in second.stdout
    output, _ = running.communicate()
    assert running.returncode == 0, output
    assert differences(fresh, smoke, part=True) == []


@slow
def test_clock_set_back(fresh, smoke):
    # What was made so far is from tomorrow, and some of the code.
    finish(fresh)
    tomorrow = time.time() + 86400
    module = fresh.root / "scb/learning/algorithm.py"
    for path in (*(fresh.root / "smoke").rglob("*"), module):
        os.utime(path, (tomorrow, tomorrow))
    assert fresh.plan(*TARGETS) == set()
    (fresh.root / TARGETS[0]).unlink()
    run = fresh.snakemake(*TARGETS)
    assert run.returncode != 0
    assert "clock skew" in run.stdout
    assert differences(fresh, smoke, part=True) == []
    # As the page says, of folders that lie elsewhere.
    (fresh.root / "smoke/figures").mkdir()
    for name in ("results", "figures"):
        (fresh.root / name).symlink_to(f"smoke/{name}")
    (remedy,) = re.findall(r"^find .*$", (ROOT / "docs/reliability.md").read_text(), re.MULTILINE)
    subprocess.run(remedy, shell=True, check=True, cwd=fresh.root)
    finish(fresh)
    assert differences(fresh, smoke, part=True) == []
    assert fresh.plan(*TARGETS) == set()


@pytest.fixture
def disk(fresh):
    """A small file system of its own under the results; ``disk(options)`` mounts it anew."""
    if os.geteuid() != 0:
        pytest.skip("a full and a read-only disk are NOT tested: only root can mount one")
    folder = fresh.root / "smoke"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
    if subprocess.run(command).returncode:
        pytest.skip("a full and a read-only disk are NOT tested: nothing can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, free):
    """Leave that many bytes on a disk."""
    room = os.statvfs(folder)
    (folder / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize - free))


def faults(output):
    return re.findall(r"^Bad setting: (.*)$", output, re.MULTILINE)


@slow
def test_full_disk_is_told_before_any_job(fresh, disk):
    fill(disk, 20_000)
    run = fresh.snakemake(*TARGETS)
    assert run.returncode != 0
    assert set(faults(run.stdout)) == {
        f"{key} is 'smoke/{key}'; it must be on a disk that is not full"
        for key in ("results", "figures")
    }
    assert [path.name for path in disk.iterdir()] == ["ballast"]


@slow
@pytest.mark.parametrize("free", [0, 20_000])
def test_disk_fills_up(fresh, started, disk, smoke, free):
    running = started()
    wait_for(disk / "results/logs/convergence/boost.log")
    before = (disk / "results/convergence/tasks.parquet").read_bytes()
    fill(disk, free)
    output, _ = running.communicate()
    assert running.returncode != 0
    assert "results is 'smoke/results'; it must be on a disk that is not full" in faults(output)
    assert (disk / "results/convergence/tasks.parquet").read_bytes() == before
    (disk / "ballast").unlink()
    assert not finish(fresh)
    assert differences(fresh, smoke, part=True) == []


@slow
def test_read_only_results(fresh, disk, smoke):
    finish(fresh)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    run = fresh.snakemake("--config", "seed=1")
    assert run.returncode != 0
    assert set(faults(run.stdout)) == {
        f"{key} is 'smoke/{key}'; it must be a folder that can be written to"
        for key in ("results", "figures")
    }
    assert differences(fresh, smoke, part=True) == []


@slow
def test_table_cut_short(fresh, smoke):
    finish(fresh)
    state = fresh.root / "smoke/results/convergence/boost_state.parquet"
    state.write_bytes(state.read_bytes()[:-100])
    run = fresh.snakemake(*TARGETS)
    assert run.returncode != 0
    assert f"{state.relative_to(fresh.root)}: not a complete Parquet file" in run.stdout
    state.unlink()
    finish(fresh)
    assert differences(fresh, smoke, part=True) == []


@slow
def test_same_result_in_a_used_folder_on_one_core(fresh, smoke):
    # Other settings first: what they left is run again, and nothing of it is seen.
    (fresh.root / "other.yaml").write_text("seed: 1\ntraining: {convergence: {batch: 8}}\n")
    run = fresh.snakemake(*TARGETS, settings=(SMOKE, "other.yaml"))
    assert run.returncode == 0, run.stdout
    assert differences(fresh, smoke, part=True) != []
    tables = [str(path) for path in files(smoke) if path.suffix == ".parquet"]
    run = fresh.snakemake(*tables, "--cores", "1", "--config", "overwrite=true")
    assert run.returncode == 0, run.stdout
    # The article waits for figures, which are not compared.
    article = ["smoke/results/article.json", "smoke/results/article.provenance.json"]
    assert differences(fresh, smoke) == article
