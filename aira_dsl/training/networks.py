"""The network that learns a task: tokens (B, L) to logits (B, L, V).

For all tasks but compression it is the language model that the compiler builds, with the task's
vocabulary. Compression reconstructs a whole sequence from one vector. A causal language model would
copy each input instead, so the architecture is an encoder there, and a small decoder that is the
same for every architecture reads the hidden state of the last position:

    z = encoder.hidden(tokens)[last] + position(l)
    z = gelu(linear(norm(z)));   z = gelu(linear(norm(z)));   logits_l = linear(norm(z))

as in MAD, with fixed sine and cosine positions. Two things differ from MAD. Its auto-encoder draws
all weights again, Mamba's time steps included, which handicaps Mamba; here the encoder keeps what
`build` drew. Its decoder reads the hidden state without a final norm; here `hidden` ends with the
architecture's own final norm.

Shapes: B examples, L positions, D model width, V token ids.
"""

import numpy as np
import torch
from torch import Generator, Tensor, nn

from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import Compression, TaskSettings
from aira_dsl.models import LanguageModel, build
from aira_dsl.models.accelerate import Device, Precision, accelerate

_STD = 0.02


def network(
    task: TaskSettings,
    architecture: Architecture,
    *,
    seed: int,
    precision: Precision = "fp32",
    device: Device = "cpu",
) -> nn.Module:
    """Build the network for a task, with weights drawn from the seed alone.

    Args:
        task: decides the vocabulary and, for compression, the form.
        architecture: its vocabulary and context are not used.
        seed: of all initial weights; the global random state is left alone.
        precision: of the activations (`aira_dsl.models.accelerate`); weights are float32.
        device: where it is trained.

    Returns:
        a module that maps tokens (B, L), int64, to logits (B, L, V) on that device.
    """
    model = build(architecture, seed=seed, vocab=task.vocab)
    if isinstance(task, Compression):
        own = AutoEncoder(model, task.length, seed=seed, precision=precision, device=device)
        return own.to(device)
    return accelerate(model, precision, device)


class AutoEncoder(nn.Module):
    """An encoder, and a decoder that reconstructs every position from its last hidden state.

    Args:
        encoder: a language model; its head is taken off, since nothing would train it.
        length: positions to reconstruct.
        seed: of the decoder's weights (normal, standard deviation 0.02; biases 0; gains 1).
        precision: of the encoder's activations; the decoder is small and float32.
        device: of the encoder; the caller moves the decoder.
    """

    positions_LD: Tensor

    def __init__(
        self,
        encoder: LanguageModel,
        length: int,
        *,
        seed: int,
        precision: Precision = "fp32",
        device: Device = "cpu",
    ) -> None:
        super().__init__()
        width, eps = encoder.architecture.width, encoder.architecture.norm_eps
        # A stream of its own: the encoder's weights were drawn from the seed itself.
        own_seed = np.random.SeedSequence([seed, 1]).generate_state(1)[0]
        generator = Generator().manual_seed(int(own_seed))
        del encoder.head
        self.encoder = accelerate(encoder, precision, device)
        self.register_buffer("positions_LD", sinusoids(length, width), persistent=False)
        self.decoder = nn.Sequential(
            nn.RMSNorm(width, eps),
            _linear(width, width, generator),
            nn.GELU(),
            nn.RMSNorm(width, eps),
            _linear(width, width, generator),
            nn.GELU(),
            nn.RMSNorm(width, eps),
            _linear(width, encoder.architecture.vocab, generator),
        )

    def forward(self, tokens_BL: Tensor) -> Tensor:
        """Return logits_BLV for the tokens themselves, position by position."""
        last_BD = self.encoder.hidden(tokens_BL)[:, -1].float()
        logits_BLV: Tensor = self.decoder(last_BD[:, None] + self.positions_LD)
        return logits_BLV


def sinusoids(length: int, width: int) -> Tensor:
    """Return fixed position embeddings (length, width): sin in even columns, cos in odd ones.

    Columns 2i and 2i + 1 turn by 10000^(-2i / width) radians a position (arXiv 1706.03762, 3.5).
    """
    rate_I = 10_000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angle_LI = torch.arange(length, dtype=torch.float64)[:, None] * rate_I
    both_LI2 = torch.stack([angle_LI.sin(), angle_LI.cos()], dim=-1)
    return both_LI2.flatten(1)[:, :width].float()


def _linear(inputs: int, outputs: int, generator: Generator) -> nn.Linear:
    """Return a linear layer drawn from the generator, not from the global random state."""
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    nn.init.normal_(layer.weight, std=_STD, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer
