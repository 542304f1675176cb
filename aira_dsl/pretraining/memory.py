"""Memory of a training process, estimated from its settings; needs no torch.

It is what a job asks of a cluster: an upper bound for the models of a grid, not a limit.
"""

from aira_dsl.pretraining.settings import TrainPlan, TrainSettings

LOGITS = 1 << 26
"""Logits computed at once; more are computed in parts, and again in the backward pass."""

PROCESS = 1 << 30
"""Bytes of a process with torch, its kernels and a batch of text."""

_PARAMETER = 20
"""Bytes of a parameter: weight, gradient, two moments, and a copy while a checkpoint is written."""

_KEPT = 16
"""Bytes for each product of a token with a matrix: what is kept for the backward pass in float32,
with the functions, norms and gradients around it."""

_LOGIT = 12
"""Bytes of a logit: itself, its gradient and a copy."""


def memory_of(settings: TrainSettings, plan: TrainPlan) -> int:
    """Return the bytes that one process needs for a training.

    Args:
        settings: of the training.
        plan: what follows from them.
    """
    tokens = plan.step_tokens // settings.accumulate
    costs, width = plan.costs, plan.architecture.width
    # A matrix of D×F parameters has F outputs for each token; the stream has D for each layer.
    outputs = costs.active_without_embeddings // width + width * plan.architecture.depth
    logits = min(tokens * plan.architecture.vocab, LOGITS)
    weights = _PARAMETER * costs.total_parameters
    return PROCESS + weights + _KEPT * tokens * outputs + _LOGIT * logits
