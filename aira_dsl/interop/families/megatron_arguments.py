"""Megatron-LM's arguments, or a layer pattern alone -> architecture.

Values are those of the text; where it names none, Megatron-LM's default is taken, and said in a
note if it differs from what the language can express (a script may set it elsewhere).
"""

import re
import shlex
from typing import Any

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop.decoders.latent import one_module
from aira_dsl.interop.families.megatron_blocks import (
    ACTIVATIONS,
    ADDED,
    added_in_groups,
    weights_are_megatrons,
)
from aira_dsl.interop.families.megatron_flags import FLAGS_OF, WITHOUT_EFFECT
from aira_dsl.interop.families.megatron_pattern import pattern_kinds, with_dimensions_of
from aira_dsl.interop.foreign_config import ForeignConfig, read_config
from aira_dsl.primitives import MLA, MLP, Attention, Mamba2, MoE, Primitive
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet

_SMALL: dict[str, Primitive] = {
    "A": Attention(), "M": MLP(), "Mb": Mamba2(), "E": MoE(), "G": GatedDeltaNet(), "L": MLA(),
}  # fmt: skip
"""Blocks of the paper's small scale."""

_PATTERNS = ("--hybrid-layer-pattern", "--hybrid-override-pattern")


def from_megatron(
    text: str, *, like: Architecture | SpaceDefinition | None = None, name: str = "model"
) -> Architecture:
    """Read a hybrid layer pattern, or arguments with one among them.

    Args:
        text: such as `M-M*-`, or `--hybrid-layer-pattern M-M*- --hidden-size 4096 …`. `|` marks
            pipeline stages and is ignored, as are `[ ]` and the backslashes and quotes of a shell.
        like: whose dimensions and blocks to use, one of each kind in the pattern; None for those of
            the arguments, or of the paper's small scale for a pattern alone.
        name: of the architecture.

    Raises:
        InputError: E0520, a symbol or an argument that the language cannot express; E0521, no
            pattern among the arguments; E0522, no block of a kind in `like`, or several.
        UsageError: E0523, `like` beside arguments.
    """
    return read_config(arguments(text), lambda config: read_megatron(config, name, like=like))


def arguments(text: str) -> dict[str, Any]:
    """Return the arguments of a text by flag: numbers, texts, or True for a flag alone.

    A text without flags is a pattern.

    Raises:
        InputError: E0520, the quotes of the text do not match.
    """
    if not is_arguments(text):
        return {_PATTERNS[0]: text}
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise InputError("E0520", f"the arguments cannot be read: {error}") from None
    found: dict[str, Any] = {}
    flag = ""
    for word in words:
        if word.startswith("--") and not set(word) <= set("-M*|/"):
            flag, equals, value = word.partition("=")
            found[flag] = _value(value) if equals else True
        elif flag:
            found[flag] = _value(word) if found[flag] is True else f"{found[flag]} {word}"
    return found


def is_arguments(text: str) -> bool:
    """Tell arguments from a pattern: they have a flag."""
    return re.search(r"--[a-z]", text) is not None


def read_megatron(
    config: ForeignConfig, name: str, *, like: Architecture | SpaceDefinition | None = None
) -> Architecture:
    """Read the arguments of Megatron-LM by their flags."""
    kinds, modules = pattern_kinds(_pattern(config))
    mtp = modules[0] if modules else []
    if len(modules) > 1:
        config.account.notes.append(one_module(len(modules)))
    if like is None and len(config.content) == 1:
        like = SpaceDefinition(blocks=_SMALL, slots=len(kinds))
        config.account.notes.append("dimensions of the paper's small scale are assumed")
    if like is not None:
        if len(config.content) > 1:
            message = "arguments have their own dimensions; --like goes with a pattern alone"
            raise UsageError("E0523", message)
        return with_dimensions_of(like, kinds, mtp, name)
    return _Arguments(config).architecture(kinds, mtp, name)


