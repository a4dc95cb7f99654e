"""Reporter for Snakemake: all results on one page, what they say first, with the data beside it.

Snakemake finds it by its name once this folder's parent is on ``PYTHONPATH``::

    PYTHONPATH=.:workflow/report snakemake --reporter page --report-page-path report.zip

It shows whatever the rules mark with ``report(...)``, under the categories, labels and captions
given there, after a summary of what a rule's table of ``claims`` says. Snakemake's own reporter
(``--report``) takes the same marks, but shows one result at a time, its caption apart and not the
tables that it was drawn from.
"""

import base64
import csv
import json
import mimetypes
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Any, Optional
from zipfile import ZIP_DEFLATED, ZipFile

import pyarrow.parquet as pq
import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_report_plugins.reporter import ReporterBase
from snakemake_interface_report_plugins.settings import ReportSettingsBase

from scb.claims.brief import brief
from scb.claims.tables import CLAIMS
from scb.store import tables
from snakemake_report_plugin_page.markdown import normal, render, together

# So that Snakemake's call of Docutils, which comes later, has the captions' formulas in MathML.
os.environ["DOCUTILSCONFIG"] = str(Path(__file__).with_name("docutils.conf"))

FIRST = "Figures"
"""The category that follows the summary; the others come by name."""

ROOM = 25_000_000
"""Bytes of tables in the archive, the smallest first. What is left out is named with its size."""

LONGEST = 200
"""Rows of a table that is shown on the page, not only linked."""

SETTINGS = "settings.yaml"
"""All settings of the run in the archive: config.yaml and what overrides it."""

PROVENANCE = ".provenance.json"


@dataclass
class ReportSettings(ReportSettingsBase):
    """Where the report goes."""

    # Snakemake reads the type and knows Optional alone.
    path: Optional[Path] = field(  # noqa: UP045
        default=None, metadata={"help": "Path of the report, a .zip", "required": True}
    )


@dataclass(frozen=True)
class Summary:
    """What a table of claims says, in brief."""

    title: str
    content: Markup


@dataclass(frozen=True)
class Entry:
    """One result on the page."""

    title: str
    labels: str
    anchor: str
    content: Markup
    caption: Markup
    sources: list[Path]
    """Parquet files that its job read."""
    outputs: list[Path]
    seconds: float | None
    """Of all the jobs behind it, added up."""


class Reporter(ReporterBase):
    """Writes the page and its data into one archive."""

    def __post_init__(self) -> None:
        """Refuse a path that is no archive."""
        if self.settings.path.suffix != ".zip":
            raise WorkflowError(f"--report-page-path is {self.settings.path}: it must end in .zip")

    def render(self) -> None:
        """Write the archive, whole or not at all."""
        records = [
            (category.name, record)
            for category, parts in self.results.items()
            for part in parts.values()
            for record in part
        ]
        anchors = {normal(record.path) for _, record in records}
        sections: dict[str, list[Entry]] = {}
        for name, record in records:
            sections.setdefault(name, []).append(self._entry(record, anchors))
        order = sorted(sections, key=lambda name: (name != FIRST, name))
        entries = [entry for section in sections.values() for entry in section]

        jobs = sorted(self.jobs, key=lambda record: record.starttime)
        provenance = [row for record in jobs for row in _provenance(record.job)]
        kept = {path for entry in entries for path in entry.outputs}
        kept |= {row["path"] for row in provenance}
        kept |= set(_fit({path for entry in entries for path in entry.sources} - kept))

        template = Environment(
            loader=PackageLoader(__name__, "."), autoescape=True, trim_blocks=True
        ).get_template("page.html.jinja2")
        page = template.render(
            intro=together(self.workflow_description),
            summaries=[
                Summary(_title_of(record), _summary(record, anchors))
                for _, record in records
                if hasattr(record.job.output, "claims")
            ],
            sections={name: sorted(sections[name], key=_rank) for name in order},
            jobs=[_timing(record) for record in jobs],
            provenance=provenance,
            environments=_environments(provenance),
            settings=SETTINGS,
            describe=_describe,
            kept={normal(path) for path in kept},
            room=ROOM,
            date=datetime.now(UTC),
        )
        self._write(page, kept)

    def _entry(self, record: Any, anchors: Set[str]) -> Entry:
        job, path = record.job, Path(record.path)
        return Entry(
            title=_title_of(record),
            labels=", ".join(map(str, [*(record.labels or {}).values()][1:])),
            anchor=normal(path),
            content=_content(path, anchors),
            caption=together(record.caption),
            sources=_named(job.input, ".parquet"),
            outputs=[Path(str(file)) for file in job.output],
            seconds=_total(_seconds(behind) for behind in self._behind(job)),
        )

    def _behind(self, job: Any) -> set[Any]:
        """The job and all it needs."""
        found, waiting = set(), [job]
        while waiting:
            if (job := waiting.pop()) not in found:
                found.add(job)
                waiting += self.dag.dependencies[job]
        return found

    def _write(self, page: str, kept: Iterable[Path]) -> None:
        final = self.settings.path
        temporary = final.with_name(f".{final.name}.{os.getpid()}")
        folder = PurePosixPath(final.stem)
        try:
            with ZipFile(temporary, "w", compression=ZIP_DEFLATED) as archive:
                archive.writestr(str(folder / "index.html"), page)
                archive.writestr(str(folder / SETTINGS), yaml.safe_dump(self.dag.workflow.config))
                for path in sorted(kept):
                    archive.write(path, str(folder / normal(path)))
            os.replace(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)


