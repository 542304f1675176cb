"""A service of the Messages protocol on loopback, with the failures of real ones."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-ant-secret-0123456789"
NOW = {"retry-after-ms": "1"}  # so that no test waits


@dataclass(frozen=True)
class Message:
    """A message of the model.

    Attributes:
        text: its text.
        stop: why it ended.
        thinking: whether a thinking block comes before the text.
        usage: tokens.
        changes: fields that replace those of a correct message; `...` removes a field.
    """

    text: str
    stop: str = "end_turn"
    thinking: bool = False
    usage: dict[str, int] = field(
        default_factory=lambda: {
            "input_tokens": 100, "output_tokens": 20,
            "cache_creation_input_tokens": 7, "cache_read_input_tokens": 1000,
        }
    )  # fmt: skip
    changes: dict[str, Any] = field(default_factory=dict)

    def body(self, model: str) -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": self.text}]
        if self.thinking:
            blocks.insert(0, {"type": "thinking", "thinking": "hm", "signature": "s"})
        correct = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": model,
            "content": blocks, "stop_reason": self.stop, "stop_sequence": None,
            "usage": self.usage,
        }  # fmt: skip
        changed = {**correct, **self.changes}
        return {name: value for name, value in changed.items() if value is not ...}


@dataclass(frozen=True)
class Failure:
    """An error of the service.

    Status 0 drops the connection, 1 breaks off in the middle, 200 sends the body unchanged.
    """

    status: int
    kind: str = "api_error"
    body: str | None = None
    headers: dict[str, str] = field(default_factory=lambda: dict(NOW))


Behaviour = Callable[[dict[str, Any], int], Message | Failure]
"""The answer of the service to a request: its body, and the number of requests before it."""


class Service:
    """The running service.

    Attributes:
        requests: bodies of all requests, in order, with their headers under `headers`.
        sent: messages that were sent completely.
    """

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sent: list[Message] = []
        self.behaviour = behaviour
        self._lock = threading.Lock()
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # else the body waits 40 ms for the client's ACK

            def do_POST(self) -> None:
                service._answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        # Polls often: closing the server waits for a poll.
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["content-length"]))
        body = json.loads(raw)
        with self._lock:
            place = len(self.requests)
            self.requests.append({**body, "headers": dict(handler.headers), "path": handler.path})
            answer = self.behaviour(body, place)
        if isinstance(answer, Failure):
            self._fail(handler, answer, stream=bool(body.get("stream")))
        elif body.get("stream"):
            self._stream(handler, answer.body(body.get("model", "")))
        else:
            _send(handler, 200, json.dumps(answer.body(body.get("model", ""))), {})
        if isinstance(answer, Message):
            with self._lock:
                self.sent.append(answer)

    def _fail(self, handler: BaseHTTPRequestHandler, failure: Failure, *, stream: bool) -> None:
        if failure.status == 0:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        if failure.status == 1:
            text = 'event: ping\ndata: {"type": "ping"}\n\n' if stream else '{"id": "msg'
            kind = "text/event-stream" if stream else "application/json"
            handler.send_response(200)
            handler.send_header("content-type", kind)
            handler.send_header("content-length", "5000")
            handler.end_headers()
            handler.wfile.write(text.encode())
            handler.close_connection = True
            return
        error = {"type": "error", "error": {"type": failure.kind, "message": failure.kind}}
        text = json.dumps(error) if failure.body is None else failure.body
        _send(handler, failure.status, text, failure.headers)

    def _stream(self, handler: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        """Send a message as events, its text in many small parts."""
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for event in _events(message):
            handler.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            handler.wfile.flush()


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Service]:
    service = Service(behaviour)
    try:
        yield service
    finally:
        service.close()


def _send(handler: BaseHTTPRequestHandler, status: int, text: str, headers: dict[str, str]) -> None:
    data = text.encode()
    handler.send_response(status)
    for name, value in {"content-type": "application/json", **headers}.items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def _events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    usage, content = message.get("usage"), message.get("content")
    start = dict(message)
    if isinstance(usage, dict):
        start["usage"] = {**usage, "output_tokens": 1}
    if isinstance(content, list):
        start["content"] = []
    if "stop_reason" in start:
        start["stop_reason"] = None
    yield {"type": "message_start", "message": start}
    for place, block in enumerate(content if isinstance(content, list) else []):
        kind = block.get("type") if isinstance(block, dict) else None
        text = block.get(kind) if isinstance(block, dict) else None
        empty = {**block, kind: ""} if isinstance(text, str) else block
        yield {"type": "content_block_start", "index": place, "content_block": empty}
        for start in range(0, len(text) if isinstance(text, str) else 0, 7):
            delta = {"type": f"{kind}_delta", kind: text[start : start + 7]}
            yield {"type": "content_block_delta", "index": place, "delta": delta}
        yield {"type": "content_block_stop", "index": place}
    yield {"type": "ping"}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message.get("stop_reason"), "stop_sequence": None},
        "usage": {"output_tokens": usage.get("output_tokens")}
        if isinstance(usage, dict)
        else usage,
    }
    yield {"type": "message_stop"}
