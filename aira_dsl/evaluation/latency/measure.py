"""Times of blocks and of whole stacks on this machine.

The time of a layer depends on its neighbours: they evict its weights and its code from the caches
of the processor, so a block alone, again and again, is several percent faster than the same block
in a hybrid. Blocks are therefore measured in a mixture, a stack of all of them in turn, forwards
and backwards, layer by layer.

The modules are the reference modules in inference mode. All stacks run in turn, in several rounds,
so that drift of the machine meets all of them. Of a layer of the mixture, and of a whole stack, the
least time counts, since whatever else the machine does only adds to it.

Shapes: B batch, L length, D model width, V vocabulary.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from typing import Any

import torch
from torch import Tensor

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.predict import BlockTimes
from aira_dsl.evaluation.latency.result import PHASES, Phase, Seconds
from aira_dsl.models import build
from aira_dsl.models.precision import DTYPES
from aira_dsl.primitives.common.cache import LayerCache
from aira_dsl.utils.machine import Device, Precision

SAMPLE = 0.05
"""Seconds that prefill, or decoding, of one stack runs in a round, at least."""

MIXTURE_BYTES = 1 << 28
"""Weights of the mixture at most, unless its shortest form has more: beyond processors' caches."""


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
    depth = min(max(map(len, stacks)), _most_layers(architecture, names, setting))
    mixed = mixture(names, depth)
    runs = [Stack(architecture.replace(layers=tuple(each)), setting) for each in (mixed, *stacks)]
    for _ in range(setting.rounds):
        for run in runs:
            run.sample()
    return _block_times(mixed, runs[0]), [run.least for run in runs[1:]]


def mixture(names: Sequence[str], depth: int) -> list[str]:
    """Return a stack of all blocks, in turn forwards and backwards.

    Args:
        names: the blocks.
        depth: number of layers; every block has two at least, whatever it is.
    """
    period = [*names, *reversed(names)]
    return list(islice(cycle(period), max(depth, len(period))))


def _most_layers(architecture: Architecture, names: Sequence[str], setting: Setting) -> int:
    """Return how many layers have `MIXTURE_BYTES` of weights."""
    weights = max(architecture.block_of(name).parameters(architecture.width) for name in names)
    return MIXTURE_BYTES // (weights * DTYPES[setting.precision].itemsize)


def _block_times(layers: Sequence[str], run: "Stack") -> BlockTimes:
    """Return the mean of all layers of each block; the ends are the first and the last lap."""
    first, *laps, last = run.laps
    blocks = {}
    for name in dict.fromkeys(layers):
        own = [lap for each, lap in zip(layers, laps, strict=True) if each == name]
        blocks[name] = sum(own, Seconds(0.0, 0.0)) * (1 / len(own))
    return BlockTimes(first + last, blocks)


class Stack:
    """A stack that is ready to run, with the caches that a prompt leaves.

    Args:
        architecture: its layers.
        setting: how it is run.
    """

    def __init__(self, architecture: Architecture, setting: Setting) -> None:
        self.model = build(
            architecture, device=setting.device, dtype=DTYPES[setting.precision]
        ).eval()
        self.device = setting.device
        shape = (setting.batch, setting.context)
        generator = torch.Generator().manual_seed(0)
        tokens_BL = torch.randint(architecture.vocab, shape, generator=generator)
        self.prompts_BL = tokens_BL.to(setting.device)
        self.caches = self._new_caches()
        self.logits(self.prompts_BL, self.caches, Laps(setting.device))
        self._seen: dict[Phase, list[list[float]]] = {phase: [] for phase in PHASES}

    @property
    def laps(self) -> list[Seconds]:
        """The least time of the embedding, of each layer, and of norm and head."""
        columns = (map(min, zip(*self._seen[phase], strict=True)) for phase in PHASES)
        return [Seconds(*pair) for pair in zip(*columns, strict=True)]

    @property
    def least(self) -> Seconds:
        """The least time of the whole."""
        return Seconds(*(min(map(sum, self._seen[phase])) for phase in PHASES))

    def sample(self) -> None:
        """Time prefill, then decoding, each again and again for a while."""
        for phase in PHASES:
            self._run(phase)  # warms up the processor's caches
            runs = [self._run(phase)]
            while sum(map(sum, runs)) < SAMPLE:
                runs.append(self._run(phase))
            self._seen[phase] += runs

    @torch.inference_mode()
    def logits(self, tokens_BL: Tensor, caches: Sequence[LayerCache], laps: "Laps") -> Tensor:
        """Return logits_BV after the last token; the caches hold all tokens afterwards."""
        laps.mark()
        x_BLD = self.model.embedding(tokens_BL)
        laps.mark()
        for layer, cache in zip(self.model.stack, caches, strict=True):
            x_BLD = layer(x_BLD, cache)
            laps.mark()
        logits_BV: Tensor = self.model.head(self.model.norm(x_BLD[:, -1]))
        laps.mark()
        return logits_BV

    def _run(self, phase: Phase) -> list[float]:
        """Read the prompts, or decode a token after them; return the time of each lap."""
        laps = Laps(self.device)
        if phase == "prefill":
            self.logits(self.prompts_BL, self._new_caches(), laps)
        else:  # copies: a mixer replaces the tensors of a cache, so the next token comes there, too
            caches = [copy.copy(cache) for cache in self.caches]
            self.logits(self.prompts_BL[:, -1:], caches, laps)
        return laps.seconds()

    def _new_caches(self) -> list[LayerCache]:
        return [layer.mixer.new_cache(len(self.prompts_BL)) for layer in self.model.stack]


class Laps:
    """Times between marks, on the clock of the device."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._marks: list[Any] = []

    def mark(self) -> None:
        """Note the time; on a GPU, when it gets here."""
        if self._device == "cpu":
            self._marks.append(time.perf_counter())
        else:
            self._marks.append(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
            self._marks[-1].record()

    def seconds(self) -> list[float]:
        """Return the seconds between one mark and the next."""
        if self._device == "cpu":
            return [after - before for before, after in pairwise(self._marks)]
        torch.cuda.synchronize()
        return [before.elapsed_time(after) / 1e3 for before, after in pairwise(self._marks)]
