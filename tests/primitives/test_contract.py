"""The contract of every primitive's torch module, run over all registered kinds.

A kind without a line in CASES is tested with its default parameters.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.registry import KINDS, Block, make_mixer

WIDTH = 24
CASES: dict[str, Block] = {
    "attention": Attention(heads=3, head_dim=8),
    "attention-grouped": Attention(heads=6, kv_heads=2, head_dim=4, rope=100.0),
    "attention-no-positions": Attention(heads=2, kv_heads=1, head_dim=5, rope=None),
    "mlp-swiglu": MLP(hidden=17, activation="swiglu"),
    "mlp-relu": MLP(hidden=17, activation="relu"),
    "mlp-relu2": MLP(hidden=17, activation="relu2"),
    "mlp-gelu": MLP(hidden=17, activation="gelu"),
    "mamba2": Mamba2(inner=16, state=4, head_dim=8),
    "mamba2-groups": Mamba2(inner=24, state=3, head_dim=4, conv=2, groups=3),
    "mamba2-wide-state": Mamba2(inner=8, state=18, head_dim=8, conv=3),
    "mamba2-no-convolution": Mamba2(inner=8, state=2, head_dim=2, conv=1),
}

CASES |= {kind: spec() for kind, spec in KINDS.items() if kind not in CASES}  # type: ignore[call-arg]

every_primitive = pytest.mark.parametrize("name", CASES)


def make(name: str, *, dtype: torch.dtype = torch.float32, seed: int = 0) -> Mixer:
    mixer = make_mixer(CASES[name].resolve(WIDTH), WIDTH)
    mixer.init_weights(torch.Generator().manual_seed(seed), depth=1)
    with torch.no_grad():  # larger weights than at the start of training: faults show more
        for parameter in mixer.parameters():
            if parameter.dim() == 2:
                parameter.mul_(8)
    return mixer.to(dtype)


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@every_primitive
def test_weights_have_the_names_and_shapes_of_the_spec(name: str) -> None:
    block, parameters = CASES[name].resolve(WIDTH), dict(make(name).named_parameters())
    assert block.weights(WIDTH) == {key: tuple(each.shape) for key, each in parameters.items()}
    assert block.parameters(WIDTH) == sum(each.numel() for each in parameters.values())


@every_primitive
def test_later_tokens_never_change_earlier_outputs(name: str) -> None:
    mixer, x = make(name), noise(2, 40, WIDTH)
    before = mixer(x)
    for position in (1, 15, 16, 17, 39):
        changed = x.clone()
        changed[:, position:] = 100 * noise(2, 40 - position, WIDTH, seed=1)
        after = mixer(changed)
        torch.testing.assert_close(after[:, :position], before[:, :position])
        assert not torch.allclose(after[:, position], before[:, position])


@every_primitive
def test_no_gradient_flows_from_an_output_to_later_inputs(name: str) -> None:
    mixer, x = make(name), noise(1, 20, WIDTH).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(x)[:, 7].sum(), x)
    assert gradient[:, 8:].abs().max() == 0
    assert gradient[:, 7].abs().max() > 0


@every_primitive
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(1, 20), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_decoding_in_pieces_equals_the_whole(name: str, cuts: list[int], seed: int) -> None:
    mixer, x = make(name, seed=seed), noise(2, sum(cuts), WIDTH, seed=seed)
    cache = mixer.new_cache(2)
    with torch.no_grad():
        pieces = [mixer(piece, cache) for piece in x.split(cuts, dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), mixer(x), atol=2e-5, rtol=1e-4)


@every_primitive
def test_cache_holds_what_the_costs_say(name: str) -> None:
    block, mixer = CASES[name].resolve(WIDTH), make(name)
    for length in (1, 7):
        cache = mixer.new_cache(3)
        mixer(noise(3, length, WIDTH), cache)
        expected = 3 * (length * 4 * block.kv_cache_elements(WIDTH) + block.state_bytes(WIDTH, 4))
        assert (0 if cache is None else cache.nbytes) == expected


@every_primitive
def test_copied_cache_keeps_its_meaning(name: str) -> None:
    """Branching a sequence (beam search) needs a copy of references only."""
    import copy

    mixer, x = make(name), noise(1, 6, WIDTH)
    cache = mixer.new_cache(1)
    with torch.no_grad():
        mixer(x[:, :3], cache)
        branch = copy.copy(cache)
        mixer(noise(1, 3, WIDTH, seed=5), cache)
        torch.testing.assert_close(mixer(x[:, 3:], branch), mixer(x)[:, 3:], atol=1e-5, rtol=1e-4)


@every_primitive
def test_sequences_of_a_batch_do_not_see_each_other(name: str) -> None:
    mixer, x = make(name), noise(4, 19, WIDTH)
    alone = torch.cat([mixer(row) for row in x.split(1)])
    torch.testing.assert_close(mixer(x), alone, atol=1e-5, rtol=1e-4)


@every_primitive
@pytest.mark.parametrize("length", [1, 5, 19])
def test_gradients(name: str, length: int) -> None:
    """Analytic gradients of input and every parameter against finite differences."""
    mixer = make(name, dtype=torch.float64)
    names, values = zip(*mixer.named_parameters(), strict=True)

    def run(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(mixer, dict(zip(names, parameters, strict=True)), x)

    x = noise(1, length, WIDTH, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(run, (x, *values), fast_mode=True)


@every_primitive
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_dtypes_agree_with_float32(name: str, dtype: torch.dtype) -> None:
    x = noise(2, 21, WIDTH)
    y = make(name, dtype=dtype)(x.to(dtype))
    assert y.dtype == dtype
    error = (y.float() - make(name)(x)).norm() / make(name)(x).norm()
    assert error < (0.03 if dtype == torch.bfloat16 else 1e-5)


@every_primitive
def test_autocast_agrees_with_float32(name: str) -> None:
    mixer, x = make(name), noise(2, 21, WIDTH)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = mixer(x)
    assert (y.float() - mixer(x)).norm() / mixer(x).norm() < 0.03


@every_primitive
def test_tables_made_in_inference_mode_serve_training(name: str) -> None:
    mixer, x = make(name), noise(1, 9, WIDTH)
    with torch.inference_mode():
        mixer(x)
    mixer(x).sum().backward()
    assert all(parameter.grad is not None for parameter in mixer.parameters())


@every_primitive
def test_meta_device_gives_shapes(name: str) -> None:
    mixer = make_mixer(CASES[name].resolve(WIDTH), WIDTH).to("meta")
    assert mixer(torch.empty(2, 17, WIDTH, device="meta")).shape == (2, 17, WIDTH)
