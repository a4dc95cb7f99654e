"""Figures, drawn from synthetic tables that hold every case a run can end in."""

import itertools
import json
import os
import pkgutil
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from scipy import stats

from scb import figures as package
from scb.claims.samples import Median
from scb.data.samplers import stationary_distribution
from scb.data.tables import TASKS
from scb.data.task import Task
from scb.figures import (
    fig1_convergence,
    fig2_softmax_vs_linear,
    fig3_signals,
    fig4_similarity,
    fig5_vocabulary,
    fig6_simulation,
    ratios,
    strips,
    style,
)
from scb.figures.replicates import Band, Run, worst
from scb.learning.tables import CURVES, STATES
from scb.settings.draw import Curves, Rows
from scb.store import tables
from scb.theory.population import trajectory

REPLICATES = 6
NEGATIVE = (1, 4)
DIVERGED = 2, 260  # under SGD: replicate, step
SWITCH, LAST, EVERY = 120, 400, 20
OPTIMIZERS = {
    "proximal": {"rate": 0.005, "penalty": 1e-5, "threshold": True},
    "proximal_large": {"rate": 0.005, "penalty": 1e-4, "threshold": True},
    "sgd": {"rate": 0.005},
    "sgd_small": {"rate": 0.001},
}
STRANGER = {"momentum_sgd": {"rate": 0.007}}
"""An optimizer that no figure knows."""
GROWTH = {"proximal": 0.6, "proximal_large": 0.3, "sgd": 1.0, "sgd_small": 0.4}


# --- Synthetic tables -----------------------------------------------------------------


def rows(
    optimizer: str, stage: str, steps: np.ndarray, replicate: int, states: int
) -> pd.DataFrame:
    """Curves of one replicate: signals that saturate at the sign of the replicate."""
    rng = np.random.default_rng([replicate, states, *optimizer.encode()])
    sign = -1 if replicate in NEGATIVE else 1
    speed = 1 + 0.1 * replicate
    signal = sign / (1 + np.exp(-speed * (steps - 200) / 50))
    error = GROWTH.get(optimizer, 0.3) * np.sqrt(steps / LAST) * speed
    noise = 1 + 0.02 * rng.standard_normal(len(steps))
    kp, kq = 0.2, 0.5
    found = signal * sign > 0.5
    gone = (steps >= DIVERGED[1]) & (optimizer == "sgd") & (replicate == DIVERGED[0])
    bayes = 0.3 + 0.01 * replicate
    frame = {}
    for part, k, size in (("value", kp, 0.02), ("attention", kq, error)):
        a, d = signal * noise, size * noise
        frame[f"{part}_signal"], frame[f"{part}_error"] = a, d
        frame[f"{part}_distance"] = np.hypot((1 - a) * np.sqrt(k), d)
        for kind in ("similarity", "centred_similarity"):
            frame[f"{part}_{kind}"] = a / np.hypot(a, d / np.sqrt(k))
        frame[f"normalised_{part}_signal"] = np.where(found, sign, 0.0)
        frame[f"normalised_{part}_error"] = np.where(found, 0.01 * noise, 0.0)
        frame[f"normalised_{part}_distance"] = np.where(found, 0.01 * noise, np.sqrt(k))
        frame[f"normalised_{part}_similarity"] = np.where(found, 0.99, 0.1)
        frame[f"normalised_{part}_centred_similarity"] = np.where(found, 0.99, 0.0)
    frame["test_loss"] = bayes + 0.05 * (1 - signal**2) + 0.01 * error**2
    frame["normalised_test_loss"] = bayes + np.where(found, 1e-4, 0.05)
    frame["edge_sharpness"] = 2 + error  # a metric that no figure knows
    frame = {name: np.where(gone, np.nan, column) for name, column in frame.items()}
    frame |= {"optimizer": optimizer, "replicate": replicate, "step": steps, "stage": stage}
    return pd.DataFrame(frame | {"diverged": gone, "bayes_loss": bayes})


def curves(optimizers: list[str], steps: np.ndarray, stage: str = "train", states: int = 3):
    return pd.concat(
        rows(name, stage, steps, replicate, states)
        for name in optimizers
        for replicate in range(REPLICATES)
    )


