"""Settings: what is refused, in which words, and what becomes of the rest."""

import copy
import math
import os
import re
import shutil
from types import SimpleNamespace

import pytest
import torch
import yaml
from project import ROOT, SMOKE

from workflow.settings import (
    CLAIMED,
    SCHEMA,
    digest,
    doublings,
    find_faults,
    look_up,
    optimizer_options,
    options,
    penalty_grid,
)

CONFIG = (ROOT / "config.yaml").read_text()
COUNTS = [
    "replicates",
    "log_interval",
    "convergence.length",
    "convergence.sparsity",
    "convergence.steps",
    "convergence.boost.steps",
    "vocabulary_10.batch",
    "attention.batch",
    "simulation_100.particles",
    "check_100.trained",
    "transfer.batch",
    "transfer.pretrain.steps",
    "transfer.one_step.steps",
    "stage1_samples.uniform.longest",
    "regularization.per_decade",
]
RATES = [
    "convergence.boost.rate",
    "convergence.optimizers.sgd.rate",
    "vocabulary_20.optimizers.proximal.rate",
    "attention.logit_rate",
    "simulation_500.rate",
    "check_100.rate",
    "transfer.scratch.growth",
    "sensitivity.switch_signal",
]


@pytest.fixture
def config():
    return yaml.safe_load(CONFIG)


def put(config, key, value):
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    return config


def leaves(node, path=()):
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    else:
        yield ".".join(path), node


def test_the_settings_are_right(config):
    assert find_faults(config) == []


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("sed", "did you mean seed?"),
        ("convergence.stats", "did you mean states?"),
        ("tasks.colour", "known: sampler, concentration, weights"),
        ("convergence.optimizers.adam", "known: proximal, sgd, sgd_small, proximal_large"),
        ("simulation_100.optimizers", "known: states, length, sparsity, batch, steps, boost, "),
        ("colour", "config.yaml has all that there are"),
    ],
)
def test_unknown_key_is_told_in_one_line(config, key, told):
    (line,) = find_faults(put(config, key, 1))
    assert line.startswith(f"{key} is no setting; {told}")
    assert "\n" not in line


INTEGER = "an integer"
NUMBER = "a finite number"
YAML = " (YAML's numbers have no quotes, and a point before the exponent: 1.0e-3)"
POSITIVE = "at least 1e-30"
DEVICE = "auto, cpu, cuda or cuda:NUMBER"
FOLDER = "a path inside the project, of letters, digits, '_', '-', '.' and '/'"


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
        ("simulation_500.penalty", 1e39, "at most 1e+30"),
        *((key, math.nan, NUMBER) for key in RATES),
        *((key, "1e-3", NUMBER + YAML) for key in RATES),
        ("replicates", 8.0, INTEGER),  # JSON Schema would take it
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
        ("tasks.sampler", "gauss", "one of dirichlet, balanced"),
        ("tasks.weights", None, "one of uniform, drawn"),
        ("convergence", 3, "a mapping of settings"),
        ("convergence.states", 1, "at least 2"),
        ("convergence.states", 65537, "at most 65536"),
        ("convergence.sparsity", 5000, "less than convergence.length, 5000"),
        ("attention.sparsity", 51, "less than attention.length, 50"),
        ("convergence.boost.steps", 1001, "at most convergence.steps, 1000"),
        ("simulation_500.boost.steps", 10**6, "at most simulation_500.steps, 1000"),
        ("convergence.boost.rate", math.inf, NUMBER),
        ("convergence.boost.rate", "fast", NUMBER),
        ("convergence.boost.rate", [0.1, 0.2], NUMBER),
        ("convergence.optimizers.proximal.penalty", -1e-5, "at least 0"),
        ("convergence.optimizers.proximal.penalty", math.nan, NUMBER),
        ("convergence.optimizers.proximal.threshold", 1, "true or false"),
        ("simulation_100.penalty", -1, "at least 0"),
        ("check_100.signal", 1.5, "at most 1"),
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
        ("sensitivity.sampler", "gauss", "one of dirichlet, balanced"),
        ("kernels.rates", 0.01, "a list, as [1, 2]"),
        ("kernels.features", 7, "even"),
        ("kernels.runs", 1, "at least 2"),
        ("recall_stress.solved", 1.5, "at most 1"),
        ("recall_stress.length", 60, "at least 4 recall_stress.pairs, 64"),
        ("recall_stress.length", 65, "even"),
        ("recall_stress.vocabulary", 64, "greater than recall_stress.length, 64"),
        ("results", "", FOLDER),
        ("results", ".", FOLDER),
        ("results", "/tmp/results", FOLDER),
        ("results", "../results", FOLDER),
        ("results", "a/../../b", FOLDER),
        ("figures", "$(touch x)", FOLDER),
        ("figures", "{setting}", FOLDER),
        ("figures", "a\n", FOLDER),
    ],
)
def test_fault_is_told_in_one_line(config, key, value, allowed):
    (line,) = find_faults(put(config, key, value))
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
            "replicates",
            [8, 8],
            "transfer.replicates is [8, 8]; it must have an entry for each of transfer.lengths, "
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
def test_faults_of_the_lists_of_transfer(config, key, value, told):
    assert find_faults(put(config, f"transfer.{key}", value)) == [told]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("kernels.rates", [], "kernels.rates is []; it must be of length at least 1"),
        ("kernels.rates", [0.1, 0], "kernels.rates.1 is 0; it must be at least 1e-30"),
        ("kernels.rates", [0.1, 0.1], "kernels.rates is [0.1, 0.1]; its entries must differ"),
        (
            "kernels.settings",
            ["recall_stress", "recall_512_64"],
            "kernels.settings names recall_512_64, which is missing",
        ),
        (
            "kernels.settings",
            ["recall_separating"],
            "kernels.limited names recall_stress, which is not in kernels.settings",
        ),
    ],
)
def test_faults_of_the_lists_of_kernels(config, key, value, told):
    assert find_faults(put(config, key, value)) == [told]


