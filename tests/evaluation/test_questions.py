"""Questions made from text: their form, their place in the text, and the command."""

import hashlib
import json
from collections import Counter

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from aira_dsl.errors import InputError
from aira_dsl.evaluation.accuracy.questions import make_questions
from tests.helpers.command_line import run

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")


def prose(number: int, words: int = 400) -> str:
    return " ".join(f"{WORDS[(i * i + number * 7 + i) % 10]}{number}x{i}" for i in range(words))


TEXTS = [prose(number) for number in range(12)]


def test_the_right_choice_continues_the_passage_in_the_text():
    questions = make_questions(TEXTS, 60, seed=0)
    assert len(questions) == 60
    for each in questions:
        right = each["choices"][each["answer"]]
        assert sum(each["context"] + right in text for text in TEXTS) == 1
        wrong = [choice for choice in each["choices"] if choice != right]
        assert len(set(wrong)) == 3
        assert not any(each["context"] + choice in text for choice in wrong for text in TEXTS)
        assert {len(choice) for choice in each["choices"]} == {40}


def test_wrong_choices_come_from_other_documents():
    for each in make_questions(TEXTS, 60, seed=0):
        (home,) = [text for text in TEXTS if each["context"] in text]
        right = each["choices"][each["answer"]]
        assert not any(choice in home for choice in each["choices"] if choice != right)


def test_the_seed_decides_and_answers_are_spread():
    assert make_questions(TEXTS, 60, seed=0) == make_questions(TEXTS, 60, seed=0)
    assert make_questions(TEXTS, 60, seed=0) != make_questions(TEXTS, 60, seed=1)
    places = Counter(each["answer"] for each in make_questions(TEXTS, 100, seed=0))
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 45


def test_no_question_is_asked_twice():
    questions = make_questions([*TEXTS, *TEXTS], 100, seed=0)
    right = [each["choices"][each["answer"]] for each in questions]
    assert len(set(right)) == 100


def test_rulers_and_tables_are_not_questions():
    with pytest.raises(InputError, match="the text gives 0 questions") as caught:
        make_questions(["---- | ---- | " * 1000], 4, seed=0)
    assert caught.value.code == "E1806"


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, text in enumerate(TEXTS):
        (folder / f"{number:02}.txt").write_text(text, encoding="utf-8")
    return folder


def held_out(text: str, share: float) -> bool:
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    return number < share * 2.0**64


def test_the_command_asks_about_held_out_documents_alone(corpus, tmp_path):
    options = ("--count", 20, "--validation", 0.5, "--cache", tmp_path / "cache")
    done = run("questions", corpus, "--out", tmp_path / "task", *options)
    assert done.code == 0, done.err
    assert "--tasks" in done.out
    lines = (tmp_path / "task/questions.jsonl").read_text(encoding="utf-8").splitlines()
    kept = [text for text in TEXTS if held_out(text, 0.5)]
    assert 0 < len(kept) < len(TEXTS)
    assert [json.loads(line) for line in lines] == make_questions(kept, 20, 0)
    everything = run("questions", corpus, "--out", tmp_path / "all", "--all", *options)
    assert everything.code == 0, everything.err
    lines = (tmp_path / "all/questions.jsonl").read_text(encoding="utf-8").splitlines()
    contexts = [json.loads(line)["context"] for line in lines]
    trained = [text for text in TEXTS if not held_out(text, 0.5)]
    assert any(context in text for context in contexts for text in trained)


def test_too_little_text_is_refused(corpus, tmp_path):
    options = ("--validation", 0.5, "--cache", tmp_path / "cache")
    done = run("questions", corpus, "--out", tmp_path / "task", "--count", 500, *options)
    assert (done.code, "E1806" in done.err, "not 500" in done.err) == (1, True, True)
    assert not (tmp_path / "task").exists()


def test_text_without_held_out_documents_is_refused_with_what_to_do(corpus, tmp_path):
    options = ("--count", 20, "--validation", 0, "--cache", tmp_path / "cache")
    done = run("questions", corpus, "--out", tmp_path / "task", *options)
    assert (done.code, "no document of the text is held out" in done.err) == (1, True)
    assert "--validation" in done.err
    assert run("questions", corpus, "--out", tmp_path / "task", "--all", *options).code == 0


def test_other_questions_are_not_replaced_silently(corpus, tmp_path):
    options = ("--count", 20, "--validation", 0.5, "--cache", tmp_path / "cache")
    command = ("questions", corpus, "--out", tmp_path / "task", *options)
    assert run(*command).code == 0
    assert "unchanged" in run(*command).out
    other = run(*command, "--seed", 1)
    assert (other.code, "E0503" in other.err) == (1, True)
    assert "written" in run(*command, "--seed", 1, "--force").out


def test_text_of_another_tokenizer_comes_back(corpus, tmp_path):
    file = tmp_path / "tokenizer.json"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=["</s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(file))
    options = ("--count", 20, "--validation", 0.5, "--cache", tmp_path / "cache")
    assert run("questions", corpus, "--out", tmp_path / "a", *options).code == 0
    done = run("questions", corpus, "--out", tmp_path / "b", "--tokenizer", file, *options)
    assert done.code == 0, done.err
    for name in ("questions.jsonl", "cloze.yaml"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