BOOST = np.arange(0, SWITCH + 1, EVERY)
TRAIN = np.arange(SWITCH, LAST + 1, EVERY)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables for all figures."""
    return write_results(tmp_path_factory.mktemp("results"), OPTIMIZERS, ["proximal", "sgd"])


def write_results(root: Path, optimizers: dict[str, dict], simulated: list[str]) -> Path:
    """Tables of these optimizers, trained and simulated."""
    for states, name in ((3, "convergence"), (10, "vocabulary_10")):
        setting = {"states": states, "length": 5000, "batch": 64}
        setting |= {"boost_rate": 0.01, "boost_scaled": True}
        boost = curves(["boost"], BOOST, "boost", states)
        tables.write(boost, root / name / "boost.parquet", CURVES, setting)
        frame = curves(list(optimizers), TRAIN, states=states)
        setting["optimizers"] = optimizers
        tables.write(frame, root / name / "optimizers.parquet", CURVES, setting)
        tables.write(pd.concat([boost, frame]), root / name / "both.parquet", CURVES, setting)
        write_tasks(root / name / "tasks.parquet", states, 5000)
    setting |= {"length": 100_000, "optimizers": {name: optimizers[name] for name in simulated}}
    names = [*simulated, "population"]
    for states in (100, 500):
        both = [curves(["boost"], BOOST, "boost", states), curves(names, TRAIN, states=states)]
        setting |= {"states": states, "batch": 65536}
        path = root / f"simulation_{states}" / "simulation.parquet"
        tables.write(pd.concat(both), path, CURVES, setting)
    trained = curves(simulated, TRAIN, states=100)
    trained = trained[trained["replicate"] < 2]
    frame = curves(names, TRAIN, states=100)
    frame = pd.concat([frame, trained.assign(optimizer=trained["optimizer"] + "_trained")])
    setting |= {"states": 100, "batch": 512, "signal": 0.1}
    tables.write(frame, root / "check" / "check.parquet", CURVES, setting)
    write_attention(root / "attention")
    return root


def write_tasks(path: Path, states: int, length: int, sparsity: int = 2):
    """Tasks; returns P transposed, (R, m, n), and the positions of Q, (R, N, Q)."""
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(states), (REPLICATES, states))  # (R, m, n)
    mu = [stationary_distribution(one.T) for one in transition]
    positions = np.sort(
        rng.permuted(np.tile(np.arange(length), (REPLICATES, states, 1)), axis=-1)[..., :sparsity]
    )
    setting = {"states": states, "length": length, "sparsity": sparsity}
    index = [(r, k) for r in range(REPLICATES) for k in range(states)]
    truth = pd.DataFrame(index, columns=["replicate", "state"]).assign(
        seed=0,
        states=states,
        length=length,
        sparsity=sparsity,
        stationary=[mu[r][k] for r, k in index],
        transition=[transition[r, k] for r, k in index],
        positions=[positions[r, k] for r, k in index],
        weights=[np.full(sparsity, 1 / sparsity) for _ in index],
    )
    tables.write(truth, path, TASKS, setting)
    return transition, positions


def write_attention(folder: Path) -> None:
    states, length, sparsity = 10, 50, 2
    transition, positions = write_tasks(folder / "tasks.parquet", states, length, sparsity)
    rng = np.random.default_rng(0)
    setting = {"states": states, "length": length, "sparsity": sparsity}
    index = [(r, k) for r in range(REPLICATES) for k in range(states)]
    setting |= {"batch": 64, "rate": 0.01, "logit_rate": 0.1}
    attention = np.zeros((REPLICATES, states, length))
    np.put_along_axis(attention, positions, 1 / sparsity, axis=-1)
    states_of = [
        pd.DataFrame(index, columns=["replicate", "state"]).assign(
            optimizer=model,
            step=LAST,
            value=[transition[r, k] for r, k in index],
            attention=[attention[r, k] + noise * rng.standard_normal(length) for r, k in index],
        )
        for model, noise in (("linear", 0.05), ("softmax", 0.0))
    ]
    tables.write(pd.concat(states_of), folder / "states.parquet", STATES, setting)
    frame = curves(["linear", "softmax"], np.arange(0, LAST + 1, EVERY), states=states)
    tables.write(frame, folder / "curves.parquet", CURVES, setting)


FIGURES = {
    name: module.draw
    for _, name, _ in pkgutil.iter_modules(package.__path__)
    if hasattr(module := import_module(f"scb.figures.{name}"), "draw")
}
OWN = {
    "fig2_softmax_vs_linear": {
        name: [f"attention/{name}.parquet"] for name in ("tasks", "curves", "states")
    },
    "fig6_simulation": {
        "curves": [
            "simulation_100/simulation.parquet",
            "simulation_500/simulation.parquet",
            "check/check.parquet",
        ]
    },
    "overview": {"curves": ["convergence/both.parquet"]},
}
"""Tables of what is not drawn from Stage 1 and the optimizers after it."""

FROM_OPTIMIZERS = [
    name
    for name, draw in FIGURES.items()
    if {"boost", "curves"} <= draw.inputs.keys() <= {"tasks", "boost", "curves"}
    and draw.settings in (Curves, Rows, None)
]
NAMES = [*FROM_OPTIMIZERS, *OWN]


def files_of(name: str, root: Path) -> dict[str, list[Path]]:
    """Tables of a figure."""
    if name in OWN:
        return {key: [root / path for path in paths] for key, paths in OWN[name].items()}
    several = FIGURES[name].inputs["boost"] is not Path
    folders = ["convergence", "vocabulary_10"] if several else ["convergence"]
    return {
        key: [root / folder / f"{table}.parquet" for folder in folders]
        for key, table in (("tasks", "tasks"), ("boost", "boost"), ("curves", "optimizers"))
        if key in FIGURES[name].inputs
    }


def settings_of(name: str, optimizers: list[str]) -> dict[str, object]:
    """What config.yaml says of a figure, as in JSON."""
    if FIGURES[name].settings is Curves:
        return {"section": "convergence", "optimizers": optimizers}
    return {"sections": ["convergence", "vocabulary_10"], "optimizers": optimizers}


def options(name: str, root: Path) -> list[str]:
    """Command line of a figure, without ``--output``."""
    words = []
    if FIGURES[name].settings:
        words += ["--settings", json.dumps(settings_of(name, list(OPTIMIZERS)))]
    for key, paths in files_of(name, root).items():
        words += [f"--{key}", *map(str, paths)]
    return words


def draw(name: str, root: Path, optimizers: list[str] | None = None) -> Figure:
    """A figure, drawn in this process."""
    drawing = FIGURES[name]
    files = {
        key: paths[0] if drawing.inputs[key] is Path else paths
        for key, paths in files_of(name, root).items()
    }
    if drawing.settings:
        settings = settings_of(name, optimizers or list(OPTIMIZERS))
        return drawing(drawing.settings.model_validate(settings), **files)
    return drawing(**files)


def fault_of(name: str, arguments: list[str]) -> str:
    """What a figure says before it ends with status 1."""
    with pytest.raises(SystemExit) as end:
        FIGURES[name].main(arguments)
    assert isinstance(end.value.code, str)  # printed, with status 1
    return end.value.code


@pytest.fixture(scope="module")
def figures(results: Path) -> dict[str, Figure]:
    """All figures, drawn and saved once in this process."""
    found = {name: draw(name, results) for name in NAMES}
    for name, figure in found.items():
        style.save(figure, results / "drawn" / f"{name}.pdf")
    return found


@pytest.fixture(scope="module")
def drawn(results: Path, figures: dict[str, Figure]) -> Path:
    """The folder of all figures."""
    return results / "drawn"


def run_of(results: Path) -> Run:
    return Run.read(*(results / "convergence" / f"{n}.parquet" for n in ("boost", "optimizers")))


def altered(results: Path, folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Run:
    """The run of `run_of` with both its tables changed."""
    paths = []
    for name in ("boost", "optimizers"):
        source = results / "convergence" / f"{name}.parquet"
        frame = change(tables.read(source, CURVES))
        paths.append(folder / f"{name}.parquet")
        tables.write(frame, paths[-1], CURVES, tables.setting(source))
    return Run.read(*paths)


# --- Median and band ------------------------------------------------------------------


@given(arrays(np.float64, st.tuples(st.integers(1, 90), st.just(3)), elements=st.floats(-9, 9)))
def test_band_is_the_averaged_inverse_of_the_empirical_distribution(values: np.ndarray) -> None:
    band = Band.of(values)
    wanted = np.quantile(values, [0.5, 0.025, 0.975], axis=0, method="averaged_inverted_cdf")
    np.testing.assert_allclose([band.middle, band.low, band.high], wanted, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "median", "low", "high"),
    [
        ([3.0], 3, 3, 3),
        ([4.0, 1.0, 2.0], 2, 1, 4),
        ([1.0, 2.0, 3.0, np.inf], 2.5, 1, np.inf),
        ([1.0, 2.0, np.inf], 2, 1, np.inf),
        ([1.0, 2.0, np.inf, np.inf], np.inf, 1, np.inf),
        ([-np.inf, 1.0, 2.0, 3.0], 1.5, -np.inf, 3),
        ([np.inf, np.inf], np.inf, np.inf, np.inf),
    ],
)
def test_infinite_values_count_in_the_order_statistics(values, median, low, high) -> None:
    band = Band.of(np.array(values)[:, None])
    assert (band.middle.item(), band.low.item(), band.high.item()) == (median, low, high)


def test_band_leaves_out_one_in_forty_on_each_side() -> None:
    band = Band.of(np.arange(80.0)[:, None])
    assert (band.low.item(), band.middle.item(), band.high.item()) == (1.5, 39.5, 77.5)


def test_a_share_has_the_interval_of_clopper_and_pearson() -> None:
    flags = np.tril(np.ones((7, 8), bool), k=-1)  # from 6 down to 0 of 7
    band = Band.of_share(flags)
    for place, count in enumerate(flags.sum(0)):
        interval = stats.binomtest(int(count), 7).proportion_ci(0.95, method="exact")
        assert band.middle[place] == count / 7
        assert (band.low[place], band.high[place]) == pytest.approx((interval.low, interval.high))


@given(arrays(np.float64, st.tuples(st.integers(1, 70), st.just(2)), elements=st.floats(-9, 9)))
def test_a_median_has_its_exact_interval(values: np.ndarray) -> None:
    band = Band.of_median(values)
    for place, column in enumerate(values.T):
        wanted = Median(column).estimate(0.95)
        assert band.middle[place] == wanted.estimate
        if len(column) < 6:
            assert band.low[place] == band.high[place] == band.middle[place]
        else:
            assert (band.low[place], band.high[place]) == (wanted.low, wanted.high)


def test_diverged_counts_as_the_worst() -> None:
    assert worst("attention_distance") == worst("value_error") == worst("test_loss") == np.inf
    assert worst("value_signal") == worst("normalised_attention_similarity") == -np.inf


# --- Replicates -----------------------------------------------------------------------


def test_replicates_are_positive_by_the_end_of_stage_1_alone(results, tmp_path) -> None:
    run = run_of(results)
    assert run.positive_after_boost == [0, 2, 3, 5]
    assert run.others == list(NEGATIVE)
    assert (run.switch, run.last) == (SWITCH, LAST)

    def flip(frame: pd.DataFrame) -> pd.DataFrame:
        train = frame["stage"] == "train"
        return frame.assign(value_signal=frame["value_signal"] * np.where(train, -1, 1))

    assert altered(results, tmp_path, flip).positive_after_boost == run.positive_after_boost


def test_one_negative_signal_is_not_positive(results, tmp_path) -> None:
    def flip(frame: pd.DataFrame) -> pd.DataFrame:
        one = (frame["replicate"] == 3) & (frame["step"] == SWITCH)
        return frame.assign(value_signal=frame["value_signal"].where(~one, -0.1))

    assert altered(results, tmp_path, flip).positive_after_boost == [0, 2, 5]


def test_a_diverged_run_keeps_its_place(results) -> None:
    run = run_of(results)
    assert run.divergence("sgd") == {DIVERGED[0]: DIVERGED[1]}
    assert run.divergence("proximal") == {}
    steps, values = run.values("sgd", "attention_distance", run.positive_after_boost)
    assert values.shape == (4, len(TRAIN))
    gone = values[run.positive_after_boost.index(DIVERGED[0])]
    assert np.isposinf(gone[steps >= DIVERGED[1]]).all()
    assert np.isfinite(gone[steps < DIVERGED[1]]).all()
    assert np.isfinite(np.delete(values, run.positive_after_boost.index(DIVERGED[0]), axis=0)).all()
    last = Band.of(values)
    assert np.isfinite(last.middle[-1])
    assert np.isinf(last.high[-1])


def test_a_log_that_ends_at_divergence_reads_the_same(results, tmp_path) -> None:
    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~frame["diverged"] | (frame["step"] == DIVERGED[1])]

    whole, short = run_of(results), altered(results, tmp_path, cut)
    for metric in ("value_signal", "normalised_test_loss", "excess_loss"):
        np.testing.assert_array_equal(
            whole.values("sgd", metric, whole.replicates)[1],
            short.values("sgd", metric, short.replicates)[1],
        )


def test_a_hole_without_divergence_is_a_fault(results, tmp_path) -> None:
    def hole(frame: pd.DataFrame) -> pd.DataFrame:
        one = (frame["replicate"] == 0) & (frame["step"] == 300)
        return frame.assign(test_loss=frame["test_loss"].mask(one))

    run = altered(results, tmp_path, hole)
    with pytest.raises(tables.TableError, match=r"optimizers\.parquet: test_loss of sgd"):
        run.values("sgd", "test_loss", run.positive_after_boost)


def test_a_metric_that_was_not_measured_is_a_fault(results) -> None:
    with pytest.raises(tables.TableError, match="no column 'curvature'"):
        run_of(results).values("sgd", "curvature", [0])


def test_tables_of_other_replicates_are_a_fault(results, tmp_path) -> None:
    def fewer(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[(frame["optimizer"] == "boost") | (frame["replicate"] < 3)]

    with pytest.raises(tables.TableError, match="replicates"):
        altered(results, tmp_path, fewer)


# --- Panels ---------------------------------------------------------------------------


def lines_of(ax, optimizer: str, width: float = 1.3) -> list[np.ndarray]:
    colour = style.LOOKS[optimizer].colour
    return [
        line.get_ydata()
        for line in ax.lines
        if line.get_color() == colour
        and np.isclose(line.get_linewidth(), width)
        and len(line.get_xdata()) > 1
    ]


def test_a_panel_draws_medians_and_divergence(results) -> None:
    run = run_of(results)
    _, axes = style.panels(1, 1, height=2)
    ax = axes[0, 0]
    style.draw_curves(ax, run, "attention_distance", ["proximal", "sgd"])
    for name in ("proximal", "sgd"):
        (median,) = lines_of(ax, name)
        values = run.values(name, "attention_distance", run.positive_after_boost)[1]
        np.testing.assert_array_equal(median, np.median(values, axis=0))
        (dotted,) = lines_of(ax, name, style.OTHER["lw"])
        others = run.values(name, "attention_distance", NEGATIVE)[1]
        np.testing.assert_array_equal(dotted, np.median(others, axis=0))
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [DIVERGED[1]]
    top = ax.get_ylim()[1]
    upper = [edge for edge in lines_of(ax, "sgd", 0.5) if edge[-1] > top]
    assert len(upper) == 1  # the band goes out of the panel, it does not end
    assert np.isfinite(upper[0]).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_panels_of_one_sign_only(results, tmp_path, sign: int) -> None:
    def one_sign(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(value_signal=sign * frame["value_signal"].abs())

    if sign == -1:
        run = altered(results, tmp_path, one_sign)
        assert run.positive_after_boost == []
    else:
        run = altered(results, tmp_path, lambda frame: frame[~frame["replicate"].isin(NEGATIVE)])
        assert run.others == []
    for name in ("boost", "optimizers"):
        (tmp_path / "convergence").mkdir(exist_ok=True)
        (tmp_path / f"{name}.parquet").rename(tmp_path / "convergence" / f"{name}.parquet")
    figure = draw("fig1_convergence", tmp_path)
    assert len(lines_of(figure.axes[0], "sgd")) == (sign == 1)
    assert len(lines_of(figure.axes[0], "sgd", style.OTHER["lw"])) == (sign == -1)
    assert f"{'4 of 4' if sign == 1 else '0 of 6'}." in caption_of(figure)


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ([40], "central 95%"),
        ([39], "range"),
        ([3, 39], "range"),
        ([39, 40], "central 95% (range, below 40 runs)"),
    ],
)
def test_a_band_is_called_what_it_is(counts, name) -> None:
    def run(count: int) -> Run:
        frame = pd.DataFrame({"optimizer": "sgd", "replicate": range(count), "step": 0})
        frame["diverged"] = False
        return Run(Path("x"), frame, {"optimizers": {"sgd": {"rate": 1}}})

    runs = [run(count) for count in counts]
    assert name in [artist.get_label() for artist in style.entries(runs, ["sgd"])]
    assert f"median and {name} of" in style.how_drawn(runs)


def test_a_strip_has_the_runs_and_the_share_that_is_close(results) -> None:
    run = run_of(results)
    start = run.values("boost", "value_distance", run.positive_after_boost)[1][:, 0]
    axes, beside = strips.panels(Figure(), 1, 1, 2)
    axes[0, 0].set_ylim(0, 1)
    finals = {"sgd": start * [0.05, 0.0999, 0.1001, 3], "proximal": np.array([0, 0, np.inf, 0])}
    strips.draw_strips(beside[0, 0], run, "value_distance", finals)
    first, second = beside[0, 0].lines
    np.testing.assert_allclose(first.get_ydata(), np.sort(finals["sgd"]))
    assert np.abs(first.get_xdata()).max() < 0.5
    top = axes[0, 0].get_ylim()[1]
    assert second.get_ydata().tolist() == [0, 0, 0, top]  # at the edge through which it left
    assert top >= 3 * start[-1]
    assert [text.get_text() for text in beside[0, 0].texts] == ["50", "75"]


def test_a_strip_thins_many_runs_evenly_by_size(results, tmp_path) -> None:
    run = run_of(results)
    several = [run.frame.assign(replicate=run.frame["replicate"] + 6 * i) for i in range(40)]
    many = Run(run.path, pd.concat(several), run.setting)
    values = np.random.default_rng(0).permutation(np.arange(160.0))
    _, beside = strips.panels(Figure(), 1, 1, 1)
    strips.draw_strips(beside[0, 0], many, "value_distance", {"sgd": values})
    shown = beside[0, 0].lines[0].get_ydata()
    assert len(shown) <= strips.POINTS
    assert np.unique(np.diff(shown)).tolist() == [3]


def test_ratios_are_within_a_run(results) -> None:
    run = run_of(results)
    _, axes = style.panels(1, 1, height=2)
    ratios.draw_ratios(axes[0, 0], run, "attention_distance", list(OPTIMIZERS), "A")
    over, under = (run.ends(name, "attention_distance") for name in ("proximal", "sgd"))
    (law,) = lines_of(axes[0, 0], "proximal")
    colour = style.LOOKS["proximal"].colour
    (curve,) = [
        line
        for line in axes[0, 0].lines
        if line.get_color() == colour and line.get_drawstyle() == "steps-post"
    ]
    np.testing.assert_allclose(curve.get_ydata(), [0.25, 0.5, 0.75, 1])
    # Replicate 2 diverged under SGD: whatever proximal did there, it is better.
    finite = np.sort((over / under)[np.isfinite(under)])
    np.testing.assert_allclose(curve.get_xdata(), [1 / ratios.FAR, *finite])
    assert law is not None
    assert not [line for line in axes[0, 0].lines if line.get_color() == style.LOOKS["sgd"].colour]
    texts = [text.get_text() for text in axes[0, 0].texts]
    assert len(texts) == 3
    assert texts[0].endswith(r"[0.00, $\infty$]")  # four runs bound nothing


def test_the_single_run_ends_at_the_median(results, tmp_path) -> None:
    run = run_of(results)
    (replicate,) = fig1_convergence.typical(run, "proximal")
    ends = run.ends("proximal", "attention_distance")
    assert replicate == run.positive_after_boost[int(np.argsort(ends)[1])]  # of four
    none = altered(results, tmp_path, lambda frame: frame.assign(value_signal=-1.0))
    assert fig1_convergence.typical(none, "proximal") == []


@pytest.mark.parametrize("scaled", [True, False])
def test_the_population_path_is_that_of_the_theory(results, scaled: bool) -> None:
    run, path = run_of(results), results / "convergence/tasks.parquet"
    task = Task.load(path)
    setting = run.setting | {"boost_scaled": scaled}
    setting["optimizers"] = {"proximal": {"rate": 0.005, "scaled": scaled}}
    found = fig3_signals.population_path(Run(run.path, run.frame, setting), path, "proximal")
    stages = [0.01] * SWITCH + [0.005] * (LAST - SWITCH)
    if scaled:
        expected = trajectory(task, stages).numpy()  # (S, 2, R)
    else:  # the recursion as the paper has it, for each task
        kp, kq = task.transition_energy.numpy(), task.attention_energy.numpy()
        value = attention = np.zeros(REPLICATES)
        steps = [(value, attention)]
        for eta in stages:
            rest = 1 - value * attention
            value, attention = (
                value + eta * kq * rest * attention + eta * (1 - value) / task.length,
                attention + eta * kp * rest * value,
            )
            steps.append((value, attention))
        expected = np.array(steps)
    expected = np.median(expected[..., run.positive_after_boost], axis=2).T
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_no_panel_of_figure_4_is_constant(results, figures) -> None:
    *curves, share = figures["fig4_similarity"].axes
    for ax in curves:
        (median,) = lines_of(ax, "proximal")
        assert np.ptp(median) > 0.01
    # Of the normalised A, the runs whose similarity is high.
    found = run_of(results).values(
        "proximal", "normalised_attention_centred_similarity", run_of(results).positive_after_boost
    )[1]
    (drawn,) = lines_of(share, "proximal")
    np.testing.assert_allclose(drawn, (found >= fig4_similarity.ALIKE).mean(0))
    assert 0 < drawn.mean() < 1


def test_each_run_is_stopped_at_its_own_least_loss(results, tmp_path) -> None:
    least = {0: 200, 2: 300, 3: 240, 5: 280}

    def dip(frame: pd.DataFrame) -> pd.DataFrame:
        here = frame["step"] == frame["replicate"].map(least)
        frame = frame.assign(test_loss=frame["test_loss"].mask(here, 0.1))
        found = frame["replicate"] / 100
        return frame.assign(
            normalised_value_distance=frame["normalised_value_distance"].mask(here, found)
        )

    run = altered(results, tmp_path, dip)
    for optimizer in ("proximal", "sgd"):
        found = fig5_vocabulary.stopped_early(run, optimizer, "value_distance")
        wanted = [0, 0.02, 0.03, 0.05]
        if optimizer == "sgd":  # replicate 2 diverged before its least loss
            assert np.isfinite(found).all()
            found, wanted = np.delete(found, 1), np.delete(wanted, 1)
        np.testing.assert_allclose(found, wanted)


# --- Figures --------------------------------------------------------------------------


def caption_of(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def colours_of(name: str) -> list[str]:
    """Colours of the curves that a figure has."""
    names = ["boost", *OPTIMIZERS] if name in FROM_OPTIMIZERS and FIGURES[name].settings else []
    names += {
        "fig2_softmax_vs_linear": ["linear", "softmax"],
        "fig6_simulation": ["boost", "proximal", "sgd", "population"],
        "overview": ["boost", *OPTIMIZERS],
    }.get(name, [])
    return [style.LOOKS[name].colour for name in names]


@pytest.mark.parametrize("name", NAMES)
def test_both_files_show_every_curve(drawn: Path, name: str) -> None:
    assert (drawn / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    image = matplotlib.image.imread(drawn / f"{name}.png")[..., :3]
    assert image.shape[1] == style.WIDTH * 200
    pixels = (image * 255).round().astype(int).reshape(-1, 3)
    for colour in colours_of(name):
        wanted = (np.array(to_rgb(colour)) * 255).round().astype(int)
        assert (np.abs(pixels - wanted).max(1) <= 1).sum() > 100, colour
    assert not list(drawn.glob(".*"))


@pytest.mark.parametrize("name", OWN)
def test_bytes_depend_on_neither_the_run_nor_last_bits_of_the_layout(
    results, drawn, tmp_path, monkeypatch, name
) -> None:
    lay_out = Figure.draw_without_rendering

    def nudge(figure: Figure) -> None:
        lay_out(figure)
        figure.set_layout_engine("none")
        for part in figure.subfigs:
            part.bbox_relative.set(part.bbox_relative.translated(0, 1e-11))
        for ax in figure.axes:
            ax.set_position(ax.get_position(original=True).translated(1e-11, 0))

    monkeypatch.setattr(Figure, "draw_without_rendering", nudge)
    again = tmp_path / f"{name}.pdf"
    FIGURES[name].main([*options(name, results), "--output", str(again)])
    for kind in (".pdf", ".png"):
        first = (drawn / again.name).with_suffix(kind).read_bytes()
        assert again.with_suffix(kind).read_bytes() == first


def hostile_style() -> str:
    """A matplotlibrc with another value for all that is true, false or a number, and fonts."""
    lines = ["font.sans-serif: DejaVu Serif", "mathtext.fontset: cm", "savefig.bbox: tight"]
    for key, value in matplotlib.rcParamsDefault.items():
        if isinstance(value, bool) and key != "text.usetex":
            lines.append(f"{key}: {not value}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            lines.append(f"{key}: {2 * value + 1}")
    return "\n".join(lines)


@pytest.mark.parametrize("variables", [(), ("MATPLOTLIBRC", "MPLCONFIGDIR")])
def test_bytes_do_not_depend_on_a_matplotlibrc(results, drawn, tmp_path, variables) -> None:
    # In the folder, or named; as a folder of matplotlib's own it is one that cannot be used.
    # A new process: no shared caches, another hash seed.
    (file := tmp_path / "matplotlibrc").write_text(hostile_style())
    name, output = "fig1_convergence", tmp_path / "drawn/fig1_convergence.pdf"
    output.parent.mkdir()
    command = [sys.executable, "-m", f"scb.figures.{name}", *options(name, results)]
    subprocess.run(
        [*command, "--output", str(output)],
        check=True,
        cwd=output.parent if variables else tmp_path,
        env=os.environ | dict.fromkeys(variables, str(file)),
    )
    for kind in (".pdf", ".png"):
        first = (drawn / output.name).with_suffix(kind).read_bytes()
        assert output.with_suffix(kind).read_bytes() == first


def test_captions_count_replicates(figures: dict[str, Figure]) -> None:
    positive = r"ended Stage 1 with $\alpha_V,\alpha_A>0$: 4 of 6"
    for name in ("fig1_convergence", "fig3_signals", "fig4_similarity"):
        caption = caption_of(figures[name])
        assert positive + "." in caption
        assert r"Diverged: 1 of 6 with SGD, $\eta=0.005$." in caption
    assert positive + " at $N=3$, 4 of 6 at $N=10$." in caption_of(figures["fig5_vocabulary"])
    simulated = caption_of(figures["fig6_simulation"])
    assert positive + " at $N=100$, 4 of 6 at $N=500$." in simulated
    assert r"$\eta=0.005$ at $N=100$; 1 of 6 with SGD" in simulated
    compared = caption_of(figures["fig2_softmax_vs_linear"])
    assert "all 6 replicates" in compared
    assert "Diverged: none." in compared
    assert "4 of linear and 4 of softmax" in compared


@pytest.fixture(scope="module", params=[0.6, 1.0])
def lost(request, tmp_path_factory, diverge) -> Path:
    """Tables of this share of diverged runs."""
    root = tmp_path_factory.mktemp("lost")
    write_results(root, OPTIMIZERS, ["proximal", "sgd"])
    for path in root.rglob("*.parquet"):
        setting = tables.setting(path)
        if path.stem == "states":
            frame = tables.read(path, STATES)
            for name in ("value", "attention"):
                filling = zip(frame[name], itertools.cycle([np.nan, np.inf, -np.inf, 3e38]))
                frame[name] = [np.full_like(column, left) for column, left in filling]
            tables.write(frame, path, STATES, setting)
        elif path.stem != "tasks":
            frame = tables.read(path, CURVES)
            frame = diverge(frame, CURVES, ["optimizer", "replicate"], "step", request.param)
            tables.write(frame, path, CURVES, setting)
    return root


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_diverged_runs_says_so(lost, name) -> None:
    figure = draw(name, lost)
    figure.draw_without_rendering()
    caption = caption_of(figure)
    assert "Diverged: " in caption
    assert "Diverged: none" not in caption
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert not [text for text in texts if re.search(r"\bnan\b", text)]


def test_trained_runs_are_dots_beside_the_simulated_curves(figures):
    axes = np.array(figures["fig6_simulation"].axes).reshape(4, 3)
    for ax in axes[:, 2]:
        dots = [line for line in ax.lines if line.get_linestyle() == "None"]
        colours = [line.get_color() for line in dots if line.get_marker() in "o^"]
        names = ("proximal", "sgd")  # a line for each of 2 runs
        assert colours == [style.LOOKS[name].colour for name in names for _ in range(2)]
    for ax in axes[:, :2].flat:
        assert not any(line.get_marker() == "^" for line in ax.lines)
    # The trained runs of these tables are the simulated ones.
    assert caption_of(figures["fig6_simulation"]).count("1.000 to 1.000") == 4


def test_titles_list_rates_and_penalties(figures: dict[str, Figure]) -> None:
    first = figures["fig5_vocabulary"].axes[0].texts[0].get_text()
    assert first.startswith("$N=3$, $T=5000$, $B=64$, ")
    assert first.endswith(r"$\eta=0.005$, $0.001$, $\lambda=10^{-5}$, $10^{-4}$")


@pytest.mark.parametrize("name", NAMES)
def test_legend_and_caption_lie_outside_the_panels(figures: dict[str, Figure], name: str) -> None:
    figure = figures[name]
    (legend,), (caption,) = figure.legends, figure.texts
    lowest = min(ax.get_tightbbox().ymin for ax in figure.axes)
    box, text = legend.get_window_extent(), caption.get_window_extent()
    assert lowest > box.ymax
    assert box.ymin > text.ymax
    assert text.ymin > 0
    for part in (box, text):
        assert part.xmin > 0
        assert part.xmax < figure.bbox.xmax


@pytest.mark.parametrize("name", NAMES)
def test_axes_are_labelled(figures: dict[str, Figure], name: str) -> None:
    axes = figures[name].axes
    below, left = ([getattr(ax.get_window_extent(), side) for ax in axes] for side in ("y0", "x0"))
    assert all(ax.get_xlabel() for ax, at in zip(axes, below, strict=True) if at < min(below) + 1)
    assert all(ax.get_ylabel() for ax, at in zip(axes, left, strict=True) if at < min(left) + 1)


@pytest.mark.parametrize(
    ("name", "wanted"), [("fig2_softmax_vs_linear", [0.325, 0]), ("fig5_vocabulary", [0, 0])]
)
def test_the_bayes_loss_is_drawn(figures: dict[str, Figure], name: str, wanted: list) -> None:
    heights = [
        line.get_ydata()[0]
        for ax in figures[name].axes
        for line in ax.lines
        if line.get_color() == style.BAYES["color"]
    ]
    assert heights == pytest.approx(wanted)


def test_heat_maps_show_the_first_replicate_on_one_scale(results, figures) -> None:
    images = [ax.images[0] for ax in figures["fig2_softmax_vs_linear"].axes if len(ax.images) == 1]
    attention, value = images[0::2], images[1::2]
    truth, transition = fig2_softmax_vs_linear.ground_truth(
        results / "attention" / "tasks.parquet", replicate=0
    )
    assert truth.shape == (50, 10)
    np.testing.assert_allclose(truth.sum(0), 1)
    assert ((truth > 0).sum(0) == 2).all()
    np.testing.assert_allclose(transition.sum(0), 1)  # columns are distributions
    np.testing.assert_array_equal(attention[0].get_array(), truth.T)
    np.testing.assert_allclose(attention[2].get_array(), truth.T, atol=1e-6)  # softmax: as made
    np.testing.assert_array_equal(value[0].get_array(), transition)
    assert len({image.get_clim() for image in attention}) == 1
    assert len({image.get_clim() for image in value}) == 1


# --- What no figure knows -------------------------------------------------------------


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables with an optimizer that no figure knows."""
    optimizers = {"proximal": OPTIMIZERS["proximal"]} | STRANGER
    return write_results(tmp_path_factory.mktemp("strange"), optimizers, list(optimizers))


