"""The recurrent block of Griffin (arXiv 2402.19427 §2.3, §2.4) with RecurrentGemma's names.

    y       = gelu(linear_y(u))                        the gate of the output (tanh form)
    x       = conv_1d(linear_x(u))                     causal, depthwise, with bias
    i_t     = sigmoid(W_i·x_t + b_i)                   input gate, block-diagonal
    r_t     = sigmoid(W_r·x_t + b_r)                   recurrence gate, block-diagonal
    a_t     = exp(-8·r_t·softplus(recurrent_param))
    h_t     = a_t ⊙ h_(t-1) + sqrt(1 - a_t²) ⊙ i_t ⊙ x_t
    out     = linear_out(h ⊙ y)

The first token of a sequence is not scaled: h_1 = i_1 ⊙ x_1.

Initialization: exp(-softplus(recurrent_param)) between 0.9 and 0.999, its square uniform; gates
normal with the inverse root of a block's width, their biases zero; the convolution torch's own
default; projections as everywhere in this package.

Shapes: B batch, L length, D model width, E inner width, H heads (blocks of gates), P = E / H,
S states remembered (0 or 1), T = K - 1 for a kernel of K.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.primitives.common.convolution import (
    ConvolutionCache,
    convolve,
    depthwise,
    init_convolution,
)
from aira_dsl.primitives.common.mixer import Mixer, init_linear, init_output
from aira_dsl.primitives.rg_lru import spec
from aira_dsl.primitives.rg_lru.scan import scan

DECAY = 8.0
"""The constant c of the paper: how much faster an open gate forgets."""
A_MIN, A_MAX = 0.9, 0.999


@dataclass(slots=True)
class RGLRUCache(ConvolutionCache):
    """The convolution's last inputs, and the state after the last token (none before the first)."""

    state_BSE: Tensor


class RGLRU(Mixer):
    """A convolution and a gated linear recurrence, times a gate of the input."""

    no_decay: ClassVar[tuple[str, ...]] = ("rg_lru.recurrent_param",)

    def __init__(self, block: spec.RGLRU, width: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        assert block.inner is not None, "resolve the block first"
        self.block = block
        self.linear_y = nn.Linear(width, block.inner, bias=block.bias)
        self.linear_x = nn.Linear(width, block.inner, bias=block.bias)
        self.linear_out = nn.Linear(block.inner, width, bias=block.bias)
        self.conv_1d = depthwise(block.inner, block.conv, bias=True)
        self.rg_lru = Recurrence(block.inner, block.heads)
        self.mark_no_decay()

    def forward(self, x_BLD: Tensor, cache: LayerCache = None) -> Tensor:
        """Mix; with a cache, from the state it holds."""
        assert cache is None or isinstance(cache, RGLRUCache)
        gate_BLE = nn.functional.gelu(self.linear_y(x_BLD), approximate="tanh")
        x_BLE = convolve(self.conv_1d, self.linear_x(x_BLD), cache, activation=None)
        begun = cache is not None and cache.state_BSE.shape[1] > 0
        state_BE = cache.state_BSE[:, -1] if cache is not None and begun else None
        h_BLE, state_BE = self.rg_lru(x_BLE, state_BE)
        if cache is not None:
            cache.state_BSE = state_BE.unsqueeze(1)
        return self.linear_out(h_BLE * gate_BLE)  # type: ignore[no-any-return]

    def new_cache(self, batch_size: int) -> RGLRUCache:
        """Return the cache of sequences that have not begun: zeros, as the padding is; no state."""
        weight = self.conv_1d.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        return RGLRUCache(
            weight.new_zeros(batch_size, self.block.conv - 1, len(weight)),
            weight.new_zeros(batch_size, 0, len(weight), dtype=wide),
        )

    def init_weights(self, generator: Generator, depth: int) -> None:
        """Draw every parameter; see the module docstring."""
        init_linear(self.linear_y, generator)
        init_linear(self.linear_x, generator)
        init_convolution(self.conv_1d, generator)
        self.rg_lru.init_weights(generator)
        init_output(self.linear_out, generator, depth)


class Recurrence(nn.Module):
    """The real-gated linear recurrent unit, in float32 at least but for its gates' products."""

    def __init__(self, inner: int, heads: int) -> None:
        super().__init__()
        size = inner // heads
        self.recurrent_param = nn.Parameter(torch.empty(inner))
        self.input_gate_weight = nn.Parameter(torch.empty(heads, size, size))
        self.input_gate_bias = nn.Parameter(torch.empty(heads, size))
        self.recurrent_gate_weight = nn.Parameter(torch.empty(heads, size, size))
        self.recurrent_gate_bias = nn.Parameter(torch.empty(heads, size))

    def forward(self, x_BLE: Tensor, state_BE: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs and the last state, from a state or from the start of a sequence."""
        wide = torch.promote_types(x_BLE.dtype, torch.float32)
        input_BLE = _gate(x_BLE, self.input_gate_weight, self.input_gate_bias)
        open_BLE = _gate(x_BLE, self.recurrent_gate_weight, self.recurrent_gate_bias)
        rates_E = DECAY * nn.functional.softplus(self.recurrent_param.to(wide))
        log_decay_BLE = -open_BLE.to(wide) * rates_E
        # 1 - a² without a difference of near numbers; the root's slope at zero is infinite.
        square_BLE = -torch.expm1(2 * log_decay_BLE)
        scale_BLE = square_BLE.clamp(min=torch.finfo(wide).tiny).sqrt()
        if state_BE is None:
            scale_BLE = torch.cat((torch.ones_like(scale_BLE[:, :1]), scale_BLE[:, 1:]), dim=1)
            state_BE = torch.zeros_like(scale_BLE[:, 0])
        inputs_BLE = scale_BLE * input_BLE.to(wide) * x_BLE.to(wide)
        h_BLE, state_BE = scan(log_decay_BLE, inputs_BLE, state_BE)
        return h_BLE.to(x_BLE.dtype), state_BE

    @torch.no_grad()
    def init_weights(self, generator: Generator) -> None:
        """Draw decays and gates; see the module docstring."""
        std = 1 / math.sqrt(self.input_gate_weight.shape[-1])
        for weight in (self.input_gate_weight, self.recurrent_gate_weight):
            weight.normal_(std=std, generator=generator)
        self.input_gate_bias.zero_()
        self.recurrent_gate_bias.zero_()
        square_E = torch.empty_like(self.recurrent_param)
        square_E.uniform_(A_MIN**2, A_MAX**2, generator=generator)
        self.recurrent_param.copy_(torch.expm1(-0.5 * square_E.log()).log())  # inverse softplus


def _gate(x_BLE: Tensor, weight_HPP: Tensor, bias_HP: Tensor) -> Tensor:
    """Return the sigmoid of a block-diagonal projection."""
    x_BLHP = torch.unflatten(x_BLE, -1, bias_HP.shape)
    return (torch.einsum("blhp,hpq->blhq", x_BLHP, weight_HPP) + bias_HP).sigmoid().flatten(2)
