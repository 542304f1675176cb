"""The TransformerConfig of OLMo-core 3 -> architecture, for layers of attention and SwiGLU."""

from itertools import cycle, islice
from typing import Any

from aira_dsl.architecture import MAX_LAYERS, Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.families.olmo import ATTENTION
from aira_dsl.interop.foreign_config import ForeignConfig, read_config
from aira_dsl.primitives import MLP, Attention, Primitive


def from_olmo(config: dict[str, Any], *, name: str = "model") -> Architecture:
    """Read a TransformerConfig, or the config of an experiment that has one under `model`.

    Raises:
        InputError: E0520, the config has settings that the language cannot express; E0521, it is
            incomplete.
    """
    return read_config(config, lambda foreign: read_olmo(foreign, name))


def read_olmo(config: ForeignConfig, name: str) -> Architecture:
    """Read the settings of OLMo-core's TransformerConfig (version 3.0, nn/transformer)."""
    model = config if "d_model" in config.content else config.section("model")
    if model is None:
        message = "the config has no d_model and no model"
        raise InputError("E0521", message, help="is it a config of OLMo-core?")
    if model is not config:
        config.without_effect(config.content)  # data, optimizer and checkpoints of the experiment
    architecture = _Reader(model, name).architecture()
    model.close()
    return architecture


