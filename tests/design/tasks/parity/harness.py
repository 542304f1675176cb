"""The candidate's side of the test task: fits and runs an Encoder."""

import importlib
import io

import numpy as np

from aira_dsl.design.harness import weights


def encoder(judge):
    length = judge.settings["length"]
    return importlib.import_module("model").Encoder(length, judge.settings["classes"])


def train(judge):
    model = encoder(judge)
    files = judge.start().files
    inputs, labels = (np.load(io.BytesIO(files[name])) for name in ("inputs.npy", "labels.npy"))
    model.fit(inputs, labels)
    judge.done(weights.to_bytes(model), steps=1)


def serve(judge):
    model = encoder(judge)
    weights.load(model, judge.weights)
    judge.serve(lambda inputs: {"logits": model(inputs)})


def measure(judge):
    model = encoder(judge)
    judge.serve(lambda inputs: {"logits": model(inputs)})
