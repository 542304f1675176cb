"""The candidate's side of the task; it runs in the sandbox, together with the candidate."""

from aira_dsl.design.harness import language_model


def train(judge):
    """Run train.py, which finds a module `prepare` with `start` and these names."""
    language_model.run_script(judge, "train.py", "prepare", {"VOCABULARY": 8, "SEED": judge.seed})


serve = train  # the same script; `start` then loads the weights and answers the judge
