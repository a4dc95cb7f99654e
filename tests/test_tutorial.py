"""The tutorial runs as a notebook, and what it prints is so."""

import os
import re

import jupytext
import numpy as np
import pytest
from nbclient import NotebookClient
from test_house import ROOT

from scb.claims.samples import Share

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Its cells after it was executed, in a folder of its own, on this code."""
    notebook = jupytext.read(ROOT / "docs/tutorial.py")
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        where = {"metadata": {"path": str(folder)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    return notebook.cells


def printed(cells):
    texts = [
        output["text"]
        for cell in cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    ]
    return "".join(texts)


def test_it_shows_a_figure_and_a_table(cells):
    shown = [
        set(output.data)
        for cell in cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]
    assert any("image/png" in kinds for kinds in shown)
    assert any("text/html" in kinds for kinds in shown)


def test_a_transposed_matrix_is_named(cells):
    assert "transition is row-stochastic" in printed(cells)


def test_the_claim_by_hand_is_judged_as_the_claims_are(cells):
    (found,) = re.findall(
        r"(\d+) of (\d+) pairs, interval \[(.*), (.*)\]: (shown|refuted|undecided)", printed(cells)
    )
    better, pairs, low, high = int(found[0]), int(found[1]), float(found[2]), float(found[3])
    assert 8 <= pairs <= 32
    _, least, most, *_ = Share(np.arange(pairs) < better).estimate(0.95)
    assert (low, high) == (pytest.approx(least, abs=0.006), pytest.approx(most, abs=0.006))
    outcome = "shown" if least > 0.9 else "refuted" if most < 0.9 else "undecided"
    assert found[4] == outcome
