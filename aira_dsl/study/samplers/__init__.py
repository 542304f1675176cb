"""Samplers: which arrangement to try next.

A new sampler is a function of the space and a source of randomness that returns an Optuna sampler:
a file here, a line in `families.SAMPLERS`, and its name in `study.settings.SamplerName`. The tests
in `tests/study/test_samplers.py` then check it with the others.

`sampler_source` asks a sampler for a trial, `replica` is what the sampler sees of the trials so
far, `new_arrangements` is the rule about duplicates.
"""

from aira_dsl.study.samplers.sampler_source import Proposal, SamplerSource, propose

__all__ = ["Proposal", "SamplerSource", "propose"]
