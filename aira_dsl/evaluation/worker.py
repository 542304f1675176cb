"""The inside of an evaluation process: `python -m aira_dsl.evaluation.worker`, started by the pool.

It reads a configuration line and then one request a line on standard input, and answers with one
JSON line each; for a judged candidate it asks after each task whether to go on. It dies with its
parent: when standard input closes, whatever is being computed.
"""

import json
import os
import resource
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TextIO


def main() -> None:
    """Serve evaluations until standard input closes."""
    requests: SimpleQueue[str] = SimpleQueue()
    answers = _claim_stdout()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()

    from aira_dsl.evaluation.evaluator import Evaluator
    from aira_dsl.evaluation.presets import EvaluatorSettings

    configuration = json.loads(requests.get())
    evaluator = Evaluator(EvaluatorSettings.model_validate(configuration["settings"]))
    if evaluator.settings.device == "cpu":  # CUDA reserves address space that counts as memory
        _limit_memory(configuration["memory_bytes"])

    def ask(tasks: Sequence[Any]) -> bool:
        _answer(answers, {"tasks": [task.model_dump() for task in tasks]})
        return bool(json.loads(requests.get()))

    _answer(answers, {"ready": True})
    while True:
        _answer(answers, _serve(evaluator, json.loads(requests.get()), ask))


def _serve(
    evaluator: Any, request: dict[str, Any], ask: Callable[[Sequence[Any]], bool]
) -> dict[str, Any]:
    from aira_dsl.architecture import Architecture
    from aira_dsl.errors import AiraError
    from aira_dsl.evaluation.result import Evaluation

    options = {"go_on": ask} if request["judged"] else {}
    architecture = Architecture.model_validate(request["architecture"])
    try:
        evaluation = evaluator.evaluate(architecture, request["seed"], request["split"], **options)
    except AiraError as error:  # the data or the settings are wrong: no candidate can succeed
        return {"error": [error.exit_code, error.code, error.message, error.help]}
    except Exception as error:  # a candidate can not take the search down
        evaluation = Evaluation(
            fingerprint=architecture.fingerprint,
            seed=request["seed"],
            split=request["split"],
            status="crashed",
            score=None,
            message=f"{type(error).__name__}: {error}"[:500],
        )
    return {"evaluation": evaluation.model_dump()}


def _claim_stdout() -> TextIO:
    """Keep the real standard output for answers; what anybody else prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _answer(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _read_requests(requests: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)  # the parent is gone: nobody wants the answer


def _limit_memory(limit_bytes: int) -> None:
    """Cap what may be allocated from here on; beyond it allocations fail inside this process."""
    used = 0
    status = Path("/proc/self/status")
    if status.exists():
        line = next(ln for ln in status.read_text().splitlines() if ln.startswith("VmData"))
        used = int(line.split()[1]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit_bytes, hard))


if __name__ == "__main__":
    main()
