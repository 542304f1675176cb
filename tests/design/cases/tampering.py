"""Candidates that tamper with the judge, its files or its clock."""

from tests.design.cases.script import Case, answers, script, starts, trains

_ATTRIBUTES = "from aira_dsl.design.harness import channel, connection, language_model, weights"

TAMPERING = [
    starts(
        "reads the validation data",
        "open('{data}/validation/tokens.bin', 'rb')",
        "crashed",
        "crashed: start-up: ",
    ),
    starts(
        "changes the task's module and the judge's code in its process",
        f"{_ATTRIBUTES}\n"
        "prepare.VOCABULARY = 1\n"
        "np.isnan = np.isinf = lambda *a: False\n"
        "channel.ArraySpec = channel._check = None\n"
        "connection.Start.began = 1e9",
        "ok",
    ),
    starts(
        "writes scores and judgements",
        "for name in ('score.json', 'judgement.json', 'results.tsv', 'metadata.yaml'):\n"
        "    open(name, 'w').write('{\"score\": 0.0}')",
        "ok",
    ),
    trains(
        "reports a score",
        "run.finish(score=0.0, bits_per_byte=0.0, status='ok')",
        "ok",
    ),
    trains(
        "stops the clock of its process",
        "time.monotonic = time.time = time.perf_counter = lambda: 0.0\n"
        "while run.progress < 1:\n    pass",
        "over time",
        "over time: training took longer than 2 s",
    ),
    trains(
        "reports facts that are none",
        "run.finish(steps='x' * 10_000, tokens=1e308, **{'a b': 1})",
        "ok",
    ),
    trains(
        "reports facts of other types",
        "run.finish(steps=np.int64(3), loss=np.float32('nan'), shape=[1], note='\\x1b[2J\\ud800')",
        "ok",
    ),
    trains(
        "starts a process that continues to train",
        "if not os.fork():\n    time.sleep(1000)",
        "ok",
    ),
    starts(
        "hands over weights before the start",
        "prepare.start.__closure__[0].cell_contents.done(b'')",
        "refused",
        "not a message of the harness: the message 'done'; expected is ready or failed",
    ),
    starts(
        "writes garbage into the channel",
        "os.write(int(sys.argv[1]), b'\\xff' * 1000)",
        "refused",
        "not a message of the harness: a header of 4294967295 bytes",
    ),
    starts(
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
    answers(
        "tells the validation text as the name of a file",
        "place = os.path.dirname(__file__) + '/' + '-'.join(map(str, tokens[0]))\n"
        "        exec(compile('1 / 0', place, 'exec'))",
        "crashed",
        "crashed: scoring: ZeroDivisionError",
    ),
    answers(
        "tells the validation text as the number of a line",
        "lines = chr(10) * int(100 + tokens[0, 1])\n"
        "        exec(compile(lines + '1 / 0', __file__, 'exec'))",
        "crashed",
        "crashed: scoring: ZeroDivisionError",
    ),
    answers(
        "tells the validation text as the shape of an array",
        "return np.zeros((0, 10_000 + tokens[0, 0], 10_000 + tokens[0, 1]), np.float32)",
        "refused",
        "wrong array: logits of the shape (0, ?, ?), not (8, 24, 16)",
    ),
    answers(
        "tells the validation text as the type of an array",
        "return np.full((8, 24, 16), 'x' * int(1 + tokens[0, 0]))",
        "refused",
        "wrong array: logits of the type ?, not float32 or float16 or float64",
    ),
]
