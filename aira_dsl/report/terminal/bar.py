"""Bars in the cells of tables."""

from typing import Any

BAR = 6
"""Columns of a full bar."""


class Bar:
    """A bar on a terminal, nothing elsewhere.

    Args:
        share: length, 0 to 1.
        color: its color by the terminal's name.
    """

    def __init__(self, share: float, color: str) -> None:
        self.share = share
        self.color = color

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        eighths = round(self.share * BAR * 8) if console.is_terminal else 0
        full, rest = divmod(eighths, 8)
        yield Text("█" * full + " ▏▎▍▌▋▊▉"[rest].strip(), style=self.color)

    def __rich_measure__(self, console: Any, options: Any) -> Any:
        from rich.measure import Measurement

        width = BAR if console.is_terminal else 0
        return Measurement(width, width)
