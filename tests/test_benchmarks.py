"""The benchmark compares equals: all programs of the race compute what `scb` does."""

import json
import math

import numpy as np
import pytest
import torch

from benchmarks import benchmark, race, rivals
from benchmarks.floor import Floor
from benchmarks.naive import Naive
from benchmarks.race import RIVALS
from benchmarks.rivals import Compiled, CompiledClosedForm, Constants, Jax, Missing
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.kernels import reference
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.theory.population import ValueMoments, expected_attention_gradient, expected_value_gradient

pytestmark = pytest.mark.slow  # each rival is compiled

SIZES = [(3, 52, 7), (20, 300, 64), (50, 100, 9)]


def made(kind, task, rate=0.01, seed=0):
    """A rival; compiled by torch it takes half a minute, so as it is."""
    options = {"compiled": False} if issubclass(kind, Compiled) else {}
    try:
        return kind(task, rate, seed, **options)
    except Missing as reason:
        pytest.skip(str(reason))


def put(rival, value, columns):
    """Start a rival from V and A of one replicate."""
    if isinstance(rival, Naive):
        with torch.no_grad():
            rival.value.copy_(value)
            rival.columns.copy_(columns)
    else:
        rival.value, rival.columns = (matrix.float().numpy().copy() for matrix in (value, columns))


def update(rival, samples):
    """A step on given samples."""
    if isinstance(rival, Jax):
        samples = [tensor.numpy() for tensor in samples]
        rival.value, rival.columns = rival.jax.jit(rival.update)(
            rival.value, rival.columns, *samples
        )
    else:
        of_torch = isinstance(rival, Naive)
        rival.update(*(tensor if of_torch else tensor.numpy() for tensor in samples))


def matrices(rival):
    """V and A of a rival."""
    if isinstance(rival, Naive):
        return rival.value.detach().clone(), rival.columns.detach().clone()
    return torch.tensor(np.array(rival.value)), torch.tensor(np.array(rival.columns))


def after_a_step(task, value, columns, seed, batch, rate=0.01):
    """V and A of this project, and the samples that the step took."""
    stream = Stream(task, [derive(seed, "stream", r) for r in range(len(task.seeds))])
    model = LinearTransformer(value, columns)
    optimizers = preconditioned(task, model, rate)
    train(model, optimizers, stream, range(3, 4), batch)
    return model.value.detach(), model.columns.detach(), stream


