"""What a program prints, of which the first and the last bytes are kept."""

import os

_CHUNK = 1 << 20  # bytes


class KeptOutput:
    """Reads a pipe as fast as it is written, and keeps at most a number of bytes.

    Args:
        descriptor: the end of the pipe to read; `close` closes it.
        most: bytes to keep: the first half and the last half.
    """

    def __init__(self, descriptor: int, most: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.ended = False
        self._total = 0
        self._first, self._first_size = bytearray(), most - most // 2
        self._last, self._last_size = bytearray(), most // 2

    @property
    def dropped(self) -> int:
        """Number of bytes that were read and not kept."""
        return self._total - len(self.kept())

    def read(self) -> bool:
        """Read what has arrived, at most 1 MiB, and note the end; return whether there was more."""
        try:
            chunk = os.read(self.descriptor, _CHUNK)
        except BlockingIOError:
            return False
        self.ended = not chunk
        self._total += len(chunk)
        room = self._first_size - len(self._first)
        self._first += chunk[:room]
        self._last += chunk[room:]
        if len(self._last) > 2 * self._last_size:
            del self._last[: len(self._last) - self._last_size]
        return bool(chunk)

    def kept(self) -> bytes:
        """Return the first and the last bytes."""
        return bytes(self._first + self._last[max(0, len(self._last) - self._last_size) :])

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.descriptor)
