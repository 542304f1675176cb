"""`aira-dsl evaluate`: lm-eval on exported models, against our own log-likelihoods."""

import json
import math
import warnings
from functools import cache

import pytest
import torch

from aira_dsl.architecture import Architecture
from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.evaluation.accuracy.likelihood import TextModel
from aira_dsl.evaluation.accuracy.model import harness_model, own_model
from aira_dsl.evaluation.accuracy.options import EvaluateOptions, QuestionOptions
from aira_dsl.evaluation.accuracy.questions import write_questions
from aira_dsl.evaluation.accuracy.result import Metric, TaskScores
from aira_dsl.evaluation.accuracy.suites import SUITES, suite_means
from aira_dsl.interop.families.nemotron_h import export_nemotron_h
from aira_dsl.interop.huggingface import export_hugging_face
from aira_dsl.language import to_text
from aira_dsl.models import LanguageModel, build, save_model
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.helpers.command_line import run
from tests.interop.models import trained

pytestmark = pytest.mark.filterwarnings("ignore")  # of transformers, datasets and lm-eval
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("lm_eval")
    from lm_eval.api.instance import Instance
    from transformers import AutoModelForCausalLM, AutoTokenizer

TEXT = "The owl and the pussycat went to sea in a beautiful pea-green boat. " * 40
CONTEXT = 128
WORDS = ("owl", "boat", "sea", "pea")


def architecture() -> Architecture:
    blocks = {
        "A": Attention(heads=2, rope=None),
        "M": MLP(hidden=32, activation="relu2"),
        "S": Mamba2(inner=32, state=8, head_dim=8),
    }
    return Architecture(
        name="small", width=32, vocab=256, context=CONTEXT, blocks=blocks, layers=tuple("ASMA")
    )


