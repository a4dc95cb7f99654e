"""Judge the paper's claims by the tables of all experiments."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scb.analysis.runs import Array, Run
from scb.claims import attention, convergence, population, simulation, transfer, vocabulary
from scb.claims.markdown import render
from scb.claims.tables import CLAIMS
from scb.claims.verdict import Claim, judge
from scb.data.tables import TASKS
from scb.data.task import Task
from scb.experiments.job import Inputs, Output, job
from scb.learning.tables import STATES, TRANSFER
from scb.settings import Claims, Judging
from scb.store.files import replacing
from scb.store.tables import read, write
from scb.theory.population import trajectory
from scb.theory.tables import PRETRAINED


@job
def judge_claims(settings: Judging, tables: Inputs, claims: Output, markdown: Output) -> None:
    """Read, judge and write both tables."""
    frame = judge(claims_of(tables, settings.claims))
    write(frame, claims, CLAIMS, {"digest": settings.digest})
    # As read again, so that the text follows from the table alone.
    text = render(read(claims, CLAIMS), settings.figures)
    with replacing(markdown) as temporary:
        temporary.write_text(text, encoding="utf-8")


def claims_of(paths: Sequence[Path], named: Claims) -> list[Claim]:
    """Claims with their statistics, from the tables of all experiments.

    Parameters
    ----------
    paths : sequence of Path
        Tables ``SECTION/NAME.parquet``.
    named : Claims
        The sections that are judged.
    """
    table = {f"{path.parent.name}/{path.stem}": path for path in paths}

    def trained(section: str) -> Run:
        return Run.read(table[f"{section}/boost"], table[f"{section}/optimizers"])

    def plain(section: str) -> tuple[Run, Array]:
        """Stage 1 alone, with the population path of its tasks."""
        run = Run.read(table[f"{section}/boost"])
        task = Task.load(table[f"{section}/tasks"])
        return run, trajectory(task, [run["boost_rate"]] * run["boost_steps"]).numpy()

    figure1 = trained(named.convergence)
    pretrained = read(table["transfer/pretrained"], PRETRAINED)
    transferred = pd.concat(
        read(path, TRANSFER)
        for name, path in table.items()
        if name.startswith("transfer/") and name != "transfer/pretrained"
    )
    return [
        *convergence.claims(figure1),
        vocabulary.c6([trained(section) for section in named.vocabulary]),
        simulation.c7([Run.read(table[f"{section}/simulation"]) for section in named.simulation]),
        attention.c8(
            Run.read(table["attention/attention"]),
            read(table["attention/attention_state"], STATES),
            read(table["attention/tasks"], TASKS),
        ),
        transfer.c9(figure1, transferred),
        transfer.c10(pretrained, transferred),
        population.c11(*plain(named.population), *plain(named.convergence)),
        *convergence.beyond(figure1),
        transfer.b5(transferred),
    ]


if __name__ == "__main__":
    judge_claims.main()
