"""Training from the paper's start on the downstream tasks and samples of transfer.

eta is half of the largest stable one, for each replicate, and each goes through the stages
in its own time. The last step is where ``(1 + eta)^steps``, the growth of the signals, has
reached a set exponent: a budget that is as generous at every T.
"""

import math
from pathlib import Path

from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, run, set_up, stream_of
from scb.learning.algorithm import train
from scb.learning.curves import TransferCurves
from scb.learning.models import LinearTransformer
from scb.learning.tables import TRANSFER
from scb.store import tables
from scb.theory.population import largest_stable_rate
from scb.theory.transfer import Scratch


def main(options: Arguments) -> None:
    """Train, log and write."""
    tasks = Task.load(options.tasks).to(set_up(options))
    rate = largest_stable_rate(tasks, options.batch) / 2  # (R,)
    steps = math.ceil(options.growth / rate.median().item())
    model = LinearTransformer.initial(tasks)
    scratch = Scratch(tasks, model, rate)
    curves = TransferCurves(tasks, "scratch", [None])

    def observe(step: int) -> None:
        if step % options.log_interval == 0 or step == steps:
            curves.record(step * options.batch, model.value, model.columns)
            scratch.look()

    stream = stream_of(tasks, options.seed)
    train(model, scratch.optimizers, stream, range(steps), options.batch, observe)
    observe(steps)
    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "budget": steps * options.batch,
        "rate": rate.median().item(),
    }
    tables.write(curves.frame(), options.curves, TRANSFER, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--growth", type=float, required=True, help="last step times eta")
    parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
    parser.add_argument("--log-interval", type=int, required=True, help="steps between rows")
    parser.add_argument("--threads", type=int, default=1)
    add_outputs(parser, "curves")
    run(main, parser)
