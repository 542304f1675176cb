"""Balance between the experts of mixtures, without which a router comes to use a few of them.

Load is the number of a batch's tokens that choose an expert. What is done about it depends on the
router:

- with a correction bias: after each step b_e += u·sign(mean load - load_e), u the `balance_rate`
  (arXiv 2408.15664; DeepSeek-V3, arXiv 2412.19437 §2.1.2);
- without one: each token adds w·E·Σ_e f_e·P_e to the training loss, for each layer, w the
  `balance_loss`, f_e the share of choices that fell on expert e, P_e its mean probability (Switch
  Transformer, arXiv 2101.03961 §2.2). It is w if experts are balanced.

f and P are those of a sequence (as in DeepSeek-V3, equations 17 to 20), and loads are summed over
all processes, so that nothing depends on how a batch is divided. Padding does not count.

Shapes: P sequences, L positions, E experts, K chosen experts, N = P·L tokens.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import Tensor

from aira_dsl.models import LanguageModel
from aira_dsl.pretraining.settings import TrainSettings
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.moe import spec

if TYPE_CHECKING:
    from aira_dsl.primitives.moe.module import MoE

_SOFTMAX = frozenset({"softmax", "topk_softmax"})
"""Routers whose probabilities are a softmax; those of the others are sigmoids over their sum."""


_Hook = TypeVar("_Hook", bound=Callable[..., None])


class Balance:
    """The mixtures of experts of a model in training.

    Args:
        model: its routers are watched from now on.
        settings: weight of the loss, and step of the biases.
    """

    def __init__(self, model: LanguageModel, settings: TrainSettings) -> None:
        self.rate = settings.balance_rate
        self._mixtures = [_Mixture(mixer, settings.balance_loss) for mixer in _mixers(model)]

    def begin(self, counts_PL: Tensor) -> None:
        """Watch a forward pass, of which some positions count."""
        for mixture in self._mixtures:
            mixture.begin(counts_PL)

    def end(self) -> Tensor | None:
        """Return what the pass adds to the summed loss; None if that is nothing."""
        losses = [loss for mixture in self._mixtures for loss in mixture.end()]
        return torch.stack(losses).sum() if losses else None

    def take_loads(self) -> list[float]:
        """Return the loads of all experts since the last call."""
        return [load for mixture in self._mixtures for load in mixture.take_load()]

    def step(self, loads: Sequence[float]) -> tuple[float, float] | None:
        """Move the correction biases.

        Args:
            loads: those of `take_loads`, summed over all processes.

        Returns:
            the smallest and the largest load of an expert, each divided by the mean load of its
            layer; None without experts.
        """
        left, found = list(loads), []
        for mixture in self._mixtures:
            count = mixture.mixer.block.experts
            load_E, left = torch.tensor(left[:count], dtype=torch.float64), left[count:]
            mixture.move_bias(load_E, self.rate)
            found.append(load_E / load_E.mean())
        return (min(map(_least, found)), max(map(_most, found))) if found else None


class _Mixture:
    """One mixture of experts, with hooks on its router and on its experts."""

    def __init__(self, mixer: "MoE", weight: float) -> None:
        self.mixer = mixer
        self.weight = 0.0 if mixer.block.correction_bias else weight
        self._is_watched = False
        self._logits_NE: Tensor | None = None
        self._losses: list[Tensor] = []
        self._load_E = torch.zeros(mixer.block.experts, dtype=torch.float64)
        # Compiled code would have to be compiled again for every state of this object.
        mixer.router.register_forward_hook(_uncompiled(self._on_logits))
        mixer.experts.register_forward_pre_hook(_uncompiled(self._on_choice))

    def begin(self, counts_PL: Tensor) -> None:
        self._counts_PL, self._is_watched = counts_PL.float(), True

    def end(self) -> list[Tensor]:
        losses, self._losses, self._is_watched = self._losses, [], False
        return losses

    def take_load(self) -> list[float]:
        load: list[float] = self._load_E.tolist()
        self._load_E = torch.zeros_like(self._load_E)
        return load

    @torch.no_grad()
    def move_bias(self, load_E: Tensor, rate: float) -> None:
        bias_E = self.mixer.router.correction_bias
        if bias_E is not None:
            bias_E += rate * (load_E.mean() - load_E).sign().to(bias_E)

    def _on_logits(self, router: object, given: object, logits_NE: Tensor) -> None:
        if self.weight and torch.is_grad_enabled():
            self._logits_NE = logits_NE

    def _on_choice(self, experts: object, given: tuple[Any, ...]) -> None:
        """Add up loads and losses.

        A pass that checkpointing computes again does the same operations and counts nothing.
        """
        if not torch.is_grad_enabled():
            return
        chosen_NK: Tensor = given[2]
        uses_PE = self._uses(chosen_NK)
        losses = [self.weight * self._loss(uses_PE)] if self.weight else []
        if self._is_watched:
            self._load_E = self._load_E.to(uses_PE.device) + uses_PE.sum(0)
            self._losses += losses

    def _uses(self, chosen_NK: Tensor) -> Tensor:
        """Count the positions of each sequence that chose each expert."""
        count = len(self._counts_PL)
        counts_PLK = self._counts_PL.unsqueeze(-1).expand(-1, -1, chosen_NK.shape[-1])
        empty_PE = self._counts_PL.new_zeros(count, self.mixer.block.experts)
        return empty_PE.scatter_add(1, chosen_NK.view(count, -1), counts_PLK.reshape(count, -1))

    def _loss(self, uses_PE: Tensor) -> Tensor:
        """Return E·Σ f·P, summed over the positions that count."""
        logits_NE, self._logits_NE = self._logits_NE, None
        assert logits_NE is not None, "the router is called before the experts"
        if self.mixer.block.router in _SOFTMAX:
            probability_NE = logits_NE.softmax(-1)
        else:
            score_NE = logits_NE.sigmoid()
            probability_NE = score_NE / score_NE.sum(-1, keepdim=True)
        probability_PLE = probability_NE.view(*self._counts_PL.shape, -1)
        sum_PE = (probability_PLE * self._counts_PL.unsqueeze(-1)).sum(1)
        share_PE = uses_PE / uses_PE.sum(-1, keepdim=True).clamp(min=1)
        return self.mixer.block.experts * (share_PE * sum_PE).sum()


def _uncompiled(hook: _Hook) -> _Hook:
    return torch.compiler.disable(hook)  # type: ignore[no-untyped-call, no-any-return]


def _mixers(model: LanguageModel) -> list["MoE"]:
    # Known by their specs: the import of their module takes half a second, for torch's compiler.
    mixers = [module for module in model.modules() if isinstance(module, Mixer)]
    return [cast("MoE", each) for each in mixers if isinstance(_block(each), spec.MoE)]


def _block(mixer: Mixer) -> object:
    return getattr(mixer, "block", None)


def _least(load_E: Tensor) -> float:
    return float(load_E.min())


def _most(load_E: Tensor) -> float:
    return float(load_E.max())
