"""The causal depthwise convolution that several kinds of blocks share.

Shapes: B batch, L length, C channels, K kernel, T = K - 1.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor, nn

from aira_dsl.primitives.common import cuda
from aira_dsl.primitives.common.cache import MixerCache


@dataclass(slots=True)
class ConvolutionCache(MixerCache):
    """The last K - 1 inputs of a convolution."""

    inputs_BTC: Tensor


def depthwise(channels: int, kernel: int, *, bias: bool) -> nn.Conv1d:
    """Return the parameters of a depthwise convolution, to be used by `convolve` alone."""
    return nn.Conv1d(channels, channels, kernel, groups=channels, bias=bias)


def convolve(
    conv: nn.Conv1d,
    x_BLC: Tensor,
    cache: ConvolutionCache | None,
    activation: Literal["silu"] | None,
) -> Tensor:
    """Convolve each channel with its own kernel over this token and the K - 1 before it.

    Args:
        conv: the kernels, with or without biases.
        x_BLC: inputs.
        cache: the inputs before these, replaced by the last K - 1; None for zeros.
        activation: what follows the sum.
    """
    width = conv.kernel_size[0]
    if cache is None:
        kernel = cuda.conv_kernel(x_BLC, width)
        if kernel is not None:
            return cuda.run_conv(kernel, x_BLC, conv.weight, conv.bias, activation)
        x_BLC = nn.functional.pad(x_BLC, (0, 0, width - 1, 0))
    else:
        x_BLC = torch.cat((cache.inputs_BTC, x_BLC), dim=1)
        cache.inputs_BTC = x_BLC[:, x_BLC.shape[1] - (width - 1) :].clone()
    y_BLC = _convolve(x_BLC, conv.weight, conv.bias)
    return nn.functional.silu(y_BLC) if activation == "silu" else y_BLC


def init_convolution(conv: nn.Conv1d, generator: Generator) -> None:
    """Draw kernels and biases as torch does: uniform within 1 / sqrt(K)."""
    bound = 1 / math.sqrt(conv.kernel_size[0])
    nn.init.uniform_(conv.weight, -bound, bound, generator=generator)
    if conv.bias is not None:
        nn.init.uniform_(conv.bias, -bound, bound, generator=generator)


def _convolve(x_BLC: Tensor, weight_C1K: Tensor, bias_C: Tensor | None) -> Tensor:
    """Return the sums; they are K - 1 fewer than the inputs.

    On a GPU they are shifted multiply-adds, which torch.compile makes one kernel of. On a CPU a
    two-dimensional convolution of height 1 over the transposed tensor is the same sum, but
    (B, L, C) in memory already is its channels-last layout: several times faster on a CPU than
    transposing for conv1d, and than shifted multiply-adds (docs/compiler.md).
    """
    if x_BLC.is_cuda:
        length = x_BLC.shape[1] - weight_C1K.shape[-1] + 1
        terms = [
            x_BLC[:, place : place + length] * weight_C
            for place, weight_C in enumerate(weight_C1K.squeeze(1).unbind(-1))
        ]
        y_BLC = sum(terms[1:], terms[0])
        return y_BLC if bias_C is None else y_BLC + bias_C
    image_BC1L = x_BLC.transpose(1, 2).unsqueeze(2)
    y_BC1L = nn.functional.conv2d(
        image_BC1L, weight_C1K.unsqueeze(2), bias_C, groups=weight_C1K.shape[0]
    )
    return y_BC1L.squeeze(2).transpose(1, 2)
