"""Endpoints in which every claim is true, by construction, and changes that make it false."""

import numpy as np
import pandas as pd

from scb.analysis.endpoints import ENDPOINTS, Endpoints

REPLICATES = 512
K_P, K_Q = 0.2, 0.5
SCALE = {"value": K_P**0.5, "attention": K_Q**0.5, "loss": 0.1}

PROXIMAL = {
    "start_attention_error": 0.03,
    "midway_attention_error": 0.02,
    "midway_normalised_attention_similarity": 0.99,
    "last_value_signal": 0.95,
    "last_attention_signal": 0.95,
    "last_attention_error": 0.05,
    "last_value_distance": 0.03,
    "last_attention_distance": 0.06,
    "last_value_similarity": 0.98,
    "last_attention_similarity": 0.95,
    "last_excess_loss": 0.004,
    "last_normalised_value_distance": 0.001,
    "last_normalised_attention_distance": 0.01,
    "last_normalised_value_similarity": 0.999,
    "last_normalised_attention_similarity": 0.998,
    "last_normalised_attention_centred_similarity": 0.998,
    "least_attention_distance": 0.04,
    "least_excess_loss": 0.003,
    "largest_value_error": 0.01,
    "largest_attention_error": 0.05,
    "stopped_value_distance": 0.02,
    "stopped_attention_distance": 0.05,
    "stopped_normalised_value_distance": 0.001,
    "stopped_normalised_attention_distance": 0.01,
    "path_deviation": 0.04,
}
SGD = PROXIMAL | {
    "start_attention_error": 0.1,
    "midway_attention_error": 0.6,
    "last_attention_error": 1.2,
    "last_value_distance": 0.2,
    "last_attention_distance": 1.2,
    "last_value_similarity": 0.9,
    "last_attention_similarity": 0.6,
    "last_normalised_value_distance": 0.1,
    "last_normalised_attention_distance": 0.5,
    "last_normalised_value_similarity": 0.9,
    "last_normalised_attention_similarity": 0.7,
    "largest_attention_error": 1.2,
    "stopped_value_distance": 0.1,
    "stopped_attention_distance": 0.4,
    "stopped_normalised_attention_distance": 0.5,
    "path_deviation": 0.5,
}
TRUTH = {
    "proximal": PROXIMAL,
    "proximal_large": PROXIMAL | {"last_value_distance": 0.01, "last_attention_distance": 0.02},
    "sgd": SGD,
    "sgd_small": SGD
    | {"last_value_signal": 0.3, "last_attention_signal": 0.3, "last_attention_distance": 0.6},
    "sgd_simplex": SGD,
    "proximal_best": PROXIMAL | {"last_value_distance": 0.01, "last_attention_distance": 0.02},
    "softmax": PROXIMAL | {"last_value_distance": 0.005, "last_attention_distance": 0.015},
}
assert all(set(values) == set(ENDPOINTS) for values in TRUTH.values())

LOST = dict.fromkeys(("last", "stopped"), 0.7)
"""``|A - Q|_mu`` of the normalised solution of a run that is not positive."""


def planted(
    changes: dict[str, dict[str, object]] | None = None,
    positive: float = 0.5,
    boost_signal: float = 0.1,
    lost: dict[str, float] = LOST,
    replicates: int = REPLICATES,
) -> Endpoints:
    """Endpoints whose replicates spread by some per cent.

    Parameters
    ----------
    changes : dict
        By optimizer, other endpoints: numbers, or functions of the uniform numbers (R,) that say
        which replicate is where in the law.
    positive : float
        Share of positive runs.
    """
    frames = []
    for name, truth in TRUTH.items():
        rng = np.random.default_rng([*name.encode()])
        place = np.random.default_rng(5).permutation(replicates) / replicates
        positives = np.random.default_rng(6).permutation(replicates) < positive * replicates
        columns = {"optimizer": name, "replicate": np.arange(replicates), "positive": positives}
        columns |= {f"{part}_scale": scale for part, scale in SCALE.items()}
        columns["boost_signal"] = boost_signal * np.where(positives, 1, -1) * (1 + 0.02 * place)
        for endpoint, value in (truth | (changes or {}).get(name, {})).items():
            level = np.broadcast_to(value(place) if callable(value) else value, replicates)
            spread = np.exp(0.02 * rng.standard_normal(replicates))
            # Of a cosine it is what is missing from 1 that spreads.
            columns[endpoint] = (
                1 - (1 - level) * spread if "similarity" in endpoint else level * spread
            )
        for when, distance in lost.items():
            endpoint = f"{when}_normalised_attention_distance"
            columns[endpoint] = np.where(positives, columns[endpoint], distance)
        frames.append(pd.DataFrame(columns))
    return Endpoints(pd.concat(frames).sample(frac=1, random_state=0))


def diverged(replicates: int = REPLICATES) -> Endpoints:
    """All runs of all optimizers at the worst there is."""
    frame = planted(replicates=replicates).frame
    for endpoint in ENDPOINTS:
        worst = -np.inf if endpoint.endswith(("signal", "similarity")) else np.inf
        frame[endpoint] = worst
    return Endpoints(frame)
