"""Candidates whose weights are wrong, or hold what they must not."""

from tests.design.cases.script import NOT_CAUSAL, Case, script, starts, trains

_DONE = "from aira_dsl.design.harness.weights import to_bytes\ndone = run._judge.done\n"

WEIGHTS = [
    trains("hands over nothing", f"{_DONE}done(b'')", "refused", "unusable weights: "),
    trains(
        "hands over half a file",
        f"{_DONE}done(to_bytes(model)[:-100])\nos._exit(0)",
        "refused",
        "unusable weights: ",
    ),
    trains(
        "hands over a pickle",
        f"{_DONE}import pickle\ndone(pickle.dumps(model.weights))\nos._exit(0)",
        "refused",
        "unusable weights: ",
    ),
    trains(
        "hands over more than there may be",
        f"{_DONE}done(bytes(2 << 20))",
        "refused",
        "wrong array: weights of the shape (2097152); the limit is 1,048,576 elements",
    ),
    trains(
        "announces 10 GB",
        "import json, struct\n"
        "header = json.dumps({'kind': 'done', 'fields': {},"
        " 'arrays': [['weights', 'uint8', [10 ** 10]]]}).encode()\n"
        "os.write(int(sys.argv[1]), struct.pack('!I', len(header)) + header)\n"
        "time.sleep(1000)",
        "refused",
        "wrong array: weights of the shape (10000000000); the limit is",
    ),
    trains(
        "announces more than it sends",
        "import json, struct\n"
        "header = json.dumps({'kind': 'done', 'fields': {},"
        " 'arrays': [['weights', 'uint8', [1000]]]}).encode()\n"
        "os.write(int(sys.argv[1]), struct.pack('!I', len(header)) + header + b'x')\n"
        "time.sleep(1000)",
        "over time",
        "over time: training took longer than 2 s",
    ),
    trains(
        "hands over weights of another shape",
        "model.weights['table'] = model.weights['table'][:8]",
        "refused",
        "unusable weights: they do not fit the model that answers: table has the shape (8, 16) in "
        "the weights and the shape (16, 16) in the model",
    ),
    starts(
        "cannot load its weights",
        "class Fixed(dict):\n    def update(self, other): raise RuntimeError('they are fixed')\n"
        "model.weights = Fixed(model.weights)",
        "crashed",
        "crashed: loading: RuntimeError: they are fixed (train.py:",
    ),
    trains(
        "has too many parameters",
        "model.weights['more'] = np.zeros(6000, np.float32)",
        "refused",
        "too many parameters: 6,256 values in a file of 25,168 bytes; the limit is 5,000 values",
    ),
    trains(
        "has parameters of eight bytes",
        "model.weights['more'] = np.zeros(4000, np.float64)",
        "refused",
        "too many parameters: 4,256 values in a file of 33,168 bytes; the limit is 5,000 values",
    ),
    trains(
        "has parameters in the name of an array",
        "model.weights['x' * 20_000] = np.zeros(0, np.float32)",
        "refused",
        "too many parameters: 256 values in a file of 21,",
    ),
    trains(
        "has parameters in the metadata of the file",
        f"{_DONE}from safetensors.numpy import save\n"
        "done(save(model.weights, {'more': 'x' * 20_000}))\nos._exit(0)",
        "refused",
        "too many parameters: 256 values in a file of 21,",
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
        NOT_CAUSAL,
        on_loading=0,
        on_asking=2,
    ),
]
