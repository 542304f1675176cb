"""Mixtures of experts against those of transformers, with copied weights: outputs and gradients."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from transformers.models.deepseek_v3.configuration_deepseek_v3 import DeepseekV3Config
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE
from transformers.models.gpt_oss.configuration_gpt_oss import GptOssConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP
from transformers.models.granitemoehybrid.configuration_granitemoehybrid import (
    GraniteMoeHybridConfig,
)
from transformers.models.granitemoehybrid.modeling_granitemoehybrid import (
    GraniteMoeHybridMLP,
    GraniteMoeHybridMoE,
)
from transformers.models.lfm2_moe.configuration_lfm2_moe import Lfm2MoeConfig
from transformers.models.lfm2_moe.modeling_lfm2_moe import Lfm2MoeSparseMoeBlock
from transformers.models.llama4.configuration_llama4 import Llama4TextConfig
from transformers.models.llama4.modeling_llama4 import Llama4TextMoe
from transformers.models.mixtral.configuration_mixtral import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock
from transformers.models.nemotron_h.configuration_nemotron_h import NemotronHConfig
from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHMoE
from transformers.models.qwen3_next.configuration_qwen3_next import Qwen3NextConfig
from transformers.models.qwen3_next.modeling_qwen3_next import Qwen3NextSparseMoeBlock

from aira_dsl.primitives import MoE as MoESpec
from aira_dsl.primitives.moe.module import MoE
from aira_dsl.testing.primitives import noise

WIDTH, HIDDEN = 24, 20


class GraniteFeedForward(nn.Module):
    """The feed-forward part of a layer of Granite-4-H: routed experts and a shared one."""

    def __init__(self, config: GraniteMoeHybridConfig) -> None:
        super().__init__()
        self.moe, self.shared = GraniteMoeHybridMoE(config), GraniteMoeHybridMLP(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.moe(x) + self.shared(x)


def filled(module: nn.Module) -> nn.Module:
    """Fill parameters and buffers with numbers of ordinary size, none of them zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.normal_(std=0.3, generator=generator)
    return module.eval()


def halves(theirs: nn.Module, prefix: str = "experts.") -> dict[str, Tensor]:
    """Return our names for experts with gate and up in one matrix."""
    experts = theirs.get_submodule(prefix.removesuffix("."))
    gate, up = experts.gate_up_proj.detach().chunk(2, dim=1)
    return {
        "experts.gate_proj.weight": gate,
        "experts.up_proj.weight": up,
        "experts.down_proj.weight": experts.down_proj.detach(),
    }


def renamed(theirs: nn.Module, **names: str) -> dict[str, Tensor]:
    """Return tensors under our names; `__` in a keyword stands for a dot."""
    state = {**dict(theirs.named_parameters()), **dict(theirs.named_buffers())}
    return {ours.replace("__", "."): state[name].detach() for ours, name in names.items()}


def shared(prefix: str) -> dict[str, str]:
    names = ("gate_proj", "up_proj", "down_proj")
    return {f"shared_expert__{name}__weight": f"{prefix}.{name}.weight" for name in names}


def mixtral() -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = MixtralSparseMoeBlock(
        MixtralConfig(
            hidden_size=WIDTH, intermediate_size=HIDDEN, num_local_experts=6, num_experts_per_tok=2
        )
    )
    weights = halves(theirs) | renamed(theirs, router__weight="gate.weight")
    return theirs, weights, MoESpec(experts=6, top=2, hidden=HIDDEN)


def qwen3_next(*, renormalize: bool = True) -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = Qwen3NextSparseMoeBlock(
        Qwen3NextConfig(
            hidden_size=WIDTH, moe_intermediate_size=HIDDEN, shared_expert_intermediate_size=13,
            num_experts=7, num_experts_per_tok=3, norm_topk_prob=renormalize,
        )
    )  # fmt: skip
    weights = halves(theirs) | renamed(
        theirs,
        router__weight="gate.weight",
        shared_gate__weight="shared_expert_gate.weight",
        **shared("shared_expert"),
    )
    return theirs, weights, MoESpec(
        experts=7, top=3, hidden=HIDDEN, shared=13, shared_gate=True, renormalize=renormalize
    )  # fmt: skip


def granite() -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = GraniteFeedForward(
        GraniteMoeHybridConfig(
            hidden_size=WIDTH, intermediate_size=HIDDEN, shared_intermediate_size=13,
            num_local_experts=6, num_experts_per_tok=2, mamba_n_heads=4,
        )
    )  # fmt: skip
    gate, up = theirs.shared.input_linear.weight.detach().chunk(2)
    weights = halves(theirs, "moe.experts.") | renamed(
        theirs,
        router__weight="moe.router.weight",
        shared_expert__down_proj__weight="shared.output_linear.weight",
    )
    weights |= {"shared_expert.gate_proj.weight": gate, "shared_expert.up_proj.weight": up}
    spec = MoESpec(experts=6, top=2, hidden=HIDDEN, shared=13, router="topk_softmax")
    return theirs, weights, spec


def gpt_oss() -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    config = GptOssConfig(
        hidden_size=WIDTH, intermediate_size=HIDDEN, num_local_experts=5, num_experts_per_tok=2
    )
    config.swiglu_limit = 1.0  # small enough to be reached here
    theirs = GptOssMLP(config)
    experts = theirs.experts
    weights = renamed(theirs, router__weight="router.weight", router__bias="router.bias")
    for start, name in enumerate(("gate_proj", "up_proj")):
        weights[f"experts.{name}.weight"] = experts.gate_up_proj.detach()[..., start::2].mT
        weights[f"experts.{name}.bias"] = experts.gate_up_proj_bias.detach()[..., start::2]
    weights["experts.down_proj.weight"] = experts.down_proj.detach().mT
    weights["experts.down_proj.bias"] = experts.down_proj_bias.detach()
    spec = MoESpec(
        experts=5, top=2, hidden=HIDDEN, router="topk_softmax", router_bias=True, bias=True,
        activation="swiglu_clamped", clamp=1.0,
    )  # fmt: skip
    return theirs, weights, spec


