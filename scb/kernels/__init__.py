"""What costs O(T): attend, its adjoint and the proximal step, once in each module of kernels.

This is the one place that chooses between them; `protocol` is what they promise.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec

from torch import Tensor

# Threads are ours: Numba needs none of its own, and ends in a traceback at a number that is none.
os.environ["NUMBA_NUM_THREADS"] = "1"

from scb.kernels import cpu, reference
from scb.kernels.protocol import Kernel


def kernel_for(tensor: Tensor) -> Kernel:
    """The fastest kernels that serve this tensor."""
    if tensor.device.type == "cpu":
        return cpu
    if tensor.device.type == "cuda" and find_spec("triton"):
        from scb.kernels import cuda  # imports Triton, which only a GPU needs

        return cuda
    return reference


def training_step_for(tensor: Tensor) -> Callable[..., None] | None:
    """`scb.kernels.cpu.training_step` for tensors on a CPU."""
    return cpu.training_step if kernel_for(tensor) is cpu else None
