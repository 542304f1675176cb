"""Convolutions over the picture that the sequence is, three pixels by three.

Legend: B examples, L positions, D width, S side of the picture (S * S = L).
"""

import math

from flax import linen as nn

DEPTH = 3  # convolutions for each of num_layers


class CustomEncoder(nn.Module):
    """The class of a picture."""

    vocab_size: int
    num_classes: int
    max_len: int
    num_layers: int
    num_heads: int
    emb_dim: int
    qkv_dim: int
    mlp_dim: int

    @nn.compact
    def __call__(self, tokens_BL, mask_BL, train):
        side = math.isqrt(tokens_BL.shape[1])
        x_BSSD = tokens_BL[:, : side * side].reshape(-1, side, side, 1) / (self.vocab_size - 1)
        for _ in range(DEPTH * self.num_layers):
            x_BSSD = nn.Conv(self.emb_dim, (3, 3))(x_BSSD)
            # Over the examples: most pixels are black, and a norm of each position hides what is
            # not. Momentum as in PyTorch.
            x_BSSD = nn.relu(nn.BatchNorm(use_running_average=not train, momentum=0.9)(x_BSSD))
        return nn.Dense(self.num_classes)(x_BSSD.mean((1, 2)))
