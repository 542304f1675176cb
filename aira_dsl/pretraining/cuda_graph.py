"""Forward and backward pass of a training step, recorded once as a CUDA graph and replayed.

A small model's kernels take less time than their launches from Python; a graph launches all of them
at once. It computes what the network computes, with the same kernels. Its inputs, gradients and
results stay at their addresses, so the gradients are set to zero between steps and never dropped.

Shapes: P rows, L positions.
"""

import torch
from torch import Tensor, nn

from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.pretraining.network import Network
from aira_dsl.pretraining.processes import Processes
from aira_dsl.pretraining.settings import TrainSettings

WARMUPS = 3
"""Passes before the recording, in which libraries choose their kernels."""


def require_recordable(
    settings: TrainSettings, architecture: Architecture, processes: Processes
) -> None:
    """Raise UsageError E1513 if steps cannot be recorded."""
    parts = [part for name in architecture.layers for part in architecture.block_of(name).parts]
    uneven = next((part.kind for part in parts if not part.fixed_shapes), None)
    if processes.size > 1:
        reason, remedy = "needs a training on one process", "--cuda-graph"
    elif settings.documents == "separate":
        reason, remedy = "has parts of one shape, documents do not", "--documents separate"
    elif uneven is not None:
        reason, remedy = f"has products of fixed shapes, those of {uneven} are not", "--cuda-graph"
    elif settings.z_loss:
        reason, remedy = "cannot select the positions of the z-loss", "--z-loss"
    else:
        return
    raise UsageError("E1513", f"a CUDA graph {reason}", help=f"leave out {remedy}")


class RecordedPasses:
    """The passes of one part of a batch.

    Args:
        network: on a GPU, not distributed.
        shape_PL: rows and positions of a part.
        scale: of the loss whose gradient is accumulated.
    """

    def __init__(self, network: Network, shape_PL: tuple[int, int], scale: float) -> None:
        self._network, self._scale = network, scale
        self._tokens_PL = torch.zeros(shape_PL, dtype=torch.int64, device=network.device)
        self._targets_PL = torch.zeros_like(self._tokens_PL)
        self._warm_up()
        self.gradients = gradients_of(network)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._entropy = self._passes()
        self._norm = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._norm):
            self._square = square_of(self.gradients)
        torch._foreach_zero_(self.gradients)

    def accumulate(self, tokens_PL: Tensor, targets_PL: Tensor) -> Tensor:
        """Add a part's gradients; return its summed cross-entropy, overwritten by the next call."""
        self._tokens_PL.copy_(tokens_PL)
        self._targets_PL.copy_(targets_PL)
        self._graph.replay()
        return self._entropy

    def square(self) -> Tensor:
        """Return the sum of squares of all gradients, overwritten by the next call."""
        self._norm.replay()
        return self._square

    def _warm_up(self) -> None:
        """Run on a stream of its own, as recordings need; gradients get their addresses."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARMUPS):
                self._passes()
            square_of(gradients_of(self._network))
        torch.cuda.current_stream().wait_stream(stream)

    def _passes(self) -> Tensor:
        loss, entropy = self._network(self._tokens_PL, self._targets_PL)
        torch.autograd.backward(loss * self._scale)
        return entropy  # type: ignore[no-any-return]


def gradients_of(network: nn.Module) -> list[Tensor]:
    """Return the gradients that there are, in the order of the parameters."""
    found = [parameter.grad for parameter in network.parameters()]
    return [each for each in found if each is not None]


def square_of(gradients: list[Tensor]) -> Tensor:
    """Return the sum of squares, in float64: the same to its last digits however it is divided."""
    norms = [torch.linalg.vector_norm(each, dtype=torch.float64) for each in gradients]
    return torch.stack(norms).square().sum()
