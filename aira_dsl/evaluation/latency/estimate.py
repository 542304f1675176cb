"""`latency`: how fast a design runs on a GPU, and whether it fits."""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.evaluation.latency.gpus import Gpu, find_gpu
from aira_dsl.evaluation.latency.memory import Memory
from aira_dsl.evaluation.latency.options import WorkloadOptions
from aira_dsl.evaluation.latency.result import Latency
from aira_dsl.evaluation.latency.roofline import roofline
from aira_dsl.utils.formatting import binary
from aira_dsl.utils.options import options_of


def latency(architecture: Architecture, gpu: str, **options: Any) -> Latency:
    """Estimate the speed and the memory of decoding on a GPU.

    Args:
        architecture: what is decoded; `architecture.at("1b")` for one of its scales.
        gpu: name of the GPU in gpus.toml, such as `h100` or `rtx-4090`.
        options: fields of `WorkloadOptions`: `context`, `batch`, `precision`.

    Raises:
        UsageError: E1701, unknown GPU; E1702, the GPU lacks the precision; E0808, a value that an
            option does not accept.
        InputError: E1703, weights, caches and states do not fit in its memory.
    """
    found = on_gpu(architecture, find_gpu(gpu), options_of(WorkloadOptions, options))
    require_fit(architecture, found)
    return found


def on_gpu(architecture: Architecture, gpu: Gpu, options: WorkloadOptions) -> Latency:
    """Estimate by roofline, whether the design fits or not.

    Raises:
        UsageError: E1702, the GPU lacks the precision.
    """
    return roofline(
        architecture,
        gpu,
        context=options.context or architecture.context,
        batch=options.batch,
        precision=options.precision or "bf16",
    )


def require_fit(architecture: Architecture, found: Latency) -> None:
    """Raise InputError E1703 if a design does not fit in the memory of a device."""
    require_room(architecture, found.memory, found.title, context=found.context, batch=found.batch)


def require_room(
    architecture: Architecture, memory: Memory, title: str, *, context: int, batch: int
) -> None:
    """Raise InputError E1703 if a memory has no room for a design; `title` names its device."""
    if memory.capacity is None or memory.fits:
        return
    limits = {
        f"the longest context that fits at batch {batch:,}": memory.longest_context,
        f"the largest batch that fits at context {context:,}": memory.largest_batch,
    }
    advice = "; ".join(f"{words} is {limit:,}" for words, limit in limits.items() if limit)
    if memory.weights > memory.capacity:
        advice = "the weights alone do not fit: choose a smaller scale or another precision"
    raise InputError(
        "E1703",
        f"{architecture.name} needs {binary(memory.needed)} (weights {binary(memory.weights)}, "
        f"caches and states {binary(memory.cache + memory.state)}), "
        f"{title} has {binary(memory.capacity)}",
        help=advice or "use a smaller batch and a shorter context",
    )
