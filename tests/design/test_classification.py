"""Classifiers: accuracy from logits, growth of memory, answers that depend on one example only."""

from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.growth import memory_exponent, time_exponent
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import load_task
from aira_dsl.sandbox import kinds

TASK = Path(__file__).parent / "tasks" / "parity"
MIB = 1 << 20

_SMALL_SQUARE = "square = np.ones((len(inputs[0]),) * 2, np.float16)"
_BLOCKS = """\
parts = np.array_split(inputs[0] / 99, -(-len(inputs[0]) // 32))
        square = [np.exp(np.multiply.outer(part, inputs[0])).sum() for part in parts]"""
"""Computes all pairs of positions, 32 rows at a time."""

_REMEMBERS = """\
answers = table[0][inputs[:, 0]] + 9 * np.eye(4, dtype=np.float32)[inputs[::-1, 0]]
        seen = self.__dict__.setdefault("seen", {})
        pairs = zip(inputs, answers, strict=True)
        return np.stack([seen.setdefault(row.tobytes(), answer) for row, answer in pairs])"""
"""Depends on the batch, and answers the same when it is asked again for an example."""


@pytest.fixture(scope="module")
def request_(tmp_path_factory):
    """Return the request for the candidate that comes with the task."""
    task = load_task(TASK)
    data = prepare_data(task, "tiny", seed=1, root=tmp_path_factory.mktemp("data"))
    return JudgeRequest(task, "tiny", task.start, data, kinds.choose("auto"))


def judgement_with(request_, line):
    """Return the judgement of the task's candidate with a line at the start of its answer."""
    text = request_.candidate.files["model.py"].replace(
        '        table = self.weights["table"]\n        return',
        f'        table = self.weights["table"]\n        {line}\n        return',
    )
    return judge(replace(request_, candidate=Candidate({"model.py": text})))


def test_an_honest_classifier_is_scored(request_):
    judgement = judge(request_)
    assert judgement.status == "ok", judgement
    assert judgement.score > 0.9
    assert judgement.facts["parameters"] == 8 * 4 * 4
    assert judgement.facts["quadratic"] == judgement.facts["quadratic_time"] == 0
    assert judgement.facts["memory_exponent"] < 1.3


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("square = np.ones((len(inputs[0]),) * 2)", "refused", "quadratic: memory of a forward"),
        (_SMALL_SQUARE, "refused", "quadratic: memory of a forward"),
        (
            "return table[0][inputs[:, 0]] + 9 * np.eye(4, dtype=np.float32)[inputs[::-1, 0]]",
            "refused",
            "not a function of the example: ",
        ),
        (_REMEMBERS, "refused", "not a function of the example: "),
        ("return np.full((len(inputs), 4), np.nan, np.float32)", "diverged", "NaN: "),
        ("return np.zeros((len(inputs), 5), np.float32)", "refused", "wrong array: logits of the"),
        ("return inputs[:, :4]", "refused", "wrong array: logits of the type int32, not"),
    ],
)
def test_the_candidate(request_, line, status, reason):
    judgement = judgement_with(request_, line)
    assert (judgement.status, judgement.score) == (status, None)
    assert judgement.message.startswith(reason)


def test_all_pairs_in_blocks_are_marked_by_their_time(request_):
    judgement = judgement_with(request_, _BLOCKS)
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["quadratic"] == 0
    assert judgement.facts["quadratic_time"] == 1, judgement.facts


@pytest.mark.parametrize(
    ("memory", "exponent"),
    [
        ([120 * MIB, 140 * MIB, 180 * MIB], 1.0),
        ([120 * MIB, 180 * MIB, 420 * MIB], 2.0),
        ([100 * MIB, 101 * MIB, 100 * MIB], 0.0),
        ([100 * MIB, 101 * MIB, 102 * MIB], 0.0),
        ([102 * MIB, 108 * MIB, 132 * MIB, 228 * MIB], 2.0),  # one matrix of two-byte numbers
        ([102 * MIB, 108 * MIB, 132 * MIB, 180 * MIB], 1.0),
    ],
)
def test_the_exponent_does_not_depend_on_what_the_program_itself_uses(memory, exponent):
    assert memory_exponent(memory) == pytest.approx(exponent, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "exponent"), [([1, 2, 4], 1.0), ([3, 12, 48, 192], 2.0), ([9, 1, 9, 4], 1.0)]
)
def test_the_exponent_of_time_is_a_slope(seconds, exponent):
    assert time_exponent(seconds) == pytest.approx(exponent)
