"""A setting that trains in no time, which several tests change a little."""

from typing import Any

from scb.settings.training import Training


def small(**changed: Any) -> Training:
    """Figure 1 with 3 replicates of 30 steps, but for what is given."""
    section = {
        "seed": 5,
        "replicates": 3,
        "log_interval": 5,
        "rounding": 0.25,
        "sampler": "dirichlet",
        "concentration": 1.0,
        "weights": "uniform",
        "states": 3,
        "length": 40,
        "sparsity": 2,
        "batch": 8,
        "steps": 30,
        "boost": {"steps": 12, "rate": 0.05},
        "optimizers": {
            "proximal": {"kind": "proximal", "rate": 0.02, "penalty": 1e-3},
            "sgd": {"kind": "sgd", "rate": 0.02},
        },
    }
    return Training.model_validate(section | changed)
