"""From runs of Stage 1 to the batch they need, and to its exponents in T and eta."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from scb.analysis.tables import EXPONENTS, STAGE1, STAGE1_BATCHES, STAGE1_PROBABILITIES
from scb.data.seeds import derive
from scb.experiments.job import Inputs, Output, job
from scb.settings.model import Seeded
from scb.store import tables
from scb.theory.stage1 import GRID_STEP, exponents, fit

SIZES = ["length", "rate"]


def count(runs: pd.DataFrame) -> pd.DataFrame:
    """Rows of `STAGE1_PROBABILITIES`."""
    cells = runs.groupby(["stationary", *SIZES, "batch"], as_index=False).agg(
        runs=("right", "size"),
        right=("right", "sum"),
        reached=("reached", "sum"),
        predicted=("probability", "mean"),
    )
    intervals = [
        binomtest(right, size).proportion_ci(0.95)  # Clopper and Pearson
        for right, size in zip(cells["right"], cells["runs"], strict=True)
    ]
    cells["low"] = [interval.low for interval in intervals]
    cells["high"] = [interval.high for interval in intervals]
    return cells.assign(unfinished=cells["runs"] - cells["reached"]).drop(columns="reached")


def fit_batches(runs: pd.DataFrame, counts: pd.DataFrame, root: int) -> pd.DataFrame:
    """Rows of `STAGE1_BATCHES`, with the bootstrap's ``draws`` of each."""
    names = ["stationary", *SIZES]
    predicted = runs.groupby(names)["predicted"].first()
    rows = []
    for name, cell in counts.groupby(names):
        seed = derive(root, "bootstrap", *map(str, name))
        found = fit(cell["batch"].to_list(), cell["right"], int(cell["runs"].iloc[0]), seed=seed)
        interval = found.interval()
        rows.append((*name, found.batch, *interval, found.power, predicted[name], found.draws))
    return pd.DataFrame(rows, columns=[*STAGE1_BATCHES.names, "draws"])


def fit_exponents(batches: pd.DataFrame) -> pd.DataFrame:
    """Rows of `EXPONENTS`."""
    frames = []
    for stationary, kind in batches.groupby("stationary"):
        draws = np.stack(kind["draws"].to_list())  # (M, resamples)
        errors = np.hypot(np.log(draws).std(1), GRID_STEP)
        found, drawn, predicted = (
            exponents(kind[SIZES], some, errors)
            for some in (kind["batch"], draws.T, kind["predicted"])
        )
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        frame = {"variable": SIZES, "estimate": found, "low": low, "high": high}
        frames.append(pd.DataFrame(frame | {"predicted": predicted}).assign(subject=stationary))
    return pd.concat(frames)


@job
def fit_all(
    settings: Seeded, runs: Inputs, probabilities: Output, batches: Output, exponents: Output
) -> None:
    """Fit each setting, then a power law over the settings of one kind of mu."""
    every = pd.concat([tables.read(path, STAGE1) for path in runs])
    setting = tables.setting(runs[0])
    counts = count(every)
    required = fit_batches(every, counts, settings.seed)
    laws = fit_exponents(required)
    tables.write(counts, probabilities, STAGE1_PROBABILITIES, setting)
    tables.write(required.drop(columns="draws"), batches, STAGE1_BATCHES, setting)
    tables.write(laws, exponents, EXPONENTS, setting)


if __name__ == "__main__":
    fit_all.main()
