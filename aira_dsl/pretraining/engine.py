"""One optimizer step: passes over a process's share, exchange, clipping, update.

On one process the network is a plain module. On several its parameters are sharded (FSDP2): a
block with many parameters is gathered by itself, the small ones together. Everything else is the
same. Gradients are the mean over the tokens of the global batch, so the number of processes and of
parts changes the order of a sum and nothing else.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from aira_dsl.data.tokens.rows import Batch
from aira_dsl.models import LanguageModel, build
from aira_dsl.pretraining.batches import Part, parts_of
from aira_dsl.pretraining.cuda_graph import RecordedPasses, require_recordable, square_of
from aira_dsl.pretraining.network import Network
from aira_dsl.pretraining.optimizers import Optimizers
from aira_dsl.pretraining.parametrization import rescale
from aira_dsl.pretraining.processes import Processes
from aira_dsl.pretraining.schedule import Schedule
from aira_dsl.pretraining.settings import TrainPlan, TrainSettings

UNIT = 1 << 20
"""Parameters from which a block is sharded by itself."""


class NotFinite(Exception):
    """A loss, a gradient or a weight is not a finite number."""


@dataclass(frozen=True)
class StepFacts:
    """What a step tells.

    Attributes:
        loss: mean cross-entropy of the batch before the update, in nats a token.
        gradient: norm of the gradient before clipping.
        rate: learning rate at the base size.
        signals: what the processes raised, summed.
        loads: the smallest and the largest load of an expert, in means of its layer; None without
            mixtures of experts.
    """

    loss: float
    gradient: float
    rate: float
    signals: tuple[float, ...]
    loads: tuple[float, float] | None


class Engine:
    """The model of a training and its optimizers.

    Args:
        settings: with the precision resolved.
        plan: what follows from them.
        processes: those that share the work.

    Raises:
        UsageError: E1513, the steps cannot be recorded as a CUDA graph.
        RunError: E0501, the weights do not fit in free memory.
    """

    def __init__(self, settings: TrainSettings, plan: TrainPlan, processes: Processes) -> None:
        self.settings, self.plan, self.processes = settings, plan, processes
        self.model = _initialized(plan, settings.seed, processes.device)
        self.network = Network(self.model, processes.device, settings)
        if processes.size > 1:
            _shard(self.network)
        self.optimizers = Optimizers(self.model, settings)
        self.recorded: RecordedPasses | None = None
        self.records = settings.cuda_graph and processes.device.type == "cuda"
        if self.records:
            require_recordable(settings, plan.architecture, processes)
        self.schedule = Schedule(
            settings.schedule, plan.steps, settings.warmup, settings.decay, settings.final
        )

    def step(self, number: int, batch: Batch, *signals: float) -> StepFacts:
        """Train on one batch.

        Args:
            number: of the step, from 0.
            batch: rows of this process.
            signals: numbers to be summed over all processes.

        Raises:
            NotFinite: in all processes, for the loss or the gradient; the weights are as before.
        """
        parts = parts_of(batch, self.settings.accumulate, even=self.processes.size > 1)
        if self.records:
            entropy, gradients, square = self._replayed(parts)
        else:
            entropy = self._gradients(parts)
            gradients = self._local_gradients()
            square = float(square_of(gradients))
        loads = self.network.balance.take_loads()
        entropy, square, *summed = self.processes.sum(entropy, square, *signals, *loads)
        loss, gradient = entropy / self.plan.step_tokens, math.sqrt(square)
        for value, name in ((loss, "loss"), (gradient, "norm of the gradient")):
            if not math.isfinite(value):
                raise NotFinite(f"the {name} is {value} at step {number + 1}")
        if gradient > self.settings.clip:
            torch._foreach_mul_(gradients, self.settings.clip / gradient)
        factor = self.schedule.factor(number)
        self.optimizers.step(factor, keep_gradients=self.records)
        spread = self.network.balance.step(summed[len(signals) :])
        rate = self.settings.learning_rate * factor
        return StepFacts(loss, gradient, rate, tuple(summed[: len(signals)]), spread)

    def require_finite_weights(self, step: int) -> None:
        """Check the weights after a step.

        Raises:
            NotFinite: in all processes; an update has left a weight that is not finite.
        """
        finite = [torch.isfinite(_local(each)).all() for each in self.model.parameters()]
        (wrong,) = self.processes.sum(float((~torch.stack(finite)).sum()))
        if wrong:
            raise NotFinite(f"a weight is not finite after step {step}")

    def _local_gradients(self) -> list[Tensor]:
        """Return this process's part of the gradients; the parts of all are the whole."""
        found = [parameter.grad for parameter in self.model.parameters()]
        return [_local(each) for each in found if each is not None]

    def _replayed(self, parts: list[Part]) -> tuple[float, list[Tensor], float]:
        """Accumulate gradients by the recorded passes; return entropy, gradients, their square."""
        if self.recorded is None:  # not before a checkpoint is restored, which drops gradients
            shape_PL = parts[0][0].shape[0], parts[0][0].shape[1]
            self.recorded = RecordedPasses(self.network, shape_PL, 1 / self.plan.step_tokens)
        entropy = sum(float(self.recorded.accumulate(*part)) for part in parts)
        return entropy, self.recorded.gradients, float(self.recorded.square())

    def _gradients(self, parts: list[Part]) -> float:
        """Accumulate gradients; return the summed cross-entropy of this process's rows."""
        # Sharding averages gradients over the processes.
        scale = self.processes.size / self.plan.step_tokens
        total = torch.zeros((), dtype=torch.float64, device=self.processes.device)
        for number, (tokens_PL, targets_PL) in enumerate(parts, start=1):
            if isinstance(self.network, FSDPModule):
                self.network.set_requires_gradient_sync(number == len(parts))
            loss, entropy = self.network(tokens_PL, targets_PL)
            torch.autograd.backward(loss * scale)
            total += entropy
        return float(total)


def _local(tensor: Tensor) -> Tensor:
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def _initialized(plan: TrainPlan, seed: int, device: torch.device) -> LanguageModel:
    model = build(plan.architecture, seed=seed)
    rescale(model)
    return model.to(device)


def _shard(network: Network) -> None:
    for block in network.blocks:
        if sum(parameter.numel() for parameter in block.parameters()) >= UNIT:
            fully_shard(block)
    fully_shard(network)
