"""Latency and memory of a design on a device, part by part."""

from dataclasses import dataclass
from typing import Literal

from aira_dsl.evaluation.latency.memory import Memory
from aira_dsl.evaluation.latency.options import Precision

Bound = Literal["compute", "memory"]
"""What limits a part in a roofline: arithmetic or memory traffic."""

Phase = Literal["prefill", "decode"]
PHASES: tuple[Phase, ...] = ("prefill", "decode")

ENDS = "ends"
"""Name of the part outside of the layers: embedding, final norm, head."""


@dataclass(frozen=True)
class Seconds:
    """Time of prefill and of decoding.

    Attributes:
        prefill: seconds from the prompts of a batch to the logits after their last tokens.
        decode: seconds of one decoding step, a token for each sequence, after `context` tokens.
    """

    prefill: float
    decode: float

    def __add__(self, other: "Seconds") -> "Seconds":
        return Seconds(self.prefill + other.prefill, self.decode + other.decode)

    def __mul__(self, times: float) -> "Seconds":
        return Seconds(self.prefill * times, self.decode * times)


@dataclass(frozen=True)
class Part:
    """All layers of one block, or `ENDS`.

    Attributes:
        name: name of the block, or `ENDS`.
        kind: the block's primitive; empty for the ends.
        layers: number of layers.
        seconds: of all these layers.
        bounds: what limits prefill and decoding in a roofline; None if measured.
    """

    name: str
    kind: str
    layers: int
    seconds: Seconds
    bounds: tuple[Bound, Bound] | None = None


@dataclass(frozen=True)
class Latency:
    """How fast a device prefills and decodes, and what fits in its memory.

    Attributes:
        device: name of the GPU in gpus.toml, or `cpu` or `cuda` for this machine.
        title: the device in words.
        method: `roofline` computes the least time that peak figures allow, so speeds are upper
            bounds; `measured` adds up times of blocks that were measured on the device.
        precision: of weights, activations and caches.
        context: tokens of each sequence.
        batch: number of sequences.
        parts: times of the parts; the sum is the prediction for the stack.
        memory: what decoding needs and what fits.
        whole: time of the whole stack, if that was measured, too.
    """

    device: str
    title: str
    method: Literal["roofline", "measured"]
    precision: Precision
    context: int
    batch: int
    parts: tuple[Part, ...]
    memory: Memory
    whole: Seconds | None = None

    @property
    def seconds(self) -> Seconds:
        """Predicted time of the stack: the sum of its parts."""
        return sum((part.seconds for part in self.parts), Seconds(0.0, 0.0))

    @property
    def prefill_tokens_per_second(self) -> float:
        """Tokens of prompts that are read a second."""
        return self.batch * self.context / self.seconds.prefill

    @property
    def decode_tokens_per_second(self) -> float:
        """Tokens that are written a second, all sequences together."""
        return self.batch / self.seconds.decode

    def error(self, phase: Phase) -> float:
        """Return predicted / measured - 1 of the whole stack, which must have been measured."""
        assert self.whole is not None
        return float(getattr(self.seconds, phase) / getattr(self.whole, phase)) - 1
