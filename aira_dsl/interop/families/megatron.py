"""Architecture <-> Megatron-LM's hybrid layer pattern: `M` Mamba-2, `*` attention, `-` MLP.

The pattern has no repeats and no settings for single layers, so a kind has one set of dimensions;
those are arguments of their own. Flags as Megatron-LM's own example scripts write them.
"""

from aira_dsl.architecture import MAX_LAYERS, Architecture, SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.interop.refusal import only_of_kind, refuse
from aira_dsl.primitives import MLP, Attention, Mamba2

SYMBOLS = {"mamba2": "M", "attention": "*", "mlp": "-"}
_ACTIVATIONS = {"swiglu": ["--swiglu"], "relu2": ["--squared-relu"], "gelu": []}
_OTHER = {
    "|": "marks a pipeline stage",
    "/": "begins multi-token prediction",
    "G": "is a gated delta net",
    "E": "is a mixture of experts",
    "D": "is sparse attention",
    "+": "is latent attention",
}


def to_megatron(architecture: Architecture) -> str:
    """Return the arguments of Megatron-LM for an architecture, one a line.

    Raises:
        InputError: E0510, Megatron's hybrid models can not express it.
    """
    reasons: list[str] = []
    attention = only_of_kind(architecture, "attention", reasons)
    mlp = only_of_kind(architecture, "mlp", reasons)
    mamba = only_of_kind(architecture, "mamba2", reasons)
    if isinstance(mlp, MLP) and mlp.activation not in _ACTIVATIONS:
        reasons.append(f"its mlp uses {mlp.activation}, for which there is no flag")
    if isinstance(mamba, Mamba2) and mamba.conv != 4:
        reasons.append(f"its mamba2 convolves over {mamba.conv} tokens, and 4 is fixed there")
    if isinstance(attention, Attention) and attention.rope and not attention.rope.is_integer():
        reasons.append(f"its rotary base {attention.rope} is not whole")
    refuse("Megatron-LM", architecture, reasons, "use --emit python or hf")
    pattern = "".join(SYMBOLS[architecture.blocks[name].kind] for name in architecture.layers)
    lines = [
        f'--hybrid-layer-pattern "{pattern}"',
        "--spec megatron.core.models.hybrid.hybrid_layer_specs hybrid_stack_spec",
        f"--hidden-size {architecture.width}",
        f"--seq-length {architecture.context}",
        f"--max-position-embeddings {architecture.context}",
        "--normalization RMSNorm",
        f"--norm-epsilon {architecture.norm_eps!r}",
        "--disable-bias-linear",
        "--attention-dropout 0.0",
        "--hidden-dropout 0.0",
    ]
    lines += [] if architecture.tie_embeddings else ["--untie-embeddings-and-output-weights"]
    lines += _attention(attention) if isinstance(attention, Attention) else _no_attention()
    if isinstance(mlp, MLP):
        lines += [f"--ffn-hidden-size {mlp.hidden}", *_ACTIVATIONS[mlp.activation]]
    if isinstance(mamba, Mamba2):
        lines += [
            f"--mamba-num-heads {mamba.heads}",
            f"--mamba-head-dim {mamba.head_dim}",
            f"--mamba-state-dim {mamba.state}",
            f"--mamba-num-groups {mamba.groups}",
        ]
    return "".join(f"{line}\n" for line in lines)


def from_megatron(
    pattern: str, *, like: Architecture | SpaceDefinition | None = None, name: str = "model"
) -> Architecture:
    """Read a hybrid layer pattern.

    Args:
        pattern: such as `M-M*-`; quotes around it and spaces are ignored.
        like: whose dimensions and blocks to use, one of each kind in the pattern; None for the
            paper's small scale.
        name: of the architecture.

    Raises:
        InputError: E0520, a symbol that stands for something we do not have; E0522, no block of a
            kind in `like`, or several.
    """
    symbols = pattern.strip().strip("\"'").replace(" ", "")
    kinds = {symbol: kind for kind, symbol in SYMBOLS.items()}
    for column, symbol in enumerate(symbols, 1):
        if symbol not in kinds:
            meaning = _OTHER.get(symbol, "means nothing in it")
            raise InputError(
                "E0520",
                f"character {column} of the pattern, {symbol!r}, {meaning}",
                help="M (Mamba-2), * (attention) and - (MLP) can be read",
            )
    if not 1 <= len(symbols) <= MAX_LAYERS:
        message = f"the pattern has {len(symbols):,} layers, not 1 to {MAX_LAYERS:,}"
        raise InputError("E0520", message)
    if like is None:
        like = SpaceDefinition(
            blocks={"A": Attention(), "M": MLP(), "Mb": Mamba2()}, slots=len(symbols)
        )
    names = {kind: _block_of(like, kind) for kind in {kinds[s] for s in symbols}}
    layers = tuple(names[kinds[symbol]] for symbol in symbols)
    shared = like.model_dump(include={"width", "vocab", "context", "tie_embeddings", "norm_eps"})
    blocks = {key: block for key, block in like.blocks.items() if key in layers}
    return Architecture(name=name, **shared, blocks=blocks, layers=layers)


def _block_of(like: Architecture | SpaceDefinition, kind: str) -> str:
    names = [name for name, block in like.blocks.items() if block.kind == kind]
    if len(names) != 1:
        found = f"several {kind} blocks ({', '.join(names)})" if names else f"no {kind} block"
        message = f"{like.name} has {found}, and the pattern needs one"
        raise InputError("E0522", message, help="give a file with one block of each kind")
    return names[0]


def _attention(block: Attention) -> list[str]:
    lines = [f"--num-attention-heads {block.heads}"]
    if block.kv_heads != block.heads:
        lines += ["--group-query-attention", f"--num-query-groups {block.kv_heads}"]
    lines.append(f"--kv-channels {block.head_dim}")
    if block.rope is None:
        return [*lines, "--position-embedding-type none"]
    return [*lines, "--position-embedding-type rope", f"--rotary-base {block.rope:.0f}"]


def _no_attention() -> list[str]:
    return ["--num-attention-heads 1", "--position-embedding-type none"]
