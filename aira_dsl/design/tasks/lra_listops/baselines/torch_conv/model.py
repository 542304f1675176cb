"""A gated convolution as long as the input; a small network makes its filter (Poli et al. 2023).

Legend: B examples, L positions, D width, M distances (2 L), F features of a distance.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

FEATURES = 16
FILTER_WIDTH = 32


class Mixer(nn.Module):
    def __init__(self, emb_dim, num_heads, qkv_dim):
        super().__init__()
        self.inputs = nn.Linear(emb_dim, 2 * emb_dim)
        self.filter1 = nn.Linear(2 * FEATURES, FILTER_WIDTH)
        self.filter2 = nn.Linear(FILTER_WIDTH, emb_dim)
        self.log_reach = nn.Parameter(torch.linspace(0.0, 5.0, emb_dim))
        self.skip = nn.Parameter(torch.ones(emb_dim))
        self.out = nn.Linear(emb_dim, emb_dim)

    def forward(self, x_BLD, mask_BL):
        length = x_BLD.shape[1]
        value_BLD, gate_BLD = self.inputs(x_BLD).chunk(2, -1)
        value_BDL = (value_BLD * mask_BL[:, :, None]).mT
        products = torch.fft.rfft(value_BDL, 2 * length) * torch.fft.rfft(self.filter(length).mT)
        y_BDL = torch.fft.irfft(products, 2 * length)[..., :length]
        y_BLD = (y_BDL + self.skip[:, None] * value_BDL).mT
        return self.out(y_BLD * F.silu(gate_BLD))

    def filter(self, length):
        """Return weights (M, D) by distance: 0, 1, … L - 1, then -L, … -1."""
        distance_M = torch.arange(2 * length, device=self.skip.device)
        distance_M = torch.where(distance_M < length, distance_M, distance_M - 2 * length)
        frequency_F = math.pi * 2.0 ** -torch.arange(FEATURES, device=self.skip.device)
        angles_MF = distance_M[:, None] * frequency_F
        features = torch.cat([angles_MF.cos(), angles_MF.sin()], -1)
        weights_MD = self.filter2(torch.sin(self.filter1(features)))
        return weights_MD * torch.exp(-distance_M.abs()[:, None] * torch.exp(-self.log_reach))


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
