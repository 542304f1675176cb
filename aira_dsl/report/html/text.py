"""Texts and numbers as the page shows them."""

import csv
import io
import json
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from aira_dsl.report.conclusions import Conclusion
from aira_dsl.utils.formatting import aligned, binary, humanized, score, usd

Style = Literal[
    "text",
    "prose",
    "mono",
    "count",
    "score",
    "short",
    "bytes",
    "seconds",
    "usd",
    "share",
    "decimal",
    "number",
]
"""How a value is shown; all but the first three are numbers.

`decimal` is for columns only: its number of decimals follows from all values of the column.
"""

_NUMBERS: dict[str, Callable[[float], str]] = {
    "score": score,
    "short": humanized,
    "bytes": binary,
    "seconds": "{:.1f}".format,
    "usd": usd,
    "share": "{:.0%}".format,
    "number": str,
}
_UNSEEN = {"Cc", "Cf", "Cs"}
"""Categories of characters that act instead of being seen: terminal escapes, text direction."""


def clean(text: str) -> str:
    """Return a text without the characters that act on what shows it; line breaks stay."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in _UNSEEN)


def as_sentence(conclusion: Conclusion) -> str:
    """Write a conclusion as a sentence."""
    text = clean(conclusion.sentence)
    return f"{text[:1].upper()}{text[1:]}."


def shown(value: object, style: Style = "text") -> str:
    """Write a value for people; nothing for None."""
    if value is None:
        return ""
    if not isinstance(value, int | float):
        return clean(str(value))
    return _NUMBERS[style](value) if style in _NUMBERS else f"{value:,}"


def shown_column(values: Sequence[object], style: Style) -> list[str]:
    """Write the values of a column; numbers of one column have their decimal points aligned."""
    if style != "decimal":
        return [shown(value, style) for value in values]
    return aligned([value if isinstance(value, int | float) else None for value in values])


@dataclass(frozen=True)
class Attachment:
    """A file inside the page.

    Attributes:
        name: what it is saved as.
        media: its media type.
        text: its content.
    """

    name: str
    media: str
    text: str

    @property
    def href(self) -> str:
        """The whole file as an address."""
        data = b64encode(self.text.encode()).decode()
        return f"data:{self.media};charset=utf-8;base64,{data}"


@dataclass(frozen=True)
class Column:
    """A column of a sheet: its key, its heading, and how its values are shown."""

    key: str
    label: str
    style: Style = "text"

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.style not in {"text", "prose", "mono"}


@dataclass(frozen=True)
class Sheet:
    """A table that can be sorted.

    Attributes:
        caption: what it holds.
        columns: its columns; the first one names the row.
        rows: a value or None for each column.
        note: what is left out of it, if anything.
        name: of its files; empty if others hold the same.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    note: str = ""
    name: str = ""

    @property
    def cells(self) -> list[list[tuple[Column, object, str]]]:
        """The rows as cells: column, value, and the value as text."""
        texts = [
            shown_column([row[place] for row in self.rows], column.style)
            for place, column in enumerate(self.columns)
        ]
        return [
            list(zip(self.columns, row, told, strict=True))
            for row, told in zip(self.rows, zip(*texts, strict=True), strict=True)
        ]

    @property
    def files(self) -> tuple[Attachment, ...]:
        """The table as CSV and as JSON, numbers in full."""
        keys = [column.key for column in self.columns]
        rows = [[clean(v) if isinstance(v, str) else v for v in row] for row in self.rows]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([keys, *rows])
        records = [dict(zip(keys, row, strict=True)) for row in rows]
        data = json.dumps(records, indent=1, ensure_ascii=False) + "\n"
        return (
            Attachment(f"{self.name}.csv", "text/csv", text.getvalue()),
            Attachment(f"{self.name}.json", "application/json", data),
        )
