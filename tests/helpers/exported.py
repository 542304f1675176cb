"""Exported code of a block, run beside the model."""

from types import ModuleType

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.interop.standalone.python import to_python
from aira_dsl.models import build
from aira_dsl.primitives import Primitive


def assert_exported_code_agrees(block: Primitive, width: int = 24, length: int = 70) -> None:
    """Check that a file of `--emit python` computes the model of a block, whole and in pieces."""
    architecture = Architecture(
        name="x", width=width, vocab=11, blocks={"X": block}, layers=("X", "X")
    )
    exported = ModuleType("exported")
    exec(compile(to_python(architecture), "exported.py", "exec"), exported.__dict__)
    ours, theirs = build(architecture), exported.Model()
    theirs.load_state_dict(ours.state_dict())
    tokens = torch.randint(11, (2, length), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = ours(tokens)
        torch.testing.assert_close(theirs(tokens), expected, atol=1e-5, rtol=1e-4)
        caches = theirs.new_caches()
        pieces = [
            theirs(piece, caches)
            for piece in tokens.split([length // 2, 1, length - 1 - length // 2], 1)
        ]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-4)
