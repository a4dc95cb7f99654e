"""From sweeps over lambda to the window of useful ones, and how it moves."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import linregress, t

from scb.analysis.runs import Run
from scb.analysis.tables import EXPONENTS, PENALTIES, WINDOWS
from scb.analysis.windows import useful_window
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, run
from scb.learning.tables import CURVES
from scb.store import tables
from scb.theory.population import balancing_penalty

NAMES = ["sweep", "replicate"]
SMALLER_RATE, LARGER_RATE, LARGER_BATCH = "vocabulary_3", "larger_rate", "larger_batch"


def last_step(curves: Path, boost: Path, sweep: str) -> pd.DataFrame:
    """Rows of `PENALTIES` of one sweep."""
    frame = tables.read(curves, CURVES)
    penalties = {
        name: optimizer["penalty"]
        for name, optimizer in tables.setting(curves)["optimizers"].items()
    }
    last = frame[frame["step"] == frame["step"].max()]
    return last.assign(
        sweep=sweep,
        penalty=last["optimizer"].map(penalties),
        aligned=last["replicate"].isin(Run.read(boost).positive("boost")),
    )[PENALTIES.names]


def windows(ends: pd.DataFrame, task: Task, batch: int, rate: float) -> pd.DataFrame:
    """Rows of `WINDOWS` of one sweep."""
    energy = task.transition_energy.numpy()
    balance = balancing_penalty(task, batch, rate).numpy()
    rows = []
    for (sweep, replicate), run_ in ends.groupby(NAMES):
        ordered = run_.sort_values("penalty")
        distance = ordered["attention_distance"].fillna(np.inf)
        best, low, high = useful_window(ordered["penalty"], distance)
        aligned = bool(ordered["aligned"].iloc[0])
        known = energy[replicate], balance[replicate]
        rows.append((sweep, replicate, aligned, *known, best, low, high))
    return pd.DataFrame(rows, columns=WINDOWS.names)


def starts(found: pd.DataFrame) -> pd.DataFrame:
    """Aligned replicates that have a window, with the logarithm of its low end.

    The high end is often beyond the largest lambda, so that it cannot tell how windows move.
    """
    kept = found[found["aligned"] & found["low"].notna()]
    return kept.assign(start=np.log(kept["low"]))


def paired_exponent(found: pd.DataFrame, other: str, factor: float) -> tuple[float, ...]:
    """Exponent of the low end in a quantity that is ``factor`` times larger in sweep ``other``.

    Mean over the replicates that have both, with Student's 95% interval, and the same for
    the closed form (its mean).
    """
    kept = starts(found).assign(balance=lambda rows: np.log(rows["balancing"]))
    sides = (kept[kept["sweep"] == name].set_index("replicate") for name in (SMALLER_RATE, other))
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


def main(options: Arguments) -> None:
    """Read the sweeps, find windows and exponents, and write."""
    ends, found, settings = [], [], {}
    files = options.curves, options.boost, options.tasks
    for sweep, printed, curves, boost, tasks in zip(
        options.sweeps, options.printed, *files, strict=True
    ):
        setting = tables.setting(curves)
        (rate,) = {optimizer["rate"] for optimizer in setting["optimizers"].values()}
        settings[sweep] = {key: setting[key] for key in ("states", "length", "batch", "steps")}
        settings[sweep] |= {"rate": rate, "printed": printed}
        ends.append(last_step(curves, boost, sweep))
        found.append(windows(ends[-1], Task.load(tasks), setting["batch"], rate))
    ends, found = pd.concat(ends), pd.concat(found)
    ratio = {
        "rate": (LARGER_RATE, settings[LARGER_RATE]["rate"] / settings[SMALLER_RATE]["rate"]),
        "batch": (LARGER_BATCH, settings[LARGER_BATCH]["batch"] / settings[SMALLER_RATE]["batch"]),
    }
    rows = [(name, *paired_exponent(found, *pair)) for name, pair in ratio.items()]
    rows.append(("transition_energy", *energy_exponent(found, SMALLER_RATE)))
    laws = pd.DataFrame(rows, columns=EXPONENTS.names[1:]).assign(subject="low end")
    tables.write(ends, options.ends, PENALTIES, settings)
    tables.write(found, options.windows, WINDOWS, settings)
    tables.write(laws, options.exponents, EXPONENTS, settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--sweeps", nargs="+", required=True, help="their names")
    parser.add_argument(
        "--printed", type=float, nargs="+", required=True, help="of each: lambda of the figures"
    )
    for name, what in (
        ("curves", "of scb.experiments.optimizers, an optimizer for each lambda"),
        ("boost", "curves of the Stage 1 before"),
        ("tasks", "ground truths"),
    ):
        parser.add_argument(
            f"--{name}", type=Path, nargs="+", required=True, help=f"of each sweep: {what}"
        )
    add_outputs(parser, "ends", "windows", "exponents")
    run(main, parser)
