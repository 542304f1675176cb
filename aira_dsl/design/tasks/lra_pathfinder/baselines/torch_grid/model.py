"""Convolutions over the picture that the sequence is, three pixels by three.

Legend: B examples, L positions, D width, S side of the picture (S * S = L).
"""

import math

import torch
from torch import nn

DEPTH = 3  # convolutions for each of num_layers


class Layer(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, padding=1)
        # Over the examples: most pixels are black, and a norm of each position hides what is not.
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x_BDSS):
        return torch.relu(self.norm(self.convolution(x_BDSS)))


class CustomEncoder(nn.Module):
    """The class of a picture."""

    def __init__(self, *, vocab_size, num_classes, num_layers, emb_dim, **sizes):
        super().__init__()
        self.white = vocab_size - 1
        widths = [1] + [emb_dim] * DEPTH * num_layers
        self.layers = nn.Sequential(*map(Layer, widths, widths[1:]))
        self.head = nn.Linear(emb_dim, num_classes)

    def forward(self, tokens_BL, mask_BL):
        side = math.isqrt(tokens_BL.shape[1])
        picture = tokens_BL[:, : side * side].view(-1, 1, side, side) / self.white
        return self.head(self.layers(picture).mean((2, 3)))
