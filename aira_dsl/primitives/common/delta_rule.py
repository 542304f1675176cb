"""The gated delta rule in chunks, with a hand-written backward pass (arXiv 2412.06464, 2510.26692).

For every head, with unit vectors k and q (q scaled by K^(-1/2)), decay a = exp(g) and step β:

    S_t = (I - β_t·k_t·k_tᵀ)·diag(a_t)·S_(t-1) + β_t·k_t·v_tᵀ        o_t = S_tᵀ·q_t

The decay is one number a token (Gated DeltaNet) or one a channel of the key (KDA, Kimi Linear).

The chunked form. c_i is the sum of g over a chunk's tokens up to i, S the state before the chunk.
Unrolled, S_i = diag(e^(c_i))·S + sum_(j≤i) diag(e^(c_i - c_j))·β_j·k_j·z_jᵀ with the prediction
errors z_i = v_i - k_iᵀ·diag(a_i)·S_(i-1). Insert the first into the second. With sources y = β·k,

    A_ij = k_i·e^(c_i - c_j)·y_j  (j < i)       P_ij = q_i·e^(c_i - c_j)·y_j  (j ≤ i)
    (I + A)·Z = V - K̃·S,  K̃_i = k_i·e^(c_i)     O = Q̃·S + P·Z,  Q̃_i = q_i·e^(c_i)
    S' = diag(e^(c_C))·S + Ỹᵀ·Z,  Ỹ_j = y_j·e^(c_C - c_j)

This is the UT transform of DeltaNet (arXiv 2406.06484, §3) with β among the sources. With
T = (I + A)^(-1) and W = T·K̃, Z = T·V - W·S: all but two products run over all chunks at once, and
only S is carried from chunk to chunk. T comes from a triangular solver: squaring A would be faster
still, but its powers grow like binomial coefficients where keys are alike.

The backward pass, G for the gradient of what follows it, in the order in which it runs:

1. From the last chunk to the first, G(Z) = Pᵀ·G(O) + Ỹ·G(S') and
   G(S) = diag(e^(c_C))·G(S') + Q̃ᵀ·G(O) - Wᵀ·G(Z).
2. R = Tᵀ·G(Z) is the gradient of the right side V - K̃·S, thus G(V) = R, and since
   dT = -T·dA·T, G(A) = -R·Zᵀ. G(P) = G(O)·Zᵀ.
3. Readers: G(k_i) = (sum_j G(A)_ij·e^(c_i - c_j)·y_j) - e^(c_i)·S·R_i, likewise G(q_i) from G(P)
   and G(O). Sources:
   G(y_j) = sum_i e^(c_i - c_j)·(G(A)_ij·k_i + G(P)_ij·q_i) + e^(c_C - c_j)·G(S')·z_j.
4. c_i occurs only with a reader, as e^(c_i), and c_j only with a source, as e^(-c_j), and c_C with
   S'. So G(c_i) = k_i∘G(k_i) + q_i∘G(q_i) - y_i∘G(y_i), G(c_C) += rowsum(S'∘G(S')), and G(g) is
   the sum of G(c) over this token and later ones. G(β_j) = k_j·G(y_j) and G(k_j) += β_j·G(y_j).
5. For x̂ = s·x·r, r = (x·x + eps)^(-1/2): G(x) = s·r·(G(x̂) - x̂·(x̂·G(x̂)) / s²).

Numerical choices: everything is float32 at least (the caller converts); only differences of c are
exponentiated, see `delta_decay.py`; a log decay below -20 counts as -20.

For speed, measured in benchmarks/delta_rule.py: few large batched products; short chunks, since
their C·C products cost as much as those of a K·V state at C = K / 2; sums of products that are
needed anyway give the gradients of decays, steps and norms.

Shapes: B batch, L length, H heads, K key size, V value size, D decays of a token (1 or K),
S chunks, N = B·H, M = S·N, C tokens of a chunk. A leading 2 is keys, then queries.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from aira_dsl.primitives.common.delta_decay import Decay, between, least_log_decay

EPS = 1e-6
"""Added to the squared length of keys and queries."""


class Operands(NamedTuple):
    """Inputs of the delta rule, all of one dtype.

    Attributes:
        q_BLHK, k_BLHK: queries and keys of any length; they are normalized here.
        v_BLHV: values.
        log_decay_BLHD: logarithm of what a state keeps, at most 0; D is 1 or K.
        beta_BLH: step sizes, from 0 to 2.
    """

    q_BLHK: Tensor
    k_BLHK: Tensor
    v_BLHV: Tensor
    log_decay_BLHD: Tensor
    beta_BLH: Tensor


def chunk_for(key_dim: int) -> int:
    """Return the tokens of a chunk for heads of a size (measured on a CPU)."""
    return 16 if key_dim <= 48 else 32


def delta_rule(
    operands: Operands, *, chunk: int, state_BHKV: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run the delta rule over a whole sequence of any length.

    Args:
        operands: queries, keys, values, decays and steps.
        chunk: tokens of a chunk, a power of two; changes speed and rounding only.
        state_BHKV: the state before the first token; None for zero.

    Returns:
        o_BLHV, and the state after the last token.
    """
    q_BLHK, _, v_BLHV, decay_BLHD, _ = operands
    least = least_log_decay(decay_BLHD.dtype)
    operands = operands._replace(log_decay_BLHD=decay_BLHD.clamp(min=least))
    if state_BHKV is None:
        batch, length, heads, key_dim = q_BLHK.shape
        state_BHKV = q_BLHK.new_zeros(batch, heads, key_dim, v_BLHV.shape[-1])
    length = q_BLHK.shape[1]
    if length == 1:
        return _step(operands, state_BHKV)
    chunk = min(chunk, 1 << (length - 1).bit_length())
    missing = -length % chunk
    if missing:  # a token of zeros leaves the state as it is
        operands = Operands(
            *(F.pad(each, (0, 0) * (each.dim() - 2) + (0, missing)) for each in operands)
        )
    o_BLHV, last_BHKV = _DeltaRule.apply(*operands, state_BHKV, chunk)  # type: ignore[no-untyped-call]
    return (o_BLHV[:, :length] if missing else o_BLHV), last_BHKV


