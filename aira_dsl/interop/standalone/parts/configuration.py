"""The configuration class of a Hugging Face export."""

from typing import Any

from transformers import PretrainedConfig


class AiraConfig(PretrainedConfig):
    """Dimensions, named blocks, and the order in which they stand.

    Args:
        vocab_size: number of token ids.
        hidden_size: model width.
        blocks: by name, {"kind": "attention" | "mlp" | "mamba2", …parameters}.
        layers: names of blocks, first layer first; "A|B" is a parallel layer.
        order: for each layer the number of its weights; None if every layer has its own.
        norm_eps: epsilon of every norm.
        norm_kind: "rms", "layer" or "layer_no_bias".
        embedding_scale, logit_scale: factors of the embedding and of the logits.
        softcap: bound of the logits, after their factor; None for no bound.
        max_position_embeddings: tokens that the model was designed for; nothing enforces it.
    """

    model_type = "aira_dsl"

    def __init__(
        self,
        vocab_size: int = 256,
        hidden_size: int = 128,
        blocks: dict[str, dict[str, Any]] | None = None,
        layers: list[str] | None = None,
        order: list[int] | None = None,
        norm_eps: float = 1e-5,
        norm_kind: str = "rms",
        embedding_scale: float = 1.0,
        logit_scale: float = 1.0,
        softcap: float | None = None,
        max_position_embeddings: int = 256,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.blocks = blocks or {}
        self.layers = layers or []
        self.order = order
        self.num_hidden_layers = len(self.layers)
        self.norm_eps = norm_eps
        self.norm_kind = norm_kind
        self.embedding_scale = embedding_scale
        self.logit_scale = logit_scale
        self.softcap = softcap
        self.max_position_embeddings = max_position_embeddings
        super().__init__(**kwargs)