@cache
def fitted() -> LanguageModel:
    """Train on a short text, so that the probabilities are far from equal."""
    model = build(architecture(), seed=0)
    tokens = torch.tensor([list(TEXT.encode())[i * 50 : i * 50 + 65] for i in range(16)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        logits = model(tokens[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.5
    return model.eval()


@pytest.fixture(scope="module")
def random_model() -> LanguageModel:
    return trained(architecture(), 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, random_model):
    folder = tmp_path_factory.mktemp("models") / "random"
    export_hugging_face(random_model, folder)
    return folder


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Return the YAML file of 30 questions about text."""
    place = tmp_path_factory.mktemp("questions")
    for number in range(8):
        words = " ".join(f"{WORDS[i % 4]}{number}{i}" for i in range(300))
        (place / f"{number}.txt").write_text(words, encoding="utf-8")
    corpus = prepare([place], validation=0, cache=place / "cache")
    write_questions(corpus, place / "task", QuestionOptions(count=30, everything=True))
    return place / "task/cloze.yaml"


def own_reader(model: LanguageModel) -> TextModel:
    return TextModel(model, lambda text: list(text.encode()), 0, CONTEXT, batch=3)


def instances(kind: str, requests: list[tuple[str, ...]]) -> list[Instance]:
    return [Instance(kind, {}, arguments, 0) for arguments in requests]


REQUESTS = [
    ("The owl and the ", "pussycat"),
    ("The owl and the", " pussycat"),
    ("", "The owl"),
    ("The owl\n\n ", "went to sea"),
    ("naïve café, ", "日本語 😀"),
    (TEXT[:500], " beautiful boat"),
    ("a", "b"),
    (" ", "and"),
]


@pytest.mark.parametrize("export", [export_hugging_face, export_nemotron_h])
@pytest.mark.parametrize(
    "make", [lambda: trained(architecture(), 1), fitted], ids=["random", "fitted"]
)
def test_log_likelihoods_equal_those_of_lm_eval(export, make, tmp_path):
    model = make()
    export(model, tmp_path / "out")
    options = EvaluateOptions(tasks=("none",), batch=3)
    harness = harness_model(tmp_path / "out", options, "cpu")
    own = own_reader(model)
    theirs = harness.loglikelihood(instances("loglikelihood", REQUESTS[:-1]))
    ours = own.score(REQUESTS[:-1])
    for (value, greedy), score in zip(theirs, ours, strict=True):
        assert score.log_likelihood == pytest.approx(value, abs=1e-4)
        assert score.greedy == greedy
    texts = [TEXT[:1], TEXT[:CONTEXT], TEXT[: CONTEXT + 1], TEXT[:400], "naïve café 日本語 😀"]
    rolling = harness.loglikelihood_rolling(
        instances("loglikelihood_rolling", [(text,) for text in texts])
    )
    assert [own.score_document(text) for text in texts] == pytest.approx(rolling, abs=1e-4)
    again = own_model(tmp_path / "out", harness, "cpu")
    assert again is not None
    assert again.score(REQUESTS) == own.score(REQUESTS)


def test_the_command_scores_questions_as_our_own_log_likelihoods_do(
    folder, questions, random_model, tmp_path
):
    done = run("evaluate", folder, "--tasks", questions, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out/results.json").read_text(encoding="utf-8"))
    (task,) = found["tasks"]
    assert (task["task"], task["questions"], task["available"]) == ("cloze", 30, 30)
    assert (task["chance"], task["fewshot"]) == (0.25, 0)
    own, right = own_reader(random_model), 0
    for line in (questions.parent / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        question = json.loads(line)
        scores = own.score([(question["context"], choice) for choice in question["choices"]])
        values = [score.log_likelihood for score in scores]
        right += values.index(max(values)) == question["answer"]
    share = right / 30
    (accuracy,) = [metric for metric in task["metrics"] if metric["name"] == "acc"]
    assert accuracy["value"] == pytest.approx(share)
    assert accuracy["error"] == pytest.approx(math.sqrt(share * (1 - share) / 29))
    assert found["check"]["requests"] == 32
    assert found["check"]["difference"] < 1e-4
    assert found["fingerprint"] == random_model.architecture.fingerprint
    for part in ("cloze", "30", "acc", "0.2500", "differ from our own by at most"):
        assert part in done.out
    assert (tmp_path / "out/table.txt").read_text(encoding="utf-8") == done.out


def test_results_are_not_replaced_before_anything_runs(folder, questions, tmp_path):
    command = ("evaluate", folder, "--tasks", questions, "--limit", 2, "--out", tmp_path / "out")
    assert run(*command).code == 0
    before = (tmp_path / "out/results.json").read_bytes()
    again = run(*command)
    assert (again.code, "E0503" in again.err, "2 questions" in again.err) == (1, True, False)
    assert (tmp_path / "out/results.json").read_bytes() == before
    assert run(*command, "--force").code == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine", encoding="utf-8")
    other = run(*command[:-1], tmp_path / "other", "--force")
    assert (other.code, "E0503" in other.err) == (1, True)


def test_limits_and_examples_are_said(folder, questions):
    done = run("evaluate", folder, "--tasks", questions, "--limit", 5, "--format", "json")
    (task,) = json.loads(done.out)["tasks"]
    assert (task["questions"], task["available"]) == (5, 30)
    assert json.loads(done.out)["check"]["requests"] == 20
    shots = run(
        "evaluate", folder, "--tasks", questions, "--limit", 5, "--fewshot", 2, "--check", 0
    )
    assert "5 of 30" in shots.out
    assert "not compared" in shots.out
    assert shots.out.splitlines()[3].split()[1] == "2"


def task_file(place, name: str, text: str) -> str:
    (place / f"{name}.yaml").write_text(f"task: {name}\n{text}", encoding="utf-8")
    return str(place / f"{name}.yaml")


DOCUMENTS = """
dataset_path: json
dataset_kwargs: {data_files: {test: documents.jsonl}}
test_split: test
"""


@pytest.fixture
def documents(tmp_path):
    lines = [{"text": TEXT[:300], "short": "sea"}, {"text": "naïve café", "short": ""}]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "documents.jsonl").write_text(content, encoding="utf-8")
    return tmp_path


def test_bits_per_byte_of_documents(folder, documents, random_model):
    text = f"""{DOCUMENTS}output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: bits_per_byte}}]
"""
    done = run(
        "evaluate", folder, "--tasks", task_file(documents, "prose", text), "--format", "json"
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    texts = [TEXT[:300], "naïve café"]
    nats = -sum(own_reader(random_model).score_document(text) for text in texts)
    expected = nats / math.log(2) / sum(len(text.encode()) for text in texts)
    (task,) = found["tasks"]
    assert task["metrics"][0]["value"] == pytest.approx(expected, abs=1e-6)
    assert task["chance"] is None
    assert found["check"]["requests"] == 2
    assert found["check"]["difference"] < 1e-4


def test_answers_are_generated_in_batches_of_one_for_a_class_without_padding(folder, documents):
    text = f"""{DOCUMENTS}output_type: generate_until
doc_to_text: "{{{{text[:20]}}}}"
doc_to_target: "{{{{short}}}}"
generation_kwargs: {{until: ["."], max_gen_toks: 4}}
metric_list: [{{metric: exact_match}}]
"""
    done = run(
        "evaluate", folder, "--tasks", task_file(documents, "writing", text), "--format", "json"
    )
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    assert task["metrics"][0]["name"] == "exact_match"
    assert task["metrics"][0]["value"] in (0, 0.5)


def test_scores_are_kept_when_another_task_fails(folder, documents, questions):
    text = f"""{DOCUMENTS}output_type: loglikelihood
doc_to_text: "a"
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: acc}}]
"""
    long = task_file(documents, "long", text)
    alone = run("evaluate", folder, "--tasks", long)
    assert (alone.code, "E1807" in alone.err) == (1, True)
    assert "an answer has 300 tokens, the context of the model 128" in alone.err
    done = run("evaluate", folder, "--tasks", f"{long}", "--tasks", questions, "--limit", 4)
    assert done.code == 3
    assert "long has no scores: an answer has 300 tokens" in done.out
    assert "4 of 30" in done.out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("output_type: [", "is not a task of lm-eval"),
        ("nonsense: 3\n", "is not a task of lm-eval"),
        ("dataset_path: json\ntest_split: test\n", "the task names no data_files"),
        (DOCUMENTS.replace("documents", "missing"), "there is no data file"),
        (DOCUMENTS.replace("documents", "https://example.org/x"), "is not a local file"),
        (
            DOCUMENTS.replace("json\n", "csv\n", 1).replace("documents.jsonl", "bad.bin"),
            "cannot be read",
        ),
    ],
)
def test_files_of_tasks_that_cannot_be_used(text, reason, folder, documents):
    (documents / "bad.bin").write_bytes(b"\xff\xfe\x00\x9f" * 100)
    done = run("evaluate", folder, "--tasks", task_file(documents, "broken", text))
    assert (done.code, "E1805" in done.err) == (1, True), done.err
    assert reason in done.err


def test_a_data_set_of_the_hub_is_refused_and_its_copy_is_read(folder, tmp_path):
    text = """dataset_path: owner/letters
