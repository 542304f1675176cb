"""Megatron-LM's arguments, or a layer pattern alone -> architecture.

Values are those of the text; where it names none, Megatron-LM's default is taken, and said in a
note if it differs from what the language can express (a script may set it elsewhere).
"""

import re
import shlex
from typing import Any

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.interop.families.megatron import ACTIVATIONS
from aira_dsl.interop.families.megatron_pattern import pattern_kinds, with_dimensions_of
from aira_dsl.interop.foreign_config import ForeignConfig, read_config
from aira_dsl.primitives import MLP, Attention, Mamba2

_PATTERNS = ("--hybrid-layer-pattern", "--hybrid-override-pattern")
_WITHOUT_EFFECT = (
    "--spec", "--use-mcore-models", "--transformer-impl", "--is-hybrid-model",
    # Training, precision and parallelism.
    "--micro-batch-size", "--global-batch-size", "--train-iters", "--train-samples", "--lr",
    "--min-lr", "--lr-decay-style", "--lr-decay-iters", "--lr-decay-samples", "--lr-warmup-iters",
    "--lr-warmup-samples", "--lr-warmup-fraction", "--lr-wsd-decay-style", "--weight-decay",
    "--clip-grad", "--adam-beta1", "--adam-beta2", "--adam-eps", "--optimizer", "--seed",
    "--init-method-std", "--bf16", "--fp16", "--fp8-format", "--fp8-recipe", "--use-flash-attn",
    "--attention-backend", "--no-gradient-accumulation-fusion", "--no-masked-softmax-fusion",
    "--no-bias-swiglu-fusion", "--no-rope-fusion", "--no-persist-layer-norm",
    "--attention-softmax-in-fp32", "--tensor-model-parallel-size",
    "--pipeline-model-parallel-size", "--context-parallel-size", "--sequence-parallel",
    "--use-distributed-optimizer", "--overlap-grad-reduce", "--overlap-param-gather",
    "--recompute-activations", "--recompute-granularity", "--recompute-method",
    "--recompute-num-layers", "--distributed-backend", "--manual-gc", "--num-workers",
    # Data, checkpoints and logs.
    "--data-path", "--data-cache-path", "--split", "--tokenizer-type", "--tokenizer-model",
    "--vocab-file", "--merge-file", "--mock-data", "--save", "--load", "--save-interval",
    "--eval-interval", "--eval-iters", "--log-interval", "--log-throughput", "--log-progress",
    "--log-params-norm", "--log-num-zeros-in-grad", "--timing-log-level", "--tensorboard-dir",
    "--wandb-project", "--wandb-exp-name", "--ckpt-format", "--dist-ckpt-format",
    "--no-load-optim", "--no-load-rng", "--finetune", "--exit-duration-in-mins",
    "--distributed-timeout-minutes", "--no-create-attention-mask-in-dataloader",
)  # fmt: skip


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
    kinds = pattern_kinds(_pattern(config))
    if like is None and len(config.content) == 1:
        blocks = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}
        like = SpaceDefinition(blocks=blocks, slots=len(kinds))
        config.account.notes.append("dimensions of the paper's small scale are assumed")
    if like is not None:
        if len(config.content) > 1:
            message = "arguments have their own dimensions; --like goes with a pattern alone"
            raise UsageError("E0523", message)
        return with_dimensions_of(like, kinds, name)
    return _Arguments(config).architecture(kinds, name)


class _Arguments:
    """Reads dimensions from arguments."""

    def __init__(self, config: ForeignConfig) -> None:
        self.config = config
        self.width = config.integer("--hidden-size")

    def architecture(self, kinds: list[str], name: str) -> Architecture:
        config = self.config
        readers = {"attention": self._attention, "mlp": self._mlp, "mamba2": self._mamba}
        names = {"attention": "A", "mlp": "M", "mamba2": "Mb"}
        blocks = {names[kind]: read() for kind, read in readers.items() if kind in kinds}
        config.without_effect(_WITHOUT_EFFECT)
        for kind in readers.keys() - set(kinds):
            config.without_effect(_FLAGS_OF[kind])
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
        )

    def _model_settings(self) -> None:
        """Check settings that the language has no word for; Megatron's defaults get a note."""
        config = self.config
        self._expect("--normalization", "RMSNorm", "LayerNorm")
        self._expect("--disable-bias-linear", True, "linear layers with biases")
        config.only("--attention-dropout", [0], "dropout", costs=False)
        config.only("--hidden-dropout", [0], "dropout", costs=False)
        config.only("--add-qkv-bias", [], "biases")
        config.only("--qk-layernorm", [], "normalized queries and keys")
        config.only("--window-size", [], "a sliding window")
        config.only("--num-layers", [None], "the pattern has the number of layers")
        for flag in ("--hybrid-attention-ratio", "--hybrid-mlp-ratio"):
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
        config.only("--rotary-percent", [1], "partial rotary positions", costs=False)
        config.only("--use-rope-scaling", [], "scaled rotary positions", costs=False)
        return config.block(
            Attention,
            {"heads": "--num-attention-heads", "kv_heads": "--num-query-groups",
             "head_dim": "--kv-channels"},
            self.width,
            heads=heads,
            kv_heads=groups if grouped else heads,
            head_dim=config.take("--kv-channels"),
            rope=rope,
        )  # fmt: skip

    def _mlp(self) -> MLP:
        config = self.config
        flags = {name: flag for name, flag in ACTIVATIONS.items() if flag and config.take(flag)}
        if len(flags) > 1:
            raise InputError("E0520", f"{' and '.join(flags.values())} exclude each other")
        keys = {"hidden": "--ffn-hidden-size"}
        hidden = config.integer("--ffn-hidden-size", default=4 * self.width)
        return config.block(
            MLP, keys, self.width, hidden=hidden, activation=next(iter(flags), "gelu")
        )

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


_FLAGS_OF = {
    "attention": (
        "--num-attention-heads", "--group-query-attention", "--num-query-groups", "--kv-channels",
        "--rotary-base", "--position-embedding-type", "--use-rotary-position-embeddings",
        "--rotary-percent", "--use-rope-scaling",
    ),
    "mlp": ("--ffn-hidden-size", "--swiglu", "--squared-relu"),
    "mamba2": (
        "--mamba-num-heads", "--mamba-head-dim", "--mamba-state-dim", "--mamba-num-groups",
    ),
}  # fmt: skip
"""Arguments without effect where no layer is of the kind."""


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
