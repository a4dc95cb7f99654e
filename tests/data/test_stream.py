"""The stream: the same data however asked for, and of the distribution that the paper says."""

from itertools import accumulate

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from test_philox import naive_philox

from scb.data import stream as stream_module
from scb.data.samplers import SAMPLERS
from scb.data.stream import Guide, Stream, thresholds
from scb.data.task import Task

FALSE_ALARM = 1e-6
"""Each test of a distribution fails a right stream with this probability at most."""


def sample_tasks(states, length, sparsity, replicates, **options):
    return Task.stack(
        [Task.sample(states, length, sparsity, seed, **options) for seed in range(replicates)]
    )


TASKS = sample_tasks(5, 37, 3, 4, weights="drawn")
SEEDS = (0, 2**63 - 1, 2**32, 17)


def same(left, right):
    return all(
        torch.equal(getattr(left, name), getattr(right, name))
        for name in ("queries", "targets", "sources", "tokens")
    )


def goodness(counts, probabilities):
    """p-value of counts (..., N) of draws from probabilities (..., N), given their totals."""
    assert (counts[probabilities == 0] == 0).all()
    expected = counts.sum(-1, keepdims=True) * probabilities
    frequent = expected >= 10  # for the chi-square limit; the rest is left out
    statistic = ((counts - expected) ** 2 / expected)[frequent].sum()
    # Each term has mean 1 - p: over a whole row they add up to the usual N - 1.
    return stats.chi2.sf(statistic, (1 - probabilities)[frequent].sum())


def independence(left, right, states):
    """p-value of the contingency table of paired draws."""
    pairs = left.long().flatten() * states + right.long().flatten()
    table = torch.bincount(pairs, minlength=states**2).view(states, states).numpy()
    return stats.chi2_contingency(table).pvalue


# --- one sample, by hand ---------------------------------------------------------------


def invert(probabilities, word):
    """Inverse CDF in integers, from the definition."""
    cumulative = list(accumulate(probabilities))[:-1]
    return sum(round(total * 2**32) <= word for total in cumulative)


@pytest.mark.parametrize(
    ("step", "sample"), [(0, 0), (1, 0), (0, 1), (999, 63), (2**32 - 1, 2**32 - 1)]
)
@pytest.mark.parametrize("replicate", range(4))
def test_a_sample_by_hand(replicate, step, sample):
    key = SEEDS[replicate] % 2**32, SEEDS[replicate] // 2**32
    mu = TASKS.stationary[replicate].tolist()
    context = []
    for position in range(37):
        block = naive_philox((position // 4, sample, step, 0), key)
        context.append(invert(mu, block[position % 4]))
    head = naive_philox((0, sample, step, 1), key)
    query = invert(mu, head[0])
    entry = invert(TASKS.weights[replicate, :, query].tolist(), head[1])
    source = TASKS.positions[replicate, entry, query].item()
    target = invert(TASKS.transition[replicate, :, context[source]].tolist(), head[2])

    batch = Stream(TASKS, SEEDS).batch(step, 1, sample)
    assert batch.tokens[replicate, 0].tolist() == context
    assert batch.queries[replicate, 0] == query
    assert batch.sources[replicate, 0] == source
    assert batch.targets[replicate, 0] == target


# --- the same data however asked for -----------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(
    step=st.integers(0, 2**32 - 1),
    first=st.integers(0, 1000),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    replicates=st.lists(st.integers(0, 3), min_size=1, max_size=5),
    chunk=st.integers(1, 60),
)
def test_split_restart_order_replicates_and_chunks_do_not_matter(
    step, first, sizes, replicates, chunk
):
    whole = Stream(TASKS, SEEDS).batch(step, sum(sizes), first)
    whole.tokens  # noqa: B018  generated in one chunk, before the chunk changes
    some = Task(
        *(
            getattr(TASKS, name)[replicates]
            for name in ("transition", "stationary", "positions", "weights")
        ),
        length=TASKS.length,
        seeds=tuple(TASKS.seeds[replicate] for replicate in replicates),
    )
    restarted = Stream(some, [SEEDS[replicate] for replicate in replicates])
    starts = [first + start for start in accumulate(sizes, initial=0)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream_module, "CPU_CHUNK", chunk)
        parts = list(zip(starts, sizes, strict=False))
        for start, size in reversed(parts):
            part = restarted.batch(step, size, start)
            here = slice(start - first, start - first + size)
            for name in ("queries", "targets", "sources", "tokens"):
                expected = getattr(whole, name)[replicates, here]
                assert torch.equal(getattr(part, name), expected)


def test_thread_count_does_not_matter(monkeypatch):
    monkeypatch.setattr("scb.kernels.threads.MIN_TOKENS_FOR_THREADS", 1)
    tasks = sample_tasks(3, 5000, 2, 1)
    one = Stream(tasks, [3]).batch(0, 60)
    one.tokens  # noqa: B018
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(threads + 1)
        assert same(one, Stream(tasks, [3]).batch(0, 60))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.gpu
@pytest.mark.parametrize("states", [3, 20, 300])
def test_the_device_does_not_matter(states):
    tasks = sample_tasks(states, 501, 2, 2)
    host, device = (Stream(tasks, [3, 4], device).batch(7, 65) for device in ("cpu", "cuda"))
    assert device.tokens.device.type == device.queries.device.type == "cuda"
    for name in ("queries", "targets", "sources", "tokens"):
        assert torch.equal(getattr(host, name), getattr(device, name).cpu())


def test_generation_is_lazy_and_happens_once(monkeypatch):
    stream, calls = Stream(TASKS, SEEDS), []
    generate = stream.tokens
    monkeypatch.setattr(stream, "tokens", lambda *call: calls.append(call) or generate(*call))
    batch = stream.batch(3, 8, 2)
    assert calls == []
    assert batch.tokens is batch.tokens
    assert calls == [(3, 2, 8)]


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 8])
def test_a_shorter_sequence_is_the_start_of_a_longer_one(length):
    # Tokens do not know T; mu is shared because the sampler draws it before positions.
    short, long = (Stream(sample_tasks(5, T, 1, 2), [1, 2]) for T in (length, 9))
    assert torch.equal(short.tokens(4, 0, 3), long.tokens(4, 0, 3)[..., :length])


