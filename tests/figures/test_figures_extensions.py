"""Figures of the extensions, drawn from synthetic tables."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy.stats import norm

from scb.analysis.tables import (
    EXPONENTS,
    PENALTIES,
    SOFTMAX_SAMPLES,
    STAGE1_BATCHES,
    STAGE1_ODDS,
    STAGE1_PROBABILITIES,
    WINDOWS,
)
from scb.figures import regularization, softmax_samples, stage1_samples
from scb.store import tables

LENGTHS, RATES = (250, 500, 1000), (0.05, 0.2)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Tables of `stage1_samples`."""
    folder = tmp_path_factory.mktemp("stage1")
    chances, batches, laws = [], [], []
    for mu, power in (("uniform", 1), ("drawn", 2)):
        for length in LENGTHS:
            for rate in RATES:
                required = rate * 2 * (length / 10) ** power
                batches.append(
                    (mu, length, rate, required, required / 2, required * 2, 0.5, required)
                )
                for batch in {max(1, round(required * factor)) for factor in (0.125, 0.5, 2)}:
                    chance = norm.cdf(1.28 * (batch / required) ** 0.5)
                    right = round(32 * chance)
                    chances.append((mu, length, rate, batch, 32, right, 1, chance - 0.1, 1, chance))
        for variable, exponent in (("length", power), ("rate", 1)):
            laws.append((mu, variable, exponent + 0.111, exponent - 0.2, exponent + 0.3, exponent))
    paths = {}
    for name, rows, schema in (
        ("probabilities", chances, STAGE1_PROBABILITIES),
        ("batches", batches, STAGE1_BATCHES),
        ("exponents", laws, EXPONENTS),
    ):
        paths[name] = folder / f"{name}.parquet"
        frame = pd.DataFrame(rows, columns=schema.names)
        tables.write(frame, paths[name], schema, {"states": 3, "sparsity": 2})
    paths["odds"] = []
    for states in (3, 20):
        rows = [
            (states, rate, batch, 32, 20, 0.5, 0.8, 0.7, 0.6, 0.5, 0.015)
            for rate in (0.01, 0.03)
            for batch in (64, 256)
        ]
        paths["odds"].append(folder / f"odds_{states}.parquet")
        frame = pd.DataFrame(rows, columns=STAGE1_ODDS.names)
        setting = {"length": 5000, "sparsity": 2, "growth": 6.0}
        tables.write(frame, paths["odds"][-1], STAGE1_ODDS, setting)
    return paths


def test_stage1_samples_draws_every_point(samples):
    figure = stage1_samples.draw(**samples)
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert len(visible) == 6 + 2  # odds of two vocabularies
    points = tables.read(samples["probabilities"], STAGE1_PROBABILITIES)
    drawn = sum(len(bars[0].get_xdata()) for ax in visible for bars in ax.containers)
    assert drawn == len(points) + 2 * len(LENGTHS) * len(RATES) + 2 * 4
    (text,) = (text.get_text() for text in figure.texts)
    assert "off by 0.03 on average, without it by 0.07" in " ".join(text.split())  # 20 of 32
    assert "1.11" in text  # the exponents
    assert "2.11" in text
    assert "12 of" not in text
    required = figure.axes[2].get_lines()
    slope = next(line for line in required if line.get_color() == "0.45")
    x, y = slope.get_data()
    assert np.log(y[-1] / y[0]) / np.log(x[-1] / x[0]) == pytest.approx(2)


@pytest.fixture(scope="module")
def supports(tmp_path_factory):
    """Tables of `softmax_samples`: in proportion to T, but one model that never gets there."""
    folder, paths = tmp_path_factory.mktemp("supports"), []
    for length in LENGTHS:
        rows = []
        for model in softmax_samples.FIRST:
            needs = length * np.exp(np.linspace(-1, 1, 20)) * (8 if model == "softmax" else 1)
            for batch in (1, 2, 4, 8, 16):
                spent = batch * length // 2
                for replicate, need in enumerate(needs):
                    right = spent >= need and model != "softmax_slow"
                    run = model, length, batch, spent, replicate
                    rows.append((*run, right, right and replicate % 2, 0.5, 1.0))
        paths.append(folder / f"{length}.parquet")
        frame = pd.DataFrame(rows, columns=SOFTMAX_SAMPLES.names).astype({"reached": bool})
        said = {"states": 3, "sparsity": 2, "rate": 0.1, "factor": 0.02}
        said |= {"replicates": 20, "level": 0.1}
        tables.write(frame, paths[-1], SOFTMAX_SAMPLES, said)
    return {"runs": paths}


@pytest.mark.filterwarnings("error")
def test_softmax_samples_draws_every_share(supports):
    figure = softmax_samples.draw(**supports)
    figure.draw_without_rendering()
    first, last, required = figure.axes
    for ax, length in ((first, LENGTHS[0]), (last, LENGTHS[-1])):
        curves = [line for line in ax.get_lines() if len(line.get_xdata()) == 5]
        assert len(curves) == 4 + 2  # closed forms of two
        assert ax.get_title() == f"$T={length}$"
        np.testing.assert_allclose(curves[0].get_xdata(), length / 2 * 2.0 ** np.arange(5))
        np.testing.assert_allclose(curves[1].get_ydata(), 0.5)
    (text,) = (" ".join(text.get_text().split()) for text in figure.texts)
    assert "linear: $T^{1.00}$" in text
    assert "0.02 of it: not all reached" in text
    assert "nan" not in text
    assert len(required.containers) == 4


