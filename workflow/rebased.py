"""What docs/rebased.md says of recall: how rates were tuned, and what came out at these rates."""

from pathlib import Path
from typing import Any

import yaml

from scb.claims.markdown import interval
from scb.claims.operating import operating, rows
from scb.claims.tables import JUDGED, STATISTICS
from scb.settings.whole import Settings
from scb.store import tables
from workflow.published import GALLERY

RATES = Path("docs/tuning/rebased_rates.yaml")
CHANCES = Path("docs/tuning/rebased_rates_statistics.parquet")

VERDICTS = GALLERY / "rebased_claims.parquet"


def rates(root: Path) -> str:
    """The rate of each kernel, and mean validation accuracies at every rate of every setting."""
    told = yaml.safe_load((root / RATES).read_text(encoding="utf-8"))
    parts = [
        f"Seed {told['seed']}. Rule: {told['rule']}.",
        "| kernel | rate | at the edge of the grid |\n|---|---|---|\n"
        + "\n".join(
            f"| `{kernel}` | {rate:g} | {'**yes**' if kernel in told['at_the_edge'] else 'no'} |"
            for kernel, rate in told["rates"].items()
        ),
        "Mean validation accuracy at each rate, in the settings that choose:",
        _grid(told["accuracies"]),
    ]
    if told["readings"]:
        parts += ["And in other readings, which choose nothing:", _grid(told["readings"])]
    return "\n\n".join(parts)


def _grid(settings: dict[str, dict[str, dict[float, float]]]) -> str:
    tried: list[Any] = sorted({r for of in settings.values() for by in of.values() for r in by})
    lines = [
        f"| setting | kernel | {' | '.join(f'{rate:g}' for rate in tried)} |",
        "|---" * (len(tried) + 2) + "|",
    ]
    for name, kernels in settings.items():
        for kernel, by in kernels.items():
            cells = [f"{by[rate]:.2f}" if rate in by else "" for rate in tried]
            lines.append(f"| {name} | `{kernel}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def chances(root: Path) -> str:
    """What each statistic of K1 to K3 can decide at the runs of config.yaml."""
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    runs = Settings.model_validate(config).rebased.runs
    return rows(operating(tables.read(root / CHANCES, STATISTICS), {"rebased": runs}))


def outcomes(root: Path) -> str:
    """Every statistic of K1 to K3 and what came of it."""
    found = tables.read(root / GALLERY / f"{JUDGED[VERDICTS.stem]}.parquet", STATISTICS)
    lines = ["| claim | statistic | median over runs | bar | outcome |", "|---" * 5 + "|"]
    lines += [
        f"| {row['id']} | {row['statistic'].removeprefix('test accuracy, ')} | {interval(row)} | "
        f"{row['bar']} | {row['outcome']} |"
        for _, row in found.iterrows()
    ]
    return "\n".join(lines)
