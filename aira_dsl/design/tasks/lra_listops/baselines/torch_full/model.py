"""Full attention: every position reads every other; the matrix of weights is L x L.

Legend: B examples, L positions, D width, H heads, E width of a head, Q and K positions (L).
"""

import math

import torch
from torch import nn


class Mixer(nn.Module):
    def __init__(self, emb_dim, num_heads, qkv_dim):
        super().__init__()
        self.heads = num_heads
        self.qkv = nn.Linear(emb_dim, 3 * qkv_dim)
        self.out = nn.Linear(qkv_dim, emb_dim)

    def forward(self, x_BLD, mask_BL):
        batch, length, _ = x_BLD.shape
        parts = self.qkv(x_BLD).view(batch, length, 3, self.heads, -1)
        q_BHLE, k_BHLE, v_BHLE = parts.permute(2, 0, 3, 1, 4)
        scores_BHQK = q_BHLE @ k_BHLE.mT / q_BHLE.shape[-1] ** 0.5
        scores_BHQK = scores_BHQK.masked_fill(~mask_BL[:, None, None, :], -1e9)
        y_BHLE = scores_BHQK.softmax(-1) @ v_BHLE
        return self.out(y_BHLE.transpose(1, 2).reshape(batch, length, -1))


class Layer(nn.Module):
    def __init__(self, emb_dim, mlp_dim, **sizes):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(emb_dim), nn.LayerNorm(emb_dim)
        self.mixer = Mixer(emb_dim, **sizes)
        self.mlp = nn.Sequential(
            nn.Linear(emb_dim, mlp_dim), nn.GELU(), nn.Linear(mlp_dim, emb_dim)
        )

    def forward(self, x_BLD, mask_BL):
        x_BLD = x_BLD + self.mixer(self.norm1(x_BLD), mask_BL)
        return x_BLD + self.mlp(self.norm2(x_BLD))


class Body(nn.Module):
    """Makes one vector (B, D) of a sequence: the mean over its positions."""

    def __init__(self, vocab_size, max_len, num_layers, emb_dim, **sizes):
        super().__init__()
        self.tokens = nn.Embedding.from_pretrained(waves(vocab_size, emb_dim), freeze=False)
        self.positions = nn.Parameter(torch.randn(max_len, emb_dim))
        self.layers = nn.ModuleList(Layer(emb_dim, **sizes) for _ in range(num_layers))
        self.norm = nn.LayerNorm(emb_dim)

    def forward(self, tokens_BL, mask_BL):
        x_BLD = self.tokens(tokens_BL) + self.positions[: tokens_BL.shape[1]]
        for layer in self.layers:
            x_BLD = layer(x_BLD, mask_BL)
        x_BLD = self.norm(x_BLD) * mask_BL[:, :, None]
        return x_BLD.sum(1) / mask_BL.sum(1, keepdim=True)


def waves(vocab_size, emb_dim):
    """Return the first embeddings: waves of the number, so that near grey values are alike."""
    frequency_D = math.pi * torch.logspace(-2, 0, emb_dim)
    return torch.sin(torch.arange(vocab_size)[:, None] * frequency_D + 7 * torch.rand(emb_dim))


class CustomEncoder(nn.Module):
    """The class of a sequence."""

    def __init__(self, *, num_classes, emb_dim, **sizes):
        super().__init__()
        self.body = Body(emb_dim=emb_dim, **sizes)
        self.head = nn.Linear(emb_dim, num_classes)

    def forward(self, tokens_BL, mask_BL):
        return self.head(self.body(tokens_BL, mask_BL))


class CustomDualEncoder(nn.Module):
    """The class of a pair of sequences."""

    def __init__(self, *, num_classes, emb_dim, mlp_dim, **sizes):
        super().__init__()
        self.body = Body(emb_dim=emb_dim, mlp_dim=mlp_dim, **sizes)
        self.head = nn.Sequential(
            nn.Linear(4 * emb_dim, mlp_dim), nn.GELU(), nn.Linear(mlp_dim, num_classes)
        )

    def forward(self, tokens1_BL, mask1_BL, tokens2_BL, mask2_BL):
        a_BD, b_BD = self.body(tokens1_BL, mask1_BL), self.body(tokens2_BL, mask2_BL)
        return self.head(torch.cat([a_BD, b_BD, a_BD * b_BD, (a_BD - b_BD).abs()], -1))
