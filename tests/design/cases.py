"""Broken and cheating candidates of the test task `words`, each with the verdict that it must get.

All of them are small variations of one honest script, `HONEST`. `{data}` in a text stands for the
folder of the prepared data.
"""

from dataclasses import dataclass, field

HONEST = """\
import os, sys, time
import numpy as np
import prepare
{begin}

class Model:
    def __init__(self):
        self.weights = {{"table": np.zeros((16, 16), np.float32)}}

    def __call__(self, tokens):
        logits = self.weights["table"][tokens].copy()
        {answer}
        return logits

model = Model()
{before}
run = prepare.start(model)
text = run.files["tokens.bin"].view(np.uint16)
counts = np.ones((16, 16))
np.add.at(counts, (text[:-1], text[1:]), 1)
model.weights["table"] = np.log(counts / counts.sum(1, keepdims=True)).astype(np.float32)
{after}
run.finish()
"""


@dataclass(frozen=True)
class Case:
    """A candidate and its verdict.

    Attributes:
        name: what it does.
        files: its files.
        status: of the judgement.
        reason: text in the reason; for the status `ok`, the score must be that of the honest one.
        slow: takes more than about three seconds.
    """

    name: str
    files: dict[str, str]
    status: str
    reason: str = ""
    slow: bool = field(default=False, kw_only=True)


def script(*, begin: str = "", answer: str = "pass", before: str = "", after: str = "") -> str:
    """Return the honest script with lines added at four places."""
    return HONEST.format(begin=begin, answer=answer, before=before, after=after)


def _answers(name: str, answer: str, status: str, reason: str, begin: str = "") -> Case:
    return Case(name, {"train.py": script(answer=answer, begin=begin)}, status, reason)


def _starts(name: str, before: str, status: str, reason: str = "", *, slow: bool = False) -> Case:
    return Case(name, {"train.py": script(before=before)}, status, reason, slow=slow)


def _trains(name: str, after: str, status: str, reason: str = "", *, slow: bool = False) -> Case:
    return Case(name, {"train.py": script(after=after)}, status, reason, slow=slow)


_NOT_CAUSAL = "not causal: "
_WRONG = "wrong array: logits of the "

LOGITS = [
    _answers("returns a loss", "return np.float32(0.1)", "refused", _WRONG + "shape (), not"),
    _answers(
        "returns the loss of every token",
        "return logits.max(-1)",
        "refused",
        _WRONG + "shape (8, 24), not (8, 24, 16)",
    ),
    _answers(
        "has a larger vocabulary",
        "return np.concatenate([logits, logits[..., :1]], -1)",
        "refused",
        _WRONG + "shape (8, 24, 17), not (8, 24, 16)",
    ),
    _answers(
        "returns integers", "return logits.astype(np.int32)", "refused", _WRONG + "type int32"
    ),
    _answers(
        "returns complex numbers",
        "return logits.astype(np.complex64)",
        "refused",
        _WRONG + "type complex64",
    ),
    _answers("returns NaN", "logits[3, 5, 7] = np.nan", "diverged", "NaN: "),
    _answers("returns +inf", "logits[3, 5, 7] = np.inf", "refused", "not a distribution: "),
    _answers("returns -inf only", "logits[3, 5] = -np.inf", "refused", "not a distribution: "),
    _answers(
        "returns -inf for all but one",
        "logits[logits < logits.max(-1, keepdims=True)] = -np.inf",
        "refused",
        "probability 0: the next token is given no probability at ",
    ),
    _answers("returns nothing", "return None", "refused", "wrong array: logits of the "),
    _answers("returns double precision", "return logits.astype(np.float64)", "ok", ""),
]

