"""Each rule is shown where its claim is true, and refuted where it is false, part by part."""

import numpy as np
import pandas as pd
import pytest
from planted import PROXIMAL, SGD, diverged, planted

from scb.analysis.endpoints import Endpoints
from scb.claims import convergence, simulation, vocabulary
from scb.claims.verdict import (
    NOT_REPRODUCED,
    REFUTED,
    REPORTED,
    REPRODUCED,
    SHOWN,
    UNDECIDED,
    judge,
)


def vocabulary_of(changes):
    """C6 with a truth at the smaller N, and the changes at the largest."""
    return vocabulary.c6([(20, planted(changes)), (3, planted())])


CLAIMS = {
    "C1": lambda changes: convergence.c1(planted(changes)),
    "C2": lambda changes: convergence.c2(planted(changes)),
    "C3": lambda changes: convergence.c3(planted(changes)),
    "C4": lambda changes: convergence.c4(planted(changes)),
    "C5": lambda changes: convergence.c5(planted(changes)),
    "C6": vocabulary_of,
    "C7": lambda changes: simulation.c7([(100, planted(changes))]),
    "B3": lambda changes: convergence.b3(planted(changes)),
    "B4": lambda changes: convergence.b4(planted(changes)),
}

# What makes a claim true, beyond the planted truth. C5 and B3 contradict each other: SGD's star.
STAR = {"last_normalised_attention_distance": PROXIMAL["last_normalised_attention_distance"]}
TRUE = {"B3": {"sgd": STAR}}


def mixed(low, high, share):
    """A bimodal law: ``low`` in a share of the runs, else ``high``."""
    return lambda place: np.where(place < share, low, high)


# Of each deciding part what makes it false. Bimodal laws have four of ten on the wrong side of a
# typical run, and three of ten spoil what is asked of nine of ten.
FALSE = {
    ("C1", 0): {"proximal": {"last_attention_distance": 0.97 * SGD["last_attention_distance"]}},
    ("C1", 1): {"proximal": {"last_value_distance": SGD["last_value_distance"]}},
    ("C2", 0): {"sgd_small": {"last_value_signal": 0.6, "last_attention_signal": 0.6}},
    ("C2", 1): {"sgd_small": {"last_attention_distance": 0.06}},
    ("C3", 0): {"proximal": {"last_normalised_attention_distance": mixed(0.01, 0.5, 0.3)}},
    ("C3", 1): {"proximal": {"midway_normalised_attention_similarity": mixed(0.99, 0.5, 0.3)}},
    ("C4", 0): {"proximal": {"last_attention_error": 0.7}},
    ("C4", 1): {"sgd": {"midway_attention_error": 1.2}},
    ("C4", 2): {"sgd": {"last_attention_error": 0.4, "midway_attention_error": 0.2}},
    ("C4", 3): {"proximal": {"path_deviation": 0.15}},
    ("C4", 4): {"proximal": {"midway_attention_error": 0.05}},
    ("C4", 5): {
        "proximal": {"last_normalised_attention_centred_similarity": mixed(0.99, 0.7, 0.3)}
    },
    ("C4", 6): {"proximal": {"largest_value_error": 0.1}},
    ("C4", 7): {"sgd": {"largest_value_error": 0.1}},
    ("C5", 0): {"proximal": {"last_attention_similarity": mixed(0.95, 0.5, 0.7)}},
    ("C5", 1): {"proximal": {"last_value_similarity": mixed(0.98, 0.7, 0.7)}},
    ("C5", 2): {"proximal": {"last_normalised_attention_similarity": mixed(0.99, 0.5, 0.7)}},
    ("C5", 4): {"proximal": {"last_normalised_attention_similarity": mixed(0.99, 0.94, 0.3)}},
    ("C5", 5): {"sgd": {"last_normalised_attention_distance": mixed(0.01, 0.5, 0.7)}},
    ("C6", 0): {"proximal": {"stopped_normalised_attention_distance": mixed(0.01, 0.5, 0.3)}},
    ("C6", 1): {"proximal": {"stopped_attention_distance": SGD["stopped_attention_distance"]}},
    ("C6", 2): {"sgd": {"stopped_normalised_attention_distance": mixed(0.01, 0.5, 0.7)}},
    ("C6", 3): {"proximal": {"last_excess_loss": 0.02}},
    ("C6", 4): {"proximal": {"last_attention_distance": 0.04}},
    ("C7", 0): {"proximal": {"largest_attention_error": 0.1}},
    ("C7", 1): {"proximal": {"largest_value_error": 0.1}},
    ("C7", 2): {"proximal": {"last_attention_distance": 0.1}},
    ("C7", 3): {"proximal": {"last_value_distance": 0.1}},
    ("C7", 4): {"sgd": {"start_attention_error": 0.9}},
    ("C7", 5): {"proximal": {"last_attention_error": 0.8}},
    ("B3", 0): {"sgd": {"last_normalised_attention_distance": mixed(0.01, 0.5, 0.7)}},
    ("B4", 0): {"proximal_large": {"last_attention_distance": 0.058}},
    ("B4", 1): {"proximal_large": {"last_value_distance": 0.05}},
}


