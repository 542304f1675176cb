"""The model class of a Hugging Face export."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GenerationMixin, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from aira_dsl.interop.standalone.parts.configuration import AiraConfig
from aira_dsl.interop.standalone.parts.norm import make_norm
from aira_dsl.interop.standalone.parts.parallel import Parallel

MIXERS: dict[str, type[nn.Module]] = {}

# --- copied from here


class AiraCache:
    """What every layer remembers of sequences that grow in step."""

    is_compileable = False

    def __init__(self, depth: int) -> None:
        self.layers: list[dict[str, Tensor]] = [{} for _ in range(depth)]
        self.length = 0

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Return how many tokens are remembered."""
        return self.length

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep these sequences of the batch, in this order."""
        self.layers = [reordered(layer, beam_idx) for layer in self.layers]


def reordered(cache: dict[str, Any], beam_idx: Tensor) -> dict[str, Any]:
    """Return a layer's cache with these sequences; a parallel layer has one in a branch."""
    return {
        name: reordered(each, beam_idx)
        if isinstance(each, dict)
        else each.index_select(0, beam_idx)
        for name, each in cache.items()
    }


class AiraLayer(nn.Module):
    """x + scale · post_norm(mixer(norm(x))); most blocks have the first norm only.

    With a norm of the stream, norm(x) takes the place of x; `kept` is a factor of either.
    """

    def __init__(self, config: AiraConfig, block: str) -> None:
        super().__init__()
        mixers, scales = [], []
        for name in block.split("|"):  # more than one in a parallel layer
            parameters = dict(config.blocks[name])
            parameters.pop("tied", None)  # config.order says which layers have the same weights
            kind, norm = parameters.pop("kind"), parameters.pop("norm", "pre")
            scales.append(parameters.pop("residual_scale", 1.0))
            self.kept = parameters.pop("stream_scale", 1.0)
            mixers.append(MIXERS[kind](config.hidden_size, config.norm_eps, **parameters))
        self.scale = scales[0] if len(scales) == 1 else 1.0
        self.norms_stream = norm == "stream"
        self.norm = nn.Identity() if norm in ("post", None) else new_norm(config)
        self.mixer = mixers[0] if len(mixers) == 1 else Parallel(mixers, scales)
        self.post_norm = new_norm(config) if norm in ("post", "sandwich") else nn.Identity()

    def forward(self, x_BLD: Tensor, cache: dict[str, Tensor]) -> Tensor:
        """Add the mixer's output to the stream."""
        normed_BLD = self.norm(x_BLD)
        y_BLD = self.scale * self.post_norm(self.mixer(normed_BLD, cache))
        return self.kept * (normed_BLD if self.norms_stream else x_BLD) + y_BLD


def new_norm(config: AiraConfig) -> nn.Module:
    """Return a norm over the width."""
    return make_norm(config.norm_kind, config.hidden_size, config.norm_eps)


class AiraForCausalLM(PreTrainedModel, GenerationMixin):
    """A stack of single-mixer residual layers with a language-model head."""

    config_class = AiraConfig
    base_model_prefix = ""
    _no_split_modules = ["AiraLayer"]
    _tied_weights_keys = {"head.weight": "embedding.weight"}
    _is_stateful = True  # a state cannot be undone, which assisted decoding needs

    def __init__(self, config: AiraConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.order = config.order or list(range(len(config.layers)))
        first_uses = [config.layers[self.order.index(i)] for i in range(max(self.order) + 1)]
        self.layers = nn.ModuleList(AiraLayer(config, block) for block in first_uses)
        self.norm = new_norm(config)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embedding = value

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def set_output_embeddings(self, value: nn.Module) -> None:
        self.head = value

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        past_key_values: AiraCache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return logits (batch, length, vocab_size), and the loss if labels are given.

        Padding is not supported: all sequences of a batch have one length.
        """
        if attention_mask is not None and not attention_mask.bool().all():
            raise ValueError("this model takes no padding: give it sequences of equal length")
        use_cache = not self.training if use_cache is None else use_cache
        cache = past_key_values
        if not isinstance(cache, AiraCache):
            cache = AiraCache(len(self.order))
        x_BLD = self.embedding(input_ids) if inputs_embeds is None else inputs_embeds
        x_BLD = self.config.embedding_scale * x_BLD
        for number, remembered in zip(self.order, cache.layers, strict=True):
            x_BLD = self.layers[number](x_BLD, remembered)
        cache.length += x_BLD.shape[1]
        logits = self.config.logit_scale * self.head(self.norm(x_BLD))
        if self.config.softcap is not None:
            logits = self.config.softcap * torch.tanh(logits / self.config.softcap)
        loss = None
        if labels is not None:
            expected = labels[:, 1:].flatten()
            loss = F.cross_entropy(
                logits[:, :-1].flatten(0, 1).float(), expected, ignore_index=-100
            )
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=cache if use_cache else None
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: AiraCache | None = None,
        attention_mask: Tensor | None = None,
        use_cache: bool | None = True,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Pass on the tokens that the cache has not seen."""
        if isinstance(past_key_values, AiraCache):
            input_ids = input_ids[:, past_key_values.length :]
        return {
            "input_ids": input_ids,
            "past_key_values": past_key_values,
            "attention_mask": attention_mask,
            "use_cache": use_cache,
        }

    def _prepare_cache_for_generation(
        self, generation_config: Any, model_kwargs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        """Begin with an empty cache of our own kind."""
        if generation_config.use_cache is not False:
            model_kwargs.setdefault("past_key_values", AiraCache(len(self.order)))

    def _init_weights(self, module: nn.Module) -> None:
        """Draw fresh weights as aira-dsl does."""
        if isinstance(module, nn.Embedding | nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, AiraLayer):
            module.mixer.init_weights(len(self.config.layers))
