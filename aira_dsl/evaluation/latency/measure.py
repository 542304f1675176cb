"""Times of blocks and of whole stacks on this machine.

A block is measured in a stack of its own, whose layers have weights and caches each; the time of a
layer is that of the stack without embedding and head, divided by the number of layers. There are so
many layers that the stack touches as many bytes as a whole stack does: a single layer that runs
again and again would find its weights in the processor's cache.

The modules are the reference modules in inference mode. All stacks are timed in turn, in several
rounds, so that drift of the machine meets all of them; the least time of a stack counts, since
whatever else the machine does only adds to it.

Shapes: B batch, L length, D model width, V vocabulary.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.predict import BlockTimes
from aira_dsl.evaluation.latency.result import Seconds
from aira_dsl.models import build
from aira_dsl.models.precision import DTYPES
from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.utils.machine import Device, Precision

SAMPLE = 0.02
"""Seconds that one stack runs in a round, at least."""

STACK_BYTES = 1 << 28
"""Bytes that a stack of one block touches, at most: beyond the caches of processors."""

DEEPER = 4
"""How many times the layers of a whole stack a stack of one block has, at most."""


@dataclass(frozen=True)
class Setting:
    """How stacks are run.

    Attributes:
        context: tokens of each prompt, and before the decoded token.
        batch: number of sequences.
        precision: of weights, activations and caches.
        device: where.
        rounds: number of times that every stack is timed.
    """

    context: int
    batch: int
    precision: Precision
    device: Device
    rounds: int


def measure(
    architecture: Architecture, stacks: Sequence[Sequence[str]], setting: Setting
) -> tuple[BlockTimes, list[Seconds]]:
    """Measure the blocks of a design, and whole stacks of them.

    Args:
        architecture: the design; its own layers do not matter.
        stacks: names of the layers of each stack.
        setting: how they are run.

    Raises:
        RunError: E0501, weights do not fit in free memory.
    """
    names = list(dict.fromkeys(name for layers in stacks for name in layers))
    touched = {name: _touched(architecture, name, setting) for name in names}
    usual = sum(touched[name] for layers in stacks for name in layers) / len(stacks)
    deepest = DEEPER * max(map(len, stacks))
    alone = [
        (name,) * max(2, min(deepest, round(min(usual, STACK_BYTES) / touched[name])))
        for name in names
    ]
    runs = [Stack(architecture.replace(layers=tuple(each)), setting) for each in (*alone, *stacks)]
    ends = runs[0].without_layers()
    first, *times = _times([ends, *runs], setting)
    blocks = {
        name: (whole + first * -1) * (1 / len(layers))
        for name, layers, whole in zip(names, alone, times, strict=False)
    }
    return BlockTimes(first, blocks), times[len(names) :]


def _touched(architecture: Architecture, name: str, setting: Setting) -> int:
    """Return the bytes that a decoding step of one layer reads: weights, caches and states."""
    block, width = architecture.blocks[name], architecture.width
    size = DTYPES[setting.precision].itemsize
    kept = size * setting.context * block.kv_cache_elements(width) + block.state_bytes(width, size)
    return size * (block.parameters(width) + width) + setting.batch * kept


class Stack:
    """A stack that is ready to run, with the caches that a prompt leaves."""

    def __init__(self, architecture: Architecture, setting: Setting) -> None:
        self.model = build(
            architecture, device=setting.device, dtype=DTYPES[setting.precision]
        ).eval()
        self.layers = self.model.stack
        shape = (setting.batch, setting.context)
        generator = torch.Generator().manual_seed(0)
        tokens_BL = torch.randint(architecture.vocab, shape, generator=generator)
        self.prompts_BL = tokens_BL.to(setting.device)
        self.caches = self.prefill()

    def without_layers(self) -> "Stack":
        """Return the embedding and the head alone."""
        ends = copy.copy(self)
        ends.layers, ends.caches = [], []
        return ends

    def prefill(self) -> list[LayerCache]:
        """Read the prompts; return what decoding continues from."""
        caches = [layer.mixer.new_cache(len(self.prompts_BL)) for layer in self.layers]
        self.logits(self.prompts_BL, caches)
        return caches

    def decode(self) -> None:
        """Decode one token of each sequence; always the same one, for a mixer replaces tensors."""
        self.logits(self.prompts_BL[:, -1:], [copy.copy(cache) for cache in self.caches])

    @torch.inference_mode()
    def logits(self, tokens_BL: Tensor, caches: Sequence[LayerCache]) -> Tensor:
        """Return logits_BV after the last token; the caches hold all tokens afterwards."""
        x_BLD = self.model.embedding(tokens_BL)
        for layer, cache in zip(self.layers, caches, strict=True):
            x_BLD = layer(x_BLD, cache)
        logits_BV: Tensor = self.model.head(self.model.norm(x_BLD[:, -1]))
        return logits_BV


def _times(runs: Sequence[Stack], setting: Setting) -> list[Seconds]:
    """Return the least times of each stack."""
    best = [[float("inf"), float("inf")] for _ in runs]
    for _ in range(setting.rounds):
        for run, least in zip(runs, best, strict=True):
            for phase, call in enumerate((run.prefill, run.decode)):
                least[phase] = min(least[phase], _time(call, setting.device))
    return [Seconds(*least) for least in best]


def _time(call: Callable[[], object], device: Device) -> float:
    """Return the least time of a call among those that fit in a sample."""
    call()  # not timed: it warms up caches of the processor, as the call before it would in use
    best, until = float("inf"), time.perf_counter() + SAMPLE
    while True:
        started = time.perf_counter()
        call()
        if device == "cuda":
            torch.cuda.synchronize()
        ended = time.perf_counter()
        best = min(best, ended - started)
        if ended >= until:
            return best
