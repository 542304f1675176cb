"""Native classes of transformers load what `--emit` writes for them: logits are ours."""

from pathlib import Path

import pytest
import torch

from aira_dsl.interop.exported import is_exported, load_exported
from aira_dsl.interop.native.folder import export_native
from aira_dsl.interop.native.registry import NATIVE
from aira_dsl.interop.weights import load_checkpoint
from aira_dsl.interop.weights.families import FAMILIES
from tests.interop.weights.tiny import VOCAB, write_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own


def test_every_family_with_weights_has_a_form() -> None:
    assert {family.model_type for family in NATIVE.values()} == FAMILIES.keys()


@pytest.mark.parametrize("name", NATIVE)
def test_logits_are_those_of_the_compiled_model(name: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    family = NATIVE[name]
    write_checkpoint(family.model_type, tmp_path / "theirs")
    ours = load_checkpoint(tmp_path / "theirs")
    export_native(ours, family, tmp_path / "out")
    theirs, info = AutoModelForCausalLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert type(theirs).__name__ == f"{family.name}ForCausalLM"
    tokens = torch.randint(VOCAB, (2, 23), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = ours(tokens)
        found = theirs.eval()(tokens, use_cache=False).logits
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        assert is_exported(tmp_path / "out")
        torch.testing.assert_close(load_exported(tmp_path / "out")(tokens), expected)
