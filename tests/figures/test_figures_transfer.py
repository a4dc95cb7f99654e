"""The figure of transfer, from synthetic tables with every case a run can end in."""

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from scb.analysis.scaling import FOUND
from scb.figures import transfer
from scb.figures.transfer import Transfer, draw, looks_of, two_digits
from scb.learning.tables import TRANSFER
from scb.store import tables

CORRELATIONS = (0.8, 0.3, 0.0, -0.3)
LENGTHS = {100: 5, 400: 5, 1600: 3}
CURVE = 400


def rows(start, correlation, length, replicate):
    """Support that grows with samples; from scratch it needs a multiple of sqrt(T) of them."""
    samples = np.array([64, 128, 256, 512, 1024, 2048])
    scale = 12 * np.sqrt(length) if start == "scratch" else 100
    if start != "scratch":
        scale = scale / abs(correlation) if correlation else np.inf
    support = 1 / (1 + (scale / samples * (1 + 0.1 * replicate)) ** 3)
    sign = -1 if correlation == -0.3 or (start == "scratch" and replicate == 1) else 1
    gone = (samples > 1000) & (start == "scratch") & (replicate == 2)
    frame = {"support": support, "attention_signal": sign * (0.01 + support)}
    frame |= {"value_signal": sign * support, "attention_distance": 1 - support}
    frame |= {"value_distance": 0.6 - 0.3 * sign * support, "test_loss": 0.4}
    frame["normalised_attention_distance"] = 0.7 * (1 - support * (sign > 0))
    frame = {name: np.where(gone, np.nan, column) for name, column in frame.items()}
    frame |= {"start": start, "correlation": correlation, "replicate": replicate}
    frame |= {"length": length, "samples": samples, "diverged": gone}
    return pd.DataFrame(frame | {"pattern_norm": 0.7, "bayes_loss": 0.3})


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    paths = []
    setting = {"states": 10, "batch": 64, "mixing": 0.2, "start_samples": 256}
    for start, lengths in (("one_step", LENGTHS), ("scratch", LENGTHS), ("transfer", [CURVE])):
        correlations = [np.nan] if start == "scratch" else CORRELATIONS
        for length in lengths:
            frame = pd.concat(
                rows(start, rho, length, replicate)
                for rho in correlations
                for replicate in range(LENGTHS[length])
            )
            paths.append(folder / f"{start}_{length}.parquet")
            tables.write(frame, paths[-1], TRANSFER, setting)
    return paths


def test_every_run_is_drawn(paths):
    figure = draw(paths)
    support, normalised, value, needed = figure.axes
    colours = {look.colour for look in looks_of(CORRELATIONS).values()} | {"#000000"}
    for ax in (support, normalised, value):
        assert colours <= {line.get_color() for line in ax.lines}
    assert needed.get_xscale() == needed.get_yscale() == "log"
    # A mark for each T and each start, open where the median did not find the support.
    marks = [line for line in needed.lines if line.get_marker() in ("o", "^")]
    assert len(marks) == len(LENGTHS) * (1 + len(CORRELATIONS))
    open_ = [line for line in marks if line.get_marker() == "^"]
    assert {line.get_color() for line in open_} == {transfer.ZERO.colour}


def test_legend_has_the_exponents_and_their_intervals(paths):
    (legend,) = draw(paths).legends
    texts = [text.get_text() for text in legend.get_texts()]
    tables_ = Transfer.read(paths)
    (scratch,) = tables_.runs("scratch")
    assert texts[0] == (
        rf"from scratch: $T^{{{scratch.law.exponent:.2f}}}$, "
        rf"95% [${two_digits(scratch.law.low)}$, ${two_digits(scratch.law.high)}$]"
    )
    assert "correlation 0: not found" in texts
    assert any("\N{MINUS SIGN}0.3" in text for text in texts)


def test_needed_samples_are_those_of_the_table(paths):
    (scratch,) = Transfer.read(paths).runs("scratch")
    frame = scratch.frame
    one = frame[(frame["replicate"] == 0) & (frame["length"] == 100)]
    expected = one[one["support"] >= FOUND]["samples"].min()
    assert scratch.needed.loc[0, 100] == expected
    assert scratch.law.replicates == tuple(LENGTHS.values())


def test_caption_counts_signs_and_what_was_not_found(paths):
    caption = " ".join(draw(paths).texts[0].get_text().split())
    # Replicate 1 is mirrored and replicate 2 diverged.
    assert "3 of 5 from scratch" in caption
    assert "0 of 5 correlation \N{MINUS SIGN}0.3" in caption
    assert "correlation 0 5, 5, 3" in caption
    assert "5 at 100, 5 at 400, 3 at 1600" in caption


def test_a_run_that_diverged_counts_as_the_worst(paths):
    (scratch,) = Transfer.read(paths).runs("scratch")
    assert scratch.curve("support", CURVE)[1][2, -1] == 0
    assert scratch.curve("normalised", CURVE)[1][2, -1] == np.inf


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("share", [0.6, 1.0])
def test_a_figure_of_diverged_runs_says_so(paths, tmp_path, diverge, share):
    lost = []
    for path in paths:
        frame = tables.read(path, TRANSFER)
        frame = diverge(frame, TRANSFER, ["correlation", "replicate"], "samples", share)
        lost.append(tmp_path / path.name)
        tables.write(frame, lost[-1], TRANSFER, tables.setting(path))
    figure = draw(lost)
    figure.draw_without_rendering()
    assert "Diverged: " in figure.texts[0].get_text()
    assert not [text for text in figure.findobj(Text) if re.search(r"\bnan\b", text.get_text())]


def test_colours_are_not_those_of_the_optimizers():
    from scb.figures.style import LOOKS

    looks = looks_of(CORRELATIONS)
    colours = [look.colour for look in looks.values()]
    assert len(set(colours)) == len(colours)
    assert not set(colours) & {look.colour for look in LOOKS.values()}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.12"), (-0.001, "0.00"), (np.inf, r"\infty"), (-np.inf, r"-\infty")],
)
def test_two_digits(value, text):
    assert two_digits(value) == text


def test_command_writes_both_formats(paths, tmp_path):
    output = tmp_path / "transfer.pdf"
    transfer.draw.main(["--curves", *map(str, paths), "--output", str(output)])
    assert output.read_bytes().startswith(b"%PDF-")
    assert output.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_missing_runs_are_named(paths, tmp_path):
    output = tmp_path / "transfer.pdf"
    some = [str(path) for path in paths if "scratch" not in path.name]
    with pytest.raises(SystemExit, match="runs of scratch"):
        transfer.draw.main(["--curves", *some, "--output", str(output)])
    assert not output.exists()
