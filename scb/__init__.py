"""Sparse contextual bigrams learned by linear transformers, with error bars.

Replication of Ren, Wang and Lee, *Learning and Transferring Sparse Contextual
Bigrams with Linear Transformers*, NeurIPS 2024.

This is the door: a `Task`, drawn or your own; `train` and `load_run`, which give a run with its
curves and models. Everything else is imported from its module
(``from scb.learning.metrics import measure``).
"""

from typing import Any

__all__ = ["Task", "load_run", "train"]


def __getattr__(name: str) -> Any:
    # Lazily, so that a job imports (and depends on) only the modules it uses.
    if name == "Task":
        from scb.data.task import Task

        return Task
    if name in ("train", "load_run"):
        from scb import training

        return getattr(training, name)
    raise AttributeError(f"module 'scb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
