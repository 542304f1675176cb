"""The worker function of judging: judges one candidate in a process of a pool."""

import signal
import sys
from typing import Any

from aira_dsl.design.judge.judging import judge as judge_candidate
from aira_dsl.design.request import JudgeRequest
from aira_dsl.jobs.pool import ShouldContinue


def judge(payload: dict[str, Any], should_continue: ShouldContinue) -> Any:
    """Return a `Judgement` in JSON form.

    Args:
        payload: what `JudgeRequest.job` writes.
        should_continue: not called; a judgement has no intermediate results.

    Raises:
        AiraError: if the task, its data or the sandbox is at fault, so that no candidate can
            succeed.
    """
    signal.signal(signal.SIGTERM, _end)
    return judge_candidate(JudgeRequest.of_job(payload)).model_dump(mode="json")


def _end(number: int, _: Any) -> None:
    """End this process as by an exception, so that the candidate's files are removed."""
    sys.exit(128 + number)