def test_preset_for_a_gpu_is_right(config):
    preset = yaml.safe_load((ROOT / "presets/kernels_gpu.yaml").read_text())
    kernels = config["kernels"] | preset.pop("kernels")
    merged = config | preset | {"kernels": kernels}
    assert find_faults(merged) == []
    assert set(kernels["settings"]) == {key for key in preset if key.startswith("recall")}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("convergence.states", 30_000),
        ("simulation_500.states", 5_000),
        ("attention.batch", 10**7),
        ("transfer.pretrain.length", 10**7),
        ("stage1_samples.uniform.longest", 10**8),
    ],
)
def test_what_fits_no_memory_is_told_in_one_line(config, key, value):
    (line,) = find_faults(put(config, key, value))
    assert line.startswith(f"{key} is {value}; with the other sizes and replicates it makes ")
    assert line.endswith(" numbers, which must be at most 2e+08")


@pytest.mark.parametrize("key", ["width", "vocabulary", "batch", "validation", "test", "features"])
def test_recall_that_fits_no_memory_is_told_in_one_line(config, key):
    key = f"recall_stress.{key}"
    (line,) = find_faults(put(config, key, 10**8))
    assert line.startswith(f"{key} is 100000000; with the other sizes and replicates it makes ")
    assert line.endswith(" numbers, which must be at most 2e+09")


def test_particles_are_at_most_the_other_positions(config):
    particles = config["simulation_500"]["particles"]
    (line,) = find_faults(put(config, "simulation_500.length", particles + 1))
    assert line == (
        f"simulation_500.particles is {particles}; it must be at most simulation_500.length less "
        f"simulation_500.sparsity, {particles + 1 - config['simulation_500']['sparsity']}"
    )


def test_rates_of_stage1_differ(config):
    rate = config["stage1_samples"]["rate"]
    (line,) = find_faults(put(config, "stage1_samples.larger_rate", rate))
    assert line == (
        f"stage1_samples.larger_rate is {rate}; it must differ from stage1_samples.rate"
    )


def test_recall_with_too_few_sequences(config):
    # 3! 8 / 2! keys and values, 2 of 2 slots: the held-out ones would be trained on.
    for key, value in {"vocabulary": 9, "length": 8, "pairs": 2}.items():
        put(config, f"recall_stress.{key}", value)
    (line,) = find_faults(config)
    assert line.startswith("recall_stress.vocabulary is 9; with recall_stress.pairs 2 there are ")


