"""CUDA kernels of mamba_ssm, where they exist (`common/cuda.py`).

Shapes: B batch, L length, H heads, P head dimension, N state size.
"""

from torch import Tensor

from aira_dsl.primitives.common.cuda import CONVOLUTION, Kernel, is_tracing, probe
from aira_dsl.primitives.common.ssd import Operands

MAX_STATE = 256
_SCAN = ("mamba_ssm", "mamba_ssm.ops.triton.ssd_combined", "mamba_chunk_scan_combined")


def is_available() -> bool:
    """Tell whether both kernels can be imported."""
    return probe(*_SCAN) is not None and probe(*CONVOLUTION) is not None


def scan_kernel(x_BLHP: Tensor, state_size: int) -> Kernel | None:
    """Return mamba_ssm's chunked scan if it can take this tensor, else None."""
    if is_tracing() or not x_BLHP.is_cuda or state_size > MAX_STATE:
        return None
    return probe(*_SCAN)


def run_scan(
    kernel: Kernel, operands: Operands, *, chunk: int, state_BHPN: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Call mamba_ssm's scan with the operands and results of `ssd.ssd`."""
    y_BLHP, last_BHPN = kernel(
        *operands[:5],
        chunk_size=chunk,
        D=operands.D_H,
        initial_states=state_BHPN,
        return_final_states=True,
    )
    return y_BLHP, last_BHPN