class _Reader:
    """Reads one TransformerConfig: blocks by name, then the order of the layers."""

    def __init__(self, config: ForeignConfig, name: str) -> None:
        self.config = config
        self.name = name
        self.width = config.integer("d_model")
        self.epsilons: set[float] = set()

    def architecture(self) -> Architecture:
        config = self.config
        self._model_settings()
        pattern, depth = self._pattern(), config.integer("n_layers")
        if not 1 <= 2 * depth <= MAX_LAYERS:
            raise InputError("E0520", f"n_layers is {depth}, not 1 to {MAX_LAYERS // 2:,}")
        order = list(islice(cycle(pattern), depth))
        sections = self._sections(order)
        blocks: dict[str, Primitive] = {}
        for key, section in sections.items():
            first, second = _names(key)
            mixer, feed_forward = self._block(section)
            blocks |= {first: mixer, second: feed_forward}
        if len(self.epsilons) > 1:
            config.refuse("block", f"norms with several epsilons: {sorted(self.epsilons)}")
        config.account.notes.append("context 256 is assumed: OLMo-core's model config has none")
        return config.build(
            Architecture,
            {"width": "d_model", "vocab": "vocab_size"},
            name=self.name,
            width=self.width,
            vocab=config.integer("vocab_size"),
            tie_embeddings=config.flag("tie_word_embeddings", default=False),
            norm_eps=min(self.epsilons, default=1e-5),
            blocks=blocks,
            layers=tuple(layer for key in order for layer in _names(key)),
        )

    def _model_settings(self) -> None:
        config = self.config
        config.without_effect(
            ("_CLASS_", "dtype", "init_method", "init_seed", "init_std", "embedding_init_std",
             "freeze_params")
        )  # fmt: skip
        config.only("name", ["default"], "another kind of model")
        config.only("embedding_norm", [], "a norm after the embedding")
        config.only("embed_scale", [1], "a scaled embedding", costs=False)
        config.only("block_overrides", [{}], "blocks of single layers")
        head = config.section("lm_head")
        if head is None:
            raise InputError("E0521", "the config has no lm_head")
        head.without_effect(("_CLASS_", "dtype", "loss_implementation"))
        head.only("name", ["default"], "another kind of head")
        self._without_bias(head)
        self._norm(head, "layer_norm")
        head.close()

    def _pattern(self) -> list[str]:
        """Return the names of one period; a config with one unnamed block calls it `block`."""
        pattern = self.config.words("block_pattern")
        block = self.config.content.get("block")
        if isinstance(block, dict) and ("sequence_mixer" in block or "attention" in block):
            return ["block"]
        if not pattern:
            raise InputError("E0521", "the config has no block_pattern")
        return pattern

    def _sections(self, order: list[str]) -> dict[str, ForeignConfig]:
        """Return the settings of every block that a layer uses, in the order of first use."""
        block = self.config.section("block")
        if block is None:
            raise InputError("E0521", "the config has no block")
        if order[0] == "block" and "block" not in block.content:
            return {"block": block}
        found = {key: block.section(key) for key in dict.fromkeys(order)}
        missing = [key for key, section in found.items() if section is None]
        if missing:
            raise InputError("E0521", f"the config has no block {missing[0]}")
        return {key: section for key, section in found.items() if section is not None}

    def _block(self, block: ForeignConfig) -> tuple[Attention, MLP]:
        block.without_effect(("_CLASS_",))
        moved = block.content.get("name") in ("reordered_norm", "default_scaled")
        block.only("name", ["default"], "norms in another place or form", costs=not moved)
        block.only("dropout", [0], "dropout", costs=False)
        for key in ("attention_residual_alpha", "feed_forward_residual_alpha"):
            block.only(key, [1], "a scaled residual", costs=False)
        block.only("feed_forward_moe", [], "a mixture of experts")
        self._norm(block, "layer_norm")
        mixer = block.section("sequence_mixer") or block.section("attention")
        feed_forward = block.section("feed_forward")
        if feed_forward is None and block.content.get("feed_forward_moe"):  # refused above
            feed_forward = ForeignConfig({"hidden_size": 1, "bias": False})
        if mixer is None or feed_forward is None:
            missing = "sequence_mixer" if mixer is None else "feed_forward"
            raise InputError("E0521", f"the config has no {block.path}{missing}")
        read = self._attention(mixer), self._feed_forward(feed_forward)
        block.close()
        return read

    def _attention(self, mixer: ForeignConfig) -> Attention:
        class_name = str(mixer.content.get("_CLASS_", "AttentionConfig")).rpartition(".")[2]
        registered = mixer.content.get("type", ATTENTION)
        if class_name != "AttentionConfig" or registered != ATTENTION:
            key = "_CLASS_" if "_CLASS_" in mixer.content else "type"
            mixer.refuse(key, f"{class_name if key == '_CLASS_' else registered}, not attention")
            return Attention(heads=1).resolve(self.width)
        mixer.without_effect(
            ("_CLASS_", "type", "dtype", "use_flash", "backend", "use_head_qk_norm",
             "qk_norm_per_head_gains", "use_recompute_qkv_prep", "mxfp8_projections",
             "mxfp8_qkv_projection", "mxfp8_out_projection", "mxfp8_save_qkv_for_backward")
        )  # fmt: skip
        mixer.only("name", ["default", "fused", "fused_v2"], "another kind of attention")
        self._without_bias(mixer)
        mixer.only("gate", [], "gated attention")
        mixer.only("qk_norm", [], "normalized queries and keys")
        mixer.only("clip_qkv", [], "clipped queries, keys and values", costs=False)
        mixer.only("dropout", [0], "dropout", costs=False)
        mixer.only("sliding_window", [], "a sliding window")
        mixer.only("scalable_softmax", [False], "a scaled softmax")
        mixer.only("attention_sinks", [False], "attention sinks")
        heads = mixer.integer("n_heads", default=16)
        attention = mixer.block(
            Attention,
            {"heads": "n_heads", "kv_heads": "n_kv_heads", "head_dim": "head_dim"},
            self.width,
            heads=heads,
            kv_heads=mixer.integer("n_kv_heads", default=heads),
            head_dim=mixer.take("head_dim"),
            rope=_rope(mixer.section("rope")),
        )
        mixer.close()
        return attention

    def _feed_forward(self, config: ForeignConfig) -> MLP:
        config.without_effect(("_CLASS_", "dtype"))
        config.only("name", ["default"], "another kind of feed-forward layer")
        config.only("activation", ["silu"], "a gate other than swiglu", costs=False)
        self._without_bias(config)
        hidden = config.integer("hidden_size")
        keys = {"hidden": "hidden_size"}
        mlp = config.block(MLP, keys, self.width, hidden=hidden, activation="swiglu")
        config.close()
        return mlp

    def _norm(self, owner: ForeignConfig, key: str) -> None:
        norm = owner.section(key)
        if norm is None:
            owner.refuse(key, "no norm")
            return
        norm.without_effect(("_CLASS_", "dtype", "full_precision"))
        if norm.word("name", default="default") not in ("rms", "fused_rms", "cute_rms"):
            norm.refuse("name", "a norm other than RMSNorm")
        norm.only("elementwise_affine", [True], "a norm without gains")
        self._without_bias(norm)
        self.epsilons.add(norm.number("eps", default=1e-5))
        norm.close()

    def _without_bias(self, config: ForeignConfig) -> None:
        """Refuse biases; OLMo-core adds them where nothing is said."""
        if config.flag("bias", default=True):
            config.refuse("bias", "biases, which OLMo-core adds unless this is false")


def _rope(config: ForeignConfig | None) -> float | None:
    """Return the rotary base; None for no positions."""
    if config is None:
        return None
    config.without_effect(("_CLASS_", "full_precision"))
    config.only("name", ["default", "fused"], "another kind of rotary positions", costs=False)
    config.only("scaling", [], "scaled rotary positions", costs=False)
    config.only("partial_rotary_factor", [1], "partial rotary positions", costs=False)
    theta = config.number("theta", default=500_000)
    # Without a sliding window every layer is global, so this switches rotary positions off.
    off = config.flag("no_global_rope", default=False)
    config.close()
    return None if off else theta


def _names(key: str) -> tuple[str, str]:
    """Return names for the attention and the mlp of a block; `to_olmo` joins them by a plus."""
    first, plus, second = key.partition("+")
    return (first, second) if plus else (f"{key}_A", f"{key}_M")
