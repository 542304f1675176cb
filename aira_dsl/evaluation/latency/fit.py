"""Whether a model fits on a GPU in the usual precisions of weights, and what bounds its speed."""

from dataclasses import dataclass

from aira_dsl.architecture import ELEMENT_BYTES, WEIGHT_BITS, Architecture, cost
from aira_dsl.evaluation.latency.gpus import Gpu
from aira_dsl.evaluation.latency.memory import Memory, memory_from
from aira_dsl.evaluation.latency.result import Bound, Latency, Phase
from aira_dsl.evaluation.latency.roofline import roofline


@dataclass(frozen=True)
class Fit:
    """A model on a GPU.

    Attributes:
        memories: memory by precision of the weights, see `WEIGHT_BITS`; caches are in bf16.
        latency: speeds by roofline with weights, activations and caches in bf16.
    """

    memories: dict[str, Memory]
    latency: Latency

    def bound(self, phase: Phase) -> Bound:
        """Return what limits most of the time of a phase."""
        times = {"compute": 0.0, "memory": 0.0}
        for part in self.latency.parts:
            assert part.bounds is not None, "a roofline has bounds"
            prefill, decode = part.bounds
            limit = prefill if phase == "prefill" else decode
            times[limit] += getattr(part.seconds, phase)
        return "compute" if times["compute"] > times["memory"] else "memory"


def fit(architecture: Architecture, gpu: Gpu, *, context: int, batch: int) -> Fit:
    """Compare a model with a GPU at a workload."""
    costs = cost(architecture, element_bytes=ELEMENT_BYTES, context=context)
    memories = {
        name: memory_from(
            costs,
            costs.weight_bytes(bits),
            context=context,
            batch=batch,
            capacity=int(gpu.memory),
        )
        for name, bits in WEIGHT_BITS.items()
    }
    return Fit(memories, roofline(architecture, gpu, context=context, batch=batch))
