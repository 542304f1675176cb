"""Drives a training script: a file that builds a model, trains it, and hands it over.

The script imports a module of the task (`prepare`), whose function `start` this file makes:

    import prepare
    model = ...                       # build, compile, warm up on random tokens
    run = prepare.start(model)        # the clock starts; training data can be read from here on
    while run.progress < 1:
        ...                           # train on run.files
    run.finish()                      # hand over the weights

`model(tokens)` takes integers of the shape (batch, time) and returns logits of the shape (batch,
time, vocabulary). The script runs twice: in the second process, which answers the judge, `start`
loads the weights into the model, serves, and does not return.
"""

import os
import runpy
import sys
import types
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from aira_dsl.design.harness import weights
from aira_dsl.design.harness.channel import Array
from aira_dsl.design.harness.connection import JudgeConnection, Start


class TrainingRun:
    """The training of one model, from the start of the clock.

    Attributes:
        seconds: training time.
        files: training data by file name, as arrays of bytes.
    """

    def __init__(self, judge: JudgeConnection, model: Any, start: Start) -> None:
        self._judge, self._model, self._start = judge, model, start
        self.seconds = start.seconds
        self.files: Mapping[str, Array] = start.files

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._start.elapsed

    @property
    def progress(self) -> float:
        """Share of the training time that has passed; at 1 the script must call `finish`."""
        return self._start.progress

    def finish(self, **facts: Any) -> NoReturn:
        """Hand over the weights and end the process.

        Args:
            facts: for the record, such as `steps=953, tokens=499_646_464`.
        """
        self._judge.done(weights.to_bytes(self._model), **facts)
        _end()


def run_script(judge: JudgeConnection, script: str, module: str, names: Mapping[str, Any]) -> None:
    """Run a candidate's script as the main program.

    Args:
        judge: the connection to the judge.
        script: file name in the candidate's folder.
        module: name of the task's module, such as `prepare`.
        names: what the script can import from it, beside `start`.

    Raises:
        RuntimeError: the script ended and has not called `finish`.
    """
    prepared = types.ModuleType(module)

    def start(model: Any) -> TrainingRun:
        if judge.mode == "train":
            return TrainingRun(judge, model, judge.start())
        serve(judge, model)

    prepared.__dict__.update(names, start=start)
    sys.modules[module] = prepared
    runpy.run_path(str(judge.candidate / script), run_name="__main__")
    raise RuntimeError(f"{script} ended and has not called finish()")


def serve(judge: JudgeConnection, model: Any) -> NoReturn:
    """Load the weights and answer requests until there are no more, then end the process."""
    assert judge.weights is not None
    weights.load(model, judge.weights)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        model.eval()
        with torch.inference_mode():
            judge.serve(lambda tokens: {"logits": _torch_logits(model, tokens, torch)})
    else:
        judge.serve(lambda tokens: {"logits": np.asarray(model(tokens))})
    _end()


def _torch_logits(model: Any, tokens: Array, torch: Any) -> Array:
    device = next((value.device for value in model.state_dict().values()), "cpu")
    logits = model(torch.from_numpy(tokens).to(device))
    if logits.dtype == torch.bfloat16:  # numpy has no such type
        logits = logits.float()
    result: Array = logits.cpu().numpy()
    return result


def _end() -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
