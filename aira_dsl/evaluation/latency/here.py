"""Latency of a design on this machine: its blocks are measured, and the whole stack to compare."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.latency.estimate import require_room
from aira_dsl.evaluation.latency.memory import memory_of
from aira_dsl.evaluation.latency.options import ELEMENT_BYTES, MeasuredOptions
from aira_dsl.evaluation.latency.predict import BlockTimes
from aira_dsl.evaluation.latency.result import ENDS, Latency, Part, Seconds
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs, run_all
from aira_dsl.utils.formatting import plural
from aira_dsl.utils.machine import Device, Precision, available_cores, free_memory
from aira_dsl.utils.options import options_of


def measure_latency(architecture: Architecture, **options: Any) -> Latency:
    """Measure how fast this machine prefills and decodes with a design.

    Args:
        architecture: what is measured; `architecture.at("1b")` for one of its scales.
        options: fields of `MeasuredOptions`.

    Raises:
        UsageError: E0808, a value that an option does not accept; E0632, there is no GPU; E1702,
            the precision is fp8.
        InputError: E1703, weights, caches and states do not fit in free memory.
        RunError: E0501, E0602, E1704, the measurement failed.
    """
    return measure_here(architecture, options_of(MeasuredOptions, options))


def measure_here(architecture: Architecture, options: MeasuredOptions) -> Latency:
    """Do what `measure_latency` does, with options as one value."""
    device, precision = _place(options)
    context = options.context or architecture.context
    memory = memory_of(
        architecture,
        context=context,
        batch=options.batch,
        element_bytes=ELEMENT_BYTES[precision],
        capacity=_capacity(device),
    )
    threads = options.threads or available_cores()
    title = _title(device, threads)
    require_room(architecture, memory, title, context=context, batch=options.batch)
    times, (whole,) = measure_stacks(architecture, [architecture.layers], options)
    return Latency(
        device=device,
        title=title,
        method="measured",
        precision=precision,
        context=context,
        batch=options.batch,
        parts=_parts(architecture, times),
        memory=memory,
        whole=whole,
    )


def measure_stacks(
    architecture: Architecture, stacks: Sequence[Sequence[str]], options: MeasuredOptions
) -> tuple[BlockTimes, list[Seconds]]:
    """Measure blocks and whole stacks of them in one process.

    Args:
        architecture: the design of the blocks.
        stacks: names of the layers of each stack.
        options: how they are run.

    Raises:
        UsageError: E0632, there is no GPU; E1702, the precision is fp8.
        RunError: E0501, E0602, E1704, the measurement failed.
    """
    device, precision = _place(options)
    threads = options.threads or available_cores()
    payload = {
        "architecture": architecture.model_dump(mode="json"),
        "stacks": [list(layers) for layers in stacks],
        "threads": threads,
        "setting": {
            "context": options.context or architecture.context,
            "batch": options.batch,
            "precision": precision,
            "device": device,
            "rounds": options.rounds,
        },
    }
    needs = Needs(cpus=threads, gpus=int(device == "cuda"))
    with closing(LocalPool(1)) as pool:
        job = Job("aira_dsl.evaluation.latency.worker:run", payload, needs)
        (outcome,) = run_all([job], pool)
    found = outcome.result("E1704", "the measurement")
    blocks = {name: Seconds(**each) for name, each in found["blocks"].items()}
    return BlockTimes(Seconds(**found["ends"]), blocks), [
        Seconds(**each) for each in found["stacks"]
    ]


def _place(options: MeasuredOptions) -> tuple[Device, Precision]:
    """Return where to measure, and in which precision."""
    from aira_dsl.models.precision import choose_device

    device = choose_device(options.device)
    if options.precision == "fp8":
        help_text = "use bf16 or fp32, or estimate with --gpu"
        raise UsageError("E1702", "there are no modules for fp8 to measure", help=help_text)
    return device, options.precision or ("bf16" if device == "cuda" else "fp32")


def _capacity(device: Device) -> int | None:
    """Return the free bytes of the memory of a device, or None if unknown."""
    if device == "cpu":
        return free_memory()
    import torch

    return torch.cuda.mem_get_info()[0]


def _title(device: Device, threads: int) -> str:
    if device == "cpu":
        from aira_dsl.models.precision import describe_processor

        return f"{describe_processor()['processor']}, {plural(threads, 'thread')}"
    import torch

    return torch.cuda.get_device_name()


def _parts(architecture: Architecture, times: BlockTimes) -> tuple[Part, ...]:
    counts = Counter(architecture.layers)
    parts = [
        Part(name, architecture.block_of(name).kind, count, times.blocks[name] * count)
        for name, count in counts.items()
    ]
    return (*parts, Part(ENDS, "", 1, times.ends))
