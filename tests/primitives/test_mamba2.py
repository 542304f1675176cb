"""Mamba-2 against a step-by-step recurrence written out here, and its numerical safety."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.primitives import Mamba2 as Spec
from aira_dsl.primitives.common.ssd import Operands, ssd
from aira_dsl.primitives.mamba2.module import Mamba2


def softplus(x: np.ndarray) -> np.ndarray:
    return np.logaddexp(0, x)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def recurrence(mixer: Mamba2, spec: Spec, u: np.ndarray) -> np.ndarray:
    """Run the block on one sequence u (L, D), token by token, head by head, in float64."""
    w = {name: value.detach().double().numpy() for name, value in mixer.named_parameters()}
    n, e, heads = spec.groups * spec.state, spec.inner, spec.inner // spec.head_dim
    state = np.zeros((heads, spec.head_dim, spec.state))
    window = np.zeros((spec.conv, e + 2 * n))
    out = []
    for token in u:
        z, xbc, dt = np.split(w["in_proj.weight"] @ token, [e, 2 * e + 2 * n])
        window = np.vstack([window[1:], xbc])
        xbc = silu((window * w["conv1d.weight"][:, 0].T).sum(0) + w["conv1d.bias"])
        x = xbc[:e].reshape(heads, spec.head_dim)
        b = xbc[e : e + n].reshape(spec.groups, spec.state)
        c = xbc[e + n :].reshape(spec.groups, spec.state)
        dt = softplus(dt + w["dt_bias"])
        y = np.zeros_like(x)
        for h in range(heads):
            g = h // (heads // spec.groups)
            decay = math.exp(-math.exp(w["A_log"][h]) * dt[h])
            state[h] = decay * state[h] + dt[h] * np.outer(x[h], b[g])
            y[h] = state[h] @ c[g] + w["D"][h] * x[h]
        gated = (y.ravel() * silu(z)).reshape(spec.groups, -1)
        gated /= np.sqrt((gated**2).mean(1, keepdims=True) + 1e-5)
        out.append(w["out_proj.weight"] @ (gated.ravel() * w["norm.weight"]))
    return np.stack(out)


def make(spec: Spec, width: int, seed: int, scale: float = 10.0) -> Mamba2:
    generator = torch.Generator().manual_seed(seed)
    mixer = Mamba2(spec, width)
    mixer.init_weights(generator, depth=1)
    with torch.no_grad():
        for weight in (mixer.in_proj.weight, mixer.out_proj.weight):
            weight.mul_(scale)
        for vector in (mixer.D, mixer.norm.weight):
            vector.normal_(generator=generator)
    return mixer


@settings(max_examples=30)
@given(
    groups=st.integers(1, 3),
    heads_per_group=st.integers(1, 2),
    head_dim=st.integers(1, 5),
    state=st.sampled_from([1, 2, 4, 17]),
    conv=st.integers(1, 5),
    length=st.integers(1, 70),
    seed=st.integers(0, 999),
)
def test_equals_the_recurrence(  # noqa: PLR0917
    groups: int,
    heads_per_group: int,
    head_dim: int,
    state: int,
    conv: int,
    length: int,
    seed: int,
) -> None:
    inner = groups * heads_per_group * head_dim
    spec = Spec(inner=inner, state=state, head_dim=head_dim, conv=conv, groups=groups)
    mixer = make(spec, 6, seed).double()
    u = torch.randn(2, length, 6, generator=torch.Generator().manual_seed(seed)).double()
    with torch.no_grad():
        found = mixer(u).numpy()
    for row in range(2):
        np.testing.assert_allclose(found[row], recurrence(mixer, spec, u[row].numpy()), atol=1e-10)


def test_default_block_in_float32() -> None:
    spec = Spec()
    mixer = make(spec, 128, 0, scale=3.0)
    u = torch.randn(1, 200, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = mixer(u)[0].numpy()
    np.testing.assert_allclose(found, recurrence(mixer, spec, u[0].numpy()), atol=2e-5)


def operands(length: int, dt: float, decay: float) -> Operands:
    generator = torch.Generator().manual_seed(0)
    return Operands(
        torch.randn(1, length, 2, 3, generator=generator).requires_grad_(),
        torch.full((1, length, 2), dt).requires_grad_(),
        torch.full((2,), -decay).requires_grad_(),
        torch.randn(1, length, 1, 4, generator=generator).requires_grad_(),
        torch.randn(1, length, 1, 4, generator=generator).requires_grad_(),
        torch.ones(2).requires_grad_(),
    )


@pytest.mark.parametrize("dt", [1e-30, 1e-6, 0.1, 30.0, 1e4, 1e30])
@pytest.mark.parametrize("decay", [1e-20, 1.0, 16.0, 1e4])
def test_no_decay_overflows_forward_or_backward(dt: float, decay: float) -> None:
    """Everything stays finite (or as large as the exact result is) for any step and decay."""
    case = operands(50, dt, decay)
    y, state = ssd(case, chunk=16, want_state=True)
    assert torch.isfinite(y).all()
    assert state is not None
    assert torch.isfinite(state).all()
    gradients = torch.autograd.grad((y / max(dt, 1)).sum(), case)
    assert not any(torch.isnan(gradient).any() for gradient in gradients)


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 100])
def test_chunk_length_changes_nothing(length: int) -> None:
    case = Operands(*(operand.double() for operand in operands(length, 0.3, 2.0)))
    steps, last = ssd(case, chunk=1, want_state=True)
    for chunk in (2, 7, 16, 32, 1000):
        y, state = ssd(case, chunk=chunk, want_state=True)
        torch.testing.assert_close(y, steps)
        torch.testing.assert_close(state, last)


def test_names_and_order_are_those_of_mamba_ssm() -> None:
    """The order of Mamba2.state_dict(): own parameters, then submodules as constructed."""
    assert list(Mamba2(Spec(), 128).state_dict()) == [
        "dt_bias",
        "A_log",
        "D",
        "in_proj.weight",
        "conv1d.weight",
        "conv1d.bias",
        "norm.weight",
        "out_proj.weight",
    ]


def test_initialization_is_that_of_mamba_ssm() -> None:
    spec = Spec(inner=4000, head_dim=2, state=2)
    mixer = Mamba2(spec, 8)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=4)
    dt = torch.nn.functional.softplus(mixer.dt_bias.detach().double())
    assert dt.min() > 0.00099
    assert dt.max() < 0.1001
    assert dt.log().mean() == pytest.approx(math.log(0.01), abs=0.1)  # log-uniform
    decay = mixer.A_log.detach().exp()
    assert (decay.min(), decay.max()) == (pytest.approx(1, abs=0.1), pytest.approx(16, abs=0.1))
    assert decay.mean() == pytest.approx(8.5, abs=0.3)  # uniform
    assert (mixer.D == 1).all()
    assert mixer.conv1d.weight.abs().max() <= 0.5
    mixer.requires_grad_(False)
    assert mixer.conv1d.weight.std() == pytest.approx(0.5 / math.sqrt(3), rel=0.05)
    assert mixer.in_proj.weight.std() == pytest.approx(0.02, rel=0.05)
    assert mixer.out_proj.weight.std() == pytest.approx(0.01, rel=0.05)
