"""Draws images of contours, or reads those of the Long Range Arena."""

from pathlib import Path

from aira_dsl.data.lra.pathfinder import PathfinderSettings
from aira_dsl.design import lra_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.metadata import Size


def made_from(size: Size) -> list[str | Path]:
    """Return the version of the code and the files of a data set."""
    return lra_data.made_from(lra_data.settings(PathfinderSettings, size))


def prepare(size: Size, data: DataFolder) -> None:
    """Write inputs, lengths and labels of all splits."""
    lra_data.write(lra_data.settings(PathfinderSettings, size, data.seed), data)
