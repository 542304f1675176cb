"""What a layer remembers between decoding steps.

A cache belongs to one layer and one batch of sequences of equal length. A mixer replaces the
tensors of its cache by new ones and never writes into them, so that a copied cache stays valid and
gradients stay right. Each primitive defines its own cache, a dataclass of tensors, in `module.py`.
"""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class MixerCache:
    """The tensors that one layer keeps, one field each."""

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered elements."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))


LayerCache = MixerCache | None
"""A layer's cache; None for a layer that looks at one token only."""
