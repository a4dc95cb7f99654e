"""A copy of the project's tree, and what snakemake does in it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRACKED = ["Snakefile", "config.yaml", "environment.yml", "profiles", "scb", "workflow"]
SMOKE = "smoke.yaml"


@dataclass(frozen=True)
class Project:
    """A copy of the project's tree."""

    root: Path

    def snakemake(
        self, *arguments: str, settings: tuple[str, ...] = (SMOKE,), pythonpath: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run snakemake in the copy; stdout and stderr come together."""
        # A proxy that answers nobody: whatever asks the network fails.
        environment = os.environ | dict.fromkeys(
            ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
        )
        if pythonpath:
            environment["PYTHONPATH"] = pythonpath
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.run(
            [*command, "--configfile", *settings] if settings else command,
            cwd=self.root,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

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
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, root / name, ignore=ignore)
        else:
            shutil.copy2(source, root / name)
    shutil.copy2(Path(__file__).parent / SMOKE, root)
    return Project(root)
