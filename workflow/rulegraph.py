"""What follows from what: Snakemake's graph of its rules as a picture that can be read.

Snakemake draws each rule in a colour of its own, and an arrow for each table that is read. Here a
figure that is drawn at two settings is one node, targets that only gather are left out, and so are
arrows that follow from others. Nodes and arrows have an order: the same rules are the same text.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from workflow.jobs import BEST

TARGET = "all"
"""Whose rules are drawn."""
DRAWING = "draw_"
"""How the name of a rule begins that draws a figure."""

Arrows = set[tuple[str, str]]
"""Pairs of rules. The second reads what the first makes."""


def picture(root: Path) -> str:
    """The rules of a repository as a mermaid flowchart, from left to right.

    Raises
    ------
    OSError
        If Snakemake cannot draw them, with its last line.
    """
    command = [sys.executable, "-m", "snakemake", TARGET, "--rulegraph", "mermaid-js"]
    done = subprocess.run(
        [*command, "--cores", "1", "--nolock"], cwd=root, capture_output=True, text=True
    )
    if done.returncode:
        raise OSError(f"snakemake --rulegraph: {[*done.stderr.splitlines(), 'failed'][-1]}")
    return flowchart(shortest(arrows(done.stdout)))


def arrows(graph: str) -> Arrows:
    """The arrows of what Snakemake prints in mermaid-js, but for those to the target."""
    names = dict(re.findall(r"^\s*(id\d+)\[(\w+)\]$", graph, re.MULTILINE))
    found = re.findall(r"^\s*(id\d+) --> (id\d+)$", graph, re.MULTILINE)
    pairs = {(_once(names[first]), _once(names[then])) for first, then in found}
    return {(first, then) for first, then in pairs if then != TARGET}


def shortest(found: Arrows) -> Arrows:
    """The fewest arrows by which each rule still leads where it did: the transitive reduction."""
    after: dict[str, set[str]] = {}
    for first, then in found:
        after.setdefault(first, set()).add(then)

    def beyond(rule: str) -> set[str]:
        """All that a rule leads to."""
        return set().union(*({then} | beyond(then) for then in after.get(rule, ())))

    return {
        (first, then)
        for first, then in found
        if not any(then in beyond(other) for other in after[first] - {then})
    }


def flowchart(found: Iterable[tuple[str, str]]) -> str:
    """Arrows in mermaid's language; figures are rounded boxes."""
    lines = [f"    {_box(first)} --> {_box(then)}" for first, then in sorted(found)]
    return "\n".join(["```mermaid", "flowchart LR", *lines, "```"])


def _once(rule: str) -> str:
    """The rule that draws a figure, whatever its settings."""
    return rule.removesuffix(BEST) if rule.startswith(DRAWING) else rule


def _box(rule: str) -> str:
    figure = rule.removeprefix(DRAWING)
    return rule if figure == rule else f"{figure}([{figure}])"
