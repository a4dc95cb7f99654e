"""What costs O(T): attend, its adjoint and the proximal step, once in each module here.

`kernel_for` is the one place that chooses between them.
"""

from importlib.util import find_spec
from types import ModuleType

from torch import Tensor

from scb.kernels import cpu, reference


def kernel_for(tensor: Tensor) -> ModuleType:
    """The fastest kernels that serve this tensor."""
    if tensor.device.type == "cpu":
        return cpu
    if tensor.device.type == "cuda" and find_spec("triton"):
        from scb.kernels import cuda  # imports Triton, which only a GPU needs

        return cuda
    return reference
