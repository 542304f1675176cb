"""How far a preset's scores can be trusted: measured, kept as data, used where scores are shown."""

from aira_dsl.calibration.measuring import Extent, calibrate
from aira_dsl.calibration.record import (
    Calibration,
    Measured,
    Point,
    load_calibration,
    read_calibration,
)
from aira_dsl.calibration.statistics import Trust, seed_noise, trust
from aira_dsl.proxy.presets import EvaluatorSettings


def score_noise(settings: EvaluatorSettings) -> float | None:
    """Return the standard deviation of a score between seeds, if a calibration ships for it.

    The noise was measured on the paper's 16-slot space; elsewhere it is a guide.
    """
    calibration = load_calibration(settings.preset)
    if calibration is None:
        return None
    measured = settings.model_copy(update={"precision": calibration.precision})
    if measured.identity() != calibration.identity:  # other tasks under the same name
        return None
    return seed_noise(calibration, "score")


__all__ = [
    "Calibration",
    "Extent",
    "Measured",
    "Point",
    "Trust",
    "calibrate",
    "load_calibration",
    "read_calibration",
    "score_noise",
    "trust",
]
