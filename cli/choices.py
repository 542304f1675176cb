"""Choices that several commands offer."""

from enum import StrEnum


class Preset(StrEnum):
    """Cost of one evaluation."""

    smoke = "smoke"
    cpu = "cpu"
    long = "long"
    paper = "paper"


class Evaluator(StrEnum):
    """Who gives the scores."""

    proxy = "proxy"
    table = "table"


class Proposer(StrEnum):
    """Who answers for an agent."""

    anthropic = "anthropic"
    local = "local"
    scripted = "scripted"


class Format(StrEnum):
    """Output for people, or for scripts."""

    text = "text"
    json = "json"
