"""Whole models against transformers' NemotronH, with copied weights.

NemotronH has no RoPE and no gated MLP, so those are compared block by block in
tests/modules/test_against_transformers.py.
"""

import random
import warnings

import pytest
import torch

from aira_dsl.architecture import Architecture
from aira_dsl.models import LanguageModel, build
from aira_dsl.primitives import MLP, Attention, Mamba2

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # transformers' own
    from transformers import NemotronHConfig, NemotronHForCausalLM

LAYER_NAMES = {"attention": "attention", "mlp": "mlp", "mamba2": "mamba"}  # the old ones


def random_architecture(seed: int) -> Architecture:
    rng = random.Random(seed)
    kv_heads, groups = rng.randint(1, 3), rng.randint(1, 3)
    head_dim = rng.choice([4, 8, 10])
    blocks = {
        "A": Attention(
            heads=kv_heads * rng.randint(1, 3),
            kv_heads=kv_heads,
            head_dim=rng.choice([4, 6, 8]),
            rope=None,
        ),
        "M": MLP(hidden=rng.randint(5, 60), activation=rng.choice(["relu", "relu2"])),
        "Mb": Mamba2(
            inner=groups * rng.randint(1, 3) * head_dim,
            state=rng.choice([2, 4, 20]),
            head_dim=head_dim,
            conv=rng.randint(2, 5),
            groups=groups,
        ),
    }
    layers = tuple(rng.choice(["A", "M", "Mb"]) for _ in range(rng.randint(1, 10)))
    width = rng.choice([16, 24, 40])
    norm_eps = rng.choice([1e-5, 1e-2])
    return Architecture(width=width, vocab=50, norm_eps=norm_eps, blocks=blocks, layers=layers)


def nemotron_config(architecture: Architecture) -> NemotronHConfig:
    attention, mlp, mamba = (architecture.blocks[name] for name in ("A", "M", "Mb"))
    assert isinstance(attention, Attention)
    assert isinstance(mlp, MLP)
    assert isinstance(mamba, Mamba2)
    return NemotronHConfig(
        vocab_size=architecture.vocab,
        hidden_size=architecture.width,
        layers_block_type=[
            LAYER_NAMES[architecture.blocks[name].kind] for name in architecture.layers
        ],
        num_attention_heads=attention.heads,
        num_key_value_heads=attention.kv_heads,
        head_dim=attention.head_dim,
        intermediate_size=mlp.hidden,
        mlp_hidden_act=mlp.activation,
        ssm_state_size=mamba.state,
        mamba_num_heads=mamba.heads,
        mamba_head_dim=mamba.head_dim,
        n_groups=mamba.groups,
        conv_kernel=mamba.conv,
        chunk_size=16,
        time_step_min=1e-30,  # theirs clamps dt from below, mamba_ssm does not
        layer_norm_epsilon=architecture.norm_eps,
        use_cache=False,  # theirs fails without an attention layer otherwise
        tie_word_embeddings=False,
        use_mamba_kernels=True,
        attn_implementation="eager",
    )


def copied(model: LanguageModel, config: NemotronHConfig) -> NemotronHForCausalLM:
    renamed = {
        "embedding.": "model.embeddings.",
        "layers.": "model.layers.",
        "norm.": "model.norm_f.",
        "head.": "lm_head.",
    }
    state = {}
    for name, value in model.state_dict().items():
        prefix = next(prefix for prefix in renamed if name.startswith(prefix))
        state[renamed[prefix] + name.removeprefix(prefix)] = value
    theirs = NemotronHForCausalLM(config).eval()
    theirs.load_state_dict(state)  # strict: every tensor has its counterpart
    return theirs


@pytest.mark.parametrize("seed", range(20))
def test_logits_equal_nemotron_h(seed: int) -> None:
    architecture = random_architecture(seed)
    model = build(architecture, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5)  # beyond the small weights of initialization
            elif parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
        theirs = copied(model, nemotron_config(architecture))
        x = torch.randint(0, 50, (2, 45), generator=generator)
        expected, found = theirs(x, use_cache=False).logits, model(x)
    assert found.abs().max() > 0.5
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
