"""Rotary positions of a config: base, part of the head, scaling; for all layers or for a kind."""

import math
from typing import Any

from aira_dsl.interop.foreign_config import ForeignConfig

_WITHOUT_EFFECT = (
    # Sections of positions of images and videos; a text has one position.
    "mrope_section", "mrope_interleaved",
    # Read above, or by transformers only.
    "type", "rope_type", "rope_theta", "partial_rotary_factor", "max_position_embeddings",
)  # fmt: skip


def rope(
    config: ForeignConfig,
    kind: str | None = None,
    *,
    theta: float | None = None,
    rotary: float = 1.0,
    scaled: bool = True,
) -> dict[str, Any]:
    """Return the options of attention that say its rotary positions.

    Args:
        config: the config.
        kind: the kind of layer, for configs that give parameters by kind.
        theta: the base that this kind has if the config gives none.
        rotary: the part of a head that is rotated if the config does not say.
        scaled: whether a scaling that the config gives for all kinds is meant for this one.
    """
    key = "rope_scaling" if config.take("rope_scaling") else "rope_parameters"
    section = config.section(key) or ForeignConfig({}, account=config.account)
    config.take("rope_parameters")
    if kind is not None and isinstance(section.content.get(kind), dict):
        by_kind = section.section(kind)
        assert by_kind is not None
        section, scaled = by_kind, True
    return _options(config, section, theta, rotary, scaled)


def _options(
    config: ForeignConfig,
    section: ForeignConfig,
    theta: float | None,
    rotary: float,
    scaled: bool,
) -> dict[str, Any]:
    base = section.optional_number("rope_theta")
    if base is None and theta is None and config.take("rope_theta") is None:
        return {"rope": None}
    if base is None:
        base = config.number("rope_theta") if theta is None else theta
    part = section.optional_number("partial_rotary_factor")
    if part is None:
        part = config.number("partial_rotary_factor", default=rotary)
    scaling = _scaling(config, section)
    section.without_effect(_WITHOUT_EFFECT)
    section.close()
    return {"rope": base, "rotary": part, **(scaling if scaled else {})}


def _scaling(config: ForeignConfig, section: ForeignConfig) -> dict[str, Any]:
    kind = section.word("rope_type", "type", default="default")
    longest = config.optional("max_position_embeddings")
    original = section.optional("original_max_position_embeddings") or longest
    factor = section.optional_number("factor")
    match kind:
        case "default" | "mrope":
            return {}
        case "linear" | "proportional":
            return {"rope_scaling": kind, "rope_factor": factor}
        case "llama3":
            low, high = section.number("low_freq_factor"), section.number("high_freq_factor")
            if low >= high:
                section.refuse("low_freq_factor", "not below high_freq_factor", costs=False)
                return {}
            return {
                "rope_scaling": kind,
                "rope_factor": factor,
                "rope_original": original,
                "rope_low": low,
                "rope_high": high,
            }
        case "yarn":
            magnitude = _magnitude(section)
            return {
                "rope_scaling": kind,
                "rope_factor": factor,
                "rope_original": original,
                "rope_low": section.number("beta_slow", default=1.0),
                "rope_high": section.number("beta_fast", default=32.0),
                "rope_attention": section.optional_number("attention_factor") or magnitude,
                "rope_truncate": None if section.flag("truncate", default=True) else False,
            }
    section.refuse("rope_type" if "rope_type" in section.content else "type",
                   "another scaling of rotary positions", costs=False)  # fmt: skip
    section.without_effect(section.content)
    return {}


def _magnitude(section: ForeignConfig) -> float | None:
    """Return the factor of queries and keys as DeepSeek writes it, None if it does not say."""
    if not all([section.take("mscale"), section.take("mscale_all_dim")]):
        return None
    return _growth(section, "mscale") / _growth(section, "mscale_all_dim")


def stretched_scale(config: ForeignConfig, channels: int) -> float | None:
    """Return the factor of scores over some channels as DeepSeek stretches it, None if it does not.

    Raises:
        InputError: E0520, a setting of the scaling is not a number.
    """
    section = config.section("rope_scaling") or config.section("rope_parameters")
    if section is None or not section.take("mscale_all_dim"):
        return None
    return float(_growth(section, "mscale_all_dim") ** 2 * max(channels, 1) ** -0.5)


def _growth(section: ForeignConfig, key: str) -> float:
    """Return 0.1·m·ln(factor) + 1 for the number m of a key."""
    return 0.1 * section.number(key) * math.log(max(section.number("factor"), 1.0)) + 1
