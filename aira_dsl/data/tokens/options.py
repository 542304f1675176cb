"""Options of a token corpus: what decides its tokens, and where it is kept."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.utils.options import Options


class CorpusOptions(Options):
    """How text becomes tokens."""

    tokenizer: str = "bytes"
    """bytes, or a tokenizer.json."""

    validation: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)] = 0.01
    """Share of documents that is held out for validation, by a hash of their text."""

    separator: str | None = None
    """Special token of the tokenizer.json between documents (default: its end-of-text token)."""

    include: tuple[str, ...] = ()
    """Pattern of file names that are read as text, such as '*.c'; repeatable."""

    split_at: Annotated[str | None, Field(min_length=1)] = None
    """Text at which plain text files are cut into documents, such as '<|endoftext|>'."""

    not_text: Literal["refuse", "skip"] = "refuse"
    """What to do about plain files that are not UTF-8 text."""

    cache: Path | None = None
    """Folder of prepared corpora (default: tokens in the user's cache)."""
