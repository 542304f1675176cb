"""The path of a GPU, as far as a machine without one can take it: on the CPU, and on no device."""

import copy
import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from aira_dsl.api import search
from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import Compression
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.models import build, cuda_model
from aira_dsl.models.accelerate import (
    CompiledModel,
    choose_device,
    choose_precision,
    missing_kernels,
)
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.mamba2 import cuda
from aira_dsl.training.networks import network

# PyTorch's compiler does what PyTorch warns of, in many modules of its own.
pytestmark = pytest.mark.filterwarnings("ignore")

BLOCKS = {
    "A": Attention(heads=2, rope=10_000.0),
    "M": MLP(hidden=24, activation="relu"),
    "Mb": Mamba2(inner=32, state=4, head_dim=8),
}
CPU = torch.device("cpu")


def an_architecture(*layers: str) -> Architecture:
    return Architecture(width=16, vocab=11, blocks=BLOCKS, layers=layers)


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Trace as ever, but run what was traced without making machine code; tell every graph."""
    made: list[int] = []

    def backend(module: Any, inputs: list[Tensor]) -> Callable[..., Any]:
        made.append(len(module.graph.nodes))
        return module.forward  # type: ignore[no-any-return]

    torch._dynamo.reset()
    compile_ = torch.compile(cuda_model._plain, dynamic=False, backend=backend)
    monkeypatch.setattr(cuda_model, "_compiler", lambda: compile_)
    return made


def train(model: torch.nn.Module, tokens_BL: Tensor) -> tuple[Tensor, list[Tensor]]:
    logits_BLV = model(tokens_BL)
    grad = torch.randn(logits_BLV.shape, generator=torch.Generator().manual_seed(1))
    torch.autograd.backward(logits_BLV, grad.to(logits_BLV.dtype))
    gradients = [parameter.grad for parameter in model.parameters()]
    return logits_BLV.detach(), [grad for grad in gradients if grad is not None]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_results_are_the_references(
    graphs: list[int], dtype: torch.dtype, tolerance: float
) -> None:
    reference = build(an_architecture("Mb", "A", "M", "A"), seed=1)
    model = CompiledModel(copy.deepcopy(reference), dtype, CPU)
    tokens_BL = torch.randint(11, (3, 20), generator=torch.Generator().manual_seed(0))
    (found, found_grads), (wanted, wanted_grads) = (
        train(model, tokens_BL),
        train(reference, tokens_BL),
    )
    assert found.dtype == torch.float32
    assert float((found - wanted).abs().max()) < tolerance * float(wanted.abs().max())
    assert len(found_grads) == len(wanted_grads)
    largest = max(float(grad.abs().max()) for grad in wanted_grads)
    for mine, theirs in zip(found_grads, wanted_grads, strict=True):
        assert float((mine - theirs).abs().max()) < tolerance * largest
    assert len(graphs) == 3
    with torch.no_grad():
        assert float((model(tokens_BL) - found).abs().max()) < tolerance


def test_three_compiled_layers_serve_every_arrangement(graphs: list[int]) -> None:
    tokens_BL = torch.randint(11, (2, 16))
    train(CompiledModel(build(an_architecture("A", "M", "Mb")), torch.float32, CPU), tokens_BL)
    assert len(graphs) == 3
    for layers in (("Mb", "Mb", "A", "A", "M", "M", "Mb"), ("M", "A", "M"), ("A",) * 12):
        train(CompiledModel(build(an_architecture(*layers)), torch.bfloat16, CPU), tokens_BL)
    assert len(graphs) == 6  # bf16 is other code; arrangements are not


def test_everything_is_where_the_model_is() -> None:
    """On a device without memory whatever was left on the CPU would be refused."""
    meta = torch.device("meta")
    model = CompiledModel(build(an_architecture("A", "M", "Mb")), torch.bfloat16, meta)
    assert model(torch.zeros(2, 12, dtype=torch.long)).shape == (2, 12, 11)
    assert model(torch.zeros(2, 12, dtype=torch.long)).is_meta


def test_mamba_ssms_own_kernels_are_not_compiled_again(
    graphs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class OnCuda:
        is_cuda, is_meta = True, False

    monkeypatch.setattr(cuda_model, "_plain", lambda layer, x_BLD: "as it is")
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    mamba, attention = build(an_architecture("Mb", "A")).stack
    assert cuda_model.run_layer(mamba, OnCuda()) == "as it is"  # type: ignore[arg-type]
    monkeypatch.setattr(cuda_model, "_compiler", lambda: lambda layer, x_BLD: "compiled")
    assert cuda_model.run_layer(attention, OnCuda()) == "compiled"  # type: ignore[arg-type]
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    assert cuda_model.run_layer(mamba, OnCuda()) == "compiled"  # type: ignore[arg-type]


@pytest.fixture
def cuda_that_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the evaluator believe in a GPU, and compute where there is something to compute on."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a name")
    monkeypatch.setattr(
        "aira_dsl.models.accelerate.CompiledModel",
        lambda model, dtype, device: CompiledModel(model, dtype, CPU),
    )
    to = torch.nn.Module.to
    monkeypatch.setattr(
        torch.nn.Module,
        "to",
        lambda self, *target, **more: self if target == ("cuda",) else to(self, *target, **more),
    )


@pytest.mark.usefixtures("graphs", "cuda_that_is_the_cpu")
def test_an_evaluation_on_the_gpus_path_scores_as_on_the_cpus() -> None:
    """From settings to scores: data, training, scoring; the encoder of compression too."""
    here = preset_settings("smoke", precision="fp32")
    there = here.model_copy(update={"device": "cuda"})
    architecture = an_architecture("Mb", "A", "M")
    found = Evaluator(there).evaluate(architecture)
    expected = Evaluator(here).evaluate(architecture)
    assert found.status == "ok"
    assert [task.task for task in found.tasks] == [task.task for task in expected.tasks]
    for mine, theirs in zip(found.tasks, expected.tasks, strict=True):
        assert mine.training_loss == pytest.approx(theirs.training_loss, rel=1e-3)
    assert isinstance(
        network(Compression(), architecture, seed=0, device="cuda").encoder, CompiledModel
    )


def test_scores_of_a_gpu_are_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    here = preset_settings("smoke", precision="fp32")
    there = here.model_copy(update={"device": "cuda"})
    assert here.identity() != there.identity()
    keys = set()
    for name in ("one GPU", "another"):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda name=name: name)
        keys.add(Evaluator(there).key(an_architecture("A"), 0, "validation"))
    assert len(keys) == 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu() -> None:
    assert choose_device() == "cpu"
    with pytest.raises(UsageError, match="finds no CUDA device") as caught:
        search(device="cuda", budget=1)
    assert caught.value.code == "E0632"


def test_a_gpu_needs_no_kernels_for_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRA_DSL_KERNELS", "off")
    assert choose_precision("bf16", "cuda") == "bf16"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for quick, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda quick=quick, **_: quick)
        settings = preset_settings("smoke", device="auto")
        assert (settings.device, settings.precision) == ("cuda", precision)


@pytest.mark.slow
@pytest.mark.skipif(
    missing_kernels() is not None and "CI" not in os.environ, reason="it needs a C++ compiler"
)
def test_real_machine_code() -> None:
    """The compiler that a GPU would use, here making code for the processor."""
    torch._dynamo.reset()
    cuda_model._compiler.cache_clear()
    reference = build(an_architecture("Mb", "A", "M"), seed=1)
    model = CompiledModel(copy.deepcopy(reference), torch.float32, CPU)
    tokens_BL = torch.randint(11, (2, 16), generator=torch.Generator().manual_seed(0))
    (found, found_grads), (wanted, wanted_grads) = (
        train(model, tokens_BL),
        train(reference, tokens_BL),
    )
    assert float((found - wanted).abs().max()) < 1e-5
    for mine, theirs in zip(found_grads, wanted_grads, strict=True):
        assert float((mine - theirs).abs().max()) < 1e-4
