"""Folders that transformers loads: our own class for all, the native NemotronH where it can."""

import warnings

import pytest
import torch

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.families.nemotron_h import export_nemotron_h, unsupported
from aira_dsl.interop.huggingface import export_hugging_face
from aira_dsl.interop.importers import read
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.models import decode, prompts, random_architecture, trained, with_overrides

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # transformers' own
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.models.nemotron_h.modeling_nemotron_h import NemotronHForCausalLM

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own
SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 30))]


def load(folder, **options):
    model = AutoModelForCausalLM.from_pretrained(folder, **options)
    return model.eval()


@pytest.mark.parametrize("seed", SEEDS)
def test_own_class_equals_ours(seed, tmp_path):
    ours = trained(with_overrides(random_architecture(seed)), seed)
    export_hugging_face(ours, tmp_path / "hf")
    theirs = load(tmp_path / "hf", trust_remote_code=True)
    tokens = prompts(seed)
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, ours(tokens), atol=1e-5, rtol=1e-5)
    expected = decode(ours, tokens, 12)
    assert torch.equal(theirs.generate(tokens, max_new_tokens=12, do_sample=False), expected)
    uncached = theirs.generate(tokens, max_new_tokens=12, do_sample=False, use_cache=False)
    assert torch.equal(uncached, expected)
    one = theirs.generate(tokens[:1], max_new_tokens=12, do_sample=False)
    assert torch.equal(one, expected[:1])


def test_own_class_saves_and_loads_again(tmp_path):
    ours = trained(random_architecture(1), 1)
    export_hugging_face(ours, tmp_path / "hf")
    load(tmp_path / "hf", trust_remote_code=True).save_pretrained(tmp_path / "again")
    again = load(tmp_path / "again", trust_remote_code=True)
    assert (
        read(str(tmp_path / "again"), "hf").architecture.fingerprint
        == ours.architecture.fingerprint
    )
    tokens = prompts(1)
    with torch.no_grad():
        torch.testing.assert_close(again(tokens).logits, ours(tokens), atol=1e-5, rtol=1e-5)


def test_tied_heads_are_one_tensor(tmp_path):
    architecture = random_architecture(2).replace(tie_embeddings=True)
    ours = trained(architecture, 2)
    export_hugging_face(ours, tmp_path / "hf")
    theirs = load(tmp_path / "hf", trust_remote_code=True)
    assert theirs.head.weight is theirs.embedding.weight
    with torch.no_grad():
        tokens = prompts(2)
        torch.testing.assert_close(theirs(tokens).logits, ours(tokens), atol=1e-5, rtol=1e-5)


def test_own_class_trains_and_samples(tmp_path):
    export_hugging_face(trained(random_architecture(4), 4), tmp_path / "hf")
    theirs = load(tmp_path / "hf", trust_remote_code=True).train()
    tokens = prompts(4)
    out = theirs(tokens, labels=tokens)
    expected = torch.nn.functional.cross_entropy(
        out.logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()
    )
    torch.testing.assert_close(out.loss, expected)
    out.loss.backward()
    assert all(parameter.grad is not None for parameter in theirs.parameters())
    theirs.eval()
    drawn = theirs.generate(tokens, max_new_tokens=4, do_sample=True, top_k=5)
    beams = theirs.generate(tokens, max_new_tokens=4, num_beams=3, do_sample=False)
    assert drawn.shape == beams.shape == (2, 49)


def test_padding_is_refused_not_ignored(tmp_path):
    export_hugging_face(trained(random_architecture(0), 0), tmp_path / "hf")
    theirs = load(tmp_path / "hf", trust_remote_code=True)
    tokens = prompts(0)
    mask = torch.ones_like(tokens)
    mask[0, :3] = 0
    with pytest.raises(ValueError, match="no padding"):
        theirs(tokens, attention_mask=mask)


def test_fresh_weights_of_own_class(tmp_path):
    export_hugging_face(trained(random_architecture(0), 0), tmp_path / "hf")
    config = AutoConfig.from_pretrained(tmp_path / "hf", trust_remote_code=True)
    fresh = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    for name, parameter in fresh.named_parameters():
        assert torch.isfinite(parameter).all(), name
        if "proj" in name or "embedding" in name:
            assert 0 < parameter.std() < 0.05, name


@pytest.mark.parametrize("seed", SEEDS)
def test_native_class_equals_ours(seed, tmp_path):
    ours = trained(random_architecture(seed, native=True), seed)
    export_nemotron_h(ours, tmp_path / "native")
    theirs = load(tmp_path / "native")  # no remote code
    assert isinstance(theirs, NemotronHForCausalLM)
    tokens = prompts(seed)
    with torch.no_grad():
        found = theirs(tokens, use_cache=False).logits
        torch.testing.assert_close(found, ours(tokens), atol=1e-5, rtol=1e-5)
    found = theirs.generate(tokens, max_new_tokens=12, do_sample=False)
    assert torch.equal(found, decode(ours, tokens, 12))


def test_native_refuses_what_it_cannot_express(tmp_path):
    blocks = {
        "A": Attention(heads=2),
        "B": Attention(heads=4, rope=None),
        "M": MLP(activation="swiglu"),
        "S": Mamba2(),
    }
    architecture = Architecture(
        name="odd", blocks=blocks, layers=tuple("ABMS"), tie_embeddings=True
    )
    assert unsupported(architecture) == [
        "its head is tied to the embedding",
        "its attention A has rope 10000.0, where NemotronH has none",
        "its attention B has heads 4, where NemotronH has 2",
        "its attention B has kv_heads 4, where NemotronH has 2",
        "its attention B has head_dim 32, where NemotronH has 64",
        "its mlp has activation swiglu, where NemotronH has relu2",
    ]
    with pytest.raises(InputError, match="NemotronH cannot express odd: its head") as caught:
        export_nemotron_h(trained(architecture), tmp_path / "native")
    assert caught.value.code == "E0510"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("export", [export_hugging_face, export_nemotron_h])
def test_folders_are_written_whole_and_replaced_only_on_demand(export, tmp_path):
    first, second = (trained(random_architecture(seed, native=True), seed) for seed in (0, 1))
    folder = tmp_path / "out"
    assert export(first, folder) == "written"
    assert export(first, folder) == "unchanged"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match="holds another model"):
        export(second, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert export(second, folder, force=True) == "written"
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="is not a folder that aira-dsl exported"):
        export(first, folder, force=True)
    assert (folder / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
