"""The contract of every primitive's torch module, run over all registered kinds.

A kind without a line in CASES is tested with its default parameters.
"""

import pytest

from aira_dsl.primitives import MLP, Attention, Mamba1, Mamba2, ShortConv
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet
from aira_dsl.primitives.kda.spec import KDA
from aira_dsl.primitives.moe.spec import MoE
from aira_dsl.primitives.registry import KINDS, Block
from aira_dsl.testing.primitives import PrimitiveContract

CASES: dict[str, Block] = {
    "attention": Attention(heads=3, head_dim=8),
    "attention-grouped": Attention(heads=6, kv_heads=2, head_dim=4, rope=100.0),
    "attention-no-positions": Attention(heads=2, kv_heads=1, head_dim=5, rope=None),
    "attention-window": Attention(heads=4, kv_heads=2, head_dim=6, window=5),
    "attention-chunk": Attention(heads=2, head_dim=6, chunk=6),
    "attention-values": Attention(heads=4, kv_heads=2, head_dim=6, value_dim=3, value_scale=0.7),
    "attention-window-sinks": Attention(heads=2, head_dim=6, window=3, sinks=True, bias="all"),
    "attention-chunk-softcap": Attention(heads=4, kv_heads=2, head_dim=6, chunk=5, softcap=2.0),
    "attention-yarn": Attention(
        heads=2,
        head_dim=16,
        rotary=0.75,
        interleaved=True,
        rope_scaling="yarn",
        rope_factor=8.0,
        rope_original=16,
    ),
    "attention-gate": Attention(heads=2, head_dim=6, gate="element", qk_norm="head", bias="qkv"),
    "attention-head-gate": Attention(
        heads=4,
        kv_heads=2,
        head_dim=6,
        gate="head",
        gate_activation="softplus",
        qk_norm="width",
        bias="output",
    ),
    "attention-keys-are-values": Attention(
        heads=2,
        head_dim=8,
        keys_are_values=True,
        value_norm=True,
        qk_norm="l2",
        scale=0.5,
    ),
    "mlp-swiglu": MLP(hidden=17, activation="swiglu"),
    "mlp-relu": MLP(hidden=17, activation="relu"),
    "mlp-relu2": MLP(hidden=17, activation="relu2"),
    "mlp-gelu": MLP(hidden=17, activation="gelu"),
    "mlp-geglu-bias": MLP(hidden=17, activation="geglu", bias=True),
    "mlp-swiglu-clamped": MLP(hidden=17, activation="swiglu_clamped", clamp=0.1, bias=True),
    "gated_delta_net": GatedDeltaNet(key_heads=2, value_heads=2, key_dim=6, value_dim=4),
    "gated_delta_net-grouped": GatedDeltaNet(
        key_heads=2, value_heads=4, key_dim=3, value_dim=5, conv=3, negative_eigenvalues=True
    ),
    "kda": KDA(heads=3, head_dim=5, rank=2),
    "kda-gate-bias": KDA(heads=3, head_dim=5, rank=2, gate_bias=True),
    "kda-full-rank": KDA(heads=2, head_dim=9, rank=None, lower_bound=5.0, conv=2),
    "mamba2": Mamba2(inner=16, state=4, head_dim=8),
    "mamba2-groups": Mamba2(inner=24, state=3, head_dim=4, conv=2, groups=3),
    "mamba2-wide-state": Mamba2(inner=8, state=18, head_dim=8, conv=3),
    "mamba2-no-convolution": Mamba2(inner=8, state=2, head_dim=2, conv=1),
    "mamba2-norm-first": Mamba2(inner=16, head_dim=4, groups=2, gated_norm="norm_first"),
    "mamba2-no-norm": Mamba2(
        inner=16, head_dim=8, gated_norm=None, conv_bias=False, bias=True, dt_min=0.01, dt_max=2.0
    ),
    "mamba1": Mamba1(inner=16, state=4),
    "mamba1-jamba": Mamba1(inner=12, state=3, conv=2, dt_rank=5, norms="rms", bias=True),
    "mamba1-falcon": Mamba1(
        inner=10, state=4, conv=1, norms="weightless", norm_eps=1e-6, conv_bias=False
    ),
    "short_conv": ShortConv(),
    "short_conv-bias": ShortConv(conv=5, inner=10, bias=True),
}

CASES |= {
    "moe-groups": MoE(
        experts=6, top=2, hidden=7, router="sigmoid", groups=3, top_groups=2, scale=2.5,
        correction_bias=True, shared=5, activation="relu2", latent=10,
    ),
    "moe-biases": MoE(
        experts=5, top=3, hidden=7, router="topk_softmax", activation="swiglu_clamped", bias=True,
        router_bias=True,
    ),
    "moe-input": MoE(
        experts=4, top=1, hidden=7, router="sigmoid_input", shared=6, shared_gate=True
    ),
}  # fmt: skip

CASES |= {kind: KINDS[kind].model_validate({"heads": 4}) for kind in ("linear_attention", "rg_lru")}
CASES |= {kind: spec() for kind, spec in KINDS.items() if kind not in CASES}  # type: ignore[call-arg]


class TestRegisteredPrimitives(PrimitiveContract):
    @pytest.fixture(autouse=True, params=CASES)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.block = CASES[request.param]
