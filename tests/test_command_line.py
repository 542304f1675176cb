"""What holds for every command: light starts, exit codes, no traceback, names that scripts use."""

import json
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from aira_dsl.cli import app
from aira_dsl.cli.option_tables import page
from typer.main import get_command
from typer.testing import CliRunner

from aira_dsl.agents.models import PROPOSERS
from aira_dsl.agents.policies import POLICIES
from aira_dsl.evaluation.noise import Noise
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.interop.exporters import EXPORTERS
from aira_dsl.space import Space
from aira_dsl.study.noise import noise_text
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.samplers.families import SAMPLERS
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.trials import Trial, as_json
from tests.helpers import command_line

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples/airaformer_d.arch"


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `aira-dsl` in a process of its own; most tests do with `command_line.run`."""
    return subprocess.run(
        [sys.executable, "-m", "aira_dsl", *map(str, arguments)],
        capture_output=True, text=True, timeout=900, check=False, **options,
    )  # fmt: skip


def ticked(text: str) -> list[str]:
    return re.findall(r"`(\w+)`", text)


HEAVY = {"torch", "transformers", "scipy", "optuna", "sqlalchemy", "matplotlib"}
LLAMA_3 = ROOT / "tests/scaling/data/llama_3.csv"
STARTS = {
    "help and text": [
        (HEAVY | {"numpy", "lark"},
         [("--help",), ("search", "--help"), ("compare", "--help"), ("table", "--help"),
          ("evaluate", "--help"), ("questions", "--help")]),
        (HEAVY | {"numpy"},
         [("check", EXAMPLE), ("fmt", "--check", EXAMPLE), ("show", EXAMPLE),
          ("diff", EXAMPLE, EXAMPLE),
          ("space", ROOT / "examples/mad3.arch", "--sample", "3", "--where", "A<=4"),
          ("extrapolate", EXAMPLE, "--to", "1b"), ("compile", EXAMPLE, "--emit", "json"),
          ("import", "megatron", "M-M*-"), ("latency", EXAMPLE, "--gpu", "all"),
          ("explain", "E0211")]),
        (HEAVY, [("aggregate", "run"), ("table", "show")]),
    ],
    "run and fit": [
        (HEAVY | {"lark"}, [("notebook", "run"), ("report", "run")]),
        (HEAVY - {"scipy"} | {"lark"}, [("isoflop", "fit", LLAMA_3, "--resamples", "100")]),
    ],
}  # fmt: skip
"""Commands that start quickly, by what they read, with the packages that they may not import.

`isoflop fit` interpolates with scipy.
"""

ALL_IN_ONE = """
import json, sys
from typer.testing import CliRunner
from aira_dsl.cli import app
from aira_dsl.cli.option_tables import page

