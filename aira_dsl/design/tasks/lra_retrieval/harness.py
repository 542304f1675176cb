"""The candidate's side: trains and runs CustomDualEncoder."""

from functools import partial

from aira_dsl.design.harness import lra

train = partial(lra.train, name="CustomDualEncoder")
serve = partial(lra.serve, name="CustomDualEncoder")
measure = partial(lra.measure, name="CustomDualEncoder")
