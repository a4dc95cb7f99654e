"""Settings: what is refused, in which words, and what becomes of the rest."""

import json
import math
import os
import re
import shutil
import subprocess
from types import SimpleNamespace

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import CONFIG, ROOT, SETTINGS, SMALL, SMOKE, merge

from scb.analysis.readings import default, group_of, groups, readings
from scb.claims.universes import Conditions
from scb.data.samplers import SAMPLERS
from scb.faults import LONGEST, MOST, find_faults, read_settings
from scb.footprint import CONDITIONS
from scb.learning.optimizers import KINDS
from scb.settings.model import DEFAULTS, named
from scb.settings.regularization import Regularization
from scb.settings.stage1_samples import Doubled
from scb.settings.training import Sampling
from scb.settings.whole import Settings
from workflow.command_line import require_order
from workflow.conditions import (
    attended_candidates,
    multiverse_tasks,
    phases,
    simulated_candidates,
    sweeps,
    trained_candidates,
    universes,
)
from workflow.gallery import replicates
from workflow.settings import OWN, digests, folder_faults, judged_sections, require_valid

CONVERGENCE = CONFIG["training"]["convergence"]
VOCABULARY = CONFIG["training"]["vocabulary_3"]
COUNTS = [
    "replicates",
    "log_interval",
    "training.convergence.length",
    "training.convergence.sparsity",
    "training.convergence.steps",
    "training.convergence.boost.steps",
    "training.vocabulary_10.batch",
    "attention.attention.batch",
    "simulation.simulation_100.particles",
    "check.trained",
    "transfer.batch",
    "transfer.pretrain.steps",
    "transfer.one_step.steps",
    "stage1_samples.uniform.longest",
    "regularization.per_decade",
]
RATES = [
    "training.convergence.boost.rate",
    "training.convergence.optimizers.sgd.rate",
    "training.vocabulary_20.optimizers.proximal.rate",
    "attention.attention.logit_rate",
    "simulation.simulation_500.rate",
    "check.rate",
    "transfer.scratch.growth",
]


@pytest.fixture
def config():
    return json.loads(json.dumps(CONFIG))  # no two sections are one object


def put(config, key, value):
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    return config


def faults_of(config):
    return find_faults(config, Settings)


def leaves(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield ".".join(path), node


def test_the_settings_are_right(config):
    assert faults_of(config) == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("sed", "did you mean seed?"),
        ("training.convergence.stats", "did you mean states?"),
        ("training.convergence.optimizers.sgd.rat", "did you mean rate?"),
        ("training.convergence.optimizers.sgd.penalty", "known: kind, rate, scaled"),
        ("tasks.colour", "known: sampler, concentration, weights"),
        ("draw.fig1_convergence.colour", "known: section, optimizers"),
        ("draw.fig1_convergence_bes", "did you mean fig1_convergence_best?"),
        ("simulation.simulation_100.optimizers", "config.yaml has all that there are"),
        ("colour", "config.yaml has all that there are"),
    ],
)
@pytest.mark.hostile("broken settings")
def test_unknown_key_is_told_in_one_line(config, key, told):
    (line,) = faults_of(put(config, key, 1))
    assert line.startswith(f"{key} is no setting; {told}")
    assert "\n" not in line


