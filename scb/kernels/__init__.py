"""What costs O(T): attend, its adjoint and the proximal step, once in each module here.

`kernel_for` is the one place that chooses between them.
"""

from types import ModuleType

from torch import Tensor

from scb.kernels import cpu, reference


def kernel_for(tensor: Tensor) -> ModuleType:
    """The fastest kernels that serve this tensor."""
    return cpu if tensor.device.type == "cpu" else reference
