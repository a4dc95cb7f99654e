"""The model of language, its training and its bits per byte."""

import math

import pytest
import torch
import torch.nn.functional as F

from scb.rebased.attention import recurrent
from scb.rebased.language import LanguageModel
from scb.rebased.language_training import Bits, judge, losses, train
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.text import HeldOut, Text

V, T = 12, 10
each_kernel = pytest.mark.parametrize("kernel", SIMILARITIES)


def model_of(kernel, seed=0, features=4):
    """Weights large enough that every part has a say."""
    model = LanguageModel(SIMILARITIES[kernel], V, 8, features, 2, seed).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    return model


def text_of(splits):
    """Tokens that follow each other in a circle, of 1, 2 or 3 bytes in turn."""
    tokens = {split: torch.arange(count) % V for split, count in splits.items()}
    return Text(tokens, 1 + torch.arange(V) % 3, {})


@each_kernel
def test_no_token_sees_those_after_it(kernel):
    model, tokens = model_of(kernel), torch.randint(V, (3, T))
    before = model(tokens)
    for at in (1, 5, T - 1):
        changed = tokens.clone()
        changed[:, at:] = (changed[:, at:] + 1) % V
        after = model(changed)
        torch.testing.assert_close(after[:, :at], before[:, :at], rtol=1e-9, atol=1e-12)
        assert not torch.allclose(after[:, at:], before[:, at:])


@each_kernel
def test_every_earlier_token_is_seen(kernel):
    model, tokens = model_of(kernel), torch.randint(V, (1, T))
    changed = tokens.clone()
    changed[0, 0] = (changed[0, 0] + 1) % V
    assert not torch.allclose(model(changed)[0, -1], model(tokens)[0, -1], rtol=1e-6, atol=0)


@each_kernel
def test_attention_in_the_block_is_what_it_generates_by(kernel):
    """Its quadratic form, which trains, against the recurrent one, from the same projections."""
    attention = model_of(kernel).blocks[1].attention
    u = torch.randn(2, T, 8, dtype=torch.float64)
    queries = attention.prepare_query(attention.query(u))
    keys, values = attention.prepare_key(attention.key(u)), attention.value(u)
    outputs, _ = recurrent(attention.similarity, queries, keys, values)
    expected = attention.out(outputs)
    torch.testing.assert_close(attention(u, u, None), expected, rtol=1e-8, atol=1e-10)


def test_kernels_start_alike():
    weights = [dict(model_of(kernel).named_parameters()) for kernel in ("based", "rebased")]
    assert weights[0].keys() < weights[1].keys()  # ReBased has gammas and betas too
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    other = dict(model_of("based", seed=1).named_parameters())
    assert not torch.equal(other["embedding.weight"], weights[0]["embedding.weight"])


def test_losses_are_of_the_tokens_that_follow():
    model, sequences = model_of("rebased"), torch.randint(V, (2, T + 1))
    found = losses(model, sequences)
    for row in range(2):
        for at in range(T):
            logits = model(sequences[row : row + 1, : at + 1])[0, -1]
            expected = -F.log_softmax(logits, -1)[sequences[row, at + 1]]
            torch.testing.assert_close(found[row, at], expected, rtol=1e-8, atol=1e-10)


def held_out(count, some):
    sequences = torch.randint(V, (count, T + 1))
    return HeldOut(sequences, 1 + sequences[:, 1:] % 3, some(sequences[:, 1:]))


def test_bits_of_a_uniform_model():
    model = model_of("based")
    torch.nn.init.zeros_(model.embedding.weight)  # all logits are then 0
    told = held_out(40, lambda tokens: tokens % 3 == 2)  # of 3 bytes
    sizes = told.sizes.double()
    expected = Bits(
        math.log2(V) / float(sizes.mean()),
        math.log2(V) / 3,
        math.log2(V) / float(sizes[~told.repeated].mean()),
    )
    assert judge(model, told) == pytest.approx(expected)


def test_slices_add_up():
    model, told = model_of("rebased"), held_out(40, lambda tokens: tokens < 4)
    found = judge(model, told)
    share = float(told.sizes[told.repeated].sum() / told.sizes.sum())
    assert found.overall == pytest.approx(share * found.repeated + (1 - share) * found.other)
    none = judge(model, held_out(2, lambda tokens: tokens < 0))
    assert math.isnan(none.repeated)
    assert none.overall == none.other


def fresh():
    text = text_of({"train": 500, "validation": 60})
    model = LanguageModel(SIMILARITIES["rebased"], V, 8, 4, 1, 0)
    return model, text, text.held_out("validation", T, 5, 0)


def trained(seed=0, run=0, rate=0.03, steps=60):
    model, text, validation = fresh()
    options = {"seed": seed, "run": run, "rate": rate, "batch": 4, "steps": steps, "every": 20}
    return train(model, text, validation, **options)


def test_training_learns_and_looks_at_every_interval():
    found = trained()
    assert [one.step for one in found] == [0, 20, 40, 60]
    model, _, validation = fresh()
    assert found[0].bits == judge(model, validation).overall
    assert found[-1].bits < 0.5 * found[0].bits  # each token says which is next


def test_runs_are_functions_of_their_seed_and_index():
    assert trained() == trained()
    assert trained() != trained(run=1)
    assert trained() != trained(seed=1)


def test_a_run_that_diverges_stops():
    found = trained(rate=1e20)
    assert found[-1].step < 60
    assert not math.isfinite(found[-1].bits)
