"""A language model on a GPU: the reference modules under autocast, compiled a layer at a time.

On CUDA the primitives have kernels of their own: PyTorch's attention, and mamba-ssm's scan and
convolution where they are installed (`primitives/mamba2/cuda.py`). torch.compile fuses what lies
between. A layer is compiled, not a model: layers of one kind share what was compiled, so the
three of a search serve all of its 43 million arrangements, where a model each would cost a minute.

Nothing here depends on CUDA, which is how it is tested on machines without.

Shapes: B batch, L length, D model width, V vocabulary.
"""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache

import torch
from torch import Tensor, nn

from aira_dsl.models import LanguageModel
from aira_dsl.models.model import Layer
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.parallel.module import Parallel
from aira_dsl.primitives.registry import part

SHAPES = 64
"""Compiled versions of a layer at most: kinds of layers times shapes of batches."""


class CompiledModel(nn.Module):
    """A language model that trains on a device of its own; tokens come from anywhere.

    Args:
        model: moved to the device and trained in place.
        dtype: what products compute in: float32 or bfloat16; parameters stay float32.
        device: where.
    """

    def __init__(self, model: LanguageModel, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.model = model.to(device)
        self.dtype = dtype
        self.device = device

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """Return logits_BLV in float32, on the model's device."""
        with self._precision():
            logits_BLV: Tensor = self.model.head(self._hidden(tokens_BL))
        return logits_BLV.float()

    def hidden(self, tokens_BL: Tensor) -> Tensor:
        """Return x_BLD after the final norm, on the model's device."""
        with self._precision():
            return self._hidden(tokens_BL)

    def _hidden(self, tokens_BL: Tensor) -> Tensor:
        x_BLD = self.model.embedding(tokens_BL.to(self.device))
        for layer in self.model.stack:
            x_BLD = run_layer(layer, x_BLD)
        return self.model.norm(x_BLD)  # type: ignore[no-any-return]

    def _precision(self) -> AbstractContextManager[object]:
        kind = self.device.type if torch.amp.is_autocast_available(self.device.type) else "cpu"
        return torch.autocast(kind, self.dtype, enabled=self.dtype != torch.float32)


def run_layer(layer: Layer, x_BLD: Tensor) -> Tensor:
    """Return x plus the mixer's output: compiled in training, where nearly all of the time goes."""
    if (x_BLD.is_cuda and has_kernels(layer.mixer)) or not torch.is_grad_enabled() or x_BLD.is_meta:
        return _plain(layer, x_BLD)
    with warnings.catch_warnings():
        # RoPE's table is kept by a cache that tracing sees through: no mistake, only a remark.
        warnings.filterwarnings("ignore", message=".*functools.lru_cache.*")
        return _compiler()(layer, x_BLD)


def forget_compiled() -> None:
    """Drop what was compiled: a process that trains many designs would reach the limit.

    What the compiler has on disk stays, so the same layers are quick to compile again.
    """
    import torch._dynamo

    torch._dynamo.reset()


def has_kernels(mixer: Mixer) -> bool:
    """Tell whether external kernels compute a mixer, or a branch of a parallel one."""
    if isinstance(mixer, Parallel):
        return any(map(has_kernels, mixer.mixers))
    kernels = part(type(mixer), "cuda")
    return kernels is not None and bool(kernels.is_available())


def _plain(layer: Layer, x_BLD: Tensor) -> Tensor:
    return layer(x_BLD)  # type: ignore[no-any-return]


@cache
def _compiler() -> Callable[[Layer, Tensor], Tensor]:
    """Set the compiler up when it is first needed: importing it takes a second."""
    import torch._dynamo

    torch._dynamo.config.recompile_limit = SHAPES
    return torch.compile(_plain, dynamic=False)
