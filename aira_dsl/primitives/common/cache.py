"""What a layer remembers between decoding steps.

A cache belongs to one layer and one batch of sequences that grow in step. A mixer replaces the
tensors of its cache by new ones and never writes into them, so a cache that was copied keeps its
meaning and gradients stay right.

Shapes: B batch, K key/value heads, L tokens so far, P head dimension, H state-space heads,
N state size, T remembered inputs of a convolution (kernel - 1), C its channels.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(slots=True)
class AttentionCache:
    """Keys (after RoPE) and values of every token so far; grows by a token a step."""

    keys_BKLP: Tensor
    values_BKLP: Tensor

    @property
    def length(self) -> int:
        """Tokens remembered."""
        return self.keys_BKLP.shape[2]

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered elements."""
        return self.keys_BKLP.nbytes + self.values_BKLP.nbytes


@dataclass(slots=True)
class Mamba2Cache:
    """The convolution's last inputs and the state; the same size however long the sequence."""

    inputs_BTC: Tensor
    state_BHPN: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered elements."""
        return self.inputs_BTC.nbytes + self.state_BHPN.nbytes


LayerCache = AttentionCache | Mamba2Cache | None
"""A layer's cache; None for a layer that looks at one token only."""