# --- its distribution --------------------------------------------------------------------


@pytest.mark.parametrize("states", [3, 20, 100, 300])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_tokens_follow_the_stationary_distribution(states, sampler):
    tasks = sample_tasks(states, 4000, 2, 2, sampler=sampler)
    tokens = Stream(tasks, [101, 102]).tokens(0, 0, 50).long()
    for drawn, mu in zip(tokens, tasks.stationary, strict=True):
        counts = torch.bincount(drawn.flatten(), minlength=states)
        assert goodness(counts.numpy(), mu.numpy()) > FALSE_ALARM


@pytest.mark.parametrize("states", [3, 20, 100])
def test_queries_sources_and_targets_follow_the_task(states):
    sparsity = 3
    tasks = sample_tasks(states, 9, sparsity, 2, weights="drawn")
    batch = Stream(tasks, [201, 202]).batch(5, 100_000)
    for replicate in range(2):
        mu, transition, weights, positions = (
            getattr(tasks, name)[replicate]
            for name in ("stationary", "transition", "weights", "positions")
        )
        queries, sources, targets = (
            getattr(batch, name)[replicate] for name in ("queries", "sources", "targets")
        )
        counts = torch.bincount(queries, minlength=states)
        assert goodness(counts.numpy(), mu.numpy()) > FALSE_ALARM

        # Given the query, the source: its entry in the support, by the weights of column k.
        hits = positions.mT[queries] == sources[:, None]  # (B, Q)
        assert (hits.sum(-1) == 1).all()
        entries = hits.long().argmax(-1)
        pairs = torch.bincount(queries * sparsity + entries, minlength=states * sparsity)
        assert goodness(pairs.view(states, -1).numpy(), weights.mT.numpy()) > FALSE_ALARM

        # Given the source token, the target: by column x_s of P.
        tokens = batch.tokens[replicate].long().gather(-1, sources[:, None])[:, 0]
        pairs = torch.bincount(tokens * states + targets, minlength=states**2)
        assert goodness(pairs.view(states, -1).numpy(), transition.mT.numpy()) > FALSE_ALARM
        # The query tells nothing more: the target depends on it through x_s alone.
        assert independence(queries, tokens, states) > FALSE_ALARM