def lfm2(*, corrected: bool = True) -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = Lfm2MoeSparseMoeBlock(
        Lfm2MoeConfig(
            hidden_size=WIDTH, moe_intermediate_size=HIDDEN, num_experts=6, num_experts_per_tok=2,
            use_expert_bias=corrected,
        )
    )  # fmt: skip
    names = {"router__correction_bias": "expert_bias"} if corrected else {}
    weights = halves(theirs) | renamed(theirs, router__weight="gate.weight", **names)
    spec = MoESpec(experts=6, top=2, hidden=HIDDEN, router="sigmoid", correction_bias=corrected)
    return theirs, weights, spec


def deepseek_v3() -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = DeepseekV3MoE(
        DeepseekV3Config(
            hidden_size=WIDTH, moe_intermediate_size=HIDDEN, n_routed_experts=8, n_shared_experts=2,
            num_experts_per_tok=3, n_group=4, topk_group=2, routed_scaling_factor=2.5,
        )
    )  # fmt: skip
    weights = halves(theirs) | renamed(
        theirs,
        router__weight="gate.weight",
        router__correction_bias="gate.e_score_correction_bias",
        **shared("shared_experts"),
    )
    spec = MoESpec(
        experts=8, top=3, hidden=HIDDEN, shared=2 * HIDDEN, router="sigmoid", groups=4,
        top_groups=2, scale=2.5, correction_bias=True,
    )  # fmt: skip
    return theirs, weights, spec


def nemotron_h(latent: int | None = 10) -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = NemotronHMoE(
        NemotronHConfig(
            hidden_size=WIDTH, moe_intermediate_size=HIDDEN, moe_latent_size=latent,
            moe_shared_expert_intermediate_size=13, n_routed_experts=8, num_experts_per_tok=3,
            n_group=4, topk_group=2, routed_scaling_factor=2.5, mlp_hidden_act="relu2",
        )
    )  # fmt: skip
    fields = {
        "router__weight": "gate.weight",
        "router__correction_bias": "gate.e_score_correction_bias",
        "experts__up_proj__weight": "experts.up_proj",
        "experts__down_proj__weight": "experts.down_proj",
        "shared_expert__up_proj__weight": "shared_experts.up_proj.weight",
        "shared_expert__down_proj__weight": "shared_experts.down_proj.weight",
    }
    if latent is not None:
        fields |= {
            "latent_in__weight": "fc1_latent_proj.weight",
            "latent_out__weight": "fc2_latent_proj.weight",
        }
    spec = MoESpec(
        experts=8, top=3, hidden=HIDDEN, activation="relu2", router="sigmoid", correction_bias=True,
        groups=4, top_groups=2, scale=2.5, shared=13, latent=latent,
    )  # fmt: skip
    return theirs, renamed(theirs, **fields), spec


def llama4() -> tuple[nn.Module, dict[str, Tensor], MoESpec]:
    theirs = Llama4TextMoe(
        Llama4TextConfig(
            hidden_size=WIDTH, intermediate_size=HIDDEN, num_local_experts=6, num_experts_per_tok=1
        )
    )
    gate, up = theirs.experts.gate_up_proj.detach().chunk(2, dim=-1)
    weights = renamed(theirs, router__weight="router.weight", **shared("shared_expert"))
    weights |= {
        "experts.gate_proj.weight": gate.mT,
        "experts.up_proj.weight": up.mT,
        "experts.down_proj.weight": theirs.experts.down_proj.detach().mT,
    }
    spec = MoESpec(experts=6, top=1, hidden=HIDDEN, router="sigmoid_input", shared=HIDDEN)
    return theirs, weights, spec


CASES: dict[str, Callable[[], tuple[nn.Module, dict[str, Tensor], MoESpec]]] = {
    "mixtral": mixtral,
    "qwen3_next": qwen3_next,
    "softmax-not-renormalized": lambda: qwen3_next(renormalize=False),
    "granitemoehybrid": granite,
    "gpt_oss": gpt_oss,
    "lfm2_moe": lfm2,
    "lfm2_moe-no-bias": lambda: lfm2(corrected=False),
    "deepseek_v3": deepseek_v3,
    "nemotron_h": lambda: nemotron_h(None),
    "nemotron_h-latent": nemotron_h,
    "llama4": llama4,
}


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_those_of_transformers(name: str) -> None:
    theirs, weights, spec = CASES[name]()
    filled(theirs)
    block = spec.resolve(WIDTH)
    assert block.problems(WIDTH) == []
    ours = MoE(block, WIDTH)
    ours.load_state_dict(weights)  # strict: no tensor is missing, none is left over
    assert block.parameters(WIDTH) == sum(each.numel() for each in theirs.parameters())
    x, other_x = (noise(3, 11, WIDTH).requires_grad_() for _ in range(2))
    y, other_y = ours(x), theirs(other_x)
    other_y = (other_y[0] if isinstance(other_y, tuple) else other_y).view_as(y)
    torch.testing.assert_close(y, other_y, atol=1e-5, rtol=1e-5)
    direction = noise(3, 11, WIDTH, seed=1)
    (y * direction).sum().backward()
    (other_y * direction).sum().backward()
    torch.testing.assert_close(x.grad, other_x.grad, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(parameter.grad)  # `weights` are views: now the gradients, by our names
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, weights[key], atol=1e-5, rtol=1e-4)
