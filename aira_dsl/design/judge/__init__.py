"""Judging: a candidate trains and answers in the sandbox, its score is computed here.

`judging` makes a judgement, `session` is what a task's judge.py works with, `process` is one
candidate's process and `failures` says why one has no result; `language_model`, `causality` and
`classification` compute scores and find cheating, `growth` measures time and memory by length,
`byte_table` counts the bytes of tokens, `packages` lists what a candidate may import.
"""
