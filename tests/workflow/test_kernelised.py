"""The second paper's DAG, which `make` leaves out."""


def test_kernels_are_made(done):
    run = done.snakemake("kernelised")
    assert run.returncode == 0, run.stdout
    results, figures = done.root / "smoke/results", done.root / "smoke/figures"
    assert len(list((results / "recall_stress").glob("*.parquet"))) == 10
    for name in ("kernels", "kernels_patterns"):
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (figures / f"{name}.png").stat().st_size > 10_000
    text = (results / "kernel_claims.md").read_text()
    assert all(f"| {name} |" in text for name in ("K1", "K2", "K3"))
    again = done.snakemake("--dry-run", "kernelised")
    assert "Nothing to be done" in again.stdout


def test_make_leaves_them_out(done):
    assert done.plan() == set()
    plan = done.snakemake("--dry-run", "kernelised").stdout
    assert "rule recall" in plan
