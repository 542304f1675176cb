"""Random changes of an architecture: other values of its blocks, its settings and its order."""

import random
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from aira_dsl.architecture import Architecture
from aira_dsl.primitives.base import Primitive

_FLAGS = [True, False]
_SCALED = {"rope_factor": 4.0, "rope_original": 16}
_YARN = {**_SCALED, "rope_scaling": "yarn"}
_LLAMA = {**_SCALED, "rope_scaling": "llama3", "rope_low": 1.0, "rope_high": 4.0}
_ACTIVATIONS = [
    "relu", "relu2", "gelu", "silu", "swiglu", "geglu", "geglu_exact", "reglu", "swiglu_clamped",
]  # fmt: skip

VALUES: dict[str, list[Any]] = {
    # of every block
    "norm": ["pre", "post", "sandwich", "stream", None],
    "stream_scale": [0.5, 1.0],
    "residual_scale": [0.5, 1.0],
    "bias": [True, False, None, "qkv", "output", "all"],
    "conv": [2, 3],
    "scale": [0.3, 2.5, None],
    "norm_eps": [1e-3, None],
    # of attention
    "kv_heads": [1, 4],
    "heads": [2, 8],
    "head_dim": [4, 8, 12],
    "rope": [None, 500.0],
    "window": [7, None],
    "chunk": [8, None],
    "value_dim": [4, 7],
    "rotary": [0.5, 1.0],
    "interleaved": _FLAGS,
    "qk_norm": [None, "head", "width", "l2"],
    "value_norm": _FLAGS,
    "gate": ["head", "element", None],
    "sinks": _FLAGS,
    "softcap": [3.0, None],
    "keys_are_values": _FLAGS,
    "value_scale": [0.5, None],
    "rope_scaling": [
        _YARN, {**_YARN, "rope_attention": 1.3, "rope_truncate": False, "rope_low": 2.0}, _LLAMA,
        {"rope_scaling": "linear", "rope_factor": 2.0},
    ],
    # of mlp and moe
    "hidden": [24],
    "activation": _ACTIVATIONS,
    "clamp": [1.0, None],
    "experts": [6],
    "top": [1, 3],
    "router": ["softmax", "sigmoid", "topk_softmax", "sigmoid_input"],
    "renormalize": _FLAGS,
    "groups": [{"groups": 2, "top_groups": 1}],
    "correction_bias": _FLAGS,
    "shared": [12, 24, 7],
    "shared_gate": _FLAGS,
    "latent": [8, None],
    "router_bias": _FLAGS,
    # of recurrences and convolutions
    "inner": [32, 48, 96],
    "state": [3, 4],
    "gated_norm": ["gate_first", "norm_first", None],
    "conv_bias": _FLAGS,
    "dt_min": [0.01, None],
    "dt_max": [0.2, None],
    "dt_rank": [7],
    "norms": ["rms", "weightless", None],
    "key_heads": [1, 4],
    "value_heads": [2, 8],
    "key_dim": [4],
    "negative_eigenvalues": _FLAGS,
    "rank": [4, None],
    "decay_scale": [0.5],
    "lower_bound": [5.0, None],
    "q_rank": [7, None],
    "kv_rank": [9],
    "nope_dim": [4],
    "rope_dim": [4],
}  # fmt: skip
"""Values of the fields of blocks; a mapping changes several fields."""

SETTINGS: dict[str, list[Any]] = {
    "width": [48],
    "vocab": [50, 256],
    "context": [128],
    "tie_embeddings": _FLAGS,
    "norm_eps": [1e-3],
    "norm_kind": ["rms", "layer", "layer_no_bias"],
    "embedding_scale": [3.0],
    "logit_scale": [0.5],
    "softcap": [5.0, None],
}


def changed(architecture: Architecture, seed: int) -> Iterator[Architecture]:
    """Yield architectures with one to three legal changes, without end."""
    rng = random.Random(seed)
    while True:
        try:
            found = architecture
            for _ in range(rng.randint(1, 3)):
                found = rng.choice([_block, _block, _block, _setting, _order])(found, rng)
        except (ValidationError, ValueError):
            continue
        yield found


def _block(architecture: Architecture, rng: random.Random) -> Architecture:
    """Change a field of a block, or of all blocks that have it."""
    block = rng.choice(list(architecture.blocks.values()))
    field = rng.choice([name for name in type(block).model_fields if name in VALUES])
    value = rng.choice(VALUES[field])
    new = value if isinstance(value, dict) else {field: value}
    chosen = rng.choice([[block], list(architecture.blocks.values())])
    blocks = {
        name: _with(each, new) if each in chosen and field in type(each).model_fields else each
        for name, each in architecture.blocks.items()
    }
    return architecture.replace(blocks=blocks)


def _with(block: Primitive, new: dict[str, Any]) -> Primitive:
    fields = {name: getattr(block, name) for name in type(block).model_fields}
    return type(block)(**{**fields, **new})


def _setting(architecture: Architecture, rng: random.Random) -> Architecture:
    field = rng.choice(list(SETTINGS))
    return architecture.replace(**{field: rng.choice(SETTINGS[field])})


def _order(architecture: Architecture, rng: random.Random) -> Architecture:
    """Draw one to five layers, or pairs of a layer at an even and one at an odd place."""
    layers = architecture.layers
    mixers, others = layers[0::2], layers[1::2] or layers
    drawn = [rng.choice(half) for _ in range(rng.randint(1, 5)) for half in (mixers, others)]
    return architecture.replace(layers=tuple(drawn))
