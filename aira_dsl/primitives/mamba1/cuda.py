"""mamba_ssm's CUDA kernel of the selective scan, where it exists (`common/cuda.py`).

Shapes: B batch, L length, E channels, N state size.
"""

from torch import Tensor

from aira_dsl.primitives.common.cuda import CONVOLUTION, Kernel, probe
from aira_dsl.primitives.mamba1.scan import Operands

MAX_STATE = 256
_SCAN = ("mamba_ssm", "mamba_ssm.ops.selective_scan_interface", "selective_scan_fn")


def is_available() -> bool:
    """Tell whether the kernels of scan and convolution can be imported."""
    return probe(*_SCAN) is not None and probe(*CONVOLUTION) is not None


def scan_kernel(x_BLE: Tensor, state_size: int) -> Kernel | None:
    """Return mamba_ssm's scan if it can take this tensor, else None."""
    if not x_BLE.is_cuda or state_size > MAX_STATE:
        return None
    return probe(*_SCAN)


def run_scan(kernel: Kernel, operands: Operands) -> Tensor:
    """Call mamba_ssm's scan from a state of zero; the outputs are those of `selective_scan`."""
    x_BLE, dt_BLE, A_EN, B_BLN, C_BLN, D_E = operands
    x_BEL, dt_BEL, B_BNL, C_BNL = (
        each.transpose(1, 2).contiguous() for each in (x_BLE, dt_BLE, B_BLN, C_BLN)
    )
    y_BEL: Tensor = kernel(x_BEL, dt_BEL, A_EN, B_BNL, C_BNL, D=D_E)
    return y_BEL.transpose(1, 2)
