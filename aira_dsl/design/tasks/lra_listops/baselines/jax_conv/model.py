"""A gated convolution as long as the input; a small network makes its filter (Poli et al. 2023).

Legend: B examples, L positions, D width, M distances (2 L), F features of a distance.
"""

import math

import jax
from flax import linen as nn
from jax import numpy as jnp

FEATURES = 16
FILTER_WIDTH = 32


class Mixer(nn.Module):
    emb_dim: int
    num_heads: int
    qkv_dim: int

    @nn.compact
    def __call__(self, x_BLD, mask_BL):
        length = x_BLD.shape[1]
        value_BLD, gate_BLD = jnp.split(nn.Dense(2 * self.emb_dim)(x_BLD), 2, -1)
        value_BDL = (value_BLD * mask_BL[:, :, None]).mT
        products = jnp.fft.rfft(value_BDL, 2 * length) * jnp.fft.rfft(self.filter(length).mT)
        y_BDL = jnp.fft.irfft(products, 2 * length)[..., :length]
        skip_D = self.param("skip", nn.initializers.ones, (self.emb_dim,))
        y_BLD = (y_BDL + skip_D[:, None] * value_BDL).mT
        return nn.Dense(self.emb_dim)(y_BLD * nn.silu(gate_BLD))

    def filter(self, length):
        """Return weights (M, D) by distance: 0, 1, … L - 1, then -L, … -1."""
        distance_M = jnp.arange(2 * length)
        distance_M = jnp.where(distance_M < length, distance_M, distance_M - 2 * length)
        angles_MF = distance_M[:, None] * math.pi * 2.0 ** -jnp.arange(FEATURES)
        features = jnp.concatenate([jnp.cos(angles_MF), jnp.sin(angles_MF)], -1)
        weights_MD = nn.Dense(self.emb_dim)(jnp.sin(nn.Dense(FILTER_WIDTH)(features)))
        log_reach_D = self.param("log_reach", reaches, (self.emb_dim,))
        return weights_MD * jnp.exp(-abs(distance_M)[:, None] * jnp.exp(-log_reach_D))


def reaches(key, shape):
    return jnp.linspace(0.0, 5.0, *shape)


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
