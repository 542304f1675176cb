"""The gated short convolution against transformers' LFM2, whole and token by token."""

import pytest
import torch
from transformers import DynamicCache, Lfm2Config
from transformers.models.lfm2.modeling_lfm2 import Lfm2ShortConv

from aira_dsl.primitives import ShortConv as Spec
from aira_dsl.primitives.short_conv.module import ShortConv


def pair(conv: int, *, bias: bool) -> tuple[ShortConv, Lfm2ShortConv, Lfm2Config]:
    """Return our mixer and transformers', with the same weights."""
    config = Lfm2Config(
        hidden_size=24, conv_L_cache=conv, conv_bias=bias, layer_types=["conv"], num_hidden_layers=1
    )
    ours = ShortConv(Spec(conv=conv, bias=bias).resolve(24), 24)
    generator = torch.Generator().manual_seed(0)
    ours.init_weights(generator, depth=1)
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    theirs = Lfm2ShortConv(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs, config


@pytest.mark.parametrize(("conv", "bias"), [(3, False), (7, False), (3, True)])
def test_equals_lfm2(conv: int, bias: bool) -> None:
    ours, theirs, config = pair(conv, bias=bias)
    x_BLD = torch.randn(2, 20, 24, generator=torch.Generator().manual_seed(1))
    cache, their_cache = ours.new_cache(2), DynamicCache(config=config)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BLD), theirs(x_BLD), atol=1e-5, rtol=1e-5)
        for piece_BLD in x_BLD.split([9] + [1] * 11, dim=1):
            expected_BLD = theirs(piece_BLD, past_key_values=their_cache)
            torch.testing.assert_close(ours(piece_BLD, cache), expected_BLD, atol=1e-5, rtol=1e-5)


def test_costs_of_lfm2() -> None:
    """4·d² + d·K parameters, 8·d² + 2·d·K FLOPs forward, K - 1 inputs."""
    block = Spec().resolve(1024)
    assert block.parameters(1024) == 4 * 1024**2 + 3 * 1024
    assert block.training_flops(1024, 4096) == 3 * (8 * 1024**2 + 2 * 3 * 1024)
    assert block.state_bytes(1024) == 2 * 2 * 1024
