"""The channel: whatever the other side sends, reading ends with a message or a ChannelError."""

import json
import os
import socket
import struct
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.design.harness.channel import (
    ArraySpec,
    Channel,
    ChannelError,
    ClosedError,
    LateError,
    Message,
    WrongArrayError,
)

EXPECTED = {"answer": {"x": ArraySpec((2, 3), ("float32",))}, "end": {}}


@pytest.fixture
def pair():
    """Return a channel, and the raw other end of it."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    yield channel, theirs
    channel.close()
    theirs.close()


def framed(header):
    """Return the bytes of a header."""
    data = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("!I", len(data)) + data


def header(**changes):
    return {"kind": "answer", "fields": {}, "arrays": [["x", "float32", [2, 3]]]} | changes


def soon():
    return time.monotonic() + 0.2


def test_a_message_arrives_as_it_was_sent():
    ours, theirs = map(Channel, socket.socketpair())
    reader, writer = os.pipe()
    values = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.float32(7), "c": np.empty((0, 4), int)}
    ours.send(Message("hello", {"n": [1, None]}, values, (reader,)))
    message = theirs.receive()
    assert (message.kind, message.fields) == ("hello", {"n": [1, None]})
    for name, value in values.items():
        np.testing.assert_array_equal(message.arrays[name], value)
        assert message.arrays[name].dtype == value.dtype
    os.write(writer, b"through")
    assert os.read(message.descriptors[0], 10) == b"through"
    for number in (reader, writer, *message.descriptors):
        os.close(number)
    ours.close()
    with pytest.raises(ClosedError):
        theirs.receive()
    theirs.close()


@pytest.mark.parametrize(
    ("sent", "error", "text"),
    [
        (b"", ClosedError, "closed"),
        (b"\xff\xff\xff\xff", ChannelError, "a header of 4294967295 bytes; the limit is 65536"),
        (framed(b"{"), ChannelError, "bytes that are not a message"),
        (framed(b"[" * 60_000), ChannelError, "bytes that are not a message"),
        (framed(b'{"kind": NaN}'), ChannelError, "bytes that are not a message"),
        (framed(b"\xff\xfe"), ChannelError, "bytes that are not a message"),
        (framed([1]), ChannelError, "bytes that are not a message"),
        (framed(header(arrays=[["x", "float32"]])), ChannelError, "bytes that are not a message"),
        (framed(header(kind=7)), ChannelError, "values of the wrong type"),
        (framed(header(fields=[])), ChannelError, "values of the wrong type"),
        (framed(header(arrays=[["x", "float32", [-1, 3]]])), ChannelError, "wrong type"),
        (framed(header(arrays=[["x", "float32", [2.0, 3]]])), ChannelError, "wrong type"),
        (framed(header(arrays=[["x", "float32", [True, 3]]])), ChannelError, "wrong type"),
        (framed(header(kind="score")), ChannelError, "the message '?'; expected is answer or"),
        (framed(header(arrays=[])), ChannelError, "arrays []; expected is ['x']"),
        (framed(header(arrays=header()["arrays"] * 2)), ChannelError, "arrays ['x', 'x']"),
        (framed(header(arrays=[["x", "object", [2, 3]]])), WrongArrayError, "of the type object"),
        (framed(header(arrays=[["x", "float32", [3, 2]]])), WrongArrayError, "(3, 2), not (2, 3)"),
        (framed(header(arrays=[["y", "float32", [2, 3]]])), ChannelError, "arrays ['?']; expected"),
        (framed(header(arrays=[["x", "abc", [2, 3]]])), WrongArrayError, "x of the type ?, not"),
        (framed(header(arrays=[["x", "float32", [10**9] * 9]])), WrongArrayError, "(?, ?, ?, ?, …"),
        (framed(header()) + bytes(23), ClosedError, "closed"),
    ],
)
def test_what_is_not_the_expected_message_is_refused(pair, sent, error, text):
    channel, raw = pair
    raw.sendall(sent)
    raw.shutdown(socket.SHUT_WR)
    with pytest.raises(error) as caught:
        channel.receive(EXPECTED)
    assert text in str(caught.value)


@pytest.mark.parametrize("sent", [b"", b"\0\0", framed(header()), framed(header()) + bytes(20)])
def test_waiting_for_the_rest_ends_at_the_deadline(pair, sent):
    channel, raw = pair
    raw.sendall(sent)
    with pytest.raises(LateError):
        channel.receive(EXPECTED, deadline=soon())


def test_sending_ends_at_the_deadline_if_the_other_side_does_not_read(pair):
    channel, _ = pair
    with pytest.raises(LateError):
        channel.send(Message("x", {}, {"big": np.zeros(1 << 20)}), deadline=soon())


def test_descriptors_that_the_other_side_sends_are_not_taken(pair):
    channel, raw = pair
    before = set(os.listdir("/proc/self/fd"))
    socket.send_fds(raw, [framed(header(kind="end", arrays=[]))], [0, 1, 2])
    message = channel.receive(EXPECTED)
    assert message.descriptors == ()
    assert set(os.listdir("/proc/self/fd")) == before


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_error_of_the_channel(data):
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    theirs.sendall(data)
    theirs.close()
    with pytest.raises(ChannelError):
        channel.receive(EXPECTED)
    channel.close()
