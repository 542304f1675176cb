"""Measures the numerical noise of the causality check with honest models: float32, bfloat16, a GPU.

    python benchmarks/causality_noise.py [--device cuda]

A transformer with random weights, whose logits are as sharp as those of a trained model, is asked
twice as the judge asks: in another order, in other batches, with other tokens after a cut. Printed
are the largest difference of the bits of a true token before a cut, and the mean at the borders;
then both for a model that answers in float32 at first and in bfloat16 the second time.
"""

import argparse

import numpy as np
import torch
from torch import nn

from aira_dsl.design.judge import causality
from aira_dsl.design.judge.text import bits

VOCABULARY, WINDOWS, BATCH = 256, 256, 16


class Transformer(nn.Module):
    """Causal attention and MLP layers, without training."""

    def __init__(self, width: int, layers: int, length: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, width)
        self.place = nn.Parameter(torch.randn(length, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, width // 32, 4 * width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY)
        with torch.no_grad():
            self.head.weight.mul_(6)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return logits (B, T, V)."""
        x = self.embed(tokens) + self.place
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1]).to(x.device, x.dtype)
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=True)
        return self.head(self.norm(x))


def needed(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, device: str) -> np.ndarray:
    """Return the bits (rows, T) that a model needs for the targets."""
    parts = []
    for begin in range(0, len(inputs), BATCH):
        tokens = torch.from_numpy(inputs[begin : begin + BATCH]).to(device)
        with torch.inference_mode():
            logits = model(tokens).float().cpu().numpy()
        parts += [bits(row, goal) for row, goal in zip(logits, targets[begin:], strict=False)]
    return np.stack(parts)


def main() -> None:
    """Measure and print one line for each precision and size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    for width, layers, length in ((64, 2, 128), (256, 6, 256)):
        answers = []
        for dtype in (torch.float32, torch.bfloat16):
            torch.manual_seed(0)
            random = np.random.default_rng(0)
            model = Transformer(width, layers, length).to(device, dtype).eval()
            windows = random.integers(VOCABULARY, size=(WINDOWS, length + 1))
            first = needed(model, windows[:, :-1], windows[:, 1:], device)
            chosen = random.permutation(WINDOWS)
            cuts = random.integers(1, length, size=WINDOWS)
            inputs = causality.with_other_tails(windows[chosen], cuts, VOCABULARY, random)
            second = needed(model, inputs, windows[chosen, 1:], device)
            answers.append((first[chosen], second))
            name = f"{device} {str(dtype)[6:]:9s} width {width:3d} layers {layers}"
            print(f"{name}: bits {first.mean():.2f}, {_differences(*answers[-1], cuts)}")
        print(f"both precisions: {_differences(answers[0][0], answers[1][1], cuts)}")


def _differences(first: np.ndarray, second: np.ndarray, cuts: np.ndarray) -> str:
    rows = [second[row, :cut] - first[row, :cut] for row, cut in enumerate(cuts)]
    largest = max(np.abs(row).max() for row in rows)
    borders = np.array([row[-1] for row in rows])
    error = borders.std() / len(borders) ** 0.5
    return f"largest difference {largest:.2e}, borders {borders.mean():+.1e} ± {error:.1e}"


if __name__ == "__main__":
    main()
