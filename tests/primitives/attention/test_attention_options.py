"""Options of attention: rules, costs, what decoding keeps, and the exported text."""

from typing import Any

import pytest
import torch

from aira_dsl.language import check, parse
from aira_dsl.primitives import Attention
from aira_dsl.primitives.attention.attend import Attending, Heads, attend
from aira_dsl.primitives.attention.standalone import Attention as Exported
from aira_dsl.primitives.base import Dimensions
from aira_dsl.primitives.registry import make_mixer
from tests.primitives.test_contract import CASES

ATTENTION = {name: block for name, block in CASES.items() if block.kind == "attention"}
WIDTH = 24


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"window": 4, "chunk": 3}, "chunk", "window 4"),
        ({"keys_are_values": True, "value_dim": 3}, "value_dim", "keys of head_dim 6"),
        ({"gate_activation": "softplus"}, "gate_activation", "no gate"),
        ({"rope": None, "rotary": 0.5}, "rotary", "needs rope"),
        ({"rope": None, "interleaved": True}, "interleaved", "needs rope"),
        ({"rope": None, "rope_factor": 2.0}, "rope_factor", "needs rope"),
        ({"rope": None, "rope_scaling": "yarn"}, "rope_scaling", "needs rope"),
        ({"rope_factor": 2.0}, "rope_factor", "no rope_scaling"),
        ({"rope_scaling": "linear"}, "rope_scaling", "needs rope_factor"),
        ({"rope_scaling": "yarn", "rope_factor": 2.0}, "rope_scaling", "needs rope_original"),
        ({"rope_scaling": "linear", "rope_factor": 2.0, "rope_low": 1.0}, "rope_low", "is linear"),
        ({"rotary": 0.5}, "rotary", "0.5 of head_dim 6 is 3 channels"),
        ({"rotary": 0.1}, "rotary", "is 0 channels"),
        (
            {"rope_scaling": "llama3", "rope_factor": 2.0, "rope_original": 8, "rope_low": 9.0},
            "rope_low",
            "not below rope_high 4",
        ),
    ],
)
def test_options_that_contradict_each_other(given: dict[str, Any], field: str, says: str) -> None:
    ((blamed, message, help_text),) = Attention(heads=4, **given).resolve(WIDTH).problems(WIDTH)
    assert blamed == field
    assert says in message
    assert help_text


def test_an_advised_rotary_is_legal() -> None:
    for head_dim in (6, 10, 96, 192):
        for rotary in (0.01, 0.3, 0.3334, 0.55, 0.97):
            block = Attention(heads=4, head_dim=head_dim, rotary=rotary).resolve(WIDTH)
            for _, _, help_text in block.problems(WIDTH):
                advised = float(help_text.removeprefix("use rotary "))
                mended = block.model_copy(update={"rotary": advised})
                assert mended.problems(WIDTH) == []


def test_the_language_reads_options_and_blames_their_values() -> None:
    text = "architecture x {{\nwidth 24\nblock A = attention {{\nheads 4\n{}\n}}\nlayers A\n}}\n"
    block = parse(text.format("scale 0.5\ngate head\nrotary 0.34, sinks true")).blocks["A"]
    assert block == Attention(heads=4, scale=0.5, gate="head", rotary=0.34, sinks=True).resolve(24)
    found = check(text.format("window 4, chunk 3"))
    assert [(each.code, each.help) for each in found] == [("E0211", "keep one of them")]
    (found,) = check(text.format("qk_norm off"))
    assert (found.code, found.help) == ("E0210", "did you mean `none`?")
    (found,) = check(text.format("sliding_window 8"))
    assert (found.code, found.help) == ("E0203", "did you mean `window`?")


def test_defaults_of_a_scaling_are_the_same_block_as_if_written() -> None:
    short = Attention(rope_scaling="yarn", rope_factor=8.0, rope_original=64).resolve(128)
    full = Attention(
        rope_scaling="yarn", rope_factor=8.0, rope_original=64, rope_low=1.0, rope_high=32.0,
        rope_attention=1.2079441541679836, value_dim=8,
    )  # fmt: skip
    assert short == full.resolve(128)


