"""Architecture <-> the named blocks and block pattern of OLMo-core.

A block there is a sequence mixer and a feed-forward layer together, so only architectures can be
written in which every attention layer is followed by one SwiGLU layer, and nothing else; it has no
Mamba-2. The pattern is the shortest period: OLMo-core repeats it up to `n_layers`.
"""

from typing import Any

from aira_dsl.architecture import MAX_LAYERS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.refusal import reading_config, refuse
from aira_dsl.primitives import MLP, Attention
from aira_dsl.primitives.registry import Block


def to_olmo(architecture: Architecture) -> dict[str, Any]:
    """Return the parts of an OLMo-core transformer config that an architecture decides.

    Raises:
        InputError: E0510, OLMo-core can not express it.
    """
    reasons = _problems(architecture)
    refuse("OLMo-core", architecture, reasons, "use --emit python or hf")
    layers = architecture.layers
    pairs = [f"{a}+{m}" for a, m in zip(layers[::2], layers[1::2], strict=True)]
    blocks = {
        f"{a}+{m}": _block(architecture, a, m)
        for a, m in zip(layers[::2], layers[1::2], strict=True)
    }
    return {
        "d_model": architecture.width,
        "vocab_size": architecture.vocab,
        "n_layers": len(pairs),
        "block": blocks,
        "block_pattern": pairs[: _period(pairs)],
        "lm_head": {"layer_norm": _norm(architecture), "bias": False},
    }


@reading_config
def from_olmo(config: dict[str, Any], *, name: str = "model") -> Architecture:
    """Read what `to_olmo` writes: named blocks of attention and SwiGLU in a repeated pattern.

    Raises:
        InputError: E0520, something that our blocks can not say; E0521, an incomplete config.
    """
    pattern, depth = list(_get(config, "block_pattern")), int(_get(config, "n_layers"))
    if not pattern or depth % len(pattern) or not 1 <= 2 * depth <= MAX_LAYERS:
        message = f"{depth} layers are not a multiple of the pattern's {len(pattern)}, or too many"
        raise InputError("E0520", message)
    blocks: dict[str, Block] = {}
    epsilons: set[float] = set()
    names: dict[str, tuple[str, str]] = {}
    for key in dict.fromkeys(pattern):
        block = _get(_get(config, "block"), key)
        first, second = key.split("+") if key.count("+") == 1 else (f"{key}_A", f"{key}_M")
        blocks[first], blocks[second] = _attention_of(block), _mlp_of(block)
        names[key] = first, second
        epsilons.add(block.get("layer_norm", {}).get("eps", 1e-5))
    if len(epsilons) > 1:
        raise InputError("E0520", f"the norms have several epsilons: {sorted(epsilons)}")
    layers = tuple(each for key in pattern * (depth // len(pattern)) for each in names[key])
    return Architecture(
        name=name,
        width=_get(config, "d_model"),
        vocab=_get(config, "vocab_size"),
        norm_eps=epsilons.pop(),
        blocks=blocks,
        layers=layers,
    )


def _problems(architecture: Architecture) -> list[str]:
    blocks = [architecture.blocks[name] for name in architecture.layers]
    kinds = [block.kind for block in blocks]
    reasons = []
    if "mamba2" in kinds:
        reasons.append("it has Mamba-2 layers")
    elif kinds != ["attention", "mlp"] * (len(kinds) // 2) or len(kinds) % 2:
        reasons.append("its layers are not attention and mlp in turn")
    if any(isinstance(block, MLP) and block.activation != "swiglu" for block in blocks):
        reasons.append("an mlp is not gated (swiglu)")
    if architecture.tie_embeddings:
        reasons.append("its head is tied to the embedding")
    return reasons


def _block(architecture: Architecture, attention: str, mlp: str) -> dict[str, Any]:
    a, m = architecture.blocks[attention], architecture.blocks[mlp]
    assert isinstance(a, Attention), "checked before"
    assert isinstance(m, MLP), "checked before"
    rope = None if a.rope is None else {"name": "default", "theta": a.rope}
    return {
        "name": "default",
        "sequence_mixer": {
            "name": "default",
            "n_heads": a.heads,
            "n_kv_heads": a.kv_heads,
            "head_dim": a.head_dim,
            "bias": False,
            "rope": rope,
        },
        "feed_forward": {"name": "default", "hidden_size": m.hidden, "bias": False},
        "layer_norm": _norm(architecture),
    }


def _norm(architecture: Architecture) -> dict[str, Any]:
    return {"name": "rms", "eps": architecture.norm_eps, "bias": False}


def _period(pairs: list[str]) -> int:
    """Return the length of the shortest prefix that the whole repeats."""
    return next(
        n
        for n in range(1, len(pairs) + 1)
        if len(pairs) % n == 0 and pairs == pairs[:n] * (len(pairs) // n)
    )


def _attention_of(block: dict[str, Any]) -> Attention:
    mixer = _get(block, "sequence_mixer")
    heads = _get(mixer, "n_heads")
    rope = mixer.get("rope") or {}
    return Attention(
        heads=heads,
        kv_heads=mixer.get("n_kv_heads") or heads,
        head_dim=mixer.get("head_dim"),
        rope=rope.get("theta", 500_000.0) if mixer.get("rope") else None,
    )


def _mlp_of(block: dict[str, Any]) -> MLP:
    return MLP(hidden=_get(_get(block, "feed_forward"), "hidden_size"), activation="swiglu")


def _get(config: dict[str, Any], key: str) -> Any:
    if not isinstance(config, dict) or key not in config:
        raise InputError("E0521", f"the config has no {key}", help="is it of OLMo-core?")
    return config[key]
