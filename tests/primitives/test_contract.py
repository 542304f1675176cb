"""The contract of every primitive's torch module, run over all registered kinds.

A kind without a line in CASES is tested with its default parameters.
"""

import pytest

from aira_dsl.primitives import MLP, Attention, Mamba2, ShortConv
from aira_dsl.primitives.registry import KINDS, Block
from aira_dsl.testing.primitives import PrimitiveContract

CASES: dict[str, Block] = {
    "attention": Attention(heads=3, head_dim=8),
    "attention-grouped": Attention(heads=6, kv_heads=2, head_dim=4, rope=100.0),
    "attention-no-positions": Attention(heads=2, kv_heads=1, head_dim=5, rope=None),
    "mlp-swiglu": MLP(hidden=17, activation="swiglu"),
    "mlp-relu": MLP(hidden=17, activation="relu"),
    "mlp-relu2": MLP(hidden=17, activation="relu2"),
    "mlp-gelu": MLP(hidden=17, activation="gelu"),
    "mlp-geglu-bias": MLP(hidden=17, activation="geglu", bias=True),
    "mlp-swiglu-clamped": MLP(hidden=17, activation="swiglu_clamped", clamp=0.1, bias=True),
    "mamba2": Mamba2(inner=16, state=4, head_dim=8),
    "mamba2-groups": Mamba2(inner=24, state=3, head_dim=4, conv=2, groups=3),
    "mamba2-wide-state": Mamba2(inner=8, state=18, head_dim=8, conv=3),
    "mamba2-no-convolution": Mamba2(inner=8, state=2, head_dim=2, conv=1),
    "mamba2-norm-first": Mamba2(inner=16, head_dim=4, groups=2, gated_norm="norm_first"),
    "mamba2-no-norm": Mamba2(
        inner=16, head_dim=8, gated_norm=None, conv_bias=False, bias=True, dt_min=0.01, dt_max=2.0
    ),
    "short_conv": ShortConv(),
    "short_conv-bias": ShortConv(conv=5, inner=10, bias=True),
}

CASES |= {kind: spec() for kind, spec in KINDS.items() if kind not in CASES}  # type: ignore[call-arg]


class TestRegisteredPrimitives(PrimitiveContract):
    @pytest.fixture(autouse=True, params=CASES)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.block = CASES[request.param]
