"""What the mixers of the delta rule share: convolution, cache, initialization of decays, kernel.

Shapes: B batch, L length, D model width, C convolution channels, H heads, K key size, V value size.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.convolution import ConvolutionCache, convolve
from aira_dsl.primitives.common.cuda import Kernel
from aira_dsl.primitives.common.delta_rule import Operands, chunk_for, delta_rule
from aira_dsl.primitives.common.mixer import Mixer

DT_MIN, DT_MAX, DT_FLOOR = 1e-3, 1e-1, 1e-4
A_MIN, A_MAX = 1.0, 16.0

KERNEL_DTYPES = (torch.bfloat16, torch.float16)
"""What the kernels of flash-linear-attention are made for."""


@dataclass(slots=True)
class DeltaCache(ConvolutionCache):
    """The convolution's last inputs and the state; the same size however long the sequence is."""

    state_BHKV: Tensor


class DeltaMixer(Mixer):
    """A mixer of the delta rule, whose queries, keys and values go through one convolution.

    Attributes:
        in_proj_qkv: the projection.
        conv1d: the convolution.
    """

    in_proj_qkv: nn.Linear
    conv1d: nn.Conv1d

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, from the state it holds."""
        assert cache is None or isinstance(cache, DeltaCache)
        qkv_BLC = convolve(self.conv1d, self.in_proj_qkv(x_BLD), cache, activation="silu")
        return self.after_convolution(x_BLD, qkv_BLC, cache)

    @abstractmethod
    def after_convolution(
        self, x_BLD: Tensor, qkv_BLC: Tensor, cache: DeltaCache | None = None
    ) -> Tensor:
        """Compute everything but queries, keys and values."""


def recall(operands: Operands, cache: DeltaCache | None, kernel: Kernel | None) -> Tensor:
    """Run the delta rule and return o_BLHV, in float32 at least; updates the cached state.

    Args:
        operands: with key heads repeated to as many as there are value heads.
        cache: holds the state before the first token; None for zero.
        kernel: flash-linear-attention's, if it can take these operands.
    """
    state_BHKV = None if cache is None else cache.state_BHKV
    if kernel is not None:
        o_BLHV, last_BHKV = run_kernel(kernel, operands, state_BHKV)
    else:
        wide = torch.promote_types(operands.q_BLHK.dtype, torch.float32)
        operands = Operands(*(each.to(wide) for each in operands))
        chunk = chunk_for(operands.q_BLHK.shape[-1])
        o_BLHV, last_BHKV = delta_rule(operands, chunk=chunk, state_BHKV=state_BHKV)
    if cache is not None:
        cache.state_BHKV = last_BHKV
    return o_BLHV


def run_kernel(
    kernel: Kernel, operands: Operands, state_BHKV: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Call a chunked kernel of flash-linear-attention with the operands of `delta_rule`."""
    q_BLHK, k_BLHK, v_BLHV, log_decay_BLHD, beta_BLH = operands
    if log_decay_BLHD.shape[-1] == 1:  # one decay a token has no dimension of its own there
        log_decay_BLHD = log_decay_BLHD.squeeze(-1)
    o_BLHV, last_BHKV = kernel(
        q_BLHK,
        k_BLHK,
        v_BLHV,
        g=log_decay_BLHD,
        beta=beta_BLH,
        initial_state=state_BHKV,
        output_final_state=True,
        use_qk_l2norm_in_kernel=True,
    )
    return o_BLHV, last_BHKV


@torch.no_grad()
def init_decays(A_log: nn.Parameter, dt_bias: nn.Parameter, generator: Generator) -> None:
    """Draw decay rates and step sizes as Mamba-2 does.

    A is uniform in [1, 16]; dt is log-uniform in [0.001, 0.1], and dt_bias its inverse softplus.
    """
    A_log.uniform_(A_MIN, A_MAX, generator=generator).log_()
    dt = torch.empty_like(dt_bias).uniform_(generator=generator)
    dt = (dt * math.log(DT_MAX / DT_MIN) + math.log(DT_MIN)).exp().clamp(min=DT_FLOOR)
    dt_bias.copy_(dt + (-torch.expm1(-dt)).log())
