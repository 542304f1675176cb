"""A model's weights as bytes in safetensors form, and back.

A model is a `torch.nn.Module`, a dictionary of numpy arrays, or an object with such a dictionary as
its attribute `weights`. torch is imported only where the model belongs to it.
"""

import sys
from typing import Any

from safetensors import numpy as safetensors_numpy

Shape = tuple[int, ...]


class MisfitError(ValueError):
    """Weights of another shape than the model.

    Attributes:
        array: name of an array, and its shape in the model or None.
    """

    def __init__(self, name: str, built: Shape | None, loaded: Shape | None) -> None:
        super().__init__(
            f"the weights do not fit the model: {name} is {built} in the model and {loaded} in the "
            "weights"
        )
        self.array = (name, built)


def to_bytes(model: Any) -> bytes:
    """Return the weights of a model; of tensors that share memory, the first.

    Raises:
        TypeError: it is not a model.
    """
    if _is_module(model):
        from safetensors import torch as safetensors_torch

        state, _ = _without_shared(model.state_dict())
        return safetensors_torch.save(
            {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
        )
    return safetensors_numpy.save(_arrays(model))


def load(model: Any, data: bytes) -> None:
    """Load weights into a model that is built as it was when they were saved.

    Raises:
        MisfitError: names or shapes differ.
        TypeError: it is not a model.
    """
    if _is_module(model):
        from safetensors import torch as safetensors_torch

        state, shared = _without_shared(model.state_dict())
        tensors = safetensors_torch.load(data)
        _compare(
            {name: tuple(tensor.shape) for name, tensor in state.items()},
            {name: tuple(tensor.shape) for name, tensor in tensors.items()},
        )
        for name, original in shared.items():
            tensors[name] = tensors[original]
        model.load_state_dict(tensors)
        return
    arrays, loaded = _arrays(model), safetensors_numpy.load(data)
    _compare(
        {name: value.shape for name, value in arrays.items()},
        {name: value.shape for name, value in loaded.items()},
    )
    arrays.update(loaded)


def _is_module(model: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


def _arrays(model: Any) -> dict[str, Any]:
    weights = model if isinstance(model, dict) else getattr(model, "weights", None)
    if not isinstance(weights, dict):
        raise TypeError(
            f"a {type(model).__name__} is not a model: give a torch.nn.Module, a dictionary of "
            "numpy arrays, or an object that has one as its attribute `weights`"
        )
    return weights


def _without_shared(state: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Split a state into tensors of their own, and names of the same tensor under other names."""
    first: dict[Any, str] = {}
    shared: dict[str, str] = {}
    for name, tensor in state.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype)
        if tensor.numel() and place in first:
            shared[name] = first[place]
        else:
            first[place] = name
    return {name: state[name] for name in state if name not in shared}, shared


def _compare(built: dict[str, Shape], loaded: dict[str, Shape]) -> None:
    for name in sorted({*built, *loaded}):
        if built.get(name) != loaded.get(name):
            raise MisfitError(name, built.get(name), loaded.get(name))
