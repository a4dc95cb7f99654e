"""Similarities, their feature maps, and causal attention in its two forms."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scb.rebased.attention import EPS, quadratic, recurrent
from scb.rebased.similarity import SIMILARITIES, outer

NAMES = sorted(SIMILARITIES)
FINITE = [name for name in NAMES if SIMILARITIES[name].features is not None]
QUADRATIC = [name for name in FINITE if not SIMILARITIES[name].linear]
SQUARES = [name for name in NAMES if name.startswith("square") or name == "rebased"]


def vectors(seed, *shape, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(shape, generator=generator, dtype=torch.float64)


def prepared(name, seed, *shape):
    """Queries and keys, each prepared with affine parameters of its own."""
    similarity, width = SIMILARITIES[name], shape[-1]
    pair = []
    for which in (0, 1):
        gamma, beta = vectors(1000 + 2 * seed + which, 2, width)
        pair.append(
            similarity.prepare(
                vectors(2 * seed + which, *shape),
                1 + gamma if similarity.gamma else None,
                beta if similarity.beta else None,
            )
        )
    return pair


def naive(name, queries, keys, values):
    """The definition, one pair of tokens at a time, of single sequences."""
    similarity = SIMILARITIES[name]
    outputs = torch.zeros_like(values)
    for i in range(len(values)):
        total = 0.0
        for j in range(i + 1):
            weight = float(similarity.weigh(queries[i] @ keys[j]))
            outputs[i] += weight * values[j]
            total += weight
        if similarity.normalised:
            outputs[i] /= total + EPS
    return outputs


def test_family():
    assert set(NAMES) == {
        "softmax", "identity", "elu", "based", "based_shifted",
        "square", "square_gamma", "square_affine", "square_norm", "rebased",
    }  # fmt: skip
    assert set(NAMES) - set(FINITE) == {"softmax"}
    assert [name for name in NAMES if not SIMILARITIES[name].normalised] == ["identity"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # f = 4, so q.k / sqrt(f) = 3/2 for q = (1, 2, 0, -1), k = (2, 0, 5, -1).
        ("softmax", math.exp(1.5)),
        ("identity", 3.0),
        ("elu", 2 * 3 + 3 * 1 + 1 * 6 + math.exp(-2)),
        ("based", 1 + 1.5 + 1.125),
        ("based_shifted", 3.125),
        ("square", 2.25),
        ("square_gamma", 2.25),
        ("square_affine", 2.25),
    ],
)
def test_value_by_hand(name, expected):
    similarity = SIMILARITIES[name]
    query = similarity.prepare(torch.tensor([1.0, 2, 0, -1], dtype=torch.float64))
    key = similarity.prepare(torch.tensor([2.0, 0, 5, -1], dtype=torch.float64))
    assert similarity.weigh(query @ key).item() == pytest.approx(expected, rel=1e-14)


def test_preparation_is_a_layer_norm():
    norm = torch.nn.LayerNorm(6, dtype=torch.float64)
    x, gamma, beta = vectors(0, 3, 6), *vectors(1, 2, 6)
    with torch.no_grad():
        norm.weight.copy_(gamma)
        norm.bias.copy_(beta)
    expected = norm(x).detach() / 6**0.25
    torch.testing.assert_close(SIMILARITIES["rebased"].prepare(x, gamma, beta), expected)


def test_square_is_of_the_outer_product_not_of_each_feature():
    query, key = vectors(3, 2, 5)
    assert outer(query) @ outer(key) == pytest.approx(float(query @ key) ** 2)
    assert float(query.square() @ key.square()) != pytest.approx(float(query @ key) ** 2)


@pytest.mark.parametrize("name", FINITE)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 12))
def test_feature_map_is_the_kernel(name, seed, width):
    similarity = SIMILARITIES[name]
    queries, keys = prepared(name, seed, 7, width)
    kernel = similarity.weigh(queries @ keys.mT)
    features = similarity.features(queries) @ similarity.features(keys).mT
    torch.testing.assert_close(features, kernel, rtol=1e-6, atol=1e-6)


def test_least_similarity():
    scores = torch.linspace(-9, 9, 180001, dtype=torch.float64)
    least = {name: SIMILARITIES[name].weigh(scores).min().item() for name in NAMES}
    # Based is never below 1/2, where s = -1: no token can be ignored. Shifted, it can.
    assert least["based"] == pytest.approx(0.5, abs=1e-12)
    assert least["based_shifted"] == pytest.approx(0, abs=1e-9)
    assert all(least[name] == pytest.approx(0, abs=1e-9) for name in SQUARES)
    assert least["softmax"] > 0


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 16), scale=st.floats(0.01, 100))
def test_based_weighs_every_token_by_half_or_more(seed, width, scale):
    similarity = SIMILARITIES["based"]
    queries, keys = (similarity.prepare(x) for x in vectors(seed, 2, 20, width, scale=scale))
    assert (similarity.weigh(queries @ keys.mT) >= 0.5 - 1e-12).all()


def test_elu_features_are_positive():
    x = SIMILARITIES["elu"].prepare(vectors(0, 50, 8, scale=5))
    assert (x > 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("length", "width", "value_width"), [(1, 3, 2), (17, 4, 5), (33, 8, 3)])
def test_both_forms_are_the_definition(name, length, width, value_width):
    queries, keys = prepared(name, 5, 2, length, width)
    values = vectors(6, 2, length, value_width)
    sequences = zip(queries, keys, values, strict=True)
    expected = torch.stack([naive(name, *sequence) for sequence in sequences])
    similarity = SIMILARITIES[name]
    torch.testing.assert_close(quadratic(similarity, queries, keys, values), expected)
    torch.testing.assert_close(recurrent(similarity, queries, keys, values)[0], expected)


@pytest.mark.parametrize("name", NAMES)
def test_forms_agree_in_single_precision(name):
    queries, keys = (x.float() for x in prepared(name, 7, 4, 64, 8))
    values = vectors(8, 4, 64, 16).float()
    similarity = SIMILARITIES[name]
    one = quadratic(similarity, queries, keys, values)
    other, _ = recurrent(similarity, queries, keys, values)
    # A square may weigh all tokens so far by almost 0: then the quotient loses digits.
    away = (one - other).abs().amax(-1) / values.abs().max()
    assert float(away.median()) < 1e-5
    assert float(away.quantile(0.95)) < 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_some_positions_are_those_of_all(name):
    queries, keys = prepared(name, 9, 3, 20, 4)
    values = vectors(10, 3, 20, 5)
    positions = torch.tensor([[0, 7, 19], [3, 3, 4], [19, 1, 0]])
    rows = positions[..., None].expand(-1, -1, 4)
    found = quadratic(SIMILARITIES[name], queries.gather(1, rows), keys, values, positions)
    everywhere = quadratic(SIMILARITIES[name], queries, keys, values)
    expected = everywhere.gather(1, positions[..., None].expand(-1, -1, 5))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_future_does_not_leak(name):
    queries, keys = prepared(name, 11, 1, 12, 4)
    values = vectors(12, 1, 12, 3)
    for form in (quadratic, lambda *args: recurrent(*args)[0]):
        before = form(SIMILARITIES[name], queries, keys, values)[:, :6]
        changed = [x.clone() for x in (queries, keys, values)]
        for x in changed:
            x[:, 6:] = 100.0
        after = form(SIMILARITIES[name], *changed)[:, :6]
        torch.testing.assert_close(after, before, rtol=0, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    similarity = SIMILARITIES[name]
    gamma, beta = 1 + vectors(1, 2, 3), vectors(2, 2, 3)
    inputs = [vectors(3, 1, 6, 3), vectors(4, 1, 6, 3), vectors(5, 1, 6, 2), gamma, beta]
    for x in inputs:
        x.requires_grad_()

    def prepare(queries, keys, gamma, beta):
        for which, x in enumerate((queries, keys)):
            yield similarity.prepare(
                x,
                gamma[which] if similarity.gamma else None,
                beta[which] if similarity.beta else None,
            )

    def by_pairs(queries, keys, values, gamma, beta):
        return quadratic(similarity, *prepare(queries, keys, gamma, beta), values)

    def by_state(queries, keys, values, gamma, beta):
        return recurrent(similarity, *prepare(queries, keys, gamma, beta), values)[0]

    # Finite differences, then the other form.
    assert torch.autograd.gradcheck(by_pairs, inputs, atol=1e-6)
    weights = vectors(6, 1, 6, 2)
    both = [
        torch.autograd.grad((form(*inputs) * weights).sum(), inputs, allow_unused=True)
        for form in (by_pairs, by_state)
    ]
    for one, other in zip(*both, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)
    assert (both[0][3] is not None) == similarity.gamma
    assert (both[0][4] is not None) == similarity.beta


def test_softmax_of_large_scores_is_finite():
    queries = keys = torch.full((1, 3, 4), 20.0)
    values = torch.arange(3.0)[None, :, None]
    outputs = quadratic(SIMILARITIES["softmax"], queries, keys, values)
    torch.testing.assert_close(outputs.flatten(), torch.tensor([0.0, 0.5, 1.0]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "value_width", "length"), [(1, 4, 3), (8, 32, 64), (16, 5, 20)])
def test_state_size_counted(name, width, value_width, length):
    similarity = SIMILARITIES[name]
    queries, keys = prepared(name, 0, 1, length, width)
    _, state = recurrent(similarity, queries, keys, vectors(1, 1, length, value_width))
    counted = sum(part.numel() for part in state)
    assert similarity.state_size(width, value_width, length) == counted


@pytest.mark.parametrize(
    ("name", "features"),
    [("identity", 8), ("elu", 8), ("based", 45), ("based_shifted", 45), ("rebased", 36)],
)
def test_feature_count_by_formula(name, features):
    # f = 8: f, f (f + 1) / 2 + f + 1 and f (f + 1) / 2.
    assert SIMILARITIES[name].feature_count(8) == features
    assert SIMILARITIES["softmax"].feature_count(8) is None


def test_equal_states_for_linear_and_square():
    # What the comparison at equal state size rests on.
    linear, square = SIMILARITIES["elu"], SIMILARITIES["rebased"]
    assert linear.state_size(36, 32, 64) == square.state_size(8, 32, 64)