INTEGER = "an integer"
NUMBER = "a finite number"
YAML = " (YAML's numbers have no quotes, and a point and a sign in 1.0e-3 and 1.0e+3)"
POSITIVE = "at least 1e-30"
OF_KIND = f"one of {', '.join(KINDS)}"
DRAWN_BY = f"one of {', '.join(SAMPLERS)}"
DEVICE = "auto, cpu, cuda or cuda:NUMBER"
FOLDER = "a path of letters, digits, '_', '-', '.' and '/'"


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        *((key, 0, "at least 1") for key in COUNTS),
        *((key, -3, "at least 1") for key in COUNTS),
        *((key, 2.5, INTEGER) for key in COUNTS),
        *((key, 0, POSITIVE) for key in RATES),
        *((key, -0.1, POSITIVE) for key in RATES),
        *((key, 1e-320, POSITIVE) for key in RATES),  # 0 in single precision
        *((key, 1e39, "at most 1e+30") for key in RATES if "growth" not in key),
        ("simulation.simulation_500.penalty", 1e39, "at most 1e+30"),
        *((key, math.nan, NUMBER) for key in RATES),
        *((key, "1e-3", NUMBER + YAML) for key in RATES),
        ("replicates", 8.0, INTEGER),  # which no count is in YAML
        ("replicates", True, INTEGER),
        ("replicates", None, INTEGER),
        ("replicates", "8", INTEGER + YAML),
        ("replicates", "many", INTEGER),
        ("replicates", 10**6 + 1, "at most 1000000"),
        ("regularization.replicates", 3 * 10**8, "at most 1000000"),
        ("tasks.concentration", 0.05, "at least 0.1"),
        ("tasks.concentration", 1e4, "at most 1000"),
        ("seed", -1, "at least 0"),
        ("seed", 2**63, f"less than {2**63}"),
        ("device", "gpu", DEVICE),
        ("device", "cpu; rm -r x", DEVICE),
        ("device", 0, "a string"),
        ("overwrite", 1, "true or false"),
        ("overwrite", "yes", "true or false"),
        ("tasks.sampler", "gauss", DRAWN_BY),
        ("tasks.weights", None, "one of uniform, drawn"),
        ("training", 3, "a mapping of settings"),
        ("training.convergence", 3, "a mapping of settings"),
        ("training.convergence.optimizers.sgd", 3, "a mapping of settings"),
        ("training.convergence.states", 1, "at least 2"),
        ("training.convergence.states", 65537, "at most 65536"),
        ("training.convergence.sparsity", 5000, "less than training.convergence.length, 5000"),
        ("attention.attention.sparsity", 51, "less than attention.attention.length, 50"),
        ("training.convergence.boost.steps", 1001, "at most training.convergence.steps, 1000"),
        (
            "simulation.simulation_500.boost.steps",
            10**6,
            "at most simulation.simulation_500.steps, 1000",
        ),
        ("training.convergence.boost.rate", math.inf, NUMBER),
        ("training.convergence.boost.rate", "fast", NUMBER),
        ("training.convergence.optimizers.sgd.kind", "lion", OF_KIND),
        ("training.convergence.boost.rate", [0.1, 0.2], NUMBER),
        ("training.convergence.optimizers.proximal.penalty", -1e-5, "at least 0"),
        ("training.convergence.optimizers.proximal.penalty", math.nan, NUMBER),
        ("training.convergence.optimizers.proximal.threshold", 1, "true or false"),
        ("simulation.simulation_100.penalty", -1, "at least 0"),
        ("check.signal", 1.5, "at most 1"),
        ("transfer.mixing", 1.5, "at most 1"),
        ("transfer.one_step.ratio", 1, "at least 1.01"),
        ("transfer.scratch.growth", 1e9, "at most 100"),
        ("stage1_samples.larger_rate", 0, "at least 0.0001"),
        ("transfer.correlations", 0.5, "a list, as [1, 2]"),
        ("transfer.correlations", [], "of length at least 1"),
        ("transfer.lengths", [500], "of length at least 2"),
        (
            "transfer.sparsity",
            50,
            "less than all of transfer.lengths and transfer.pretrain.length, 50",
        ),
        ("stage1_samples.doublings", -1, "at least 0"),
        ("stage1_samples.sparsity", 125, "less than stage1_samples.drawn.shortest, 125"),
        (
            "stage1_samples.uniform.longest",
            499,
            "at least twice stage1_samples.uniform.shortest, 250",
        ),
        ("softmax_samples.sparsity", 50, "less than softmax_samples.lengths, 50"),
        ("softmax_samples.factor", 1.0, "less than 1"),
        ("softmax_samples.lengths", [50], "of length at least 2"),
        ("stage1_samples.odds.growth", 1e9, "at most 100"),
        ("stage1_samples.odds.batches", [], "of length at least 1"),
        ("multiverse.switch_signal", 1.5, "at most 1"),
        ("multiverse.scales", [], "of length at least 1"),
        ("rebased.tuning.rates", 0.01, "a list, as [1, 2]"),
        ("rebased.recall.stress.placement", "within", "one of before, after"),
        ("rebased.recall.stress.std", 0, "greater than 0"),
        ("rebased.features", 7, "even"),
        ("rebased.runs", 1, "at least 2"),
        ("rebased.recall.stress.solved", 1.5, "at most 1"),
        ("rebased.recall.stress.length", 60, "at least 4 rebased.recall.stress.pairs, 64"),
        ("rebased.recall.stress.length", 65, "even"),
        ("rebased.recall.stress.vocabulary", 64, "greater than rebased.recall.stress.length, 64"),
        ("language.vocabulary", 255, "at least 256"),
        ("language.text", "../text", FOLDER),
        ("language.runs", 1, "at least 2"),
        ("language.tuning.rates", [], "of length at least 1"),
        ("results", "", FOLDER),
        ("results", ".", FOLDER),
        ("results", "/", FOLDER),
        ("results", "/tmp/../results", FOLDER),
        ("results", "../results", FOLDER),
        ("results", "a/../../b", FOLDER),
        ("figures", "$(touch x)", FOLDER),
        ("figures", "{setting}", FOLDER),
        ("figures", "a\n", FOLDER),
    ],
)
@pytest.mark.hostile("broken settings")
def test_fault_is_told_in_one_line(config, key, value, allowed):
    (line,) = faults_of(put(config, key, value))
    assert line == f"{key} is {value!r}; it must be {allowed}"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("correlations", [0.5, 2], "transfer.correlations.1 is 2; it must be at most 1"),
        ("correlations", [-1], "transfer.correlations.0 is -1; it must be greater than -1"),
        (
            "correlations",
            [0.5, 0.5],
            "transfer.correlations is [0.5, 0.5]; its entries must differ",
        ),
        (
            "replicates_at",
            [8, 8],
            "transfer.replicates_at is [8, 8]; it must have an entry for each of transfer.lengths, "
            "[500, 1500, 5000, 15000, 50000]",
        ),
        (
            "curve_length",
            600,
            "transfer.curve_length is 600; it must be one of transfer.lengths, "
            "[500, 1500, 5000, 15000, 50000]",
        ),
    ],
)
@pytest.mark.hostile("broken settings")
def test_faults_of_the_lists_of_transfer(config, key, value, told):
    assert faults_of(put(config, f"transfer.{key}", value)) == [told]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("rebased.tuning.rates", [], "rebased.tuning.rates is []; it must be of length at least 1"),
        (
            "rebased.tuning.rates",
            [0.1, 0],
            "rebased.tuning.rates.1 is 0; it must be at least 1e-30",
        ),
        (
            "rebased.tuning.rates",
            [0.1, 0.1],
            "rebased.tuning.rates is [0.1, 0.1]; its entries must differ",
        ),
        (
            "rebased.settings",
            ["stress", "wide"],
            "rebased.settings is 'wide'; it must be one of rebased.recall: "
            f"{', '.join(CONFIG['rebased']['recall'])}",
        ),
        (
            "rebased.limited",
            ["stress", "wide"],
            "rebased.limited is 'wide'; it must be one of rebased.settings: "
            f"{', '.join(CONFIG['rebased']['settings'])}",
        ),
        (
            "draw.fig6_simulation.sections",
            ["simulation_100", "convergence"],
            "draw.fig6_simulation.sections is 'convergence'; it must be one of simulation: "
            f"{', '.join(CONFIG['simulation'])}",
        ),
        (
            "draw.fig1_convergence.optimizers",
            ["proximal", "lion"],
            "draw.fig1_convergence.optimizers is 'lion'; it must be one of "
            f"training.convergence.optimizers: {', '.join(CONVERGENCE['optimizers'])}",
        ),
        (
            "draw.fig5_vocabulary_best",
            {"sections": ["vocabulary_3"], "optimizers": ["lion"]},
            "draw.fig5_vocabulary_best.optimizers is 'lion'; it must be one of "
            f"training.vocabulary_3.optimizers: {', '.join(VOCABULARY['optimizers'])}",
        ),
        (
            "draw.fig2_softmax_vs_linear_best",
            {"section": "attention", "colour": 1},
            "draw.fig2_softmax_vs_linear_best.colour is no setting; known: section",
        ),
        (
            "draw.fig3_signals.section",
            "convergenc",
            "draw.fig3_signals.section is 'convergenc'; it must be one of training: "
            f"{', '.join(CONFIG['training'])}",
        ),
    ],
)
@pytest.mark.hostile("broken settings")
def test_what_is_named_is_there(config, key, value, told):
    assert faults_of(put(config, key, value)) == [told]


