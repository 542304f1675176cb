"""Configs of nanochat, with its window pattern `SSSL`: those of its `GPTConfig`, and transformers'.

A checkpoint of nanochat has its `GPTConfig` under `model_config` of a meta file. `S` is a window of
half the context and `L` is the whole of it; the pattern repeats, and the last layer is always `L`.
"""

from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.layers import Layer, depth, paired
from aira_dsl.interop.decoders.rope import rope
from aira_dsl.interop.foreign_config import ForeignConfig
from aira_dsl.interop.huggingface import GENERAL_KEYS
from aira_dsl.primitives import MLP, Attention

MODEL_TYPE = "nanochat"
_SECTION = "model_config"
_NAMES = ("n_layer", "n_embd", "sequence_len")
"""Settings by which a `GPTConfig` without model_type is known."""

_EPSILON = 2.0**-23
"""Added by norms of PyTorch that give none: the step of float32 at one."""


def is_nanochat(content: dict[str, Any]) -> bool:
    """Tell whether a config without model_type is nanochat's."""
    section = content.get(_SECTION)
    return set(_NAMES) <= (section if isinstance(section, dict) else content).keys()


def read_nanochat(config: ForeignConfig, name: str) -> Architecture:
    """Read a config of nanochat.

    Its norms have no gains, and one more is on the embedding; the language has neither, which a
    note says.

    Raises:
        InputError: E0520, a setting that the language cannot express; E0521, sizes are missing.
    """
    section = config.section(_SECTION)
    if section is not None:
        config.without_effect(config.content)  # of the training
        architecture = _read(section, name)
        section.close()
        return architecture
    return _read(config, name)


def _read(config: ForeignConfig, name: str) -> Architecture:
    config.without_effect((*GENERAL_KEYS, "model_type", "attention_dropout"))
    config.only("attention_bias", [False], "biases")
    config.only("tie_word_embeddings", [False], "a tied head: nanochat's is not")
    config.only("hidden_act", ["relu2"], "another activation", costs=False)
    width = config.integer("n_embd", "hidden_size")
    context = config.positive("sequence_len", "max_position_embeddings")
    count = depth(config)
    hidden = config.positive("intermediate_size", default=4 * width)
    mixers = _mixers(config, width, context, count)
    feed_forward: Layer = ("M", config.build(MLP, {}, hidden=hidden, activation="relu2"))
    layers = paired(mixers, feed_forward)
    _note(config, (2 * count + 1) * width)
    return config.build(
        Architecture,
        {"width": "n_embd", "vocab": "vocab_size", "context": "sequence_len"},
        name=name,
        width=width,
        vocab=config.integer("vocab_size"),
        context=context,
        norm_eps=config.number("rms_norm_eps", default=_EPSILON),
        softcap=config.number("final_logit_softcapping", default=15.0),
        blocks=dict(layers),
        layers=tuple(label for label, _ in layers),
    )


def _mixers(config: ForeignConfig, width: int, context: int, count: int) -> list[Layer]:
    """Return the attention of every layer."""
    heads = config.integer("n_head", "num_attention_heads")
    positions = rope(config, theta=10_000.0)
    options = {
        "heads": heads,
        "kv_heads": config.optional("n_kv_head", "num_key_value_heads") or heads,
        "qk_norm": "l2",
        **positions,
    }
    keys = {"heads": "n_head", "kv_heads": "n_kv_head"}
    windows = {"L": None, "S": context // 2 + 1}  # itself, and half the context before it
    mixers: dict[str, Layer] = {
        letter: (label, config.block(Attention, keys, width, **options, window=windows[letter]))
        for letter, label in (("L", "A"), ("S", "W"))
    }
    pattern = config.word("window_pattern", default="L").upper()
    if not pattern or set(pattern) - mixers.keys():
        message = f"window_pattern {pattern!r} is not made of S and L"
        raise InputError("E0520", message, help="S is half of the context, L the whole, as in SSSL")
    letters = [pattern[index % len(pattern)] for index in range(count - 1)] + ["L"]
    return [mixers[letter] for letter in letters]


def _note(config: ForeignConfig, gains: int) -> None:
    """Say what the language lacks, and what nanochat's code has that no config says."""
    notes = config.account.notes
    notes.append(f"norms have gains, {gains:,} parameters that nanochat does not have")
    notes.append("the norm of the embedding is left out")
    if "n_embd" in config.content:
        notes.append(
            "value embeddings and factors of the residual are left out: newer code of nanochat has "
            "them, and its config does not say"
        )
