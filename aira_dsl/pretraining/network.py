"""A language model as it is trained: a loss for tokens, layer by layer.

On a CPU the layers run on the kernels (`models.cpu_model`), on a GPU compiled
(`models.cuda_model`), without either as plain modules. A layer is a module of its own here, so that
it can be sharded, compiled and computed again by itself. The parameters are those of the language
model.

Shapes: B sequences, L positions, D model width, V vocabulary, N targets.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from aira_dsl.models import LanguageModel
from aira_dsl.models.cpu_model import run_branch
from aira_dsl.models.cuda_model import forget_compiled, run_layer
from aira_dsl.models.model import Layer
from aira_dsl.models.precision import DTYPES, missing_kernels
from aira_dsl.pretraining.balance import Balance
from aira_dsl.pretraining.memory import LOGITS
from aira_dsl.pretraining.settings import TrainSettings
from aira_dsl.primitives.common.cpu_norm import add_norm

IGNORE = -100
"""Target of a position that does not count."""

How = Literal["kernels", "compiled", "plain"]


class Block(nn.Module):
    """One residual layer; the branch of the layer before is added by the kernels of the next.

    Args:
        layer: it is trained in place.
        how: what computes it.
        dtype: of activations on the kernels.
        recompute: whether activations are computed again in the backward pass.
    """

    def __init__(self, layer: Layer, how: How, dtype: torch.dtype, *, recompute: bool) -> None:
        super().__init__()
        self.layer = layer
        self.how = how
        self.dtype = dtype
        self.recompute = recompute

    def forward(self, x_BLD: Tensor, y_BLD: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the stream, and a branch that is not added yet (on the kernels)."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(  # type: ignore[no-any-return]
                self._run, x_BLD, y_BLD, use_reentrant=False, preserve_rng_state=False
            )
        return self._run(x_BLD, y_BLD)

    def _run(self, x_BLD: Tensor, y_BLD: Tensor | None) -> tuple[Tensor, Tensor | None]:
        match self.how:
            case "kernels":
                return run_branch(self.layer, x_BLD, y_BLD, self.dtype)
            case "compiled":
                return run_layer(self.layer, x_BLD), None
            case "plain":
                return self.layer(x_BLD), None


class Network(nn.Module):
    """Maps tokens and targets to the sum of their losses.

    Args:
        model: it is trained in place: its parameters are this module's.
        device: where the model is.
        settings: with the precision resolved.
    """

    def __init__(self, model: LanguageModel, device: torch.device, settings: TrainSettings) -> None:
        super().__init__()
        assert settings.precision != "auto", "the precision is resolved by the caller"
        self.how = _how(device, compiled=not settings.no_compile)
        if self.how == "compiled":
            forget_compiled()
        self.device = device
        self.dtype = DTYPES[settings.precision]
        self.z_loss = settings.z_loss
        self.balance = Balance(model, settings)
        recompute = settings.activation_checkpointing
        self.embedding = model.embedding
        self.order = model.order
        self.blocks = nn.ModuleList(
            Block(layer, self.how, self.dtype, recompute=recompute)
            for layer in model.distinct_layers
        )
        self.norm = model.norm
        self.head = model.head

    def forward(self, tokens_BL: Tensor, targets_BL: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed training loss, and the summed cross-entropy, in nats.

        Args:
            tokens_BL: token ids.
            targets_BL: the token after each; `IGNORE` where none counts.
        """
        tokens_BL, targets_BL = tokens_BL.to(self.device), targets_BL.to(self.device)
        with self._autocast():
            self.balance.begin(targets_BL != IGNORE)
            hidden_ND = self._hidden(tokens_BL).flatten(0, 1)
            imbalance = self.balance.end()
            loss, entropy = self._losses(hidden_ND, targets_BL.flatten())
        return loss if imbalance is None else loss + imbalance, entropy

    def _losses(self, hidden_ND: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
        parts = -(-len(targets_N) * self.head.out_features // LOGITS)
        if parts == 1:
            return self._loss(hidden_ND, targets_N)
        losses = [
            checkpoint(self._loss, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(hidden_ND.chunk(parts), targets_N.chunk(parts), strict=True)
        ]
        total, entropies = zip(*losses, strict=True)
        return sum(total), sum(entropies)

    def _hidden(self, tokens_BL: Tensor) -> Tensor:
        x_BLD, y_BLD = self.embedding(tokens_BL), None
        for index in self.order:
            x_BLD, y_BLD = self.blocks[index](x_BLD, y_BLD)
        if self.how == "kernels":
            _, normed_BLD = add_norm(self.norm, x_BLD, y_BLD, self.dtype)
            return normed_BLD  # type: ignore[no-any-return]
        return self.norm(x_BLD)  # type: ignore[no-any-return]

    def _loss(self, hidden_ND: Tensor, targets_N: Tensor) -> tuple[Tensor, Tensor]:
        logits_NV = F.linear(hidden_ND, self.head.weight.to(hidden_ND.dtype)).float()
        logits_NV = self.head.scaled(logits_NV)
        entropy = F.cross_entropy(logits_NV, targets_N, ignore_index=IGNORE, reduction="sum")
        if self.z_loss == 0.0:
            return entropy, entropy.detach()
        log_partition_N = logits_NV.logsumexp(-1)[targets_N != IGNORE]
        return entropy + self.z_loss * log_partition_N.square().sum(), entropy.detach()

    def _autocast(self) -> AbstractContextManager[object]:
        if self.how == "kernels":
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32)


def _how(device: torch.device, *, compiled: bool) -> How:
    if device.type == "cpu":
        return "kernels" if missing_kernels() is None else "plain"
    return "compiled" if compiled else "plain"
