"""Norm placement, scales and bounds: the formula, both engines, files."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from aira_dsl.architecture import Architecture, cost
from aira_dsl.interop.exporters import EXPORTERS
from aira_dsl.language import parse, to_text, to_yaml
from aira_dsl.models import build, load_model, save_model
from aira_dsl.models.accelerate import FastModel, missing_kernels
from aira_dsl.models.cuda_model import CompiledModel
from aira_dsl.pretraining.network import Network
from aira_dsl.scaling.paper_sizes import sized
from tests.interop.models import trained
from tests.models.structures import STRUCTURES, structured
from tests.pretraining.runs import settings as train_settings

each_structure = pytest.mark.parametrize("architecture", STRUCTURES.values(), ids=STRUCTURES)
needs_kernels = pytest.mark.skipif(missing_kernels() is not None, reason=str(missing_kernels()))
CPU = torch.device("cpu")


def tokens(seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 50, (2, 17), generator=torch.Generator().manual_seed(seed))


@each_structure
def test_counted_parameters_are_the_real_ones(architecture: Architecture) -> None:
    model = build(architecture, device="meta")
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == cost(architecture).total_parameters


def test_placement_decides_the_number_of_norms() -> None:
    width, norms = 24, 1 + 2 + 0 + 1 + 1 + 1 + 1  # A M S N A N, and the last one
    mixers = build(structured(), device="meta").stack
    weights = sum(p.numel() for each in mixers for p in each.mixer.parameters())
    assert cost(structured()).parameters == weights + norms * width
    assert cost(structured("norm_kind layer")).parameters == weights + 2 * norms * width


def test_layers_follow_the_formula() -> None:
    ours, x = trained(STRUCTURES["layer"]), tokens()
    weights = ours.state_dict()

    def norm(name: str, h: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(h, (24,), weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-5)

    with torch.no_grad():
        h = weights["embedding.weight"][x]
        mixers = [layer.mixer for layer in ours.stack]
        h = h + norm("layers.0.post_norm", mixers[0](h))
        h = h + 0.22 * norm("layers.1.post_norm", mixers[1](norm("layers.1.norm", h)))
        h = h + 1.5 * mixers[2](h)
        h = h + mixers[3](norm("layers.3.norm", h))
        h = h + norm("layers.4.post_norm", mixers[4](h))
        h = h + mixers[5](norm("layers.5.norm", h))
        expected = 0.25 * norm("norm", h) @ weights["head.weight"].T
        torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=1e-5)


def test_a_norm_of_the_stream_takes_the_place_of_the_stream() -> None:
    ours = trained(STRUCTURES["stream"])  # A-M-S-N-A-D-K-(D|E)-N-D
    x_BLD = torch.randn(2, 9, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        alone, after, both = ours.stack[5], ours.stack[6], ours.stack[7]
        normed = F.rms_norm(x_BLD, (24,), alone.norm.weight, 1e-5)
        torch.testing.assert_close(alone(x_BLD), 1.5 * normed + alone.mixer(normed))
        torch.testing.assert_close(after(x_BLD), 0.75 * x_BLD + after.post_norm(after.mixer(x_BLD)))
        normed = F.rms_norm(x_BLD, (24,), both.norm.weight, 1e-5)
        mamba, attention = both.mixer.branches
        expected = 1.5 * normed + mamba(normed) + 0.5 * attention(normed)
        torch.testing.assert_close(both(x_BLD), expected)


def test_parallel_layers_add_the_outputs_of_their_blocks() -> None:
    ours = trained(STRUCTURES["parallel"])
    layer = ours.stack[5]
    x_BLD = torch.randn(2, 9, 24, generator=torch.Generator().manual_seed(0))
    attention, mamba = layer.mixer.branches
    with torch.no_grad():
        normed = F.rms_norm(x_BLD, (24,), layer.norm.weight, 1e-5)
        expected = x_BLD + 0.5 * attention(normed) + mamba(normed)
        torch.testing.assert_close(layer(x_BLD), expected)


def test_a_parallel_layer_costs_what_its_blocks_cost_with_one_norm() -> None:
    blocks = "block A = attention; block M = mlp { hidden 30 }; block S = mamba2; layers "
    both = cost(parse(f"architecture {{ {blocks} (A|M|S) }}"))
    apart = cost(parse(f"architecture {{ {blocks} A-M-S }}"))
    assert both.parameters == apart.parameters - 2 * 128
    for name in ("training_flops", "prefill_flops", "decode_flops", "caches", "state_bytes"):
        assert getattr(both, name) == getattr(apart, name)


def test_layers_of_a_tied_block_have_one_set_of_weights() -> None:
    architecture = STRUCTURES["tied"]  # A-M-S-N-A-T-N-T-(T|U)-U-(T|U)
    assert architecture.weight_sets(architecture.layers) == (0, 1, 2, 3, 4, 5, 6, 5, 7, 8, 7)
    model, costs = trained(architecture), cost(architecture)
    assert model.stack[5] is model.stack[7]
    untied = architecture.replace(
        blocks={
            name: block.model_copy(update={"tied": False})
            for name, block in architecture.blocks.items()
        }
    )
    twice = [architecture.layer_parameters(name) for name in ("T", "T|U")]
    assert costs.parameters == cost(untied).parameters - sum(twice)
    assert costs.training_flops == cost(untied).training_flops
    assert costs.caches == cost(untied).caches
    assert architecture.fingerprint != untied.fingerprint


def test_tied_blocks_of_equal_parameters_are_different_models() -> None:
    blocks = "block S = mlp { tied true }; block T = mlp { tied true }; block A = attention; layers"
    prints = {
        parse(f"architecture {{ {blocks} A-{layers} }}").fingerprint
        for layers in ("2S-2T", "S-T-S-T", "4S")
    }
    assert len(prints) == 3
    other_names = parse(f"architecture {{ {blocks} A-2T-2S }}").fingerprint
    assert other_names in prints


def test_embedding_is_scaled_and_logits_are_bounded() -> None:
    plain, scaled = trained(structured()), trained(structured("embedding_scale 3; softcap 0.5"))
    with torch.no_grad():
        x_BLD = scaled.embedding(tokens())
        torch.testing.assert_close(x_BLD, 3 * plain.embedding(tokens()))
        logits = scaled(tokens())
        unbounded = scaled.hidden(tokens()) @ scaled.head.weight.T
        assert unbounded.abs().max() > 0.5
        torch.testing.assert_close(logits, 0.5 * torch.tanh(unbounded / 0.5))


@each_structure
def test_decoding_equals_the_parallel_form(architecture: Architecture) -> None:
    model, x = trained(architecture), tokens()
    cache = model.new_cache(2)
    with torch.inference_mode():
        logits = torch.cat([model(piece, cache) for piece in x.split((9, 1, 7), dim=1)], dim=1)
        torch.testing.assert_close(logits, model(x), atol=1e-5, rtol=1e-4)


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> list[torch.Tensor]:
    torch.autograd.backward(loss)
    found = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    return found


@needs_kernels
@each_structure
def test_the_kernels_compute_what_the_modules_compute(architecture: Architecture) -> None:
    model, x = trained(architecture), tokens()
    fast = FastModel(model, torch.float32)
    torch.testing.assert_close(fast(x), model(x), atol=1e-5, rtol=1e-4)
    targets = tokens(1).flatten()
    expected = gradients(model, F.cross_entropy(model(x).flatten(0, 1), targets))
    found = gradients(model, F.cross_entropy(fast(x).flatten(0, 1), targets))
    assert len(found) == len(list(model.parameters()))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-3)
    rounded = FastModel(model, torch.bfloat16)(x)
    assert (rounded - model(x)).norm() / model(x).norm() < 0.05


@each_structure
def test_the_path_of_gpus_computes_what_the_modules_compute(architecture: Architecture) -> None:
    model, x = trained(architecture), tokens()
    with torch.no_grad():
        torch.testing.assert_close(CompiledModel(model, torch.float32, CPU)(x), model(x))


@each_structure
def test_pretraining_has_the_loss_of_the_model(
    architecture: Architecture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, targets = tokens(), tokens(1)
    model = trained(architecture)
    with torch.no_grad():
        expected = F.cross_entropy(model(x).flatten(0, 1), targets.flatten(), reduction="sum")
    for kernels in ("on", "off"):
        monkeypatch.setenv("AIRA_DSL_KERNELS", kernels)
        loss, _ = Network(model, CPU, train_settings(tmp_path))(x, targets)
        torch.testing.assert_close(loss.detach(), expected, rtol=1e-5, atol=1e-4)


@each_structure
def test_files_keep_the_structure(architecture: Architecture, tmp_path: Path) -> None:
    assert parse(to_text(architecture)) == architecture
    assert parse(to_yaml(architecture), filename="a.yaml") == architecture
    model = trained(architecture)
    save_model(model, tmp_path / "module")
    with torch.no_grad():
        assert torch.equal(load_model(tmp_path / "module")(tokens()), model(tokens()))


def test_every_option_is_part_of_the_identity() -> None:
    options = ("norm_kind layer", "embedding_scale 2", "logit_scale 2", "softcap 30")
    prints = {structured(option).fingerprint for option in ("", *options)}
    assert len(prints) == 5
    block = "architecture {{ block A = attention {{ {} }}; layers 2A }}"
    placements = (
        "norm post", "norm sandwich", "norm none", "norm stream", "residual_scale 0.5",
        "stream_scale 0.5",
    )  # fmt: skip
    written = {parse(block.format(option)).fingerprint for option in ("", *placements)}
    assert len(written) == 7
    defaults = "norm pre, residual_scale 1.0, stream_scale 1"
    assert parse(block.format(defaults)).fingerprint == parse(block.format("")).fingerprint
    assert "norm" not in parse(block.format(defaults)).blocks["A"].model_dump()


def test_other_sizes_keep_the_structure() -> None:
    architecture = structured("norm_kind layer; softcap 30")
    scale = sized(architecture, "350m")
    assert scale.norm_kind == "layer"
    assert scale.softcap == 30
    for name, block in architecture.blocks.items():
        assert scale.blocks[name].norm == block.norm
        assert scale.blocks[name].residual_scale == block.residual_scale
        assert scale.blocks[name].stream_scale == block.stream_scale


@pytest.mark.parametrize("emit", ["nemotron_h", "megatron", "olmo"])
def test_other_formats_refuse_the_structure_by_name(emit: str) -> None:
    architecture = structured("norm_kind layer; softcap 30")
    reasons = "; ".join(EXPORTERS[emit].unsupported(architecture))
    for reason in ("norm_kind layer", "softcap 30.0", "norm sandwich", "residual_scale 0.22"):
        assert reason in reasons
