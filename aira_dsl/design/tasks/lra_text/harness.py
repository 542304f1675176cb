"""The candidate's side: trains and runs CustomEncoder."""

from functools import partial

from aira_dsl.design.harness import lra

train = partial(lra.train, name="CustomEncoder")
serve = partial(lra.serve, name="CustomEncoder")
measure = partial(lra.measure, name="CustomEncoder")
