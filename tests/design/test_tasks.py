"""Task folders, their data and candidates: what is missing or wrong is said with a code."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl import api
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data, read_data
from aira_dsl.design.gpus import check_gpus
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.judge_folder import judge_folder
from aira_dsl.design.judgement import Judgement
from aira_dsl.design.options import DesignOptions, JudgeOptions
from aira_dsl.design.plan import DesignPlan
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import load_task
from aira_dsl.errors import AiraError
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import run_all
from aira_dsl.sandbox import kinds
from tests.helpers import command_line

_IMPORTS = "from aira_dsl.design.judgement import Rejection, Score\n"

_ASKS_FOR_OBJECTS = (
    "def judge(session):\n"
    "    with session.serving(session.train()) as server: server.ask({'x': [None]}, {})"
)

WORDS = Path(__file__).parent / "tasks" / "words"


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the test task that can be changed."""
    return Path(shutil.copytree(WORDS, tmp_path / "task"))


def code_of(function, *arguments, **options):
    with pytest.raises(AiraError) as caught:
        function(*arguments, **options)
    return caught.value.code, caught.value.message


@pytest.mark.parametrize(
    "part", ["metadata.yaml", "description.md", "prepare.py", "judge.py", "harness.py"]
)
def test_missing_parts_are_named(folder, part):
    (folder / part).unlink()
    code, message = code_of(load_task, folder)
    assert code == "E1202"
    assert part in message


def test_what_a_new_candidate_starts_with_must_be_a_candidate(folder):
    (folder / "start/train.py").rename(folder / "start/other.py")
    assert code_of(load_task, folder)[0] == "E1202"
    shutil.rmtree(folder / "start")
    code, message = code_of(load_task, folder)
    assert (code, "start/" in message) == ("E1202", True)


def test_unknown_tasks_and_sizes(folder):
    assert code_of(load_task, "no_such_task")[0] == "E1201"
    assert code_of(load_task(folder).size, "huge")[0] == "E1204"


def test_the_description_is_filled_from_metadata_size_and_settings(folder):
    task = load_task(folder)
    assert task.description() == "Write `train.py`: a model of 16 tokens, trained for 60.0 s.\n"
    for text, place in (
        (b"# Words\n\n{{ missing }}\n", ":3: 'missing' is undefined"),
        (b"a\n{{ 1 / 0 }}", ":2: ZeroDivisionError"),
        (b"a\n\n{{ open", ":3: unexpected end of template"),
        (b"\xff", "description.md: UnicodeDecodeError"),
    ):
        (folder / "description.md").write_bytes(text)
        code, message = code_of(task.description)
        assert (code, place in message) == ("E1206", True), message
        assert len(load_task(folder).identity) == 12


def test_the_description_is_checked_before_a_folder_is_judged(folder, tmp_path):
    (folder / "description.md").write_text("{{ vocabulery }}", encoding="utf-8")
    options = JudgeOptions(data=tmp_path / "data")
    code, message = code_of(judge_folder, folder, folder / "start", options)
    assert (code, "'vocabulery' is undefined" in message) == ("E1206", True)
    code, _ = code_of(DesignPlan.of, folder, DesignOptions(proposer="scripted"))
    assert code == "E1206"
    assert not (tmp_path / "data").exists()


