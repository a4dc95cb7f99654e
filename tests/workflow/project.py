"""A copy of the project's tree, and what snakemake does in it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
TRACKED = [
    *(".gitignore", "Snakefile", "config.yaml", "environment.yml"),
    *("profiles", "scb", "workflow"),
]
SMOKE = "smoke.yaml"
GATHERING = ("all", "extensions", "kernelised")


@dataclass(frozen=True)
class Project:
    """A copy of the project's tree."""

    root: Path

    def start(
        self,
        *arguments: str,
        settings: tuple[str, ...] = (SMOKE,),
        pythonpath: str = "",
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start snakemake in the copy; stdout and stderr come together."""
        # A proxy that answers nobody: whatever asks the network fails.
        environment = os.environ | dict.fromkeys(
            ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
        )
        if pythonpath:
            environment["PYTHONPATH"] = pythonpath
        # A profile says itself how many cores.
        cores = () if "--profile" in arguments else ("--cores", "2")
        command = [sys.executable, "-m", "snakemake", *cores, *arguments]
        return subprocess.Popen(
            [*command, "--configfile", *settings] if settings else command,
            cwd=self.root,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )

    def snakemake(
        self, *arguments: str, settings: tuple[str, ...] = (SMOKE,), pythonpath: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake in the copy to its end."""
        with self.start(*arguments, settings=settings, pythonpath=pythonpath) as running:
            output, _ = running.communicate()
        return subprocess.CompletedProcess(running.args, running.returncode, output)

    def plan(self, *arguments: str, settings: tuple[str, ...] = (SMOKE,)) -> set[str]:
        """Jobs that would run, as ``rule`` or ``rule of setting``; `all` is left out."""
        dry = self.snakemake("--dry-run", *arguments, settings=settings)
        assert dry.returncode == 0, dry.stdout
        jobs = re.findall(
            r"^(?:local)?rule (\w+):\n(?:    .*\n)*?(?:    wildcards: setting=(\w+)\n|(?!    ))",
            dry.stdout,
            re.MULTILINE,
        )
        assert jobs or "Nothing to be done" in dry.stdout, dry.stdout
        return {f"{rule} of {setting}" if setting else rule for rule, setting in jobs} - {"all"}


def copy_tree(root: Path) -> Project:
    """The tracked tree, with nothing run in it."""
    for name in TRACKED:
        source = ROOT / name
        if source.is_dir():
            # With the compiled kernels, if tests before have left some: times stay as they are.
            shutil.copytree(source, root / name)
        else:
            shutil.copy2(source, root / name)
    shutil.copy2(Path(__file__).parent / SMOKE, root)
    return Project(root)


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
         if path.is_file() and path.suffix not in (".log", ".tsv", ".png", ".pdf")}
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
