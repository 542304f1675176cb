"""Mixture of experts: each token uses the few feed-forward layers that a router chooses for it.

    y = scale · Σ_e w_e · expert_e(x)  over the chosen experts e,   + shared expert (if any)

The router's logits are l = W_r x (+ b). How experts are chosen and weighed:

    router          chosen by            weight of a chosen expert
    softmax         softmax(l)_e + c_e   softmax(l)_e, divided by their sum if `renormalize`
    sigmoid         σ(l_e) + c_e         σ(l_e), divided by their sum if `renormalize`
    topk_softmax    l_e                  softmax over the chosen logits
    sigmoid_input   l_e                  1, and the expert's input is σ(l_e)·x (Llama 4)

c is the correction bias (arXiv 2408.15664), zero without one. With groups, only experts of the best
groups can be chosen; the score of a group is its best expert's for softmax (DeepSeek-V2, arXiv
2405.04434 §2.2.2), the sum of its two best for sigmoid (DeepSeek-V3, arXiv 2412.19437 §2.1.2).
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.primitives.mlp.spec import (
    MLP,
    Activation,
    Clamp,
    clamp_problems,
    projections,
    resolved_clamp,
)

Router = Literal["softmax", "sigmoid", "topk_softmax", "sigmoid_input"]

WEIGHED_BY_SCORE: frozenset[Router] = frozenset({"softmax", "sigmoid"})
"""Routers whose scores lie between 0 and 1: they renormalize, have groups and correction biases."""

Problem = tuple[str, str, str]


class MoE(Primitive):
    """Mixture of experts; the defaults are eight SwiGLU experts of 128 hidden units, two active."""

    symbol: ClassVar[str] = "E"
    color: ClassVar[Color] = "yellow"
    fixed_shapes: ClassVar[bool] = False

    kind: Literal["moe"] = "moe"
    experts: Size = 8
    """Experts among which the router chooses."""
    top: Size = 2
    """Experts that each token uses."""
    hidden: Size = 128
    """Hidden units of an expert."""
    activation: Activation = "swiglu"
    """Activation of every expert, as of mlp."""
    router: Router = "softmax"
    """How experts are chosen and weighed: softmax over all (Mixtral), sigmoid (DeepSeek-V3),
    topk_softmax over the chosen (gpt-oss), sigmoid_input on the expert's input (Llama 4)."""
    renormalize: bool = True
    """Whether the weights of the chosen experts are divided by their sum (softmax, sigmoid)."""
    scale: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """Factor of the sum over the chosen experts."""
    groups: Size | None = None
    """Groups of experts, of which only the best `top_groups` can be chosen; none for one group."""
    top_groups: Size | None = None
    """Groups from which a token's experts are chosen."""
    correction_bias: bool = False
    """Whether a bias is added to scores for the choice only; a buffer, not a parameter."""
    shared: Size | None = None
    """Hidden units of an expert that every token uses besides; none for no shared expert."""
    shared_gate: bool = False
    """Whether the shared expert is multiplied by the sigmoid of a learned projection."""
    latent: Size | None = None
    """Width between two projections within which the routed experts work; none for the model's."""
    bias: bool = False
    """Whether the projections of every expert have biases."""
    router_bias: bool = False
    """Whether the router's logits have a learned bias."""
    clamp: Clamp | None = None
    """Limit of swiglu's and swiglu_clamped's factors, as of mlp."""

    def resolve(self, width: int) -> Self:
        """Write what has no effect in one way, and fill in the limit of `swiglu_clamped`."""
        update: dict[str, object] = {"clamp": resolved_clamp(self.activation, self.clamp)}
        if self.router not in WEIGHED_BY_SCORE:
            update["renormalize"] = True
        if self.groups == self.top_groups or (self.groups == 1 and self.top_groups is None):
            update |= {"groups": None, "top_groups": None}
        return self.model_copy(update=update)

    def problems(self, width: int) -> list[Problem]:
        """Check counts of experts and groups, and options without an effect."""
        found = clamp_problems(self.activation, self.clamp)
        if self.top > self.experts:
            message = f"top {self.top} is more than the {self.experts} experts there are"
            found.append(("top", message, f"use top {self.experts}, or more experts"))
        if self.shared_gate and self.shared is None:
            message = "shared_gate true needs a shared expert"
            found.append(("shared_gate", message, "give its hidden units: `shared 512`"))
        if self.correction_bias and self.router not in WEIGHED_BY_SCORE:
            message = f"router {self.router} has no correction bias"
            found.append(("correction_bias", message, "use router sigmoid or softmax"))
        return found + self._group_problems()

    def _group_problems(self) -> list[Problem]:
        if self.groups is None and self.top_groups is None:
            return []
        if self.groups is None or self.top_groups is None:
            given, absent = ("groups", "top_groups")[:: 1 if self.groups else -1]
            return [(given, f"{given} needs {absent}", f"give {absent}, or leave {given} out")]
        if self.router not in WEIGHED_BY_SCORE:
            message = f"router {self.router} has no groups"
            return [("groups", message, "use router sigmoid or softmax")]
        return _group_size_problems(self.experts, self.top, self.groups, self.top_groups)

    def weights(self, width: int) -> Weights:
        """Return the router's, those of routed experts (stacked), of a latent and a shared one."""
        shapes: Weights = {"router.weight": (self.experts, width)}
        if self.router_bias:
            shapes["router.bias"] = (self.experts,)
        expert = self.expert(self.hidden).weights(self.latent or width)
        shapes |= {f"experts.{name}": (self.experts, *shape) for name, shape in expert.items()}
        if self.latent is not None:
            shapes["latent_in.weight"] = (self.latent, width)
            shapes["latent_out.weight"] = (width, self.latent)
        if self.shared is not None:
            shared = self.expert(self.shared).weights(width)
            shapes |= {f"shared_expert.{name}": shape for name, shape in shared.items()}
        if self.shared_gate:
            shapes["shared_gate.weight"] = (1, width)
        return shapes

    def active_parameters(self, width: int) -> int:
        """Count all parameters but those of the experts that a token does not use."""
        return self.parameters(width) - (self.experts - self.top) * self._one(width)

    def read_parameters(self, width: int, tokens: int) -> int:
        """Count E·(1 - (1 - K/E)^tokens) of the experts: each token chooses K of E evenly."""
        unread = self.experts * (1 - self.top / self.experts) ** tokens
        return self.parameters(width) - round(unread * self._one(width))

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·parameters of the products that a token goes through, by either convention."""
        products = len(projections(self.activation)) + 1
        linear = self.experts * width
        linear += self.top * products * (self.latent or width) * self.hidden
        linear += products * width * (self.shared or 0) + (width if self.shared_gate else 0)
        linear += 2 * width * (self.latent or 0)
        return 6 * linear

    def at(self, dimensions: Dimensions) -> Self | None:
        """Give the experts of a token together the hidden units; none with latent experts.

        Routed and shared experts keep their proportion, and their numbers.
        """
        if self.latent is not None:
            return None
        active = self.top * self.hidden + (self.shared or 0)
        sizes = {"hidden": self.hidden, "shared": self.shared}
        scaled = {
            name: size and max(1, size * dimensions.hidden // active)
            for name, size in sizes.items()
        }
        return self.model_copy(update=scaled)

    def _one(self, width: int) -> int:
        return self.expert(self.hidden).parameters(self.latent or width)

    def expert(self, hidden: int) -> MLP:
        """Return an expert as a feed-forward layer with this many hidden units."""
        return MLP(hidden=hidden, activation=self.activation, bias=self.bias, clamp=self.clamp)


def _group_size_problems(experts: int, top: int, groups: int, top_groups: int) -> list[Problem]:
    if experts % groups:
        message = f"experts {experts} is not a multiple of groups {groups}"
        return [("groups", message, "use groups of equal size")]
    if top_groups > groups:
        message = f"top_groups {top_groups} is more than the {groups} groups there are"
        return [("top_groups", message, f"use top_groups {groups} or fewer")]
    reachable = top_groups * (experts // groups)
    if top > reachable:
        message = f"top {top} is more than the {reachable} experts of {top_groups} groups"
        return [("top", message, f"use top {reachable}, or more top_groups")]
    return []
