"""Counts how often each symbol follows each other one."""

import numpy as np
import prepare

SMOOTHING = 1.0


class Bigram:
    """Logits of the next symbol, by the last one."""

    def __init__(self):
        shape = (prepare.VOCABULARY, prepare.VOCABULARY)
        self.weights = {"logits": np.zeros(shape, np.float32)}

    def __call__(self, tokens):
        return self.weights["logits"][tokens]

    def learn(self, text):
        counts = np.full(self.weights["logits"].shape, SMOOTHING)
        np.add.at(counts, (text[:-1], text[1:]), 1)
        logits = np.log(counts / counts.sum(-1, keepdims=True))
        self.weights["logits"] = logits.astype(np.float32)


model = Bigram()
run = prepare.start(model)
text = run.files["tokens.bin"].view(np.uint16)
model.learn(text)
run.finish(symbols=len(text))
