"""Fast training of small models on CPUs: the reference modules' mathematics on fused kernels.

A primitive's `module.py` computes it in plain PyTorch; its `cpu.py` computes the same several times
faster. Matrix products stay PyTorch's. The operations between them are in `primitives/kernels/`:
C++ that is compiled on first use and called with plain pointers; `cpu.py` combines the two, with a
hand-written backward pass. In bfloat16 the parameters and the residual stream stay float32. Without
a compiler `accelerate` returns the model unchanged.

On a GPU the reference modules run, compiled layer by layer (`cuda_model`).
"""

import torch

from aira_dsl.models import LanguageModel
from aira_dsl.models.cpu_model import FastModel
from aira_dsl.models.cuda_model import CompiledModel
from aira_dsl.models.precision import (
    DTYPES,
    choose_device,
    choose_precision,
    has_quick_bf16,
    missing_kernels,
)
from aira_dsl.primitives.kernels.build import Unavailable, load_kernels
from aira_dsl.utils.machine import Device, DeviceChoice, Precision, PrecisionChoice

Trainable = LanguageModel | FastModel | CompiledModel
"""What `accelerate` returns: `hidden` is the output of the final norm, a call returns logits."""


def accelerate(model: LanguageModel, precision: Precision, device: Device = "cpu") -> Trainable:
    """Return the same model, on the kernels if there are any.

    Args:
        model: on the CPU, with float32 parameters; it is trained in place.
        precision: of the activations between matrix products.
        device: where it shall be trained; it returns its results there.

    Raises:
        UsageError: E0631, if bf16 is asked for and there are no kernels.
    """
    if device == "cuda":
        return CompiledModel(model, DTYPES[precision], torch.device(device))
    if missing_kernels() is None:
        return FastModel(model, DTYPES[precision])
    choose_precision(precision)
    return model


__all__ = [
    "CompiledModel",
    "Device",
    "DeviceChoice",
    "FastModel",
    "Precision",
    "PrecisionChoice",
    "Trainable",
    "Unavailable",
    "accelerate",
    "choose_device",
    "choose_precision",
    "has_quick_bf16",
    "load_kernels",
    "missing_kernels",
]
