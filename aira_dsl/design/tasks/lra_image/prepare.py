"""Reads images of CIFAR-10, or draws shapes as a stand-in."""

from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.design import lra_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.metadata import Size


def prepare(size: Size, data: DataFolder) -> None:
    """Write inputs, lengths and labels of all splits."""
    lra_data.write(lra_data.settings(ImageSettings, size, data.seed), data)
