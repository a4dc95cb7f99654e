"""A copy of the project's tree, what snakemake does in it, and what there is to make."""

import atexit
import copy
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from forks import JOB, SNAKEMAKE, Forks

from scb.settings.whole import Settings

ROOT = Path(__file__).parents[2]
TRACKED = [
    *(".gitignore", "Snakefile", "config.yaml", "environment.yml"),
    *("profiles", "scb", "workflow"),
]
SMOKE = "smoke.yaml"
GATHERING = ("all", "extensions", "multiverse", "rebased", "rebased_tuning")
SHORT = tuple(target for target in GATHERING if target != "multiverse")
"""Those that take little enough time for every test."""
BASES = ("experiment", "training")
"""Rules that others inherit."""


def _table_of_figures() -> dict[str, str]:
    text = (ROOT / "workflow/rules/figures.smk").read_text()
    (table,) = re.findall(r"^FIGURES = \{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    names, entries = (re.split(r'^    "(\w+)": ', table, flags=re.MULTILINE)[i::2] for i in (1, 2))
    target = re.compile('target="([a-z]+)"')
    return {
        name: found[1] if (found := target.search(entry)) else "all"
        for name, entry in zip(names, entries, strict=True)
    }


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Settings with others put over them, as Snakemake does."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else copy.deepcopy(value)
    return merged


def small(config: dict[str, Any]) -> dict[str, Any]:
    """Settings of the smoke run. A section of training that they lack is as small as figure 1's."""
    settings: dict[str, Any] = yaml.safe_load((Path(__file__).parent / SMOKE).read_text())
    training = settings["training"]
    settings["training"] = dict.fromkeys(config["training"], training["convergence"]) | training
    return settings


CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SMALL = small(CONFIG)
SETTINGS = Settings.model_validate(merge(CONFIG, SMALL))
"""Of the smoke run."""

FIGURES = _table_of_figures()
FIGURES |= {name: "all" for name, drawn in SETTINGS.draw if drawn is not None}
"""Each figure with its target rule, those at their best too."""


@dataclass(frozen=True)
class Planned:
    """A job of a dry run."""

    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    log: str
    benchmark: str
    resources: dict[str, str]
    command: list[str]

    @property
    def module(self) -> str:
        """What is run."""
        return self.command[2]

    def option(self, name: str) -> list[str]:
        """The words that follow an option."""
        words = self.command[self.command.index(name) + 1 :]
        ends = [place for place, word in enumerate(words) if word.startswith("--") or word == ">"]
        return words[: ends[0]]


def planned_jobs(plan: str) -> list[Planned]:
    """All jobs of a dry run that prints commands, but for those that gather files."""

    def pairs(text: str) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in text.split(", ") if "=" in pair)

    jobs = []
    found = r"^(?:local)?rule (\w+):\n((?:    .*\n)+)Shell command: (.*)\n"
    for rule, text, command in re.findall(found, plan, re.MULTILINE):
        told = dict(re.findall(r"^    (\w+): (.*)$", text, re.MULTILINE))
        jobs.append(
            Planned(
                rule,
                pairs(told.get("wildcards", "")),
                told.get("input", "").split(", "),
                told.get("output", "").split(", "),
                told.get("log", ""),
                told.get("benchmark", ""),
                pairs(told["resources"]),
                shlex.split(command),
            )
        )
    return [job for job in jobs if job.rule not in GATHERING]


