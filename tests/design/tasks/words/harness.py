"""The candidate's side of the test task: runs train.py, with a module `prepare`."""

from aira_dsl.design.harness import language_model


def train(judge):
    language_model.run_script(judge, "train.py", "prepare", {"VOCABULARY": 16, "SEED": judge.seed})


serve = train
