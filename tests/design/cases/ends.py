"""Candidates that end too early, too late or not at all."""

from tests.design.cases.script import Case, answers, script, starts, trains

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
    starts(
        "imports what is not there",
        "import optuna",
        "crashed",
        "crashed: start-up: ModuleNotFoundError: No module named 'optuna' (train.py:16)",
    ),
    starts(
        "imports the package that judges it",
        "import aira_dsl.design.judge",
        "crashed",
        "ModuleNotFoundError: No module named 'aira_dsl.design.judge'",
    ),
    starts("loops before the start", "while True: pass", "over time", "over time: start-up took"),
    trains("loops in the training", "while True: pass", "over time", "over time: training took"),
    trains(
        "waits for a thread that has failed",
        "import threading\n"
        "threading.Thread(target=lambda: 1 / 0).start()\nthreading.Event().wait()",
        "over time",
        "over time: training took longer than 2 s (ZeroDivisionError: division by zero)",
    ),
    answers(
        "tells what it is asked, and loops",
        "print(tokens, file=sys.stderr, flush=True)\n        while True: pass",
        "over time",
        "over time: scoring took longer than 2 s",
    ),
    answers("loops when asked", "while True: pass", "over time", "over time: scoring took"),
    starts("exits before the start", "sys.exit(3)", "crashed", "start-up: SystemExit: 3"),
    starts("ends at once", "os._exit(0)", "crashed", "the process ended with exit code 0 before"),
    trains("ends in the training", "os._exit(5)", "crashed", "training: the process ended with"),
    answers("ends when asked", "os._exit(5)", "crashed", "scoring: the process ended with exit"),
    trains(
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
    trains(
        "cannot end by itself",
        "import atexit, threading\n"
        "lock = threading.Lock()\nlock.acquire()\natexit.register(lock.acquire)\n"
        "threading.Thread(target=lock.acquire).start()",
        "ok",
    ),
    trains(
        "allocates 10 GB",
        "big = np.ones(10 << 27)",
        "out of memory",
        "out of memory: training: ",
    ),
    starts(
        "fills memory slowly",
        "parts = []\nwhile True: parts.append(np.ones(1 << 24))",
        "out of memory",
        "out of memory: start-up: ",
    ),
    trains(
        "fills the scratch folder",
        "for number in range(100): open(f'file{number}', 'wb').write(bytes(1 << 20))",
        "crashed",
        "crashed: training: OSError",
    ),
    starts(
        "prints 50 MB",
        "for _ in range(50): sys.stdout.write('x' * (1 << 20))",
        "ok",
    ),
    starts(
        "starts processes without end",
        "while True:\n    try:\n        os.fork()\n    except OSError:\n        pass",
        "over time",
        "over time: start-up took",
        slow=True,
    ),
]
