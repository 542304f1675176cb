"""Configs of flash-linear-attention: sizes as its modules have them, and what is refused.

The numbers are written from the layers of its repository (`fla/layers`); it needs a GPU to run.
"""

import pytest

from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.fla import DEFAULTS
from aira_dsl.interop.importers import read_content
from aira_dsl.primitives.kda.spec import KDA

ATTN = {"layers": [1, 5], "num_heads": 8, "num_kv_heads": 2, "window_size": 512}


def read(model_type, **changes):
    return read_content({"model_type": model_type, **changes}).architecture


def outside(width, layers, hidden, vocab=32_000):
    """Count what all models have beside their mixers: embedding, head, norms and SwiGLUs."""
    return 2 * vocab * width + width + layers * (2 * width + 3 * width * hidden)


def test_gated_deltanet_of_the_default_config():
    """q and k have 6·256 channels, v, gate and output 6·512 (`fla/layers/gated_deltanet.py`)."""
    model = read("gated_deltanet")
    assert model.pattern == "21×(G-M)"
    keys, values = 6 * 256, 6 * 512
    projections = 2048 * (2 * keys + 3 * values + 2 * 6)
    mixer = projections + 4 * (2 * keys + values) + 2 * 6 + 512  # convolutions, A and dt, norm
    assert cost(model).total_parameters == 21 * mixer + outside(2048, 21, 5632)
    assert model.norm_eps == 1e-6


def test_gated_deltanet_with_more_heads_for_values():
    net = read("gated_deltanet", num_heads=4, num_v_heads=8, head_dim=32, expand_v=1.5).blocks["G"]
    assert (net.key_heads, net.value_heads, net.key_dim, net.value_dim) == (4, 8, 32, 48)
    assert read("gated_deltanet", allow_neg_eigval=True).blocks["G"].negative_eigenvalues


def test_attention_in_some_layers():
    """fla #1051: one section for all of them, or several; layers are counted from 0."""
    model = read("gated_deltanet", num_hidden_layers=8, attn=ATTN)
    assert model.pattern == "2×(G-M-W-M-2×(G-M))"
    window = model.blocks["W"]
    assert (window.heads, window.kv_heads, window.window, window.rope) == (8, 2, 512, 10_000)
    full = {"layers": [7], "num_heads": 16, "qkv_bias": True, "rope_theta": 500_000.0}
    model = read("gated_deltanet", num_hidden_layers=8, attn=[ATTN, full])
    assert model.pattern == "G-M-W-M-3×(G-M)-W-M-G-M-A-M"
    assert (model.blocks["A"].bias, model.blocks["A"].rope) == ("qkv", 500_000)


def test_kimi_delta_attention_has_a_bias_in_its_gate():
    """`fla/layers/kda.py`: f and g of the rank of a head, the second part of g with a bias."""
    model = read("kda", hidden_size=256, num_heads=4, head_dim=32, num_hidden_layers=2)
    assert model.blocks["K"] == KDA(heads=4, head_dim=32, rank=32, gate_bias=True)
    inner = 4 * 32
    low_rank = 2 * (256 * 32 + 32 * inner) + inner
    mixer = 4 * 256 * inner + 3 * inner * 4 + low_rank + 256 * 4 + 4 + inner + 32
    assert cost(model).total_parameters == 2 * mixer + outside(256, 2, 768)


def test_linear_attention_takes_the_scale_into_the_epsilon():
    changes = {"feature_map": "elu", "hidden_size": 256, "num_heads": 4, "num_hidden_layers": 1}
    model = read("linear_attn", **changes)
    mixer = model.blocks["L"]
    assert (mixer.feature, mixer.decay, mixer.gate, mixer.output_norm) == (
        "elu1",
        None,
        None,
        "head",
    )
    assert mixer.norm_eps == pytest.approx(64e-6)
    assert cost(model).total_parameters == 4 * 256**2 + 64 + outside(256, 1, 768)
    assert (
        read("linear_attn", **{**changes, "feature_map": "identity"}).blocks["L"].norm_eps is None
    )


