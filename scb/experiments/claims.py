"""Judge the paper's claims by the tables of all experiments."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from scb.analysis.runs import Array, Run
from scb.claims import rules
from scb.claims.markdown import render
from scb.claims.tables import CLAIMS
from scb.claims.verdict import Claim, judge
from scb.data.tables import TASKS
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, run
from scb.learning.tables import STATES, TRANSFER
from scb.store import tables
from scb.store.files import replacing
from scb.theory.population import trajectory
from scb.theory.tables import PRETRAINED


def main(options: Arguments) -> None:
    """Read, judge and write both tables."""
    frame = judge(claims(options.tables))
    setting = {"digest": options.digest}
    tables.write(frame, options.output, CLAIMS, setting)
    # As read again, so that the text follows from the table alone.
    text = render(tables.read(options.output, CLAIMS), options.figures)
    with replacing(options.markdown) as temporary:
        temporary.write_text(text, encoding="utf-8")


def claims(paths: Sequence[Path]) -> list[Claim]:
    """Claims with their statistics, from the tables of all experiments."""
    table = {f"{path.parent.name}/{path.stem}": path for path in paths}

    def trained(setting: str) -> Run:
        return Run.read(table[f"{setting}/boost"], table[f"{setting}/optimizers"])

    def plain(setting: str) -> tuple[Run, Array]:
        """Stage 1 alone, with the population path of its tasks."""
        run = Run.read(table[f"{setting}/boost"])
        task = Task.load(table[f"{setting}/tasks"])
        return run, trajectory(task, [run["boost_rate"]] * run["boost_steps"]).numpy()

    convergence = trained("convergence")
    pretrained = tables.read(table["transfer/pretrained"], PRETRAINED)
    transfer = pd.concat(
        tables.read(path, TRANSFER)
        for name, path in table.items()
        if name.startswith("transfer/") and name != "transfer/pretrained"
    )
    return [
        *rules.convergence(convergence),
        rules.c6([trained(f"vocabulary_{states}") for states in (3, 10, 20)]),
        rules.c7([Run.read(table[f"simulation_{states}/simulation"]) for states in (100, 500)]),
        rules.c8(
            Run.read(table["attention/attention"]),
            tables.read(table["attention/attention_state"], STATES),
            tables.read(table["attention/tasks"], TASKS),
        ),
        rules.c9(convergence, transfer),
        rules.c10(pretrained, transfer),
        rules.c11(*plain("population"), *plain("convergence")),
        *rules.beyond(convergence, transfer),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--tables", type=Path, nargs="+", required=True, help="SETTING/NAME.parquet"
    )
    parser.add_argument("--digest", required=True, help="of the settings of these results")
    parser.add_argument("--figures", required=True, help="folder of figures, seen from --markdown")
    add_outputs(parser, "output", "markdown")
    run(main, parser)
