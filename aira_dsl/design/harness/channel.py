"""Messages between the judge and a candidate's process, over one connected socket pair.

A message is a JSON header of at most 64 KiB, and then the bytes of its arrays, one after another.
The same code runs on both sides. The judge trusts nothing that it receives: it says beforehand
which arrays it expects, reads the header first, and refuses every other array before it reads one
byte of it; every read and write ends at a deadline. Descriptors travel from the judge only.

This file runs in the sandbox too, so it imports nothing but the standard library and numpy.
"""

import array
import json
import math
import socket
import struct
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_HEADER = 1 << 16
_LENGTH = struct.Struct("!I")
_CHUNK = 1 << 20
MAX_DESCRIPTORS = 64  # in one message
KINDS = ("hello", "ready", "start", "done", "weights", "request", "answer", "failed")
_MOST_SHOWN, _LARGEST_SHOWN = 4, 9_999  # sizes of an array, in a message about it

Array = np.ndarray[Any, np.dtype[Any]]


class ChannelError(Exception):
    """What arrived is not a message, or not the one that was expected."""


class ClosedError(ChannelError):
    """The other process has closed its end."""


class LateError(ChannelError):
    """The deadline passed before the message was complete."""


class WrongArrayError(ChannelError):
    """An array of another shape or type than the expected one."""