class _Arguments:
    """Reads dimensions from arguments."""

    def __init__(self, config: ForeignConfig) -> None:
        self.config = config
        self.width = config.integer("--hidden-size")

    def architecture(self, kinds: list[str], mtp: list[str], name: str) -> Architecture:
        config, used = self.config, {*kinds, *mtp}
        readers = {
            "attention": self._attention,
            "mlp": self._mlp,
            "mamba2": self._mamba,
            "moe": self._experts,
            "gated_delta_net": self._delta_net,
        }
        names = {"attention": "A", "mlp": "M", "mamba2": "Mb", "moe": "E", "gated_delta_net": "G"}
        if used - readers.keys():
            message = "latent attention (`+`) of these arguments has no norms of its latents"
            raise InputError("E0520", message, help="give the pattern alone, with --like FILE")
        blocks = {names[kind]: read() for kind, read in readers.items() if kind in used}
        config.without_effect(WITHOUT_EFFECT)
        for kind in readers.keys() - used:
            config.without_effect(FLAGS_OF[kind])
        self._model_settings()
        untied = config.flag("--untie-embeddings-and-output-weights", default=False)
        return config.build(
            Architecture,
            {"width": "--hidden-size", "norm_eps": "--norm-epsilon"},
            name=name,
            width=self.width,
            vocab=self._vocab(),
            context=self._context(),
            tie_embeddings=not untied,
            norm_eps=config.number("--norm-epsilon", "--layernorm-epsilon", default=1e-5),
            blocks=blocks,
            layers=tuple(names[kind] for kind in kinds),
            mtp=tuple(names[kind] for kind in mtp),
        )

    def _model_settings(self) -> None:
        """Check settings that the language has no word for; Megatron's defaults get a note."""
        config = self.config
        self._expect("--normalization", "RMSNorm", "LayerNorm")
        self._expect("--disable-bias-linear", True, "linear layers with biases")
        config.only("--attention-dropout", [0], "dropout", costs=False)
        config.only("--hidden-dropout", [0], "dropout", costs=False)
        config.only("--qk-layernorm", [], "normalized queries and keys")
        config.only("--window-size", [], "a sliding window")
        config.only("--experimental-attention-variant", ["gated_delta_net"], "another attention")
        config.only("--num-layers", [None], "the pattern has the number of layers")
        ratios = ("--hybrid-attention-ratio", "--hybrid-mlp-ratio", "--linear-attention-freq")
        for flag in (*ratios, "--moe-layer-freq"):
            config.only(flag, [0], "the pattern has the layers")

    def _expect(self, flag: str, wanted: Any, otherwise: str) -> None:
        if flag in self.config.content:
            self.config.only(flag, [wanted], otherwise)
        else:
            said = flag if wanted is True else f"{flag} {wanted}"
            self.config.account.notes.append(f"{said} is assumed: without it there is {otherwise}")

    def _vocab(self) -> int:
        config = self.config
        multiple = config.integer("--make-vocab-size-divisible-by", default=128)
        padded = config.take("--padded-vocab-size")
        vocab = config.take("--vocab-size")
        if isinstance(padded, int):
            return padded
        if not isinstance(vocab, int):
            config.account.notes.append("vocab 256 is assumed: there is no --vocab-size")
            return 256
        return -(-vocab // max(multiple, 1)) * multiple

    def _context(self) -> int:
        config = self.config
        length = config.integer("--seq-length", "--max-position-embeddings", default=0)
        if not length:
            config.account.notes.append("context 256 is assumed: there is no --seq-length")
        return min(length or 256, 1 << 24)

    def _attention(self) -> Attention:
        config = self.config
        heads = config.integer("--num-attention-heads")
        grouped = config.flag("--group-query-attention", default=False)
        groups = config.integer("--num-query-groups", default=1)
        rope: float | None = config.number("--rotary-base", default=10_000)
        positions = config.word("--position-embedding-type", default="learned_absolute")
        if config.take("--use-rotary-position-embeddings"):
            positions = "rope"
        if positions == "none":
            rope = None
        elif positions != "rope":
            config.refuse("--position-embedding-type", "positions other than rope and none")
        config.only("--use-rope-scaling", [], "scaled rotary positions", costs=False)
        return config.block(
            Attention,
            {"heads": "--num-attention-heads", "kv_heads": "--num-query-groups",
             "head_dim": "--kv-channels", "rotary": "--rotary-percent"},
            self.width,
            heads=heads,
            kv_heads=groups if grouped else heads,
            head_dim=config.take("--kv-channels"),
            rope=rope,
            rotary=config.number("--rotary-percent", default=1.0),
            bias="qkv" if config.flag("--add-qkv-bias", default=False) else None,
            gate="element" if config.flag("--attention-output-gate", default=False) else None,
        )  # fmt: skip

    def _mlp(self) -> MLP:
        config = self.config
        keys = {"hidden": "--ffn-hidden-size"}
        hidden = config.integer("--ffn-hidden-size", default=4 * self.width)
        return config.block(MLP, keys, self.width, hidden=hidden, activation=self._activation())

    def _activation(self) -> str:
        config = self.config
        flags = {name: flag for name, flag in ACTIVATIONS.items() if flag and config.take(flag)}
        if len(flags) > 1:
            raise InputError("E0520", f"{' and '.join(flags.values())} exclude each other")
        return next(iter(flags), "gelu")

    def _experts(self) -> MoE:
        """Read experts; softmax over the chosen logits is softmax over all that is renormalized."""
        config = self.config
        hidden = config.integer("--ffn-hidden-size", default=4 * self.width)
        top = config.integer("--moe-router-topk", default=2)
        before = config.flag("--moe-router-pre-softmax", default=False)
        score = config.word("--moe-router-score-function", default="softmax")
        if score not in ADDED:
            config.refuse("--moe-router-score-function", "another router")
        block = config.block(
            MoE,
            {"experts": "--num-experts", "top": "--moe-router-topk"},
            self.width,
            experts=config.integer("--num-experts"),
            top=top,
            hidden=config.integer("--moe-ffn-hidden-size", default=hidden),
            activation=self._activation(),
            router=score if score in ADDED else "softmax",
            renormalize=top > 1 if score == "sigmoid" else not before,
            scale=config.number("--moe-router-topk-scaling-factor", default=1.0),
            groups=config.optional("--moe-router-num-groups"),
            top_groups=config.optional("--moe-router-group-topk"),
            correction_bias=config.flag("--moe-router-enable-expert-bias", default=False),
            shared=config.optional("--moe-shared-expert-intermediate-size"),
            shared_gate=config.flag("--moe-shared-expert-gate", default=False),
            latent=config.optional("--moe-latent-size"),
        )
        if not weights_are_megatrons(block):
            config.refuse("--moe-router-topk", "one expert needs --moe-router-pre-softmax")
        if (added := added_in_groups(block)) not in (None, ADDED[block.router]):
            why = f"groups are chosen by the sum of {added} scores"
            config.refuse("--moe-router-group-topk", why, costs=False)
        return block

    def _delta_net(self) -> GatedDeltaNet:
        config = self.config
        keys = {
            "key_heads": "--linear-num-key-heads",
            "value_heads": "--linear-num-value-heads",
            "key_dim": "--linear-key-head-dim",
            "value_dim": "--linear-value-head-dim",
            "conv": "--linear-conv-kernel-dim",
        }
        sizes = {name: config.integer(key) for name, key in keys.items()}
        return config.block(GatedDeltaNet, keys, self.width, **sizes)

    def _mamba(self) -> Mamba2:
        config = self.config
        head_dim = config.integer("--mamba-head-dim", default=64)
        heads = config.integer("--mamba-num-heads", default=max(2 * self.width // head_dim, 1))
        return config.block(
            Mamba2,
            {"inner": "--mamba-num-heads", "state": "--mamba-state-dim",
             "head_dim": "--mamba-head-dim", "groups": "--mamba-num-groups"},
            self.width,
            inner=heads * head_dim,
            state=config.integer("--mamba-state-dim", default=128),
            head_dim=head_dim,
            conv=4,
            groups=config.integer("--mamba-num-groups", default=8),
        )  # fmt: skip


def _pattern(config: ForeignConfig) -> str:
    pattern = config.take(*_PATTERNS)
    if pattern is None or pattern is True:
        message = f"the arguments have no {_PATTERNS[0]}"
        raise InputError("E0521", message, help="give a pattern such as M-M*-")
    return str(pattern)


def _value(word: str) -> Any:
    if re.fullmatch(r"[+-]?\d+", word):
        return int(word)
    try:
        return float(word)
    except ValueError:
        return word
