"""The arrangement space: every order of named blocks in a number of slots."""

from aira_dsl.space.arrangements import Space
from aira_dsl.space.constraints import Constraint

__all__ = ["Constraint", "Space"]
