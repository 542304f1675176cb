"""What a constraint may compare besides counts of blocks: the costs of an arrangement.

Each is a sum over layers and a constant at the context of the space, which is what makes counting
under constraints exact.
"""

from dataclasses import dataclass
from typing import Literal

from aira_dsl.architecture import Architecture, cost


@dataclass(frozen=True, slots=True)
class Quantity:
    """One cost that can be constrained.

    Attributes:
        name: the name in a constraint.
        key: its name among the costs that `show --format json` prints; constraints take it, too.
        unit: bytes, whose sizes are powers of 1,024 (`512M`), or a number (`20M` is 20 million).
    """

    name: str
    key: str
    unit: Literal["bytes", "number"]


QUANTITIES = {
    each.name: each
    for each in (
        Quantity("parameters", "parameters", "number"),
        Quantity("active", "active_parameters", "number"),
        Quantity("flops", "training_flops", "number"),
        Quantity("kv", "kv_bytes", "bytes"),
        Quantity("kv_cache", "kv_cache_bytes", "bytes"),
        Quantity("state", "state_bytes", "bytes"),
    )
}
"""By name. `kv` is of one sequence of the whole context, `kv_cache` of one more token of a sequence
longer than all windows; both and `state` are bytes of a model in bfloat16."""


def quantities_of(architecture: Architecture) -> dict[str, int]:
    """Return every quantity of an architecture at its own context."""
    costs = cost(architecture)
    return {
        "parameters": costs.parameters,
        "active": costs.active_parameters,
        "flops": costs.training_flops,
        "kv": costs.kv_bytes(architecture.context),
        "kv_cache": costs.kv_cache_bytes,
        "state": costs.state_bytes,
    }