@pytest.mark.parametrize("context", [1, 5, 12, 30])
@pytest.mark.parametrize("given", [{"window": 5}, {"chunk": 6}, {"window": 1}, {"chunk": 40}])
def test_flops_and_tokens_of_a_cache_count_what_is_attended_to(
    given: dict[str, int], context: int
) -> None:
    block = Attention(heads=4, value_dim=3, **given).resolve(WIDTH)
    full = Attention(heads=4, value_dim=3).resolve(WIDTH)
    now, seen = torch.arange(context)[:, None], torch.arange(context)
    visible = (seen <= now) & (now - seen < given.get("window", context))
    visible &= seen // given.get("chunk", context) == now // given.get("chunk", context)
    expected = 6 * 4 * (6 + 3) * int(visible.sum()) // context
    flops = block.training_flops(WIDTH, context)
    linear = full.training_flops(WIDTH, context) - 6 * 4 * (6 + 3) * context
    if max(given.values()) < context:
        assert flops - linear == expected
        assert flops == block.training_flops(WIDTH, context, "megatron")
    else:
        assert flops == full.training_flops(WIDTH, context)
    assert block.cached_tokens(context) == min(context, *given.values())
    mixer = make_mixer(block, WIDTH)
    cache = mixer.new_cache(1)
    mixer(noise(1, context, WIDTH), cache)
    assert block.decode_flops(WIDTH, context) == linear // 3 + 2 * 4 * (6 + 3) * cache.length


@pytest.mark.parametrize("kept", [0, 3, 20])
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("reach", [{"window": 1}, {"window": 9}, {"window": 70}, {"chunk": 9}])
def test_blocks_give_what_one_mask_gives(reach: dict[str, int], length: int, kept: int) -> None:
    size = kept + length
    q, k, v = noise(2, 4, length, 8), noise(2, 2, size, 8), noise(2, 2, size, 5)
    y = attend(Heads(q, k, v, None), kept, Attending(0.7, **reach))
    now, seen = torch.arange(kept, size)[:, None], torch.arange(size)
    mask = (seen <= now) & (now - seen < reach.get("window", size))
    mask &= seen // reach.get("chunk", size) == now // reach.get("chunk", size)
    expected = torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=0.7, enable_gqa=True
    )
    torch.testing.assert_close(y, expected)


def test_another_size_keeps_the_options() -> None:
    large = Dimensions(
        heads=32, kv_heads=8, head_dim=64, rope=5e5, hidden=1, inner=1, state=1, ssm_head_dim=1,
        conv=1,
    )  # fmt: skip
    block = Attention(heads=4, head_dim=12, value_dim=8, window=9, qk_norm="head", softcap=30.0)
    found = block.resolve(WIDTH).at(large)
    assert (found.heads, found.kv_heads, found.head_dim, found.rope) == (32, 8, 64, 5e5)
    assert found.value_dim == 42
    assert found.used_options() == block.used_options() | {"value_dim": 42}


@pytest.mark.parametrize("name", ATTENTION)
def test_the_exported_class_computes_the_same(name: str) -> None:
    block = ATTENTION[name].resolve(WIDTH)
    ours, theirs = (
        make_mixer(block, WIDTH),
        Exported(WIDTH, 1e-5, **block.model_dump(exclude={"kind"})),
    )
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_(std=0.4, generator=torch.Generator().manual_seed(2))
        theirs.load_state_dict(ours.state_dict())
        x, cache = noise(2, 30, WIDTH), {}
        torch.testing.assert_close(theirs(x, {}), ours(x), atol=1e-5, rtol=1e-4)
        pieces = [theirs(piece, cache) for piece in x.split([7, 1, 1, 9, 12], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), ours(x), atol=1e-5, rtol=1e-4)
