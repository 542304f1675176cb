"""Worker functions that test a pool: what it passes on, its limits, its failures.

They import neither torch nor numpy, so that a process starts in a few hundredths of a second.
"""

import json
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from aira_dsl.errors import InputError
from aira_dsl.jobs.pool import LastValue, ShouldContinue


def echo(payload: Any, should_continue: ShouldContinue) -> Any:
    """Return the payload."""
    return payload


def evaluate(payload: dict[str, Any], should_continue: ShouldContinue) -> dict[str, Any]:
    """Return an evaluation in JSON form, pruned after the first tasks that are not promising."""
    tasks = payload["tasks"]
    for done in range(1, len(tasks)):
        if not should_continue(tasks[:done]):
            return {
                **payload,
                "status": "pruned",
                "score": None,
                "tasks": tasks[:done],
                "seconds": sum(task["seconds"] for task in tasks[:done]),
                "message": f"stopped after {done} tasks",
            }
    return payload


def environment(payload: Any, should_continue: ShouldContinue) -> dict[str, str]:
    """Return the environment of the process."""
    return dict(os.environ)


def process(payload: Any, should_continue: ShouldContinue) -> int:
    """Return the id of the process."""
    return os.getpid()


def retire(payload: Any, should_continue: ShouldContinue) -> int:
    """Return the id of the process as its last value."""
    raise LastValue(os.getpid())


def count(payload: int, should_continue: ShouldContinue) -> int:
    """Report 1, 2, … up to the payload; return the number reached."""
    for number in range(1, payload + 1):
        if not should_continue(number):
            return number
    return payload


def sleep(payload: float, should_continue: ShouldContinue) -> int:
    """Report the id of the process, then wait so many seconds."""
    should_continue(os.getpid())
    time.sleep(payload)
    return os.getpid()


def wait_for_byte(payload: dict[str, Any], should_continue: ShouldContinue) -> Any:
    """Report the id of the process, wait for a byte of the named pipe `pipe`; return `value`."""
    should_continue(os.getpid())
    with open(payload["pipe"], "rb", buffering=0) as pipe:
        pipe.read(1)
    return payload["value"]


def allocate(payload: int, should_continue: ShouldContinue) -> int:
    """Allocate so many bytes; return their number."""
    return len(bytearray(payload))


def die(payload: str, should_continue: ShouldContinue) -> None:
    """Print a line to standard error and end the process by SIGKILL."""
    print(payload, file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(payload: str, should_continue: ShouldContinue) -> str:
    """End the first process by SIGKILL; return `done` in the second. The payload is a new file."""
    if not os.path.exists(payload):
        with open(payload, "w", encoding="utf-8"):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def refuse(payload: str, should_continue: ShouldContinue) -> None:
    """Raise an InputError with the payload as its message."""
    raise InputError("E0611", payload, help="ask for less")


def divide(payload: list[float], should_continue: ShouldContinue) -> float:
    """Return the quotient of two numbers."""
    return payload[0] / payload[1]


def finish_on_signal(payload: str, should_continue: ShouldContinue) -> None:
    """Wait until SIGTERM; then write `finished` to the file."""

    def finish(number: int, frame: object) -> None:
        with open(payload, "w", encoding="utf-8") as file:
            file.write("finished")
        sys.exit()

    signal.signal(signal.SIGTERM, finish)
    should_continue(os.getpid())
    while True:
        signal.pause()


def planted_training(payload: dict[str, Any], should_continue: ShouldContinue) -> dict[str, Any]:
    """Stand in for a training: its loss follows a law, its folder holds what a real one does.

    The law is 1 + 30/N^0.3 + 60/D^0.3, with 0.1·log2(lr/0.004)² on top; rates above 1 diverge.
    It takes a microsecond a token.
    A file `trained` in the folder of the grid gets a line for every call.
    """
    from aira_dsl.data.tokens.prepare import prepare
    from aira_dsl.pretraining.result import TrainResult
    from aira_dsl.pretraining.settings import TrainPlan, TrainSettings, identity

    settings, out = TrainSettings.model_validate(payload["settings"]), Path(payload["out"])
    with (out.parent.parent / "trained").open("a", encoding="utf-8") as file:
        file.write(f"{out.name}\n")
    plan = TrainPlan.of(settings)
    corpus = prepare(settings.data, tokenizer=settings.tokenizer, validation=settings.validation)
    parameters, tokens = plan.costs.parameters, plan.tokens
    off = math.log2(settings.learning_rate / 0.004)
    loss = 1 + 30 / parameters**0.3 + 60 / tokens**0.3 + 0.1 * off**2 + 0.001 * settings.seed
    diverged = settings.learning_rate > 1
    result = TrainResult(
        status="diverged" if diverged else "ok",
        steps=plan.steps,
        tokens=tokens,
        flops=plan.flops(plan.steps),
        flops_per_token=plan.costs.training_flops,
        parameters=parameters,
        embedding_parameters=plan.costs.embedding_parameters,
        loss=None if diverged else loss,
        validation_loss=None if diverged else loss,
        bits_per_byte=None if diverged else loss / math.log(2),
        epochs=tokens / corpus.train.tokens,
        seconds=tokens * 1e-6,
        overhead_seconds=0.0,
        tokens_per_second=1e6,
        ranks=1,
        device="cpu",
        precision="fp32",
        fingerprint=plan.architecture.fingerprint,
        corpus=corpus.identity,
    )
    (out / "checkpoints").mkdir(parents=True, exist_ok=True)
    known = identity(settings.model_copy(update={"precision": "fp32"}), corpus.identity)
    (out / "settings.json").write_text(json.dumps(known), encoding="utf-8")
    (out / "result.json").write_text(result.model_dump_json(), encoding="utf-8")
    return result.model_dump(mode="json")
