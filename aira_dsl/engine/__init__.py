"""Fast training of small models on CPUs: the reference modules' mathematics on fused kernels.

`aira_dsl.modules` says what every primitive computes, in plain PyTorch; this package computes the
same, several times quicker. Matrix products stay PyTorch's. What lies between them is in
`kernels/`, C++ that is compiled on first use and called with plain pointers; for each primitive a
file here puts the two together, with the way back written by hand. In bfloat16 the parameters and
the residual stream stay float32. Without a compiler `accelerate` returns the model as it is.

On a GPU the reference modules run themselves, compiled layer by layer (`compiled`).
"""

import torch

from aira_dsl.compiler import LanguageModel
from aira_dsl.engine.building import Unavailable, load_kernels
from aira_dsl.engine.compiled import CompiledModel
from aira_dsl.engine.model import FastModel
from aira_dsl.engine.precision import (
    DTYPES,
    Device,
    DeviceChoice,
    Precision,
    PrecisionChoice,
    choose_device,
    choose_precision,
    has_quick_bf16,
    missing_kernels,
)

Trainable = LanguageModel | FastModel | CompiledModel
"""What `accelerate` returns; `hidden` stops behind the last norm, a call returns logits."""


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
