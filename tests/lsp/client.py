"""A small language client: it starts the server as editors do, and waits for messages."""

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WAIT = 600  # seconds that only a failing test waits


class Client:
    def __init__(self, encodings: list[str] | None = None) -> None:
        command = [sys.executable, "-W", "error", "-m", "aira_dsl", "lsp", "--stdio"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.errors: list[bytes] = []
        self.kept: list[dict[str, Any]] = []
        self.number = 0
        # Daemons: a test that fails must not leave pytest waiting for a server that waits for it.
        self.threads = [
            threading.Thread(target=each, daemon=True) for each in (self._read, self._listen)
        ]
        for thread in self.threads:
            thread.start()
        general = {"positionEncodings": encodings} if encodings else {}
        self.server = self.request(
            "initialize", processId=None, rootUri=None, capabilities={"general": general}
        )
        self.notify("initialized")

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.leave()

    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        while header := out.readline():
            assert header.startswith(b"Content-Length"), header
            while out.readline().strip():
                pass
            self.messages.put(json.loads(out.read(int(header.split(b":")[1]))))
        self.messages.put(None)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        self.errors += self.process.stderr.readlines()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        self._send({"method": method, "params": params})

    def answer(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request; return the whole response."""
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        return self._wait(lambda each: each.get("id") == self.number)

    def request(self, method: str, **params: Any) -> Any:
        found = self.answer(method, **params)
        assert "error" not in found, found
        return found["result"]

    def notified(self, method: str, **params: Any) -> dict[str, Any]:
        """Wait for a notification with these parameters."""
        found = self._wait(
            lambda each: each.get("method") == method and params.items() <= each["params"].items()
        )
        return found["params"]

    def _wait(self, wanted: Any) -> dict[str, Any]:
        while True:
            for each in self.kept:
                if wanted(each):
                    self.kept.remove(each)
                    return each
            message = self.messages.get(timeout=WAIT)
            assert message is not None, b"".join(self.errors).decode()
            self.kept.append(message)

    def open(self, path: Path | str, text: str, version: int = 1) -> str:
        uri = path.as_uri() if isinstance(path, Path) else path
        document = {"uri": uri, "languageId": "arch", "version": version, "text": text}
        self.notify("textDocument/didOpen", textDocument=document)
        return uri

    def change(self, uri: str, text: str, version: int) -> None:
        document = {"uri": uri, "version": version}
        changes = [{"text": text}]
        self.notify("textDocument/didChange", textDocument=document, contentChanges=changes)

    def diagnostics(self, uri: str, version: int | None = None) -> list[dict[str, Any]]:
        wanted = {"uri": uri} if version is None else {"uri": uri, "version": version}
        return self.notified("textDocument/publishDiagnostics", **wanted)["diagnostics"]

    def at(self, method: str, uri: str, line: int, character: int, **more: Any) -> Any:
        position = {"line": line, "character": character}
        document = {"uri": uri}
        return self.request(
            f"textDocument/{method}", textDocument=document, position=position, **more
        )

    def shut_down(self) -> int:
        self.request("shutdown")
        self.notify("exit")
        return self.leave()

    def leave(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        code = self.process.wait(timeout=WAIT)
        for thread in self.threads:
            thread.join(timeout=WAIT)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code
