"""The phase diagram: what the scale of eta and lambda make of figure 1."""

from typing import Any

import numpy as np
import pandas as pd

from scb.analysis.endpoints import Endpoints
from scb.analysis.tables import PHASES, UNIVERSES
from scb.claims.parts import SMALL
from scb.claims.universes import paired, stars
from scb.data.task import Task
from scb.experiments.job import Input, Inputs, Output, job
from scb.settings.multiverse import Scaled
from scb.store import tables
from scb.theory.population import balancing_penalty
from scb.theory.thresholds import dying_penalty

SGD = "sgd"


@job
def phases(settings: Scaled, runs: Inputs, tasks: Input, table: Output) -> None:
    """Summarise the runs of each scale and lambda, beside the closed forms."""
    task, rows = Task.load(tasks), []
    for scale, path in zip(settings.scales, runs, strict=True):
        read, setting = Endpoints(tables.read(path, UNIVERSES)), tables.setting(path)
        rate = setting["optimizers"][SGD]["rate"]
        signals = read.boost_signal[read.positive]
        signal = float(np.median(signals)) if len(signals) else np.nan
        shared: dict[str, Any] = {
            "scale": scale,
            "positive": int(read.positive.sum()),
            "signal": signal,
            "balancing": float(balancing_penalty(task, setting["batch"], rate).median()),
            "dying": float(dying_penalty(task, rate, signal)),
        }
        for name, spec in sorted(setting["optimizers"].items()):
            if name == SGD:
                continue
            near = stars(read, name) < SMALL.value
            close = float(near.mean()) if len(near) else np.nan
            row = shared | {"penalty": spec["penalty"], "close": close}
            rows.append(row | paired(read, name))
    setting = tables.setting(runs[0]) | {"printed": settings.printed}
    tables.write(pd.DataFrame(rows), table, PHASES, setting)


if __name__ == "__main__":
    phases.main()
