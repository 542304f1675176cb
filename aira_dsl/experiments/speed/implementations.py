"""Implementations: each turns an architecture into a function that does one training step.

The step is the same for all: tokens in, mean cross-entropy, backward, clipping, AdamW.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aira_dsl.architecture import Architecture
from aira_dsl.models import build
from aira_dsl.models.accelerate import Precision, accelerate
from aira_dsl.primitives import MLP, Attention

Who = Literal["aira-dsl", "plain", "nemotron-h", "nemotron-h, as it comes"]

BATCH, LENGTH, VOCAB = 16, 256, 256
QUICKEST_CHUNK = 16
"""NemotronH's fastest chunk_size on a CPU at the paper's state size, of 16 to 128."""

Step = Callable[[], None]


def make_step(who: Who, architecture: Architecture, precision: Precision) -> Step:
    """Return a function that trains one step on random tokens.

    Args:
        who: `aira-dsl` uses the compiled kernels, `plain` the reference modules.
        architecture: of the default space's blocks; NemotronH takes relu² for relu and no RoPE.
        precision: `bf16` is autocast for all but `aira-dsl`.
    """
    architecture = architecture.replace(vocab=VOCAB)
    torch.manual_seed(0)
    match who:
        case "aira-dsl":
            return _stepper(accelerate(build(architecture), precision), "fp32")
        case "plain":
            return _stepper(build(architecture), precision)
        case "nemotron-h" | "nemotron-h, as it comes":
            chunk = QUICKEST_CHUNK if who == "nemotron-h" else None
            return _stepper(_NemotronH(architecture, chunk), precision)


class _NemotronH(nn.Module):
    def __init__(self, architecture: Architecture, chunk_size: int | None) -> None:
        from transformers import AutoModelForCausalLM, NemotronHConfig

        from aira_dsl.interop.families.nemotron_h import to_nemotron_h

        super().__init__()
        config = to_nemotron_h(as_it_can(architecture))
        for key in ("architectures", "chunk_size", "time_step_min"):
            del config[key]
        if chunk_size is not None:
            config["chunk_size"] = chunk_size
        config["use_cache"] = False
        make = AutoModelForCausalLM.from_config
        self.model = make(NemotronHConfig(**config))  # type: ignore[no-untyped-call]

    def forward(self, tokens_BL: Tensor) -> Tensor:
        logits_BLV: Tensor = self.model(tokens_BL).logits
        return logits_BLV


def as_it_can(architecture: Architecture) -> Architecture:
    """Replace what NemotronH lacks by the nearest that it has, of equal size."""
    blocks = dict(architecture.blocks)
    for name, block in blocks.items():
        if isinstance(block, Attention):
            blocks[name] = block.model_copy(update={"rope": None})
        elif isinstance(block, MLP):
            blocks[name] = block.model_copy(update={"activation": "relu2"})
    return architecture.replace(blocks=blocks)


def _stepper(model: nn.Module, precision: Precision) -> Step:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    tokens_BL = torch.randint(VOCAB, (BATCH, LENGTH + 1))

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            logits_BLV = model(tokens_BL[:, :-1])
        loss = F.cross_entropy(logits_BLV.float().flatten(0, 1), tokens_BL[:, 1:].flatten())
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step
