"""The rules that read more than endpoints, C8 to C11, where they are true and where not."""

import numpy as np
import pandas as pd
import pytest
from planted import planted

from scb.analysis.runs import Run
from scb.claims import attention, population, transfer
from scb.claims.verdict import NOT_REPRODUCED, REFUTED, REPORTED, REPRODUCED, SHOWN, judge

BAYES, K_Q = 0.3, 0.5


def outcomes(claim):
    rows = judge([claim])
    return rows.loc[rows["outcome"] != REPORTED, "outcome"].tolist()


def verdict(claim):
    return judge([claim])["verdict"].iloc[0]


def run_of(curves, steps, setting=None):
    """A run of plain optimizers from curves (R, S) by (optimizer, metric)."""
    frames = []
    for (optimizer, metric), values in curves.items():
        index = pd.MultiIndex.from_product(
            [[optimizer], range(len(values)), steps], names=["optimizer", "replicate", "step"]
        )
        frames.append(pd.Series(np.ravel(values), index, name=metric))
    by_optimizer = [
        pd.concat([series for series in frames if series.index[0][0] == name], axis=1)
        for name in dict.fromkeys(name for name, _ in curves)
    ]
    frame = pd.concat(by_optimizer).reset_index().assign(diverged=False)
    return Run(None, frame, setting or {})


# --- C8 -------------------------------------------------------------------------------


def models(noise=0.01, gap=0.001, replicates=512):
    """Tables of C8: both models at the truth, softmax off it by ``noise`` and ``gap``."""
    states, length, rng = 3, 12, np.random.default_rng(1)
    losses = {
        (name, "excess_loss"): np.tile([0.1, 0.01 + extra], (replicates, 1))
        for name, extra in (("linear", 0.0), ("softmax", gap))
    }
    alike = {(name, "attention_centred_similarity"): np.ones((replicates, 2)) for name, _ in losses}
    index = [(r, k) for r in range(replicates) for k in range(states)]
    value = rng.dirichlet(np.ones(states), len(index))
    pattern = np.eye(length)[rng.integers(length, size=len(index))]
    columns = pd.DataFrame(index, columns=["replicate", "state"])
    both = pd.concat(
        columns.assign(
            optimizer=name,
            value=list(value + size * rng.standard_normal(value.shape)),
            attention=list(pattern + size * rng.standard_normal(pattern.shape)),
        )
        for name, size in (("linear", 0.0), ("softmax", noise))
    )
    tasks = columns.assign(stationary=1 / states)
    return "attention", run_of(losses | alike, [0, 100]), both.sample(frac=1, random_state=0), tasks


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [SHOWN, SHOWN, SHOWN]),
        ({"noise": 3.0}, [REFUTED, REFUTED, SHOWN]),
        ({"gap": 0.05}, [SHOWN, SHOWN, REFUTED]),
        ({"gap": -0.05}, [SHOWN, SHOWN, REFUTED]),
        ({"gap": np.inf}, [SHOWN, SHOWN, REFUTED]),
    ],
)
def test_softmax_and_linear(changes, expected):
    assert outcomes(attention.c8(*models(**changes))) == expected


def test_cosine_is_the_plain_one_for_uniform_mu():
    """Against matrices written out: with a uniform mu the mu-cosine is Frobenius's."""
    section, run, states, tasks = models(noise=0.5, replicates=1)
    by = {
        name: np.stack(rows.sort_values("state")["attention"].to_list()) - 1 / 12
        for name, rows in states.groupby("optimizer")
    }
    left, right = by["linear"].ravel(), by["softmax"].ravel()
    expected = left @ right / np.sqrt(left @ left * (right @ right))
    found = judge([attention.c8(section, run, states, tasks)])["estimate"].iloc[0]
    assert found == pytest.approx(expected)


# --- C9 and C10 -----------------------------------------------------------------------

SWITCH, LAST = 400, 1000


def staged():
    """A run of which only the steps are read."""
    frame = pd.DataFrame({"optimizer": ["boost", "proximal"], "step": [SWITCH, LAST]})
    return Run(None, frame, {})


