"""Judges a candidate: runs the judge.py of its task and makes a judgement of what comes of it."""

import math
import time

from aira_dsl.design.judge.session import JudgeSession
from aira_dsl.design.judgement import Fact, Judgement, Rejection, Score
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import JUDGE, failed
from aira_dsl.errors import AiraError, InputError


def judge(request: JudgeRequest) -> Judgement:
    """Judge a candidate; whatever it does, there is a judgement.

    Raises:
        InputError: E1205, judge.py of the task fails.
        UsageError: E1204, the task has no such size; E1209, the framework of the candidate is not
            installed.
        RunError: E11xx, the sandbox does not start; E0904, a file cannot be written.
    """
    began = time.monotonic()
    candidate = request.candidate
    facts: dict[str, Fact] = {"framework": candidate.framework}
    score: Score | None = None
    rejection: Rejection | None = None
    try:
        _check_files(request)
        score = _run(request, facts)
        facts |= score.facts
    except Rejection as error:
        rejection = error
    return Judgement(
        fingerprint=candidate.identity,
        seed=request.seed,
        split=request.split,
        status="ok" if rejection is None else rejection.status,
        score=None if score is None else score.value,
        seconds=time.monotonic() - began,
        message="" if rejection is None else rejection.reason,
        reasons=() if rejection is None else (rejection.reason,),
        facts=facts,
    )


def _check_files(request: JudgeRequest) -> None:
    metadata, candidate = request.task.metadata, request.candidate
    for name in metadata.candidate.files:
        if name not in candidate.files:
            raise Rejection("invalid", f"missing file: the candidate has no {name}")
    if candidate.framework not in (*metadata.frameworks, "numpy"):
        raise Rejection(
            "invalid",
            f"wrong framework: the candidate imports {candidate.framework}; allowed is "
            f"{' or '.join(metadata.frameworks)}",
        )


def _run(request: JudgeRequest, facts: dict[str, Fact]) -> Score:
    """Call the task's `judge` and check what it returns."""
    path = request.task.folder / JUDGE
    function = request.task.function(JUDGE, "judge")
    with JudgeSession(request, facts) as session:
        try:
            score = function(session)
        except (AiraError, Rejection):
            raise
        except (Exception, SystemExit) as error:  # whatever a user's file raises
            raise failed(path, error) from error
    if not isinstance(score, Score) or not _is_number(score.value):
        raise InputError("E1205", f"{path}: judge must return a Score with a number, not {score!r}")
    if not isinstance(score.facts, dict):
        raise InputError("E1205", f"{path}: facts must be a dictionary, not {score.facts!r}")
    for name, fact in score.facts.items():
        if not isinstance(name, str) or not isinstance(fact, int | float | str | None):
            raise InputError(
                "E1205",
                f"{path}: the fact {name!r} must have a text as its name, and be a number or a "
                f"text: {fact!r}",
            )
    return score


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