def test_presets_are_right(config):
    presets = sorted((ROOT / "presets").glob("*.yaml"))
    assert presets
    for path in presets:
        assert faults_of(merge(config, yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.convergence.states", 30_000),
        ("simulation.simulation_500.states", 5_000),
        ("attention.attention.batch", 10**7),
        ("transfer.pretrain.length", 10**7),
        ("stage1_samples.uniform.longest", 10**8),
    ],
)
@pytest.mark.hostile("broken settings")
def test_what_fits_no_memory_is_told_in_one_line(config, key, value):
    (line,) = faults_of(put(config, key, value))
    told = f"{key} is {value}; with the other settings it takes "
    assert line.startswith(told)
    assert line.endswith(" GB, which must be at most 8 GB")


@pytest.mark.parametrize("key", ["width", "vocabulary", "batch", "validation", "test", "features"])
@pytest.mark.hostile("broken settings")
def test_recall_that_fits_no_memory_is_told_in_one_line(config, key):
    key = f"rebased.recall.stress.{key}"
    (line,) = faults_of(put(config, key, 10**8))
    told = f"{key} is 100000000; with the other settings it takes "
    assert line.startswith(told)
    assert line.endswith(" GB, which must be at most 80 GB")


def test_particles_are_at_most_the_other_positions(config):
    at = "simulation.simulation_500"
    setting = config["simulation"]["simulation_500"]
    particles, sparsity = setting["particles"], setting["sparsity"]
    (line,) = faults_of(put(config, f"{at}.length", particles + 1))
    assert line == (
        f"{at}.particles is {particles}; it must be at most {at}.length less {at}.sparsity, "
        f"{particles + 1 - sparsity}"
    )


def test_rates_of_stage1_differ(config):
    rate = config["stage1_samples"]["rate"]
    (line,) = faults_of(put(config, "stage1_samples.larger_rate", rate))
    assert line == (
        f"stage1_samples.larger_rate is {rate}; it must differ from stage1_samples.rate"
    )


def test_recall_with_too_few_sequences(config):
    # 3! 8 / 2! keys and values, 2 of 2 slots: the held-out ones would be trained on.
    for key, value in {"vocabulary": 9, "length": 8, "pairs": 2}.items():
        put(config, f"rebased.recall.stress.{key}", value)
    (line,) = faults_of(config)
    at = "rebased.recall.stress"
    assert line.startswith(f"{at}.vocabulary is 9; with {at}.pairs 2 there are ")


