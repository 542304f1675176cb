"""A multiple-choice task made from text: which of four passages continues this one?

A question is a passage of the text and four equally long continuations, of which one is the text's
own; the others are the continuations of other questions. A model answers with the most likely one,
so chance is one in four. The same text and seed give the same questions.

The task is a folder for lm-evaluation-harness: a YAML file and the questions as JSON lines.
"""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from aira_dsl.data.tokens.corpus import Split, TokenCorpus
from aira_dsl.data.tokens.tokenizer import BYTES, open_tokenizer
from aira_dsl.errors import InputError
from aira_dsl.evaluation.accuracy.options import QuestionOptions
from aira_dsl.utils.files import OutputKind, write_folder

TASK, QUESTIONS = "cloze.yaml", "questions.jsonl"
FOLDER = OutputKind("a folder of questions", "other questions", frozenset({TASK, QUESTIONS}))
CHOICES = 4

_CONTEXT, _ANSWER = 200, 40
"""Characters of a passage at least (up to a word more), and of a continuation."""
_LETTERS = 0.6
"""Least share of letters and digits in a continuation: no tables, no rulers."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text, cut before a word.

    Attributes:
        document: number of the document.
        context: text before the cut.
        continuation: text after it.
    """

    document: int
    context: str
    continuation: str


def write_questions(
    corpus: TokenCorpus,
    folder: Path,
    options: QuestionOptions,
    *,
    force: bool = False,
) -> Literal["written", "unchanged"]:
    """Write a task of questions about the documents that a corpus holds out.

    Args:
        corpus: text; `train` with the same options does not train on the same documents.
        folder: where to write the task.
        options: how many questions, and about what.
        force: replace other questions.

    Raises:
        InputError: E1806, the text is too little; E0503, the folder holds something else.
        UsageError: E1403, the package tokenizers is not installed.
        RunError: E0904, the folder cannot be written.
    """
    splits = [corpus.train, corpus.validation] if options.everything else [corpus.validation]
    if not any(split.documents for split in splits):
        raise InputError(
            "E1806",
            "no document of the text is held out",
            help="hold out a share with --validation, as in the training, or ask with --all",
        )
    questions = make_questions(_texts(corpus, splits), options.count, options.seed)
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in questions)
    task = _task(options.seed, hashlib.sha256(lines.encode()).hexdigest())

    def write(made: Path) -> None:
        (made / QUESTIONS).write_text(lines, encoding="utf-8")
        (made / TASK).write_text(task, encoding="utf-8")

    return write_folder(folder, FOLDER, write, force=force)


def _texts(corpus: TokenCorpus, splits: Iterable[Split]) -> Iterator[str]:
    """Yield the documents of some splits."""
    tokenizer = open_tokenizer(corpus.tokenizer_path or BYTES, corpus.tokenizer.separator_text)
    for split in splits:
        starts = split.document_starts(0, split.tokens).tolist()
        for start, end in pairwise([*starts, split.tokens]):
            yield tokenizer.decode(split.read(start, end)).decode("utf-8", errors="replace")


def make_questions(texts: Iterable[str], count: int, seed: int) -> list[dict[str, Any]]:
    """Return questions: `context`, `choices`, and `answer`, the place of the right choice.

    Raises:
        InputError: E1806, the text is too little.
    """
    passages = _distinct(each for i, text in enumerate(texts) for each in _passages(i, text))
    if len(passages) < max(count, CHOICES):
        raise InputError(
            "E1806",
            f"the text gives {len(passages):,} questions, not {max(count, CHOICES):,}",
            help=f"give more text, about {_CONTEXT + 2 * _ANSWER} characters a question, or ask "
            "for fewer with --count",
        )
    rng = random.Random(seed)
    rng.shuffle(passages)
    return [_question(passage, passages, rng) for passage in passages[:count]]


def _passages(document: int, text: str) -> Iterator[Passage]:
    """Cut a document into passages that do not overlap."""
    step = _CONTEXT + 2 * _ANSWER
    for start in range(0, len(text) - step + 1, step):
        cut = _word_start(text, start + _CONTEXT, start + _CONTEXT + _ANSWER)
        continuation = text[cut : cut + _ANSWER] if cut is not None else ""
        if sum(map(str.isalnum, continuation)) >= _LETTERS * _ANSWER:
            yield Passage(document, text[start:cut], continuation)


def _word_start(text: str, start: int, end: int) -> int | None:
    """Return the first place in a range at which a word begins; None if there is none."""
    places = (i for i in range(start, end) if text[i - 1].isspace() and text[i].isalnum())
    return next(places, None)


def _distinct(passages: Iterable[Passage]) -> list[Passage]:
    """Keep the first of passages with the same continuation."""
    return list({each.continuation: each for each in reversed(list(passages))}.values())[::-1]


def _question(passage: Passage, passages: Sequence[Passage], rng: random.Random) -> dict[str, Any]:
    """Add continuations of other passages, of other documents as long as there are enough."""
    drawn = rng.sample(passages, min(len(passages), 8 * CHOICES))
    others = [each for each in drawn if each is not passage]
    others.sort(key=lambda each: each.document == passage.document)
    answer = rng.randrange(CHOICES)
    choices = [each.continuation for each in others[: CHOICES - 1]]
    choices.insert(answer, passage.continuation)
    return {"context": passage.context, "choices": choices, "answer": answer}


def _task(seed: int, digest: str) -> str:
    return f"""\
# Questions of `aira-dsl questions`: which continuation is the text's own?
task: cloze
dataset_path: json
dataset_kwargs:
  data_files:
    test: {QUESTIONS}
test_split: test
output_type: multiple_choice
doc_to_text: context
doc_to_choice: choices
doc_to_target: answer
target_delimiter: ""
num_fewshot: 0
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
metadata:
  version: 1.0
  seed: {seed}
  sha256: {digest}
"""
