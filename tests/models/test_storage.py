"""The module folder: bit-exact both ways, whole or absent, and every bad one refused by code."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from safetensors.torch import load_file, save_file

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import AiraError, InputError, RunError
from aira_dsl.interop.exporters import EXPORTERS, Weights
from aira_dsl.models import LanguageModel, build, limits, load_model, save_model
from aira_dsl.models.storage import TEXT, WEIGHTS
from aira_dsl.primitives import MLP, Mamba2
from tests.helpers.disk import files_of_at_most
from tests.models.architectures import architectures

SMALL = Architecture(
    name="small",
    width=8,
    vocab=10,
    blocks={"M": MLP(hidden=4), "Mb": Mamba2(inner=8, head_dim=4)},
    layers=("M", "Mb"),
)
TIED = Architecture(**{**dict(SMALL), "tie_embeddings": True})


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_same(left: LanguageModel, right: LanguageModel) -> None:
    assert left.architecture == right.architecture
    assert left.seed == right.seed
    a, b = left.state_dict(), right.state_dict()
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert torch.equal(a[name], b[name])


@settings(max_examples=25)
@given(architectures())
def test_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, architecture: Architecture
) -> None:
    folder = tmp_path_factory.mktemp("round") / "model.module"
    model = build(architecture, seed=5)
    assert save_model(model, folder) == "written"
    assert_same(load_model(folder), model)
    assert set(contents(folder)) == {TEXT, WEIGHTS}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("architecture", [SMALL, TIED], ids=["untied", "tied"])
def test_dtype_ties_and_marks_survive(
    tmp_path: Path, architecture: Architecture, dtype: torch.dtype
) -> None:
    model = build(architecture, dtype=dtype)
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert_same(loaded, model)
    assert (loaded.head.weight is loaded.embedding.weight) == architecture.tie_embeddings
    assert loaded.get_parameter("layers.1.mixer.A_log")._no_weight_decay is True
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_trained_weights_are_kept(tmp_path: Path) -> None:
    model = build(SMALL)
    with torch.no_grad():
        model.head.weight.add_(1.5)
    save_model(model, tmp_path / "m")
    assert_same(load_model(tmp_path / "m"), model)


def test_same_content_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    save_model(build(SMALL), folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    for _ in range(5):  # safetensors orders metadata keys at random
        assert save_model(build(SMALL), folder) == "unchanged"
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


def test_other_content_needs_force(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    save_model(build(SMALL), folder)
    before = contents(folder)
    with pytest.raises(InputError, match=r"E0503.*another model"):
        save_model(build(SMALL, seed=1), folder)
    assert contents(folder) == before
    assert save_model(build(SMALL, seed=1), folder, force=True) == "written"
    assert load_model(folder).seed == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_foreign_folders_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(InputError, match=r"E0503.*not a module folder"):
            save_model(build(SMALL), tmp_path, force=force)
        with pytest.raises(InputError, match=r"E0503.*not a module folder"):
            save_model(build(SMALL), tmp_path / "thesis.txt", force=force)
    assert contents(tmp_path) == {"thesis.txt": b"three years of work"}


def test_empty_folder_and_missing_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "a" / "b"):
        save_model(build(SMALL), folder)
        assert_same(load_model(folder), build(SMALL))


def test_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="E0904"):
        save_model(build(SMALL), tmp_path / "file" / "m")
    with pytest.raises(RunError, match="E0904"):
        save_model(build(SMALL), tmp_path / ("x" * 300))
    assert contents(tmp_path) == {"file": b""}


def test_disk_that_fills_up_leaves_nothing(tmp_path: Path) -> None:
    """The kernel cuts the write off half way, by a limit on file size."""
    model = build(SMALL)
    with files_of_at_most(2000), pytest.raises(RunError, match="E0904"):
        save_model(model, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_refused_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 4 * cost(SMALL).total_parameters - 1

    monkeypatch.setattr(limits.shutil, "disk_usage", lambda path: Usage)
    monkeypatch.setattr("aira_dsl.models.build", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(RunError, match=r"E0502.*take"):
        EXPORTERS["module"].write(SMALL, tmp_path / "not" / "there" / "yet", Weights())


def cut(folder: Path, keep: float) -> None:
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: int(len(data) * keep)])


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / TEXT).read_text(encoding="utf-8")
    assert old in text
    (folder / TEXT).write_text(text.replace(old, new), encoding="utf-8")


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors and keep the header's metadata."""
    from safetensors import safe_open

    tensors = load_file(folder / WEIGHTS)
    with safe_open(folder / WEIGHTS, framework="pt") as weights:
        metadata = weights.metadata()
    change(tensors)
    save_file(tensors, folder / WEIGHTS, metadata=metadata)


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "no weights": ("E0505", lambda f: (f / WEIGHTS).unlink()),
    "no architecture": ("E0505", lambda f: (f / TEXT).unlink()),
    "empty": ("E0506", lambda f: cut(f, 0)),
    "header cut": ("E0506", lambda f: cut(f, 0.05)),
    "data cut": ("E0506", lambda f: cut(f, 0.9)),
    "not safetensors": ("E0506", lambda f: (f / WEIGHTS).write_bytes(b"\xff" * 5000)),
    "huge header": ("E0506", lambda f: (f / WEIGHTS).write_bytes(b"\xff" * 7 + b"\x00{}")),
    "foreign": ("E0506", lambda f: save_file({"w": torch.ones(2)}, f / WEIGHTS)),
    "foreign metadata": (
        "E0506",
        lambda f: save_file({"w": torch.ones(2)}, f / WEIGHTS, metadata={"aira_dsl": "[3]"}),
    ),
    "sizes edited": ("E0506", lambda f: edit(f, "hidden 4", "hidden 5")),
    "meaning edited": ("E0506", lambda f: edit(f, "hidden 4", "hidden 4, activation gelu")),
    "tensor missing": ("E0506", lambda f: rewrite(f, lambda t: t.pop("head.weight"))),
    "tensor added": ("E0506", lambda f: rewrite(f, lambda t: t.update(extra=torch.ones(1)))),
    "tensor reshaped": (
        "E0506",
        lambda f: rewrite(f, lambda t: t.update({"head.weight": torch.ones(10, 9)})),
    ),
    "integers": (
        "E0506",
        lambda f: rewrite(f, lambda t: t.update({n: v.int() for n, v in t.items()})),
    ),
    "mixed dtypes": (
        "E0506",
        lambda f: rewrite(f, lambda t: t.update({"head.weight": t["head.weight"].double()})),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused_with_a_code(tmp_path: Path, damage: str) -> None:
    code, apply = DAMAGES[damage]
    save_model(build(SMALL), tmp_path / "m")
    apply(tmp_path / "m")
    with pytest.raises(InputError) as caught:
        load_model(tmp_path / "m")
    assert caught.value.code == code
    assert str(tmp_path / "m") in caught.value.message


def test_missing_folder(tmp_path: Path) -> None:
    for folder in ("nothing", "x" * 300):
        with pytest.raises(InputError, match="E0505"):
            load_model(tmp_path / folder)


def test_broken_architecture_text(tmp_path: Path) -> None:
    save_model(build(SMALL), tmp_path / "m")
    (tmp_path / "m" / TEXT).write_text("architecture {", encoding="utf-8")
    with pytest.raises(AiraError):
        load_model(tmp_path / "m")
