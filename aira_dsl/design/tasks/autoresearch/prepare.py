"""Writes tokens of text: bytes of a local corpus, or BPE tokens of ClimbMix shards."""

from pathlib import Path

from aira_dsl.design import language_data
from aira_dsl.design.data import DataFolder
from aira_dsl.design.metadata import Size


def made_from(size: Size) -> list[str | Path]:
    """Return the version of the code and the files of the text."""
    return language_data.made_from(size.settings)


def prepare(size: Size, data: DataFolder) -> None:
    """Write train/tokens.bin and train/ends.bin, and windows.npy and bytes.npy of the others."""
    if size.settings["tokenizer"] == "bytes":
        language_data.write_bytes(size.settings, data)
    else:
        language_data.write_shards(size.settings, data)
