"""The model of a standalone file; its dimensions are constants that the file begins with."""

from typing import Any

import torch
from torch import Tensor, nn

from aira_dsl.interop.standalone.parts.norm import make_norm
from aira_dsl.interop.standalone.parts.parallel import Parallel

WIDTH, VOCAB, NORM_EPS, NORM_KIND, TIE_EMBEDDINGS = 8, 8, 1e-5, "rms", False
EMBEDDING_SCALE: float = 1.0
LOGIT_SCALE: float = 1.0
SOFTCAP: float | None = None
BLOCKS: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {}
LAYERS: list[str] = []
ORDER: list[int] = []

# --- copied from here


class Layer(nn.Module):
    """x + scale · post_norm(mixer(norm(x))); most blocks have the first norm only.

    With a norm of the stream, norm(x) takes the place of x; `kept` is a factor of either.
    """

    def __init__(self, block: str) -> None:
        super().__init__()
        mixers, scales = [], []
        for name in block.split("|"):  # more than one in a parallel layer
            mixer, parameters = BLOCKS[name]
            parameters = dict(parameters)
            parameters.pop("tied", None)  # ORDER says which layers have the same weights
            norm = parameters.pop("norm", "pre")
            scales.append(parameters.pop("residual_scale", 1.0))
            self.kept = parameters.pop("stream_scale", 1.0)
            mixers.append(mixer(WIDTH, NORM_EPS, **parameters))
        self.scale = scales[0] if len(scales) == 1 else 1.0
        self.norms_stream = norm == "stream"
        self.norm = nn.Identity() if norm in ("post", None) else new_norm()
        self.mixer = mixers[0] if len(mixers) == 1 else Parallel(mixers, scales)
        self.post_norm = new_norm() if norm in ("post", "sandwich") else nn.Identity()

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        normed_BLD = self.norm(x_BLD)
        y_BLD = self.scale * self.post_norm(self.mixer(normed_BLD, cache))
        return self.kept * (normed_BLD if self.norms_stream else x_BLD) + y_BLD


def new_norm() -> nn.Module:
    """Return a norm over the width."""
    return make_norm(NORM_KIND, WIDTH, NORM_EPS)


class Model(nn.Module):
    """Token ids (batch, length) -> logits (batch, length, VOCAB)."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, WIDTH)
        first_uses = [LAYERS[ORDER.index(number)] for number in range(max(ORDER) + 1)]
        self.layers = nn.ModuleList(Layer(block) for block in first_uses)
        self.norm = new_norm()
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)
        self.apply(init_weights)
        if TIE_EMBEDDINGS:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, caches: list[dict[str, Tensor]] | None = None) -> Tensor:
        """Return the logits; with the caches of `new_caches`, continue their sequences."""
        x_BLD = EMBEDDING_SCALE * self.embedding(tokens)
        for number, cache in zip(ORDER, caches or self.new_caches(), strict=True):
            x_BLD = self.layers[number](x_BLD, cache)
        logits = LOGIT_SCALE * self.head(self.norm(x_BLD))
        return logits if SOFTCAP is None else SOFTCAP * torch.tanh(logits / SOFTCAP)

    def new_caches(self) -> list[dict[str, Tensor]]:
        """Return one empty cache a layer: sequences that have not begun."""
        return [{} for _ in LAYERS]

    @torch.inference_mode()
    def generate(self, tokens: Tensor, count: int, temperature: float = 0.0) -> Tensor:
        """Return the tokens and `count` more: the likeliest each, or drawn at a temperature."""
        caches = self.new_caches()
        logits = self(tokens, caches)[:, -1]
        for _ in range(count):
            following = logits.argmax(-1, keepdim=True)
            if temperature > 0:
                following = torch.multinomial((logits / temperature).softmax(-1), 1)
            tokens = torch.cat((tokens, following), dim=1)
            logits = self(following, caches)[:, -1]
        return tokens


def init_weights(module: nn.Module) -> None:
    """Draw weights as aira-dsl does: normal, 0.02; smaller where a layer adds to the stream."""
    if isinstance(module, nn.Embedding | nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, Layer):
        module.mixer.init_weights(len(LAYERS))


if __name__ == "__main__":
    model = Model()
    total = sum(parameter.numel() for parameter in model.parameters())
    print(f"{total:,} total parameters, {len(LAYERS)} layers")
    print(model.generate(torch.zeros(1, 1, dtype=torch.long), 16).tolist())
