"""Architecture -> the TransformerConfig of OLMo-core 3.

A block there is a sequence mixer and a feed-forward layer together, so only architectures can be
written in which every attention layer is followed by one SwiGLU layer, and nothing else. The
pattern is the shortest period, which OLMo-core repeats up to `n_layers`.
"""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.interop.expressible import kinds_without_a_form, require_expressible
from aira_dsl.primitives import MLP, Attention

ATTENTION = "attention"
"""Registered name of AttentionConfig, by which OLMo-core finds the class of a mixer."""


def to_olmo(architecture: Architecture) -> dict[str, Any]:
    """Return what `TransformerConfig.from_dict` of OLMo-core takes.

    Raises:
        InputError: E0510, OLMo-core cannot express it.
    """
    reasons = unsupported(architecture)
    require_expressible("OLMo-core", architecture, reasons, "use --emit python or hf")
    layers = architecture.layers
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    names = [f"{attention}+{mlp}" for attention, mlp in pairs]
    return {
        "d_model": architecture.width,
        "vocab_size": architecture.vocab,
        "n_layers": len(pairs),
        "block": {f"{a}+{m}": _block(architecture, a, m) for a, m in pairs},
        "block_pattern": names[: _period(names)],
        "lm_head": {"layer_norm": _norm(architecture), "bias": False},
        "tie_word_embeddings": architecture.tie_embeddings,
    }


def unsupported(architecture: Architecture) -> list[str]:
    """Return why OLMo-core cannot express an architecture; empty if it can."""
    blocks = [architecture.block_of(name) for name in architecture.layers]
    kinds = [block.kind for block in blocks]
    reasons = kinds_without_a_form(architecture, ("attention", "mlp"))
    if not reasons and (kinds != ["attention", "mlp"] * (len(kinds) // 2) or len(kinds) % 2):
        reasons.append("its layers do not alternate between attention and mlp")
    if any(isinstance(block, MLP) and block.activation != "swiglu" for block in blocks):
        reasons.append("an mlp is not gated (swiglu)")
    bases = {block.rope for block in blocks if isinstance(block, Attention) and block.rope}
    reasons += [f"its rotary base {base} is not whole" for base in bases if not base.is_integer()]
    return reasons


def _block(architecture: Architecture, attention: str, mlp: str) -> dict[str, Any]:
    a, m = architecture.blocks[attention], architecture.blocks[mlp]
    assert isinstance(a, Attention), "checked before"
    assert isinstance(m, MLP), "checked before"
    return {
        "name": "default",
        "sequence_mixer": {
            "type": ATTENTION,
            "name": "default",
            "n_heads": a.heads,
            "n_kv_heads": a.kv_heads,
            "head_dim": a.head_dim,
            "bias": False,
            "rope": None if a.rope is None else {"name": "default", "theta": int(a.rope)},
        },
        "feed_forward": {"name": "default", "hidden_size": m.hidden, "bias": False},
        "layer_norm": _norm(architecture),
    }


def _norm(architecture: Architecture) -> dict[str, Any]:
    return {"name": "rms", "eps": architecture.norm_eps, "bias": False}


def _period(names: list[str]) -> int:
    """Return the length of the shortest prefix whose repeats give the whole."""
    return next(
        n
        for n in range(1, len(names) + 1)
        if len(names) % n == 0 and names == names[:n] * (len(names) // n)
    )