@pytest.mark.parametrize("kind", RIVALS)
@pytest.mark.parametrize(("states", "length", "batch"), SIZES)
def test_rivals_take_our_step_on_our_tokens(make_task, make_iterate, kind, states, length, batch):
    task = make_task(states, length, replicates=1, sampler="balanced")
    value, columns = (matrix.float() for matrix in make_iterate(task))
    rival = made(kind, task)
    put(rival, value[0], columns[0])
    wanted_value, wanted_columns, stream = after_a_step(task, value, columns, 0, batch)
    few = stream.batch(3, batch)
    update(rival, (few.tokens[0].long(), few.queries[0], few.targets[0]))
    found_value, found_columns = matrices(rival)
    assert not torch.allclose(found_columns, columns[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found_value, wanted_value[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found_columns, wanted_columns[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", RIVALS)
def test_rivals_draw_samples_of_the_task(make_task, make_iterate, kind):
    """Mean steps from their own samples, against the closed forms, within 6 standard errors.

    With some 40 numbers, normal by the number of batches, a false alarm has odds under 1e-6.
    """
    task = make_task(3, 6, replicates=1)
    value, columns = make_iterate(task)
    rival, steps = made(kind, task, 1.0), []
    some = Constants(task, 1.0)
    for _ in range(200):
        put(rival, value[0], columns[0])
        rival.step(5000)
        new_value, new_columns = matrices(rival)
        moved = (value[0] - new_value) / some.value_rate
        turned = (columns[0] - new_columns) / some.attention_rate
        steps.append(torch.cat([moved.flatten(), turned.flatten()]))
    found = torch.stack(steps)  # (200, N N + N T)
    statistics = AttentionStatistics.of(task, columns)
    raw = expected_attention_gradient(ValueMoments.of(task, value), columns, task.attention.mT)
    expected = torch.cat(
        [
            expected_value_gradient(task, value, statistics).flatten(),
            (raw - raw.mean(-1, keepdim=True)).flatten(),
        ]
    )
    error = found.std(0) / len(found) ** 0.5
    rounding = 1e-6
    assert ((found.mean(0) - expected).abs() < 6 * error + rounding).all()
    # It can tell: an error of a fifth of the largest entry would be seen.
    assert 6 * error.max() < expected.abs().max() / 5


@pytest.mark.parametrize("kind", [Compiled, CompiledClosedForm])
def test_uniform_numbers_are_searched_for_as_they_are_counted(make_task, kind, monkeypatch):
    rival = made(kind, make_task(20, 60, replicates=1, sampler="balanced"))
    draws = rival.draws(9)
    counted = rival.select(*draws)
    monkeypatch.setattr(rivals, "MOST_TO_COUNT", 1)
    assert all(map(torch.equal, counted, rival.select(*draws)))
    assert len(counted[0].unique()) == 20


@pytest.mark.parametrize("kind", [Compiled, CompiledClosedForm])
def test_torch_compiles_what_it_does_without(make_task, kind):
    task = make_task(5, 40, replicates=1, sampler="balanced")
    plain = made(kind, task)
    try:
        compiled = kind(task, 0.01)
    except Missing as reason:
        pytest.skip(str(reason))
    for _ in range(3):
        plain.step(16)
        compiled.step(16)
    for one, two in zip(matrices(plain), matrices(compiled), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


@pytest.fixture(scope="module")
def floor_of():
    """The program in C on a task, and a stream of the same seed."""

    def make(task, batch):
        stream = Stream(task, [derive(0, "stream", r) for r in range(len(task.seeds))])
        try:
            return Floor(task, stream, 0.01, batch), stream
        except Missing as reason:
            pytest.skip(str(reason))

    return make


@pytest.mark.parametrize(("states", "length", "batch"), [(3, 52, 7), (20, 300, 64), (50, 100, 9)])
def test_program_in_c_has_our_tokens_gradients_and_step(
    make_task, make_iterate, floor_of, states, length, batch
):
    task = make_task(states, length, replicates=2, sampler="balanced")
    floor, stream = floor_of(task, batch)
    assert torch.equal(floor.tokens(7), stream.tokens(7, 0, batch).long())

    value, columns = (matrix.float() for matrix in make_iterate(task))
    floor.put(value, columns)
    floor.done = 3
    wanted = reference.gradients(value, columns, stream, 3, batch)
    found = floor.gradients()
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)
    wanted_value, wanted_columns, _ = after_a_step(task, value, columns, 0, batch)
    torch.testing.assert_close(floor.value, wanted_value, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(floor.columns, wanted_columns, rtol=1e-4, atol=1e-6)
    # The program may round as it likes; this process may not, now that it is loaded.
    assert np.nextafter(np.float64(0), 1) * np.float64(1) > 0


def test_who_cannot_take_part_is_told_and_left_out():
    def absent():
        raise Missing("there is no C compiler\nhere")

    steps = []
    found, missing = race.ready({"one": lambda: race.Program(steps.append, 4), "two": absent})
    assert missing == {"two": "there is no C compiler"}
    assert steps == [2]  # warm
    times = race.race(found, 8, 5, 0.0, 10.0)
    assert [len(rounds) for rounds in times.values()] == [5]
    assert min(times["one"]) > 0


def test_its_training_keeps_the_invariants(make_task):
    task = make_task(4, 30, replicates=1, sampler="balanced")
    theirs = Naive(task, 0.01)
    start = theirs.value.detach().clone()
    for _ in range(20):
        theirs.step(16)
    assert not torch.allclose(theirs.value, start)
    mu = task.stationary[0].float()
    torch.testing.assert_close(theirs.value.sum(0), torch.ones(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(theirs.value @ mu, mu, rtol=0, atol=1e-5)
    torch.testing.assert_close(theirs.columns.sum(1), torch.ones(4), rtol=0, atol=1e-5)


def test_slope_of_a_power_law():
    found = benchmark.slope([10, 100, 1000, 10000], [2e-3, 2e-1, 2e1, 2e3])
    assert found["exponent"] == pytest.approx(2)
    assert found["standard_error"] == pytest.approx(0, abs=1e-7)
    # By hand: y = (0, 2, 2) at x = (0, 1, 2) has slope 1, residuals (-1/3, 2/3, -1/3).
    found = benchmark.slope([1, math.e, math.e**2], [1, math.e**2, math.e**2])
    assert found["exponent"] == pytest.approx(1)
    assert found["standard_error"] == pytest.approx((2 / 3 / 2) ** 0.5)


def test_sweeps_vary_one_size_around_their_centre():
    settings = benchmark.FULL.settings()
    assert len(settings) == len(set(settings))
    for states in (3, 20):
        centre = benchmark.Setting(states, 5000, 64, 1)
        assert centre in settings
    for setting in settings:
        odd = (setting.length != 5000, setting.batch != 64, setting.replicates != 1)
        assert sum(odd) <= 1
        assert not any(odd) or setting.states in (3, 20)
    assert {s.length for s in settings} >= {500, 5000, 100000}
    assert {s.states for s in settings} >= {3, 20, 300}
    assert {s.batch for s in settings} >= {1, 64, 1024}
    assert {s.replicates for s in settings} >= {1, 64}


def numbers(tree):
    """All numbers of a tree of dicts and lists, with where they are."""
    if isinstance(tree, dict | list):
        for key, branch in tree.items() if isinstance(tree, dict) else enumerate(tree):
            for place, number in numbers(branch):
                yield f"{key}.{place}", number
    elif isinstance(tree, int | float) and not isinstance(tree, bool):
        yield "", tree


def test_quick_benchmark_writes_numbers_and_a_plot(tmp_path):
    output = tmp_path / "results/benchmark.json"
    benchmark.main(["--quick", "--output", str(output)])
    assert sorted(path.name for path in output.parent.iterdir()) == [
        "benchmark.json",
        "benchmark.pdf",
        "benchmark.png",
    ]
    found = json.loads(output.read_text())
    assert found.keys() >= {
        "speedup_over_naive",
        "ns_per_token",
        "exponent_of_cost_in_length",
        "peak_memory_mb",
        "share_of_metrics",
        "device",
        "versions",
    }
    # Differences of times and slopes of costs that are nearly constant have either sign.
    signed = ("rest", "exponent")
    for place, number in numbers(found):
        assert math.isfinite(number), place
        assert number > 0 or any(word in place for word in signed), place

    threads = {1, found["device"]["threads"]}
    settings = benchmark.QUICK.settings()
    for key in ("speedup_over_naive", "seconds_per_step"):
        rows = found[key]
        assert len(rows) == len(settings) * len(threads)
        assert {row["threads"] for row in rows} == threads
    for row in found["ns_per_token"]:
        parts = ("generation_forward_adjoint", "rest", "step")
        assert all(row[part]["median"] for part in parts)
        assert row["step"]["lower_quartile"] <= row["step"]["upper_quartile"]
    for row in found["speedup_over_naive"]:
        assert row["lower_quartile"] <= row["median"] <= row["upper_quartile"]
    assert 0 < found["share_of_metrics"]["share"]["median"] < 1
    (job,) = found["peak_memory_mb"]
    assert 50 < job["megabytes"] < 5000  # an interpreter with torch, in the right unit
