"""Options of `aira-dsl train`, in groups; `TrainOptions` has them all."""

from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.utils.machine import DeviceChoice, PrecisionChoice
from aira_dsl.utils.options import Count, FloatCount, Options

OptimizerName = Literal["adamw", "muon"]
Documents = Literal["cross", "separate"]
ScheduleName = Literal["cosine", "trapezoid"]


class TrainBudgetOptions(Options):
    """Budget."""

    tokens: Count | None = None
    """Number of tokens to train on: 20M, 1e9."""

    flops: FloatCount | None = None
    """Training FLOPs to spend, by the formula of docs/compiler.md: 1e15."""

    steps: Count | None = None
    """Number of optimizer steps."""


class TrainDataOptions(CorpusOptions):
    """Data."""

    context: Annotated[int, Field(ge=1, le=1 << 24)] | None = None
    """Tokens of a sequence (default: the architecture's)."""

    documents: Documents = "cross"
    """Whether attention and state cross the borders of documents: cross, or separate."""


class TrainMethodOptions(Options):
    """Training method."""

    batch: Annotated[int, Field(ge=1, le=1 << 20)] = 32
    """Sequences of one optimizer step, over all processes."""

    learning_rate: Annotated[float, Field(gt=0, le=10)] = 3e-3
    """Peak learning rate at width 256 and depth 16; docs/train.md says what others take."""

    optimizer: OptimizerName = "adamw"
    """Optimizer; muon: orthogonalized momentum for hidden matrices, AdamW for the rest."""

    schedule: ScheduleName = "cosine"
    """Learning rate after the warm-up: a cosine, or constant with a linear end (trapezoid)."""

    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Fraction of the steps over which the rate rises linearly."""

    decay: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Fraction of the steps over which a trapezoid falls."""

    final: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Learning rate at the end, as a fraction of the peak."""

    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Decoupled weight decay of matrices; embeddings, gains and biases have none."""

    clip: Annotated[float, Field(gt=0)] = 1.0
    """Bound on the norm of the gradient."""

    z_loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Weight of the squared log-partition of the logits in the training loss."""

    balance_loss: Annotated[float, Field(ge=0, le=10)] = 0.01
    """Weight of the loss for balance between experts, of routers without a correction bias."""

    balance_rate: Annotated[float, Field(ge=0, le=1)] = 1e-3
    """Change of a router's correction biases in one step, towards balance between experts."""

    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    """Seed of the initial weights and of the order of the data."""


class TrainMachineOptions(Options):
    """Machine."""

    precision: PrecisionChoice = "auto"
    """Precision of activations; auto: the faster one on this machine."""

    device: DeviceChoice = "auto"
    """Device for training; auto: a GPU if there is one."""

    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads of a process on a CPU (default: PyTorch's, one under torchrun)."""

    accumulate: Annotated[int, Field(ge=1, le=1 << 16)] = 1
    """Parts in which a process computes its share of a batch, to save memory."""

    activation_checkpointing: bool = False
    """Compute activations again in the backward pass, to save memory."""

    no_compile: bool = False
    """Do not compile the layers on a GPU; CPUs have kernels."""

    cuda_graph: bool = False
    """Record a step on a GPU as a CUDA graph: quick for small models; a CPU has none."""


class TrainRecordOptions(Options):
    """Records."""

    validate_every: Count | None = None
    """Steps between two validations (default: at the end alone)."""

    validation_tokens: Count = 1 << 17
    """Held-out tokens of one validation, at most."""

    checkpoint_every: Count | None = None
    """Steps between two checkpoints (default: every five minutes)."""

    log_every: Count = 10
    """Steps between two lines of metrics.jsonl."""

    tensorboard: bool = False
    """Write TensorBoard's log, too."""


class TrainOptions(
    TrainRecordOptions,
    TrainMachineOptions,
    TrainMethodOptions,
    TrainDataOptions,
    TrainBudgetOptions,
):
    """Options of `aira-dsl train`; with an architecture and data they are `TrainSettings`."""