def test_a_size_whose_gpus_are_missing_is_refused_before_data_are_made(folder, tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    metadata = folder / "metadata.yaml"
    text = metadata.read_text(encoding="utf-8")
    for gpus in (0, 2):
        metadata.write_text(text.replace("  tiny:\n", f"  tiny:\n    gpus: {gpus}\n"), "utf-8")
        check_gpus(load_task(folder), "tiny", tmp_path)
    metadata.write_text(text.replace("  tiny:\n", "  tiny:\n    gpus: 8\n"), encoding="utf-8")
    code, message = code_of(check_gpus, load_task(folder), "tiny", tmp_path)
    assert (code, "words at size tiny needs 8 NVIDIA GPUs" in message) == ("E0632", True)


@pytest.mark.skipif(Path("/dev/nvidia7").exists(), reason="this machine has eight GPUs")
def test_no_command_works_on_a_size_whose_gpus_are_missing(folder, tmp_path):
    metadata, data = folder / "metadata.yaml", tmp_path / "data"
    text = metadata.read_text(encoding="utf-8")
    text = text.replace("  tiny:\n", "  tiny:\n    gpus: 8\n").replace("name: words", "name: large")
    metadata.write_text(text, encoding="utf-8")
    judged = code_of(judge_folder, folder, folder / "start", JudgeOptions(data=data))
    options = DesignOptions(proposer="scripted", data=data, out=tmp_path / "run")
    ran = code_of(api.run_design, folder, **options.model_dump())
    compared = command_line.run(
        *("compare", "--task", WORDS, "--task", folder, "--methods", "agent-oneshot:scripted"),
        *("--data", data, "--out", tmp_path / "comparison"),
    )
    assert judged[0] == ran[0] == "E0632"
    assert (compared.code, "E0632" in compared.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["task"]


def test_data_are_made_once_with_a_seed_of_the_machine(folder, tmp_path):
    task, root = load_task(folder), tmp_path / "data"
    data = prepare_data(task, "tiny", root=root)
    assert prepare_data(task, "tiny", root=root) == data
    other = prepare_data(task, "tiny", root=tmp_path / "elsewhere")
    assert other.seed != data.seed
    fixed = prepare_data(task, "tiny", seed=7, root=root)
    assert (fixed.seed, fixed.path != data.path) == (7, True)


def test_data_are_made_again_when_what_they_are_made_from_changes(folder, tmp_path):
    task, text = load_task(folder), tmp_path / "corpus"
    text.mkdir()
    prepare = (folder / "prepare.py").read_text(encoding="utf-8")

    def made(*parts: str) -> str:
        function = f"\ndef made_from(size):\n    import pathlib\n    return [{', '.join(parts)}]\n"
        (folder / "prepare.py").write_text(prepare + function, encoding="utf-8")
        return prepare_data(task, "tiny", root=tmp_path / "data").path.name

    corpus = f"pathlib.Path({str(text)!r})"
    first = made("'1'", corpus)
    assert made("'1'", corpus) == first
    (text / "a.txt").write_text("a", encoding="utf-8")
    second = made("'1'", corpus)
    os.utime(text / "a.txt", ns=(1, 1))
    third = made("'1'", corpus)
    assert len({first, second, third, made("'2'", corpus)}) == 4
    code, message = code_of(made, "pathlib.Path('/nowhere')")
    assert (code, "FileNotFoundError" in message) == ("E1205", True)
    assert code_of(made, "7")[0] == "E1205"


def test_damaged_data_are_refused(folder, tmp_path):
    data = prepare_data(load_task(folder), "tiny", root=tmp_path / "data")
    (data.train / "tokens.bin").write_bytes(b"short")
    code, message = code_of(read_data, data.path)
    assert code == "E1208"
    assert "train/tokens.bin" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = (", "cannot be imported: SyntaxError"),
        ("def other(): pass", "defines no function prepare"),
        (
            "def prepare(size, data):\n    1 / 0",
            "failed: ZeroDivisionError: division by zero (line 2)",
        ),
        ("def prepare(size, data): raise SystemExit(5)", "failed: SystemExit: 5"),
        ("def prepare(size, data): open('/nowhere/corpus')", "FileNotFoundError"),
        ("def prepare(size, data): pass", "wrote no file into train/"),
    ],
)
def test_a_failure_of_prepare_is_one_of_the_task_and_leaves_nothing(folder, tmp_path, text, reason):
    (folder / "prepare.py").write_text(text, encoding="utf-8")
    code, message = code_of(prepare_data, load_task(folder), "tiny", root=tmp_path / "data")
    assert code == "E1205"
    assert reason in message
    assert list(tmp_path.glob("data/*")) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def judge(session): return 0.5", "must return a Score"),
        (f"{_IMPORTS}def judge(session): return Score('abc')", "must return a Score"),
        (
            f"{_IMPORTS}def judge(session): return Score(1.0, {{'a': [1]}})",
            "the fact 'a' must have",
        ),
        (f"{_IMPORTS}def judge(session): return Score(1.0, {{1: 1}})", "the fact 1 must have"),
        (f"{_IMPORTS}def judge(session): return Score(1.0, [1])", "facts must be a dictionary"),
        (f"{_IMPORTS}def judge(session): raise Rejection('bored', '')", "is one of refused"),
        (f"{_IMPORTS}def judge(session): raise Rejection('refused', 1)", "is a text: 1"),
        ("import sys\ndef judge(session): sys.exit(1)", "failed: SystemExit: 1 (line 2)"),
        (_ASKS_FOR_OBJECTS, "x is an array of the type object; requests have numbers"),
        ("def judge(session): return session.nothing", "failed: AttributeError"),
        ("import nothing_like_it", "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_a_failure_of_the_judge_is_one_of_the_task(folder, tmp_path, text, reason):
    (folder / "judge.py").write_text(text, encoding="utf-8")
    task = load_task(folder)
    data = prepare_data(task, "tiny", root=tmp_path / "data")
    request = JudgeRequest(task, "tiny", task.start, data, kinds.choose("auto"))
    code, message = code_of(judge, request)
    assert code == "E1205"
    assert reason in message


def test_a_candidate_is_read_and_written_as_it_is(tmp_path):
    candidate = Candidate({"train.py": "a\r\nü", "parts/layer.py": ""})
    candidate.write(tmp_path)
    assert Candidate.read(tmp_path) == candidate
    assert candidate.identity == Candidate(dict(reversed(candidate.files.items()))).identity
    assert candidate.identity != Candidate({"train.py": "a\nü", "parts/layer.py": ""}).identity


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({}, "0 files"),
        ({f"f{n}.py": "" for n in range(21)}, "21 files"),
        ({"a.py": "x" * (512 * 1024 + 1)}, "524,289 bytes"),
        ({"../a.py": ""}, "'../a.py'"),
        ({"/a.py": ""}, "'/a.py'"),
        ({"a//b.py": ""}, "'a//b.py'"),
        ({"a\nb.py": ""}, "'a\\nb.py'"),
    ],
)
def test_candidates_beyond_the_bounds_are_refused(files, text):
    code, message = code_of(Candidate, files)
    assert code == "E1207"
    assert text in message


