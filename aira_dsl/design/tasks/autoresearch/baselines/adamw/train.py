"""A plain GPT, trained for the task's time with AdamW.

Learned positions, LayerNorm, GELU, one learning rate that rises for a moment and falls as a cosine.

Legend: B batch, T time, D width, H heads, E width of a head, V vocabulary.
"""

import math

import prepare
import torch
import torch.nn.functional as F
from prepare import DEVICE, MAX_SEQ_LEN, SEED, VOCAB_SIZE
from torch import Tensor, nn

DEPTH = 3
WIDTH = 128
HEAD_WIDTH = 64
BATCH = 8  # rows of MAX_SEQ_LEN tokens in one step
LR = 3e-3
WEIGHT_DECAY = 0.1
WARM_UP = 0.02  # share of the training

torch.manual_seed(SEED)
if DEVICE == "cpu":
    torch.set_num_threads(2)


class Layer(nn.Module):
    """Attention, then an MLP, each added to the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.up = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.down = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x_BTD: Tensor) -> Tensor:
        heads = (*x_BTD.shape[:2], -1, HEAD_WIDTH)
        parts = self.qkv(self.norms[0](x_BTD)).chunk(3, dim=-1)
        q, k, v = (part.view(heads).transpose(1, 2) for part in parts)
        y_BHTE = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x_BTD = x_BTD + self.out(y_BHTE.transpose(1, 2).reshape(x_BTD.shape))
        return x_BTD + self.down(F.gelu(self.up(self.norms[1](x_BTD))))


class GPT(nn.Module):
    """Tokens (B, T) to logits (B, T, V)."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, WIDTH)
        self.positions = nn.Embedding(MAX_SEQ_LEN, WIDTH)
        self.layers = nn.Sequential(*(Layer() for _ in range(DEPTH)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCAB_SIZE, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                small = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * DEPTH) if small else 0.02)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        x_BTD = self.tokens(tokens_BT) + self.positions.weight[: tokens_BT.size(1)]
        return self.head(self.norm(self.layers(x_BTD)))


def learning_rate(progress: float) -> float:
    """Rise for a moment, then fall to zero."""
    return LR * min(progress / WARM_UP, 0.5 + 0.5 * math.cos(math.pi * progress))


def main() -> None:
    model = GPT().to(DEVICE)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LR, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY, fused=True
    )
    noise = torch.randint(VOCAB_SIZE, (BATCH, MAX_SEQ_LEN), device=DEVICE)
    model(noise).sum().backward()  # before the clock starts: allocate memory, choose kernels
    model.zero_grad()

    run = prepare.start(model)  # the clock starts
    rows = prepare.make_dataloader(run, BATCH)
    steps, last_step = 0, 0.0
    while (progress := run.progress) + last_step < 1:  # no step that would end too late
        tokens_BT, targets_BT, _ = next(rows)
        F.cross_entropy(model(tokens_BT).flatten(0, 1), targets_BT.flatten()).backward()
        optimizer.param_groups[0]["lr"] = learning_rate(progress)
        optimizer.step()
        model.zero_grad()
        steps, last_step = steps + 1, run.progress - progress
    run.finish(steps=steps, tokens=steps * BATCH * MAX_SEQ_LEN)


main()
