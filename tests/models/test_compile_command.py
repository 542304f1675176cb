"""`aira-dsl compile` as a person or a script meets it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from aira_dsl.cli.compile import compile_
from typer.testing import CliRunner, Result

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import AiraError, InputError, RunError, UsageError
from aira_dsl.language import load
from aira_dsl.models import build, load_model

TEXT = """
architecture tiny {
  width 32
  block A  = attention { heads 4 }
  block M  = mlp { hidden 20 }
  block Mb = mamba2 { inner 16, head_dim 8 }
  layers 2×(2A-M)-3Mb
}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.arch").write_text(TEXT, encoding="utf-8")
    return tmp_path / "tiny.arch"


def run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(compile_)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, AiraError):
        raise result.exception
    return result


def test_default_writes_a_module_and_says_how_to_load_it(file: Path) -> None:
    result = run(file, "--seed", "7")
    assert result.exit_code == 0
    assert sorted(path.name for path in file.parent.iterdir()) == ["tiny.arch", "tiny.module"]
    snippet = re.search(r"model = aira_dsl\.(load_model\(.*\))", result.stdout)
    assert snippet is not None
    model = eval(snippet[1], {"load_model": load_model})
    assert model.seed == 7
    assert model.architecture == load(file)
    assert model.head.weight.equal(build(load(file), seed=7).head.weight)
    assert "tiny.module is unchanged" in run(file, "--seed", "7").stdout


def test_another_seed_does_not_replace_a_module_unasked(file: Path) -> None:
    run(file)
    with pytest.raises(InputError, match="E0503"):
        run(file, "--seed", "1")
    assert load_model(file.with_suffix(".module")).seed == 0
    run(file, "--seed", "1", "--force")
    assert load_model(file.with_suffix(".module")).seed == 1


def test_out_names_the_folder(file: Path) -> None:
    run(file, "--out", file.parent / "a" / "b")
    assert load_model(file.parent / "a" / "b").architecture.name == "tiny"


def test_summary_says_everything_and_writes_nothing(file: Path) -> None:
    architecture = load(file)
    costs = cost(architecture)
    printed = run(file, "--emit", "summary").stdout
    for expected in (
        architecture.fingerprint,
        architecture.pattern,
        f"{costs.total_parameters:,}",
        f"{costs.parameters:,}",
        f"{costs.training_flops:,} per token",
        f"{costs.kv_cache_bytes:,} bytes per token",
        f"{costs.state_bytes:,} bytes per sequence",
        "full square",
    ):
        assert expected in printed
    assert [path.name for path in file.parent.iterdir()] == ["tiny.arch"]
    with pytest.raises(UsageError, match="E0507"):
        run(file, "--emit", "summary", "--out", "x")


def test_json_is_the_architecture_and_its_costs(file: Path) -> None:
    printed = json.loads(run(file, "--emit", "json").stdout)
    architecture = load(file)
    assert list(printed)[:2] == ["name", "width"]
    assert printed["layers"] == ["A", "A", "M", "A", "A", "M", "Mb", "Mb", "Mb"]
    assert printed["blocks"]["A"]["kind"] == "attention"
    assert printed["fingerprint"] == architecture.fingerprint
    assert printed["costs"]["total_parameters"] == cost(architecture).total_parameters
    fields = {name: printed[name] for name in Architecture.model_fields if name in printed}
    assert Architecture(**fields) == architecture


def test_json_to_a_file(file: Path) -> None:
    out = file.parent / "tiny.json"
    assert run(file, "--emit", "json", "--out", out).stdout == ""
    assert json.loads(out.read_text(encoding="utf-8"))["name"] == "tiny"
    run(file, "--emit", "json", "--out", out)  # the same again is fine
    out.write_text("notes", encoding="utf-8")
    with pytest.raises(InputError, match="E0503"):
        run(file, "--emit", "json", "--out", out)
    assert out.read_text(encoding="utf-8") == "notes"
    run(file, "--emit", "json", "--out", out, "--force")
    assert json.loads(out.read_text(encoding="utf-8"))["name"] == "tiny"
    with pytest.raises(InputError, match="E0503"):
        run(file, "--emit", "json", "--out", file.parent, "--force")
    with pytest.raises(RunError, match="E0904"):
        run(file, "--emit", "json", "--out", file.parent / "no" / "folder.json")
    assert sorted(path.name for path in file.parent.iterdir()) == ["tiny.arch", "tiny.json"]


def test_place_that_can_not_be_written(file: Path) -> None:
    for out in ("x" * 300, "tiny.arch/module"):
        with pytest.raises(RunError, match="E0904"):
            run(file, "--out", out)
    assert [path.name for path in file.parent.iterdir()] == ["tiny.arch"]


def test_architecture_too_large_for_this_machine(file: Path) -> None:
    file.write_text(
        "architecture { width 1048576; block M = mlp { hidden 1048576 }; layers 4000M }",
        encoding="utf-8",
    )
    assert run(file, "--emit", "summary").exit_code == 0
    with pytest.raises(RunError, match=r"E050[12].*take"):
        run(file)
    assert [path.name for path in file.parent.iterdir()] == ["tiny.arch"]


@pytest.mark.parametrize("emit", ["summary", "json"])
def test_costs_do_not_import_torch(file: Path, emit: str) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from aira_dsl.cli.compile import compile_\n"
        "compile_(Path(sys.argv[1]), emit=sys.argv[2])\n"
        "assert not {'torch', 'numpy', 'optuna'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(file), emit]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
