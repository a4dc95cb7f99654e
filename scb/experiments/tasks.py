"""Draw the tasks of an experiment, one per replicate."""

from argparse import ArgumentParser

from scb.data.seeds import derive
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, run


def main(options: Arguments) -> None:
    """Draw and write the tasks."""
    tasks = [
        Task.sample(
            options.states,
            options.length,
            options.sparsity,
            derive(options.seed, "task", replicate),
            sampler=options.sampler,
            concentration=options.concentration,
            weights=options.weights,
        )
        for replicate in range(options.replicates)
    ]
    Task.stack(tasks).save(options.output)


def command_line() -> ArgumentParser:
    """Options of the job."""
    parser = arguments(__doc__, steps=False, device=False)
    parser.add_argument("--states", type=int, required=True, help="N")
    parser.add_argument("--length", type=int, required=True, help="T")
    parser.add_argument("--sparsity", type=int, required=True, help="Q")
    parser.add_argument("--sampler", default="dirichlet", help="dirichlet or balanced")
    parser.add_argument("--concentration", type=float, default=1.0)
    parser.add_argument("--weights", default="uniform", help="uniform or drawn")
    parser.add_argument("--replicates", type=int, required=True)
    add_outputs(parser, "output")
    return parser


if __name__ == "__main__":
    run(main, command_line())