def outcomes(claim):
    return judge([claim])["outcome"].tolist()


def verdict(claim):
    return judge([claim])["verdict"].iloc[0]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_true_claim_is_reproduced(name):
    claim = CLAIMS[name](TRUE.get(name))
    assert {*outcomes(claim)} <= {SHOWN, REPORTED}
    assert verdict(claim) == REPRODUCED


@pytest.mark.parametrize(("name", "place"), FALSE)
def test_each_part_can_be_refuted(name, place):
    claim = CLAIMS[name](TRUE.get(name, {}) | FALSE[name, place])
    assert outcomes(claim)[place] == REFUTED
    assert verdict(claim) == NOT_REPRODUCED


def test_no_part_is_left_untried():
    claims = {name: claim(None) for name, claim in CLAIMS.items()}
    deciding = {
        (name, i)
        for name, claim in claims.items()
        for i, part in enumerate(claim.parts)
        if part.bar
    }
    # The parts of C6 at the second N are those at the first.
    half = len(claims["C6"].parts) // 2
    assert {(name, i) for name, i in deciding if name != "C6" or i < half} == set(FALSE)


@pytest.mark.parametrize(
    ("claim", "shown", "refuted"),
    [
        (convergence.b1, planted(positive=0.6), planted(positive=0.85)),
        (convergence.b2, planted(), planted(lost={"last": 0.01})),
    ],
)
def test_runs_on_the_other_side(claim, shown, refuted):
    assert outcomes(claim(shown)) == [SHOWN]
    assert outcomes(claim(refuted)) == [REFUTED]


def test_b2_is_undecided_where_few_runs_are_on_the_other_side():
    assert verdict(convergence.b2(planted(positive=0.98))) == UNDECIDED


def test_sgd_must_fail_at_the_largest_n_only():
    learns = planted({"sgd": {"stopped_normalised_attention_distance": 0.01}})
    assert verdict(vocabulary.c6([(3, learns), (20, planted())])) == REPRODUCED
    assert verdict(vocabulary.c6([(3, planted()), (20, learns)])) == NOT_REPRODUCED


def test_a_tie_is_no_win():
    """Where no optimizer learns anything, none outperforms the other."""
    both = {f"last_{prefix}attention_similarity": 1.0 for prefix in ("", "normalised_")}
    found = outcomes(convergence.c5(planted(dict.fromkeys(("proximal", "sgd"), both))))
    assert [found[0], found[2]] == [REFUTED, REFUTED]


def test_a_small_advantage_is_told_as_such():
    smaller = judge([CLAIMS["C1"](FALSE["C1", 0])])["detail"]
    assert smaller.tolist() == ["the right way, but smaller", ""]
    none = judge([CLAIMS["C1"](FALSE["C1", 1])])["detail"]
    assert none.tolist() == ["", "no effect"]


def test_positive_runs_decide_and_all_are_reported():
    rows = judge([convergence.c3(planted(positive=0.25))])
    assert set(rows["replicates"]) == {128}
    assert set(rows["all_replicates"]) == {512}
    star = rows.iloc[0]
    assert (star["estimate"], star["all_estimate"]) == (1.0, 0.25)


def test_no_positive_run_decides_nothing():
    rows = judge(convergence.claims(planted(positive=0.0)))
    assert set(rows["verdict"]) == {UNDECIDED}
    assert rows["estimate"].isna().all()
    assert rows["all_estimate"].notna().all()


def test_c2_needs_small_steps():
    read = planted()
    assert [claim.id for claim in convergence.claims(read)] == ["C1", "C2", "C3", "C4", "C5"]
    few = type(read)(read.frame[read.frame["optimizer"] != "sgd_small"])
    assert [claim.id for claim in convergence.claims(few)] == ["C1", "C3", "C4", "C5"]


# --- Runs that diverged ---------------------------------------------------------------


def test_nothing_is_reproduced_where_all_diverge():
    read = diverged()
    claims = [
        *convergence.claims(read),
        vocabulary.c6([(3, read)]),
        simulation.c7([(100, read)]),
        convergence.b3(read),
        convergence.b4(read),
    ]
    rows = judge(claims)
    assert set(rows.groupby("id")["verdict"].first()) == {NOT_REPRODUCED}


def test_diverged_sgd_is_infinitely_far():
    kept, gone = planted().frame, diverged().frame
    read = Endpoints(
        pd.concat([kept[kept["optimizer"] != "sgd"], gone[gone["optimizer"] == "sgd"]])
    )
    found = {claim.id: claim for claim in convergence.claims(read)}
    assert verdict(found["C1"]) == verdict(found["C5"]) == REPRODUCED
    # |Delta_V| of SGD is small no more; that of A was infinite midway, and grows no longer.
    assert [i for i, outcome in enumerate(outcomes(found["C4"])) if outcome == REFUTED] == [1, 7]


def test_a_typical_run_that_diverges_is_not_close():
    gone = {"last_normalised_attention_distance": mixed(np.inf, 0.01, 0.7)}
    assert outcomes(convergence.c3(planted({"proximal": gone})))[0] == REFUTED
