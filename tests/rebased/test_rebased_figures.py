"""Figures of the second paper, drawn from synthetic tables."""

import itertools
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text

from scb.data.tables import TASKS
from scb.figures import rebased, rebased_patterns, style
from scb.figures.replicates import Run
from scb.figures.similarities import MARKS, SIMILARITIES
from scb.learning.tables import CURVES, STATES
from scb.rebased.results import Recalled
from scb.rebased.similarity import SIMILARITIES as KERNELS
from scb.rebased.tables import RECALL
from scb.store import tables

RUNS, STEPS = 6, 200
RUN = ["optimizer", "replicate"]


def write_recall(root: Path) -> list[Path]:
    """Kernels that get better down the list, and all with f."""
    paths = []
    for name, features in (("separating", 8), ("stress", 4)):
        for place, (kernel, similarity) in enumerate(KERNELS.items()):
            accuracies = [place / 20 + features / 20 + 0.01 * run for run in range(RUNS)]
            rows = [
                (kernel, 0.01, run, STEPS, True, 1.0, accuracy, accuracy)
                for run, accuracy in enumerate(accuracies)
            ]
            frame = pd.DataFrame(rows, columns=RECALL.names)
            width = features * (features + 1) // 2 if similarity.linear else features
            setting = {"kernel": kernel, "features": width, "runs": RUNS, "steps": STEPS}
            setting |= {"vocabulary": 256, "length": 64, "pairs": 16, "width": 32, "solved": 0.99}
            setting["state_size"] = similarity.state_size(width, 32, 64)
            paths.append(root / name / f"{kernel}.parquet")
            frame = frame.astype({"run": "int32", "step": "int32"})
            tables.write(frame, paths[-1], RECALL, setting)
    return paths


def write_patterns(root: Path) -> dict[str, Path]:
    """Attention that is the truth; losses that reach Bayes at a step of their own, or never."""
    states, length, replicates = 4, 12, 3
    index = [(r, k) for r in range(replicates) for k in range(states)]
    frame = pd.DataFrame(index, columns=["replicate", "state"])
    sizes = {"states": states, "length": length, "sparsity": 1}
    truth = frame.assign(
        seed=0, **sizes, stationary=0.25, transition=[np.full(4, 0.25)] * len(frame),
        positions=[np.array([k]) for _, k in index], weights=[np.ones(1)] * len(frame),
    )  # fmt: skip
    paths = {name: root / f"{name}.parquet" for name in ("tasks", "curves", "states")}
    tables.write(truth, paths["tasks"], TASKS, sizes)
    setting = sizes | {"batch": 64, "features": 4, "logit_rate": 0.01}
    learned = [
        frame.assign(
            optimizer=kernel, step=100, value=[np.full(4, 0.25)] * len(frame),
            attention=[np.eye(12)[k] for _, k in index],
        )
        for kernel in KERNELS
    ]  # fmt: skip
    tables.write(pd.concat(learned), paths["states"], STATES, setting)
    rows = [
        {
            "optimizer": kernel, "replicate": r, "step": step, "stage": "train", "diverged": False,
            "bayes_loss": 0.4,
            "test_loss": 0.4 + (0.003 if step >= 10 * place + 10 * r and place < 9 else 0.02),
        }
        for place, kernel in enumerate(KERNELS)
        for r in range(replicates)
        for step in range(0, 101, 10)
    ]  # fmt: skip
    curves = pd.DataFrame(rows).assign(value_signal=0.5, attention_signal=0.5)
    tables.write(curves, paths["curves"], CURVES, setting)
    return paths


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("rebased")


@pytest.fixture(scope="module")
def recall(root):
    return write_recall(root)


@pytest.fixture(scope="module")
def patterns(root):
    return write_patterns(root)


@pytest.fixture(scope="module")
def figures(recall, patterns):
    return {"rebased": rebased.draw(recall), "rebased_patterns": rebased_patterns.draw(**patterns)}


def test_every_kernel_has_a_look_of_its_own():
    assert list(SIMILARITIES) == list(KERNELS)
    assert len({look.colour for look in SIMILARITIES.values()}) == len(KERNELS)
    assert len({look.name for look in SIMILARITIES.values()}) == len(KERNELS)
    assert len(set(MARKS.values())) == len(MARKS) == len(KERNELS)