@dataclass(frozen=True)
class ArraySpec:
    """What an array must be for it to be read.

    Attributes:
        shape: exactly this one, or None for one dimension of any length up to `longest`.
        dtypes: names of numpy types, any of them, such as `float32`.
        longest: elements, where there is no shape.
    """

    shape: tuple[int, ...] | None
    dtypes: tuple[str, ...]
    longest: int = 0


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: what it is, one word.
        fields: JSON values.
        arrays: numbers, by name.
        descriptors: files that came with it; the receiver closes them.
    """

    kind: str
    fields: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class Channel:
    """One end of a connection.

    Args:
        connection: a connected stream socket; closed by `close`.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection

    def close(self) -> None:
        """Close this end; the other one meets `ClosedError`."""
        self._socket.close()

    def send(self, message: Message, *, deadline: float = math.inf) -> None:
        """Send a message, all of it.

        Args:
            message: what to send; its arrays are sent in their own byte order, C-contiguous.
            deadline: on the monotonic clock.

        Raises:
            ClosedError: the other side has closed, or ended.
            LateError: the other side did not read it before the deadline.
        """
        arrays = {name: np.asarray(value, order="C") for name, value in message.arrays.items()}
        described = [[name, a.dtype.name, list(a.shape)] for name, a in arrays.items()]
        header = {"kind": message.kind, "fields": message.fields, "arrays": described}
        data = json.dumps(header).encode()
        if len(data) > MAX_HEADER:
            raise ChannelError(f"a header of {len(data)} bytes; the limit is {MAX_HEADER}")
        self._write(_LENGTH.pack(len(data)) + data, deadline, message.descriptors)
        for value in arrays.values():
            self._write(value.data.cast("B") if value.size else b"", deadline)

    def receive(
        self,
        expected: Mapping[str, Mapping[str, ArraySpec]] | None = None,
        *,
        deadline: float = math.inf,
    ) -> Message:
        """Wait for a message and read it.

        Args:
            expected: for every kind of message that may come, the arrays it must have. None trusts
                the other side: any message is read, with descriptors.
            deadline: on the monotonic clock.

        Raises:
            ClosedError: the other side has closed, or ended.
            LateError: the message was not complete at the deadline.
            ChannelError: it is not a message, or not one of those expected.
        """
        prefix, descriptors = self._read_prefix(deadline, accept_descriptors=expected is None)
        (length,) = _LENGTH.unpack(prefix)
        if length > MAX_HEADER:
            raise ChannelError(f"a header of {length} bytes; the limit is {MAX_HEADER}")
        kind, fields, described = _parsed(bytes(self._read(length, deadline)))
        if expected is not None:
            _check(kind, described, expected)
        arrays = {
            name: self._read_array(dtype, shape, deadline) for name, dtype, shape in described
        }
        return Message(kind, fields, arrays, descriptors)

    def _read_array(self, dtype: str, shape: tuple[int, ...], deadline: float) -> Array:
        value: Array = np.empty(shape, dtype=dtype)
        if value.size:
            self._fill(value.data.cast("B"), deadline)
        return value

    def _read_prefix(
        self, deadline: float, *, accept_descriptors: bool
    ) -> tuple[bytes, tuple[int, ...]]:
        """Read the length of the header, and the descriptors that came with it."""
        if not accept_descriptors:
            return bytes(self._read(_LENGTH.size, deadline)), ()
        self._wait(deadline)
        try:
            data, descriptors, _, _ = socket.recv_fds(self._socket, _LENGTH.size, MAX_DESCRIPTORS)
        except TimeoutError:
            raise LateError("no message before the deadline") from None
        except ConnectionError as error:
            raise ClosedError("the connection is closed") from error
        if not data:
            raise ClosedError("the connection is closed")
        return data + bytes(self._read(_LENGTH.size - len(data), deadline)), tuple(descriptors)

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        self._fill(memoryview(data), deadline)
        return data

    def _fill(self, view: memoryview, deadline: float) -> None:
        done = 0
        while done < len(view):
            self._wait(deadline)
            try:
                count = self._socket.recv_into(view[done:], min(_CHUNK, len(view) - done))
            except TimeoutError:
                raise LateError("no complete message before the deadline") from None
            except ConnectionError as error:
                raise ClosedError("the connection is closed") from error
            if not count:
                raise ClosedError("the connection is closed")
            done += count

    def _write(
        self, data: bytes | memoryview, deadline: float, descriptors: tuple[int, ...] = ()
    ) -> None:
        """Send bytes; descriptors go with the first of them."""
        view, done = memoryview(data), 0
        rights = array.array("i", descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
        while done < len(view):
            self._wait(deadline)
            try:
                done += self._socket.sendmsg([view[done : done + _CHUNK]], ancillary)
            except TimeoutError:
                raise LateError("the message was not read before the deadline") from None
            except ConnectionError as error:
                raise ClosedError("the connection is closed") from error
            ancillary = []

    def _wait(self, deadline: float) -> None:
        """Let the next call of the socket end at the deadline."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise LateError("the deadline has passed")
        self._socket.settimeout(None if math.isinf(left) else left)


def _parsed(data: bytes) -> tuple[str, dict[str, Any], list[tuple[str, str, tuple[int, ...]]]]:
    """Read a header.

    Raises:
        ChannelError: it is not one; the text says what is wrong.
    """
    try:
        header = json.loads(data, parse_constant=_no_constant)
        kind, fields, described = header["kind"], header["fields"], header["arrays"]
        arrays = [(name, dtype, tuple(shape)) for name, dtype, shape in described]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ChannelError("bytes that are not a message") from error
    numbers = [number for _, _, shape in arrays for number in shape]
    texts = [kind, *(text for name, dtype, _ in arrays for text in (name, dtype))]
    if not (
        isinstance(fields, dict)
        and all(type(number) is int and number >= 0 for number in numbers)
        and all(isinstance(text, str) for text in texts)
    ):
        raise ChannelError("a header with values of the wrong type")
    return kind, fields, arrays


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _check(
    kind: str,
    described: list[tuple[str, str, tuple[int, ...]]],
    expected: Mapping[str, Mapping[str, ArraySpec]],
) -> None:
    """Compare the arrays of a header with those expected.

    Raises:
        ChannelError: the text names the first difference. It has no word of the other side's own
            and no large number: agents read it, and the other side may know what they must not.
    """
    if kind not in expected:
        shown = _known(kind, KINDS)
        raise ChannelError(f"the message {shown!r}; expected is {' or '.join(expected)}")
    specs, names = expected[kind], [name for name, _, _ in described]
    if sorted(names) != sorted(specs):
        known = [_known(name, specs) for name in names]
        raise ChannelError(f"arrays {str(known)[:80]}; expected is {sorted(specs)}")
    for name, dtype, shape in described:
        spec = specs[name]
        if dtype not in spec.dtypes:
            raise WrongArrayError(
                f"{name} of the type {_known(dtype, np.sctypeDict)}, not {' or '.join(spec.dtypes)}"
            )
        if spec.shape is not None and shape != spec.shape:
            received = _received(shape, _LARGEST_SHOWN)
            raise WrongArrayError(f"{name} of the shape {received}, not {_shown(spec.shape)}")
        if spec.shape is None and (len(shape) != 1 or shape[0] > spec.longest):
            raise WrongArrayError(
                f"{name} of the shape {_received(shape)}; the limit is {spec.longest:,} elements"
            )


def _known(word: str, known: Container[object]) -> str:
    return word if word in known else "?"


def _shown(shape: Iterable[object]) -> str:
    return f"({', '.join(map(str, shape))})"


def _received(shape: tuple[int, ...], largest: float = math.inf) -> str:
    """Return a received shape as text: its first sizes, none of them above the largest."""
    sizes = [size if size <= largest else "?" for size in shape[:_MOST_SHOWN]]
    return _shown([*sizes, *["…"] * (len(shape) > _MOST_SHOWN)])
