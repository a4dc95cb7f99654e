"""What theory says of the paper's figure 1 before any step: a few numbers."""

import numpy as np
import pandas as pd
from scipy.stats import norm
from torch import Tensor

from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.settings.claims import ClosedForms
from scb.store import tables
from scb.theory.boosting import BOOSTED, positive_probability
from scb.theory.population import balancing_penalty, boost_signal_to_noise
from scb.theory.tables import CLOSED_FORMS, SURE
from scb.theory.thresholds import balanced_rate, step_sizes


def quantities(task: Task, settings: ClosedForms) -> dict[str, Tensor]:
    """The closed forms, each of shape (R,), for rates that are divided by K_Q and K_P.

    ``gain`` and ``noise`` are of one proximal step on an entry of A at signals of `BOOSTED`, where
    Stage 1 of the paper's figure 1 ends: the mean step of a useful entry, and the standard
    deviation of that of a useless one. ``sure_batch`` is the B at which a share `SURE` of runs
    ends Stage 1 with positive signals, were A to stay uniform: B_90 of docs/stage1.md.

    Parameters
    ----------
    task : Task
        Of R replicates.
    settings : ClosedForms
        With an optimizer ``proximal``; without a penalty its lambda is 0.
    """
    batch, boost, proximal = settings.batch, settings.boost, settings.optimizers["proximal"]
    gain, noise = step_sizes(task, batch, proximal.rate, BOOSTED)
    drift = boost_signal_to_noise(task, batch, boost.rate)
    return {
        "gain": gain,
        "noise": noise,
        "gain_over_noise": gain / noise,
        "balancing_penalty": balancing_penalty(task, batch, proximal.rate),
        "balanced_rate": balanced_rate(task, batch, getattr(proximal, "penalty", 0.0)),
        "boost_signal_to_noise": drift,
        "sure_batch": batch * (float(norm.ppf(SURE)) / drift) ** 2,
        "positive_probability": positive_probability(task, batch, boost.rate, boost.steps),
    }


@job
def closed_forms(settings: ClosedForms, tasks: Input, table: Output) -> None:
    """Evaluate them on all tasks, and write means, medians and quartiles."""
    rows = []
    for quantity, values in quantities(Task.load(tasks), settings).items():
        found = values.expand(settings.replicates).double().numpy()
        low, median, high = np.quantile(found, (0.25, 0.5, 0.75))
        told = {"mean": found.mean(), "median": median, "low": low, "high": high}
        rows.append({"quantity": quantity, **told})
    tables.write(pd.DataFrame(rows), table, CLOSED_FORMS, settings.model_dump(mode="json"))


if __name__ == "__main__":
    closed_forms.main()