@pytest.mark.parametrize("name", ["rebased", "rebased_patterns"])
def test_both_files_show_every_kernel(figures, root, name):
    style.save(figures[name], root / f"{name}.pdf")
    assert (root / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    pixels = matplotlib.image.imread(root / f"{name}.png")[..., :3].reshape(-1, 3)
    for look in SIMILARITIES.values():
        assert (np.abs(pixels - to_rgb(look.colour)).max(axis=1) < 0.02).any(), look.name


@pytest.mark.parametrize("name", ["rebased", "rebased_patterns"])
def test_legend_and_caption_lie_outside_the_panels(figures, name):
    figure = figures[name]
    figure.draw_without_rendering()
    (legend,) = figure.legends
    (text,) = (text for text in figure.texts if text.get_text().count("\n"))
    axes = [ax.get_tightbbox() for ax in figure.axes]
    for artist in (legend, text):
        box = artist.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert all(box.y1 <= ax.y0 for ax in axes if ax is not None)
    assert text.get_window_extent().y1 <= legend.get_window_extent().y0


def test_points_and_medians_are_those_of_the_tables(figures, recall):
    found = sorted(Recalled.read(recall).values(), key=lambda one: one.features)
    assert [one.features for one in found] == [4, 8]
    states, *panels = figures["rebased"].axes
    for kernel in KERNELS:
        mine = [line for line in states.lines if line.get_color() == SIMILARITIES[kernel].colour]
        *points, medians = mine
        for line, one in zip(points, found, strict=True):
            assert line.get_ydata() == pytest.approx(one.accuracies(kernel))
            size = one.settings[kernel]["state_size"]
            assert line.get_xdata() == pytest.approx([size] * RUNS, rel=0.1)
        expected = [np.median(one.accuracies(kernel)) for one in found]
        assert medians.get_ydata() == pytest.approx(expected)
    # Places 9 and 3, 9 and 8, 5 and 2, 9 and 2 of the list: elu is the better linear one.
    for ax, places in zip(panels, (6, 1, 3, 7), strict=True):
        middles = [line.get_ydata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
        assert middles == pytest.approx([places / 20] * 2)
    bars = [ax.lines[1].get_ydata()[0] for ax in panels]
    assert bars == [-0.02, 0.02, 0.02, 0.02]
    caption = figures["rebased"].texts[-1].get_text().replace("\n", " ")
    assert "test accuracy of 6 runs" in caption


def test_a_pair_that_is_not_there_is_left_out(recall):
    some = [path for path in recall if path.stem != "square_norm" or path.parent.name == "stress"]
    panels = rebased.draw(some).axes[1:]
    counts = [sum(len(line.get_xdata()) == 1 for line in ax.lines) for ax in panels]
    assert counts == [2, 1, 2, 2]


def test_steps_to_the_bayes_loss(patterns):
    run = Run.read(patterns["curves"])
    assert rebased_patterns.steps_to_bayes(run, "softmax").tolist() == [0, 10, 20]
    assert rebased_patterns.steps_to_bayes(run, "based").tolist() == [30, 40, 50]
    assert np.isinf(rebased_patterns.steps_to_bayes(run, "rebased")).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_figure_of_diverged_runs_says_so(patterns, tmp_path, diverge, share):
    lost = {name: tmp_path / path.name for name, path in patterns.items()}
    lost["tasks"].write_bytes(patterns["tasks"].read_bytes())
    setting = tables.setting(patterns["curves"])
    curves = tables.read(patterns["curves"], CURVES)
    curves = diverge(curves, CURVES, RUN, "step", share)
    tables.write(curves, lost["curves"], CURVES, setting)
    gone = list(curves[curves["diverged"]].groupby(RUN).groups)
    states = tables.read(patterns["states"], STATES)
    left = itertools.cycle([np.nan, np.inf, -np.inf, 3e38])
    states["attention"] = [
        np.full_like(column, next(left)) if tuple(run) in gone else column
        for column, *run in zip(*(states[name] for name in ("attention", *RUN)), strict=True)
    ]
    tables.write(states, lost["states"], STATES, setting)
    figure = rebased_patterns.draw(**lost)
    figure.draw_without_rendering()
    caption = " ".join(figure.texts[-1].get_text().split())
    assert "Diverged: " in caption
    assert "Diverged: none" not in caption
    assert not [text for text in figure.findobj(Text) if re.search(r"\bnan\b", text.get_text())]


def test_a_faulty_table_is_named_in_one_line(tmp_path, recall):
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    tables_given = [str(path) for path in [*recall, tmp_path / "broken.parquet"]]
    with pytest.raises(SystemExit, match=r"broken\.parquet: not a complete Parquet file"):
        rebased.draw.main(["--tables", *tables_given, "--output", str(tmp_path / "k.pdf")])
    assert not (tmp_path / "k.pdf").exists()
