"""Random architectures for hypothesis: every primitive, every option, small sizes."""

from hypothesis import strategies as st

from aira_dsl.architecture import Architecture
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.registry import Block


@st.composite
def attentions(draw: st.DrawFn) -> Attention:
    kv_heads = draw(st.integers(1, 3))
    return Attention(
        heads=kv_heads * draw(st.integers(1, 3)),
        kv_heads=kv_heads,
        head_dim=2 * draw(st.integers(1, 5)),
        rope=draw(st.sampled_from([None, 10_000.0, 123.4])),
    )


def mlps() -> st.SearchStrategy[MLP]:
    activations = st.sampled_from(["swiglu", "relu", "relu2", "gelu"])
    return st.builds(MLP, hidden=st.integers(1, 40), activation=activations)


@st.composite
def mamba2s(draw: st.DrawFn) -> Mamba2:
    groups, head_dim = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    return Mamba2(
        inner=groups * head_dim * draw(st.integers(1, 3)),
        state=draw(st.integers(1, 20)),
        head_dim=head_dim,
        conv=draw(st.integers(1, 5)),
        groups=groups,
    )


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    block: st.SearchStrategy[Block] = st.one_of(attentions(), mlps(), mamba2s())
    norms = st.sampled_from(["pre", "post", "sandwich", "stream", None])
    placed = st.builds(lambda each, norm: each.model_copy(update={"norm": norm}), block, norms)
    blocks = draw(st.dictionaries(st.sampled_from("ABCD"), placed, min_size=1))
    return Architecture(
        name=draw(st.sampled_from(["model", "other"])),
        width=draw(st.integers(1, 24)),
        vocab=draw(st.integers(1, 50)),
        context=draw(st.integers(1, 64)),
        tie_embeddings=draw(st.booleans()),
        norm_eps=draw(st.sampled_from([1e-5, 1e-3])),
        norm_kind=draw(st.sampled_from(["rms", "layer", "layer_no_bias"])),
        blocks=blocks,
        layers=tuple(draw(st.lists(st.sampled_from(sorted(blocks)), min_size=1, max_size=6))),
    )