def test_kernels_of_language(config):
    config["language"]["rates"] = {"softmax": 0.01, "based": 0.01}
    said = "it must have a rate of rebased, which K4 and K5 are about"
    assert faults_of(config) == [f"language.rates is ['based', 'softmax']; {said}"]
    config["language"]["rates"] = {"based": 0.01, "rebased": 0.01, "softmx": 0.01}
    (line,) = faults_of(config)
    assert line.startswith("language.rates.softmx is 'softmx'; it must be one of softmax, ")


@pytest.mark.hostile("broken settings")
def test_text_that_is_not_there(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config["language"]["text"] = "text"
    (line,) = folder_faults(Settings.model_validate(config))
    assert line == "language.text is 'text'; it must be a file, or null"
    (tmp_path / "text").write_text("text")
    assert list(folder_faults(Settings.model_validate(config))) == []


def test_full_disk(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert list(folder_faults(Settings.model_validate(config))) == [
        f"{key} is '{key}'; it must be on a disk that is not full" for key in ("results", "figures")
    ]


@pytest.mark.parametrize(
    ("section", "optimizer"),
    [("convergence", "sgd_small"), ("vocabulary_10", "proximal_large")],
)
@pytest.mark.hostile("broken settings")
def test_an_optimizer_that_a_figure_draws_is_not_left_out(config, section, optimizer):
    del config["training"][section]["optimizers"][optimizer]
    lines = faults_of(config)
    assert lines
    assert all(f"'{optimizer}'" in line or section in line for line in lines)
    assert any(f"one of training.{section}.optimizers: " in line for line in lines)


def test_missing_key_is_named(config):
    del config["training"]["convergence"]["boost"]["rate"], config["seed"]
    del config["training"]["convergence"]["optimizers"]["sgd"]["kind"]
    assert faults_of(config) == [
        "seed is missing",
        "training.convergence.boost.rate is missing",
        "training.convergence.optimizers.sgd.kind is missing",
    ]


@pytest.mark.parametrize("key", [*DEFAULTS, *Sampling.model_fields])
@pytest.mark.hostile("broken settings")
def test_a_default_that_is_missing_or_wrong_is_told_once(config, key):
    at = f"tasks.{key}" if key in Sampling.model_fields else key
    (line,) = faults_of(put(config, at, {}))
    assert line.startswith(f"{at} is a mapping; it must be ")
    *path, last = at.split(".")
    node = config[path[0]] if path else config
    del node[last]
    assert faults_of(config) == [f"{at} is missing"]


def test_a_section_may_set_a_default_for_itself(config):
    put(config, "training.convergence.replicates", 5)
    settings = Settings.model_validate(config)
    assert settings.training["convergence"].replicates == 5
    assert settings.check.replicates == config["replicates"]


def test_long_value_is_cut(config):
    (line,) = faults_of(put(config, "replicates", "x" * 1000))
    assert len(line) < 120


ANYTHING = st.text(st.characters(), max_size=30).flatmap(
    lambda text: st.integers(0, 400).map(lambda times: text * times)
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANYTHING),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(ANYTHING, inner)),
)
KEYS = [key for key, _ in leaves(json.loads(json.dumps(CONFIG)))]


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(KEYS), ANYTHING, VALUES, st.booleans())
@pytest.mark.hostile("broken settings")
def test_whatever_is_wrong_is_told_in_short_lines(key, name, value, added):
    config = json.loads(json.dumps(CONFIG))
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[name if added else last] = value
    faults = faults_of(config)
    assert all(len(fault) <= LONGEST and fault.isprintable() for fault in faults)
    if faults:
        with pytest.raises(SystemExit) as stopped:
            require_valid(config)
        lines = str(stopped.value).splitlines()
        assert 1 <= len(lines) <= MOST + 1
        assert all(line.startswith("Bad setting: ") and len(line) <= 300 for line in lines)


def test_many_faults_are_counted(config):
    config["tasks"] |= {f"key_{number:03}": 1 for number in range(100)}
    with pytest.raises(SystemExit) as stopped:
        require_valid(config)
    *lines, last = str(stopped.value).splitlines()
    assert [line.split()[2] for line in lines] == [f"tasks.key_{n:03}" for n in range(MOST)]
    assert last == f"Bad setting: and {100 - MOST} more"
    with pytest.raises(ValueError, match=f"; and {100 - MOST} more$") as fault:
        read_settings(Sampling, json.dumps(config["tasks"]))
    assert len(str(fault.value)) <= LONGEST


@pytest.mark.parametrize("value", [10**5000, [10**5000]], ids=["alone", "listed"])
@pytest.mark.parametrize(
    "key", ["seed", "training.convergence.length", "attention.attention.rate", "device"]
)
@pytest.mark.hostile("broken settings")
def test_an_integer_of_thousands_of_digits(config, key, value):
    (line,) = faults_of(put(config, key, value))
    assert line.startswith(f"{key} is out of range; ")


