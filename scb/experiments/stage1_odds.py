"""How often Stage 1 ends with two positive signals, over eta and B, beside what is predicted.

The tasks are those of figure 5. Each run takes ``growth / eta`` steps: without noise the signals
would grow by the same factor at every eta. Predictions are those of
`scb.theory.population.boost_signal_to_noise`, which leaves the noise in A out, and of
`scb.theory.boosting`, which has it.
"""

import pandas as pd
import torch
from scipy.stats import binomtest, norm

from scb.analysis.tables import STAGE1_ODDS
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Output, job
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.settings.stage1_samples import Stage1Odds
from scb.settings.training import Tasks
from scb.store import tables
from scb.theory.boosting import largest_boosting_rate, noise_growth, positive_probability
from scb.theory.population import boost_signal_to_noise


def count_positive(task: Task, seeds: list[int], rate: float, batch: int, steps: int) -> int:
    """Replicates whose signals are both positive after so many steps."""
    model = LinearTransformer.initial(task)
    optimizer = preconditioned(task, model, rate)
    train(model, optimizer, Stream(task, seeds), range(steps), batch)
    attention = AttentionStatistics.of(task, model.columns.detach())
    value = value_signal(task, model.value.detach().double())
    return int(((value > 0) & (attention_signal(task, attention) > 0)).sum())


@job
def odds(settings: Stage1Odds, counts: Output, device: torch.device) -> None:
    """Run every eta and B, and write."""
    task = Task.draw(Tasks.of(settings))
    trained = task.to(device)
    rows = []
    for batch in settings.batches:
        largest = float(largest_boosting_rate(task, batch).median())
        for rate in settings.rates:
            steps = round(settings.growth / rate)
            names = settings.states, batch, f"{rate:g}"
            seeds = [
                derive(settings.seed, "stage1_odds", *names, replicate)
                for replicate in range(settings.replicates)
            ]
            positive = count_positive(trained, seeds, rate, batch, steps)
            interval = binomtest(positive, len(seeds)).proportion_ci(0.95)  # Clopper and Pearson
            rows.append(
                {
                    "states": settings.states,
                    "rate": rate,
                    "batch": batch,
                    "runs": len(seeds),
                    "positive": positive,
                    "low": interval.low,
                    "high": interval.high,
                    "without_feedback": norm.cdf(boost_signal_to_noise(task, batch, rate)).mean(),
                    "predicted": float(positive_probability(task, batch, rate, steps).mean()),
                    "noise_growth": float(noise_growth(task, batch, rate).median()),
                    "largest": largest,
                }
            )
    setting = settings.model_dump(include={"length", "sparsity", "growth", "replicates"})
    tables.write(pd.DataFrame(rows), counts, STAGE1_ODDS, setting)


if __name__ == "__main__":
    odds.main()
