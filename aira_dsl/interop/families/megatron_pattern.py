"""Megatron-LM's hybrid layer pattern -> kinds of layers, and an architecture from them."""

from aira_dsl.architecture import MAX_LAYERS, SETTINGS, Architecture, SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import SYMBOLS

_KINDS = {**{symbol: kind for kind, symbol in SYMBOLS.items()}, "+": "mla"}
"""Symbols that can be read; those that can be written, too, are in `SYMBOLS`."""

_SPARSE = frozenset("DCHW")
"""Latent attention that chooses its tokens, or compresses them, as in DeepSeek V3.2 and V4."""

_MODULE = "/"
"""Begins a module for multi-token prediction."""

_LAYOUT = str.maketrans("", "", "|[]\\ \"'")
"""Characters of a pattern that are layout: pipeline stages, fused layers, the shell's escapes."""


def pattern_kinds(pattern: str) -> tuple[list[str], list[list[str]]]:
    """Return the kind of every layer of a pattern, and those of modules for multi-token prediction.

    Raises:
        InputError: E0520, a symbol that stands for something else, no layers or too many.
    """
    symbols = pattern.strip()
    for column, symbol in enumerate(symbols, 1):
        if symbol.translate(_LAYOUT) and symbol not in {*_KINDS, _MODULE}:
            other = "is sparse attention" if symbol in _SPARSE else "is not a symbol of Megatron-LM"
            raise InputError(
                "E0520",
                f"character {column} of the pattern, {symbol!r}, {other}",
                help="M (Mamba-2), * (attention), - (MLP), E (experts), G (gated delta net) and + "
                "(latent attention) can be read",
            )
    layers, *modules = symbols.translate(_LAYOUT).split(_MODULE)
    if not 1 <= len(layers) <= MAX_LAYERS:
        message = f"the pattern has {len(layers):,} layers, not 1 to {MAX_LAYERS:,}"
        raise InputError("E0520", message)
    kinds = [[_KINDS[symbol] for symbol in part] for part in (layers, *modules)]
    return kinds[0], kinds[1:]


def with_dimensions_of(
    like: Architecture | SpaceDefinition, kinds: list[str], mtp: list[str], name: str
) -> Architecture:
    """Return an architecture of these kinds with the dimensions and blocks of another.

    Args:
        like: the other one.
        kinds: of the layers.
        mtp: kinds of the layers for multi-token prediction.
        name: of the architecture.

    Raises:
        InputError: E0522, `like` has no block of a kind, or several.
    """
    names = {kind: _block_of(like, kind) for kind in dict.fromkeys([*kinds, *mtp])}
    shared = {key: getattr(like, key) for key in SETTINGS}
    return Architecture(
        name=name,
        **shared,
        blocks={key: block for key, block in like.blocks.items() if key in names.values()},
        layers=tuple(names[kind] for kind in kinds),
        mtp=tuple(names[kind] for kind in mtp),
    )


def _block_of(like: Architecture | SpaceDefinition, kind: str) -> str:
    names = [name for name, block in like.blocks.items() if block.kind == kind]
    if len(names) != 1:
        found = f"several {kind} blocks ({', '.join(names)})" if names else f"no {kind} block"
        message = f"{like.name} has {found}, and the pattern needs one"
        raise InputError("E0522", message, help="give a file with one block of each kind")
    return names[0]
