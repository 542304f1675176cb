"""Records OLMo-core's schema and configs that it saves; run where ai2-olmo-core is installed.

    pip install ai2-olmo-core==3.0.0
    python tests/interop/olmo_core/record.py

OLMo-core needs much that this package does not, so the tests read what is recorded here.
"""

import dataclasses
import json
import typing
from enum import Enum
from importlib.metadata import version
from pathlib import Path

from olmo_core.nn.attention import AttentionConfig
from olmo_core.nn.attention.base import SequenceMixerConfig
from olmo_core.nn.feed_forward import FeedForwardConfig
from olmo_core.nn.layer_norm import LayerNormConfig
from olmo_core.nn.lm_head import LMHeadConfig
from olmo_core.nn.rope import RoPEConfig
from olmo_core.nn.transformer import TransformerBlockConfig, TransformerConfig

HERE = Path(__file__).parent
CLASSES = [
    TransformerConfig, TransformerBlockConfig, AttentionConfig, FeedForwardConfig,
    LayerNormConfig, RoPEConfig, LMHeadConfig,
]  # fmt: skip


def shown(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [each.value for each in annotation]
    arguments = [shown(each) for each in typing.get_args(annotation)]
    if arguments:
        origin = typing.get_origin(annotation)
        return {"of": getattr(origin, "__name__", str(origin)), "arguments": arguments}
    return getattr(annotation, "__name__", str(annotation))


def schema():
    fields = {}
    for each in CLASSES:
        hints = typing.get_type_hints(each)
        fields[each.__name__] = {
            field.name: shown(hints[field.name]) for field in dataclasses.fields(each)
        }
    mixers = {name: each.__name__ for name, each in SequenceMixerConfig._registry.items()}
    return {"version": version("ai2-olmo-core"), "classes": fields, "mixers": mixers}


def block(**attention):
    norm = LayerNormConfig(name="rms", eps=1e-6, bias=False)
    return TransformerBlockConfig(
        sequence_mixer=AttentionConfig(bias=False, rope=RoPEConfig(), **attention),
        feed_forward=FeedForwardConfig(hidden_size=344, bias=False),
        layer_norm=norm,
    )


def configs():
    head = LMHeadConfig(layer_norm=LayerNormConfig(name="rms", eps=1e-6, bias=False), bias=False)
    cycled = TransformerConfig(
        d_model=128, vocab_size=1000, n_layers=7, lm_head=head, tie_word_embeddings=True,
        block={"wide": block(n_heads=8), "narrow": block(n_heads=4, n_kv_heads=2, head_dim=16)},
        block_pattern=["wide", "wide", "narrow"],
    )  # fmt: skip
    return {"llama2_271M": TransformerConfig.llama2_271M(vocab_size=1000), "cycled": cycled}


def write(name, content):
    (HERE / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write("schema", schema())
    for name, config in configs().items():
        write(name, {"config": config.as_config_dict(), "parameters": config.num_params})
