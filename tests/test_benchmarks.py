"""The benchmark compares equals: the straightforward PyTorch computes what `scb` does."""

import json
import math

import pytest
import torch

from benchmarks import benchmark, naive
from benchmarks.naive import Naive
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.learning.metrics import AttentionStatistics
from scb.learning.models import LinearTransformer, squared_loss
from scb.learning.optimizers import preconditioned
from scb.theory.population import ValueMoments, expected_attention_gradient, expected_value_gradient

ENCODINGS = [naive.one_hot, naive.rows_of_identity]


def perturbed(task, encode, make_iterate):
    """Both models at one iterate that obeys the invariants."""
    value, columns = (matrix.float() for matrix in make_iterate(task))
    theirs = Naive(task, 0.01, encode=encode)
    with torch.no_grad():
        theirs.value.copy_(value[0])
        theirs.columns.copy_(columns[0])
    return LinearTransformer(value, columns), theirs


@pytest.mark.parametrize("encode", ENCODINGS)
@pytest.mark.parametrize(("states", "length", "batch"), [(3, 50, 7), (20, 301, 64)])
def test_same_loss_gradients_and_step_on_the_same_tokens(
    make_task, make_iterate, encode, states, length, batch
):
    task = make_task(states, length, replicates=1, sampler="balanced")
    ours, theirs = perturbed(task, encode, make_iterate)
    samples = Stream(task, [derive(0, "stream", 0)]).batch(3, batch)

    loss = squared_loss(ours(samples), samples.targets).sum()
    loss.backward()
    naive_loss = theirs.loss(samples.tokens[0].long(), samples.queries[0], samples.targets[0])
    naive_loss.backward()
    torch.testing.assert_close(naive_loss, loss)
    torch.testing.assert_close(theirs.value.grad, ours.value.grad[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(theirs.columns.grad, ours.columns.grad[0], rtol=1e-4, atol=1e-6)

    before = theirs.columns.detach().clone()
    for optimizer in preconditioned(task, ours, 0.01):
        optimizer.step()
    theirs.descend()
    assert not torch.allclose(theirs.columns, before)
    torch.testing.assert_close(theirs.value, ours.value[0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(theirs.columns, ours.columns[0], rtol=1e-4, atol=1e-6)


def test_its_samples_have_the_distribution_of_the_task(make_task, make_iterate):
    """Mean steps from its own samples, against the closed forms, within 6 standard errors.

    With some 40 numbers, normal by the number of batches, a false alarm has odds under 1e-6.
    """
    task = make_task(3, 6, replicates=1)
    value, columns = make_iterate(task)
    steps = []
    for seed in range(200):
        theirs = Naive(task, 1.0, seed)
        with torch.no_grad():
            theirs.value.copy_(value[0])
            theirs.columns.copy_(columns[0])
        theirs.step(5000)
        moved = torch.cat(
            [
                (value[0] - theirs.value.detach()).flatten() / theirs.value_rate,
                (columns[0] - theirs.columns.detach()).flatten() / theirs.attention_rate,
            ]
        )
        steps.append(moved)
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
