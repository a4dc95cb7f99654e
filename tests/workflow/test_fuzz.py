"""Nonsense in config.yaml either runs, or ends before any job in one line that names the key."""

import copy
import json
import os
import random
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from forks import JOB
from hypothesis import HealthCheck, Phase, event, given, note, seed, settings
from hypothesis import strategies as st
from project import CONFIG as FULL
from project import GATHERING, SHORT, SMALL, copy_tree, forks, merge

from scb.data.samplers import SAMPLERS, WEIGHTS
from scb.faults import dotted
from scb.learning.optimizers import KINDS

EXAMPLES = 10
"""Of a part."""

PARTS = 50 if os.environ.get("NIGHTLY") else 5
"""All but the first are slow."""

COMMON = "scb.experiments.job", "scb.figures.style", "scb.kernels.cpu", "scb.learning.algorithm"
"""What jobs import of the project, which no settings change."""

CONFIG = json.loads(json.dumps(merge(FULL, SMALL)))  # no two sections are one object


def nodes(node, path=()):
    for key, value in node.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from nodes(value, (*path, key))


def at(config, path):
    for part in path:
        config = config[part]
    return config


KEYS = list(nodes(CONFIG))
LEAVES = [path for path in KEYS if not isinstance(at(CONFIG, path), dict)]
NASTY = [
    *("1e-3", "0.1", "8", "", " ", "\n", "\0", "é", "~", "null", "auto ", "--seed", "-n"),
    *("$(touch pwned)", "; touch pwned", "`touch pwned`", "x' ; touch pwned; '", "{setting}"),
    *("{config}", "<results>", "../up", "/tmp/up", "a/../../up", ".hidden", "a//b", "cuda:0;x"),
    *("!!python/object/apply:os.system ['touch pwned']", "*.parquet", "%s", "con fig", "a" * 5000),
]
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.text(max_size=20),
    st.sampled_from(NASTY),
    st.floats(),
    st.integers(max_value=0),
    st.integers(min_value=2**31),
    st.dates(),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
# What could be meant: small enough for the smoke size.
SIZE = st.integers(1, 30)
RATE = st.one_of(
    st.floats(0, 1e3), st.floats(min_value=0), st.sampled_from([1e-320, 1e-30, 1e30, 1e308])
)
WORDS = {
    "device": ["auto", "cpu"],
    "results": ["smoke/x"],
    "figures": ["smoke/y"],
    "sampler": list(SAMPLERS),
    "weights": list(WEIGHTS),
    "kind": list(KINDS),
    "optimizers": list(CONFIG["training"]["convergence"]["optimizers"]),
}
SECTIONS = list(CONFIG["training"])
# Sections in which such numbers decide how many steps are made.
DRIVEN = ("transfer", "stage1_samples", "softmax_samples")