def _named(paths: Iterable[Any], suffix: str) -> list[Path]:
    return [Path(str(path)) for path in paths if str(path).endswith(suffix)]


def _rank(entry: Entry) -> tuple[float, str]:
    """By the number that a title begins with, those without one last."""
    number = re.match(r"\d+", entry.title)
    return (int(number[0]) if number else float("inf"), entry.title)


def _fit(paths: Iterable[Path]) -> Iterator[Path]:
    """The smallest of the files, as many as there is room for."""
    room = ROOM
    for path in sorted(paths, key=lambda path: (path.stat().st_size, path)):
        room -= path.stat().st_size
        if room < 0:
            return
        yield path


# --- What is shown of a file ----------------------------------------------------------


def _title_of(record: Any) -> str:
    """The first of the labels that the rule gives to a result, or its name."""
    return str(next(iter((record.labels or {}).values()), Path(record.path).name))


def _summary(record: Any, anchors: Set[str]) -> Markup:
    """Of the claims that a job judged; the result is the text about them."""
    text, claims = Path(record.path), tables.read(Path(record.job.output.claims), CLAIMS)
    figures = json.loads(record.job.params.settings)["figures"]
    return render(brief(claims, figures, text.name), text, anchors)


def _content(path: Path, anchors: Set[str]) -> Markup:
    """A picture, a text or a short table, each a part of the page itself."""
    kind = mimetypes.guess_type(path)[0] or ""
    if kind.startswith("image/"):
        data = base64.b64encode(path.read_bytes()).decode()
        image = Markup('<a href="{}"><img alt="{}" src="data:{};base64,{}"></a>')
        return image.format(normal(path), path.stem, kind, data)
    if path.suffix == ".md":
        return render(path.read_text(encoding="utf-8"), path, anchors)
    if path.suffix == ".parquet" and pq.read_metadata(path).num_rows <= LONGEST:
        return _table(path)
    return Markup("")


def _table(path: Path) -> Markup:
    table = pq.read_table(path)
    row = Markup("<tr>{}</tr>")
    head = row.format(Markup().join(map(Markup("<th>{}</th>").format, table.column_names)))
    body = (
        row.format(Markup().join(Markup("<td>{}</td>").format(_cell(value)) for value in values))
        for values in zip(*table.to_pydict().values(), strict=True)
    )
    return Markup(
        '<div class="wide"><table><thead>{}</thead><tbody>{}</tbody></table></div>'
    ).format(head, Markup().join(body))


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


@cache
def _describe(path: Path) -> dict[str, Any]:
    """Size, rows and setting of a Parquet file."""
    return {
        "name": normal(path),
        "setting": _phrase(tables.setting(path)),  # first: it names a broken file
        "megabytes": path.stat().st_size / 1e6,
        "rows": pq.read_metadata(path).num_rows,
    }


def _phrase(setting: Mapping[str, Any]) -> str:
    """A setting in words: ``batch 64, sgd (rate 0.005, penalty 0)``."""
    return ", ".join(
        f"{name} ({_phrase(value)})" if isinstance(value, Mapping) else f"{name} {value}"
        for name, value in setting.items()
    )


# --- What is known of a job -----------------------------------------------------------


def _title(job: Any) -> str:
    return " ".join([job.rule.name, *map(str, job.wildcards_dict.values())])


@cache
def _benchmark(path: str) -> dict[str, str]:
    with open(path, newline="") as file:
        return next(csv.DictReader(file, delimiter="\t"))


def _measured(job: Any) -> dict[str, str]:
    """Snakemake's benchmark of a job; empty where there is none."""
    path = job.benchmark
    return _benchmark(str(path)) if path is not None and os.path.exists(path) else {}


def _seconds(job: Any) -> float | None:
    """Wall time of a job; none for those that only gather files."""
    measured = _measured(job)
    return float(measured["s"]) if measured else None if job.output else 0.0


def _total(times: Iterable[float | None]) -> float | None:
    known = list(times)
    return None if None in known else sum(time for time in known if time is not None)


def _timing(record: Any) -> dict[str, Any]:
    measured = _measured(record.job)

    def number(column: str) -> float | None:
        try:
            return float(measured[column])
        except (KeyError, ValueError):  # a job too short to be measured says NA
            return None

    return {
        "title": _title(record.job),
        "threads": record.job.threads,
        "wall": number("s") or record.endtime - record.starttime,
        "cpu": number("cpu_time"),
        "memory": number("max_rss"),
    }


def _provenance(job: Any) -> Iterator[dict[str, Any]]:
    """The provenance files of a job, each checked against the tables that it tells of."""
    for path in _named(job.output, PROVENANCE):
        record = json.loads(path.read_text(encoding="utf-8"))
        same = all(_same(Path(name), digest) for name, digest in record["outputs"].items())
        yield {"title": _title(job), "path": path, "name": normal(path), "same": same, **record}


def _same(path: Path, digest: str) -> bool:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest() == digest


def _environments(provenance: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Versions and platforms, each once, with the jobs that ran there."""
    found: dict[str, dict[str, Any]] = {}
    for row in provenance:
        about = {"platform": row["platform"], "versions": row["versions"]}
        place = found.setdefault(json.dumps(about), about | {"jobs": []})
        place["jobs"].append(row["title"])
    return list(found.values())
