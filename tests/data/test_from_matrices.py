"""Tasks of one's own: dense matrices become a task, and what is wrong is named on one line."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_task import WRONG, P, Q

from scb.data.samplers import SAMPLERS, WEIGHTS
from scb.data.stream import Stream
from scb.data.task import GIVEN, Task
from scb.learning.metrics import support_found
from scb.store.tables import TableError

TENSORS = ("transition", "stationary", "positions", "weights")


@settings(deadline=None, max_examples=60)
@given(
    states=st.integers(2, 12),
    length=st.integers(2, 40),
    part=st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
    sampler=st.sampled_from([name for name in sorted(SAMPLERS) if name != "nontrivial"]),
    weights=st.sampled_from(sorted(WEIGHTS)),
    convert=st.sampled_from([lambda tensor: tensor, torch.Tensor.numpy, torch.Tensor.tolist]),
)
def test_a_drawn_task_comes_back_from_its_matrices(
    states, length, part, seed, sampler, weights, convert
):
    sparsity = 1 + int(part * (length - 2))
    task = Task.sample(states, length, sparsity, seed, sampler=sampler, weights=weights)
    matrices = convert(task.transition), convert(task.attention)
    found = Task.from_matrices(*matrices, length=length, stationary=convert(task.stationary))
    # What sums to 1 within rounding errors is not touched.
    for name in TENSORS:
        assert torch.equal(getattr(found, name), getattr(task, name)), name
    assert (found.length, found.seeds) == (length, (GIVEN,))
    if (task.transition > 0).all():  # P has one mu
        alone = Task.from_matrices(*matrices)
        torch.testing.assert_close(alone.stationary, task.stationary, rtol=1e-9, atol=0)


def test_single_precision_is_enough():
    task = Task.sample(20, 50, 3, 0, weights="drawn")
    found = Task.from_matrices(task.transition.float(), task.attention.float().numpy())
    for name in ("transition", "weights"):
        torch.testing.assert_close(getattr(found, name), getattr(task, name), rtol=3e-7, atol=0)
        total = getattr(found, name).sum(0)
        torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-15)


def test_the_stationary_distribution_is_the_eigenvector():
    values, vectors = np.linalg.eig(P)
    mu = np.real(vectors[:, np.argmax(np.real(values))])
    task = Task.from_matrices(P, Q)
    np.testing.assert_allclose(task.stationary, mu / mu.sum(), rtol=1e-12)
    # A permutation is irreducible, though its powers do not converge.
    turn = Task.from_matrices(np.roll(np.eye(3), 1, axis=0), Q)
    np.testing.assert_allclose(turn.stationary, 1 / 3, rtol=1e-12)


def test_columns_of_several_sizes_have_positions_of_weight_0():
    task = Task.from_matrices(P, Q)
    assert (task.sparsity, task.length) == (2, 4)
    assert task.positions.T.tolist() == [[1, 2], [0, 1], [0, 3]]
    assert task.weights.T.tolist() == [[0.25, 0.75], [0.5, 0.5], [0, 1]]
    assert torch.equal(task.attention, torch.from_numpy(Q))
    assert task.attention_energy.item() == pytest.approx(
        ((Q**2).sum(0) * task.stationary.numpy()).sum() - 1 / 4
    )


def test_nothing_is_drawn_from_a_position_of_weight_0():
    task = Task.stack([Task.from_matrices(P, Q)])
    batch = Stream(task, [3]).batch(0, 20000)
    counts = np.zeros_like(Q)
    np.add.at(counts, (batch.sources[0].numpy(), batch.queries[0].numpy()), 1)
    assert (counts[Q == 0] == 0).all()
    np.testing.assert_allclose(counts / counts.sum(0), Q, atol=0.03)


def test_training_does_not_depend_on_the_positions_of_weight_0():
    from scb.learning.algorithm import train
    from scb.learning.metrics import AttentionStatistics, measure
    from scb.learning.models import LinearTransformer
    from scb.learning.optimizers import preconditioned

    task = Task.stack([Task.from_matrices(P, Q)])
    other = replace(task, positions=torch.tensor([[[1, 0, 2], [2, 1, 3]]]))
    assert not torch.equal(task.positions, other.positions)
    assert torch.equal(task.attention, other.attention)
    ends = []
    for one in (task, other):
        model = LinearTransformer.initial(one)
        train(model, preconditioned(one, model, 0.05, 1e-3), Stream(one, [5]), range(30), 16)
        columns = model.columns.detach()
        found = measure(one, model.value.detach(), AttentionStatistics.of(one, columns))
        ends.append((model.value.detach(), columns, *found.values(), support_found(one, columns)))
    for mine, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
    # By the definition of the distance, from the dense pattern.
    _, columns, *_ = ends[0]
    gap = columns.double().mT[0] - task.attention[0]
    distance = (gap.square().sum(0) * task.stationary[0]).sum().sqrt()
    found = measure(task, ends[0][0], AttentionStatistics.of(task, columns))
    torch.testing.assert_close(found["attention_distance"][0], distance)


def test_support_counts_positions_of_positive_weight_alone():
    longer = np.vstack([Q, np.zeros((36, 3))])  # where uniform attention is small
    task = Task.stack([Task.from_matrices(P, longer)])
    assert support_found(task, task.attention.mT).tolist() == [1.0]
    missed = task.attention.mT.clone()
    missed[0, 2] = missed[0, 2].roll(1)  # its only position
    assert support_found(task, missed).tolist() == [4 / 5]


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name):
    matrices, said = WRONG[name]
    with pytest.raises(ValueError, match=said) as fault:
        Task.from_matrices(*matrices)
    assert len(str(fault.value).splitlines()) == 1
    assert len(str(fault.value)) < 200


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"length": 5}, "length is 5: attention has 4 rows"),
        ({"stationary": [0.2, 0.3, 0.5]}, r"stationary\[0\] is 0.2, but \(P mu\)\[0\] is 0.31: "),
        ({"stationary": [0.5, 0.5]}, r"transition has shape \(3, 3\): it must be \(2, 2\)"),
        ({"stationary": [0.0, 0.5, 0.5]}, r"stationary\[0\] is 0: it must be positive"),
        ({"stationary": [0.1, 0.1, 0.1]}, "stationary sums to 0.3: it must sum to 1"),
    ],
)
def test_options_that_do_not_fit_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        Task.from_matrices(P, Q, **options)


def test_a_reducible_chain_is_taken_with_a_stationary_distribution():
    task = Task.from_matrices(np.eye(3), Q, stationary=[0.2, 0.3, 0.5])
    assert task.stationary.tolist() == [0.2, 0.3, 0.5]


GOOD = Task.stack([Task.sample(3, 8, 2, seed) for seed in (0, 1)])
BROKEN = {
    "stationary": (lambda x: x.flip(-1), r"stationary\[0, 0\] is .*, but \(P mu\)\[0, 0\] is "),
    "transition": (lambda x: x.mT, r"transition\[0, :, 0\] sums to .*: it must sum to 1"),
    "weights": (lambda x: 2 * x, r"weights\[0, :, 0\] sums to 2: it must sum to 1"),
    "positions": (lambda x: x.flip(-2), r"positions\[0, :, 0\] has . after .: .* must increase"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_constructor_and_save_refuse_what_is_no_ground_truth(name, tmp_path):
    change, said = BROKEN[name]
    broken = change(getattr(GOOD, name))
    with pytest.raises(ValueError, match=said):
        replace(GOOD, **{name: broken})
    edited = GOOD.to()
    edited = replace(edited, **{key: getattr(edited, key).clone() for key in TENSORS})
    getattr(edited, name).copy_(broken.clone())
    with pytest.raises(ValueError, match=said):
        edited.save(tmp_path / "task.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"positions": GOOD.positions * 0 + 3}, r"positions\[0, :, 0\] has 3 twice"),
        ({"positions": GOOD.positions + 8}, r"positions\[0, 0, 0\] is \d+: .* = \[0, 8\)"),
        ({"positions": GOOD.positions.int()}, "positions is of torch.int32"),
        ({"positions": GOOD.positions[:, :1]}, r"weights has shape \(2, 2, 3\)"),
        ({"positions": GOOD.positions[0]}, r"positions has shape \(2, 3\): it must be \(2, Q, 3\)"),
        ({"transition": GOOD.transition[0]}, r"transition has shape \(3, 3\): .*\(2, 3, 3\)"),
        ({"stationary": GOOD.stationary[None]}, r"stationary has shape \(1, 2, 3\): "),
        ({"weights": GOOD.weights * torch.nan}, r"weights\[0, 0, 0\] is nan: "),
        ({"length": 1}, r"sparsity is 2: it must be in \[1, length\] = \[1, 1\]"),
        ({"seeds": (0,)}, "seeds has 1 entries"),
    ],
)
def test_the_constructor_names_what_is_wrong(changes, said):
    with pytest.raises(ValueError, match=said):
        replace(GOOD, **changes)


def test_load_refuses_what_is_no_ground_truth(tmp_path, monkeypatch):
    path = tmp_path / "task.parquet"
    monkeypatch.setattr(Task, "check", lambda self: None)
    replace(GOOD, weights=2 * GOOD.weights).save(path)
    monkeypatch.undo()
    with pytest.raises(TableError, match=r"task.parquet: weights\[0, :, 0\] sums to 2"):
        Task.load(path)


def test_tasks_of_several_sizes_in_one_file_are_refused(tmp_path):
    from scb.data.tables import TASKS
    from scb.store import tables

    path = tmp_path / "task.parquet"
    GOOD.save(path)
    frame = tables.read(path, TASKS)
    frame["positions"] = [x[:1] if place == 4 else x for place, x in enumerate(frame["positions"])]
    tables.write(frame, path, TASKS, {})
    with pytest.raises(TableError, match="its tasks are of several sizes"):
        Task.load(path)


def test_a_task_of_ones_own_is_saved_and_loaded(tmp_path):
    task = Task.from_matrices(P, Q)
    task.save(tmp_path / "task.parquet")
    found = Task.load(tmp_path / "task.parquet")
    for name in TENSORS:
        assert torch.equal(getattr(found, name)[0], getattr(task, name))
    assert found.seeds == (GIVEN,)