@pytest.mark.parametrize(
    ("name", "optimizers"),
    [
        (name, optimizers)
        for name in (*FROM_OPTIMIZERS, "fig6_simulation", "overview")
        for optimizers in (["proximal", *STRANGER], [*STRANGER, "proximal"])
        # Without settings the tables alone say which and in what order.
        if FIGURES[name].settings or optimizers[0] == "proximal"
    ],
)
def test_an_unknown_optimizer_has_a_look_of_its_own(strange, name, optimizers) -> None:
    figure = draw(name, strange, optimizers)
    figure.draw_without_rendering()
    if name in FROM_OPTIMIZERS and FIGURES[name].settings is None:
        return  # a figure that names its optimizers itself
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert any(text.startswith("momentum sgd") for text in texts)
    assert style.SPARE[0] in {line.get_color() for ax in figure.axes for line in ax.lines}


def test_spare_looks_differ_from_each_other_and_from_all_others() -> None:
    names = [f"stranger_{place}" for place in range(20)]
    looks = style.looks_of(["sgd", *names, "boost"])
    assert list(looks) == ["sgd", *names, "boost"]
    assert looks["sgd"] == style.LOOKS["sgd"]
    assert len({(look.colour, look.dashes) for look in looks.values()}) == len(looks)
    assert not {look.colour for look in style.LOOKS.values()} & set(style.SPARE)


