"""The closed forms beside the claims."""

import math

import numpy as np
import pytest

from scb.experiments.closed_forms import closed_forms, quantities
from scb.settings.claims import ClosedForms
from scb.settings.training import Boost, Proximal, Sgd
from scb.store import tables
from scb.theory.tables import CLOSED_FORMS


def settings(**changed):
    proximal = Proximal(kind="proximal", rate=0.005, penalty=1e-5)
    own = {"seed": 1, "replicates": 3, "batch": 64, "boost": Boost(steps=50, rate=0.01)}
    return ClosedForms(**own | {"optimizers": {"proximal": proximal}} | changed)


@pytest.fixture
def task(make_task):
    return make_task(3, 200, replicates=3)


def test_a_step_tells_as_much_at_every_rate(task):
    """The mean step of a useful entry over the noise of a useless one has no eta in it."""
    faster = Proximal(kind="proximal", rate=0.05, penalty=1e-5)
    ratios = [
        quantities(task, settings(**more))["gain_over_noise"]
        for more in ({}, {"optimizers": {"proximal": faster}})
    ]
    np.testing.assert_allclose(*ratios, rtol=1e-12)


def test_a_lambda_is_the_balancing_one_at_its_balanced_rate(task):
    rates = quantities(task, settings())["balanced_rate"]
    for replicate, rate in enumerate(rates.tolist()):
        at_it = {"proximal": Proximal(kind="proximal", rate=rate, penalty=1e-5)}
        found = quantities(task, settings(optimizers=at_it))["balancing_penalty"][replicate]
        assert float(found) == pytest.approx(1e-5)


def test_the_sure_batch_is_sure(task):
    """At it the drift is 1.28 standard deviations, the 90% quantile of a normal law."""
    batches = quantities(task, settings())["sure_batch"]
    drifts = [
        float(quantities(task, settings(batch=round(batch)))["boost_signal_to_noise"][replicate])
        for replicate, batch in enumerate(batches.tolist())
    ]
    assert [math.erfc(-drift / math.sqrt(2)) / 2 for drift in drifts] == pytest.approx(
        [0.9] * 3, abs=0.01
    )


def test_without_a_penalty_no_rate_balances(task, tmp_path):
    task.save(tmp_path / "tasks.parquet")
    plain = settings(optimizers={"proximal": Sgd(kind="sgd", rate=0.005)})
    closed_forms(plain, tmp_path / "tasks.parquet", tmp_path / "closed_forms.parquet")
    found = tables.read(tmp_path / "closed_forms.parquet", CLOSED_FORMS).set_index("quantity")
    assert found.loc["balanced_rate", "median"] == 0
    assert (found["low"] <= found["median"]).all()
    assert (found["median"] <= found["high"]).all()
