"""Reads pairs of papers (AAN), or cuts pairs from Python source as a stand-in."""

from aira_dsl.data.lra.retrieval import RetrievalSettings
from aira_dsl.design import lra_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.metadata import Size


def prepare(size: Size, data: DataFolder) -> None:
    """Write inputs, lengths and labels of all splits."""
    lra_data.write(lra_data.settings(RetrievalSettings, size, data.seed), data)