def test_an_unknown_metric_is_drawn_and_labelled(results) -> None:
    run = run_of(results)
    _, axes = style.panels(1, 1, height=2)
    ax = axes[0, 0]
    style.draw_curves(ax, run, "edge_sharpness", ["proximal"])
    (median,) = lines_of(ax, "proximal")
    values = run.values("proximal", "edge_sharpness", run.positive_after_boost)[1]
    np.testing.assert_array_equal(median, np.median(values, axis=0))
    assert ax.get_ylabel() == "edge sharpness"


def test_runs_are_known_by_what_differs(results) -> None:
    run = run_of(results)
    longer = Run(run.path, run.frame, run.setting | {"length": 9000})
    assert "4 of 6 at $T=5000$, 4 of 6 at $T=9000$." in style.counts([run, longer], [])
    assert "4 of 6 at $N=3$, $T=5000$, $B=64$, 4" in style.counts([run, longer, longer], [])


# --- Files and faults -----------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", ["truncated", "missing", "foreign"])
def test_a_faulty_table_is_named_in_one_line(results, tmp_path, name: str, fault: str) -> None:
    *arguments, last = options(name, results)
    broken = tmp_path / "broken.parquet"
    if fault == "truncated":
        broken.write_bytes(Path(last).read_bytes()[:5000])
    elif fault == "foreign":
        broken.write_bytes((results / "attention" / "tasks.parquet").read_bytes())
    output = tmp_path / "out" / "figure.pdf"
    (line,) = fault_of(name, [*arguments, str(broken), "--output", str(output)]).splitlines()
    assert str(broken) in line
    assert not output.parent.exists()


