"""What a call takes: estimates against what is known exactly, and against a run."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import SETTINGS

from workflow.costs import (
    SCALES,
    Cost,
    Plan,
    Planned,
    measured,
    record,
    recorded,
    seconds_of,
    size_of,
)

SIZES = st.fixed_dictionaries({key: st.integers(1, 1000) for key in SCALES})
TRAINS = "scb.experiments.boost"


def linear(start, rate, size):
    return start + rate * math.prod(size.values())


@given(st.lists(SIZES, min_size=1, max_size=4), SIZES, st.floats(1e-9, 1e-3), st.booleans())
def test_time_that_is_linear_in_the_work_is_found_again(sizes, new, rate, own):
    start = 2.0
    known = {
        f"section_{number}/boost": Cost(TRAINS, size, linear(start, rate, size))
        for number, size in enumerate(sizes)
    }
    known["short/tasks"] = Cost("scb.experiments.tasks", {}, start)
    name = "section_0/boost" if own else "new/boost"
    assert seconds_of(name, TRAINS, new, known) == pytest.approx(linear(start, rate, new))
    assert seconds_of("new/other", "scb.experiments.other", new, known) is None


def test_the_benchmark_that_is_nearest_in_size_decides():
    here = {"a/boost": Cost(TRAINS, {"replicates": 1}, 10)}
    full = {"a/boost": Cost(TRAINS, {"replicates": 100}, 100)}
    assert seconds_of("a/boost", TRAINS, {"replicates": 1}, here, full) == 10
    assert seconds_of("a/boost", TRAINS, {"replicates": 100}, here, full) == 100
    # 10 s is the shortest that is known, so none of it is in proportion to anything.
    assert seconds_of("a/boost", TRAINS, {"replicates": 50}, here, full) == 10 + 90 * 50 / 100


def test_size_is_of_the_settings_that_time_is_in_proportion_to():
    tasks = {"replicates": 3, "length": 50, "sampler": "dirichlet"}
    stage1 = {"batch": 4, "boost": {"steps": 7, "rate": 0.1}}
    expected = {"replicates": 3, "length": 50, "batch": 4, "steps": 7}
    assert size_of(TRAINS, stage1, [tasks]) == expected
    assert size_of(TRAINS, stage1 | {"steps": 9}, [tasks]) == expected | {"steps": 9}
    # Inputs that do not agree say nothing, and a simulation draws no sequences.
    assert size_of(TRAINS, {}, [tasks, {"replicates": 4}]) == {"length": 50}
    simulated = size_of("scb.experiments.simulate", stage1, [tasks])
    assert simulated == {"replicates": 3, "steps": 7}


def test_benchmarks_are_kept_and_read_again(smoke, tmp_path):
    costs = measured(smoke.root / SETTINGS.results)
    path = tmp_path / "benchmarks.json"
    path.write_text('{"gone/boost": ["of another version"]}')
    assert recorded(path) == {}
    record(smoke.root / SETTINGS.results, path)
    assert recorded(path) == costs
    record(tmp_path, path)  # nothing was run
    assert recorded(path) == costs
    boost = costs["convergence/boost"]
    section = SETTINGS.training["convergence"]
    assert boost.module == TRAINS
    assert boost.size == {
        "replicates": section.replicates,
        "steps": section.boost.steps,
        "batch": section.batch,
        "length": section.length,
    }
    assert costs["figures/fig1_convergence"].module == "scb.figures.fig1_convergence"


def plan_of(jobs, cores):
    """A plan of jobs, given by their seconds and the jobs that they wait for."""
    plan = object.__new__(Plan)
    plan.jobs = {
        id: Planned(seconds, 100, 1, frozenset(after)) for id, (seconds, after) in enumerate(jobs)
    }
    plan.cores = cores
    return plan


@st.composite
def graphs(draw):
    """Jobs, each with what it waits for: some of those before it."""
    count = draw(st.integers(1, 8))
    before = [st.sets(st.integers(0, id - 1)) if id else st.just(set()) for id in range(count)]
    return [(draw(st.integers(1, 50)), draw(after)) for after in before]


def greedy(jobs, cores):
    """When the last job ends if each core takes the next job that is ready."""
    time, ends, waiting, running = 0, {}, dict(enumerate(jobs)), {}
    while waiting or running:
        for id in [id for id, (_, after) in waiting.items() if after <= ends.keys()]:
            if len(running) < cores:
                running[id] = time + waiting.pop(id)[0]
        time = min(running.values())
        for id in [id for id, end in running.items() if end == time]:
            ends[id] = running.pop(id)
    return time


@given(jobs=graphs(), cores=st.integers(1, 3))
def test_time_is_a_bound_that_a_greedy_schedule_at_most_doubles(jobs, cores):
    plan = plan_of(jobs, cores)
    bound = plan.left((), {})
    assert bound <= greedy(jobs, cores) <= (2 - 1 / cores) * bound + 1e-9  # Graham, 1969
    assert plan.left(plan.jobs, {}) == 0
    assert plan.left((), {0: 1}) <= bound


def test_pace_follows_what_was_measured():
    plan = plan_of([(10, ()), (90, ())], 1)
    assert plan.pace({}) == 1
    assert plan.pace({0: 10}) == 1
    assert plan.pace({0: 20}) == 1.5  # a tenth of the plan speaks for the old pace
    assert 1.9 < plan.pace({0: 20, 1: 180}) < 2


PLAN = re.compile(
    r"^Plan: (\d+) jobs?, about ([\d.]+) core-minutes, (.*) on (\d) cores, "
    r"at most ([\d.]+) GB of memory at once: (.*)$",
    re.MULTILINE,
)


def test_a_dry_run_says_what_a_call_takes(smoke):
    run = smoke.snakemake("--dry-run", "--forceall", "--quiet", "rules", "progress")
    ((jobs, minutes, _, cores, memory, basis),) = PLAN.findall(run.stdout)
    costs = measured(smoke.root / SETTINGS.results)
    # As all were measured at this size.
    assert int(jobs) == len(costs)
    taken = sum(cost.seconds for cost in costs.values()) / 60
    assert float(minutes) == pytest.approx(taken, abs=0.051)  # one decimal
    assert (cores, float(memory)) == ("2", 4)  # two jobs of 2 GB, the least that one asks for
    assert basis == f"by {len(costs)} benchmarks of earlier jobs here"
    run = smoke.snakemake("--dry-run")
    assert "Plan: " not in run.stdout  # nothing to be done


def test_jobs_that_none_is_like_are_not_counted(fresh):
    run = fresh.snakemake("smoke/results/attention/attention.parquet", "--dry-run")
    assert "at once: by no benchmark, without 2 jobs that none is like\n" in run.stdout


def test_a_run_says_how_much_time_is_left(done):
    whole = measured(done.root / SETTINGS.results)["attention/attention"].seconds
    run = done.snakemake("smoke/results/attention/attention.parquet", "--forceall")
    assert run.returncode == 0, run.stdout
    assert "Plan: 2 jobs" in run.stdout
    (left,) = re.findall(r"^About (\d+) s left$", run.stdout, re.MULTILINE)
    assert 0 < int(left) < 10 * whole  # of the second job, at the pace of the first
