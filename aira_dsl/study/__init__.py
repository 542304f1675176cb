"""Search: one loop for samplers and agents, over a journal that is its only state.

`options` are what a user gives, `plan` decides from them what a search will be, `settings` are its
identity and its limits. `session` opens it and `loop` runs it: a `source` (`samplers`, `agent`)
proposes trials, `journal` stores them in the study, `claims` says which process works on which,
`pruning` stops some early. `selection` has the rule of the best trial, `nearest_arrangement` what
replaces a duplicate. `trials` are the rows of the result, `run_folder` its files, and `run` reads
them again. `architecture_agent` is what an agent for architectures is told, and how its answers are
read.
"""