def test_the_process_fails_with_the_fault(tmp_path, monkeypatch) -> None:
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 torn")
    monkeypatch.setattr(sys, "argv", ["fig6", f"--curves={torn}", f"--output={tmp_path}/fig6.pdf"])
    monkeypatch.delitem(sys.modules, fig6_simulation.__name__)
    with pytest.raises(SystemExit, match=r"^fig6: .*torn\.parquet: not a complete Parquet file"):
        runpy.run_module(fig6_simulation.__name__, run_name="__main__")


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ('{"section": "convergence"}', "optimizers is missing"),
        ('{"section": "convergence", "optimizers": "sgd"}', "it must be a list, as [1, 2]"),
        ('{"section": 3, "optimizers": ["sgd"]}', "section is 3; it must be a string"),
        ("{", "no JSON"),
        (json.dumps({"x" * 1000: 1}), "xxx"),
    ],
)
def test_settings_at_fault_are_named_in_one_line(results, tmp_path, settings, fault) -> None:
    _, _, *files = options("fig3_signals", results)
    arguments = ["--settings", settings, *files, f"--output={tmp_path}/fig3.pdf"]
    (line,) = fault_of("fig3_signals", arguments).splitlines()
    assert "argument --settings: " in line
    assert len(line) < 300
    assert fault in line