@pytest.mark.parametrize("states", [3, 20])
def test_neighbours_are_independent(states):
    tasks = Task.stack([Task.sample(states, 400, 2, 0)] * 3)
    stream = Stream(tasks, [300, 301, 300 + 2**32])
    batch = stream.batch(10, 250)
    tokens = batch.tokens  # (3, 250, 400)
    neighbours = {
        "seeds": (tokens[0], tokens[1]),
        "seeds' high words": (tokens[0], tokens[2]),
        "steps": (tokens[0], stream.tokens(11, 0, 250)[0]),
        "samples": (tokens[:, 1:], tokens[:, :-1]),
        "positions": (tokens[..., 1:], tokens[..., :-1]),
        "blocks": (tokens[..., 4:], tokens[..., :-4]),
        "step and sample": (stream.tokens(1, 2, 1), stream.tokens(2, 1, 1)),
        "query and context": (batch.queries, tokens[..., 0]),
        "queries of seeds": (batch.queries[0], batch.queries[1]),
    }
    for name, (left, right) in neighbours.items():
        assert independence(left, right, states) > FALSE_ALARM, name


# --- thresholds -------------------------------------------------------------------------


def distributions(states):
    weight = st.one_of(st.just(0.0), st.floats(1e-12, 1.0))
    return (
        st.lists(weight, min_size=states, max_size=states)
        .filter(lambda weights: sum(weights) > 0)
        .map(lambda weights: [weight / sum(weights) for weight in weights])
    )


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_guide_is_the_inverse_cdf(data):
    states = data.draw(st.integers(2, 40))
    rows = data.draw(st.lists(distributions(states), min_size=1, max_size=3))
    limits = thresholds(torch.tensor(rows, dtype=torch.float64))
    assert (limits.diff(dim=-1) >= 0).all()
    around = torch.cat([limits - 1, limits, limits + 1], -1).clamp(0, 2**32 - 1)
    ends = torch.tensor([0, 2**32 - 1]).expand(len(rows), 2)
    words = torch.cat([around, ends], -1)  # (R, 3 (N - 1) + 2)
    drawn = Guide(limits)(words.clone())
    counted = (limits[:, None, :] <= words[..., None]).sum(-1)
    assert torch.equal(drawn, counted)
    # A state of no probability is never drawn, whatever the word.
    drawn_probability = torch.tensor(rows, dtype=torch.float64).gather(-1, drawn)
    assert (drawn_probability > 0).all()


def test_guide_is_a_table_wherever_the_paper_allows_the_distribution():
    # Clause (b) keeps thresholds 1/(CN) apart.
    for states in (2, 20, 500):
        mu = Task.sample(states, 10, 1, 0, sampler="balanced").stationary
        assert Guide(thresholds(mu[None])).table is not None
    doubled = torch.tensor([[0.3, 0.0, 0.7]])
    assert Guide(thresholds(doubled)).table is None


def test_thresholds_by_hand():
    quarter = torch.tensor([[0.25, 0.25, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    expected = [[2**30, 2**31], [2**32, 2**32], [0, 0]]
    assert thresholds(quarter).tolist() == expected
    words = torch.tensor([0, 2**30 - 1, 2**30, 2**31 - 1, 2**31, 2**32 - 1]).repeat(3, 1)
    drawn = Guide(thresholds(quarter))(words)
    assert drawn.tolist() == [[0, 0, 1, 1, 2, 2], [0] * 6, [2] * 6]


@pytest.mark.parametrize(
    ("states", "dtype"), [(2, torch.uint8), (256, torch.uint8), (257, torch.int32)]
)
def test_tokens_are_as_narrow_as_they_may_be(states, dtype):
    tokens = Stream(sample_tasks(states, 4001, 2, 1), [5]).tokens(0, 0, 4)
    assert tokens.dtype == dtype
    assert tokens.shape == (1, 4, 4001)
    assert tokens.max() == states - 1  # the last state occurs in 16004 tokens: no overflow
    assert tokens.min() == 0


# --- faults ------------------------------------------------------------------------------


def test_faults_are_named():
    with pytest.raises(ValueError, match="no replicate dimension"):
        Stream(Task.sample(3, 5, 1, 0), [0])
    with pytest.raises(ValueError, match=r"seeds has 3 entries: .*4 replicates"):
        Stream(TASKS, [0, 1, 2])
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match=f"seeds contains {seed}"):
            Stream(TASKS, [0, 1, 2, seed])
    stream = Stream(TASKS, SEEDS)
    for call, message in (
        ((-1, 1, 0), "step is -1"),
        ((2**32, 1, 0), "step is 4294967296"),
        ((0, 0, 0), "size is 0"),
        ((0, 1, -1), "first is -1"),
        ((0, 2, 2**32 - 1), "first is 4294967295"),
    ):
        with pytest.raises(ValueError, match=message):
            stream.batch(*call)
