"""An encoder in torch, with its optimizer."""

from typing import Any

import torch
from torch.nn import functional

from aira_dsl.design.harness import weights
from aira_dsl.design.harness.channel import Array
from aira_dsl.design.harness.lra_settings import LraTraining

BETAS, EPSILON, LARGEST_GRADIENT = (0.9, 0.98), 1e-9, 1.0
"""Of AdamW, and the norm that gradients are cut to; `lra_jax` has the same."""


class TorchLearner:
    """A `torch.nn.Module` and AdamW.

    Args:
        encoder: class of the encoder.
        settings: sizes and training.
        seed: of all random numbers of torch.
        device: `cpu` or `cuda`.
    """

    def __init__(self, encoder: Any, settings: LraTraining, seed: int, device: str) -> None:
        torch.manual_seed(seed)
        self._device = device
        self._model: torch.nn.Module = encoder(**settings.sizes).to(device)
        parameters = list(self._model.parameters())
        groups: list[dict[str, Any]] = [
            {
                "params": [p for p in parameters if p.ndim >= 2],
                "weight_decay": settings.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self._optimizer = torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON)

    def step(self, inputs: list[Array], labels: Array, rate: float) -> float:
        """Take one step; return the loss."""
        loss = self._gradients(inputs, labels)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        torch.nn.utils.clip_grad_norm_(self._model.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return loss

    def rehearse(self, inputs: list[Array], labels: Array) -> None:
        """Compute gradients, and restore buffers that the forward pass has changed."""
        state = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._gradients(inputs, labels)
        self._optimizer.zero_grad()
        self._model.load_state_dict(state)

    def logits(self, inputs: list[Array]) -> Array:
        """Return the logits (B, C)."""
        self._model.eval()
        with torch.inference_mode():
            logits = self._model(*map(self._tensor, inputs))
        result: Array = logits.float().cpu().numpy()
        return result

    def weights(self) -> bytes:
        """Return all weights in safetensors form."""
        return weights.to_bytes(self._model)

    def load(self, data: bytes) -> None:
        """Load weights."""
        weights.load(self._model, data)

    def _gradients(self, inputs: list[Array], labels: Array) -> float:
        self._model.train()
        self._optimizer.zero_grad()
        logits = self._model(*map(self._tensor, inputs))
        loss = functional.cross_entropy(logits.float(), self._tensor(labels).long())
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)
