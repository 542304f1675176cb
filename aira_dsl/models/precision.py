"""Which device and precision are fastest here: decided by what there is, so always the same way.

bfloat16 products are six times as quick as float32 ones on a processor with AMX, twice as quick
with AVX512-BF16 alone, and slower than float32 elsewhere (facts in docs/engine.md).
"""

import os
import platform
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch

from aira_dsl.errors import UsageError
from aira_dsl.primitives.kernels.build import Unavailable, load_kernels
from aira_dsl.utils.machine import Device, DeviceChoice, Precision, PrecisionChoice

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16}


def choose_device(choice: DeviceChoice = "auto") -> Device:
    """Return where to compute.

    Args:
        choice: `auto` for a GPU if there is one.

    Raises:
        UsageError: E0632, if a GPU is asked for and there is none that PyTorch can use.
    """
    if choice == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "E0632",
            f"PyTorch {torch.__version__} finds no CUDA device here",
            help="use --device cpu, or install a PyTorch with CUDA where there is a GPU",
        )
    return choice


def choose_precision(choice: PrecisionChoice = "auto", device: Device = "cpu") -> Precision:
    """Return the precision to compute in.

    Args:
        choice: `auto` for the fastest that this machine has.
        device: where.

    Raises:
        UsageError: E0631, if bf16 is asked for and there are no kernels.
    """
    if device == "cuda":
        quick = torch.cuda.is_bf16_supported(including_emulation=False)
        return ("bf16" if quick else "fp32") if choice == "auto" else choice
    missing = missing_kernels()
    if choice == "auto":
        return "bf16" if missing is None and has_quick_bf16() else "fp32"
    if choice == "bf16" and missing is not None:
        raise UsageError(
            "E0631",
            f"bf16 needs the compiled kernels, which are not available: {missing}",
            help="install a C++ compiler (g++ or clang++), or use --precision fp32",
        )
    return choice


def missing_kernels() -> str | None:
    """Return why there are no kernels here, or None if there are; builds them on first use."""
    if os.environ.get("AIRA_DSL_KERNELS") == "off":
        return "switched off by AIRA_DSL_KERNELS"
    return _build_failure()


@cache
def _build_failure() -> str | None:
    try:
        load_kernels()
    except Unavailable as error:
        return str(error)
    return None


def has_quick_bf16() -> bool:
    """Tell whether the processor has instructions for bfloat16; without them it takes minutes."""
    abilities = _capabilities()
    return bool(abilities.get("amx_bf16") or abilities.get("avx512_bf16"))


def describe_processor() -> dict[str, Any]:
    """Return the name of the processor (`processor`) and its vector units (`abilities`)."""
    abilities = _capabilities()
    return {
        "processor": abilities.get("cpu_name", platform.processor()),
        "abilities": [
            name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if abilities.get(name)
        ],
    }


def _capabilities() -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return found
