"""The RG-LRU block: the contract, transformers' RecurrentGemma, its scan, costs and rules."""

import pytest
import torch
from torch import Tensor
from transformers import RecurrentGemmaConfig
from transformers.models.recurrent_gemma.modeling_recurrent_gemma import (
    RecurrentGemmaRecurrentBlock,
)

from aira_dsl.language import check
from aira_dsl.primitives.rg_lru.module import RGLRU
from aira_dsl.primitives.rg_lru.scan import scan
from aira_dsl.primitives.rg_lru.spec import RGLRU as Spec
from aira_dsl.testing.primitives import PrimitiveContract, noise
from tests.helpers.exported import assert_exported_code_agrees

BLOCKS = {
    "plain": Spec(heads=4),
    "wide": Spec(inner=30, heads=3, conv=2, bias=False),
    "no-convolution": Spec(inner=10, heads=10, conv=1),
}


class TestContract(PrimitiveContract):
    cases = 4

    @pytest.fixture(autouse=True, params=BLOCKS)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.block = BLOCKS[request.param]


@pytest.mark.parametrize("inner", [24, 32])
def test_equals_recurrent_gemma(inner: int) -> None:
    config = RecurrentGemmaConfig(
        hidden_size=24, lru_width=inner, num_attention_heads=4, conv1d_width=4, head_dim=8
    )
    ours = RGLRU(Spec(inner=inner, heads=4), 24)
    ours.init_weights(torch.Generator().manual_seed(0), depth=1)
    theirs = RecurrentGemmaRecurrentBlock(config, layer_idx=0)
    with torch.no_grad():
        for weight in ours.parameters():
            weight.add_(noise(*weight.shape, seed=weight.shape[0]), alpha=0.3)
        theirs.load_state_dict(ours.state_dict())
        x, positions = noise(2, 40, 24), torch.arange(40)[None].expand(2, -1)
        whole, _ = theirs(x, positions, None, use_cache=False)
        torch.testing.assert_close(ours(x), whole, atol=1e-5, rtol=1e-5)
        cache = ours.new_cache(2)
        for piece in positions[0].split([33] + 7 * [1]):
            expected, _ = theirs(x[:, piece], positions[:, piece], None)
            torch.testing.assert_close(ours(x[:, piece], cache), expected, atol=1e-5, rtol=1e-5)


def recurrence(log_decay: Tensor, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Run the recurrence token by token."""
    states = []
    for decay, value in zip(log_decay.exp().unbind(1), x.unbind(1), strict=True):
        state = decay * state + value
        states.append(state)
    return torch.stack(states, 1), state


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 100])
@pytest.mark.parametrize("strength", [1e-30, 1e-3, 1.0, 1e4])
def test_scan_equals_the_recurrence(length: int, strength: float) -> None:
    """Values and gradients, for decays that keep everything and for those that keep nothing."""
    log_decay = -strength * noise(2, length, 3, dtype=torch.float64).exp()
    operands = [log_decay, noise(2, length, 3, seed=1).double(), noise(2, 3, seed=2).double()]
    for operand in operands:
        operand.requires_grad_()
    found, expected = scan(*operands), recurrence(*operands)
    torch.testing.assert_close(found, expected)
    weights = noise(2, length, 3, seed=3).double()
    torch.testing.assert_close(
        torch.autograd.grad((found[0] * weights).sum() + found[1].sum(), operands),
        torch.autograd.grad((expected[0] * weights).sum() + expected[1].sum(), operands),
    )


@pytest.mark.parametrize("size", [1e-3, 1e3, 1e6])
def test_no_gate_brings_infinite_gradients(size: float) -> None:
    """Closed gates make a decay of one, at which the slope of the root is infinite."""
    mixer, x = RGLRU(Spec(heads=2).resolve(8), 8), size * noise(1, 30, 8)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    y = mixer(x.requires_grad_())
    gradients = torch.autograd.grad(y.sum(), [x, *mixer.parameters()])
    assert all(torch.isfinite(each).all() for each in (y, *gradients))


def test_initial_decays_are_those_of_recurrent_gemma() -> None:
    mixer = RGLRU(Spec(inner=4000, heads=4000), 2)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    decay = (-torch.nn.functional.softplus(mixer.rg_lru.recurrent_param.detach())).exp()
    assert (decay.min(), decay.max()) == (pytest.approx(0.9, abs=1e-3), pytest.approx(0.999, 1e-3))
    assert decay.square().mean() == pytest.approx((0.9**2 + 0.999**2) / 2, abs=3e-3)


@pytest.mark.parametrize("kind", BLOCKS)
def test_exported_code_computes_the_same(kind: str) -> None:
    assert_exported_code_agrees(BLOCKS[kind])


def test_costs_of_recurrent_gemma_2b() -> None:
    """Formulas of one block: width and channels 2560, gates in 10 blocks, kernel 4."""
    block, d, gates = Spec(heads=10).resolve(2560), 2560, 2 * 2560**2 // 10
    assert block.parameters(d) == 3 * d * d + 2 * d + d + d * 5 + d + gates + 2 * d
    assert block.training_flops(d, 8192) == 3 * (2 * (3 * d * d + gates) + 2 * d * 4 + 10 * d)
    assert block.state_bytes(d) == 4 * d + 2 * 3 * d


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    text = "architecture x { width 32; block R = rg_lru { inner 40, heads 16 }; layers R }"
    (found,) = check(text)
    assert (found.code, found.help) == ("E0211", "use heads 20")
    assert "inner 40 is not divisible by heads 16" in found.message
