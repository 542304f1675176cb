"""A diagonal state space in both directions, computed as a convolution (S4D, Gu et al. 2022).

Legend: B examples, L positions, D width, N states, S directions (2).
"""

import math

import torch
from torch import nn

STATES = 16


class Mixer(nn.Module):
    def __init__(self, emb_dim, num_heads, qkv_dim):
        super().__init__()
        step_2D = torch.empty(2, emb_dim).uniform_(math.log(0.001), math.log(0.1))
        self.log_step = nn.Parameter(step_2D)
        self.log_decay = nn.Parameter(torch.full((2, emb_dim, STATES), math.log(0.5)))
        turns = math.pi * torch.arange(STATES).expand(2, emb_dim, STATES)
        self.frequency = nn.Parameter(turns.clone())
        self.output = nn.Parameter(torch.randn(2, emb_dim, STATES, 2) * (0.5 / STATES) ** 0.5)
        self.skip = nn.Parameter(torch.randn(emb_dim))
        self.out = nn.Linear(emb_dim, 2 * emb_dim)

    def forward(self, x_BLD, mask_BL):
        length = x_BLD.shape[1]
        forward_DL, backward_DL = self.kernels(length)
        zero_D1 = torch.zeros_like(forward_DL[:, :1])
        kernel_DM = torch.cat([forward_DL, zero_D1, backward_DL[:, 1:].flip(-1)], -1)  # M = 2 L
        x_BDL = (x_BLD * mask_BL[:, :, None]).mT
        products = torch.fft.rfft(x_BDL, 2 * length) * torch.fft.rfft(kernel_DM)
        y_BDL = torch.fft.irfft(products, 2 * length)[..., :length]
        y_BLD = (y_BDL + self.skip[:, None] * x_BDL).mT
        return nn.functional.glu(self.out(nn.functional.gelu(y_BLD)))

    def kernels(self, length):
        """Return what an input 0 to L - 1 positions away adds to an output, (S, D, L)."""
        rates_SDN = torch.complex(-self.log_decay.exp(), self.frequency)
        steps_SDN = rates_SDN * self.log_step.exp()[..., None]
        scale_SDN = torch.view_as_complex(self.output) * (steps_SDN.exp() - 1) / rates_SDN
        positions_L = torch.arange(length, device=steps_SDN.device)
        powers_SDNL = (steps_SDN[..., None] * positions_L).exp()
        return 2 * torch.einsum("sdn,sdnl->sdl", scale_SDN, powers_SDNL).real


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
