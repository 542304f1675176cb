"""Attention in a window: a block of positions reads itself and the two blocks beside it.

Legend: B examples, L positions, D width, H heads, E width of a head, N blocks, W positions of one,
K of three.
"""

import math

import jax
from flax import linen as nn
from jax import numpy as jnp

BLOCK = 16


class Mixer(nn.Module):
    emb_dim: int
    num_heads: int
    qkv_dim: int

    @nn.compact
    def __call__(self, x_BLD, mask_BL):
        batch, length, _ = x_BLD.shape
        missing = -length % BLOCK
        x_BLD = jnp.pad(x_BLD, ((0, 0), (0, missing), (0, 0)))
        mask_BNW = jnp.pad(mask_BL, ((0, 0), (0, missing))).reshape(batch, -1, BLOCK)
        width = self.qkv_dim // self.num_heads
        parts = nn.Dense(3 * self.qkv_dim)(x_BLD)
        parts = parts.reshape(batch, -1, BLOCK, 3, self.num_heads, width)
        q_BNHWE, k_BNHWE, v_BNHWE = parts.transpose(3, 0, 1, 4, 2, 5)
        k_BNHKE, v_BNHKE, mask_BNK = beside(k_BNHWE, 3), beside(v_BNHWE, 3), beside(mask_BNW, 2)
        scores_BNHWK = q_BNHWE @ k_BNHKE.mT / width**0.5
        scores_BNHWK = jnp.where(mask_BNK[:, :, None, None, :], scores_BNHWK, -1e9)
        y_BNHWE = nn.softmax(scores_BNHWK) @ v_BNHKE
        y_BLD = y_BNHWE.swapaxes(2, 3).reshape(batch, length + missing, -1)
        return nn.Dense(self.emb_dim)(y_BLD[:, :length])


def beside(blocks, axis):
    """Join every block with those before and after it, along an axis; zeros at the ends."""
    end = jnp.zeros_like(blocks[:, :1])
    before = jnp.concatenate([end, blocks[:, :-1]], 1)
    after = jnp.concatenate([blocks[:, 1:], end], 1)
    return jnp.concatenate([before, blocks, after], axis)


class Layer(nn.Module):
    emb_dim: int
    num_heads: int
    qkv_dim: int
    mlp_dim: int

    @nn.compact
    def __call__(self, x_BLD, mask_BL):
        mixer = Mixer(self.emb_dim, self.num_heads, self.qkv_dim)
        x_BLD = x_BLD + mixer(nn.LayerNorm()(x_BLD), mask_BL)
        y_BLD = nn.gelu(nn.Dense(self.mlp_dim)(nn.LayerNorm()(x_BLD)))
        return x_BLD + nn.Dense(self.emb_dim)(y_BLD)


class Body(nn.Module):
    """Makes one vector (B, D) of a sequence: the mean over its positions."""

    vocab_size: int
    max_len: int
    num_layers: int
    num_heads: int
    emb_dim: int
    qkv_dim: int
    mlp_dim: int

    @nn.compact
    def __call__(self, tokens_BL, mask_BL):
        shape = (self.max_len, self.emb_dim)
        positions = self.param("positions", nn.initializers.normal(1.0), shape)
        tokens = nn.Embed(self.vocab_size, self.emb_dim, embedding_init=waves)
        x_BLD = tokens(tokens_BL) + positions[: tokens_BL.shape[1]]
        for _ in range(self.num_layers):
            x_BLD = Layer(self.emb_dim, self.num_heads, self.qkv_dim, self.mlp_dim)(x_BLD, mask_BL)
        x_BLD = nn.LayerNorm()(x_BLD) * mask_BL[:, :, None]
        return x_BLD.sum(1) / mask_BL.sum(1, keepdims=True)


def waves(key, shape, dtype):
    """Return the first embeddings: waves of the number, so that near grey values are alike."""
    vocab_size, emb_dim = shape
    frequency_D = math.pi * jnp.logspace(-2, 0, emb_dim, dtype=dtype)
    phase_D = 7 * jax.random.uniform(key, (emb_dim,), dtype)
    return jnp.sin(jnp.arange(vocab_size)[:, None] * frequency_D + phase_D)


class Sizes(nn.Module):
    vocab_size: int
    num_classes: int
    max_len: int
    num_layers: int
    num_heads: int
    emb_dim: int
    qkv_dim: int
    mlp_dim: int

    def body(self):
        sizes = (self.num_layers, self.num_heads, self.emb_dim, self.qkv_dim, self.mlp_dim)
        return Body(self.vocab_size, self.max_len, *sizes)


class CustomEncoder(Sizes):
    """The class of a sequence."""

    @nn.compact
    def __call__(self, tokens_BL, mask_BL, train):
        return nn.Dense(self.num_classes)(self.body()(tokens_BL, mask_BL))


class CustomDualEncoder(Sizes):
    """The class of a pair of sequences."""

    @nn.compact
    def __call__(self, tokens1_BL, mask1_BL, tokens2_BL, mask2_BL, train):
        body = self.body()
        a_BD, b_BD = body(tokens1_BL, mask1_BL), body(tokens2_BL, mask2_BL)
        features = jnp.concatenate([a_BD, b_BD, a_BD * b_BD, abs(a_BD - b_BD)], -1)
        return nn.Dense(self.num_classes)(nn.gelu(nn.Dense(self.mlp_dim)(features)))