def test_a_long_key_keeps_both_its_ends(config):
    (line,) = faults_of(put(config, f"tasks.begin{'x' * 10_000}end", 1))
    assert re.match(r"tasks\.beginx+\.\.\.x+end is no setting; known: sampler, ", line)


def test_a_line_break_in_a_key_is_none_in_the_line(config):
    (line,) = faults_of(put(config, "tasks.a\nBad setting: b", 1))
    assert line.startswith(r"tasks.a\nBad setting: b is no setting")


def test_folder_whose_name_is_too_long_for_a_file_system(config):
    (line,) = faults_of(put(config, "results", "x" * 201))
    assert line == f"results is '{'x' * 56}...; it must be of length at most 200"


def test_folder_that_is_none(config, tmp_path):
    (tmp_path / "file").touch()
    settings = Settings.model_validate(put(config, "results", f"{tmp_path}/file/deeper"))
    (line,) = folder_faults(settings)
    assert line.endswith(f"; it must be a folder, and {tmp_path}/file is none")


def test_folder_that_cannot_be_written(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    # The superuser may write anywhere: ask as anyone else.
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: access(path, mode) and bool(os.stat(path).st_mode & 0o200)
    )
    settings = Settings.model_validate(put(config, "figures", "locked/figures"))
    assert list(folder_faults(settings)) == [
        "figures is 'locked/figures'; it must be a folder that can be written to"
    ]
    settings = Settings.model_validate(put(config, "figures", "open/figures"))
    assert list(folder_faults(settings)) == []


def test_every_folder_of_the_sources_is_known():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout
    folders = {path.split("/")[0] for path in listed.split() if "/" in path}
    assert folders <= OWN


@pytest.mark.parametrize("key", ["results", "figures"])
@pytest.mark.parametrize("folder", sorted(name for name in OWN if name[0] != "."))
@pytest.mark.parametrize("deeper", ["", "/deeper"])
@pytest.mark.hostile("broken settings")
def test_folder_of_the_workflow_itself(config, monkeypatch, key, folder, deeper):
    monkeypatch.chdir(ROOT)
    settings = Settings.model_validate(put(config, key, folder + deeper))
    assert list(folder_faults(settings)) == [
        f"{key} is '{folder}{deeper}'; it must lie outside of {folder}, which the workflow needs"
    ]


def test_folder_of_the_workflow_itself_by_another_name(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("workflow.settings.ROOT", tmp_path.resolve())
    (tmp_path / "hidden").symlink_to(".snakemake")
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "circle").symlink_to("circle")
    for wanted, said in {
        "hidden": "it must lie outside of .snakemake, which the workflow needs",
        str(tmp_path): "it must not be the folder of the workflow itself",
        "here": "it must not be the folder of the workflow itself",
        "here/scb/x": "it must lie outside of scb, which the workflow needs",
        "circle": "it must be a folder, and circle is none",
    }.items():
        settings = Settings.model_validate(put(config, "figures", wanted))
        (line,) = folder_faults(settings)
        assert line.endswith(f"; {said}")
    for wanted in ("scb_results", "out/scb", "here/out", str(tmp_path.parent)):
        settings = Settings.model_validate(put(config, "figures", wanted))
        assert list(folder_faults(settings)) == []


def told_of(run, what):
    """The lines about bad settings or command lines, after which nothing ran."""
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    assert "Error" not in run.stdout
    return [line for line in run.stdout.splitlines() if line.startswith(f"Bad {what}: ")]


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("replicates=0", "replicates is 0; it must be at least 1"),
        ("replicate=3", "replicate is no setting; did you mean replicates?"),
        ("results=Snakefile", "results is 'Snakefile'; it must be a folder, and Snakefile is none"),
        pytest.param(
            "device=cuda",
            "device is 'cuda'; no GPU is here, so it must be auto or cpu",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here"),
        ),
    ],
)
@pytest.mark.hostile("broken settings")
def test_snakemake_stops_before_any_job(fresh, argument, told):
    run = fresh.snakemake("--config", argument)
    assert told_of(run, "setting") == [f"Bad setting: {told}"]
    assert not (fresh.root / "smoke").exists()


def test_a_gpu_that_is_not_here_hinders_nothing_else(fresh):
    for arguments in (("--dry-run",), ("smoke/results/convergence/tasks.parquet",)):
        run = fresh.snakemake(*arguments, "--config", "device=cuda")
        assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("name", [".snakemake", "cache"])
def test_a_folder_that_snakemake_cannot_use_ends_in_one_line(fresh, monkeypatch, name):
    monkeypatch.setenv("XDG_CACHE_HOME", str(fresh.root / "cache"))
    (fresh.root / name).touch()
    (line,) = told_of(fresh.snakemake("--dry-run"), "folder")
    folder = f"{fresh.root}/cache" if name == "cache" else name
    assert re.fullmatch(
        rf"Bad folder: {folder}.* is Snakemake's own; it must be a folder, and {folder} is none"
        + (r" \(XDG_CACHE_HOME names another\)" if name == "cache" else ""),
        line,
    )


