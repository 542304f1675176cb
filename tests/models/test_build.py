"""Building: weights follow from the seed, costs are what is really allocated."""

import math
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import RunError
from aira_dsl.models import LanguageModel, build, limits
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.utils import machine
from tests.models.architectures import architectures

HYBRID = Architecture(
    width=24,
    vocab=40,
    blocks={
        "A": Attention(heads=4, kv_heads=2, head_dim=6),
        "M": MLP(hidden=30, activation="swiglu"),
        "Mb": Mamba2(inner=24, state=4, head_dim=8),
    },
    layers=("A", "M", "Mb", "M", "A"),
)
TIED = Architecture(**{**dict(HYBRID), "tie_embeddings": True})


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    return model.state_dict()


def same(left: LanguageModel, right: LanguageModel) -> bool:
    a, b = weights(left), weights(right)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def tokens(*shape: int, vocab: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, vocab, shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=60)
@given(architectures())
def test_counted_parameters_are_the_real_ones(architecture: Architecture) -> None:
    model, costs = build(architecture, device="meta"), cost(architecture)
    assert sum(parameter.numel() for parameter in model.parameters()) == costs.total_parameters
    embedding = {id(model.embedding.weight), id(model.head.weight)}
    rest = [p.numel() for p in model.parameters() if id(p) not in embedding]
    assert sum(rest) == costs.parameters


@settings(max_examples=25)
@given(architectures(), st.integers(1, 3), st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_decoding_equals_the_parallel_form_and_allocates_what_is_counted(
    architecture: Architecture, batch: int, pieces: list[int]
) -> None:
    model, costs = build(architecture), cost(architecture, element_bytes=4)
    x = tokens(batch, sum(pieces), vocab=architecture.vocab)
    cache = model.new_cache(batch)
    with torch.inference_mode():
        logits = torch.cat([model(piece, cache) for piece in x.split(pieces, dim=1)], dim=1)
        torch.testing.assert_close(logits, model(x), atol=1e-5, rtol=1e-4)
    assert cache.nbytes == batch * (costs.kv_cache_bytes * x.shape[1] + costs.state_bytes)
    model, costs = model.bfloat16(), cost(architecture)
    cache = model.new_cache(batch)
    with torch.inference_mode():
        model(x, cache)
    assert cache.nbytes == costs.cache_bytes(x.shape[1], batch)


@pytest.mark.parametrize("architecture", [HYBRID, TIED], ids=["untied", "tied"])
def test_weights_follow_from_the_seed_alone(architecture: Architecture) -> None:
    first = build(architecture, seed=3)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert same(first, build(architecture, seed=3))
    assert torch.equal(before, torch.get_rng_state())
    assert not same(first, build(architecture, seed=4))
    assert first.seed == 3


def test_every_parameter_is_drawn() -> None:
    """Memory is allocated without being cleared, so anything forgotten would hold rubbish."""
    model = build(HYBRID)
    twin = build(HYBRID, seed=1)
    constant = {"norm.weight", "mixer.D"}
    for name, parameter in model.named_parameters():
        if any(name.endswith(end) for end in constant):
            assert (parameter == 1).all(), name
        else:
            assert parameter.abs().max() < 10
            assert not torch.equal(parameter, twin.get_parameter(name)), name


def test_initial_scale() -> None:
    wide = Architecture(width=256, vocab=256, blocks={"M": MLP(hidden=512)}, layers=("M",) * 4)
    model = build(wide)
    assert model.embedding.weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert model.head.weight.std().item() == pytest.approx(0.02, rel=0.03)
    mixer = model.layers[0].mixer
    assert mixer.up_proj.weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert mixer.down_proj.weight.std().item() == pytest.approx(0.01, rel=0.03)
    loss = model(tokens(4, 32, vocab=256)).logsumexp(-1).mean().item()
    assert loss == pytest.approx(math.log(256), rel=0.02)  # near-uniform at the start


def test_tied_head_is_the_embedding() -> None:
    model = build(TIED, dtype=torch.float64)
    assert model.head.weight is model.embedding.weight
    model(tokens(1, 5)).sum().backward()
    assert model.embedding.weight.grad is not None


def test_other_vocabulary() -> None:
    model = build(HYBRID, vocab=7)
    assert model(tokens(2, 3, vocab=7)).shape == (2, 3, 7)
    assert model.architecture.vocab == 7
    assert model.architecture.fingerprint != HYBRID.fingerprint
    assert model.architecture.layers == HYBRID.layers


def test_hidden_is_what_the_head_reads() -> None:
    model, x = build(HYBRID), tokens(2, 9)
    torch.testing.assert_close(model(x), model.head(model.hidden(x)))


def test_dtype_starts_from_the_same_numbers() -> None:
    wide, narrow = build(HYBRID, dtype=torch.float64), build(HYBRID, dtype=torch.bfloat16)
    for name, value in build(HYBRID).state_dict().items():
        assert torch.equal(wide.state_dict()[name], value.double())
        assert torch.equal(narrow.state_dict()[name], value.bfloat16())
    assert narrow(tokens(1, 4)).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_parameters_that_must_not_decay_are_flagged(dtype: torch.dtype) -> None:
    model = build(HYBRID, dtype=dtype)
    flagged = {n for n, p in model.named_parameters() if getattr(p, "_no_weight_decay", False)}
    assert flagged == {f"layers.2.mixer.{name}" for name in ("dt_bias", "A_log", "D")}


def test_large_models_are_laid_out_in_no_time_and_memory() -> None:
    large = Architecture(
        width=2560,
        vocab=128_256,
        blocks={
            "A": Attention(heads=32, kv_heads=8, head_dim=128),
            "M": MLP(hidden=10_240, activation="swiglu"),
            "Mb": Mamba2(inner=5120, state=128, head_dim=64, groups=8),
        },
        layers=("Mb", "M", "A", "M") * 8,
    )
    start = time.process_time()
    model = build(large, device="meta")
    assert time.process_time() - start < 2
    assert sum(p.numel() for p in model.parameters()) == cost(large).total_parameters > 2e9


def test_what_does_not_fit_in_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "free_memory", lambda: 4 * cost(HYBRID).total_parameters - 1)
    with pytest.raises(RunError, match=r"E0501.*weights of model take"):
        build(HYBRID)
    build(HYBRID, device="meta")


def test_a_container_limits_memory_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert (machine.free_memory() or 0) > 1000
    (tmp_path / "memory.current").write_text("600\n", encoding="utf-8")
    for limit, free in (("1000\n", 400), ("500\n", 0)):
        (tmp_path / "memory.max").write_text(limit, encoding="utf-8")
        assert machine.free_memory() == free
    (tmp_path / "memory.max").write_text("max\n", encoding="utf-8")
    assert (machine.free_memory() or 0) > 1000
    monkeypatch.setattr(machine, "MEMINFO", tmp_path / "absent")
    assert machine.free_memory() is None
    build(HYBRID)  # unknown is not a reason to refuse


def test_a_model_larger_than_any_machine_is_refused_at_once() -> None:
    huge = Architecture(width=1 << 20, blocks={"M": MLP(hidden=1 << 20)}, layers=("M",) * 4096)
    with pytest.raises(RunError, match="E0501"):
        build(huge)


def test_training_step_lowers_the_loss() -> None:
    model, x = build(HYBRID), tokens(8, 32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(12):
        logits = model(x[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.3
