"""Data of the task: a text in which two symbols say a lot about the next one."""

import numpy as np


def prepare(size, data):
    """Write train/, validation/ and test/; only train/ is shown to candidates, after the start."""
    vocabulary, length = size.settings["vocabulary"], size.settings["length"]
    random = np.random.default_rng(data.seed)
    rule = random.integers(vocabulary, size=(vocabulary, vocabulary))
    for folder, windows in ((data.train, 400), (data.validation, 64), (data.test, 64)):
        text = _text(random, rule, windows * length + 1)
        (folder / "tokens.bin").write_bytes(text.tobytes())


def _text(random, rule, symbols):
    text = random.integers(len(rule), size=symbols).astype(np.uint16)
    for place in np.flatnonzero(random.random(symbols) < 0.8):
        if place >= 2:
            text[place] = rule[text[place - 2], text[place - 1]]
    return text