def test_links_and_bytes_that_are_not_text_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/train.py").symlink_to("/etc/passwd")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/train.py").write_bytes(b"\xff")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/folder").symlink_to("/etc")
    for name in ("a", "b", "c", "d"):
        assert code_of(Candidate.read, tmp_path / name)[0] == "E1207"


@pytest.mark.parametrize(
    ("text", "framework"),
    [
        ("import torch.nn as nn", "torch"),
        ("    from flax import linen", "jax"),
        ("import numpy\n# import jax", "numpy"),
        ("import torchvision", "numpy"),
    ],
)
def test_the_framework_is_found_from_the_files(text, framework):
    assert Candidate({"model.py": text}).framework == framework


def test_a_pool_judges_as_this_process_does(tmp_path):
    task = load_task(WORDS)
    data = prepare_data(task, "tiny", seed=1, root=tmp_path)
    request = JudgeRequest(task, "tiny", task.start, data, kinds.choose("auto"))
    broken = replace(request, candidate=Candidate({"train.py": "import nothing_like_it"}))
    pool = LocalPool(1)
    try:
        outcomes = list(run_all([request.job(), broken.job()], pool))
    finally:
        pool.close()
    assert request.job().needs.node_memory == task.size("tiny").memory_mib << 20
    good, bad = (Judgement.model_validate(outcome.value) for outcome in outcomes)
    assert good.score == pytest.approx(judge(request).score, abs=1e-6)
    assert (bad.status, bad.valid) == ("crashed", False)


def test_a_pool_that_closes_leaves_no_files_and_no_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    task = load_task(WORDS)
    data = prepare_data(task, "tiny", seed=1, root=tmp_path / "data")
    endless = Candidate({"train.py": "import os\nwhile True: pass"})
    pool = LocalPool(1)
    pool.submit(0, JudgeRequest(task, "tiny", endless, data, kinds.choose("auto")).job())
    while not (found := list(tmp_path.glob("aira-dsl-judge-*/library/numpy"))):
        assert pool.collect(0.05) == []
    pool.close()
    assert not found[0].parent.parent.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"data"}
