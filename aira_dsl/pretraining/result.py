"""The result of a training run; needs no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["ok", "diverged", "stopped"]


class ValidationPoint(BaseModel):
    """The loss on held-out text after a step.

    Attributes:
        step: optimizer steps done.
        tokens: tokens trained on.
        flops: training FLOPs spent.
        loss: mean cross-entropy of the held-out tokens, in nats a token.
        bits_per_byte: the same in bits for each byte of text, comparable between tokenizers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int
    tokens: int
    flops: int
    loss: float
    bits_per_byte: float


class TrainResult(BaseModel):
    """What a training run came to; `result.json` of its folder.

    Attributes:
        status: `ok` at the end of the budget; `diverged` if a loss, a gradient or a weight was not
            finite; `stopped` if it was interrupted and can be continued.
        steps: optimizer steps done.
        tokens: tokens trained on.
        flops: training FLOPs spent, by the paper's convention (`architecture.costs`).
        flops_per_token: of training, at the context of the training.
        parameters: learnable parameters without embedding and head.
        embedding_parameters: those of embedding and head.
        loss: mean training loss of the last tenth of the steps, in nats a token; None if diverged.
        validation_loss: loss on held-out text at the end, in nats a token; None unless `ok`.
        bits_per_byte: the same in bits for each byte of text.
        curve: all validations, in order.
        epochs: tokens trained on, as a multiple of the tokens there are.
        seconds: wall-clock time of the optimizer steps, over all sessions.
        overhead_seconds: wall-clock time of data, records, validations and checkpoints, over all
            sessions; without tokenizing, building the model and the export.
        tokens_per_second: tokens in a second of optimizer steps.
        ranks: processes of the last session.
        device: `cpu` or `cuda`.
        precision: `fp32` or `bf16`.
        fingerprint: identity of the architecture.
        corpus: identity of the tokenized text.
        message: why it stopped, in a sentence; empty if `ok`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status
    steps: int
    tokens: int
    flops: int
    flops_per_token: int
    parameters: int
    embedding_parameters: int
    loss: float | None
    validation_loss: float | None
    bits_per_byte: float | None
    curve: tuple[ValidationPoint, ...] = ()
    epochs: float
    seconds: float
    overhead_seconds: float
    tokens_per_second: float
    ranks: int
    device: str
    precision: str
    fingerprint: str
    corpus: str
    message: str = ""
