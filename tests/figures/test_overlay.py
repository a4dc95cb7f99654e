"""Curves of two folders on the same axes."""

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.overlay import DASHES, overlay, require_ours, save
from scb.figures.overview import METRICS
from scb.figures.replicates import Run

EVERY = [metric for row in METRICS for metric in row]


def run(tmp_path, scale=1.0, optimizers=("proximal", "sgd"), last=40, **setting):
    """Curves that end at ``scale``, Stage 1 to step 10 and the optimizers after it."""
    frames = []
    for name in ("boost", *optimizers):
        steps = np.arange(0, 11, 10) if name == "boost" else np.arange(10, last + 1, 10)
        rows = [(name, replicate, step) for replicate in range(3) for step in steps]
        frame = pd.DataFrame(rows, columns=["optimizer", "replicate", "step"])
        stage = "boost" if name == "boost" else "train"
        frame = frame.assign(stage=stage, diverged=False, bayes_loss=0.1, test_loss=0.2 * scale)
        values = scale * frame["step"] / last
        frames.append(
            frame.assign(**dict.fromkeys({*EVERY, "value_signal"} - {"excess_loss"}, values))
        )
    sizes = {"states": 3, "length": 40, "batch": 8} | setting
    return Run.of(pd.concat(frames, ignore_index=True), tmp_path / "x.parquet", sizes)


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "one", tmp_path / "other"


def test_every_panel_has_both_runs_in_the_optimizers_colours(tmp_path, folders):
    pair = run(tmp_path), run(tmp_path, 2.0)
    figure = overlay({"convergence": pair}, folders)
    panels = figure.axes
    assert len(panels) == len(EVERY)
    for ax, metric in zip(panels, EVERY, strict=True):
        assert ax.get_ylabel() == style.label_of(metric)
        for name in ("proximal", "sgd"):
            colour = style.LOOKS[name].colour
            ends = [
                line.get_ydata()[-1]
                for line in ax.lines
                if line.get_color() == colour and line.get_zorder() == 3
            ]
            wanted = [one.values(name, metric, one.replicates)[1][0, -1] for one in pair]
            np.testing.assert_allclose(ends, wanted)
            low, high = ax.get_ylim()
            assert all(low <= end <= high for end in ends)
        assert ax.get_xlim() == (0, 40)


def test_dashes_tell_folders_apart_and_colours_optimizers(tmp_path, folders):
    figure = overlay({"convergence": (run(tmp_path), run(tmp_path))}, folders)
    (legend,) = figure.legends
    entries = {
        text.get_text(): line
        for text, line in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    first, second = (entries[str(folder)] for folder in folders)
    assert first.get_linestyle() == "-"
    assert second.get_linestyle() == "--"
    for name in ("boost", "proximal", "sgd"):
        assert entries[style.name_of(name)].get_color() == style.LOOKS[name].colour
    drawn = {
        line.get_linestyle()
        for line in figure.axes[0].lines
        if line.get_color() == style.LOOKS["sgd"].colour and line.get_zorder() == 3
    }
    assert drawn == {"-", "--"}
    assert len(DASHES) == 2


def test_optimizers_of_one_name_are_told_apart(tmp_path, folders):
    pair = (run(tmp_path, optimizers=("sgd", "sgd_small")),) * 2
    (legend,) = overlay({"convergence": pair}, folders).legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert {"sgd", "sgd small"} <= {*texts}
    assert len({*texts}) == len(texts)


def test_a_shorter_run_and_other_optimizers_are_drawn_on_the_longer_axis(tmp_path, folders):
    pair = run(tmp_path, last=20), run(tmp_path, optimizers=("sgd", "mine"))
    figure = overlay({"convergence": pair}, folders)
    assert figure.axes[0].get_xlim() == (0, 40)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"proximal", "SGD", "mine"} <= {*texts}


def test_curves_of_some_replicates_alone_are_left_out(tmp_path, folders):
    one = run(tmp_path, optimizers=("sgd", "sgd_trained"))
    few = one.frame[(one.frame["optimizer"] != "sgd_trained") | (one.frame["replicate"] < 2)]
    some = Run.of(few, one.path, one.setting)
    (legend,) = overlay({"check": (some, some)}, folders).legends
    texts = {text.get_text() for text in legend.get_texts()}
    assert "SGD" in texts
    assert "sgd trained" not in texts


def test_an_optimizer_that_mostly_diverged_is_named_and_leaves_the_limits_to_others(
    tmp_path, folders
):
    first, second = (run(tmp_path, optimizers=("sgd", "raw")) for _ in range(2))
    frame = second.frame
    late = (frame["optimizer"] == "raw") & (frame["step"] > 20) & (frame["replicate"] < 2)
    frame.loc[frame["optimizer"] == "raw", EVERY[0]] *= 1e6
    frame.loc[late, "diverged"] = True
    figure = overlay({"convergence": (first, second)}, folders)
    assert figure.axes[0].get_ylim()[1] < 2
    assert "most runs diverged: raw (second folder)." in figure.texts[0].get_text().replace(
        "\n", " "
    )
    assert "raw" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_metric_that_one_table_lacks_has_an_empty_panel(tmp_path, folders):
    other = run(tmp_path)
    del other.frame["attention_distance"]
    figure = overlay({"convergence": (run(tmp_path), other)}, folders)
    empty = [not ax.axison for ax in figure.axes]
    assert empty == [metric == "attention_distance" for metric in EVERY]


def test_each_section_has_a_title_with_its_sizes_and_runs(tmp_path, folders):
    runs = {"a": (run(tmp_path), run(tmp_path)), "b": (run(tmp_path), run(tmp_path, batch=16))}
    titles = [part.get_suptitle() for part in overlay(runs, folders).subfigs]
    assert titles == [
        "a: $N=3$, $T=40$, $B=8$; 3 of 3 runs | 3 of 3 runs",
        "b: $N=3$, $T=40$, $B=8$, 3 of 3 runs | $N=3$, $T=40$, $B=16$, 3 of 3 runs",
    ]


def test_only_its_own_files_are_written_over(tmp_path, folders):
    figure = overlay({"convergence": (run(tmp_path), run(tmp_path))}, folders)
    path = tmp_path / "compare.pdf"
    save(figure, path)
    image = (matplotlib.image.imread(path.with_suffix(".png"))[..., :3] * 255).round()
    for name in ("boost", "proximal", "sgd"):
        colour = np.array(to_rgb(style.LOOKS[name].colour)) * 255
        assert (np.abs(image - colour).max(-1) <= 1).sum() > 100
    save(Figure(), path)

    style.save(Figure(), tmp_path / "fig1.pdf")
    (tmp_path / "half.png").write_bytes(b"mine")
    (tmp_path / "folder.pdf").mkdir()
    for name in ("fig1.pdf", "half.pdf", "folder.pdf"):
        with pytest.raises(ValueError, match="is there, and not of this command"):
            require_ours(tmp_path / name)
    with pytest.raises(ValueError, match=r"--output must end in \.pdf, not .*claims\.parquet"):
        require_ours(tmp_path / "claims.parquet")
