"""Recall: sequences, the model that is trained on them, and how it is judged."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from scb.experiments.recall import stacks
from scb.rebased.adamw import StackedAdamW
from scb.rebased.model import GatedConvolution, RecallModel, at, norm
from scb.rebased.recall import POWER, Recall, RecallTask, fingerprints, require_no_leak
from scb.rebased.shift import causal_convolution
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.training import Split, _backward, judge, train

SMALL = RecallTask(vocabulary=20, length=12, pairs=2, seed=0)


@st.composite
def tasks(draw):
    pairs = draw(st.integers(1, 6))
    length = 2 * draw(st.integers(2 * pairs, 2 * pairs + 12))
    vocabulary = draw(st.integers(max(length + 1, 2 * pairs + 2), length + 40))
    return RecallTask(vocabulary, length, pairs, draw(st.integers(0, 2**40)))


@settings(max_examples=60, deadline=None)
@given(task=tasks(), count=st.integers(1, 20))
def test_layout(task, count):
    recall = task.draw(count, "train", 0)
    told, half = 2 * task.pairs, task.vocabulary // 2
    assert recall.tokens.shape == (count, task.length)
    keys, values = recall.tokens[:, 0:told:2], recall.tokens[:, 1:told:2]
    assert ((keys >= 1) & (keys < half)).all()
    assert ((values >= half) & (values < task.vocabulary)).all()
    for row in range(count):
        assert len(set(keys[row].tolist())) == len(set(values[row].tolist())) == task.pairs
        told_value = dict(zip(keys[row].tolist(), values[row].tolist(), strict=True))
        positions = recall.positions[row].tolist()
        asked = recall.tokens[row, recall.positions[row]].tolist()
        # Each key is queried once, in a slot of its own, and its label is what was told.
        assert sorted(asked) == sorted(told_value)
        assert [told_value[key] for key in asked] == recall.targets[row].tolist()
        assert len(set(positions)) == task.pairs
        assert all(told <= p < task.length and (p - told) % 2 == 0 for p in positions)
        filler = recall.tokens[row, told:].clone()
        filler[recall.positions[row] - told] = 0
        assert (filler == 0).all()


def test_drawing_is_a_function_of_the_names():
    one, again = SMALL.draw(50, "train", 3, 7), SMALL.draw(50, "train", 3, 7)
    for name in ("tokens", "positions", "targets"):
        assert torch.equal(getattr(one, name), getattr(again, name))
    for names in (("train", 3, 8), ("train", 4, 7), ("validation", 3, 7)):
        assert not torch.equal(one.tokens, SMALL.draw(50, *names).tokens)
    other = RecallTask(20, 12, 2, seed=1).draw(50, "train", 3, 7)
    assert not torch.equal(one.tokens, other.tokens)


def test_slots_follow_the_power_law():
    # One pair, so one slot of five with weight j^(a - 1); false alarm 1e-4.
    recall = RecallTask(20, 12, 1, 0).draw(20000, "train", 0)
    slots = (recall.positions.flatten() - 2) // 2
    weights = torch.arange(1, 6).double() ** (POWER - 1)
    expected = 20000 * weights / weights.sum()
    assert stats.chisquare(torch.bincount(slots, minlength=5), expected).pvalue > 1e-4


def test_second_slot_is_drawn_without_the_first():
    # Two of four slots, one after the other: the law of Gumbel top-k. False alarm 1e-4.
    recall = RecallTask(20, 12, 2, 0).draw(30000, "train", 1)
    first, second = ((recall.positions - 4) // 2).T
    weights = torch.arange(1, 5).double() ** (POWER - 1)
    counts, expected = [], []
    for i in range(4):
        for j in range(4):
            if i != j:
                counts.append(int(((first == i) & (second == j)).sum()))
                chance = weights[i] / weights.sum() * weights[j] / (weights.sum() - weights[i])
                expected.append(30000 * float(chance))
    assert stats.chisquare(counts, expected).pvalue > 1e-4


def test_keys_and_values_are_uniform():
    # False alarm 1e-4 each; V = 20 has 9 keys and 10 values.
    recall = SMALL.draw(20000, "train", 2)
    for tokens, low, count in ((recall.tokens[:, 0], 1, 9), (recall.tokens[:, 3], 10, 10)):
        assert stats.chisquare(torch.bincount(tokens - low, minlength=count)).pvalue > 1e-4


@pytest.mark.parametrize(
    ("vocabulary", "length", "pairs"), [(20, 12, 4), (12, 12, 3), (20, 13, 3), (20, 12, 0)]
)
def test_impossible_tasks_are_refused(vocabulary, length, pairs):
    with pytest.raises(ValueError, match=f"pairs is {pairs}"):
        RecallTask(vocabulary, length, pairs, 0)


def test_leak_is_found():
    held_out = fingerprints(SMALL.draw(100, "test", 0).tokens)
    # At this size the splits do overlap: there are few sequences.
    many = fingerprints(SMALL.draw(20000, "train", 0).tokens)
    with pytest.raises(ValueError, match="of 100 held-out sequences are in another split"):
        require_no_leak(many, held_out)
    large = RecallTask(256, 64, 16, 0)
    trained, held_out = (
        fingerprints(large.draw(2000, split, 0).tokens) for split in ("train", "test")
    )
    require_no_leak(trained, held_out)
    with pytest.raises(ValueError, match="1 of 2000"):
        require_no_leak(torch.cat([trained, held_out[7:8]]), held_out)


def test_training_tells_a_leak():
    # SMALL has 77760 sequences; in the second split it is validation that meets test.
    for split in (Split(batch=400, validation=1, test=200), Split(1, 400, 400)):
        model = RecallModel(SIMILARITIES["square"], 20, 8, 4, [0])
        with pytest.raises(ValueError, match="held-out sequences are in another split"):
            train(model, SMALL, split, runs=[0], rates=[0.01], steps=4, every=4, solved=1.1)


def test_fingerprints_tell_sequences_apart():
    tokens = RecallTask(40, 20, 3, 0).draw(5000, "train", 0).tokens
    assert len(set(fingerprints(tokens).tolist())) == len({tuple(row) for row in tokens.tolist()})
    assert not torch.equal(fingerprints(tokens), fingerprints(tokens.flip(-1)))


def test_at():
    x = torch.arange(24.0).view(2, 4, 3)
    positions = torch.tensor([[3, 0], [1, 1]])
    expected = torch.stack([x[0, [3, 0]], x[1, [1, 1]]])
    assert torch.equal(at(x, positions), expected)


def test_convolution_by_definition():
    torch.manual_seed(0)
    layer = GatedConvolution(4).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    u = torch.randn(2, 6, 4, dtype=torch.float64)
    expected = torch.empty_like(u)
    for t in range(6):
        mixed = layer.bias.clone()
        for lag in range(3):
            if t - lag >= 0:
                mixed = mixed + layer.taps[2 - lag] * u[:, t - lag]
        gate = u[:, t] @ layer.gate.weight.T + layer.gate.bias
        expected[:, t] = u[:, t] + mixed * gate
    torch.testing.assert_close(layer(u), expected)


def test_convolution_has_its_gradient():
    torch.manual_seed(0)
    inputs = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 3, 5, 4), (2, 3, 4))
    ]
    assert torch.autograd.gradcheck(causal_convolution, inputs)


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize("name", sorted(SIMILARITIES))
def test_model_sees_no_future(name, placement):
    model = RecallModel(SIMILARITIES[name], 20, 8, 4, [0, 1], placement=placement).double()
    recall = Recall.stacked([SMALL.draw(5, "train", run) for run in range(2)])
    logits = model(recall)
    assert logits.shape == (2, 5, 2, 20)
    for query in range(2):
        later = torch.arange(12) > recall.positions[..., query, None]
        changed = torch.where(later, 19, recall.tokens)
        again = model(Recall(changed, recall.positions, recall.targets))
        assert torch.equal(again[:, :, query], logits[:, :, query])


def test_model_by_definition():
    """One run of softmax, written out: each token and each head by itself."""
    torch.manual_seed(0)
    for placement in ("before", "after"):
        model = RecallModel(SIMILARITIES["softmax"], 20, 8, 4, [3], 0.5, placement).double()
        recall = Recall.stacked([SMALL.draw(2, "train", 0)])
        p = {name: value[0] for name, value in model.named_parameters()}
        x = p["embedding"][recall.tokens[0]]  # (B, T, d)
        for block in range(2):
            u = norm(x) if placement == "before" else x
            c, a = f"convolutions.{block}.", f"attentions.{block}."
            padded = torch.cat([torch.zeros(2, 2, 8, dtype=u.dtype), u], 1)
            mixed = p[c + "bias"] + sum(
                p[c + "taps"][lag] * padded[:, lag : lag + 12] for lag in range(3)
            )
            u = u + mixed * (u @ p[c + "gate.weight"].T + p[c + "gate.bias"])
            scores = (u @ p[a + "query.weight"].T) @ (u @ p[a + "key.weight"].T).mT / 2
            weights = scores.masked_fill(torch.ones(12, 12).triu(1).bool(), -torch.inf).softmax(-1)
            x = x + weights @ (u @ p[a + "value.weight"].T) @ p[a + "out.weight"].T
            x = norm(x) if placement == "after" else x
        logits = (norm(x) if placement == "before" else x) @ p["embedding"].T
        expected = torch.stack([logits[row, recall.positions[0, row]] for row in range(2)])
        torch.testing.assert_close(model(recall)[0], expected)


@pytest.mark.parametrize("name", sorted(SIMILARITIES))
def test_stacked_runs_have_the_gradients_that_they_have_alone(name):
    def gradients(runs):
        model = RecallModel(SIMILARITIES[name], 20, 8, 4, [7 + run for run in runs], 0.3).double()
        _backward(model, Recall.stacked([SMALL.draw(6, "train", run) for run in runs]))
        return {place: parameter.grad for place, parameter in model.named_parameters()}

    together = gradients([0, 1, 2])
    for run in range(3):
        for place, gradient in gradients([run]).items():
            torch.testing.assert_close(together[place][run], gradient[0])


def test_models_of_one_seed_start_alike():
    based, rebased = (RecallModel(SIMILARITIES[n], 20, 8, 4, [3]) for n in ("based", "rebased"))
    other = RecallModel(SIMILARITIES["based"], 20, 8, 4, [4])
    parameters = dict(rebased.named_parameters())
    for name, parameter in based.named_parameters():
        assert torch.equal(parameter, parameters[name])
    assert not torch.equal(based.embedding, other.embedding)
    affine = {name for name in parameters if "gamma" in name or "beta" in name}
    assert set(parameters) - set(dict(based.named_parameters())) == affine
    assert len(affine) == 8  # two blocks, queries and keys, gamma and beta


def test_models_of_different_widths_start_alike():
    # As a linear kernel and a square one do: all but queries and keys.
    narrow = dict(RecallModel(SIMILARITIES["square"], 20, 8, 4, [3]).named_parameters())
    wide = dict(RecallModel(SIMILARITIES["elu"], 20, 8, 10, [3]).named_parameters())
    assert narrow.keys() == wide.keys()
    for name, parameter in narrow.items():
        assert torch.equal(parameter, wide[name]) != ("query" in name or "key" in name)


def test_initial_weights():
    # Normal, of standard deviation 0.02; the largest of 8192 is below 0.1. False alarm 1e-4.
    parameters = dict(RecallModel(SIMILARITIES["rebased"], 256, 32, 8, [0]).named_parameters())
    embedding = parameters["embedding"].detach().flatten() / 0.02
    assert stats.kstest(embedding.numpy(), "norm").pvalue > 1e-4
    taps = parameters["convolutions.0.taps"].detach()
    assert 0.3 < taps.abs().max() <= 3**-0.5
    for name, parameter in parameters.items():
        if name.endswith(("bias", "beta")):
            assert (parameter == 0).all()
        if name.endswith("gamma"):
            assert (parameter == 1).all()


def test_judge_counts_right_answers():
    recall = Recall.stacked([SMALL.draw(70, "test", run) for run in range(2)])

    def oracle(part):
        logits = torch.zeros(*part.targets.shape, 20)
        said = part.targets.clone()
        said[1, :, 0] = 0  # in the second run one of two wrong
        return logits.scatter(-1, said[..., None], 100.0)

    (loss, accuracy), half = judge(oracle, recall)
    assert accuracy == 1
    assert loss == pytest.approx(0, abs=1e-6)
    assert half == (pytest.approx(50.0), 0.5)


TASK = RecallTask(vocabulary=64, length=16, pairs=3, seed=0)


def run(name="softmax", runs=(0,), double=False, **changed):
    model = RecallModel(SIMILARITIES[name], 64, 16, 4, [5 + index for index in runs])
    options = {"rates": [3e-2] * len(runs), "steps": 200, "every": 20, "solved": 0.9} | changed
    split = Split(batch=32, validation=64, test=256)
    return train(model.double() if double else model, TASK, split, runs=runs, **options)


def test_training_learns_to_recall():
    (found,) = run(steps=300)
    assert found.checkpoints[0].step == 0
    assert found.checkpoints[0].accuracy < 0.1
    assert found.checkpoints[-1].accuracy >= 0.9
    assert found.checkpoints[-1].step < 300  # stopped by the validation split
    assert found.accuracy > 0.8


@pytest.mark.parametrize("name", ["elu", "based", "rebased"])
def test_training_lowers_the_loss(name):
    for found in run(name, runs=(0, 1), steps=100):
        assert found.checkpoints[-1].loss < 0.9 * found.checkpoints[0].loss


def test_stacked_runs_train_as_they_do_alone():
    """Each ends when it would. In single precision Adam makes errors of rounding grow."""
    options = {"double": True, "steps": 60, "every": 15, "solved": 0.12}
    runs, rates = (0, 1, 2, 1), (0.03, 0.03, 0.03, 0.01)
    together = run(runs=runs, rates=rates, **options)
    assert len({found.checkpoints[-1].step for found in together}) > 1
    for index, rate, found in zip(runs, rates, together, strict=True):
        (alone,) = run(runs=(index,), rates=[rate], **options)
        assert (found.index, found.rate) == (alone.index, alone.rate) == (index, rate)
        assert found.accuracy == alone.accuracy
        steps = [[look.step for look in one.checkpoints] for one in (found, alone)]
        assert steps[0] == steps[1]
        losses = [[look.loss for look in one.checkpoints] for one in (found, alone)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_optimizer_is_that_of_torch():
    """At one rate; and at several, each run as if it were alone at its own."""
    torch.manual_seed(0)
    start = torch.randn(3, 4, 5, dtype=torch.float64)
    gradients = torch.randn(7, 3, 4, 5, dtype=torch.float64)
    rates, scales = [0.1, 0.02, 0.3], [1.0, 0.8, 0.5, 0.5, 0.4, 0.1, 0.0]
    stacked = torch.nn.Parameter(start.clone())
    optimizer = StackedAdamW([stacked], rates, weight_decay=0.1)
    alone = [torch.nn.Parameter(one.clone()) for one in start]
    theirs = [torch.optim.AdamW([one], weight_decay=0.1) for one in alone]
    left = [0, 1, 2]
    for step, scale in enumerate(scales):
        if step == 4:
            optimizer.keep([0, 2])
            left = [0, 2]
        stacked.grad = gradients[step, left]
        optimizer.step(scale)
        for place in left:
            alone[place].grad = gradients[step, place]
            theirs[place].param_groups[0]["lr"] = scale * rates[place]
            theirs[place].step()
    for place, one in zip(left, stacked, strict=True):
        torch.testing.assert_close(one, alone[place].detach())


def test_training_ends_at_the_cap():
    (found,) = run(steps=30, solved=1.1)
    assert [checkpoint.step for checkpoint in found.checkpoints] == [0, 20, 30]
    assert 0 <= found.accuracy <= 1


def test_training_is_reproducible():
    assert run(steps=30) == run(steps=30)
    assert run(steps=30)[0].checkpoints != run(steps=30, runs=(1,))[0].checkpoints


def test_run_that_blows_up_stops():
    for found in run("identity", runs=(0, 1), rates=[1e6] * 2, steps=100):
        assert len(found.checkpoints) < 6


@pytest.mark.parametrize(
    ("rates", "runs", "sizes"),
    [([1.0], 1, [1]), ([1.0], 7, [3, 4]), ([1.0], 21, [5, 5, 5, 6]), ([1.0, 2.0], 5, [5, 5])],
)
def test_stacks_are_even(rates, runs, sizes):
    found = stacks(SimpleNamespace(rates=rates, runs=runs))
    assert [len(stack) for stack in found] == sizes
    every = [(rate, index) for rate in rates for index in range(runs)]
    assert [one for stack in found for one in stack] == every
