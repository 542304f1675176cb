"""Options of latency: what is decoded, and in which precision."""

from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.utils.machine import DeviceChoice
from aira_dsl.utils.options import Context, Options

Precision = Literal["fp32", "bf16", "fp8"]

ELEMENT_BYTES: dict[Precision, int] = {"fp32": 4, "bf16": 2, "fp8": 1}
"""Bytes of a weight, an activation, a key or a value; recurrent states take 4 at least."""


class WorkloadOptions(Options):
    """Workload."""

    context: Context | None = None
    """Tokens of each sequence: of the prompt, and before a decoded token (default: the file's)."""

    batch: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    """Number of sequences that are processed at once."""

    precision: Precision | None = None
    """Precision of weights, activations and caches (default: bf16 on GPUs, fp32 on a CPU)."""


class MeasurementOptions(Options):
    """Measurement."""

    device: DeviceChoice = "auto"
    """Device that is measured; auto: a GPU if there is one."""

    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of threads (default: one a core)."""

    rounds: Annotated[int, Field(ge=1, le=1000)] = 10
    """Number of times that everything is timed; the least time counts."""


class MeasuredOptions(WorkloadOptions, MeasurementOptions):
    """Options of a measurement on this machine."""
