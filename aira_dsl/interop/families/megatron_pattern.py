"""Megatron-LM's hybrid layer pattern -> kinds of layers, and an architecture from them."""

from aira_dsl.architecture import MAX_LAYERS, SETTINGS, Architecture, SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import SYMBOLS

_OTHER = {
    "/": "begins multi-token prediction",
    "G": "is a gated delta net",
    "E": "is a mixture of experts",
    "D": "is sparse attention",
    "+": "is latent attention",
}
_LAYOUT = str.maketrans("", "", "|[]\\ \"'")
"""Characters of a pattern that are layout: pipeline stages, fused layers, the shell's escapes."""


def pattern_kinds(pattern: str) -> list[str]:
    """Return the kind of every layer of a pattern.

    Raises:
        InputError: E0520, a symbol that stands for something else, no layers or too many.
    """
    kinds = {symbol: kind for kind, symbol in SYMBOLS.items()}
    symbols = pattern.strip()
    for column, symbol in enumerate(symbols, 1):
        if symbol.translate(_LAYOUT) and symbol not in kinds:
            raise InputError(
                "E0520",
                f"character {column} of the pattern, {symbol!r}, "
                f"{_OTHER.get(symbol, 'is not a symbol of Megatron-LM')}",
                help="M (Mamba-2), * (attention) and - (MLP) can be read",
            )
    layers = symbols.translate(_LAYOUT)
    if not 1 <= len(layers) <= MAX_LAYERS:
        message = f"the pattern has {len(layers):,} layers, not 1 to {MAX_LAYERS:,}"
        raise InputError("E0520", message)
    return [kinds[symbol] for symbol in layers]


def with_dimensions_of(
    like: Architecture | SpaceDefinition, kinds: list[str], name: str
) -> Architecture:
    """Return an architecture of these kinds with the dimensions and blocks of another.

    Raises:
        InputError: E0522, `like` has no block of a kind, or several.
    """
    names = {kind: _block_of(like, kind) for kind in dict.fromkeys(kinds)}
    layers = tuple(names[kind] for kind in kinds)
    shared = {key: getattr(like, key) for key in SETTINGS}
    blocks = {key: block for key, block in like.blocks.items() if key in layers}
    return Architecture(name=name, **shared, blocks=blocks, layers=layers)


def _block_of(like: Architecture | SpaceDefinition, kind: str) -> str:
    names = [name for name, block in like.blocks.items() if block.kind == kind]
    if len(names) != 1:
        found = f"several {kind} blocks ({', '.join(names)})" if names else f"no {kind} block"
        message = f"{like.name} has {found}, and the pattern needs one"
        raise InputError("E0522", message, help="give a file with one block of each kind")
    return names[0]
