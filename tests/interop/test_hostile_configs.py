"""Configs with arbitrary values, arguments with arbitrary words: read or refused (InputError)."""

import copy
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import to_megatron
from aira_dsl.interop.families.megatron_arguments import from_megatron
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.huggingface import config_of
from aira_dsl.interop.importers import read
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.models import random_architecture

CASES = Path(__file__).parents[1] / "cases" / "import"
BLOCKS = {"A": Attention(kv_heads=4), "M": MLP(activation="swiglu"), "S": Mamba2()}
CONFIGS = {
    "nemotron_h": json.loads((CASES / "nemotron_h_4b.json").read_text(encoding="utf-8")),
    "olmo": json.loads(
        (Path(__file__).parent / "olmo_core" / "cycled.json").read_text(encoding="utf-8")
    )["config"],
    "aira_dsl": config_of(random_architecture(1), "float32"),
    "nested": json.loads((CASES / "qwen3_5.json").read_text(encoding="utf-8")),
    **{
        model.name: model.config
        for model in published_models()
        if model.name in {"command_r7b", "gemma_3_12b", "llama_4_scout", "falcon_h1_0_5b"}
        or model.name in {"jamba_v0_1", "lfm2_1_2b", "recurrentgemma_2b", "deepseek_v3"}
    },
}
ARGUMENTS = to_megatron(Architecture(blocks=BLOCKS, layers=("S", "M", "A")))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def paths(content, path=()):
    """Yield the keys that lead to every value of nested objects."""
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from paths(value, (*path, key))


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_value_of_any_setting(name, data, tmp_path_factory):
    config = copy.deepcopy(CONFIGS[name])
    *parents, last = data.draw(st.sampled_from(sorted(paths(config))))
    place = config
    for key in parents:
        place = place[key]
    place[last] = data.draw(VALUES)
    source = tmp_path_factory.mktemp("config") / "config.json"
    source.write_text(json.dumps(config), encoding="utf-8")
    with suppress(InputError):
        read(str(source), costs_only=data.draw(st.booleans()))


@settings(max_examples=50)
@given(st.data())
def test_any_word_among_arguments(data):
    words = ARGUMENTS.split()
    where = data.draw(st.integers(0, len(words) - 1))
    words[where] = data.draw(st.text(max_size=8) | st.sampled_from(words))
    with suppress(InputError):
        from_megatron(" ".join(words))


def test_a_refused_value_is_shown_even_if_its_key_is_renamed(tmp_path):
    config = {"model_type": "qwen3_next", "linear_conv_kernel_dim": 0}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(InputError, match="conv 0: Input should be greater than or equal to 1"):
        read(str(path))
