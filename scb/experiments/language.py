"""Train one kernel on language, at every learning rate and in every run.

Run r sees the same text and starts from the same draws whatever its kernel and its rate, so
kernels are compared in pairs. A linear kernel gets f (f + 1) / 2 features, as many as the square
of f has: linear and square kernels have states of equal size.
"""

import math
import sys

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.experiments.job import Input, Output, job
from scb.rebased.language import LanguageModel
from scb.rebased.language_training import judge, train
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.tables import LANGUAGE
from scb.rebased.text import Text
from scb.settings.language import LanguageRuns
from scb.store import tables


@job
def language(
    settings: LanguageRuns,
    corpus: Input,
    vocabulary: Input,
    curves: Output,
    device: torch.device,
    threads: int,
) -> None:
    """Train all runs one after the other and write what they reached."""
    torch.set_num_threads(threads)  # there are none of our kernels here
    similarity, features = SIMILARITIES[settings.kernel], settings.features
    if similarity.linear:
        features = features * (features + 1) // 2
    text = Text.read(corpus, vocabulary)
    text.require_length(settings.context)
    validation, test = (
        text.held_out(split, settings.context, settings.held_out, settings.rare).to(device)
        for split in ("validation", "test")
    )

    rows = []
    for rate in settings.rates:
        for run in range(settings.runs):
            model = LanguageModel(
                similarity,
                len(text.sizes),
                settings.width,
                features,
                settings.blocks,
                derive(settings.seed, "language", "model", run),
            ).to(device)
            checkpoints = train(
                model,
                text,
                validation,
                seed=settings.seed,
                run=run,
                rate=rate,
                batch=settings.batch,
                steps=settings.steps,
                every=settings.log_interval,
            )
            bits = judge(model, test)
            print(f"run {run} at {rate:g}: {bits.overall:.4f} bits per byte", file=sys.stderr)
            for checkpoint in checkpoints:
                last = checkpoint is checkpoints[-1]
                rows.append(
                    {
                        "kernel": settings.kernel,
                        "rate": rate,
                        "run": run,
                        "step": checkpoint.step,
                        "last": last,
                        "validation_bits": _finite(checkpoint.bits),
                        "test_bits": _finite(bits.overall) if last else None,
                        "repeated_bits": _finite(bits.repeated) if last else None,
                        "other_bits": _finite(bits.other) if last else None,
                    }
                )

    unread = {"seed", "log_interval", "held_out"}
    size = int(test.sizes.sum())
    setting = {
        **settings.model_dump(mode="json", exclude=unread),
        **{name: text.setting[name] for name in ("corpus", "corpus_sha256", "vocabulary")},
        "features": features,
        "state_size": similarity.state_size(features, settings.width, settings.context),
        "test_bytes": size,
        "test_tokens": test.sizes.numel(),
        "repeated_share": int(test.sizes[test.repeated].sum()) / size,
        "repeated_tokens": int(test.repeated.sum()),
    }
    frame = pd.DataFrame(rows).astype({"run": "int32", "step": "int32"})
    tables.write(frame, curves, LANGUAGE, setting)


def _finite(bits: float) -> float | None:
    return bits if math.isfinite(bits) else None


if __name__ == "__main__":
    language.main()
