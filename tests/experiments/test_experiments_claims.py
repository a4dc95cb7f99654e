"""What the claims read of runs that the pipeline trained."""

import numpy as np
from sections import small

from scb.analysis.endpoints import ENDPOINTS, Endpoints
from scb.analysis.runs import Run
from scb.data.task import Task
from scb.experiments import boost, optimizers, tasks
from scb.experiments.claims import stage2_paths
from scb.settings.training import Boost, Comparison, Proximal, Sgd, Stage1, Tasks


def trained(call, folder, batch):
    """A small figure 1 at a batch, with the path of each optimizer."""
    section = small(
        length=20,
        batch=batch,
        steps=60,
        boost=Boost(steps=20, rate=0.1),
        optimizers={
            "proximal": Proximal(kind="proximal", rate=0.05, penalty=1e-3),
            "sgd": Sgd(kind="sgd", rate=0.05),
            "undivided": Sgd(kind="sgd", rate=0.05, scaled=False),
            "wild": Sgd(kind="sgd", rate=500),
        },
    )
    folder.mkdir()
    call(tasks.draw_tasks, Tasks.of(section), folder, tasks="tasks")
    files = {"tasks": "tasks", "curves": "boost", "state": "boost_state"}
    call(boost.boost, Stage1.of(section), folder, **files)
    files = {"tasks": "tasks", "state": "boost_state", "curves": "optimizers"}
    call(optimizers.compare, Comparison.of(section), folder, **files)
    run = Run.read(folder / "boost.parquet", folder / "optimizers.parquet")
    return run, stage2_paths(run, Task.load(folder / "tasks.parquet"))


def test_plain_steps_follow_the_path_from_the_end_of_stage_1(call, tmp_path):
    """The more so the larger the batch: what is left is noise, of size 1 / sqrt(B)."""
    deviations = {}
    for batch in (100, 10000):
        run, paths = trained(call, tmp_path / str(batch), batch)
        assert paths["sgd"].shape == (41, 2, 3)  # steps 20 to 60
        for i, part in enumerate(("value", "attention")):
            signal = run.values("boost", f"{part}_signal", run.replicates)[1]
            np.testing.assert_allclose(paths["sgd"][0, i], signal[:, -1])
        read = Endpoints.of(run, paths)
        assert np.isinf(read("wild", "path_deviation")).all()
        assert all(np.isfinite(read("proximal", endpoint)).all() for endpoint in ENDPOINTS)
        for name in ("sgd", "undivided"):
            deviations[name, batch] = read(name, "path_deviation")
    for name in ("sgd", "undivided"):
        assert (deviations[name, 10000] < 0.1).all()
        assert (deviations[name, 10000] < deviations[name, 100] / 3).all()
