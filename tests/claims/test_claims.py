"""Verdicts on runs for which each claim is true, or false, by construction."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from scb.analysis.runs import Run
from scb.claims import attention as attending
from scb.claims import convergence, population, simulation, transfer, vocabulary
from scb.claims.markdown import BEGIN, END, extract, render, table
from scb.claims.reading import Reading, difference, largest_deviation, ratio
from scb.claims.tables import CLAIMS
from scb.claims.verdict import (
    CONTRADICTED,
    NOT_SHOWN,
    REPORTED,
    SHOWN,
    Claim,
    Estimate,
    Part,
    Rule,
    count_intervals,
    exponent,
    judge,
    median,
    share,
)
from scb.store import tables

REPLICATES, NEGATIVE = 32, (3, 8, 21)
SWITCH, LAST, EVERY = 400, 1000, 100
K_P, K_Q, BAYES = 0.2, 0.5, 0.3


# --- Synthetic runs -------------------------------------------------------------------


def frame(optimizer, steps, stage, law, replicates=REPLICATES, negative=NEGATIVE):
    """Curves in which replicates differ by a per cent or so; ``law(step, spread)`` in metrics."""
    rows = []
    for replicate in range(replicates):
        rng = np.random.default_rng([replicate, *optimizer.encode()])
        metrics = law(np.asarray(steps, float), 1 + 0.01 * rng.standard_normal())
        sign = -1 if replicate in negative else 1
        for name in ("value_signal", "attention_signal"):
            metrics[name] = sign * metrics[name]
        columns = {
            f"{prefix}{part}_{name}": np.zeros(len(steps))
            for prefix in ("", "normalised_")
            for part in ("value", "attention")
            for name in ("signal", "error", "distance", "similarity", "centred_similarity")
        }
        columns |= {"normalised_test_loss": np.full(len(steps), BAYES)}
        columns |= {name: np.broadcast_to(metric, len(steps)) for name, metric in metrics.items()}
        columns |= {"optimizer": optimizer, "replicate": replicate, "step": steps}
        columns |= {"stage": stage, "diverged": False, "bayes_loss": BAYES}
        rows.append(pd.DataFrame(columns))
    return pd.concat(rows)


def stage_1(steps, spread):
    """From knowing nothing to signals of 0.1 at the switch."""
    signal = 0.1 * steps / SWITCH * spread
    return {
        "value_signal": signal,
        "attention_signal": signal,
        "value_distance": np.full(len(steps), K_P**0.5),
        "attention_distance": np.full(len(steps), K_Q**0.5),
        "test_loss": np.full(len(steps), BAYES + 0.1),
    }


def as_claimed(name):
    """Stage 2 as the paper tells it."""
    signal, distance, error, similarity = {
        "proximal": (1.0, 0.1, 0.1, 0.95),
        "proximal_large": (1.0, 0.05, 0.05, 0.97),
        "sgd": (1.0, 1.0, 1.0, 0.6),
        "sgd_small": (0.3, 0.6, 0.5, 0.5),
    }[name]

    def law(steps, spread):
        done = (steps - SWITCH) / (LAST - SWITCH)
        signals = 0.1 + (signal - 0.1) * done * spread
        raw = {
            "value_signal": signals,
            "attention_signal": signals,
            "value_distance": distance * spread * np.ones(len(steps)),
            # Least in the middle, as the loss, and growing again.
            "attention_distance": (distance + 0.4 * np.abs(done - 0.5)) * spread,
            "value_error": 0.01 * spread * np.ones(len(steps)),
            "attention_error": error * (0.1 + done) * spread,
            "value_similarity": similarity * np.ones(len(steps)),
            "attention_similarity": similarity * np.ones(len(steps)),
            "test_loss": BAYES + 0.001 + 0.005 * np.abs(done - 0.5),
        }
        normalised = {
            "value_distance": 0.001 * spread,
            "attention_distance": 0.01 * spread,
            "value_similarity": 0.999,
            "attention_similarity": 0.999,
        }
        return raw | {f"normalised_{name}": metric for name, metric in normalised.items()}

    return law


def changed(name, **metrics):
    """As claimed but for some metrics."""
    return lambda steps, spread: (
        as_claimed(name)(steps, spread)
        | {metric: value * np.ones(len(steps)) for metric, value in metrics.items()}
    )


BOOST, TRAIN = np.arange(0, SWITCH + 1, EVERY), np.arange(SWITCH, LAST + 1, EVERY)
NAMES = ("proximal", "proximal_large", "sgd", "sgd_small")


def make_run(laws=None, setting=None, boost=stage_1, **options):
    laws = {name: as_claimed(name) for name in NAMES} | (laws or {})
    frames = [frame("boost", BOOST, "boost", boost, **options)]
    frames += [frame(name, TRAIN, "train", law, **options) for name, law in laws.items()]
    both = pd.concat(frames, ignore_index=True)
    for prefix in ("", "normalised_"):
        both[f"{prefix}excess_loss"] = both[f"{prefix}test_loss"] - BAYES
    return Run(None, both, setting or {"states": 3})


def verdicts(claims, intervals=100):
    """Verdict of each claim, at the confidence of a table of a hundred intervals."""
    rows = judge(claims, intervals)
    return rows.groupby("id")["verdict"].first().to_dict()


def outcomes(claim, intervals=100):
    """Outcomes of the parts that decide."""
    rows = judge([claim], intervals)
    return rows.loc[rows["outcome"] != REPORTED, "outcome"].tolist()


@pytest.fixture(scope="module")
def good():
    return make_run()


# --- Statistics -----------------------------------------------------------------------


def test_interval_of_the_median_is_exact():
    # Of 32 values, the 7th and the 26th: both tails beyond them hold 2 P(Bin(32, 1/2) <= 6).
    found = median(np.arange(1.0, 33))(0.999)
    assert found == Estimate(16.5, 7, 26, 32)
    assert 2 * binom.cdf(6, 32, 0.5) <= 0.001 < 2 * binom.cdf(7, 32, 0.5)


@given(
    arrays(np.float64, st.integers(0, 40), elements=st.floats(-9, 9) | st.just(np.inf)),
    st.floats(0.5, 0.9999),
)
def test_interval_holds_the_estimate_and_grows_with_confidence(values, confidence):
    found, wider = median(values)(confidence), median(values)((1 + confidence) / 2)
    assert wider.low <= found.low <= found.high <= wider.high
    if len(values):
        assert found.low <= found.estimate <= found.high
    assert found.replicates == len(values)


def test_too_few_replicates_bound_nothing():
    found = median([1.0, 2.0])(0.999)
    assert (found.low, found.high) == (-np.inf, np.inf)
    for rule in (Rule(above=0), Rule(below=5), Rule(above=0, below=5)):
        assert rule.outcome(found) == NOT_SHOWN


def test_missing_values_are_refused():
    with pytest.raises(ValueError, match="not a number"):
        median([1.0, np.nan])


def test_share_is_that_of_clopper_and_pearson():
    found = share([True] * 8 + [False] * 24)(0.95)
    assert found.estimate == 0.25
    # The bounds are the shares that make the count just improbable.
    assert binom.sf(7, 32, found.low) == pytest.approx(0.025)
    assert binom.cdf(8, 32, found.high) == pytest.approx(0.025)


def test_exponent():
    sizes = np.array([100.0, 1000.0, 10000.0])
    spread = np.exp(0.1 * np.random.default_rng(0).standard_normal((32, 3)))
    found = exponent(sizes, 7 * sizes**1.5 * spread)(0.999)
    assert found.low < 1.5 < found.high
    assert found.high - found.low < 0.2
    assert found.replicates == 32


@pytest.mark.parametrize(
    ("rule", "estimate", "low", "high", "outcome"),
    [
        (Rule(below=1, reach=0.9), 0.8, 0.7, 0.95, SHOWN),
        (Rule(below=1, reach=0.9), 0.93, 0.9, 0.95, NOT_SHOWN),  # a trifle
        (Rule(below=1, reach=0.9), 0.8, 0.5, 1.0, NOT_SHOWN),  # chance
        (Rule(below=1, reach=0.9), 1.2, 1.0, 1.3, CONTRADICTED),
        (Rule(above=1, reach=1.1), 1.2, 1.01, np.inf, SHOWN),
        (Rule(above=1, reach=1.1), np.inf, np.inf, np.inf, SHOWN),
        (Rule(above=-0.1, below=0.1), 0.0, -0.05, 0.05, SHOWN),
        (Rule(above=-0.1, below=0.1), 0.0, -0.2, 0.05, NOT_SHOWN),
        (Rule(above=-0.1, below=0.1), 0.3, 0.2, 0.5, CONTRADICTED),
        (Rule(above=1), np.nan, -np.inf, np.inf, NOT_SHOWN),
    ],
)
def test_rule(rule, estimate, low, high, outcome):
    assert rule.outcome(Estimate(estimate, low, high, 32)) == outcome


def test_rule_that_nothing_meets_is_refused():
    with pytest.raises(ValueError, match="no interval"):
        Rule(above=1, below=1)
    with pytest.raises(ValueError, match="reach"):
        Rule(above=0, below=1, reach=0.5)


@pytest.mark.parametrize(
    ("found", "paper", "ours"),
    [
        ([SHOWN, SHOWN, REPORTED], "reproduced", "shown"),
        ([SHOWN, CONTRADICTED], "partly", "partly"),
        ([NOT_SHOWN, CONTRADICTED, REPORTED], "not reproduced", "not shown"),
    ],
)
def test_verdict(found, paper, ours):
    assert Claim("X", "", "", []).verdict(found) == paper
    assert Claim("X", "", "", [], paper=False).verdict(found) == ours


def test_intervals_hold_together():
    parts = [Part("a", None, median([1.0]), median([1.0])), Part("b", None, share([True]))]
    claims = [Claim("X", "", "", parts)] * 2
    assert count_intervals(claims) == 6
    assert judge(claims)["confidence"].unique() == pytest.approx([1 - 0.05 / 6])


def test_arithmetic_with_infinities():
    a, b = np.array([1.0, np.inf, 1.0, np.inf, 0.0]), np.array([2.0, np.inf, np.inf, 1.0, 0.0])
    assert ratio(a, b).tolist() == [0.5, 1, 0, np.inf, 1]
    assert difference(a, b).tolist() == [-1, 0, -np.inf, np.inf, 0]


# --- C1 to C5 -------------------------------------------------------------------------


def test_convergence_as_claimed(good):
    assert verdicts(convergence.claims(good)) == dict.fromkeys(
        ("C1", "C2", "C3", "C4", "C5"), "reproduced"
    )


def test_only_positive_runs_decide_and_all_are_reported(good):
    rows = judge(convergence.claims(good))
    assert set(rows["replicates"]) == {REPLICATES - len(NEGATIVE)}
    assert set(rows["all_replicates"]) == {REPLICATES}


def test_convergence_without_effects():
    """All optimisers alike, and alike far from the truth: nothing is left to show."""
    same = {
        name: changed(
            "sgd",
            attention_error=0.05,
            value_error=0.5,
            value_distance=1.0,
            attention_distance=1.0,
            normalised_attention_distance=0.7,
            normalised_attention_similarity=0.6,
        )
        for name in NAMES
    }
    found = verdicts(convergence.claims(make_run(same)))
    # Alike is at least as similar: C5 keeps its second half.
    assert found == {
        "C1": "not reproduced",
        "C2": "not reproduced",
        "C3": "not reproduced",
        "C4": "not reproduced",
        "C5": "partly",
    }


def test_half_of_c1_is_partly():
    run = make_run({"proximal": changed("proximal", value_distance=2.0)})
    claim = convergence.c1(Reading(run))
    assert outcomes(claim) == [SHOWN, CONTRADICTED]
    assert verdicts([claim]) == {"C1": "partly"}


def test_sgd_that_settles_does_not_keep_growing():
    run = make_run({"sgd": changed("sgd", attention_error=2.0)})
    assert outcomes(convergence.c4(Reading(run))) == [SHOWN, CONTRADICTED, SHOWN, SHOWN, SHOWN]


def test_diverged_sgd_counts_as_infinitely_far():
    run = make_run()
    rows = run.frame["optimizer"].eq("sgd") & (run.frame["step"] == LAST)
    run.frame.loc[rows, "diverged"] = True
    run.frame.loc[rows, run.frame.columns.str.contains("signal|error|distance|loss")] = np.nan
    read = Reading(run)
    assert outcomes(convergence.c1(read)) == [SHOWN, SHOWN]
    # |Delta_V| of SGD is small no more.
    assert outcomes(convergence.c4(read)) == [SHOWN, SHOWN, SHOWN, CONTRADICTED, SHOWN]


def test_no_positive_run_shows_nothing():
    run = make_run(negative=range(REPLICATES))
    rows = judge(convergence.claims(run))
    assert set(rows["verdict"]) == {"not reproduced"}
    assert rows["estimate"].isna().all()
    assert rows["all_estimate"].notna().all()


def test_other_runs_need_no_small_steps():
    laws = {name: as_claimed(name) for name in ("proximal", "sgd")}
    frames = [frame("boost", BOOST, "boost", stage_1)]
    frames += [frame(name, TRAIN, "train", law) for name, law in laws.items()]
    both = pd.concat(frames, ignore_index=True)
    rows = judge(convergence.claims(Run(None, both, {})), intervals=500)
    assert sorted(set(rows["id"])) == ["C1", "C3", "C4", "C5"]
    assert rows["confidence"].unique() == pytest.approx([1 - 0.05 / 500])


# --- C6 to C11 ------------------------------------------------------------------------


def test_vocabulary():
    claimed = [make_run(setting={"states": states}) for states in (3, 10, 20)]
    assert verdicts([vocabulary.c6(claimed)]) == {"C6": "reproduced"}
    # A run that stops where its loss is least has nothing to stop early for.
    falling = changed("proximal", attention_distance=0.02)
    claimed[1] = make_run({"proximal": falling}, setting={"states": 10})
    found = outcomes(vocabulary.c6(claimed))
    assert len(found) == 18
    assert [i for i, outcome in enumerate(found) if outcome != SHOWN] == [10, 11]
    assert verdicts([vocabulary.c6(claimed)]) == {"C6": "partly"}


def simulated(near, growth):
    def law(shift, error):
        def inner(steps, spread):
            signal = 0.1 + 0.9 * (steps - SWITCH) / (LAST - SWITCH) + shift
            wrong = error * (steps - SWITCH) / (LAST - SWITCH) + 0.01
            return {
                "value_signal": signal,
                "attention_signal": signal,
                "attention_error": wrong * spread,
            }

        return inner

    laws = {"proximal": law(near, 0.02), "sgd": law(0.0, growth), "population": law(0.0, 0.0)}
    return make_run(laws, {"length": 100000, "states": 100}, negative=())


@pytest.mark.parametrize(
    ("near", "growth", "verdict"),
    [(0.05, 1.0, "reproduced"), (0.2, 1.0, "partly"), (0.05, 0.01, "partly")],
)
def test_simulation(near, growth, verdict):
    run = simulated(near, growth)
    assert verdicts([simulation.c7([run, run])]) == {"C7": verdict}


def test_nothing_is_near_a_path_that_diverges():
    run = simulated(0.05, 1.0)
    late = run.frame["step"] > SWITCH + 1
    run.frame.loc[late, ["value_signal", "attention_signal", "attention_error"]] = np.inf
    near = outcomes(simulation.c7([run]))[:2]  # then that SGD's error grows
    assert SHOWN not in near


def test_largest_deviation_is_at_common_steps():
    curve = np.array([0, 5, 10]), np.array([[0.0, 9.0, 1.5]])
    path = np.array([0, 10, 20]), np.array([[0.0, 1.0, 2.0]])
    assert largest_deviation(curve, path).tolist() == [0.25]


def test_deviation_of_what_diverges_is_infinite():
    path = np.array([0, 10]), np.array([[0.0, 1.0], [0.0, np.inf], [0.0, np.inf]])
    curve = np.array([0, 10]), np.array([[0.0, np.inf], [0.0, 1.0], [0.0, np.inf]])
    assert largest_deviation(curve, path).tolist() == [np.inf] * 3


def attention(noise, gap):
    """Tables of C8: both models at the truth, softmax off by ``noise`` and ``gap``."""
    states, length, rng = 3, 12, np.random.default_rng(1)
    laws = {
        name: lambda steps, spread, extra=extra: (
            stage_1(steps, spread)
            | {"test_loss": np.where(steps == 0, BAYES + 0.1, BAYES + 0.01 + extra)}
        )
        for name, extra in (("linear", 0.0), ("softmax", gap))
    }
    both = pd.concat(
        [frame(name, BOOST, "train", law, negative=()) for name, law in laws.items()],
        ignore_index=True,
    )
    both["excess_loss"] = both["test_loss"] - BAYES
    index = [(r, k) for r in range(REPLICATES) for k in range(states)]
    value = rng.dirichlet(np.ones(states), len(index))
    pattern = np.eye(length)[rng.integers(length, size=len(index))]
    columns = pd.DataFrame(index, columns=["replicate", "state"]).assign(step=SWITCH)
    both_states = pd.concat(
        columns.assign(
            optimizer=name,
            value=list(value + size * rng.standard_normal(value.shape)),
            attention=list(pattern + size * rng.standard_normal(pattern.shape)),
        )
        for name, size in (("linear", 0.0), ("softmax", noise))
    )
    tasks = columns.assign(stationary=1 / states)
    return Run(None, both, {}), both_states.sample(frac=1, random_state=0), tasks


@pytest.mark.parametrize(
    ("noise", "gap", "expected"),
    [
        (0.01, 0.001, [SHOWN, SHOWN, SHOWN]),
        (3.0, 0.001, [CONTRADICTED, CONTRADICTED, SHOWN]),
        (0.01, 0.05, [SHOWN, SHOWN, CONTRADICTED]),
    ],
)
def test_attention(noise, gap, expected):
    assert outcomes(attending.c8(*attention(noise, gap))) == expected


def transferred(scratch, one_step, last=0.01):
    """Rows of runs that find the support after ``factor * T ** power`` samples."""
    rng, rows = np.random.default_rng(2), []
    samples = np.round(np.geomspace(10, 1e7, 60)).astype(int)
    for start, rho, (factor, power) in (
        ("scratch", np.nan, scratch),
        ("one_step", 0.5, one_step),
        ("one_step", 0.1, (1e9, 0)),
        ("transfer", 0.5, (1, 0)),
    ):
        for length in (100, 500, 2500):
            for replicate in range(REPLICATES):
                needed = factor * length**power * np.exp(0.1 * rng.standard_normal())
                row = {"samples": samples, "support": np.where(samples < needed, 0.9, 1.0)}
                row |= {"start": start, "correlation": rho, "length": length}
                rows.append(pd.DataFrame(row | {"replicate": replicate}))
    return pd.concat(rows, ignore_index=True).assign(
        normalised_attention_distance=last, pattern_norm=K_Q**0.5, diverged=False
    )


PRETRAINED = pd.DataFrame(
    {"correlation": [0.1, 0.5, 0.9], "replicate": 0, "overlap_ratio": [0.2, 1.5, 3.0]}
)


@pytest.mark.parametrize(
    ("scratch", "one_step", "c9", "c10"),
    [
        ((50, 1), (1000, 0.1), "reproduced", "reproduced"),
        ((50, 1), (5, 1), "reproduced", "partly"),
        ((1000, 0.1), (1000, 1), "partly", "partly"),
    ],
)
def test_from_scratch_and_transfer(good, scratch, one_step, c9, c10):
    rows = transferred(scratch, one_step)
    found = verdicts([transfer.c9(good, rows), transfer.c10(PRETRAINED, rows)], 10)
    assert found == {"C9": c9, "C10": c10}


def test_transfer_that_shows_nothing():
    rows = transferred((1000, 0.1), (1000, 1), last=0.7)
    assert outcomes(transfer.c10(PRETRAINED, rows), 10) == [CONTRADICTED] * 3


@pytest.mark.parametrize("first", [EVERY, SWITCH, SWITCH + EVERY])
def test_runs_that_all_diverge_are_judged(first):
    run, fast = make_run(), simulated(0.05, 1.0)
    for diverged in (run, fast):
        numbers = diverged.frame.select_dtypes("float").columns.drop(
            [name for name in diverged.frame if "similarity" in name or name == "bayes_loss"],
            errors="ignore",
        )
        diverged.frame.loc[diverged.frame["step"] >= first, numbers] = np.inf
    rows = transferred((50, 1), (1000, 0.1))
    found = verdicts(
        [
            *convergence.claims(run),
            vocabulary.c6([run] * 3),
            simulation.c7([fast]),
            transfer.c9(run, rows),
            *convergence.beyond(run),
            transfer.b5(rows),
        ]
    )
    assert found["C1"] == found["C3"] == "not reproduced"


def test_slow_first_stage(good):
    late = make_run(boost=lambda steps, spread: stage_1(steps, 0.01 * spread))
    rows = transferred((50, 1), (50, 0))
    assert outcomes(transfer.c9(good, rows), 10) == [SHOWN] * 3
    assert outcomes(transfer.c9(late, rows), 10) == [CONTRADICTED, SHOWN, SHOWN]


def test_large_batches():
    run = make_run(setting={"batch": 8192, "length": 100}, negative=())
    every = np.arange(SWITCH + 1)
    path = np.broadcast_to(0.1 * every[:, None, None] / SWITCH, (SWITCH + 1, 2, REPLICATES))
    assert outcomes(population.c11(run, path, run, 2 * path)) == [SHOWN, SHOWN]
    assert outcomes(population.c11(run, 2 * path, run, path)) == [CONTRADICTED, CONTRADICTED]


def test_beyond():
    # Twelve of 32 are not positive, and have learnt nothing.
    run = make_run(negative=range(12))
    lost = (run.frame["replicate"] < 12) & (run.frame["step"] == LAST)
    run.frame.loc[lost, "normalised_attention_distance"] = K_Q**0.5
    assert verdicts(convergence.beyond(run), 10) == dict.fromkeys(("B1", "B2", "B3", "B4"), "shown")
    run = make_run({"proximal_large": as_claimed("sgd")}, negative=())
    found = verdicts(convergence.beyond(run), 10)
    assert found == dict.fromkeys(("B1", "B2", "B4"), "not shown") | {"B3": "shown"}


@pytest.mark.parametrize(("scratch", "verdict"), [((50, 1), "shown"), ((0.01, 2.5), "not shown")])
def test_growth_from_scratch(scratch, verdict):
    assert verdicts([transfer.b5(transferred(scratch, (50, 0)))], 10) == {"B5": verdict}


# --- The written table ----------------------------------------------------------------


PART = Part("share", Rule(above=0.5), share([True] * 32))


@pytest.fixture
def written(good, tmp_path):
    frame = judge([*convergence.claims(good), Claim("B", "Ours.", "transfer", [PART], paper=False)])
    tables.write(frame, tmp_path / "claims.parquet", CLAIMS, {"digest": "0"})
    return tables.read(tmp_path / "claims.parquet", CLAIMS)


def test_text_follows_from_the_table_alone(written):
    text = render(written, "../figures")
    assert text == render(written.copy(), "../figures")
    for row in written.itertuples():
        assert row.statistic in text
        assert row.rule in text
        assert f"**{row.verdict}**" in text
    assert "[figure 1](../figures/fig1_convergence.png)" in text


def test_short_table_has_a_row_per_claim(written):
    text = render(written, "figures")
    block = extract(text)
    assert block == table(written, "figures")
    rows = [line for line in block.splitlines() if line.startswith("|")][2:]
    assert [row.split("|")[1].strip() for row in rows] == list(dict.fromkeys(written["id"]))
    # A bar within a cell would break the table.
    assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {8}


@pytest.mark.parametrize("text", ["", BEGIN, END + BEGIN, 2 * (BEGIN + END)])
def test_document_without_its_markers(text):
    with pytest.raises(ValueError, match="once each"):
        extract(text)
