"""A diagonal state space in both directions, computed as a convolution (S4D, Gu et al. 2022).

Legend: B examples, L positions, D width, N states, S directions (2).
"""

import math

import jax
from flax import linen as nn
from jax import numpy as jnp

STATES = 16


class Mixer(nn.Module):
    emb_dim: int
    num_heads: int
    qkv_dim: int

    @nn.compact
    def __call__(self, x_BLD, mask_BL):
        length = x_BLD.shape[1]
        forward_DL, backward_DL = self.kernels(length)
        zero_D1 = jnp.zeros_like(forward_DL[:, :1])
        kernel_DM = jnp.concatenate([forward_DL, zero_D1, backward_DL[:, :0:-1]], -1)  # M = 2 L
        x_BDL = (x_BLD * mask_BL[:, :, None]).mT
        products = jnp.fft.rfft(x_BDL, 2 * length) * jnp.fft.rfft(kernel_DM)
        y_BDL = jnp.fft.irfft(products, 2 * length)[..., :length]
        skip_D = self.param("skip", nn.initializers.normal(1.0), (self.emb_dim,))
        y_BLD = (y_BDL + skip_D[:, None] * x_BDL).mT
        return nn.glu(nn.Dense(2 * self.emb_dim)(nn.gelu(y_BLD)))

    def kernels(self, length):
        """Return what an input 0 to L - 1 positions away adds to an output, (S, D, L)."""
        shape = (2, self.emb_dim, STATES)
        log_step_SD = self.param("log_step", log_steps, shape[:2])
        log_decay_SDN = self.param("log_decay", nn.initializers.constant(math.log(0.5)), shape)
        frequency_SDN = self.param("frequency", frequencies, shape)
        output = self.param("output", nn.initializers.normal((0.5 / STATES) ** 0.5), (*shape, 2))
        rates_SDN = -jnp.exp(log_decay_SDN) + 1j * frequency_SDN
        steps_SDN = rates_SDN * jnp.exp(log_step_SD)[..., None]
        scale_SDN = (output[..., 0] + 1j * output[..., 1]) * (jnp.exp(steps_SDN) - 1) / rates_SDN
        powers_SDNL = jnp.exp(steps_SDN[..., None] * jnp.arange(length))
        return 2 * jnp.einsum("sdn,sdnl->sdl", scale_SDN, powers_SDNL).real


def log_steps(key, shape):
    return jax.random.uniform(key, shape, minval=math.log(0.001), maxval=math.log(0.1))


def frequencies(key, shape):
    return jnp.broadcast_to(math.pi * jnp.arange(shape[-1]), shape)


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