output_type: multiple_choice
test_split: test
doc_to_text: question
doc_to_choice: [a, b]
doc_to_target: answer
metric_list: [{metric: acc}]
"""
    file = task_file(tmp_path, "letters", text)
    refused = run("evaluate", folder, "--tasks", file)
    assert (refused.code, "E1804" in refused.err) == (2, True)
    assert "--data FOLDER" in refused.err
    copy = tmp_path / "sets/owner/letters"
    copy.mkdir(parents=True)
    rows = [{"question": "a or b?", "answer": number % 2} for number in range(6)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (copy / "test.jsonl").write_text(lines, encoding="utf-8")
    done = run("evaluate", folder, "--tasks", file, "--data", tmp_path / "sets", "--format", "json")
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    assert (task["questions"], task["chance"]) == (6, 0.5)
    assert task["metrics"][0]["value"] == 0.5  # the same question six times, half of them right


def test_folders_that_are_not_models(tmp_path, random_model, questions):
    for place in (tmp_path, tmp_path / "missing"):
        done = run("evaluate", place, "--tasks", questions)
        assert (done.code, "E1801" in done.err) == (1, True)
    assert "there is no folder" in done.err
    save_model(random_model, tmp_path / "m.module")
    assert "--emit hf" in run("evaluate", tmp_path / "m.module", "--tasks", questions).err
    export_hugging_face(random_model, tmp_path / "run/export")
    assert run("evaluate", tmp_path / "run", "--tasks", questions, "--limit", 1).code == 0
    (tmp_path / "run/export/tokenizer.json").unlink()
    (tmp_path / "run/export/tokenizer_config.json").unlink()
    assert "has no tokenizer" in run("evaluate", tmp_path / "run", "--tasks", questions).err


def test_a_damaged_model_is_refused(tmp_path, random_model, questions):
    export_hugging_face(random_model, tmp_path / "out")
    (tmp_path / "out/model.safetensors").write_bytes(b"half a file")
    done = run("evaluate", tmp_path / "out", "--tasks", questions)
    assert (done.code, "E1808" in done.err) == (1, True)


def test_code_of_other_packages_is_not_run(tmp_path, random_model, questions):
    export_hugging_face(random_model, tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text(encoding="utf-8"))
    config["model_type"] = "foreign"
    (tmp_path / "out/config.json").write_text(json.dumps(config), encoding="utf-8")
    (tmp_path / "out/configuration_aira.py").write_text("1/0", encoding="utf-8")
    done = run("evaluate", tmp_path / "out", "--tasks", questions)
    assert (done.code, "E1808" in done.err) == (1, True)
    assert "division" not in done.err


def test_a_model_of_train_is_evaluated_loads_in_transformers_and_writes_text(tmp_path):
    words = [
        f"The {a} {b} {c} of the {d}" for a in WORDS for b in WORDS for c in WORDS for d in WORDS
    ]
    texts = tmp_path / "texts"
    texts.mkdir()
    for number in range(32):
        (texts / f"{number}.txt").write_text(". ".join(words[number::3]), encoding="utf-8")
    (tmp_path / "small.arch").write_text(to_text(architecture()), encoding="utf-8")
    data = ("--validation", 0.2, "--cache", tmp_path / "cache")
    options = ("--steps", 60, "--batch", 8, "--context", 64, "--threads", 1, "--precision", "fp32")
    run_folder = tmp_path / "run"
    done = run(
        "train", tmp_path / "small.arch", "--data", texts, *data, *options, "--out", run_folder
    )
    assert done.code == 0, done.err
    made = run("questions", texts, "--out", tmp_path / "q", "--count", 12, *data)
    assert made.code == 0, made.err
    done = run("evaluate", run_folder, "--tasks", tmp_path / "q/cloze.yaml", "--format", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["check"]["difference"] < 1e-4
    assert found["tasks"][0]["questions"] == 12
    tokenizer = AutoTokenizer.from_pretrained(run_folder / "export")
    model = AutoModelForCausalLM.from_pretrained(run_folder / "export", trust_remote_code=True)
    prompt = tokenizer("The owl boat", return_tensors="pt")
    written = tokenizer.decode(model.generate(**prompt, max_new_tokens=16, do_sample=False)[0])
    assert written.startswith("The owl boat")
    assert set(written[12:].split()) & {"of", "the", "The", "sea", "owl", "pea", "boat"}


@pytest.mark.slow  # lm-eval reads its index of 14,000 tasks
def test_names_of_tasks(folder, tmp_path):
    done = run("evaluate", folder, "--tasks", "helaswag")
    assert (done.code, "E1803" in done.err, "did you mean hellaswag" in done.err) == (2, True, True)
    for name in ("hellaswag", "zero-shot"):
        done = run("evaluate", folder, "--tasks", name)
        assert (done.code, "E1804" in done.err) == (2, True)
        assert "Rowan/hellaswag is not on this machine" in done.err
    copy = tmp_path / "hellaswag"
    copy.mkdir()
    row = {"ind": 1, "activity_label": "Sailing", "ctx_a": "An owl sits.", "ctx_b": "it"}
    row |= {"ctx": "An owl sits. it", "endings": ["sails.", "sinks.", "sings.", "flies."]}
    row |= {"label": "0", "source_id": "x", "split": "val", "split_type": "indomain"}
    for split in ("train", "validation", "test"):
        (copy / f"{split}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    done = run("evaluate", folder, "--tasks", "hellaswag", "--data", tmp_path, "--format", "json")
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["tasks"]
    assert {metric["name"] for metric in task["metrics"]} >= {"acc", "acc_norm"}
    from aira_dsl.evaluation.accuracy.tasks import registered_tasks

    for suite in SUITES.values():
        assert {each.name for each in suite} <= set(registered_tasks().all_tasks)


def scores(task: str, fewshot: int, **values: float) -> TaskScores:
    metrics = tuple(Metric(name, value, 0.02) for name, value in values.items())
    return TaskScores(task, fewshot, 100, 100, 0.25, metrics)


def test_the_zero_shot_mean_is_plain_and_normalised():
    found = [scores(task.name, 0, acc=0.5, acc_norm=0.6) for task in SUITES["zero-shot"][:5]]
    assert list(suite_means("zero-shot", found)) == []
    found.append(scores(SUITES["zero-shot"][5].name, 0, acc=0.8))
    plain, normalised = suite_means("zero-shot", found)
    assert (plain.name, normalised.name) == ("score", "acc_norm")
    assert plain.value == pytest.approx((5 * 0.5 + 0.8) / 6)
    assert normalised.value == pytest.approx((5 * 0.6 + 0.8) / 6)
    assert plain.error == pytest.approx(0.02 * math.sqrt(6) / 6)


def test_the_core_mean_takes_the_metric_and_examples_of_each_task():
    found = [
        scores(task.name, task.fewshot, **{task.metric: 0.4 / task.scale, "acc_mutual_info": 9.0})
        for task in SUITES["dclm-core"]
    ]
    (mean,) = suite_means("dclm-core", [*found, scores("arc_easy", 0, acc_norm=0.9)])
    assert mean.value == pytest.approx(0.4)
    assert len(SUITES["dclm-core"]) == 14