def test_an_optimizer_that_was_not_trained_is_named(results, tmp_path) -> None:
    _, _, *files = options("fig3_signals", results)
    settings = json.dumps(settings_of("fig3_signals", ["sgd", *STRANGER]))
    arguments = ["--settings", settings, *files, f"--output={tmp_path}/fig3.pdf"]
    assert fault_of("fig3_signals", arguments).endswith(": no rows of optimizer 'momentum_sgd'")


def test_a_setting_without_a_number_that_is_drawn_is_named(results, tmp_path) -> None:
    source = results / "convergence"
    frame = tables.read(source / "boost.parquet", CURVES)
    tables.write(frame, tmp_path / "boost.parquet", CURVES, {"boost_rate": 0.01})
    frame = tables.read(source / "optimizers.parquet", CURVES)
    tables.write(frame, tmp_path / "curves.parquet", CURVES, {"optimizers": OPTIMIZERS})
    arguments = [f"--{name}={tmp_path}/{name}.parquet" for name in ("boost", "curves")]
    arguments += [*options("fig1_convergence", results)[:2], f"--output={tmp_path}/fig1.pdf"]
    fault = fault_of("fig1_convergence", arguments)
    assert "curves.parquet: the setting stored with it lacks 'states'" in fault


def test_output_must_be_a_pdf_in_a_folder_that_can_be_written(results, tmp_path, capsys) -> None:
    arguments = options("fig3_signals", results)
    with pytest.raises(SystemExit) as end:
        FIGURES["fig3_signals"].main([*arguments, "--output", str(tmp_path / "fig3.png")])
    assert end.value.code == 2
    assert ".pdf" in capsys.readouterr().err
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "fig3.pdf"
    assert str(tmp_path / "file") in fault_of("fig3_signals", [*arguments, f"--output={output}"])