for heavy, commands in json.loads(sys.argv[1]):
    for arguments in commands:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, (arguments, result.output)
        assert not set(heavy) & sys.modules.keys(), (arguments, set(heavy) & sys.modules.keys())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of one trial in it, whose noise is known: a report has margins."""
    settings = SearchSettings.of(
        Space.default(), sampler="tpe", seed=0, prune=0.25, evaluator=preset_settings("smoke"),
        code="c0de",
    )  # fmt: skip
    trial = Trial(
        number=0, state="COMPLETE", layers=("A",) * 16, pattern="16A", fingerprint="f", score=0.5,
        test_score=None, confirmed=None, repeats={}, seconds=1.0, cached=False, parameters=1,
        training_flops=1, status="ok", message="", tasks={"memorization": 0.5},
    )  # fmt: skip
    path = tmp_path_factory.mktemp("start")
    with RunFolder(path / "run", settings) as run_folder:
        run_folder.write("trials.json", as_json([trial]))
        run_folder.write("noise.json", noise_text(Noise(0.01, 0.02, 4.0, "calibration", "a test")))
    return path


@pytest.mark.parametrize("kind", STARTS)
def test_light_commands_never_import_what_is_heavy(folder: Path, kind: str) -> None:
    """A process runs several kinds, the lightest first: what a kind imports is found after it."""
    jobs = [
        (sorted(heavy), [list(map(str, command)) for command in commands])
        for heavy, commands in STARTS[kind]
    ]
    done = subprocess.run(
        [sys.executable, "-c", ALL_IN_ONE, json.dumps(jobs)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_importing_the_package_imports_next_to_nothing() -> None:
    code = (
        "import sys, aira_dsl\n"
        "assert not {'torch', 'pydantic', 'lark', 'optuna', 'numpy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_public_names_exist_and_are_documented() -> None:
    import aira_dsl

    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    listed = {name for row in re.findall(r"^\| (`.*`) \|", page, re.M) for name in ticked(row)}
    assert set(aira_dsl.__all__) - {"__version__"} == listed
    for name in aira_dsl.__all__:
        assert getattr(aira_dsl, name) is not None
    for name in ("load", "check", "build", "cost", "evaluate", "search"):
        assert callable(getattr(aira_dsl, name))
    with pytest.raises(AttributeError, match="nothing"):
        aira_dsl.nothing  # noqa: B018


def test_the_command_line_keeps_its_names() -> None:
    """Scripts count on these; a change here is a change that users must be told of."""
    group: Any = get_command(app)
    commands = {name: group.get_command(None, name) for name in group.list_commands(None)}
    for outer in ("table", "design", "isoflop", "data"):
        for name, command in commands.pop(outer).commands.items():
            commands[f"{outer} {name}"] = command
    found = {
        name: sorted(option for parameter in command.params for option in parameter.opts)
        for name, command in commands.items()
    }
    assert found == {
        "aggregate": [
            "--clusters", "--decay", "--force", "--format", "--method", "--name", "--out", "--top",
            "-c", "runs",
        ],
        "bench": ["--all", "--format", "--rounds", "--seconds"],
        "calibrate": [
            "--arrangements", "--force", "--format", "--longer", "--out", "--preset", "--ray",
            "--seeds", "--store", "--times", "--workers",
        ],
        "check": ["--format", "--strict", "files"],
        "data prepare": [
            "--cache", "--format", "--include", "--not-text", "--separator", "--split-at",
            "--tokenizer", "--validation", "paths",
        ],
        "data show": ["--check", "--format", "folder"],
        "design judge": [
            "--data", "--data-seed", "--format", "--sandbox", "--seed", "--size", "folder", "task",
        ],
        "design list": ["--format", "--size", "task"],
        "design new": ["--force", "folder"],
        "design run": [
            "--base-url", "--baseline", "--budget", "--data", "--data-seed", "--dry-run",
            "--effort", "--force", "--format", "--free", "--heartbeat", "--max-output",
            "--max-tokens", "--max-usd", "--method", "--model", "--out", "--policy", "--prices",
            "--prompts", "--proposer", "--ray", "--repairs", "--repeats", "--sandbox", "--seed",
            "--size", "--start", "--storage", "--study", "--time", "--winners", "--workers", "task",
        ],
        "train": [
            "--accumulate", "--activation-checkpointing", "--balance-loss", "--balance-rate",
            "--batch", "--cache",
            "--checkpoint-every", "--clip", "--context", "--cuda-graph", "--data", "--decay",
            "--device", "--documents", "--final", "--flops", "--force", "--format", "--include",
            "--learning-rate", "--log-every", "--no-compile", "--not-text", "--optimizer", "--out",
            "--precision", "--scale", "--schedule", "--seed", "--separator", "--split-at",
            "--steps", "--tensorboard", "--threads", "--tokenizer", "--tokens", "--validate-every",
            "--validation", "--validation-tokens", "--warmup", "--weight-decay", "--z-loss", "file",
        ],
        "fmt": ["--check", "--diff", "files"],
        "gallery": ["--force", "--format", "--html", "--svg", "models"],
        "compare": [
            "--baseline", "--budget", "--data", "--data-seed", "--effort", "--evaluator",
            "--force", "--format", "--free", "--jobs", "--max-usd", "--methods", "--model",
            "--out", "--preset", "--prices", "--prompts", "--proposer", "--ray", "--repeats",
            "--runs", "--sandbox", "--seeds", "--size", "--start", "--store", "--table", "--task",
            "--where", "paths",
        ],
        "compile": [
            "--dtype", "--emit", "--force", "--no-weights", "--out", "--scale", "--seed",
            "--weights", "file",
        ],
        "diff": ["--exit-code", "--format", "--scale", "a", "b"],
        "doctor": ["--format", "--require"],
        "evaluate": [
            "--batch", "--check", "--data", "--device", "--fewshot", "--force", "--format",
            "--limit", "--out", "--seed", "--tasks", "--threads", "model",
        ],
        "explain": ["--format", "code"],
        "extrapolate": ["--force", "--how", "--out", "--to", "file"],
        "import": [
            "--costs-only", "--dtype", "--force", "--like", "--name", "--out", "--weights", "words",
        ],
        "isoflop fit": [
            "--at", "--force", "--format", "--ignore", "--objective", "--out", "--reference",
            "--resamples", "--where", "file",
        ],
        "latency": [
            "--batch", "--context", "--device", "--format", "--gpu", "--precision", "--rounds",
            "--scale", "--threads", "file",
        ],
        "isoflop latency": [
            "--batch", "--context", "--device", "--force", "--format", "--gpu", "--precision",
            "--rounds", "--threads", "folder",
        ],
        "isoflop plan": ["--force", "--format", "--gpu", "--out", "file"],
        "isoflop report": [
            "--force", "--format", "--out", "--reference", "--resamples", "--where", "path",
        ],
        "isoflop run": ["--format", "--ray", "--workers", "folder"],
        "questions": [
            "--all", "--cache", "--count", "--force", "--include", "--not-text", "--out",
            "--seed", "--separator", "--split-at", "--tokenizer", "--validation", "paths",
        ],
        "report": ["--force", "--format", "--out", "folder"],
        "show": [
            "--batch", "--budget", "--context", "--convention", "--force", "--format", "--gpu",
            "--scale", "--svg", "file",
        ],
        "space": [
            "--count", "--format", "--index", "--pattern", "--sample", "--seed", "--where", "file",
        ],
        "lsp": ["--stdio"],
        "table make": [
            "--force", "--out", "--precision", "--preset", "--ray", "--seeds", "--store", "space",
        ],
        "table show": ["--format", "--pattern", "file"],
        "table compare": ["--budget", "--format", "--out", "--sampler", "--seeds", "file"],
        "notebook": ["--format", "folder"],
        "search": [
            "--base-url", "--budget", "--corpus", "--device", "--dry-run", "--effort",
            "--evaluator", "--force", "--format", "--free", "--heartbeat", "--max-output",
            "--max-tokens", "--max-usd", "--memory-limit", "--method", "--model", "--objective",
            "--out", "--policy", "--precision", "--preset", "--prices", "--prompts", "--proposer",
            "--prune", "--ray", "--repairs", "--repeats", "--sampler", "--seed", "--storage",
            "--store", "--study", "--table", "--time", "--time-limit", "--where", "--winners",
            "--workers", "space",
        ],
    }  # fmt: skip


CHOICES = {
    "search --sampler": SAMPLERS,
    "search --policy": POLICIES,
    "search --proposer": PROPOSERS,
    "compare --proposer": PROPOSERS,
    "compile --emit": [*EXPORTERS, "summary"],
}


@pytest.mark.parametrize("option", CHOICES)
def test_an_option_offers_what_is_registered(option: str) -> None:
    command, name = option.split()
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "2000"}).output
    (offered,) = re.findall(rf"{name} +<([^>]*)>", text)
    missing = set(CHOICES[option]) - set(offered.split("|"))
    assert not missing, f"{option} offers {offered}; its registry also has {sorted(missing)}"
    assert set(offered.split("|")) == set(CHOICES[option])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("nonsense",), 2),
        (("check", "missing.arch"), 1),
        (("space", "--where", "A=<2"), 1),
        (("space", "--index", "999999999"), 1),
        (("space", "--format", "xml"), 2),
        (("space", "--pattern", "A-M-Mb"), 1),
        (("space", "--pattern", "16×Q"), 1),
        (("compile", "missing.arch"), 1),
        (("search", "missing.arch"), 1),
        (("compare", "missing.arch", "--out", "out"), 1),
        (("compare", "--out", "out", "--methods", "randon"), 2),
        (("compare", EXAMPLE, EXAMPLE, "--out", "out"), 2),
        (("compare", "--runs", "--out", "out"), 2),
        (("report", "missing"), 1),
        (("notebook", "missing"), 1),
        (("search", "--method", "agent"), 2),
        (("doctor", "--require", "nonsense"), 2),
        (("search", EXAMPLE, "--sampler", "none"), 2),
    ],
)
def test_mistakes_get_a_message_an_exit_code_and_no_traceback(
    arguments: tuple[object, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, where an exception that is not an `AiraError` fails the test."""
    monkeypatch.chdir(tmp_path)
    done = command_line.run(*arguments)
    assert done.code == code
    assert "Traceback" not in done.err + done.out
    assert 0 < len((done.err + done.out).splitlines()) < 70
    assert list(tmp_path.iterdir()) == []


