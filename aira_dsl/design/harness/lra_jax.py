"""An encoder in flax, with its optimizer from optax."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from flax import traverse_util
from jax import numpy as jnp

from aira_dsl.design.harness import weights
from aira_dsl.design.harness.channel import Array
from aira_dsl.design.harness.lra_settings import LraTraining

BETAS, EPSILON, LARGEST_GRADIENT = (0.9, 0.98), 1e-9, 1.0
"""Of AdamW, and the norm that gradients are cut to; `lra_torch` has the same."""


class JaxLearner:
    """A `flax.linen.Module` and AdamW.

    Variables beside the parameters, such as those of batch normalization, are kept and saved too.

    Args:
        encoder: class of the encoder.
        settings: sizes and training.
        seed: of all random numbers of JAX.
        pairs: whether an input is two sequences.
    """

    def __init__(self, encoder: Any, settings: LraTraining, seed: int, *, pairs: bool) -> None:
        self._model = encoder(**settings.sizes)
        self._key = jax.random.key(seed)
        tokens = np.zeros((1, settings.max_len), np.int32)
        inputs = [tokens, tokens == 0] * (2 if pairs else 1)
        initialize = jax.jit(functools.partial(self._model.init, train=False))
        others = dict(initialize({"params": self._key, "dropout": self._key}, *inputs))
        parameters = others.pop("params")
        self._optimizer = optax.chain(
            optax.clip_by_global_norm(LARGEST_GRADIENT),
            optax.scale_by_adam(*BETAS, eps=EPSILON),
            optax.add_decayed_weights(settings.weight_decay, mask=_matrices),
        )
        self._state = _State(parameters, others, self._optimizer.init(parameters))
        self._steps = 0
        self._step = jax.jit(self._stepped)
        self._apply = jax.jit(functools.partial(self._model.apply, train=False))

    def step(self, inputs: list[Array], labels: Array, rate: float) -> float:
        """Take one step; return the loss."""
        loss, self._state = self._step(self._state, inputs, labels, rate, self._steps)
        self._steps += 1
        return float(loss)

    def rehearse(self, inputs: list[Array], labels: Array) -> None:
        """Compile and compute a step, and drop what comes of it."""
        loss, _ = self._step(self._state, inputs, labels, 0.0, 0)
        float(loss)  # waits for it

    def logits(self, inputs: list[Array]) -> Array:
        """Return the logits (B, C)."""
        logits = self._apply({"params": self._state.parameters, **self._state.others}, *inputs)
        return np.asarray(logits, np.float32)

    def weights(self) -> bytes:
        """Return all weights in safetensors form."""
        return weights.to_bytes(self._arrays())

    def load(self, data: bytes) -> None:
        """Load weights."""
        arrays = self._arrays()
        weights.load(arrays, data)
        others = traverse_util.unflatten_dict(arrays, sep="/")  # type: ignore[no-untyped-call]
        self._state = self._state._replace(parameters=others.pop("params"), others=others)

    def _stepped(self, state: "_State", inputs: Any, labels: Any, rate: Any, step: Any) -> Any:
        """Return the loss, and the state after a step."""
        key = jax.random.fold_in(self._key, step)

        def loss_of(parameters: Any) -> Any:
            logits, changed = self._model.apply(
                {"params": parameters, **state.others},
                *inputs,
                train=True,
                rngs={"dropout": key},
                mutable=list(state.others),
            )
            logits = logits.astype(jnp.float32)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), dict(changed)

        compute = jax.value_and_grad(loss_of, has_aux=True)
        (loss, others), gradients = compute(state.parameters)
        updates, moments = self._optimizer.update(gradients, state.moments, state.parameters)
        updates = jax.tree.map(lambda update: -rate * update, updates)
        return loss, _State(optax.apply_updates(state.parameters, updates), others, moments)

    def _arrays(self) -> dict[str, Array]:
        state = {"params": self._state.parameters, **self._state.others}
        flat = traverse_util.flatten_dict(state, sep="/")  # type: ignore[no-untyped-call]
        return {name: np.asarray(value) for name, value in flat.items()}


class _State(NamedTuple):
    """What a step changes: parameters, other variables, moments of the optimizer."""

    parameters: Any
    others: Any
    moments: Any


def _matrices(parameters: Any) -> Any:
    return jax.tree.map(lambda value: value.ndim >= 2, parameters)
