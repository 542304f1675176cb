"""Native classes of transformers load what `--emit` writes for them: logits are ours."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch

from aira_dsl.architecture import Architecture
from aira_dsl.interop.exported import is_exported, load_exported
from aira_dsl.interop.importers import read_content
from aira_dsl.interop.native.family import NativeFamily
from aira_dsl.interop.native.folder import export_native
from aira_dsl.interop.native.registry import NATIVE
from aira_dsl.interop.weights import load_checkpoint
from aira_dsl.interop.weights.families import FAMILIES
from aira_dsl.interop.weights.plan import DERIVED
from aira_dsl.models.model import LanguageModel
from tests.interop.models import decode, trained
from tests.interop.native.changes import changed
from tests.interop.weights.tiny import VOCAB, settings, write_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own


def test_every_family_with_weights_has_a_form() -> None:
    assert {family.model_type for family in NATIVE.values()} == FAMILIES.keys()


@pytest.mark.parametrize("name", NATIVE)
def test_logits_are_those_of_the_compiled_model(name: str, tmp_path: Path) -> None:
    family = NATIVE[name]
    write_checkpoint(family.model_type, tmp_path / "theirs")
    ours = load_checkpoint(tmp_path / "theirs")
    compare(ours, family, tmp_path / "out")
    tokens = torch.arange(20)[None]
    assert is_exported(tmp_path / "out")
    with torch.no_grad():
        torch.testing.assert_close(load_exported(tmp_path / "out")(tokens), ours(tokens))


@pytest.mark.slow
@pytest.mark.parametrize("name", NATIVE)
def test_changes_are_refused_or_have_the_logits_of_the_class(name: str, tmp_path: Path) -> None:
    """An option that the class does not know is never dropped in silence."""
    family = NATIVE[name]
    drawn = list(islice(changed(tiny(family), seed=0), 100))
    expressible = [each for each in drawn if not family.unsupported(each)]
    assert len(expressible) > 10
    for number, architecture in enumerate(expressible[:20]):
        compare(trained(architecture), family, tmp_path / str(number))


def tiny(family: NativeFamily) -> Architecture:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[family.model_type](**settings(family.model_type))
    return read_content(json.loads(config.to_json_string())).architecture


def compare(ours: LanguageModel, family: NativeFamily, out: Path) -> None:
    """Export a model, load it with the family's class, and compare logits."""
    from transformers import AutoModelForCausalLM

    export_native(ours, family, out)
    theirs, info = AutoModelForCausalLM.from_pretrained(
        out, output_loading_info=True, attn_implementation="eager"
    )
    assert all(map(DERIVED.search, info["missing_keys"]))
    assert not any(info[key] for key in ("unexpected_keys", "mismatched_keys"))
    assert type(theirs).__name__ == f"{family.name}ForCausalLM"
    vocab = min(VOCAB, ours.architecture.vocab)
    tokens = torch.randint(vocab, (2, 23), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = ours(tokens)
        found = theirs.eval()(tokens, use_cache=False).logits
    what = f"{family.name}\n{ours.architecture!r}"
    torch.testing.assert_close(
        found, expected, atol=1e-5, rtol=1e-5, msg=lambda text: f"{text}\n{what}"
    )


@pytest.mark.parametrize("name", ["llama", "jamba", "qwen3_next", "kimi_linear", "lfm2", "mamba2"])
def test_generation_has_the_tokens_of_our_decoding(name: str, tmp_path: Path) -> None:
    """With all layers, and without attention, for which classes that have it lack a cache."""
    from transformers import AutoModelForCausalLM

    family = NATIVE[name]
    full = tiny(family)
    first, second, *_ = full.layers
    for number, layers in enumerate((full.layers, (first, second, first, second))):
        ours = trained(full.replace(layers=layers))
        export_native(ours, family, tmp_path / str(number))
        theirs = AutoModelForCausalLM.from_pretrained(tmp_path / str(number)).eval()
        tokens = torch.randint(VOCAB, (2, 15), generator=torch.Generator().manual_seed(1))
        found = theirs.generate(tokens, max_new_tokens=8, do_sample=False)
        assert torch.equal(found, decode(ours, tokens, 8))