def test_no_text_of_the_settings_is_run(fresh):
    with (fresh.root / "config.yaml").open("a") as config:
        config.write("""__use_yte__: true\nsed: '?open("pwned", "w") and 0'\n""")
    run = fresh.snakemake("--dry-run")
    assert run.returncode != 0
    assert "Bad setting: __use_yte__ is True; it is no setting" in run.stdout
    assert not (fresh.root / "pwned").exists()


@pytest.mark.parametrize("name", ["config.yaml", SMOKE])
@pytest.mark.hostile("broken settings")
def test_broken_yaml_is_told_with_its_line(fresh, name):
    with (fresh.root / name).open("a") as config:
        config.write("figures: [unclosed\n")
    lines = len((fresh.root / name).read_text().splitlines())
    (line,) = told_of(fresh.snakemake(), "setting")
    assert line.startswith(f"Bad setting: {name}:{lines + 1}:1: not valid YAML: ")


def test_missing_file_of_settings_is_told(fresh):
    (line,) = told_of(fresh.snakemake(settings=("nowhere.yaml",)), "setting")
    assert line.startswith("Bad setting: nowhere.yaml cannot be read: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["--configfile", "my.yaml", "figures/fig1_convergence.pdf"],
            "figures/fig1_convergence.pdf would be read as a setting; targets come first: "
            "snakemake figures/fig1_convergence.pdf --cores 2 --configfile my.yaml",
        ),
        (
            ["--config", "seed=1", "extensions", "rebased", "--dry-run"],
            "extensions would be read as a setting; targets come first: "
            "snakemake extensions rebased --cores 2 --config seed=1 --dry-run",
        ),
        (
            ["--config", "training.convergence.batch=4"],
            "--config cannot set training.convergence.batch; put `training: {convergence: "
            "{batch: 4}}` into a file of your own and add --configfile FILE",
        ),
        (
            ["--config", "rebased={runs: 5}"],
            "--config cannot set rebased; put `rebased: {runs: 5}` into a file of your own and "
            "add --configfile FILE",
        ),
    ],
)
@pytest.mark.hostile("broken settings")
def test_what_snakemake_would_misread_is_told(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("seed: 1")
    with pytest.raises(SystemExit) as stopped:
        require_order(["--cores", "2", *words])
    assert str(stopped.value) == f"Bad command line: {told}"


@pytest.mark.parametrize(
    "words",
    [
        ["--config", f"training.{'x' * 500}=4"],
        ["--config", f"rebased={{{'x' * 500}: 5}}"],
        ["--config", "seed=1", *(f"target_{number}" for number in range(1000))],
    ],
)
@pytest.mark.hostile("broken settings")
def test_a_long_command_line_is_told_in_one_short_line(words):
    with pytest.raises(SystemExit) as stopped:
        require_order(words)
    assert str(stopped.value).startswith("Bad command line: ")
    assert len(str(stopped.value)) <= LONGEST


def test_what_snakemake_reads_rightly_is_let_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("seed: 1")
    os.mkfifo(tmp_path / "pipe")
    require_order(["all", "-n", "--config", "seed=1", "tasks={sampler: balanced}", "device={"])
    require_order(["--configfile", "my.yaml", "pipe", "--", "all"])
    require_order(["all", "--cores", "2", "--configfile", "my.yaml"])


@pytest.mark.parametrize(
    "arguments", [("--configfile", SMOKE, "all"), ("--config", "attention.attention.steps=3")]
)
def test_it_is_told_before_snakemake_reads_its_command_line(fresh, arguments):
    (line,) = told_of(fresh.snakemake(*arguments, settings=()), "command line")
    assert ("targets come first" in line) == ("all" in arguments)


def test_only_what_the_papers_state_is_marked_as_theirs(config):
    """Marks stand beside single values, and in no section that is an experiment of our own."""
    text = (ROOT / "config.yaml").read_text()
    values = {}  # the key of each value, by its line

    def visit(node, path=()):
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                visit(value, (*path, key.value))
        else:
            values.setdefault(node.start_mark.line, ".".join(path))

    visit(yaml.compose(text))
    marked = [
        number for number, line in enumerate(text.splitlines()) if re.search(r"\S +# paper\b", line)
    ]
    assert marked
    keys = {values[number] for number in marked}
    assert {key.split(".")[0] for key in keys} == {
        "training", "attention", "simulation", "rebased", "language"
    }  # fmt: skip
    assert not {key for key in keys if key.startswith("training.population")}
    assert keys >= {
        f"training.convergence.{key}"
        for key in ("states", "length", "sparsity", "batch", "steps", "boost.rate")
    }


def test_smoke_only_overrides(config):
    smoke, full = dict(leaves(SMALL)), dict(leaves(config))
    assert set(smoke) < set(full)
    assert all(full[key] != value for key, value in smoke.items())


def test_least_penalty_is_below_the_largest(config):
    assert faults_of(put(config, "regularization.least", 0.001)) == [
        "regularization.least is 0.001; it must be less than regularization.most, 0.001"
    ]


def penalties(config, least, most, per_decade):
    section = config["regularization"] | {
        "rounding": 0.25,
        "least": least,
        "most": most,
        "per_decade": per_decade,
    }
    return Regularization.model_validate(section).penalties


def test_penalty_grid(config):
    assert penalties(config, 1e-5, 1e-3, 2) == [0, 1e-5, 3.16e-5, 1e-4, 3.16e-4, 1e-3]
    assert penalties(config, 1e-4, 2e-4, 1) == [0, 1e-4, 2e-4]
    assert penalties(config, 1e-4, 1.0001e-4, 1) == [0, 1e-4]


def test_doublings():
    assert Doubled(shortest=250, longest=2000).lengths == [250, 500, 1000, 2000]
    assert Doubled(shortest=250, longest=1999).lengths == [250, 500, 1000]


def test_sweeps_differ_in_what_they_sweep_alone():
    found, grid = sweeps(SETTINGS), SETTINGS.regularization
    assert list(found) == [*grid.sections, "larger_rate", "larger_batch"]
    for name, sweep in found.items():
        section = SETTINGS.training[sweep.section]
        printed = section.optimizers["proximal"]
        swept = list(sweep.settings.optimizers.values())
        assert [spec.penalty for spec in swept] == grid.penalties
        rate = grid.larger_rate if name == "larger_rate" else printed.rate
        batch = grid.larger_batch if name == "larger_batch" else section.batch
        assert {spec.model_copy(update={"penalty": printed.penalty}) for spec in swept} == {
            printed.model_copy(update={"rate": rate})
        }
        assert sweep.settings.batch == batch
        assert sweep.settings.steps == section.steps
        assert sweep.settings.seed == section.seed
        assert sweep.settings.replicates == grid.replicates
        assert sweep.printed == printed.penalty


def test_groups_of_universes_differ_in_their_readings_alone():
    found, drawn = universes(SETTINGS), multiverse_tasks(SETTINGS)
    assert list(found) == list(groups())
    section = SETTINGS.training[SETTINGS.multiverse.section]
    for name, reading in groups().items():
        group = found[name]
        assert len(group.settings.optimizers) == CONDITIONS
        scaled = reading["rates"] == "divided"
        assert group.settings.boost == section.boost.model_copy(update={"scaled": scaled})
        assert group.settings.roundings == (0.25, 0.1, 0.2, 0.5)
        tasks = drawn[group.tasks].settings
        assert (tasks.sampler, tasks.weights) == (reading["sampler"], reading["weights"])
        assert tasks.seed == group.settings.seed == SETTINGS.multiverse.seed
    printed = found[group_of(default())].settings
    conditions = Conditions.of(default())
    assert printed.optimizers[conditions.proximal] == section.optimizers["proximal"]
    assert printed.optimizers[conditions.sgd] == section.optimizers["sgd"]
    assert printed.optimizers[conditions.sgd_small] == section.optimizers["sgd_small"]
    known = set(printed.optimizers)
    assert {name for reading in readings() for name in Conditions.of(reading)} == known


def test_a_scale_of_the_phase_diagram_is_of_both_rates():
    asked = SETTINGS.multiverse
    section = SETTINGS.training[asked.section]
    for scale, column in zip(asked.scales, phases(SETTINGS).values(), strict=True):
        assert column.settings.boost.rate == scale * section.boost.rate
        specs = column.settings.optimizers
        assert specs["sgd"].rate == scale * section.optimizers["sgd"].rate
        penalties = [spec.penalty for name, spec in sorted(specs.items()) if name != "sgd"]
        assert penalties == asked.penalties
        assert {spec.rate for spec in specs.values()} == {specs["sgd"].rate}


def test_the_first_candidate_is_the_printed_one(config):
    """Ties go to it."""
    settings = Settings.model_validate(config)
    for name in settings.multiverse.candidates.training:
        section, first = settings.training[name], trained_candidates(settings)[f"{name}_00"]
        assert first.settings.boost == section.boost
        assert first.settings.batch == section.batch
        assert first.settings.optimizers["sgd"] == section.optimizers["sgd"]
        assert first.settings.optimizers["penalty_00"] == section.optimizers["proximal"]
        assert first.settings.optimizers["penalty_01"] == section.optimizers["proximal_large"]
    for name in settings.multiverse.candidates.simulation:
        section, first = settings.simulation[name], simulated_candidates(settings)[f"{name}_00"]
        assert (first.settings.batch, first.settings.penalty) == (section.batch, section.penalty)
    for name in settings.multiverse.candidates.attention:
        section, first = settings.attention[name], attended_candidates(settings)[f"{name}_00"]
        assert first.settings.rate == section.rate
        assert first.settings.schedule == section.schedule


def test_candidates_change_nothing_that_the_paper_states(config):
    settings = Settings.model_validate(config)
    for name, one in trained_candidates(settings).items():
        section = settings.training[name.rpartition("_")[0]]
        assert one.settings.steps == section.steps
        boost, printed = one.settings.boost, section.boost
        assert boost.rate * boost.steps == pytest.approx(printed.rate * printed.steps)
        assert one.settings.batch in (64, 128, 256)  # the paper's


def test_a_section_that_is_judged_twice_is_read_once(config):
    elsewhere = {"said": "so", "sections": ["vocabulary_3"]}
    config["claims"]["best"] = {"C1": elsewhere, "C8": {"said": "", "sections": ["attention"]}}
    config["claims"]["changed"] = {"C3": elsewhere}
    printed = SETTINGS.claims.printed
    found = judged_sections(Settings.model_validate(config))
    others = printed.population, printed.softmax
    assert found.training == [printed.convergence, *printed.vocabulary, *others]
    assert found.simulation == list(printed.simulation)
    assert found.attention == [printed.attention]


def test_every_name_of_a_section_is_marked_as_one():
    marked = {f"{at}{key}" for at, key, _, _ in named(SETTINGS)}
    key_of_names = r"claims\.printed\.\w+|(draw\.\w+|regularization|multiverse|rebased)\.sections?"
    names = {key for key, _ in leaves(CONFIG) if re.fullmatch(key_of_names, key)}
    assert {"draw.softmax.section", "claims.printed.vocabulary"} < names
    assert names <= marked


@pytest.mark.hostile("broken settings")
@pytest.mark.parametrize(
    ("claim", "changed", "told"),
    [
        ("C1", {"sections": ["convergance"]}, "claims.best.C1.sections is 'convergance'; "),
        ("C1", {"proximal": "proximl"}, "claims.best.C1.proximal is 'proximl'; "),
        ("C2", {"sgd_small": "none"}, "claims.best.C2.sgd_small is 'none'; "),
        ("C7", {"sections": ["convergence"]}, "it must be one of simulation: "),
        ("C8", {"sections": ["attention", "attention_best"]}, "C8 is of one section"),
    ],
)
def test_what_a_claim_is_judged_by_again_is_there(config, claim, changed, told):
    config["claims"]["best"][claim] |= changed
    found = faults_of(config)
    assert len(found) == 1
    assert told in found[0]


def test_quick_runs_have_at_most_32_replicates_and_judge_what_is_printed(config):
    preset = yaml.safe_load((ROOT / "presets/quick.yaml").read_text())
    everything = replicates(Settings.model_validate(config))
    settings = Settings.model_validate(merge(config, preset))
    found = judged_sections(settings)
    assert not settings.claims.best
    assert not settings.claims.changed
    counts = {
        name: getattr(settings, kind)[name].replicates
        for kind in found._fields
        for name in getattr(found, kind)
    }
    assert max(counts.values()) == counts["convergence"] == 32
    # The first of those of the full replication.
    assert all(count <= everything[name] for name, count in counts.items())


def test_digest_is_of_the_sections_that_claims_read(config):
    def of(changed):
        return digests(Settings.model_validate(changed))

    before = of(config)
    assert of(dict(reversed(list(config.items())))) == before
    for unread in (
        {"results": "elsewhere"},
        {"device": "cpu"},
        {"check": {"signal": 0.2}},
        {"regularization": {"least": 1e-7}},
        {"training": {"ours": config["training"]["population"]}},
    ):
        assert of(merge(config, unread)) == before
    first = {
        "attention": {"attention": {"seed": 1}},
        "transfer": {"mixing": 0.1},
        "training": {"population": {"batch": 8}},
        "simulation": {"simulation_500": {"seed": 1}},
        "log_interval": 5,
    }
    for key, value in first.items():
        after = of(merge(config, {key: value}))
        assert after["claims"] != before["claims"]
        assert {**after, "claims": before["claims"]} == before
    for section in ("rebased", "language"):
        table, after = f"{section}_claims", of(merge(config, {section: {"runs": 7}}))
        assert after[table] != before[table]
        assert {**after, table: before[table]} == before


@pytest.mark.parametrize(
    ("setting", "kernel", "missing"),
    [
        ("stress", "square_norm", "square_norm"),
        ("tight", "based", "based"),
        ("tight", "elu", "identity or elu"),
    ],
)
def test_kernels_that_claims_compare_are_asked_for(config, setting, kernel, missing):
    recall = config["rebased"]["recall"][setting]
    recall["kernels"] = [name for name in recall["kernels"] if name != kernel]
    (line,) = faults_of(config)
    at = f"rebased.recall.{setting}.kernels"
    assert line.startswith(f"{at} is ")
    assert line.endswith(f"with rebased.rates it lacks {missing}, which the claims compare")


def test_a_kernel_without_a_rate_is_not_judged(config):
    config["rebased"]["rates"]["identity"] = 0.01
    settings = Settings.model_validate(config).rebased
    assert "identity" in settings.trained("separating")
    del config["rebased"]["rates"]["identity"], config["rebased"]["rates"]["softmax"]
    assert faults_of(config) == []
    assert not {"identity", "softmax"} & {
        *Settings.model_validate(config).rebased.trained("separating")
    }


def test_a_key_of_recall_is_no_default(config):
    del config["rebased"]["recall"]["separating"]["log_interval"]
    assert faults_of(config) == ["rebased.recall.separating.log_interval is missing"]