def transferred(scratch=(50, 1), one_step=(1000, 0.1), near=1.0, replicates=32):
    """Rows of runs that find the support after ``factor * T ** power`` samples.

    A share ``near`` of the runs after Stage 2 has a star close to Q.
    """
    rng, rows = np.random.default_rng(2), []
    samples = np.round(np.geomspace(10, 1e7, 60)).astype(int)
    for start, rho, (factor, power) in (
        ("scratch", np.nan, scratch),
        ("one_step", 0.5, one_step),
        ("one_step", 0.1, (1e9, 0)),
        ("transfer", 0.5, (1, 0)),
    ):
        for length in (100, 500, 2500):
            for replicate in range(replicates):
                needed = factor * length**power * np.exp(0.1 * rng.standard_normal())
                row = {"samples": samples, "support": np.where(samples < needed, 0.9, 1.0)}
                row |= {"start": start, "correlation": rho, "length": length}
                row["normalised_attention_distance"] = (
                    0.01 if (7 * replicate) % replicates < near * replicates else 0.7
                )
                rows.append(pd.DataFrame(row | {"replicate": replicate}))
    return pd.concat(rows, ignore_index=True).assign(pattern_norm=K_Q**0.5, diverged=False)


PRETRAINED = pd.DataFrame(
    {"correlation": [0.1, 0.5, 0.9], "replicate": 0, "overlap_ratio": [0.2, 1.5, 3.0]}
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [SHOWN] * 3),
        ({"boost_signal": 0.02}, [REFUTED, SHOWN, SHOWN]),
        ({"boost_signal": 0.3}, [SHOWN, REFUTED, REFUTED]),
    ],
)
def test_first_stage(changes, expected):
    claim = transfer.c9(planted(**changes), staged(), transferred((50, 1)))
    assert outcomes(claim)[:3] == expected
    exponent, share = (row for _, row in judge([claim]).iloc[-2:].iterrows())
    assert (share["outcome"], share["estimate"]) == (REPORTED, 0.5)
    assert exponent["outcome"] == REPORTED
    assert exponent["estimate"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [SHOWN, SHOWN, SHOWN]),
        ({"one_step": (5, 1)}, [REFUTED, SHOWN, SHOWN]),
        ({"scratch": (1000, 0.1), "one_step": (1000, 0.1)}, [SHOWN, REFUTED, SHOWN]),
        ({"near": 0.1}, [SHOWN, SHOWN, REFUTED]),
    ],
)
def test_pretrained(changes, expected):
    claim = transfer.c10(PRETRAINED, transferred(**changes))
    assert outcomes(claim) == expected
    assert verdict(claim) == (REPRODUCED if expected == [SHOWN] * 3 else NOT_REPRODUCED)


def test_a_transferred_run_that_diverged_is_not_close():
    rows = transferred()
    gone = (rows["start"] == "transfer") & (rows["replicate"] < 30)
    rows.loc[gone, "diverged"] = True
    rows.loc[gone, "normalised_attention_distance"] = np.nan
    assert outcomes(transfer.c10(PRETRAINED, rows)) == [SHOWN, SHOWN, REFUTED]


def test_only_replicates_of_both_starts_are_compared():
    rows = transferred()
    few = rows[(rows["start"] != "scratch") | (rows["length"] < 2500) | (rows["replicate"] > 20)]
    parts = transfer.c10(PRETRAINED, few).parts
    assert parts[1].over.replicates.tolist() == list(range(21, 32))


# --- C11 ------------------------------------------------------------------------------


def test_large_batches():
    steps, replicates = np.arange(0, 401, 100), 64
    rng = np.random.default_rng(3)
    curve = 0.1 * steps / 400 * (1 + 0.01 * rng.standard_normal((replicates, 1)))
    curves = {("boost", f"{part}_signal"): curve for part in ("value", "attention")}
    run = run_of(curves, steps, {"batch": 8192, "length": 100})
    path = np.broadcast_to(0.1 * np.arange(401)[:, None, None] / 400, (401, 2, replicates)).copy()
    off = path.copy()
    off[:, 0] *= 2  # alpha_V
    small = "convergence", run, 2 * path
    assert outcomes(population.c11(("population", run, path), small)) == [SHOWN, SHOWN]
    assert outcomes(population.c11(("population", run, off), small)) == [SHOWN, REFUTED]
    claim = population.c11(("population", run, path), small)
    assert [part.section for part in claim.parts] == ["population"] * 2 + ["convergence"] * 2