def test_a_process_ends_with_the_message_and_the_exit_code_of_its_error(tmp_path: Path) -> None:
    done = run("report", "missing", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"error\[E0\d{3}\]: ", done.stderr)
    assert "Traceback" not in done.stderr


def test_space_says_how_many_there_are() -> None:
    assert "43,046,721" in command_line.run("space").out
    assert command_line.run("space", "--count").out == "43046721\n"
    assert command_line.run("space", ROOT / "examples/mad2.arch", "--count").out == "65536\n"
    counted = command_line.run("space", "--where", "A<=1", "--count")
    assert counted.out == f"{2**16 + 16 * 2**15}\n"


def test_space_indexes_and_samples() -> None:
    (line,) = command_line.run("space", "--index", 26978465, "--format", "json").out.splitlines()
    facts = json.loads(line)
    assert facts["index"] == 26978465
    assert len(facts["layers"]) == 16
    back = command_line.run("space", "--pattern", facts["pattern"], "--format", "json").out
    assert json.loads(back) == facts
    arguments = ("space", "--sample", 5, "--seed", 1, "--format", "json")
    sample = command_line.run(*arguments).out
    assert sample == command_line.run(*arguments).out
    assert len({json.loads(line)["fingerprint"] for line in sample.splitlines()}) == 5


