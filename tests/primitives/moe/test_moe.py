"""Mixtures of experts: rules, costs, routing, and what training does with them."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aira_dsl.language import check, parse, to_text
from aira_dsl.models import build, load_model, save_model
from aira_dsl.primitives import MLP as MLPSpec
from aira_dsl.primitives import MoE as MoESpec
from aira_dsl.primitives.base import Dimensions
from aira_dsl.primitives.common.stacked_linear import StackedLinear
from aira_dsl.primitives.moe.module import MoE
from aira_dsl.testing.primitives import noise

SIZES = Dimensions(
    heads=1, kv_heads=1, head_dim=8, rope=1e4, hidden=1000, inner=8, state=4, ssm_head_dim=8, conv=4
)
LATENT = MoESpec(
    experts=6, top=2, hidden=7, activation="relu2", router="sigmoid", latent=10, shared=5
)
GATED = MoESpec(experts=6, top=3, hidden=7, bias=True, router_bias=True, shared=5, shared_gate=True)


def make(block: MoESpec, width: int = 24) -> MoE:
    mixer = MoE(block.resolve(width), width)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    return mixer


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"top": 9}, "top", "top 9 is more than the 8 experts there are"),
        ({"shared_gate": True}, "shared_gate", "needs a shared expert"),
        (
            {"router": "topk_softmax", "correction_bias": True},
            "correction_bias",
            "has no correction",
        ),
        ({"activation": "relu2", "clamp": 3.0}, "clamp", "relu2 has no limit"),
        ({"groups": 4}, "groups", "groups needs top_groups"),
        ({"top_groups": 4}, "top_groups", "top_groups needs groups"),
        ({"groups": 3, "top_groups": 2}, "groups", "experts 8 is not a multiple of groups 3"),
        ({"groups": 2, "top_groups": 4}, "top_groups", "more than the 2 groups"),
        ({"groups": 8, "top_groups": 1}, "top", "more than the 1 experts of 1 groups"),
        ({"groups": 4, "top_groups": 2, "router": "sigmoid_input"}, "groups", "has no groups"),
    ],
)
def test_broken_rules_are_named(wrong: dict[str, object], field: str, message: str) -> None:
    ((found, text, _),) = MoESpec.model_validate(wrong).resolve(16).problems(16)
    assert (found, message in text) == (field, True)


def test_the_language_says_where_a_rule_is_broken() -> None:
    text = "architecture m {\n  width 8\n  block E = moe { experts 4, top 5 }\n  layers E\n}\n"
    (found,) = [each for each in check(text) if each.severity == "error"]
    assert (found.line, found.help) == (3, "use top 4, or more experts")


def test_options_without_an_effect_do_not_change_the_block() -> None:
    plain = MoESpec(router="topk_softmax").resolve(16)
    assert MoESpec(router="topk_softmax", renormalize=False).resolve(16) == plain
    assert MoESpec(groups=1, top_groups=1).resolve(16) == MoESpec().resolve(16)
    assert MoESpec(groups=1).resolve(16) == MoESpec().resolve(16)
    assert MoESpec(renormalize=False).resolve(16) != MoESpec().resolve(16)


def test_every_field_is_written_and_read_again() -> None:
    text = (
        "architecture m {\n  width 8\n  block E = moe {\n    experts 16, top 3, hidden 32, "
        "activation relu2, router sigmoid, renormalize false, scale 2.5, groups 4, top_groups 2, "
        "correction_bias true, shared 64, shared_gate true, latent 4, bias true, router_bias true"
        "\n  }\n  layers 2E\n}\n"
    )
    architecture = parse(text)
    assert parse(to_text(architecture)) == architecture
    assert architecture.blocks["E"].model_dump() == {
        "kind": "moe", "experts": 16, "top": 3, "hidden": 32, "activation": "relu2",
        "router": "sigmoid", "renormalize": False, "scale": 2.5, "groups": 4, "top_groups": 2,
        "correction_bias": True, "shared": 64, "shared_gate": True, "latent": 4, "bias": True,
        "router_bias": True, "clamp": None,
    }  # fmt: skip


def test_parameters_follow_the_formula() -> None:
    """d·E + E·m·lat·f + m·d·s + 2·d·lat; the experts that are not chosen are not active."""
    d = 24
    assert LATENT.parameters(d) == d * 6 + 6 * 2 * 10 * 7 + 2 * d * 5 + 2 * d * 10
    assert LATENT.active_parameters(d) == d * 6 + 2 * 2 * 10 * 7 + 2 * d * 5 + 2 * d * 10
    expert, shared = 3 * d * 7 + 2 * 7 + d, 3 * d * 5 + 2 * 5 + d
    assert GATED.parameters(d) == d * 6 + 6 + 6 * expert + shared + d
    assert GATED.active_parameters(d) == GATED.parameters(d) - 3 * expert


def test_a_batch_reads_the_experts_that_its_tokens_choose() -> None:
    """The expected share, against random choices."""
    block, d = MoESpec(experts=32, top=3, hidden=7), 24
    assert block.read_parameters(d, 1) == block.active_parameters(d)
    generator = torch.Generator().manual_seed(0)
    choices = torch.rand(500, 8, 32, generator=generator).topk(3, dim=-1).indices
    read = sum(len(each.unique()) for each in choices) / len(choices)
    expected = block.parameters(d) - (32 - read) * 3 * d * 7
    assert block.read_parameters(d, 8) == pytest.approx(expected, rel=0.01)
    assert block.read_parameters(d, 10_000) == block.parameters(d)


def test_parameters_of_nemotron_3_nano() -> None:
    """Golden totals of its 23 mixtures (transformers 5.23 on the meta device)."""
    block = MoESpec(
        experts=128, top=6, hidden=1856, activation="relu2", router="sigmoid", scale=2.5,
        correction_bias=True, shared=3712,
    )  # fmt: skip
    others = 31_577_937_344 - 23 * block.parameters(2688)
    assert others + 23 * block.active_parameters(2688) == 3_580_073_408


@pytest.mark.parametrize("block", [LATENT, GATED, MoESpec(router="sigmoid_input", top=1)])
def test_flops_are_those_that_torch_counts(block: MoESpec) -> None:
    block = block.resolve(24)
    for device in ("cpu", "meta"):
        mixer = make(block).to(device)
        with FlopCounterMode(display=False) as counter:
            mixer(noise(2, 9, 24).to(device))
        assert 3 * counter.get_total_flops() == 18 * block.training_flops(24, 9)


def test_a_scale_keeps_active_hidden_units_in_proportion() -> None:
    block = MoESpec(experts=16, top=4, hidden=100, shared=100, scale=2.0).at(SIZES)
    assert block == MoESpec(experts=16, top=4, hidden=200, shared=200, scale=2.0)
    assert MoESpec(latent=8).at(SIZES) is None


def test_at_a_published_size_a_token_uses_as_many_parameters_as_a_dense_layer_has() -> None:
    sparse = MoESpec(experts=16, top=2).at(SIZES)
    dense = MLPSpec(activation="swiglu").at(SIZES)
    assert sparse is not None
    router = 16 * 32
    assert sparse.active_parameters(32) - router == dense.parameters(32)


def test_the_correction_bias_changes_the_choice_and_not_the_weights() -> None:
    mixer = make(
        MoESpec(experts=4, top=1, router="sigmoid", renormalize=False, correction_bias=True)
    )
    x_ND = noise(6, 24)
    scores_NE = (x_ND @ mixer.router.weight.T).sigmoid()
    mixer.router.correction_bias.copy_(torch.tensor([0.0, 0.0, 10.0, 0.0]))
    weights_NK, chosen_NK = mixer.router.choose(mixer.router(x_ND))
    assert chosen_NK.unique().tolist() == [2]
    torch.testing.assert_close(weights_NK, scores_NE[:, 2:3])


def test_only_experts_of_the_best_groups_are_chosen() -> None:
    """Softmax takes the group with the best expert, sigmoid that with the best two together."""
    for router, expected in (("softmax", {0, 1}), ("sigmoid", {2, 3})):
        mixer = make(MoESpec(experts=4, top=2, router=router, groups=2, top_groups=1), width=4)
        _, chosen_NK = mixer.router.choose(torch.tensor([[3.0, -3.0, 2.0, 2.0]]))
        assert set(chosen_NK.flatten().tolist()) == expected


def test_one_expert_of_one_is_a_feed_forward_layer() -> None:
    mixer, x_BLD = make(MoESpec(experts=1, top=1, shared=128)), noise(2, 5, 24)
    with torch.no_grad():
        for name, parameter in mixer.shared_expert.named_parameters():
            parameter.copy_(mixer.get_parameter(f"experts.{name}")[0])
    torch.testing.assert_close(mixer(x_BLD), 2 * mixer.shared_expert(x_BLD))


def test_experts_that_no_token_chose_get_a_gradient_of_zero() -> None:
    mixer = make(MoESpec(experts=50, top=1))
    mixer(noise(1, 3, 24)).sum().backward()
    norms_E = mixer.experts.up_proj.weight.grad.flatten(1).norm(dim=1)
    assert 1 <= (norms_E > 0).sum() <= 3


def test_no_tokens_are_no_mistake() -> None:
    y_BLD = make(GATED)(torch.zeros(2, 0, 24, requires_grad=True))
    assert y_BLD.shape == (2, 0, 24)
    y_BLD.sum().backward()


def test_work_follows_the_chosen_experts_and_not_their_number() -> None:
    """The same products with 4 and with 64 experts, but for the router's."""
    flops = []
    for experts in (4, 64):
        with FlopCounterMode(display=False) as counter:
            make(MoESpec(experts=experts, top=2))(noise(4, 16, 24))
        flops.append(counter.get_total_flops() - 2 * 64 * 24 * experts)
    assert flops[0] == flops[1]


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="older releases of torch have no float32 reference for CPUs",
)
def test_one_product_of_groups_is_that_of_each_expert() -> None:
    """The kernel of GPUs, by its reference on CPUs; outputs and gradients, experts without rows."""
    layers = StackedLinear(5, 16, 24, bias=True)
    layers.init_weights(torch.Generator().manual_seed(0))
    counts_E, results = torch.tensor([3, 0, 7, 1, 0]), []
    for run in (layers, layers.grouped):
        x_MD = noise(11, 16).requires_grad_()
        y_MF = run(x_MD, counts_E)
        inputs = (x_MD, layers.weight, layers.bias)
        results.append((y_MF, *torch.autograd.grad(y_MF, inputs, noise(11, 24, seed=1))))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_initial_weights_follow_depth_where_they_write_to_the_stream() -> None:
    block = MoESpec(experts=8, hidden=64, latent=None, shared=64, correction_bias=True).resolve(64)
    for latent, expert_std in ((None, 0.005), (64, 0.02)):
        mixer = MoE(block.model_copy(update={"latent": latent}), 64)
        mixer.init_weights(torch.Generator().manual_seed(0), depth=16)
        assert mixer.experts.down_proj.weight.std().item() == pytest.approx(expert_std, rel=0.05)
        assert mixer.experts.up_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert mixer.shared_expert.down_proj.weight.std().item() == pytest.approx(0.005, rel=0.05)
        assert mixer.router.correction_bias.abs().max() == 0


def test_the_correction_bias_is_saved_and_does_not_change_in_training(tmp_path: Path) -> None:
    text = "moe { router sigmoid, correction_bias true }"
    model = build(
        parse(f"architecture m {{\n  width 8\n  vocab 5\n  block E = {text}\n  layers E\n}}\n")
    )
    bias_E = model.stack[0].mixer.router.correction_bias
    bias_E.copy_(torch.arange(8.0))
    tokens = torch.tensor([[1, 2, 3]])
    optimizer = torch.optim.AdamW(model.parameters())
    model(tokens).sum().backward()
    optimizer.step()
    assert torch.equal(bias_E, torch.arange(8.0))
    save_model(model, tmp_path / "m.module")
    again = load_model(tmp_path / "m.module")
    assert torch.equal(again.stack[0].mixer.router.correction_bias, bias_E)
    torch.testing.assert_close(again(tokens), model(tokens))
