"""Progress in a log: every step comes through, and lines say where the work stands."""

from scb.store import progress as module
from scb.store.progress import progress


def test_lines_in_a_log(capsys, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(progress(range(5, 9), "training")) == [5, 6, 7, 8]
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        f"training: step {done}/4" for done in (1, 2, 3, 4)
    ]
    assert all("steps/s" in line and line.endswith("left") for line in lines)


def test_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(progress(range(3), "training")) == [0, 1, 2]
    assert "100%" in capsys.readouterr().err


def test_nothing_to_do(capsys):
    assert list(progress(range(4, 4), "training")) == []
    assert "step 0/0" in capsys.readouterr().err
