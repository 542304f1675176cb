"""Names of presets and objectives; apart from the presets, so that help texts need no numpy."""

from typing import Literal

PresetName = Literal["smoke", "cpu", "long", "paper"]
Objective = Literal["mad", "language"]
