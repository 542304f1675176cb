"""Every combination of options: legal blocks count, compute and export what they say."""

from types import ModuleType
from typing import Any, get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture
from aira_dsl.interop.standalone.python import to_python
from aira_dsl.language import parse, to_text
from aira_dsl.models import build
from aira_dsl.primitives import MLP, MoE, Primitive
from aira_dsl.primitives.mlp.spec import CLAMPED, Activation
from aira_dsl.primitives.moe.spec import WEIGHED_BY_SCORE, Router

ACTIVATIONS = st.sampled_from(get_args(Activation))


def feed_forward(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the parameters that mlp and moe share."""
    activation = draw(ACTIVATIONS)
    clamp = draw(st.sampled_from([None, 0.3])) if activation in CLAMPED else None
    hidden, bias = draw(st.integers(1, 9)), draw(st.booleans())
    return {"activation": activation, "clamp": clamp, "hidden": hidden, "bias": bias}


@st.composite
def mlps(draw: st.DrawFn) -> Primitive:
    return MLP(**feed_forward(draw))


@st.composite
def mixtures(draw: st.DrawFn) -> Primitive:
    router = draw(st.sampled_from(get_args(Router)))
    groups, size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    top_groups = draw(st.integers(1, groups)) if router in WEIGHED_BY_SCORE else groups
    shared = draw(st.sampled_from([None, 5]))
    return MoE(
        experts=groups * size,
        top=draw(st.integers(1, top_groups * size)),
        router=router,
        renormalize=draw(st.booleans()),
        scale=draw(st.sampled_from([1.0, 2.5])),
        groups=groups,
        top_groups=top_groups,
        correction_bias=router in WEIGHED_BY_SCORE and draw(st.booleans()),
        shared=shared,
        shared_gate=shared is not None and draw(st.booleans()),
        latent=draw(st.sampled_from([None, 4])),
        router_bias=draw(st.booleans()),
        **feed_forward(draw),
    )


@settings(max_examples=25, deadline=None)
@given(st.one_of(mixtures(), mlps()))
def test_any_legal_block_is_counted_written_and_exported(block: Primitive) -> None:
    block = block.resolve(8)
    assert block.problems(8) == []
    architecture = Architecture(
        name="x", width=8, vocab=7, context=8, blocks={"X": block}, layers=("X", "X")
    )
    assert parse(to_text(architecture)) == architecture
    ours, exported = build(architecture), ModuleType("exported")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in ours.state_dict().values():
            tensor.normal_(std=0.5, generator=generator)
    for layer in ours.stack:
        count = sum(each.numel() for each in layer.mixer.parameters())
        assert block.parameters(8) == count >= block.active_parameters(8)
    exec(compile(to_python(architecture), "exported.py", "exec"), exported.__dict__)
    theirs = exported.Model()
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.tensor([[1, 2, 3, 4], [6, 5, 0, 1]])
    torch.testing.assert_close(theirs(tokens), ours(tokens), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("text", ["moe { bias true, latent 4, shared 3 }", "mlp { bias true }"])
def test_exported_models_start_as_ours_do(text: str) -> None:
    """Biases are zero, and projections into the stream smaller than those before."""
    architecture = parse(
        f"architecture x {{\n  width 64\n  vocab 7\n  block X = {text}\n  layers 16X\n}}\n"
    )
    exported = ModuleType("exported")
    exec(compile(to_python(architecture), "exported.py", "exec"), exported.__dict__)
    ours, theirs = build(architecture).state_dict(), exported.Model().state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        if tensor.numel() > 500:
            assert theirs[name].std().item() == pytest.approx(tensor.std().item(), rel=0.2), name
        if name.endswith("bias"):
            assert theirs[name].abs().max() == tensor.abs().max() == 0
