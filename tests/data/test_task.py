"""Tasks: what is drawn satisfies what the paper assumes, and says so where it does not."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from scb.data.geometry import squared_norm
from scb.data.samplers import SAMPLERS, WEIGHTS
from scb.data.task import Task
from scb.settings.training import Sampler, Weights

FALSE_ALARM = 1e-6

TENSORS = ("transition", "stationary", "positions", "weights")


def equal(left, right):
    return all(torch.equal(getattr(left, name), getattr(right, name)) for name in TENSORS)


def with_(task, **changes):
    fields = {name: getattr(task, name) for name in (*TENSORS, "length", "seeds")}
    return Task(**(fields | changes))


@settings(deadline=None, max_examples=60)
@given(
    states=st.integers(2, 12),
    length=st.integers(1, 40),
    part=st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
    sampler=st.sampled_from(sorted(SAMPLERS)),
    weights=st.sampled_from(sorted(WEIGHTS)),
    constant=st.sampled_from([3.0, 4.0, 10.0]),
)
def test_a_drawn_task_is_one(states, length, part, seed, sampler, weights, constant):
    assume(sampler != "nontrivial" or states > 2)  # of two states only equality can hold
    sparsity = 1 + int(part * (length - 1))
    options = {"sampler": sampler, "weights": weights, "constant": constant}
    task = Task.sample(states, length, sparsity, seed, **options)
    assert (task.states, task.sparsity, task.length) == (states, sparsity, length)
    one = torch.ones(states, dtype=torch.float64)
    torch.testing.assert_close(task.transition.sum(0), one, rtol=0, atol=1e-12)
    moved = task.transition @ task.stationary
    torch.testing.assert_close(moved, task.stationary, rtol=0, atol=1e-12)
    torch.testing.assert_close(task.weights.sum(0), one, rtol=0, atol=1e-12)
    assert (task.transition >= 0).all()
    for values, count in ((task.stationary, states), (task.weights, sparsity)):
        assert values.min() >= 1 / (constant * count) * (1 - 1e-9)
        assert values.max() <= constant / count * (1 + 1e-9)
    assert (task.positions.diff(dim=0) > 0).all()
    assert task.positions.min() >= 0
    assert task.positions.max() < length
    assert not any("(b)" in line for line in task.violations(constant))
    assert equal(task, Task.sample(states, length, sparsity, seed, **options))


def test_settings_name_every_sampler_and_no_other():
    assert set(get_args(Sampler)) == set(SAMPLERS)
    assert set(get_args(Weights)) == set(WEIGHTS)


def test_frozen():
    # Every result depends on the draws of a seed: they must not change unnoticed.
    task = Task.sample(3, 5000, 2, 0)
    assert task.positions.tolist() == [[2799, 3354, 1970], [4675, 4078, 4287]]
    mu = [0.1539380019684578, 0.2611973440672568, 0.5848646539642854]
    assert task.stationary.tolist() == pytest.approx(mu, abs=1e-14)


def test_nontrivial_tasks_satisfy_clause_c():
    for seed in range(5):
        task = Task.sample(3, 50, 2, seed, sampler="nontrivial")
        assert task.transition_energy >= task.stationary.square().sum()


def test_softmax_columns_are_of_independent_gaussian_logits():
    drawn = [Task.sample(3, 50, 2, seed, sampler="softmax").transition for seed in range(400)]
    logits = torch.stack(drawn).log()  # (400, 3, 3), each column less a constant
    differences = logits[:, 0] - logits[:, 1]
    assert abs(differences.mean()) < 4 * (2 / 1200) ** 0.5
    assert differences.var().item() == pytest.approx(2, rel=0.2)


def test_uniform_entries_are_as_likely_to_be_the_larger():
    drawn = [Task.sample(3, 50, 2, seed, sampler="entries").transition for seed in range(400)]
    ratio = torch.stack(drawn)[:, 0] / torch.stack(drawn)[:, 1]  # of two uniform numbers
    assert (ratio < 0.5).double().mean().item() == pytest.approx(0.25, abs=0.06)


def test_stationary_distribution_of_two_states():
    # Leaving state 0 with probability a and state 1 with b: mu = (b, a) / (a + b).
    task = Task.sample(2, 10, 1, 5)
    a, b = task.transition[1, 0].item(), task.transition[0, 1].item()
    assert task.stationary.tolist() == pytest.approx([b / (a + b), a / (a + b)], abs=1e-14)


def test_dirichlet_columns_have_their_moments():
    # Dirichlet(1) in N = 30, where clause (b) rejects next to nothing: mean 1/N and
    # variance (N - 1) / (N^2 (N + 1)) of every entry.
    entries = torch.stack([Task.sample(30, 5, 1, seed).transition for seed in range(30)])
    rows = entries.mean((0, 2))  # 900 columns each
    spread = (29 / 30**2 / 31) ** 0.5
    assert (rows - 1 / 30).abs().max() < 6 * spread / 900**0.5
    assert entries.std().item() == pytest.approx(spread, rel=0.05)


def test_positions_are_uniform():
    counts = np.zeros(10)
    for seed in range(60):
        counts += np.bincount(Task.sample(20, 10, 3, seed).positions.flatten(), minlength=10)
    # Without replacement the cells vary less than a multinomial's: the test is conservative.
    assert stats.chisquare(counts).pvalue > FALSE_ALARM


def test_balanced_keeps_a_prescribed_stationary_distribution():
    stationary = torch.tensor([0.05, 0.15, 0.3, 0.5], dtype=torch.float64)
    energies = []
    for concentration in (0.2, 1.0, 100.0):
        tasks = Task.stack(
            [
                Task.sample(
                    4,
                    20,
                    2,
                    seed,
                    sampler="balanced",
                    concentration=concentration,
                    stationary=stationary,
                )
                for seed in range(10)
            ]
        )
        assert torch.equal(tasks.stationary, stationary.expand(10, 4))
        moved = (tasks.transition @ stationary[:, None])[..., 0]
        torch.testing.assert_close(moved, tasks.stationary, rtol=0, atol=1e-12)
        energies.append(tasks.transition_energy.mean().item())
    assert energies[0] > energies[1] > 10 * energies[2] > 0


def test_large_tasks_are_never_dense():
    # Dense, one column of this attention pattern would take 8 TB.
    task = Task.sample(500, 10**12, 4, 1)
    assert task.attention_energy.item() == pytest.approx(1 / 4, rel=1e-9)


def test_attention_and_energies_by_their_definitions():
    tasks = Task.stack([Task.sample(4, 9, 3, seed, weights="drawn") for seed in range(3)])
    dense = torch.zeros(3, 9, 4, dtype=torch.float64)
    for replicate in range(3):
        for state in range(4):
            for entry in range(3):
                position = tasks.positions[replicate, entry, state]
                dense[replicate, position, state] = tasks.weights[replicate, entry, state]
    assert torch.equal(tasks.attention, dense)
    diagonal = torch.diag_embed(tasks.stationary)
    for matrix, energy, floor in (
        (tasks.transition, tasks.transition_energy, tasks.stationary.square().sum(-1)),
        (dense, tasks.attention_energy, torch.tensor(1 / 9)),
    ):
        norm = (matrix @ diagonal @ matrix.mT).diagonal(dim1=-2, dim2=-1).sum(-1)
        torch.testing.assert_close(energy, norm - floor)
        torch.testing.assert_close(squared_norm(matrix, tasks.stationary), norm)


def test_each_violated_clause_is_named():
    identity = torch.eye(2, dtype=torch.float64)
    good = Task(
        transition=identity,
        stationary=torch.tensor([0.5, 0.5], dtype=torch.float64),
        positions=torch.tensor([[0, 1]]),
        weights=torch.ones(1, 2, dtype=torch.float64),
        length=2**10,
        seeds=(0,),
    )
    assert good.violations() == []  # |P|^2 = 1 and |mu|^2 = 1/2: clause (c) holds with equality
    assert good.transition_energy.item() == 0.5

    (line,) = with_(good, length=2**10 - 1).violations()
    assert "(d)" in line
    assert "1023" in line
    (line,) = with_(good, transition=identity * 0.8 + 0.1).violations()
    assert "(c)" in line
    assert "0.32" in line  # |P|^2 = 0.82
    skewed = with_(
        good,
        stationary=torch.tensor([0.1, 0.9], dtype=torch.float64),
    )
    lines = skewed.violations()
    assert lines[0].startswith("(b) mu in [0.1, 0.9]")
    assert skewed.violations(constant=5.0) == lines[1:]  # 1/(5*2) = 0.1: allowed
    uneven = with_(
        good,
        positions=torch.tensor([[0, 1], [2, 3]]),
        weights=torch.tensor([[0.9, 0.5], [0.1, 0.5]], dtype=torch.float64),
        length=4**10,
    )
    (line,) = uneven.violations()
    assert line.startswith("(b) weights of Q in [0.1, 0.9]")

    stacked = Task.stack([good, with_(good, transition=identity * 0.8 + 0.1)])
    (line,) = stacked.violations()
    assert line.startswith("replicate 1: (c)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"states": 1}, r"states is 1: .*\[2, 65536\]"),
        ({"states": 65537}, r"states is 65537: .*\[2, 65536\]"),
        ({"length": 0}, "length is 0: .*at least 1"),
        ({"sparsity": 0}, r"sparsity is 0: .*\[1, 10\]"),
        ({"sparsity": 11}, r"sparsity is 11: .*\[1, 10\]"),
        ({"seed": -1}, "seed is -1"),
        ({"sampler": "uniform"}, "sampler is 'uniform': .*'dirichlet'.* or 'balanced'"),
        ({"weights": "equal"}, "weights is 'equal': .*'uniform' or 'drawn'"),
        ({"concentration": 0.0}, "concentration is 0.0: .*positive"),
        ({"concentration": float("nan")}, "concentration is nan: .*positive"),
        ({"constant": 1.0}, "constant is 1.0: .*above 1"),
        ({"stationary": torch.ones(3) / 3}, "stationary is given: only sampler 'balanced'"),
        ({"sampler": "balanced", "stationary": torch.ones(2) / 2}, r"shape \(2,\): .*\(3,\)"),
        (
            {"sampler": "balanced", "stationary": torch.tensor([0.0, 0.5, 0.5])},
            "minimum 0.0 and sum 1.0: it must be positive",
        ),
        (
            {"constant": 1.0001},
            "states 3 and constant 1.0001 has .*raise constant",
        ),
        (
            {"sampler": "balanced", "concentration": 1e-6, "states": 4},
            "states 4, concentration 1e-06: raise",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Task.sample(**{"states": 3, "length": 10, "sparsity": 2, "seed": 0, **arguments})


def test_only_single_tasks_of_one_shape_stack():
    one, longer = Task.sample(3, 10, 2, 0), Task.sample(3, 11, 2, 0)
    for tasks in ([], [one, longer], [Task.stack([one])]):
        with pytest.raises(ValueError, match="single tasks of one shape"):
            Task.stack(tasks)


def test_to_moves_floats_only():
    task = Task.sample(3, 10, 2, 0).to(dtype=torch.float32)
    assert task.transition.dtype == task.stationary.dtype == task.weights.dtype == torch.float32
    assert task.attention.dtype == torch.float32
    assert task.positions.dtype == torch.int64


def test_save_and_load_are_exact(tmp_path):
    tasks = Task.stack(
        [Task.sample(12, 5001, 3, seed, weights="drawn") for seed in (2**63 - 1, 0, 7)]
    )
    tasks.save(tmp_path / "tasks.parquet")
    found = Task.load(tmp_path / "tasks.parquet")
    assert equal(tasks, found)
    assert (found.length, found.seeds) == (5001, (2**63 - 1, 0, 7))


def test_a_single_task_loads_as_one_replicate(tmp_path):
    task = Task.sample(4, 6, 1, 3)
    task.save(tmp_path / "task.parquet")
    assert equal(Task.load(tmp_path / "task.parquet"), Task.stack([task]))


def test_select_keeps_replicates_as_they_are(make_task):
    task = make_task(3, 8, replicates=4)
    some = task.select([2, 0])
    assert some.seeds == (task.seeds[2], task.seeds[0])
    alone = task.replicate(2)
    assert alone.seeds == some.seeds[:1]
    for name in ("transition", "stationary", "positions", "weights"):
        assert torch.equal(getattr(some, name)[0], getattr(task, name)[2])
        assert torch.equal(getattr(some, name)[1], getattr(task, name)[0])
        assert torch.equal(getattr(alone, name), getattr(some, name)[:1])
