"""What a layer remembers between decoding steps.

A cache belongs to one layer and one batch of sequences of equal length. A mixer replaces the
tensors of its cache by new ones and never writes into them, so that a copied cache stays valid and
gradients stay right. Each primitive defines its own cache, a dataclass of tensors, in `module.py`.
"""

from dataclasses import dataclass, fields

from torch import Tensor


@dataclass(slots=True)
class MixerCache:
    """The tensors that one layer keeps, one field each; other fields are numbers."""

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered elements."""
        values = (getattr(self, field.name) for field in fields(self))
        return sum(value.nbytes for value in values if isinstance(value, Tensor))


LayerCache = MixerCache | None
"""A layer's cache; None for a layer that looks at one token only."""
