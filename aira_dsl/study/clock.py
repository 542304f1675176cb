"""The seconds that a search has used."""

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Wall-clock seconds, and what they are charged as.

    An evaluation from the store takes no time, but is charged the seconds that it took when it was
    computed: a time budget buys the same, whatever the store holds.

    Attributes:
        seconds_before: wall-clock seconds of earlier sessions.
        charged_before: charged seconds of earlier sessions.
    """

    seconds_before: float = 0.0
    charged_before: float = 0.0
    _looked_up: float = 0.0
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of all sessions."""
        return self.seconds_before + time.monotonic() - self._started

    @property
    def charged_seconds(self) -> float:
        """Wall-clock seconds of all sessions, and what the evaluations from the store took."""
        return self.charged_before + time.monotonic() - self._started + self._looked_up

    def charge(self, seconds: float) -> None:
        """Charge the seconds of an evaluation from the store."""
        self._looked_up += seconds
