"""The chunked delta rule against the recurrence written out here, forward and backward."""

import pytest
import torch
from torch import Tensor

from aira_dsl.primitives.common.delta_rule import Operands, delta_rule
from tests.primitives.delta.operands import random_operands


def recurrence(operands: Operands, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Run token by token: decay, read, write the error, read."""
    q, k, v, log_decay, beta = operands
    q, k = (x / (x.square().sum(-1, keepdim=True) + 1e-6).sqrt() for x in (q, k))
    outputs = []
    for t in range(q.shape[1]):
        state_BHKV = state_BHKV * log_decay[:, t].exp().unsqueeze(-1)
        error_BHV = v[:, t] - torch.einsum("bhk,bhkv->bhv", k[:, t], state_BHKV)
        write_BHV = beta[:, t].unsqueeze(-1) * error_BHV
        state_BHKV = state_BHKV + torch.einsum("bhk,bhv->bhkv", k[:, t], write_BHV)
        outputs.append(torch.einsum("bhk,bhkv->bhv", q[:, t], state_BHKV))
    return torch.stack(outputs, 1) * q.shape[-1] ** -0.5, state_BHKV


@pytest.mark.parametrize("decays", [1, 6])
@pytest.mark.parametrize("length", [1, 2, 7, 16, 33, 70])
@pytest.mark.parametrize("chunk", [4, 16, 32])
def test_equals_the_recurrence(length: int, chunk: int, decays: int) -> None:
    """Results, and gradients of every operand and of the first state."""
    operands, state = random_operands(length=length, decays=decays, dtype=torch.float64)
    inputs = [each.requires_grad_() for each in (*operands, state)]
    found = delta_rule(Operands(*inputs[:-1]), chunk=chunk, state_BHKV=inputs[-1])
    expected = recurrence(Operands(*inputs[:-1]), inputs[-1])
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-8)
    generator = torch.Generator().manual_seed(0)
    grads = [torch.randn(each.shape, generator=generator, dtype=each.dtype) for each in found]
    found_grads = torch.autograd.grad(found, inputs, grads)
    expected_grads = torch.autograd.grad(expected, inputs, grads)
    torch.testing.assert_close(found_grads, expected_grads, atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("decays", [1, 6])
@pytest.mark.parametrize("strength", [0.0, 1e-3, 1.0, 30.0, 1e3, 1e30])
def test_no_decay_overflows(strength: float, decays: int) -> None:
    """In float32, results and gradients are those of the recurrence in float64."""
    operands, state = random_operands(length=70, decays=decays, strength=strength)
    inputs = [each.requires_grad_() for each in operands]
    found, _ = delta_rule(Operands(*inputs), chunk=16, state_BHKV=state)
    exact = [each.detach().double().requires_grad_() for each in inputs]
    expected, _ = recurrence(Operands(*exact), state.double())
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-4)
    grads = torch.autograd.grad(found.sum(), inputs)
    expected_grads = torch.autograd.grad(expected.sum(), exact)
    for grad, expected_grad in zip(grads, expected_grads, strict=True):
        torch.testing.assert_close(grad.double(), expected_grad, atol=1e-4, rtol=1e-3)


def test_equal_keys_lose_no_digits() -> None:
    """The worst case of the triangular system: every key overwrites the one before it."""
    operands, state = random_operands(length=64, decays=1, strength=0.0)
    same = operands.k_BLHK[:, :1].expand_as(operands.k_BLHK)
    operands = operands._replace(k_BLHK=same, beta_BLH=torch.full_like(operands.beta_BLH, 2.0))
    found, _ = delta_rule(operands, chunk=32, state_BHKV=state)
    expected, _ = recurrence(Operands(*(each.double() for each in operands)), state.double())
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)


def test_gradient_of_the_last_state_alone() -> None:
    operands, state = random_operands(length=20, decays=6, dtype=torch.float64)
    values = operands.v_BLHV.requires_grad_()
    _, found = delta_rule(operands, chunk=8, state_BHKV=state)
    _, expected = recurrence(operands, state)
    (found_grad,) = torch.autograd.grad(found.square().sum(), values)
    (expected_grad,) = torch.autograd.grad(expected.square().sum(), values)
    torch.testing.assert_close(found_grad, expected_grad)


@pytest.mark.parametrize("decays", [1, 6])
def test_one_chunk_of_one_head(decays: int) -> None:
    operands, state = random_operands(length=8, decays=decays, dtype=torch.float64)
    single = Operands(*(each[:1, :, :1] for each in operands))
    found = delta_rule(single, chunk=8, state_BHKV=state[:1, :1])
    torch.testing.assert_close(found, recurrence(single, state[:1, :1]))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, on the way
@pytest.mark.parametrize("decays", [1, 6])
def test_compiles_without_a_break(decays: int) -> None:
    """Layers on a GPU are compiled where the kernels of flash-linear-attention are absent."""
    operands, state = random_operands(length=20, decays=decays)
    values = operands.v_BLHV.requires_grad_()

    def run(state_BHKV: Tensor) -> Tensor:
        return delta_rule(operands, chunk=16, state_BHKV=state_BHKV)[0]

    compiled = torch.compile(run, backend="aot_eager", dynamic=False, fullgraph=True)
    found, expected = compiled(state), run(state)
    torch.testing.assert_close(found, expected)
    (found_grad,) = torch.autograd.grad(found.sum(), values)
    torch.testing.assert_close(found_grad, torch.autograd.grad(expected.sum(), values)[0])
