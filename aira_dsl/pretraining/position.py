"""Where a training stands: what a checkpoint records beside the weights."""

from dataclasses import asdict, dataclass, field
from typing import Any, Self

from aira_dsl.pretraining.result import ValidationPoint


@dataclass
class Position:
    """Where a training stands.

    Attributes:
        step: optimizer steps done.
        seconds: of these steps.
        overhead_seconds: of everything else since the first step.
        late_losses: sum of the training losses of the last tenth of the steps.
        late_steps: steps in this sum.
        curve: validations so far.
    """

    step: int = 0
    seconds: float = 0.0
    overhead_seconds: float = 0.0
    late_losses: float = 0.0
    late_steps: int = 0
    curve: list[ValidationPoint] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "curve": [point.model_dump() for point in self.curve]}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """Read the JSON form; raises ValueError, TypeError or KeyError if it is damaged."""
        curve = [ValidationPoint.model_validate(point) for point in record["curve"]]
        return cls(**{**record, "curve": curve})
