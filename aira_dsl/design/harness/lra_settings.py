"""What an encoder of the Long Range Arena is built and trained with.

The names are those of the configuration files of the Long Range Arena (Tay et al. 2020).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_CHOSEN: dict[str, tuple[type, float, float]] = {
    "learning_rate": (float, 1e-8, 10.0),
    "weight_decay": (float, 0.0, 10.0),
    "warmup": (int, 0, 10**6),
    "batch_size": (int, 1, 4096),
    "num_train_steps": (int, 1, 10**7),
    "max_len": (int, 1, 1 << 16),
    "num_layers": (int, 1, 64),
    "num_heads": (int, 1, 64),
    "emb_dim": (int, 1, 4096),
    "qkv_dim": (int, 1, 4096),
    "mlp_dim": (int, 1, 16_384),
}
"""What a candidate may set where the task is configurable: its type, least and greatest value."""


@dataclass(frozen=True)
class LraTraining:
    """Sizes of an encoder, and how it is trained.

    Attributes:
        vocab_size: tokens are below it.
        num_classes: C, logits of an example.
        max_len: L, positions of an input; longer ones are cut.
        num_layers, num_heads, emb_dim, qkv_dim, mlp_dim: what the encoder should be built of.
        learning_rate: greatest one.
        schedule: `cosine`, to 0 at the end, or `rsqrt`, falling with the root of the steps.
        warmup: steps in which the learning rate rises.
        weight_decay: of AdamW, for weights of two or more dimensions.
        batch_size: B, examples of a step.
        num_train_steps: most steps.
    """

    vocab_size: int
    num_classes: int
    max_len: int
    num_layers: int
    num_heads: int
    emb_dim: int
    qkv_dim: int
    mlp_dim: int
    learning_rate: float
    schedule: str
    warmup: int
    weight_decay: float
    batch_size: int
    num_train_steps: int

    @classmethod
    def of(cls, settings: Mapping[str, Any], module: Mapping[str, Any]) -> "LraTraining":
        """Return the settings of a size, and where it is configurable, those of model.py.

        Args:
            settings: of the size.
            module: names of model.py; LEARNING_RATE is learning_rate, and so on.

        Raises:
            ValueError: model.py sets a value of the wrong type or out of its range.
        """
        given = {field.name: settings[field.name] for field in fields(cls)}
        if settings["configurable"]:
            longest = given["max_len"]
            given |= {name: _value(name, module) for name in _CHOSEN if name.upper() in module}
            if given["max_len"] > longest:
                raise ValueError(f"MAX_LEN must be at most {longest}, not {given['max_len']}")
        return cls(**given)

    def with_length(self, length: int) -> "LraTraining":
        """Return the same for inputs of another length."""
        return replace(self, max_len=length)

    @property
    def sizes(self) -> dict[str, int]:
        """Arguments of the encoder's constructor."""
        names = ("vocab_size", "num_classes", "max_len", "num_layers", "num_heads")
        return {name: getattr(self, name) for name in (*names, "emb_dim", "qkv_dim", "mlp_dim")}

    def rate(self, step: int, progress: float) -> float:
        """Return the learning rate of a step.

        Args:
            step: number of steps before it.
            progress: share of the training that is over, from 0 to 1.
        """
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        if self.schedule == "cosine":
            return self.learning_rate * rising * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        first = max(self.warmup, 1)
        return self.learning_rate * rising * math.sqrt(first / max(step + 1, first))


def _value(name: str, module: Mapping[str, Any]) -> Any:
    """Return what model.py sets.

    Raises:
        ValueError: it is of the wrong type or out of its range.
    """
    kind, least, most = _CHOSEN[name]
    value = module[name.upper()]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or (kind is int and not isinstance(value, int)) or not least <= value <= most:
        words = "an integer" if kind is int else "a number"
        raise ValueError(
            f"{name.upper()} must be {words} from {least:g} to {most:g}, not {value!r}"
        )
    return value
