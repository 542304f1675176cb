"""Architecture -> one Python file that needs only torch."""

import textwrap

from aira_dsl.architecture import Architecture
from aira_dsl.interop.standalone.source import (
    layers_expression,
    mixer_parts,
    part,
    require_mixers,
    used_blocks,
)
from aira_dsl.version import __version__

_IMPORTS = """\
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
"""


def to_python(architecture: Architecture) -> str:
    """Return the source of a module whose `Model` is this architecture.

    Its state dict has the names and shapes of ours, so weights move both ways:
    `Model().load_state_dict(aira_dsl.build(architecture).state_dict())`.

    Raises:
        InputError: E0510, a kind of block has no standalone code.
    """
    require_mixers(architecture, "python")
    return "\n\n".join([_head(architecture), *mixer_parts(architecture), _tail(architecture)])


def _head(architecture: Architecture) -> str:
    shape = f"{architecture.depth} layers of width {architecture.width}, {architecture.pattern}"
    legend = "Shapes: B batch, L length, D width, H heads, P head size, N state size."
    title = textwrap.fill(f"{architecture.name}: {shape}", 98, subsequent_indent="    ")
    made = (
        f"Made by aira-dsl {__version__} from architecture {architecture.fingerprint}; needs torch."
    )
    return f'"""{title}\n\n{made}\n\n{legend}\n"""\n\n{_IMPORTS}'


def _tail(architecture: Architecture) -> str:
    blocks = []
    for name in used_blocks(architecture):
        block = architecture.blocks[name]
        dumped = block.model_dump(exclude={"kind"})  # without options that are not used
        parameters = ", ".join(f"{key}={_literal(value)}" for key, value in dumped.items())
        blocks.append(f'    "{name}": ({type(block).__name__}, dict({parameters})),')
    layers = layers_expression(architecture)
    if len(layers) > 88:
        inner = textwrap.fill(layers, 94, initial_indent="    ", subsequent_indent="    ")
        layers = f"(\n{inner}\n)"
    sizes = f"{architecture.width}, {architecture.vocab}, {architecture.norm_eps!r}"
    scales = f"{architecture.embedding_scale!r}, {architecture.logit_scale!r}"
    constants = [
        f"WIDTH, VOCAB, NORM_EPS = {sizes}",
        f'NORM_KIND = "{architecture.norm_kind}"',
        f"TIE_EMBEDDINGS = {architecture.tie_embeddings}",
        f"EMBEDDING_SCALE, LOGIT_SCALE = {scales}",
        f"SOFTCAP: float | None = {architecture.softcap!r}",
        "BLOCKS = {\n" + "\n".join(blocks) + "\n}",
        f"LAYERS = {layers}",
        f"ORDER = {_order(architecture)}  # numbers of the weights of each layer",
    ]
    return "\n".join(constants) + "\n\n\n" + part("standalone")


def _order(architecture: Architecture) -> str:
    sets = architecture.weight_sets(architecture.layers)
    return "list(range(len(LAYERS)))" if max(sets) + 1 == len(sets) else str(list(sets))


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