CAUSALITY = [
    _answers(
        "reads the next token",
        "logits[:, :-1] += 5 * np.eye(16)[tokens[:, 1:]].astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "reads the next token after some tokens",
        "logits[:, :-1] += (5 * np.eye(16)[tokens[:, 1:]] * (tokens[:, :-1, None] < 6))"
        ".astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "reads the next token a little, everywhere",
        "logits[:, :-1] += .15 * np.eye(16)[tokens[:, 1:]].astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "reads the next token a little, at some positions",
        "logits[:, :-1] += (.16 * np.eye(16)[tokens[:, 1:]] * (tokens[:, :-1, None] < 3))"
        ".astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "looks at the mean of the window",
        "logits += 8 * np.eye(16)[tokens].mean(1, keepdims=True).astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "looks at other rows",
        "logits += 2 * np.eye(16)[np.roll(tokens, 1, 0)].astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
    _answers(
        "learns from what it is asked",
        "logits += seen.astype(np.float32)[tokens] / 20\n"
        "        np.add.at(seen, (tokens[:, :-1], tokens[:, 1:]), 1)",
        "refused",
        _NOT_CAUSAL,
        begin="seen = np.zeros((16, 16))",
    ),
    _answers(
        "answers by chance",
        "logits += np.random.default_rng().normal(size=logits.shape).astype(np.float32)",
        "refused",
        _NOT_CAUSAL,
    ),
]

_ATTRIBUTES = "from aira_dsl.design.harness import channel, connection, language_model, weights"

TAMPERING = [
    _starts(
        "reads the validation data",
        "open('{data}/validation/tokens.bin', 'rb')",
        "crashed",
        "crashed: start-up: ",
    ),
    _starts(
        "changes the task's module and the judge's code in its process",
        f"{_ATTRIBUTES}\n"
        "prepare.VOCABULARY = 1\n"
        "np.isnan = np.isinf = lambda *a: False\n"
        "channel.ArraySpec = channel._check = None\n"
        "connection.Start.began = 1e9",
        "ok",
    ),
    _starts(
        "writes scores and judgements",
        "for name in ('score.json', 'judgement.json', 'results.tsv', 'metadata.yaml'):\n"
        "    open(name, 'w').write('{\"score\": 0.0}')",
        "ok",
    ),
    _trains(
        "reports a score",
        "run.finish(score=0.0, bits_per_byte=0.0, status='ok')",
        "ok",
    ),
    _trains(
        "stops the clock of its process",
        "time.monotonic = time.time = time.perf_counter = lambda: 0.0\n"
        "while run.progress < 1:\n    pass",
        "over time",
        "over time: training took longer than 2 s",
    ),
    _trains(
        "reports facts that are none",
        "run.finish(steps='x' * 10_000, tokens=1e308, **{'a b': 1})",
        "ok",
    ),
    _trains(
        "starts a process that continues to train",
        "if not os.fork():\n    time.sleep(1000)",
        "ok",
    ),
    _starts(
        "hands over weights before the start",
        "prepare.start.__closure__[0].cell_contents.done(b'')",
        "refused",
        "not a message of the harness: the message 'done'; expected is ready or failed",
    ),
    _starts(
        "writes garbage into the channel",
        "os.write(int(sys.argv[1]), b'\\xff' * 1000)",
        "refused",
        "not a message of the harness: a header of 4294967295 bytes",
    ),
    _starts(
        "closes the channel",
        "os.close(int(sys.argv[1]))\ntime.sleep(1000)",
        "crashed",
        "crashed: start-up: the process closed its connection to the judge",
    ),
    Case(
        "has files that Python runs by itself",
        {
            "train.py": script(begin="os.environ['PYTHONSTARTUP'] = 'sitecustomize.py'"),
            "sitecustomize.py": "raise SystemExit(7)\n",
            "usercustomize.py": "raise SystemExit(7)\n",
            "run.pth": "import os; os._exit(7)\n",
        },
        "ok",
    ),
    Case(
        "has files named as modules that it needs",
        {"train.py": script(), "numpy.py": "raise SystemExit\n", "json.py": "raise SystemExit\n"},
        "ok",
    ),
    Case(
        "leaves files for its second process",
        {
            "train.py": script(
                begin="left = os.path.exists('left')\n"
                "for place in ('.', '/tmp', '/dev/shm', os.path.dirname(__file__)):\n"
                "    try:\n        open(place + '/left', 'w').write('x')\n"
                "    except OSError:\n        pass",
                answer="logits[0, 0, 0] = np.nan if left else logits[0, 0, 0]",
            )
        },
        "ok",
    ),
    Case(
        "tells the validation text",
        {"train.py": script(answer="raise ValueError(str(tokens.tolist()))")},
        "crashed",
        "crashed: scoring: ValueError (train.py:12)",
    ),
    _answers(
        "tells the validation text as the name of a file",
        "place = os.path.dirname(__file__) + '/' + '-'.join(map(str, tokens[0]))\n"
        "        exec(compile('1 / 0', place, 'exec'))",
        "crashed",
        "crashed: scoring: ZeroDivisionError",
    ),
    _answers(
        "tells the validation text as the number of a line",
        "lines = chr(10) * int(100 + tokens[0, 1])\n"
        "        exec(compile(lines + '1 / 0', __file__, 'exec'))",
        "crashed",
        "crashed: scoring: ZeroDivisionError",
    ),
    _answers(
        "tells the validation text as the shape of an array",
        "return np.zeros((0, 10_000 + tokens[0, 0], 10_000 + tokens[0, 1]), np.float32)",
        "refused",
        "wrong array: logits of the shape (0, ?, ?), not (8, 24, 16)",
    ),
    _answers(
        "tells the validation text as the type of an array",
        "return np.full((8, 24, 16), 'x' * int(1 + tokens[0, 0]))",
        "refused",
        "wrong array: logits of the type ?, not float32 or float16 or float64",
    ),
]

_DONE = "from aira_dsl.design.harness.weights import to_bytes\ndone = run._judge.done\n"

WEIGHTS = [
    _trains("hands over nothing", f"{_DONE}done(b'')", "refused", "unusable weights: "),
    _trains(
        "hands over half a file",
        f"{_DONE}done(to_bytes(model)[:-100])\nos._exit(0)",
        "refused",
        "unusable weights: ",
    ),
    _trains(
        "hands over a pickle",
        f"{_DONE}import pickle\ndone(pickle.dumps(model.weights))\nos._exit(0)",
        "refused",
        "unusable weights: ",
    ),
    _trains(
        "hands over more than there may be",
        f"{_DONE}done(bytes(2 << 20))",
        "refused",
        "wrong array: weights of the shape (2097152); the limit is 1,048,576 elements",
    ),
    _trains(
        "announces 10 GB",
        "import json, struct\n"
        "header = json.dumps({'kind': 'done', 'fields': {},"
        " 'arrays': [['weights', 'uint8', [10 ** 10]]]}).encode()\n"
        "os.write(int(sys.argv[1]), struct.pack('!I', len(header)) + header)\n"
        "time.sleep(1000)",
        "refused",
        "wrong array: weights of the shape (10000000000); the limit is",
    ),
    _trains(
        "announces more than it sends",
        "import json, struct\n"
        "header = json.dumps({'kind': 'done', 'fields': {},"
        " 'arrays': [['weights', 'uint8', [1000]]]}).encode()\n"
        "os.write(int(sys.argv[1]), struct.pack('!I', len(header)) + header + b'x')\n"
        "time.sleep(1000)",
        "over time",
        "over time: training took longer than 2 s",
    ),
    _trains(
        "hands over weights of another shape",
        "model.weights['table'] = model.weights['table'][:8]",
        "refused",
        "unusable weights: they do not fit the model that answers: table has the shape (8, 16) in "
        "the weights and the shape (16, 16) in the model",
    ),
    _starts(
        "cannot load its weights",
        "class Fixed(dict):\n    def update(self, other): raise RuntimeError('they are fixed')\n"
        "model.weights = Fixed(model.weights)",
        "crashed",
        "crashed: loading: RuntimeError: they are fixed (train.py:",
    ),
    _trains(
        "has too many parameters",
        "model.weights['more'] = np.zeros(6000, np.float32)",
        "refused",
        "too many parameters: 6,256 values; the limit is 5,000",
    ),
]

_TAKES_TEXT = """\
def train(weights, steps):
    text, table = weights['text'].view(np.uint16), weights['table'].copy()
    for step in range(steps):
        before, after = text[:-1][step % 50 :: 50], text[1:][step % 50 :: 50]
        shares = np.exp(table[before])
        shares /= shares.sum(1, keepdims=True)
        np.add.at(table, before, .1 * (np.eye(16)[after] - shares))
    weights['table'] = table

class Loaded(dict):
    def update(self, other):
        super().update(other)
        train(self, {on_loading})"""


def _takes_text(
    name: str, status: str, reason: str, *, on_loading: int, on_asking: int, slow: bool = False
) -> Case:
    """Return a candidate whose weights hold the text, and that trains in its second process."""
    text = script(
        begin=_TAKES_TEXT.format(on_loading=on_loading),
        answer=f"train(self.weights, {on_asking})\n        logits = self.weights['table'][tokens]",
        before="model.weights = Loaded(model.weights, text=np.zeros(1250, np.uint64))",
        after="model.weights['text'] = text.copy().view(np.uint64)\nmodel.weights['table'][:] = 0",
    )
    return Case(name, {"train.py": text}, status, reason, slow=slow)


_MANY = 100_000  # steps: some seconds
_LOADING = "over time: loading and answering took "

AFTER_THE_CLOCK = [
    _takes_text(
        "takes the training text along, and trains when it gets its weights",
        "over time",
        _LOADING,
        on_loading=_MANY,
        on_asking=0,
        slow=True,
    ),
    _takes_text(
        "takes the training text along, and trains before its first answer",
        "over time",
        _LOADING,
        on_loading=0,
        on_asking=_MANY,
        slow=True,
    ),
    _takes_text(
        "takes the training text along, and trains a little before every answer",
        "refused",
        _NOT_CAUSAL,
        on_loading=0,
        on_asking=2,
    ),
]

ENDS = [
    Case("has no train.py", {"model.py": ""}, "invalid", "missing file: the candidate has no"),
    Case(
        "imports another framework",
        {"train.py": "import jax\n"},
        "invalid",
        "wrong framework: the candidate imports jax; allowed is torch",
    ),
    Case(
        "has a syntax error",
        {"train.py": "x = (\n"},
        "crashed",
        "crashed: start-up: SyntaxError: '(' was never closed",
    ),
    _starts(
        "imports what is not there",
        "import optuna",
        "crashed",
        "crashed: start-up: ModuleNotFoundError: No module named 'optuna' (train.py:16)",
    ),
    _starts(
        "imports the package that judges it",
        "import aira_dsl.design.judge",
        "crashed",
        "ModuleNotFoundError: No module named 'aira_dsl.design.judge'",
    ),
    _starts("loops before the start", "while True: pass", "over time", "over time: start-up took"),
    _trains("loops in the training", "while True: pass", "over time", "over time: training took"),
    _trains(
        "waits for a thread that has failed",
        "import threading\n"
        "threading.Thread(target=lambda: 1 / 0).start()\nthreading.Event().wait()",
        "over time",
        "over time: training took longer than 2 s (ZeroDivisionError: division by zero)",
    ),
    _answers(
        "tells what it is asked, and loops",
        "print(tokens, file=sys.stderr, flush=True)\n        while True: pass",
        "over time",
        "over time: scoring took longer than 2 s",
    ),
    _answers("loops when asked", "while True: pass", "over time", "over time: scoring took"),
    _starts("exits before the start", "sys.exit(3)", "crashed", "start-up: SystemExit: 3"),
    _starts("ends at once", "os._exit(0)", "crashed", "the process ended with exit code 0 before"),
    _trains("ends in the training", "os._exit(5)", "crashed", "training: the process ended with"),
    _answers("ends when asked", "os._exit(5)", "crashed", "scoring: the process ended with exit"),
    _trains(
        "dies of a segmentation fault",
        "import ctypes\nctypes.string_at(0)",
        "crashed",
        "crashed: training: the process ended with SIGSEGV",
    ),
    Case(
        "never calls finish",
        {"train.py": script().replace("run.finish()", "")},
        "crashed",
        "crashed: training: RuntimeError: train.py ended and has not called finish()",
    ),
    Case(
        "hands over what is not a model",
        {"train.py": "import prepare\nprepare.start(7).finish()\n"},
        "crashed",
        "crashed: training: TypeError: a int is not a model",
    ),
    _trains(
        "cannot end by itself",
        "import atexit, threading\n"
        "lock = threading.Lock()\nlock.acquire()\natexit.register(lock.acquire)\n"
        "threading.Thread(target=lock.acquire).start()",
        "ok",
    ),
    _trains(
        "allocates 10 GB",
        "big = np.ones(10 << 27)",
        "out of memory",
        "out of memory: training: ",
    ),
    _starts(
        "fills memory slowly",
        "parts = []\nwhile True: parts.append(np.ones(1 << 24))",
        "out of memory",
        "out of memory: start-up: ",
    ),
    _trains(
        "fills the scratch folder",
        "for number in range(100): open(f'file{number}', 'wb').write(bytes(1 << 20))",
        "crashed",
        "crashed: training: OSError",
    ),
    _starts(
        "prints 50 MB",
        "for _ in range(50): sys.stdout.write('x' * (1 << 20))",
        "ok",
    ),
    _starts(
        "starts processes without end",
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "over time",
        "over time: start-up took",
        slow=True,
    ),
]

CASES = [*LOGITS, *CAUSALITY, *TAMPERING, *WEIGHTS, *AFTER_THE_CLOCK, *ENDS]
