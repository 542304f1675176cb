"""What a GPU computes is what the CPU computes; skipped where there is none."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.latency.here import measure_here
from aira_dsl.evaluation.latency.options import MeasuredOptions
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.language import parse
from aira_dsl.models import build
from aira_dsl.pretraining.callbacks import Callbacks
from aira_dsl.pretraining.run import train
from aira_dsl.primitives import Mamba2
from aira_dsl.primitives.common import stacked_linear
from aira_dsl.primitives.mamba2 import cuda
from aira_dsl.primitives.moe.spec import MoE
from aira_dsl.primitives.registry import KINDS, make_mixer
from aira_dsl.space import Space
from tests.pretraining.runs import TEXT, losses, settings

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore"),  # of compilers and kernels, which are not ours
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mixer_and_its_gradients(kind: str) -> None:
    block = KINDS[kind]().resolve(128)
    mixer = make_mixer(block, 128)
    mixer.init_weights(torch.Generator().manual_seed(0), 4)
    x_BLD = torch.randn(2, 75, 128, generator=torch.Generator().manual_seed(1))
    found = []
    for device in ("cpu", "cuda"):
        own_BLD = x_BLD.to(device, copy=True).requires_grad_()
        y_BLD = mixer.to(device)(own_BLD)
        names, weights = zip(*mixer.named_parameters(), strict=True)
        gradients = torch.autograd.grad(y_BLD.square().sum(), [own_BLD, *weights])
        found.append([y_BLD, *gradients])
    for name, on_cpu, on_gpu in zip(("output", "input", *names), *found, strict=True):
        torch.testing.assert_close(
            on_gpu.cpu(), on_cpu, rtol=1e-3, atol=1e-4 * on_cpu.abs().max().item(), msg=name
        )


def test_decoding_equals_one_pass() -> None:
    model = build(parse(TEXT), seed=3).to("cuda").eval()
    tokens_BL = torch.randint(256, (2, 24), device="cuda")
    with torch.inference_mode():
        whole_BLV = model(tokens_BL)
        cache = model.new_cache(2)
        stepwise = [model(tokens_BL[:, i : i + 1], cache) for i in range(24)]
    torch.testing.assert_close(torch.cat(stepwise, 1), whole_BLV, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("state", [16, 128])
def test_kernels_of_mamba_ssm(state: int, dtype: torch.dtype) -> None:
    """The scan of mamba_ssm beside the one of this package, outputs and gradients."""
    if not cuda.is_available():
        pytest.skip("mamba_ssm and causal_conv1d are not installed")
    block = Mamba2(inner=256, state=state, head_dim=64).resolve(128)
    mixer = make_mixer(block, 128).to("cuda")
    mixer.init_weights(torch.Generator(device="cuda").manual_seed(0), 4)
    x_BLD = torch.randn(2, 320, 128, device="cuda")

    def outcome() -> list[Tensor]:
        own_BLD = x_BLD.clone().requires_grad_()
        with torch.autocast("cuda", dtype, enabled=dtype != torch.float32):
            y_BLD = mixer(own_BLD)
        return [y_BLD, *torch.autograd.grad(y_BLD.sum(), [own_BLD, *mixer.parameters()])]

    assert cuda.scan_kernel(x_BLD, state) is not None
    with_kernels = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "probe", lambda *_: None)
        plain = outcome()
    limit = 0.02 if dtype == torch.float32 else 0.06  # the kernels multiply in TF32
    for ours, theirs in zip(plain, with_kernels, strict=True):
        error = (ours - theirs).float().norm() / ours.float().norm()
        assert error < limit, error


def test_experts_by_one_kernel() -> None:
    """Products of groups beside those of single experts, in bfloat16; some have no token."""
    if not stacked_linear.has_grouped_kernel(torch.device("cuda")):
        pytest.skip("the GPU has no kernel for products of groups")
    block = MoE(experts=32, top=2, hidden=64, bias=True, shared=32).resolve(128)
    mixer = make_mixer(block, 128).to("cuda")
    mixer.init_weights(torch.Generator(device="cuda").manual_seed(0), 4)
    x_BLD = torch.randn(1, 19, 128, device="cuda")

    def outcome() -> list[Tensor]:
        own_BLD = x_BLD.clone().requires_grad_()
        with torch.autocast("cuda", torch.bfloat16):
            y_BLD = mixer(own_BLD)
        return [y_BLD, *torch.autograd.grad(y_BLD.sum(), [own_BLD, *mixer.parameters()])]

    grouped = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacked_linear, "has_grouped_kernel", lambda _: False)
        single = outcome()
    for ours, theirs in zip(grouped, single, strict=True):
        assert (ours - theirs).float().norm() / theirs.float().norm() < 0.01


def test_the_plain_modules() -> None:
    model = build(parse(TEXT), seed=1)
    tokens_BL = torch.randint(256, (2, 64))
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(cuda, "probe", lambda *_: None)
        on_cpu = model(tokens_BL)
        on_gpu = model.to("cuda")(tokens_BL.cuda())
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "how", [{"no_compile": True}, {}, {"no_compile": True, "cuda_graph": True}], ids=str
)
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_training(how: dict[str, bool], optimizer: str, tmp_path: Path) -> None:
    given = settings(tmp_path, steps=16, accumulate=2, optimizer=optimizer)
    train(given, tmp_path / "cpu")
    result = train(
        given.model_copy(update={"device": "cuda", **how}),
        tmp_path / "gpu",
    )
    assert result.status == "ok"
    assert result.device == "cuda"
    assert losses(tmp_path / "gpu") == pytest.approx(losses(tmp_path / "cpu"), abs=2e-3)


def test_a_recorded_training_continues(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=12, device="cuda", cuda_graph=True, no_compile=True)
    whole = train(given, tmp_path / "whole")
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 6

    first = train(given, tmp_path / "two", callbacks=Callbacks(should_stop=stop))
    assert first.status == "stopped"
    assert train(given, tmp_path / "two").loss == pytest.approx(whole.loss, abs=1e-4)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "whole"), abs=1e-4)


def test_bf16_training(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=16, device="cuda")
    train(given, tmp_path / "fp32")
    train(given.model_copy(update={"precision": "bf16"}), tmp_path / "bf16")
    assert losses(tmp_path / "bf16") == pytest.approx(losses(tmp_path / "fp32"), abs=0.05)


def test_scores_of_a_search() -> None:
    architecture = Space.load("examples/six_layers.arch").architecture(
        ("A", "M", "Mb", "A", "M", "M")
    )
    settings_of = {"device": "cpu", "precision": "fp32"}, {"device": "cuda", "precision": "fp32"}
    scores = [
        Evaluator(preset_settings("smoke", **given)).evaluate(architecture, seed=0).score
        for given in settings_of
    ]
    assert scores[1] == pytest.approx(scores[0], abs=0.05)


def test_latency() -> None:
    found = measure_here(parse(TEXT), MeasuredOptions(context=64, device="cuda", rounds=3))
    assert found.prefill_tokens_per_second > 0
