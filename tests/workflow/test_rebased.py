"""The second paper's DAG, which `make` leaves out: run once on the smoke settings."""

from project import differences
from test_extensions import captions_of, page_of


def test_kernels_are_made(kernelised):
    results, figures = kernelised.root / "smoke/results", kernelised.root / "smoke/figures"
    assert len(list((results / "recall_stress").glob("*.parquet"))) == 10
    for name in ("kernels", "kernels_patterns"):
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (figures / f"{name}.png").stat().st_size > 10_000
    assert (results / "kernels.md").read_text().count("| `") == 10
    text = (results / "kernel_claims.md").read_text()
    assert all(f"| {name} |" in text for name in ("K1", "K2", "K3"))
    assert kernelised.plan("kernelised") == set()


def test_two_runs_agree(kernelised, whole):
    assert differences(kernelised, whole, part=True) == []


def test_make_leaves_them_out(smoke):
    assert smoke.plan() == set()
    plan = smoke.snakemake("--dry-run", "kernelised").stdout
    assert "rule recall" in plan


def test_page_has_their_figures_and_verdicts(kernelised, tmp_path):
    html, page = page_of(kernelised, tmp_path / "report.zip", "kernelised")
    captions = captions_of(kernelised, html, page, ["kernels", "kernels_patterns"])
    assert "at 2 runs" in captions["kernels"]
    assert "the attention column given by each kernel" in captions["kernels_patterns"]
    verdicts = html.split("<h3>Verdicts: kernels</h3>")[1].split("<h3>")[0]
    assert all(f"<td>{name}</td>" in verdicts for name in ("K1", "K2", "K3"))
    assert '<a href="#smoke/figures/kernels.png">kernels</a>' in verdicts
    assert "Estimates are means over 2 runs" in " ".join(verdicts.split())
