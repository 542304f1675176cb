"""How far a preset's scores can be trusted: measured, kept as data, used where scores are shown."""

from aira_dsl.calibration.measuring import Extent, calibrate
from aira_dsl.calibration.record import Calibration, Measured, load_calibration
from aira_dsl.calibration.statistics import Trust, trust

__all__ = ["Calibration", "Extent", "Measured", "Trust", "calibrate", "load_calibration", "trust"]