@dataclass(frozen=True)
class Project:
    """A copy of the project's tree."""

    root: Path

    def shrink(self) -> None:
        """Write the settings of a smoke run of what the copy's config.yaml trains."""
        config = yaml.safe_load((self.root / "config.yaml").read_text())
        (self.root / SMOKE).write_text(yaml.safe_dump(small(config), sort_keys=False))

    def start(
        self,
        *arguments: str,
        settings: tuple[str, ...] = (SMOKE,),
        pythonpath: str = "",
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start snakemake in the copy, as a user does; stdout and stderr come together."""
        return subprocess.Popen(
            [sys.executable, "-m", *_words(arguments, settings)],
            cwd=self.root,
            env=_environment() | ({"PYTHONPATH": pythonpath} if pythonpath else {}),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )

    def run(
        self, *arguments: str, settings: tuple[str, ...] = (SMOKE,), pythonpath: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake in the copy to its end, as a user does."""
        with self.start(*arguments, settings=settings, pythonpath=pythonpath) as running:
            output, _ = running.communicate()
        return subprocess.CompletedProcess(running.args, running.returncode, output)

    def snakemake(
        self, *arguments: str, settings: tuple[str, ...] = (SMOKE,)
    ) -> subprocess.CompletedProcess[str]:
        """The same in forks of processes that have imported libraries: it and its jobs."""
        snakemake, jobs = forks(SNAKEMAKE), forks(JOB)
        words = _words(arguments, settings)
        with tempfile.TemporaryDirectory() as folder:
            said = Path(folder) / "said"
            status = snakemake.run(words, self.root, said, _environment(), jobs.python)
            return subprocess.CompletedProcess(words, status, said.read_text())

    def plan(self, *arguments: str, settings: tuple[str, ...] = (SMOKE,)) -> set[str]:
        """Jobs that would run, as ``rule`` or ``rule of section``; `all` is left out."""
        dry = self.snakemake("--dry-run", *arguments, settings=settings)
        assert dry.returncode == 0, dry.stdout
        jobs = re.findall(
            r"^(?:local)?rule (\w+):\n(?:    .*\n)*?(?:    wildcards: section=(\w+)\n|(?!    ))",
            dry.stdout,
            re.MULTILINE,
        )
        assert jobs or "Nothing to be done" in dry.stdout, dry.stdout
        return {f"{rule} of {section}" if section else rule for rule, section in jobs} - {"all"}


def _words(arguments: tuple[str, ...], settings: tuple[str, ...]) -> list[str]:
    # A profile says itself how many cores.
    cores = () if "--profile" in arguments else ("--cores", "2")
    words = ["snakemake", *cores, *arguments]
    return [*words, "--configfile", *settings] if settings else words


def _environment() -> dict[str, str]:
    # A proxy that answers nobody: whatever asks the network fails.
    proxies = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return os.environ | dict.fromkeys(proxies, "http://127.0.0.1:9")


@cache
def forks(imports: tuple[str, ...], root: Path | None = None) -> Forks:
    """Of one process for all tests that this one runs."""
    place = Path(tempfile.mkdtemp())  # the path of a socket must be short
    atexit.register(shutil.rmtree, place)
    found = Forks(place, imports, root)
    atexit.register(found.end)
    return found


def copy_tree(root: Path) -> Project:
    """The tracked tree, with nothing run in it."""
    for name in TRACKED:
        source = ROOT / name
        if source.is_dir():
            # With the compiled kernels, if tests before have left some: times stay as they are.
            shutil.copytree(source, root / name)
        else:
            shutil.copy2(source, root / name)
    project = Project(root)
    project.shrink()
    return project


def commit(project: Project) -> str:
    """Put the copy under git, as the project is; the commit."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(project.root), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "all")
    return git("rev-parse", "HEAD")


def requests(plan: str) -> dict[tuple[str, str], dict[str, int]]:
    """What a dry run says of each (rule, wildcards): threads, memory (MB), time (minutes), GPUs."""
    asked = {}
    for rule, text in re.findall(r"^rule (\w+):\n((?:    .*\n)+)", plan, re.MULTILINE):
        found = dict(re.findall(r"\b(threads|mem_mb|runtime|gpu)(?:=|: )(\d+)", text))
        wildcards = "".join(re.findall(r"^    wildcards: (.*)$", text, re.MULTILINE))
        values = "_".join(re.findall(r"\w+=([^,]+)", wildcards))
        asked[rule, values] = {"threads": 1, "gpu": 0} | {k: int(v) for k, v in found.items()}
    return {job: request for job, request in asked.items() if job[0] not in GATHERING}


def differences(one: Project, other: Project, *, part: bool = False) -> list[str]:
    """Parquet files that differ in data, schema or setting; of all, or of what ``one`` has.

    Files of the smoke run that are no results of a finished job are named too.
    """
    made, expected = (
        {path.relative_to(project.root): path for path in project.root.glob("smoke/**/*")
         if path.is_file() and path.suffix not in (".log", ".tsv", ".png", ".pdf")
         and path.name != ".lock"}
        for project in (one, other)
    )  # fmt: skip
    names = made.keys() if part else made.keys() | expected.keys()
    return sorted(
        str(name)
        for name in names
        if not (name in made and name in expected and _same(made[name], expected[name]))
    )


def _same(one: Path, other: Path) -> bool:
    if one.read_bytes() == other.read_bytes():
        return True
    if one.suffix != ".parquet":
        return one.suffix == ".json"  # provenance tells the time
    mine, yours = pq.read_table(one), pq.read_table(other)
    # Compared as Arrow: no value is rounded, and metadata count.
    return bool(mine.schema.equals(yours.schema, check_metadata=True) and mine.equals(yours))
