"""Sparse contextual bigrams learned by linear transformers, with error bars.

Replication of Ren, Wang and Lee, *Learning and Transferring Sparse Contextual
Bigrams with Linear Transformers*, NeurIPS 2024.

``from scb import Task`` is the door; everything else is imported from its module
(``from scb.learning.metrics import measure``).
"""

from typing import Any

__all__ = ["Task"]


def __getattr__(name: str) -> Any:
    # Lazily, so that a job imports (and depends on) only the modules it uses.
    if name == "Task":
        from scb.data.task import Task

        return Task
    raise AttributeError(f"module 'scb' has no attribute {name!r}")
