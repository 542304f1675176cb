"""Count which token follows which."""

import numpy as np
import prepare


class Bigrams:
    def __init__(self, vocabulary):
        self.weights = {"table": np.zeros((vocabulary, vocabulary), np.float32)}

    def __call__(self, tokens):
        return self.weights["table"][tokens]


model = Bigrams(prepare.VOCABULARY)
run = prepare.start(model)
text = run.files["tokens.bin"].view(np.uint16)
counts = np.ones((prepare.VOCABULARY, prepare.VOCABULARY))
np.add.at(counts, (text[:-1], text[1:]), 1)
model.weights["table"] = np.log(counts / counts.sum(1, keepdims=True)).astype(np.float32)
run.finish(steps=1, tokens=len(text))
