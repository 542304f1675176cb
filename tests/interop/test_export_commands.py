"""`compile --emit …` and `import` from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.interop.exporters import EXPORTERS
from aira_dsl.interop.importers import IMPORTERS
from tests.helpers.command_line import run

ROOT = Path(__file__).parents[2]
HYBRID = ROOT / "examples" / "airahybrid_e.arch"
STRIPED = ROOT / "examples" / "striped.arch"
NATIVE = "architecture m { width 32; block A = attention { heads 4, rope none }; layers 3A }"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("emit", EXPORTERS)
def test_every_form_is_written_or_refused_with_every_reason(emit, here):
    architecture = aira_dsl.load(HYBRID)
    reasons = EXPORTERS[emit].unsupported(architecture)
    done = run("compile", HYBRID, "--emit", emit, "--out", "out")
    assert done.code == (1 if reasons else 0), done.err
    for reason in reasons:
        assert reason in done.err
    assert (here / "out").exists() != bool(reasons)


def test_texts_are_printed_or_written():
    shown = run("compile", HYBRID, "--emit", "arch")
    assert aira_dsl.parse(shown.out) == aira_dsl.load(HYBRID)
    assert run("compile", HYBRID, "--emit", "python", "--out", "m.py").code == 0
    again = run("compile", STRIPED, "--emit", "python", "--out", "m.py")
    assert (again.code, "E0503" in again.err) == (1, True)
    assert "airahybrid_e" in Path("m.py").read_text(encoding="utf-8")


def test_scales_are_exported():
    paper = ROOT / "examples" / "paper" / "airahybrid_d_stretched.arch"
    found = json.loads(run("compile", paper, "--scale", "1b", "--emit", "json").out)
    assert (found["width"], len(found["layers"]), found["scales"]) == (2048, 32, {})
    assert run("compile", paper, "--scale", "9b", "--emit", "json").code == 2


def test_folders_and_weights():
    from safetensors.torch import load_file

    assert run("compile", HYBRID, "--seed", "7").code == 0
    done = run("compile", HYBRID, "--emit", "hf", "--weights", "airahybrid_e.module")
    assert done.code == 0, done.err
    assert "trust_remote_code=True" in done.out
    ours = load_file("airahybrid_e.module/model.safetensors")
    theirs = load_file("airahybrid_e.hf/model.safetensors")
    assert all((theirs[name] == tensor).all() for name, tensor in ours.items())
    foreign = run("compile", STRIPED, "--emit", "hf", "--weights", "airahybrid_e.module")
    assert (foreign.code, "E0511" in foreign.err) == (1, True)


def test_weights_in_another_dtype():
    import torch
    from safetensors.torch import load_file

    assert run("compile", HYBRID).code == 0
    for source in ((), ("--weights", "airahybrid_e.module")):
        done = run("compile", HYBRID, "--emit", "hf", "--dtype", "bfloat16", "--force", *source)
        assert done.code == 0, done.err
        exact = load_file("airahybrid_e.module/model.safetensors")
        short = load_file("airahybrid_e.hf/model.safetensors")
        assert all((short[n] == t.to(torch.bfloat16)).all() for n, t in exact.items())
        assert (
            json.loads(Path("airahybrid_e.hf/config.json").read_text(encoding="utf-8"))["dtype"]
            == "bfloat16"
        )


@pytest.mark.parametrize(
    ("emit", "options"),
    [
        ("json", ["--no-weights"]),
        ("python", ["--dtype", "bfloat16"]),
        ("arch", ["--weights", "x.module"]),
        ("module", ["--no-weights"]),
        ("summary", ["--out", "x"]),
        ("hf", ["--no-weights", "--weights", "x.module"]),
    ],
)
def test_options_that_do_not_go_with_a_form(emit, options, here):
    done = run("compile", HYBRID, "--emit", emit, *options)
    assert (done.code, "E0507" in done.err) == (2, True)
    assert not list(here.iterdir())


def test_import_megatron():
    shown = run("import", "megatron", "M-M*-", "--name", "mine")
    assert "layers Mb-M-Mb-A-M" in shown.out
    like = run("import", "megatron", "M-*-", "--like", STRIPED, "--out", "x.arch")
    assert like.code == 0, like.err
    assert aira_dsl.load("x.arch").width == 256
    broken = run("import", "megatron", "M-D")
    assert (broken.code, "E0520" in broken.err) == (1, True)


@pytest.mark.parametrize("pattern", ["-M*-", "-", "---M", r"-M\*", "-M|*-"])
def test_patterns_that_begin_with_an_mlp_are_not_options(pattern):
    done = run("import", "megatron", pattern, "--name", "mine")
    assert done.code == 0, done.err
    assert done.out.startswith("architecture mine")


def test_wrong_options_are_still_refused():
    done = run("import", "megatron", "M-", "--nmae", "mine")
    assert (done.code, "--nmae" in done.err) == (2, True)


def test_configs_without_weights_start_as_nemotron_h_does():
    Path("m.arch").write_text(NATIVE, encoding="utf-8")
    for option, value in (("--seed=0", 1e-30), ("--no-weights", 0.001)):
        done = run("compile", "m.arch", "--emit", "nemotron_h", option, "--out", option[2:4])
        assert done.code == 0, done.err
        config = json.loads(Path(option[2:4], "config.json").read_text(encoding="utf-8"))
        assert config["time_step_min"] == value


@pytest.mark.parametrize("as_text", [True, False], ids=["argument", "file"])
def test_exported_arguments_come_back(as_text):
    Path("m.arch").write_text(NATIVE, encoding="utf-8")
    assert run("compile", "m.arch", "--emit", "megatron", "--out", "m.txt").code == 0
    source = Path("m.txt").read_text(encoding="utf-8") if as_text else "m.txt"
    done = run("import", "megatron", source)
    assert (done.code, done.err) == (0, "")
    assert aira_dsl.parse(done.out).fingerprint == aira_dsl.parse(NATIVE).fingerprint


@pytest.mark.parametrize("form", [(), ("nemotron_h",)], ids=["recognized", "named"])
@pytest.mark.parametrize("source", ["m.nemotron_h", "m.nemotron_h/config.json"])
def test_import_what_was_exported(source, form):
    Path("m.arch").write_text(NATIVE, encoding="utf-8")
    assert run("compile", "m.arch", "--emit", "nemotron_h", "--no-weights").code == 0
    shown = run("import", *form, source, "--name", "m")
    assert (shown.code, shown.err) == (0, "")
    assert aira_dsl.parse(shown.out).fingerprint == aira_dsl.parse(NATIVE).fingerprint


def test_standard_input():
    shown = run("import", "-", stdin="--hybrid-layer-pattern - --hidden-size 64 --swiglu")
    assert shown.code == 0, shown.err
    assert "width 64" in shown.out
    assert "the standard input is not JSON" in run("import", "-", stdin="no json").err


@pytest.mark.parametrize("form", [(), ("hf",), ("aira_dsl",)], ids=str)
def test_folders_with_own_code_are_read_back(form):
    assert run("compile", HYBRID, "--emit", "hf", "--no-weights").code == 0
    shown = run("import", *form, "airahybrid_e.hf")
    assert (shown.code, shown.err) == (0, "")
    assert aira_dsl.parse(shown.out).fingerprint == aira_dsl.load(HYBRID).fingerprint
    path = Path("airahybrid_e.hf/config.json")
    path.write_text(
        path.read_text(encoding="utf-8").replace('"rope": 10000.0', '"rope": 10000.0, "wide": 8'),
        encoding="utf-8",
    )
    assert "wide" in run("import", path).err


def test_costs_only_accepts_what_does_not_change_costs():
    Path("m.arch").write_text(NATIVE, encoding="utf-8")
    assert run("compile", "m.arch", "--emit", "nemotron_h", "--no-weights").code == 0
    path = Path("m.nemotron_h/config.json")
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "attention_dropout": 0.1}), encoding="utf-8")
    assert "attention_dropout" in run("import", path).err
    done = run("import", path, "--costs-only")
    assert done.code == 0
    assert "3 layers of width 32" in done.out
    assert done.err == "note: not in these costs: attention_dropout 0.1 (dropout)\n"
    path.write_text(json.dumps({**config, "attention_bias": True}), encoding="utf-8")
    assert run("import", path, "--costs-only").code == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("missing.json",), "E0524"),
        (("nemotron_h", "missing.json"), "E0524"),
        (("nemotron_h", "text.json"), "E0524"),
        (("olmo", "list.json"), "E0524"),
        (("binary.json",), "E0524"),
        (("twice.json",), "E0520"),
        (("empty.json",), "E0521"),
        (("hf", "empty.json"), "E0521"),
        (("hf_olmo.json",), "E0520"),
        (("olmo", "empty.json", "--like", "x.arch"), "E0523"),
        (("other", "empty.json"), "E0523"),
        (("megatron", "M", "--name", "not a name"), "E0523"),
        (("megatron", "M", "--costs-only", "--out", "x.arch"), "E0523"),
        (("megatron", "M", "--like", "missing.arch"), "E0301"),
        (("megatron", "missing.txt"), "E0524"),
        (("megatron", "configs/missing"), "E0524"),
        (("megatron", "M-X/M"), "E0520"),
    ],
)
def test_bad_imports(arguments, code):
    Path("text.json").write_text("no json", encoding="utf-8")
    Path("list.json").write_text("[" * 100_000, encoding="utf-8")
    Path("binary.json").write_bytes(b"\xff\xfe\x00")
    Path("empty.json").write_text("{}", encoding="utf-8")
    Path("twice.json").write_text(
        '{"model_type": "nemotron_h", "n_groups": 8, "n_groups": 1}', encoding="utf-8"
    )
    Path("hf_olmo.json").write_text('{"model_type": "olmo", "hidden_size": 8}', encoding="utf-8")
    done = run("import", *arguments)
    assert done.code in {1, 2}
    assert code in done.err


def test_every_format_is_in_the_help():
    shown = run("import", "--help").out
    assert [name for name in IMPORTERS if name not in shown] == []


def test_texts_configs_and_imports_need_no_torch():
    script = (
        "import sys\n"
        "from aira_dsl.interop.exporters import EXPORTERS, Weights\n"
        "from aira_dsl.interop.importers import read\n"
        "from pathlib import Path\n"
        "architecture = read('M-M*-', 'megatron').architecture\n"
        "EXPORTERS['python'].write(architecture)\n"
        "EXPORTERS['hf'].write(architecture, Path('m.hf'), Weights(included=False))\n"
        "assert not {'torch', 'transformers', 'numpy'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
