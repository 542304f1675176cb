"""Random models whose weights matter: larger than at initialization, every gain and bias moved."""

import random

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.language import parse, to_text
from aira_dsl.models import LanguageModel, build
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.parallel.spec import AGREED


def random_architecture(seed: int, *, native: bool = False) -> Architecture:
    """Draw an architecture of all options; `native` ones stay within NemotronH."""
    rng = random.Random(seed)

    def attention() -> Attention:
        kv_heads = rng.randint(1, 3)
        return Attention(
            heads=kv_heads * rng.randint(1, 3),
            kv_heads=kv_heads,
            head_dim=rng.choice([4, 6, 8]),
            rope=None if native else rng.choice([None, 10_000.0, 123.4]),
        )

    def mlp() -> MLP:
        choices = ["relu", "relu2", "gelu"] + ([] if native else ["swiglu"])
        return MLP(hidden=rng.randint(5, 60), activation=rng.choice(choices))

    def mamba() -> Mamba2:
        groups, head_dim = rng.randint(1, 3), rng.choice([4, 8, 10])
        return Mamba2(
            inner=groups * rng.randint(1, 3) * head_dim,
            state=rng.choice([2, 4, 20]),
            head_dim=head_dim,
            conv=rng.randint(1, 5),
            groups=groups,
        )

    blocks = {"A": attention(), "M": mlp(), "Mb": mamba()}
    if not native:
        blocks |= {"B": attention(), "N": mlp(), "S": mamba()}
    architecture = Architecture(
        name=f"random_{seed}",
        width=rng.choice([16, 24, 40]),
        vocab=50,
        context=64,
        tie_embeddings=not native and rng.random() < 0.3,
        norm_eps=rng.choice([1e-5, 1e-2]),
        blocks=blocks,
        layers=tuple(rng.choice(list(blocks)) for _ in range(rng.randint(1, 10))),
    )
    return architecture if native else with_options(architecture, rng)


def with_options(architecture: Architecture, rng: random.Random) -> Architecture:
    """Draw the norms and the scales of a model and of its layers."""
    blocks = {
        name: block.model_copy(
            update={
                "norm": rng.choice(["pre", "post", "sandwich", "stream", None]),
                "residual_scale": rng.choice([1.0, 0.22]),
                "stream_scale": rng.choice([1.0, 1.5]),
                "tied": name in {"M", "S"},
            }
        )
        for name, block in architecture.blocks.items()
    }
    layers = list(architecture.layers)
    if rng.random() < 0.5:
        agreed = {key: getattr(blocks["S"], key) for key in AGREED}
        blocks["B"] = blocks["B"].model_copy(update=agreed)
        layers[-1] = "B|S"
    return architecture.replace(
        blocks=blocks,
        layers=tuple(layers),
        norm_kind=rng.choice(["rms", "layer", "layer_no_bias"]),
        embedding_scale=rng.choice([1.0, 12.0]),
        logit_scale=rng.choice([1.0, 0.25]),
        softcap=rng.choice([None, 30.0]),
    )


def with_overrides(architecture: Architecture) -> Architecture:
    """Write the architecture with a `layer` statement, and read it back."""
    number = next((n for n, name in enumerate(architecture.layers, 1) if name in {"M", "N"}), None)
    if number is None:
        return architecture
    text = to_text(architecture).rstrip().removesuffix("}")
    return parse(f"{text}  layer {number} {{ hidden 9, activation gelu }}\n}}\n")


def trained(architecture: Architecture, seed: int = 0) -> LanguageModel:
    """Build a model and move its weights as if it had been trained."""
    model = build(architecture, seed=seed).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(5)
            elif parameter.dim() == 1:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


@torch.inference_mode()
def decode(model: LanguageModel, tokens: torch.Tensor, count: int) -> torch.Tensor:
    """Decode greedily with our own caches."""
    cache = model.new_cache(len(tokens))
    logits = model(tokens, cache)[:, -1]
    for _ in range(count):
        following = logits.argmax(-1, keepdim=True)
        tokens = torch.cat((tokens, following), dim=1)
        logits = model(following, cache)[:, -1]
    return tokens


def prompts(seed: int, batch: int = 2, length: int = 45) -> torch.Tensor:
    return torch.randint(0, 50, (batch, length), generator=torch.Generator().manual_seed(seed))
