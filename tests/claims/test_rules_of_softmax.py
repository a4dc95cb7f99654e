"""C12 and B6 where they are true and where not, part by part."""

import numpy as np
import pandas as pd
import pytest
from planted import REPLICATES, SGD, diverged, planted
from test_rules_of_runs import outcomes, run_of, verdict

from scb.claims import softmax
from scb.claims.samples import Median
from scb.claims.verdict import NOT_REPRODUCED, REFUTED, REPRODUCED, SHOWN

STEPS = np.arange(0, 401, 10)


def alike(small=(0.99, 0.99), matched=(0.1, 0.2), later=0.1):
    """Cosines of A and V at step 40, by models, and ``later`` at all other steps."""
    rng = np.random.default_rng(2)
    frames = []
    for name, (attention, value) in (("softmax_slow", small), ("softmax", matched)):
        for step in STEPS[1:]:
            spread = 0.001 * rng.standard_normal((2, REPLICATES))
            levels = (attention, value) if step == 40 else (later, later)
            columns = {
                "attention_cosine": levels[0] + spread[0],
                "value_cosine": levels[1] + spread[1],
            }
            index = {"optimizer": name, "step": step, "replicate": np.arange(REPLICATES)}
            frames.append(pd.DataFrame(index | columns))
    return pd.concat(frames).sample(frac=1, random_state=0)


def test_near_initialisation_both_move_alike():
    claim = softmax.c12a("softmax", 400, alike())
    assert outcomes(claim) == [SHOWN, SHOWN]
    assert verdict(claim) == REPRODUCED
    assert [part.bar is None for part in claim.parts] == [False, False, True, True]


@pytest.mark.parametrize(
    ("small", "expected"),
    [((0.85, 0.99), [REFUTED, SHOWN]), ((0.99, 0.85), [SHOWN, REFUTED])],
)
def test_models_that_part_near_initialisation(small, expected):
    claim = softmax.c12a("softmax", 400, alike(small, later=0.99))
    assert outcomes(claim) == expected
    assert verdict(claim) == NOT_REPRODUCED


HALF = {"last_attention_error": 0.6 * SGD["last_attention_error"]}


@pytest.mark.parametrize(
    ("changes", "refuted"),
    [
        ({}, []),
        ({"softmax": HALF}, [0, 1]),
        ({"sgd_simplex": {"last_attention_error": 0.08}}, [1]),
        ({"softmax": {"last_attention_distance": 0.7}}, [2]),
        ({"softmax": {"last_excess_loss": 0.015}}, [3]),
    ],
)
def test_softmax_leaves_the_noise_out(changes, refuted):
    claim = softmax.c12b(planted({"sgd": {"last_excess_loss": 0.02}} | changes))
    found = outcomes(claim)
    assert found == [REFUTED if place in refuted else SHOWN for place in range(4)]


def first(gain, luck=0.0, slow=0.0):
    """A first stage that gains so much at the matched rate, all there is in a share by luck."""
    lucky = np.random.default_rng(4).permutation(REPLICATES) < luck * REPLICATES
    curves = {
        (name, "attention_signal"): np.outer(np.where(lucky, 1.0, level), STEPS / 400)
        for name, level in (("linear", 0.1), ("softmax", gain), ("softmax_slow", slow))
    }
    return run_of(curves, STEPS)


def after(reach):
    """A run after step 400 that goes from 0.1 to ``reach`` in as many steps."""
    signal = 0.1 + (reach - 0.1) * STEPS / 400
    return run_of({("softmax", "attention_signal"): np.tile(signal, (REPLICATES, 1))}, STEPS + 400)


@pytest.mark.parametrize(
    ("gain", "luck", "expected"),
    [(0.1, 0.0, SHOWN), (-0.1, 0.3, SHOWN), (0.0, 0.7, REFUTED), (0.5, 0.0, REFUTED)],
)
def test_the_first_stage_is_slow(gain, luck, expected):
    assert outcomes(softmax.c12c(planted(), after(0.9), first(gain, luck))) == [expected]


def test_two_stages_without_gain_are_alike():
    assert outcomes(softmax.c12c(planted(), after(0.1), first(0.0))) == [REFUTED]


def test_the_small_rate_is_reported():
    claim = softmax.c12c(planted(), after(0.9), first(0.0, slow=0.9))
    assert claim.parts[1].bar is None
    assert not claim.parts[1].over.values.any()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [SHOWN, SHOWN]),
        ({"softmax": {"last_attention_distance": 0.0195}}, [REFUTED, SHOWN]),
        ({"softmax": {"last_value_distance": 0.01}}, [SHOWN, REFUTED]),
    ],
)
def test_softmax_against_proximal_at_its_best(changes, expected):
    assert outcomes(softmax.b6(planted(changes))) == expected


def test_nothing_is_shown_where_all_diverge():
    read = diverged()
    for claim in (softmax.c12b(read), softmax.b6(read)):
        assert verdict(claim) == NOT_REPRODUCED


def test_runs_of_the_wrong_sign_are_reported():
    part = softmax.c12b(planted(positive=0.75)).parts[-1]
    assert part.bar is None
    assert isinstance(part.over, Median)
    assert len(part.over.values) == REPLICATES // 4
