"""From sweeps over lambda to the window of useful ones, and how it moves."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from scb.analysis.runs import Run
from scb.analysis.tables import EXPONENTS, PENALTIES, WINDOWS
from scb.analysis.windows import useful_window
from scb.data.task import Task
from scb.experiments.job import Inputs, Output, job
from scb.learning.tables import CURVES
from scb.settings.regularization import Windows
from scb.store import tables
from scb.theory.population import balancing_penalty

NAMES = ["sweep", "replicate"]
LARGER_RATE, LARGER_BATCH = "larger_rate", "larger_batch"


def last_step(curves: Path, boost: Path, sweep: str) -> pd.DataFrame:
    """Rows of `PENALTIES` of one sweep."""
    frame = tables.read(curves, CURVES)
    penalties = {
        name: optimizer["penalty"]
        for name, optimizer in tables.setting(curves)["optimizers"].items()
    }
    last = frame[frame["step"] == frame["step"].max()]
    reported = last.assign(
        sweep=sweep,
        penalty=last["optimizer"].map(penalties),
        positive=last["replicate"].isin(Run.read(boost).positive("boost")),
    )
    return reported.drop(columns=["optimizer", "step", "stage", "bayes_loss"])


def windows_of(ends: pd.DataFrame, task: Task, batch: int, rate: float) -> pd.DataFrame:
    """Rows of `WINDOWS` of one sweep."""
    energy = task.transition_energy.numpy()
    balance = balancing_penalty(task, batch, rate).numpy()
    rows = []
    for (sweep, replicate), run_ in ends.groupby(NAMES):
        ordered = run_.sort_values("penalty")
        distance = ordered["attention_distance"].fillna(np.inf)
        best, low, high = useful_window(ordered["penalty"], distance)
        positive = bool(ordered["positive"].iloc[0])
        known = energy[replicate], balance[replicate]
        rows.append((sweep, replicate, positive, *known, best, low, high))
    return pd.DataFrame(rows, columns=WINDOWS.names)


def starts(found: pd.DataFrame) -> pd.DataFrame:
    """Aligned replicates that have a window, with the logarithm of its low end.

    The high end is often beyond the largest lambda, so that it cannot tell how windows move.
    """
    kept = found[found["positive"] & found["low"].notna()]
    return kept.assign(start=np.log(kept["low"]))


def paired_exponent(
    found: pd.DataFrame, varied: str, other: str, factor: float
) -> tuple[float, ...]:
    """Exponent of the low end in a quantity that is ``factor`` times as large in sweep ``other``.

    Mean over the replicates that have both, with Student's 95% interval, and the same for
    the closed form (its mean).
    """
    kept = starts(found).assign(balance=lambda rows: np.log(rows["balancing"]))
    sides = (kept[kept["sweep"] == name].set_index("replicate") for name in (varied, other))
    before, after = (side[["start", "balance"]] for side in sides)
    each = ((after - before) / np.log(factor)).dropna()
    mean, count = each["start"].mean(), len(each)
    reach = np.nan
    if count > 1:
        reach = t.ppf(0.975, count - 1) * each["start"].std() / count**0.5
    return mean, mean - reach, mean + reach, each["balance"].mean()


def energy_exponent(found: pd.DataFrame, sweep: str) -> tuple[float, ...]:
    """Exponent of the low end in K_P over the replicates of a sweep, with its 95% interval."""
    kept = starts(found[found["sweep"] == sweep])
    if len(kept) < 3:
        return (np.nan,) * 4
    size = np.log(kept["transition_energy"])
    law, closed = linregress(size, kept["start"]), linregress(size, np.log(kept["balancing"]))
    reach = t.ppf(0.975, len(kept) - 2) * law.stderr
    return law.slope, law.slope - reach, law.slope + reach, closed.slope


@job
def all_windows(
    settings: Windows,
    curves: Inputs,
    boost: Inputs,
    tasks: Inputs,
    ends: Output,
    windows: Output,
    exponents: Output,
) -> None:
    """Read the sweeps, find windows and exponents, and write."""
    last, found, read = [], [], {}
    files = zip(settings.sweeps, settings.printed, curves, boost, tasks, strict=True)
    for sweep, printed, curve, stage1, task in files:
        setting = tables.setting(curve)
        (rate,) = {optimizer["rate"] for optimizer in setting["optimizers"].values()}
        read[sweep] = {key: setting[key] for key in ("states", "length", "batch", "steps")}
        read[sweep] |= {"rate": rate, "printed": printed}
        last.append(last_step(curve, stage1, sweep))
        found.append(windows_of(last[-1], Task.load(task), setting["batch"], rate))
    all_ends, all_found = pd.concat(last), pd.concat(found)
    varied = settings.varied
    rows = [
        (name, *paired_exponent(all_found, varied, other, read[other][name] / read[varied][name]))
        for name, other in (("rate", LARGER_RATE), ("batch", LARGER_BATCH))
    ]
    rows.append(("transition_energy", *energy_exponent(all_found, varied)))
    laws = pd.DataFrame(rows, columns=EXPONENTS.names[1:]).assign(subject="low end")
    tables.write(all_ends, ends, PENALTIES, read)
    tables.write(all_found, windows, WINDOWS, read)
    tables.write(laws, exponents, EXPONENTS, read)


if __name__ == "__main__":
    all_windows.main()
