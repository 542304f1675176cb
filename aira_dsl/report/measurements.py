"""What a judge measured besides the score, as people read it."""

from aira_dsl.design.judgement import Fact
from aira_dsl.utils.formatting import binary, short_duration


def fact_label(name: str) -> str:
    """Return the name of a fact without its unit: `training` for `training_seconds`."""
    bare = name.removesuffix("_bytes") if is_memory(name) else name.removesuffix("_seconds")
    return bare.replace("_", " ")


def fact_text(name: str, value: Fact) -> str:
    """Write a fact with its unit."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if is_memory(name):
        return binary(value)
    if isinstance(value, int):
        return f"{value:,}"
    return short_duration(value) if "seconds" in name.split("_") else f"{value:.4g}"


def is_memory(name: str) -> bool:
    """Return whether a fact is an amount of memory."""
    return name.endswith("memory_bytes") or name.startswith("forward_bytes")