@st.composite
def mutations(draw, part):
    """The smoke configuration with one to three changes, and the keys they touch."""
    config = copy.deepcopy(CONFIG)
    touched = []
    # Where to change something is thrown, as hypothesis would try a few keys again and again.
    dice = random.Random(f"{part} {draw(st.integers(0, 2**32))}")
    for _ in range(dice.randint(1, 3)):
        kind = dice.choice(["meant", "meant", "meant", "junk", "drop", "add", "swap"])
        path = dice.choice(LEAVES if kind in ("meant", "swap") else KEYS)
        try:
            parent = at(config, path[:-1])
            value = parent[path[-1]]
        except (KeyError, TypeError):
            continue  # gone with an earlier change
        touched.append(path)
        if kind == "drop":
            del parent[path[-1]]
        elif kind == "add":
            name = draw(st.one_of(st.text(max_size=8), st.just(f"{path[-1]}s")))
            touched[-1] = (*path[:-1], name)
            parent[name] = value
        elif kind == "junk":
            parent[path[-1]] = draw(JUNK)
        elif kind == "swap":
            other = dice.choice([key for key in LEAVES if key[:-1] == path[:-1]])
            if other[-1] in parent:
                parent[path[-1]], parent[other[-1]] = parent[other[-1]], value
                touched.append(other)
        else:
            near = isinstance(value, float) and path[0] in DRIVEN
            word = st.sampled_from(WORDS.get(path[-1], SECTIONS))
            words = isinstance(value, list) and isinstance(value[0], str)
            meant = {
                bool: st.booleans(),
                int: SIZE,
                float: st.floats(value / 2, 2 * value) if near else RATE,
                list: st.lists(word if words else SIZE, min_size=2, max_size=2),
                str: word,
            }
            parent[path[-1]] = draw(meant.get(type(value), JUNK))
    return config, touched


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder for copies of a finished run, and forks that run jobs in it."""
    project = copy_tree(tmp_path_factory.mktemp("fuzz"))
    return project, forks((*JOB, *COMMON), project.root)


def listed(text, name):
    (line,) = re.findall(rf"^    {name}: (.*)$", text, re.MULTILINE) or [""]
    return set(line.split(", "))


def jobs(plan):
    """Commands of a dry run, each after those that make its inputs."""
    found = re.findall(
        rf"^rule (?!(?:{'|'.join(GATHERING)}):)\w+:\n((?:    .*\n)+)Shell command: (.*)\n",
        plan,
        re.MULTILINE,
    )
    assert found or "Nothing to be done" in plan
    waiting = [
        (listed(text, "input"), listed(text, "output"), shlex.split(command))
        for text, command in found
    ]
    while waiting:
        made = set().union(*(outputs for _, outputs, _ in waiting))
        ready = [job for job in waiting if not job[0] & made]
        assert ready
        yield from (command for _, _, command in ready)
        waiting = [job for job in waiting if job not in ready]


def names_one_of(touched, fault, project):
    """Whether a fault names one of the keys, or what holds it; one of YAML's gives the line."""
    if place := re.match(r"Bad setting: config\.yaml:(\d+):", fault):
        line = (project.root / "config.yaml").read_text().splitlines()[int(place[1]) - 1]
        return any(str(path[-1]) in line for path in touched)
    keys = [key for path in touched for key in (path, path[:-1]) if key]
    return any(dotted(key) in fault for key in keys)


def tried(place, finished, targets, config, touched):
    project, forked = place
    for name in ("smoke", ".snakemake"):
        shutil.rmtree(project.root / name, ignore_errors=True)
        shutil.copytree(finished.root / name, project.root / name)
    (project.root / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    before, top = set(project.root.rglob("*")), {path.name for path in project.root.iterdir()}

    run = project.snakemake(*targets, "--dry-run", "--printshellcmds", settings=())
    assert "Traceback" not in run.stdout, run.stdout
    if run.returncode != 0:
        lines = [line for line in run.stdout.splitlines() if line.startswith("Bad setting: ")]
        assert lines, run.stdout
        assert all(len(line) <= 300 for line in lines)
        assert any(names_one_of(touched, line, project) for line in lines), (touched, lines)
        assert set(project.root.rglob("*")) == before
        return "refused"
    for python, flag, module, *arguments in jobs(run.stdout):
        *arguments, arrow, log, both = arguments
        assert (python, flag, arrow, both) == ("python", "-m", ">", "2>&1")
        path = project.root / log
        path.parent.mkdir(parents=True, exist_ok=True)
        status = forked.run([module, *arguments], project.root, path)
        assert status == 0, f"{module} ended with {status}: {path.read_text()[-3000:]}"
    # Nothing outside the two folders.
    folders = {Path(config[key]).parts[0] for key in ("results", "figures")}
    made = {path.name for path in project.root.iterdir()} - top
    assert made <= folders
    for name in made:
        shutil.rmtree(project.root / name)
    return "ran"


@pytest.mark.parametrize(
    "part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in range(1, PARTS))]
)
@pytest.mark.hostile("random settings", EXAMPLES)
def test_nonsense_runs_or_is_refused(place, request, part):
    # The first is of `all` alone, whose run other tests share.
    finished, targets = ("whole", SHORT) if part else ("smoke", ("all",))
    finished = request.getfixturevalue(finished)

    @seed(part)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # a failure is printed as it is: to shrink it would take hours
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations(part))
    def attempt(mutation):
        config, touched = mutation
        changes = {".".join(map(str, path)): _now(config, path) for path in touched}
        note(f"changed: {changes}")
        outcome = tried(place, finished, targets, config, touched)
        print(outcome, changes, flush=True)
        event(outcome)

    attempt()


def _now(config, path):
    try:
        return at(config, path)
    except (KeyError, TypeError):
        return "(gone)"
