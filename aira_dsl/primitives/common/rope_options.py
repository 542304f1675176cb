"""How rotary positions differ from plain ones: partial, interleaved, stretched to long contexts.

Free of torch; `rope.py` computes with it. Sources: llama3 is Llama 3.1's, yarn is arXiv 2309.00071,
linear is arXiv 2306.15595, proportional is Gemma 4's, all as transformers computes them.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

Scaling = Literal["llama3", "yarn", "linear", "proportional"]
"""How frequencies change for contexts longer than those of the training."""

NEEDED: dict[Scaling, tuple[str, ...]] = {
    "llama3": ("rope_factor", "rope_original"),
    "yarn": ("rope_factor", "rope_original"),
    "linear": ("rope_factor",),
    "proportional": (),
}
"""Parameters that a scaling cannot do without."""

USED: dict[Scaling, tuple[str, ...]] = {
    "llama3": ("rope_factor", "rope_original", "rope_low", "rope_high"),
    "yarn": (
        "rope_factor", "rope_original", "rope_low", "rope_high", "rope_attention", "rope_truncate",
    ),
    "linear": ("rope_factor",),
    "proportional": ("rope_factor",),
}  # fmt: skip
"""Parameters that a scaling looks at."""

OF_SCALING = tuple(dict.fromkeys(name for names in USED.values() for name in names))
"""Parameters of all scalings."""


class Scaled(Protocol):
    """A block with parameters of a scaling; at least these."""

    @property
    def rope_scaling(self) -> Scaling | None:
        """The rule, if there is one."""

    @property
    def rope_low(self) -> float | None:
        """Turns up to which a frequency is stretched."""

    @property
    def rope_high(self) -> float | None:
        """Turns from which a frequency stays."""


@dataclass(frozen=True, slots=True)
class RopeOptions:
    """Options of a rotation; the defaults are plain RoPE.

    Attributes:
        rotary: part of a head's channels that is rotated, the first ones.
        interleaved: whether channels 2i and 2i + 1 form a pair, and not i and i + half.
        scaling: how frequencies change; None for not at all.
        factor: what frequencies are divided by.
        original: the context that the model was trained on.
        low, high: between these numbers of turns over `original` a frequency is changed in part;
            below it is divided by `factor`, above it stays.
        attention: factor of queries and keys (yarn), which sharpens the softmax.
        truncate: whether yarn rounds the ends of its ramp to whole channels.
    """

    rotary: float = 1.0
    interleaved: bool = False
    scaling: Scaling | None = None
    factor: float = 1.0
    original: int = 0
    low: float = 1.0
    high: float = 1.0
    attention: float = 1.0
    truncate: bool = True

    def channels(self, head_dim: int) -> int:
        """Count the channels of a head that take part in the rotation."""
        return head_dim if self.scaling == "proportional" else int(head_dim * self.rotary)


def scaling_defaults(scaling: Scaling | None, factor: float | None) -> dict[str, float]:
    """Return the values of parameters that follow from a scaling where they are left out."""
    if scaling == "llama3":
        return {"rope_low": 1.0, "rope_high": 4.0}
    if scaling == "yarn":
        attention = 0.1 * math.log(factor or 1.0) + 1.0
        return {"rope_low": 1.0, "rope_high": 32.0, "rope_attention": attention}
    return {"rope_factor": 1.0} if scaling == "proportional" else {}


def scaling_problems(block: Scaled, used: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Check the parameters of a scaling; each problem is (field, message, help).

    Args:
        block: a block with rotary positions, its defaults filled in.
        used: names of its options that were given.
    """
    scaling = block.rope_scaling
    taken = USED[scaling] if scaling else ()
    for name in OF_SCALING:
        if name in used and name not in taken:
            with_it = [each for each in USED if name in USED[each]]
            asked = f"rope_scaling is {scaling}" if scaling else "there is no rope_scaling"
            help_text = f"leave it out, or add rope_scaling {' or '.join(with_it)}"
            yield name, f"{name} has no effect: {asked}", help_text
    for name in NEEDED[scaling] if scaling else ():
        if name not in used:
            yield "rope_scaling", f"rope_scaling {scaling} needs {name}", f"add {name}"
    low, high = block.rope_low, block.rope_high
    if low is not None and high is not None and low >= high:
        message = f"rope_low {low:g} is not below rope_high {high:g}"
        yield "rope_low" if "rope_low" in used else "rope_high", message, "make it smaller"
