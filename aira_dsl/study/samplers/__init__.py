"""Samplers: which arrangement to try next.

A new sampler is a function of the space and a source of randomness that returns an Optuna sampler:
a file here and a line in `families.SAMPLERS`. The command line, the settings of a search and
`tests/study/test_samplers.py` take its name from there (docs/search.md, "Adding a sampler").

`sampler_source` asks a sampler for a trial, `replica` is what the sampler sees of the trials so
far, `new_arrangements` is the rule about duplicates. This file imports nothing: the names of the
samplers are read where Optuna is not needed.
"""
