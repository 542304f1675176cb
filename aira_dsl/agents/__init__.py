"""Agents: a policy says what to do next, a proposer (a language model) does it.

Nothing here knows how trials are kept or evaluated: policies and prompts work on `Node`s, proposers
on texts. `aira_dsl.study.optuna_logging` turns trials into nodes and answers into trials.
"""