def setting(**changed):
    return {"states": 3, "batch": 64, "rate": 0.005, "steps": 9, "printed": 2e-8} | changed


SWEEPS = {
    "zeta": setting(),
    "beta_3": setting(steps=20),
    "beta_10": setting(steps=20, states=10, batch=128),
    "gamma": setting(steps=20, states=20, batch=256),
    "eta_again": setting(steps=20, rate=0.01),
    "batch_again": setting(steps=20, batch=256),
}
"""Any names, in an order that is not theirs; the last two repeat the second."""
METRICS = ("attention_distance", "value_distance", "attention_signal", "value_signal")


@pytest.fixture
def sweeps(tmp_path):
    """Tables of `regularization`: one run diverged, one is not positive, one has no window."""
    penalties = [0, 1e-6, 1e-5, 1e-4, 1e-3]
    names = [f"{prefix}{name}" for prefix in ("", "normalised_") for name in METRICS]
    ends, windows = [], []
    for sweep in SWEEPS:
        for replicate in range(4):
            positive, energy = replicate != 2, 0.1 + 0.05 * replicate
            low, high = (np.nan, np.nan) if replicate == 3 else (1e-5 / energy, 1e-4 / energy)
            row = (sweep, replicate, positive, energy, 1e-5 / energy, 0.0, low, high)
            windows.append(row)
            for penalty in penalties:
                gone = replicate == 0 and penalty == 1e-3
                size = np.nan if gone else 0.5 + 0.1 * replicate + penalty
                measured = dict.fromkeys(names, size)
                frame = {"sweep": sweep, "replicate": replicate, "positive": positive}
                ends.append(frame | {"penalty": penalty, "diverged": gone} | measured)
    laws = [("window", "rate", 1.5, 1.2, 1.8, 1.5), ("window", "batch", *[np.nan] * 4)]
    paths = {}
    for name, rows, schema in (
        ("ends", ends, PENALTIES),
        ("windows", windows, WINDOWS),
        ("exponents", laws, EXPONENTS),
    ):
        paths[name] = tmp_path / f"{name}.parquet"
        frame = pd.DataFrame(rows, columns=None if name == "ends" else schema.names)
        tables.write(frame, paths[name], schema, SWEEPS)
    return paths


def test_regularization_draws_all_tasks_and_windows(sweeps):
    figure = regularization.draw(**sweeps)
    assert len(figure.axes) == 3 * 4 + 2  # what repeats a sweep has no column
    first, *_, bars, scatter = figure.axes
    iterate = first.get_lines()[0]
    # Medians of the positive runs 0, 1 and 3; lambda = 0 stands a decade left of the least.
    np.testing.assert_allclose(iterate.get_xdata(), [1e-7, 1e-6, 1e-5, 1e-4, 1e-3])
    np.testing.assert_allclose(iterate.get_ydata()[:4], 0.6, atol=1e-3)
    assert iterate.get_ydata()[4] == pytest.approx(0.8, abs=2e-3)  # one of three is infinite
    assert first.get_ylim()[1] < 1
    assert [label.get_text() for label in reversed(bars.get_yticklabels())] == [
        "zeta", "beta 3", "beta 10", "gamma", r"beta 3, $\eta=0.01$", "beta 3, $B=256$",
    ]  # fmt: skip
    assert sum(len(line.get_xdata()) for line in scatter.get_lines()) == 6 * 2 + 2
    (text,) = (text.get_text() for text in figure.texts)
    assert "6 of all runs diverged" in text
    assert "At $N=3$ the low end moves like" in text
    assert "1.50" in text
    assert "nan" not in text


def test_regularization_with_nothing_to_summarise(sweeps):
    for name, schema in (("ends", PENALTIES), ("windows", WINDOWS)):
        frame = tables.read(sweeps[name], schema).assign(positive=False)
        tables.write(frame, sweeps[name], schema, tables.setting(sweeps[name]))
    figure = regularization.draw(**sweeps)
    figure.draw_without_rendering()
    assert "0 of 4" in figure.texts[0].get_text()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_figure_of_diverged_runs_says_so(sweeps, diverge, share):
    ends = tables.read(sweeps["ends"], PENALTIES)
    lost = diverge(ends, PENALTIES, ["sweep", "replicate"], "penalty", share)
    tables.write(lost, sweeps["ends"], PENALTIES, SWEEPS)
    windows = tables.read(sweeps["windows"], WINDOWS)
    if share == 1:
        windows[["low", "high"]] = np.nan
    tables.write(windows, sweeps["windows"], WINDOWS, SWEEPS)
    figure = regularization.draw(**sweeps)
    figure.draw_without_rendering()
    assert f"{lost['diverged'].sum()} of all runs diverged" in figure.texts[0].get_text()
    assert not [text for text in figure.findobj(Text) if re.search(r"\bnan\b", text.get_text())]


@pytest.mark.parametrize("module", [stage1_samples, softmax_samples, regularization])
def test_command_writes_both_files_and_names_a_table_at_fault(
    module, samples, supports, sweeps, tmp_path
):
    paths = {stage1_samples: samples, softmax_samples: supports, regularization: sweeps}[module]
    options = []
    for name, path in paths.items():
        options += [f"--{name}", *map(str, path if isinstance(path, list) else [path])]
    module.draw.main([*options, "--output", str(tmp_path / "figure.pdf")])
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF-")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    options[1] = str(tmp_path / "nowhere.parquet")
    with pytest.raises(SystemExit, match=r"nowhere\.parquet: no such file"):
        module.draw.main([*options, "--output", str(tmp_path / "other.pdf")])
    assert not (tmp_path / "other.pdf").exists()
