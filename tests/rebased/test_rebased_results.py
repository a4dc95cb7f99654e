"""From tables of recall to selected rates, ranks and verdicts."""

import numpy as np
import pandas as pd
import pytest

from scb.claims.samples import Mean
from scb.claims.verdict import REPORTED, SHOWN, UNDECIDED, decide
from scb.rebased.claims import claims
from scb.rebased.results import Recalled, summarise
from scb.rebased.tables import RECALL
from scb.store import tables
from scb.store.tables import TableError

RATES = (0.01, 0.1)
KERNELS = {
    # By rate: validation and test accuracy of two runs.
    "identity": (([0.1, 0.2], [0.1, 0.2]), ([0.1, 0.1], [0.1, 0.1])),
    "elu": (([0.3, 0.2], [0.3, 0.1]), ([0.2, 0.2], [0.2, 0.2])),
    "based": (([0.6, 0.8], [0.5, 0.9]), ([0.7, 0.6], [1.0, 1.0])),
    "square": (([0.7, 0.7], [0.7, 0.7]), ([0.6, 0.7], [0.7, 0.7])),
    "square_affine": (([0.7, 0.7], [0.72, 0.73]), ([0.6, 0.7], [0.7, 0.7])),
    "square_norm": (([0.8, 0.8], [0.8, 0.8]), ([0.9, 0.9], [0.85, 0.95])),
    "rebased": (([0.99, 0.99], [0.9, 0.94]), ([0.99, 0.99], [0.95, 0.97])),
}


def write(folder, kernel, outcomes, steps=(40, 20), runs=2):
    rows = []
    for rate, step, (validation, test) in zip(RATES, steps, outcomes, strict=True):
        for run in range(runs):
            for at in range(0, step + 1, 20):
                last = at == step
                rows.append(
                    {
                        "kernel": kernel,
                        "rate": rate,
                        "run": run,
                        "step": at,
                        "last": last,
                        "validation_loss": 1.0,
                        "validation_accuracy": validation[run] if last else 0.01,
                        "test_accuracy": test[run] if last else None,
                    }
                )
    frame = pd.DataFrame(rows).astype({"run": "int32", "step": "int32"})
    path = folder / f"{kernel}.parquet"
    tables.write(frame, path, RECALL, {"kernel": kernel, "state_size": 7, "steps": 40})
    return path


@pytest.fixture
def paths(tmp_path):
    folder = tmp_path / "stress"
    return [write(folder, kernel, outcomes) for kernel, outcomes in KERNELS.items()]


@pytest.fixture
def recalled(paths):
    return Recalled.read(paths)["stress"]


def test_rate_is_selected_by_validation_alone(recalled):
    assert recalled.selected("based") == 0.01  # though the other's test accuracy is 1
    assert recalled.selected("square_norm") == 0.1
    assert recalled.selected("rebased") == 0.1  # equals: the one of fewer steps
    assert recalled.accuracies("based").tolist() == [0.5, 0.9]


def test_better_is_decided_by_validation_alone(recalled):
    assert recalled.better(("identity", "elu")) == "elu"
    assert recalled.better(("rebased", "based")) == "rebased"


def test_summary(recalled):
    lines = summarise({"stress": recalled}).splitlines()
    assert "## stress" in lines
    (header,) = (line for line in lines if line.startswith("| kernel |"))
    assert header.endswith("| rank at 0.01 | rank at 0.1 |")
    (based,) = (line for line in lines if line.startswith("| `based` |"))
    assert based == "| `based` | 7 | 0.01 | 40 [40, 40] | 0.700 [0.500, 0.900] | 4 | 1 |"
    assert len([line for line in lines if line.startswith("| `")]) == len(KERNELS)


def test_rank(recalled):
    assert recalled.rank("based", 0.1) == 1
    assert recalled.rank("rebased", 0.1) == 2
    assert recalled.rank("rebased", 0.01) == 1
    assert recalled.rank("based", 0.01) == 4  # equal to the square: both are behind three others
    assert recalled.rank("square", 0.01) == 4


def test_run_that_ended_keeps_its_accuracy(tmp_path):
    write(tmp_path, "elu", KERNELS["elu"])
    frame = tables.read(tmp_path / "elu.parquet", RECALL)
    # The second run went on for another look.
    more = frame[(frame["run"] == 1) & frame["last"] & (frame["rate"] == 0.01)].copy()
    frame.loc[more.index, "last"] = False
    more["step"], more["validation_accuracy"] = np.int32(60), 0.25
    recalled = Recalled(pd.concat([frame, more]), {"elu": {}})
    steps, values = recalled.curve("elu")
    assert steps.tolist() == [0, 20, 40, 60]
    assert values[0].tolist() == [0.01, 0.01, 0.3, 0.3]
    assert values[1].tolist() == [0.01, 0.01, 0.2, 0.25]
    assert recalled.steps("elu").tolist() == [40, 60]


def test_tables_of_other_runs_are_refused(tmp_path, paths):
    other = write(tmp_path / "stress", "softmax", KERNELS["elu"], runs=1)
    with pytest.raises(TableError, match="its rates and runs are not those of"):
        Recalled.read([*paths, other])


def test_interval_covers():
    # 95% of 2000 intervals, give or take 4 standard errors.
    generator = np.random.default_rng(0)
    samples = generator.normal(1.0, 2.0, (2000, 3))
    found = [Mean(sample).estimate(0.95) for sample in samples]
    covered = np.mean([one.low < 1 < one.high for one in found])
    assert abs(covered - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_claims(recalled):
    k1, k2, k3 = claims({"stress": recalled}, ["stress"])
    assert [claim.id for claim in (k1, k2, k3)] == ["K1", "K2", "K3"]
    # ReBased - Based in pairs: 0.45 and 0.07; at 50% the interval is 0.26 +- 0.19.
    (part,) = k1.parts
    assert part.over.estimate(0.5) == pytest.approx((0.26, 0.07, 0.45, 2))
    assert decide([k1], 0.5)[0].outcomes == [SHOWN]
    assert decide([k1], 0.05)[0].outcomes == [UNDECIDED]
    # Against the norm alone: 0.1 and 0.02.
    assert decide([k2], 0.6)[0].outcomes == [SHOWN, REPORTED]
    # The better linear one is elu by validation, in run 1 too, where it tests worse: 0.3 and 0.1.
    assert k3.parts[0].over.estimate(0.5).estimate == pytest.approx(0.5)
    assert k3.parts[1].over.estimate(0.5).estimate == pytest.approx(0.76)


def test_only_limited_settings_decide_k1(recalled):
    both = {"separating": recalled, "stress": recalled}
    k1 = claims(both, ["stress"])[0]
    assert [part.statistic.split(", ")[-1] for part in k1.parts] == ["stress", "separating"]
    assert [part.bar is None for part in k1.parts] == [False, True]
    with pytest.raises(ValueError, match="no tables of crowded"):
        claims(both, ["crowded"])