def test_ctrl_c_ends_in_one_line(results, tmp_path, monkeypatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt  # not the signal: what runs in the background ignores that

    monkeypatch.setattr(Figure, "savefig", interrupted)
    arguments = [*options("fig3_signals", results), "--output", str(tmp_path / "fig3.pdf")]
    (line,) = fault_of("fig3_signals", arguments).splitlines()
    assert line.endswith(": interrupted")
    assert list(tmp_path.iterdir()) == []


def test_figure_5_takes_a_table_of_stage_1_for_each_of_curves(results, capsys) -> None:
    arguments = options("fig5_vocabulary", results)
    del arguments[arguments.index("--boost") + 1]
    with pytest.raises(SystemExit) as end:
        FIGURES["fig5_vocabulary"].main([*arguments, "--output", "fig5.pdf"])
    assert end.value.code == 2
    assert "--boost and --curves" in capsys.readouterr().err


def test_nothing_is_left_of_a_figure_that_could_not_be_written(tmp_path, monkeypatch) -> None:
    figure = Figure()
    saved = Figure.savefig

    def fail_at_png(self, path, *, format, **rest) -> None:
        if format == "png":
            raise OSError("no space left")
        saved(self, path, format=format, **rest)

    monkeypatch.setattr(Figure, "savefig", fail_at_png)
    with pytest.raises(OSError, match="no space"):
        style.save(figure, tmp_path / "figure.pdf")
    assert list(tmp_path.iterdir()) == []


# --- Words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.005, "0.005"),
        (1e-5, "10^{-5}"),
        (3e-5, r"3\times10^{-5}"),
        (5000, "5000"),
        (65536, "65536"),
        (100_000, "10^{5}"),
    ],
)
def test_numbers_in_mathtext(value: float, text: str) -> None:
    assert style.number(value) == text


def test_captions_break_between_words_and_never_within_a_formula() -> None:
    caption = r"one two $\alpha_V,\alpha_A>0$ three $N=3$ four"
    wrapped = style.wrap(caption, 14)
    assert wrapped.replace("\n", " ") == caption
    assert wrapped.split("\n") == ["one two", r"$\alpha_V,\alpha_A>0$ three", "$N=3$ four"]
    assert style.wrap(r"$\|A\|_\mu$ is", 8) == r"$\|A\|_\mu$ is"  # seen of it: four, then blank