def test_full_disk(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert find_faults(config) == [
        f"{key} is '{key}'; it must be on a disk that is not full" for key in ("results", "figures")
    ]


@pytest.mark.parametrize(
    ("setting", "optimizer"), [("convergence", "sgd_small"), ("vocabulary_10", "proximal_large")]
)
def test_an_optimizer_that_a_figure_draws_is_not_left_out(config, setting, optimizer):
    del config[setting]["optimizers"][optimizer]
    (line,) = find_faults(config)
    assert line.startswith(f"{setting}.optimizers.{optimizer} is missing")


def test_missing_key_is_named(config):
    del config["convergence"]["boost"]["rate"], config["seed"]
    assert find_faults(config) == ["convergence.boost.rate is missing", "seed is missing"]


def test_long_value_is_cut(config):
    (line,) = find_faults(put(config, "replicates", "x" * 1000))
    assert len(line) < 120


def test_folder_whose_name_is_too_long_for_a_file_system(config):
    (line,) = find_faults(put(config, "results", "x" * 101))
    assert line == f"results is '{'x' * 56}...; it must be of length at most 100"


def test_folder_that_is_none(config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert find_faults(put(config, "results", "file/deeper")) == [
        "results is 'file/deeper'; it must be a folder, and file is none"
    ]


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
    assert find_faults(put(config, "figures", "locked/figures")) == [
        "figures is 'locked/figures'; it must be a folder that can be written to"
    ]
    assert find_faults(put(config, "figures", "open/figures")) == []


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
def test_snakemake_stops_before_any_job(fresh, argument, told):
    run = fresh.snakemake("--config", argument)
    assert run.returncode != 0
    assert [line for line in run.stdout.splitlines() if line.startswith("Bad setting")] == [
        f"Bad setting: {told}"
    ]
    assert "Traceback" not in run.stdout
    assert "Error" not in run.stdout
    assert not (fresh.root / "smoke").exists()


def test_a_gpu_that_is_not_here_hinders_nothing_else(fresh):
    for arguments in (("--dry-run",), ("smoke/results/convergence/tasks.parquet",)):
        run = fresh.snakemake(*arguments, "--config", "device=cuda")
        assert run.returncode == 0, run.stdout


def test_no_text_of_the_settings_is_run(fresh):
    with (fresh.root / "config.yaml").open("a") as config:
        config.write("""__use_yte__: true\nseed: '?open("pwned", "w") and 0'\n""")
    run = fresh.snakemake("--dry-run")
    assert run.returncode != 0
    assert "Bad setting: __use_yte__ is True; it is no setting" in run.stdout
    assert not (fresh.root / "pwned").exists()


def test_broken_yaml_is_told_with_its_line(fresh):
    with (fresh.root / "config.yaml").open("a") as config:
        config.write("figures: [unclosed\n")
    run = fresh.snakemake()
    assert run.returncode != 0
    told = [line for line in run.stdout.splitlines() if line.startswith("Bad setting")]
    lines = len(CONFIG.splitlines())
    assert len(told) == 1
    assert re.match(rf"Bad setting: config.yaml:{lines + 2}:1: not valid YAML: ", told[0])
    assert "Traceback" not in run.stdout


def schema_leaves(schema, node, path=()):
    if "$ref" in node:
        node = look_up(schema, node["$ref"].removeprefix("#/").replace("/", "."))
    if node.get("type") == "object":
        assert node["additionalProperties"] is False, path
        for key, value in node["properties"].items():
            yield from schema_leaves(schema, value, (*path, key))
    else:
        yield ".".join(path)


def test_schema_and_settings_name_the_same_keys(config):
    schema = yaml.safe_load(SCHEMA.read_text())
    known = set(schema_leaves(schema, schema))
    set_here = {key for key, _ in leaves(config)}
    assert set_here <= known
    # Only figure 1 draws the two further optimizers; the grid of recall is for a GPU.
    optional = re.compile(
        r"vocabulary_\d+\.optimizers\.(sgd_small|proximal_large)\.|recall_\d+_\d+\."
    )
    assert {key for key in known - set_here if not optional.match(key)} == set()


def test_every_setting_says_where_it_comes_from(config):
    said = re.findall(r": \S+ +# (?:stated in the paper|our reading)\b", CONFIG)
    assert len(said) == len(list(leaves(config)))


def test_smoke_only_overrides(config):
    smoke = dict(leaves(yaml.safe_load((ROOT / "tests/workflow" / SMOKE).read_text())))
    full = dict(leaves(config))
    assert set(smoke) < set(full)
    assert all(full[key] != value for key, value in smoke.items())


def test_least_penalty_is_below_the_largest(config):
    assert find_faults(put(config, "regularization.least", 0.001)) == [
        "regularization.least is 0.001; it must be less than regularization.most, 0.001"
    ]


def test_penalty_grid():
    assert penalty_grid(1e-5, 1e-3, 2) == [0, 1e-5, 3.16e-5, 1e-4, 3.16e-4, 1e-3]
    assert penalty_grid(1e-4, 2e-4, 1) == [0, 1e-4, 2e-4]
    assert penalty_grid(1e-4, 1.0001e-4, 1) == [0, 1e-4]


def test_doublings():
    assert doublings(250, 2000) == [250, 500, 1000, 2000]
    assert doublings(250, 1999) == [250, 500, 1000]


def test_look_up(config):
    assert look_up(config, "convergence.boost") == config["convergence"]["boost"]
    with pytest.raises(KeyError):
        look_up(config, "convergence.brake")


def test_options():
    assert options({"log_interval": 10, "rate": 1e-5}) == [
        "--log-interval",
        "10",
        "--rate",
        "1e-05",
    ]
    assert options({"correlation": [0.8, -0.3]}) == ["--correlation", "0.8", "-0.3"]


def test_optimizer_options_do_not_depend_on_order(config):
    optimizers = config["convergence"]["optimizers"]
    words = optimizer_options(optimizers)
    assert words[:5] == ["--optimizer", "proximal", "0.005", "1e-05", "1"]
    assert len(words) == 5 * len(optimizers)
    turned = dict(reversed(list(copy.deepcopy(optimizers).items())))
    assert optimizer_options(turned) == words


def test_digest_is_of_the_sections_that_claims_read(config):
    turned = dict(reversed(list(copy.deepcopy(config).items())))
    assert digest(turned) == digest(config)
    assert digest(put(copy.deepcopy(config), "results", "elsewhere")) == digest(config)
    for key in CLAIMED:
        changed = copy.deepcopy(config)
        changed[key] = None
        assert digest(changed) != digest(config)
    extensions = {"stage1_samples", "regularization", "sensitivity"}
    kernels = {"kernels", "recall_separating", "recall_stress"}
    unread = {"device", "results", "figures", "check_100"} | extensions | kernels
    assert set(config) - set(CLAIMED) == unread