def _step(operands: Operands, state_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """One token: the recurrence itself."""
    q_BHK, k_BHK, v_BHV, log_decay_BHD, beta_BH = (each.squeeze(1) for each in operands)
    q_BHK, k_BHK = q_BHK * _inverse_norm(q_BHK), k_BHK * _inverse_norm(k_BHK)
    state_BHKV = state_BHKV * log_decay_BHD.exp().unsqueeze(-1)
    error_BHV = v_BHV - (k_BHK.unsqueeze(-2) @ state_BHKV).squeeze(-2)
    source_BHK = k_BHK * beta_BH.unsqueeze(-1)
    state_BHKV = state_BHKV + source_BHK.unsqueeze(-1) * error_BHV.unsqueeze(-2)
    o_B1HV = (q_BHK.unsqueeze(-2) @ state_BHKV).transpose(1, 2)
    return o_B1HV * q_BHK.shape[-1] ** -0.5, state_BHKV


def _inverse_norm(x_K: Tensor) -> Tensor:
    norm_1 = torch.linalg.vector_norm(x_K, dim=-1, keepdim=True)
    return torch.rsqrt(norm_1.square() + EPS)


class _Parts(NamedTuple):
    """What both passes need of every chunk, with the names of the module docstring."""

    unit_2MCK: Tensor
    scale_2MC1: Tensor
    beta_MC1: Tensor
    kept_MCD: Tensor
    rest_MCD: Tensor
    sources_MCK: Tensor
    P_MCC: Tensor
    T_MCC: Tensor
    W_MCK: Tensor


def _prepare(operands: Operands, chunk: int, sums_MCD: Tensor, decay: Decay) -> _Parts:
    q_BLHK, k_BLHK, _, _, beta_BLH = operands
    unit_2MCK, scale_2MC1 = _normalize(k_BLHK, q_BLHK, chunk)
    beta_MC1 = _chunks(beta_BLH.unsqueeze(-1), chunk)
    kept_MCD, rest_MCD = sums_MCD.exp(), (sums_MCD[:, -1:] - sums_MCD).exp_()
    sources_MCK = unit_2MCK[0] * beta_MC1
    A_MCC, P_MCC = decay.scores(unit_2MCK, sources_MCK)
    eye_MCC = torch.eye(chunk, dtype=A_MCC.dtype, device=A_MCC.device).expand_as(A_MCC)
    # The solver reads below the diagonal only.
    T_MCC = torch.linalg.solve_triangular(A_MCC, eye_MCC, upper=False, unitriangular=True)
    W_MCK = torch.bmm(T_MCC, unit_2MCK[0] * kept_MCD)
    return _Parts(
        unit_2MCK, scale_2MC1, beta_MC1, kept_MCD, rest_MCD, sources_MCK, P_MCC, T_MCC, W_MCK
    )


class _DeltaRule(torch.autograd.Function):
    """The chunked form; see the module docstring for both passes."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        *tensors, state_BHKV, chunk = arguments
        operands = Operands(*tensors)
        sums_MCD = _chunks(operands.log_decay_BLHD, chunk).cumsum(1)
        decay = between(sums_MCD)
        parts = _prepare(operands, chunk, sums_MCD, decay)
        Z_MCV = torch.bmm(parts.T_MCC, _chunks(operands.v_BLHV, chunk))
        states_SNKV = _carry(parts, Z_MCV, state_BHKV.flatten(0, 1))
        decayed_MCK = parts.unit_2MCK[1] * parts.kept_MCD
        o_MCV = torch.bmm(decayed_MCK, states_SNKV[:-1].flatten(0, 1)).baddbmm_(parts.P_MCC, Z_MCV)
        ctx.save_for_backward(*parts, Z_MCV, states_SNKV)
        ctx.decay, ctx.shape = decay, operands.v_BLHV.shape[:3]
        return _tokens(o_MCV, ctx.shape), states_SNKV[-1].view(state_BHKV.shape).clone()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        grad_o_BLHV, grad_last_BHKV = grads
        *saved, Z_MCV, states_SNKV = ctx.saved_tensors
        parts = _Parts(*saved)
        grad_o_MCV = _chunks(grad_o_BLHV, parts.T_MCC.shape[1])
        grad_Z_MCV, grad_states_SNKV = _carry_back(parts, grad_o_MCV, grad_last_BHKV)
        grad_v_MCV = torch.bmm(parts.T_MCC.mT, grad_Z_MCV)
        into = _readers_and_sources(
            parts, ctx.decay, (grad_v_MCV, grad_o_MCV), Z_MCV, (states_SNKV, grad_states_SNKV)
        )
        total_SNK = (states_SNKV[1:] * grad_states_SNKV[1:]).sum(-1)
        grad_k, grad_q, grad_decay, grad_beta = _operands(parts, into, total_SNK.flatten(0, 1))
        by_token = [
            _tokens(each, ctx.shape) for each in (grad_q, grad_k, grad_v_MCV, grad_decay, grad_beta)
        ]
        grad_state_BHKV = grad_states_SNKV[0].view(grad_last_BHKV.shape)
        return *by_token[:-1], by_token[-1].squeeze(-1), grad_state_BHKV, None


def _carry(parts: _Parts, Z_MCV: Tensor, first_NKV: Tensor) -> Tensor:
    """Return the state before every chunk and after the last; completes Z = T·V - W·S."""
    rows = first_NKV.shape[0]
    chunks = Z_MCV.shape[0] // rows
    written_MCK = parts.sources_MCK * parts.rest_MCD
    last_MD1 = parts.kept_MCD[:, -1:].mT.contiguous()
    states_SNKV = first_NKV.new_empty(chunks + 1, *first_NKV.shape)
    states_SNKV[0].copy_(first_NKV)
    by_chunk = (
        torch.unflatten(each, 0, (chunks, rows)).unbind()
        for each in (parts.W_MCK, written_MCK.mT, last_MD1, Z_MCV)
    )
    states = states_SNKV.unbind()
    for W, Y, last, Z, before, after in zip(*by_chunk, states[:-1], states[1:], strict=True):
        Z.baddbmm_(W, before, alpha=-1)
        torch.mul(before, last, out=after).baddbmm_(Y, Z)
    return states_SNKV


def _carry_back(parts: _Parts, grad_o_MCV: Tensor, grad_last_BHKV: Tensor) -> tuple[Tensor, Tensor]:
    """Step 1: the gradients of Z and of every state."""
    rows = grad_last_BHKV.shape[0] * grad_last_BHKV.shape[1]
    chunks = grad_o_MCV.shape[0] // rows
    written_MCK = parts.sources_MCK * parts.rest_MCD
    last_MD1 = parts.kept_MCD[:, -1:].mT.contiguous()
    grad_states_SNKV = grad_last_BHKV.new_empty(chunks + 1, rows, *grad_last_BHKV.shape[2:])
    grad_states_SNKV[-1].copy_(grad_last_BHKV.flatten(0, 1))
    decayed_MCK = parts.unit_2MCK[1] * parts.kept_MCD
    torch.bmm(decayed_MCK.mT, grad_o_MCV, out=grad_states_SNKV[:-1].flatten(0, 1))
    grad_Z_MCV = torch.bmm(parts.P_MCC.mT, grad_o_MCV)
    by_chunk = (
        torch.unflatten(each, 0, (chunks, rows)).unbind()
        for each in (parts.W_MCK.mT, written_MCK, last_MD1, grad_Z_MCV)
    )
    states = grad_states_SNKV.unbind()
    steps = list(zip(*by_chunk, states[:-1], states[1:], strict=True))
    for W, Y, last, grad_Z, before, after in reversed(steps):
        grad_Z.baddbmm_(Y, after)
        before.addcmul_(after, last).baddbmm_(W, grad_Z, alpha=-1)
    return grad_Z_MCV, grad_states_SNKV


def _readers_and_sources(
    parts: _Parts,
    decay: Decay,
    outer: tuple[Tensor, Tensor],
    Z_MCV: Tensor,
    states: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Steps 2 and 3: the gradients of readers (2, M, C, K) and of sources (M, C, K)."""
    before_MKV, grad_after_MKV = states[0][:-1].flatten(0, 1), states[1][1:].flatten(0, 1)
    grad_scores_2MCC = Z_MCV.new_empty(2, *parts.T_MCC.shape)
    grad_readers_2MCK = torch.empty_like(parts.unit_2MCK)
    for i, outer_MCV in enumerate(outer):
        torch.bmm(outer_MCV, Z_MCV.mT, out=grad_scores_2MCC[i])
        torch.bmm(outer_MCV, before_MKV.mT, out=grad_readers_2MCK[i])
    # The errors are V - K̃·S, and a key does not read itself.
    grad_scores_2MCC[0].tril_(-1).neg_()
    grad_readers_2MCK[0].neg_()
    grad_readers_2MCK.mul_(parts.kept_MCD)
    grad_sources_MCK = torch.bmm(Z_MCV, grad_after_MKV.mT).mul_(parts.rest_MCD)
    into = grad_readers_2MCK, grad_sources_MCK
    decay.add_gradients(grad_scores_2MCC, parts.unit_2MCK, parts.sources_MCK, into)
    return into


def _operands(
    parts: _Parts, into: tuple[Tensor, Tensor], total_MK: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Steps 4 and 5: the gradients of keys, queries, log decays and steps."""
    grad_readers_2MCK, grad_sources_MCK = into
    unit_2MCK, beta_MC1 = parts.unit_2MCK, parts.beta_MC1
    read_2MCD, source_MCD = grad_readers_2MCK * unit_2MCK, grad_sources_MCK * unit_2MCK[0]
    along_2MC1, grad_beta_MC1 = read_2MCD.sum(-1, keepdim=True), source_MCD.sum(-1, keepdim=True)
    if parts.kept_MCD.shape[-1] == 1:
        read_2MCD, source_MCD, total_MK = along_2MC1, grad_beta_MC1, total_MK.sum(-1, keepdim=True)
    grad_sums_MCD = read_2MCD[0] + read_2MCD[1] - source_MCD * beta_MC1
    grad_sums_MCD[:, -1] += total_MK
    grad_decay_MCD = grad_sums_MCD.flip(1).cumsum(1).flip(1)
    grad_readers_2MCK[0].addcmul_(grad_sources_MCK, beta_MC1)
    along_2MC1[0].addcmul_(grad_beta_MC1, beta_MC1)
    along_2MC1[1] *= unit_2MCK.shape[-1]
    grad_2MCK = grad_readers_2MCK.addcmul_(unit_2MCK, along_2MC1, value=-1).mul_(parts.scale_2MC1)
    return grad_2MCK[0], grad_2MCK[1], grad_decay_MCD, grad_beta_MC1


def _normalize(k_BLHK: Tensor, q_BLHK: Tensor, chunk: int) -> tuple[Tensor, Tensor]:
    """Return unit keys and scaled unit queries by chunk, and what they were multiplied with."""
    batch, length, heads, key_dim = k_BLHK.shape
    unit = k_BLHK.new_empty(2, length // chunk, batch, heads, chunk, key_dim)
    unit[0].copy_(_by_chunk(k_BLHK, chunk))
    unit[1].copy_(_by_chunk(q_BLHK, chunk))
    unit_2MCK = unit.flatten(1, 3)
    scale_2MC1 = _inverse_norm(unit_2MCK)
    scale_2MC1[1] *= key_dim**-0.5
    return unit_2MCK.mul_(scale_2MC1), scale_2MC1


def _by_chunk(x_BLHG: Tensor, chunk: int) -> Tensor:
    """Return a view (S, B, H, C, …)."""
    return torch.unflatten(x_BLHG, 1, (-1, chunk)).permute(1, 0, 3, 2, 4)


def _chunks(x_BLHG: Tensor, chunk: int) -> Tensor:
    return _by_chunk(x_BLHG, chunk).flatten(0, 2).contiguous()


def _tokens(x_MCG: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo `_chunks`."""
    batch, length, heads = shape
    x = x_MCG.view(-1, batch, heads, *x_MCG.shape[1:])
    return x.permute(1, 0, 3, 2, 4).reshape(batch, length, heads, -1)
