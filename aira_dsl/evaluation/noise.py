"""The noise of a score between seeds, from the calibration that ships with a preset."""

from aira_dsl.evaluation.calibration import load_calibration
from aira_dsl.evaluation.calibration_statistics import seed_noise
from aira_dsl.evaluation.presets import EvaluatorSettings


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
