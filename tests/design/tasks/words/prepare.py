"""Data of the test task: a text in which every token but a few follows from the one before it."""

import numpy as np


def prepare(size, data):
    random = np.random.default_rng(data.seed)
    follows = np.random.default_rng(0).permutation(size.settings["vocabulary"])
    for folder, tokens in ((data.train, 5_000), (data.validation, 24 * 48 + 1), (data.test, 500)):
        text = np.zeros(tokens, np.uint16)
        surprise = random.random(tokens) < 0.2
        for place in range(1, tokens):
            text[place] = random.integers(16) if surprise[place] else follows[text[place - 1]]
        (folder / "tokens.bin").write_bytes(text.tobytes())
