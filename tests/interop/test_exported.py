"""Exported folders, read back into our own model."""

import pytest

from aira_dsl.errors import InputError
from aira_dsl.interop.exported import is_exported, load_exported
from aira_dsl.interop.families.nemotron_h import export_nemotron_h
from aira_dsl.interop.huggingface import export_hugging_face
from tests.interop.models import random_architecture, trained


@pytest.mark.parametrize(
    ("export", "native", "tied"),
    [
        (export_hugging_face, False, False),
        (export_hugging_face, False, True),
        (export_nemotron_h, True, False),
    ],
)
def test_the_model_comes_back(export, native, tied, tmp_path):
    architecture = random_architecture(3, native=native).replace(tie_embeddings=tied)
    ours = trained(architecture, 3)
    export(ours, tmp_path / "out")
    assert is_exported(tmp_path / "out")
    again = load_exported(tmp_path / "out")
    assert again.architecture.fingerprint == architecture.fingerprint
    assert (again.head.weight is again.embedding.weight) == tied
    expected, found = ours.state_dict(), again.state_dict()
    assert expected.keys() == found.keys()
    assert all(found[name].equal(tensor) for name, tensor in expected.items())


def test_weights_of_another_architecture_are_refused(tmp_path):
    for seed in (1, 2):
        export_hugging_face(trained(random_architecture(seed)), tmp_path / str(seed))
    (tmp_path / "2/model.safetensors").replace(tmp_path / "1/model.safetensors")
    assert not is_exported(tmp_path / "2")
    with pytest.raises(InputError, match="E0506"):
        load_exported(tmp_path / "1")


def test_half_a_file_is_refused(tmp_path):
    export_hugging_face(trained(random_architecture(1)), tmp_path / "out")
    weights = tmp_path / "out/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="E0506"):
        load_exported(tmp_path / "out")