def test_transformer_of_fla():
    model = read("transformer", window_size=256, num_kv_heads=8, intermediate_size=4096)
    assert model.pattern == "24×(W-M)"
    mixer = 2048 * (2048 + 2 * 8 * 64) + 2048 * 2048
    assert cost(model).total_parameters == 24 * mixer + outside(2048, 24, 4096)


def test_mamba2_of_fla_has_the_name_of_that_of_transformers():
    settings = {
        "hidden_size": 2048, "num_heads": 64, "head_dim": 64, "state_size": 128, "n_groups": 1,
        "norm_eps": 1e-5, "rmsnorm": True, "fuse_norm": True, "use_l2warp": False,
        "A_init_range": [1, 16], "D_has_hdim": False, "dt_min": 0.001, "dt_max": 0.1,
        "dt_limit": [0.0, "Infinity"], "conv_init": None, "num_hidden_layers": 48,
        "vocab_size": 32_000, "tie_word_embeddings": False,
    }  # fmt: skip
    model = read("mamba2", **settings)
    inner, channels = 4096, 4096 + 2 * 128
    mixer = 2048 * (inner + channels + 64) + 5 * channels + 3 * 64 + inner + inner * 2048
    assert cost(model).total_parameters == 48 * (mixer + 2048) + 2 * 32_000 * 2048 + 2048


def test_retention_is_rotated():
    with pytest.raises(InputError, match="queries and keys are rotated") as caught:
        read("retnet", expand_v=1.0)
    assert "--costs-only" in caught.value.help
    settings = {"model_type": "retnet", "expand_v": 1.0}
    model = read_content(settings, costs_only=True).architecture
    assert model.blocks["R"].decay == "retention"
    assert cost(model).total_parameters == 24 * (5 * 2048**2 + 256) + outside(2048, 24, 2816)
    with pytest.raises(InputError, match=r"expand_v 2.0 \(values of another size"):
        read("retnet")


@pytest.mark.parametrize(
    ("model_type", "changes", "message"),
    [
        ("gated_deltanet", {"use_gate": False}, "use_gate false (no output gate)"),
        ("gated_deltanet", {"use_short_conv": False}, "use_short_conv false (no convolution)"),
        ("gated_deltanet", {"expand_v": 0.7}, "expand_v times 256 is 179.2, not a whole number"),
        ("gated_deltanet", {"attn": {**ATTN, "layers": [21]}}, "attn.layers has 21, not an index"),
        ("gated_deltanet", {"attn": [ATTN, ATTN]}, "attn.1.layers has 1, which"),
        (
            "gated_deltanet",
            {"attn": {**ATTN, "num_head": 4}},
            "num_head 4 (unknown setting) in attn",
        ),
        ("gated_deltanet", {"attn": {"layers": [0]}}, "the config has no attn.num_heads"),
        ("gated_deltanet", {"attn": [3]}, "attn.0 is not an object"),
        ("gated_deltanet", {"hidden_act": "gelu"}, 'hidden_act "gelu" (fla has swish only)'),
        ("kda", {"expand_v": 2}, "expand_v 2 (values of another size than keys)"),
        ("kda", {"allow_neg_eigval": True}, "allow_neg_eigval true (step sizes from 0 to 2)"),
        ("linear_attn", {}, 'feature_map "elementwise_product" (not elu or identity)'),
        ("linear_attn", {"feature_map": "elu", "num_kv_heads": 2}, "num_kv_heads 2 (fewer heads"),
        ("transformer", {"qk_norm": True}, "qk_norm true (norms with an epsilon of their own"),
    ],
)
def test_what_is_refused(model_type, changes, message):
    with pytest.raises(InputError) as caught:
        read(model_type, **changes)
    assert message in caught.value.message


@pytest.mark.parametrize("model_type", DEFAULTS)
def test_unknown_settings_are_refused(model_type):
    with pytest.raises(InputError, match=r"brand_new 1 \(unknown setting\)"):
        read(model_type, brand_new=1)