def test_space_counts_a_menu_of_hybrids_under_a_bound_on_keys_and_values() -> None:
    menu = ROOT / "examples/hybrid_menu.arch"
    found = json.loads(
        command_line.run("space", menu, "--where", "kv<=32k", "--format", "json").out
    )
    kept = {name: costs["kv"] for name, costs in found["block_costs"].items()}
    assert kept == {"A": 32768, "W": 8192, "G": 0, "E": 0, "M": 0}
    every = product(found["blocks"], repeat=found["slots"])
    assert found["count"] == sum(sum(map(kept.get, layers)) <= 32 << 10 for layers in every)
    text = command_line.run("space", menu).out
    assert "(kv 8,192)" in text
    assert "(state 2,624)" in text
    assert "(active 19,008)" in text


def test_an_architecture_file_spans_the_space_of_its_blocks_and_depth() -> None:
    found = json.loads(command_line.run("space", EXAMPLE, "--format", "json").out)
    assert (found["slots"], found["blocks"], found["size"]) == (16, ["A", "M"], 2**16)


def test_output_into_a_closed_pipe_ends_quietly() -> None:
    pipeline = f"{sys.executable} -m aira_dsl space --sample 2000 | head -n 1"
    done = subprocess.run(pipeline, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_a_terminal_that_knows_only_ascii_is_served() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = run("check", EXAMPLE, env=environment)
    assert done.returncode == 0, done.stderr
    assert "16 layers" in done.stdout


def test_h_is_help() -> None:
    for command in ((), ("search",), ("table", "make")):
        helped, short = (CliRunner().invoke(app, [*command, flag]) for flag in ("--help", "-h"))
        assert short.exit_code == 0
        assert short.output == helped.output


def test_a_shell_completes_commands() -> None:
    request = {
        "_AIRA_DSL_COMPLETE": "complete_bash",
        "COMP_WORDS": "aira-dsl che",
        "COMP_CWORD": "1",
    }
    assert run(env={**os.environ, **request}).stdout.split() == ["check"]


def test_what_goes_into_a_pipe_is_not_cut(tmp_path: Path) -> None:
    name = 64 * "x"
    (tmp_path / "wide.arch").write_text(
        f"architecture wide {{ width 16; block {name} = attention {{ heads 2 }}; layers 2{name} }}",
        encoding="utf-8",
    )
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    shown = run("show", "wide.arch", cwd=tmp_path, env=environment).stdout
    assert any(name in line and "attention" in line for line in shown.splitlines())


@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        (">/dev/full", 3, "error[E0904]: the output cannot be written: No space left on device"),
        ("2>/dev/full", 0, "16 layers"),
        ("2>&-", 0, "16 layers"),
        (">&-", 0, ""),
    ],
)
def test_closed_and_full_streams(redirection: str, code: int, told: str) -> None:
    command = f"{sys.executable} -m aira_dsl check {EXAMPLE} {redirection}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


INTERRUPTED = """
import os, signal, sys
_, module, signal_name = sys.argv

class Interrupt:
    def find_spec(self, name, *rest):
        if name == module:
            os.kill(os.getpid(), getattr(signal, signal_name))

sys.meta_path.insert(0, Interrupt())
from aira_dsl.__main__ import main
sys.argv[1:] = ["search", "--evaluator", "table", "--budget", "2", "--out", "run"]
main()
"""


@pytest.mark.parametrize(("module", "name"), [("typer", "SIGINT"), ("optuna", "SIGTERM")])
def test_an_interruption_during_the_start_ends_quietly(
    module: str, name: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module, name],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, done.stdout) == (130, "", "")


def test_the_page_of_options_is_made_from_the_models() -> None:
    assert (ROOT / "docs/options.md").read_text(encoding="utf-8") == page()
