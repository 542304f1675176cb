"""Single blocks against Hugging Face transformers' own, with copied weights."""

import pytest
import torch
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaAttention,
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
)
from transformers.models.mamba2.configuration_mamba2 import Mamba2Config
from transformers.models.mamba2.modeling_mamba2 import Mamba2Mixer

from aira_dsl.primitives import MLP as MLPSpec
from aira_dsl.primitives import Attention as AttentionSpec
from aira_dsl.primitives import Mamba2 as Mamba2Spec
from aira_dsl.primitives.attention.module import Attention
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.common.norm import RMSNorm
from aira_dsl.primitives.mamba2.module import Mamba2
from aira_dsl.primitives.mlp.module import MLP


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def filled(mixer: Mixer) -> Mixer:
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    with torch.no_grad():
        for parameter in mixer.parameters():
            if parameter.dim() == 2:
                parameter.mul_(6)
    return mixer


@pytest.mark.parametrize(("heads", "kv_heads", "head_dim"), [(4, 4, 8), (8, 2, 6), (4, 1, 16)])
@pytest.mark.parametrize("theta", [10_000.0, 500_000.0])
def test_attention_equals_llama(heads: int, kv_heads: int, head_dim: int, theta: float) -> None:
    config = LlamaConfig(
        hidden_size=32,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        rope_parameters={"rope_type": "default", "rope_theta": theta},
        attn_implementation="eager",
    )
    spec = AttentionSpec(heads=heads, kv_heads=kv_heads, head_dim=head_dim, rope=theta)
    ours, theirs = filled(Attention(spec, 32)), LlamaAttention(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, 50, 32)
    angles = LlamaRotaryEmbedding(config)(x, torch.arange(50)[None])
    mask = torch.full((50, 50), -torch.inf).triu(1)[None, None]
    with torch.no_grad():
        expected, _ = theirs(x, position_embeddings=angles, attention_mask=mask)
        torch.testing.assert_close(ours(x), expected, atol=2e-5, rtol=1e-4)


def test_swiglu_equals_llama() -> None:
    ours = filled(MLP(MLPSpec(hidden=48, activation="swiglu"), 32))
    theirs = LlamaMLP(LlamaConfig(hidden_size=32, intermediate_size=48))
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, 5, 32)
    torch.testing.assert_close(ours(x), theirs(x))


def test_rms_norm_equals_llama() -> None:
    ours, theirs = RMSNorm(32, 1e-3), LlamaRMSNorm(32, 1e-3)
    torch.nn.init.normal_(ours.weight, generator=torch.Generator().manual_seed(0))
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, 5, 32)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("length", [1, 16, 45])
def test_mamba2_equals_transformers(length: int, groups: int) -> None:
    config = Mamba2Config(
        hidden_size=24,
        num_heads=6,
        head_dim=8,
        expand=2,
        state_size=4,
        n_groups=groups,
        conv_kernel=4,
        chunk_size=16,
    )
    spec = Mamba2Spec(inner=48, state=4, head_dim=8, conv=4, groups=groups)
    ours, theirs = filled(Mamba2(spec, 24)), Mamba2Mixer(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    x = noise(2, length, 24)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)
