"""A user's line, made fit for a terminal: nothing is printed raw that could steer the terminal.

Columns of a diagnostic count code points; columns of a terminal do not (tabs, wide and combining
characters), so each character is drawn on its own and the caret follows the drawing.
"""

from unicodedata import combining, east_asian_width

TAB = "    "
_ELLIPSIS = "…"


def printable(text: str) -> str:
    """Replace everything that is not a visible character or a plain space by a replacement."""
    return text if text.isprintable() else "".join(map(_visible, text))


def quoted(text: str, limit: int = 40) -> str:
    """Quote a piece of the user's text in a message, shortened in the middle."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}{_ELLIPSIS}{text[-8:]}"
    return f"`{printable(text)}`"


def display(character: str) -> str:
    """Draw one character: tabs as four spaces, invisible ones as a replacement."""
    return TAB if character == "\t" else _visible(character)


def cut(line: str, start: int, stop: int, width: int) -> tuple[str, int, int]:
    """Draw a line in at most `width` terminal columns, so that `line[start:stop]` is visible.

    Returns:
        The drawn text, the terminal column where the marked part begins (from 0), and how many
        columns it takes (at least 1).
    """
    # Only the surroundings of the mark are drawn: a line may be a megabyte long.
    stop = max(stop, start + 1)
    first = max(0, start - width // 2) if stop > width else 0
    last = min(len(line), first + width)
    cells = [display(character) for character in line[first:last]]
    while cells and _columns(cells) > width - (first > 0) - (last < len(line)):
        cells.pop()
        last -= 1
    prefix = _ELLIPSIS if first > 0 else ""
    suffix = _ELLIPSIS if last < len(line) else ""
    marked = _columns(cells[start - first : stop - first])
    offset = len(prefix) + _columns(cells[: start - first])
    return prefix + "".join(cells) + suffix, offset, max(1, marked)


def _visible(character: str) -> str:
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _columns(cells: list[str]) -> int:
    return sum(_cell_width(cell) for cell in cells)


def _cell_width(cell: str) -> int:
    if len(cell) > 1 or cell.isascii():
        return len(cell)
    return 0 if combining(cell) else 1 + (east_asian_width(cell) in "WF")
