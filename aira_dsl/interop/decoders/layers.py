"""The order of layers in a config, and an architecture from layers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from aira_dsl.architecture import MAX_LAYERS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.parallel.spec import BAR

Layer = tuple[str, Primitive]
"""The name that a block shall have, and the block."""


@dataclass(frozen=True)
class Beside:
    """A parallel layer: blocks that read one norm, and whose outputs are added."""

    branches: tuple[Layer, ...]


FULL, LINEAR, SLIDING = "full_attention", "linear_attention", "sliding_attention"

_OLD_NAMES = {"mamba": LINEAR, "attention": FULL}
"""Words of older configs; what `linear_attention` means depends on the model_type."""

_EPSILONS = ("rms_norm_eps", "norm_eps", "layer_norm_eps", "layer_norm_epsilon")


def depth(config: ForeignConfig) -> int:
    """Return the number of decoder layers of a config without a list of them."""
    names = ("num_hidden_layers", "n_layer", "num_layers")
    count = config.integer(*names)
    if not 1 <= 2 * count <= MAX_LAYERS:
        name = config.named(*names)
        raise InputError("E0520", f"{name} is {count:,}, not 1 to {MAX_LAYERS // 2:,}")
    return count


def listed(
    config: ForeignConfig,
    words: Iterable[str],
    otherwise: Callable[[int], Sequence[str]],
    *,
    key: str = "layer_types",
) -> list[str]:
    """Return the kind of every layer: those of the list, or else those of a rule.

    The length of a list counts, whatever num_hidden_layers says, with a note.

    Args:
        config: the config.
        words: kinds that the family has.
        otherwise: returns the kinds of a number of layers if the config lists none.
        key: of the list.

    Raises:
        InputError: E0520, a kind that the family does not have, or a number out of range.
    """
    found = config.words(key)
    if found is None:
        return list(otherwise(depth(config)))
    names = [_OLD_NAMES.get(word, word) for word in found]
    allowed = tuple(words)
    for number, (name, word) in enumerate(zip(names, found, strict=True), 1):
        if name not in allowed:
            message = f"{key}: layer {number} is {word!r}, which this model_type does not have"
            raise InputError("E0520", message, help=f"its kinds are {', '.join(allowed)}")
    require_length(config, key, len(names))
    return names


def require_length(config: ForeignConfig, key: str, length: int) -> None:
    """Compare the length of a list with num_hidden_layers; the list counts, with a note."""
    if not 1 <= 2 * length <= MAX_LAYERS:
        raise InputError("E0520", f"{key} lists {length:,} layers, not 1 to {MAX_LAYERS // 2:,}")
    stated = None
    if "num_hidden_layers" in config.content:
        stated = config.optional("num_hidden_layers")
    if stated not in (None, length):
        config.account.notes.append(
            f"num_hidden_layers is {stated}, but {key} lists {length} layers: the list counts"
        )


def every(period: int, ordinary: str, last: str) -> Callable[[int], list[str]]:
    """Return the rule that the last of every `period` layers is of another kind."""
    return lambda count: [last if number % period == 0 else ordinary for number in _numbers(count)]


def paired(mixers: Sequence[Layer], feed_forward: Layer | list[Layer]) -> list[Layer]:
    """Return layers of which every mixer is followed by its feed-forward layer, or by the one."""
    each = feed_forward if isinstance(feed_forward, list) else [feed_forward] * len(mixers)
    return [layer for pair in zip(mixers, each, strict=True) for layer in pair]


def assemble(
    config: ForeignConfig,
    name: str,
    layers: Sequence[Layer | Beside],
    mtp: Sequence[Layer] = (),
    **settings: Any,
) -> Architecture:
    """Make an architecture of layers; equal blocks get one name.

    Args:
        config: where width, vocabulary, context, epsilon and tied embeddings are read.
        name: of the architecture.
        layers: in order.
        mtp: layers of a module for multi-token prediction.
        settings: of the architecture, by name.
    """
    branches = [each.branches if isinstance(each, Beside) else (each,) for each in layers]
    names = named([*(layer for each in branches for layer in each), *mtp])
    epsilon = next((key for key in _EPSILONS if config.take(key) is not None), _EPSILONS[0])
    context = config.optional("max_position_embeddings", "model_max_length")
    if context is None:
        config.account.notes.append("context 2048 is assumed: the config has no maximum")
    return config.build(
        Architecture,
        {"width": "hidden_size", "vocab": "vocab_size", "norm_eps": epsilon},
        name=name,
        width=config.size("hidden_size"),
        vocab=config.integer("vocab_size"),
        context=min(context or 2048, 1 << 24),
        tie_embeddings=config.flag("tie_word_embeddings", "tie_embedding", default=False),
        norm_eps=config.number(epsilon, default=1e-6),
        blocks={block_name: block for block, block_name in names.items()},
        layers=tuple(BAR.join(names[block] for _, block in each) for each in branches),
        mtp=tuple(names[block] for _, block in mtp),
        **settings,
    )


def named(layers: Sequence[Layer]) -> Mapping[Primitive, str]:
    """Return a name for every different block: the one asked for, with a number if it is taken."""
    names: dict[Primitive, str] = {}
    taken: set[str] = set()
    for wanted, block in layers:
        if block not in names:
            free = (f"{wanted}{number}" for number in count(2))
            names[block] = next(name for name in chain([wanted], free) if name not in taken)
            taken.add(names[block])
    return names


def _numbers(count: int) -> range:
    return range(1, count + 1)
