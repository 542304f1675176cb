"""A session with the server as editors start it: on the standard streams, message by message."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aira_dsl.language import format_text
from tests.lsp.client import Client
from tests.lsp.texts import ROOT

BROKEN = "# 漢😀\narchitecture x {\n  widht 32  # 漢😀\n  block A = attention\n  layers 2×A\n}\n"


@pytest.fixture(scope="module")
def shared() -> Iterator[Client]:
    client = Client()
    yield client
    assert client.shut_down() == 0


@pytest.fixture
def client(shared: Client) -> Client:
    return shared


def applied(text: str, edits: list[dict]) -> str:
    """Apply the edits of an answer, characters counted in UTF-16."""
    units = [line.encode("utf-16-le") for line in text.split("\n")]

    def offset(place: dict) -> int:
        before = "\n".join(text.split("\n")[: place["line"]])
        inside = units[place["line"]][: 2 * place["character"]].decode("utf-16-le")
        return len(before) + (place["line"] > 0) + len(inside)

    for edit in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text


def test_it_says_what_it_can(client: Client) -> None:
    assert client.server["serverInfo"]["name"] == "aira-dsl"
    can = client.server["capabilities"]
    for ability in ("hover", "definition", "documentSymbol", "documentFormatting"):
        assert can[f"{ability}Provider"]
    assert can["codeActionProvider"]["codeActionKinds"] == ["quickfix"]


def test_a_quick_fix_removes_the_diagnostic(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "x.arch", BROKEN)
    (found,) = client.diagnostics(uri, 1)
    assert (found["code"], found["severity"], found["source"]) == ("E0202", 1, "aira-dsl")
    assert "did you mean `width`?" in found["message"]
    assert found["data"]["fix"]["text"] == "width"

    (action,) = client.request(
        "textDocument/codeAction", textDocument={"uri": uri}, range=found["range"],
        context={"diagnostics": [found]},
    )  # fmt: skip
    assert action["isPreferred"]
    assert action["diagnostics"] == [found]
    after = applied(BROKEN, action["edit"]["changes"][uri])
    assert after == BROKEN.replace("widht", "width")
    client.change(uri, after, 2)
    assert client.diagnostics(uri, 2) == []


def test_positions_count_utf_16(client: Client, tmp_path: Path) -> None:
    text = "architecture x { block A = mlp; layers 2×A # 漢😀\n}\n# 😀😀\nscale 1b { widht 3 }"
    uri = client.open(tmp_path / "x.arch", text.replace("{ block", "{ # 😀 ×\nblock"))
    (found,) = client.diagnostics(uri, 1)
    assert found["range"]["start"] == {"line": 4, "character": 11}
    # A place inside the two halves of an emoji is not the end of the server.
    assert client.at("hover", uri, 0, 20) is None
    assert "2 layers" in client.at("hover", uri, 1, 16)["contents"]["value"]


def test_other_encodings_are_agreed_on() -> None:
    with Client(["utf-8", "utf-32"]) as client:
        uri = client.open("untitled:x", "architecture x { block A = mlp; layers 2×Q }")
        assert client.server["capabilities"]["positionEncoding"] == "utf-8"
        assert 42 in [each["range"]["start"]["character"] for each in client.diagnostics(uri)]
        assert client.shut_down() == 0


def test_completion_in_a_half_written_line(client: Client, tmp_path: Path) -> None:
    text = "architecture x {\n  block A = mlp { act\n  layers 2\n"
    uri = client.open(tmp_path / "x.arch", text)
    items = client.at("completion", uri, 1, 21)["items"]
    assert [each["label"] for each in items][:2] == ["hidden", "activation"]
    assert items[1]["detail"].startswith("swiglu, relu, relu2, gelu")
    assert items[1]["detail"].endswith("; default relu")
    assert items[1]["textEdit"]["range"]["start"] == {"line": 1, "character": 18}
    assert [each["label"] for each in client.at("completion", uri, 2, 10)["items"]] == ["A"]


def test_definition_across_files(client: Client, tmp_path: Path) -> None:
    base = tmp_path / "a base ×.arch"
    base.write_text("# 😀\narchitecture b { block A = attention; layers A }", encoding="utf-8")
    text = 'architecture x {\n  extends "a base ×.arch"\n  layers 2A\n}'
    uri = client.open(tmp_path / "x.arch", text)
    assert client.diagnostics(uri, 1) == []
    found = client.at("definition", uri, 2, 10)
    assert found["uri"] == base.as_uri()
    assert found["range"]["start"] == {"line": 1, "character": 23}
    assert client.at("definition", uri, 1, 15)["uri"] == base.as_uri()
    assert "from a base ×.arch" in client.at("hover", uri, 2, 10)["contents"]["value"]


def test_saving_a_file_checks_those_that_extend_it(client: Client, tmp_path: Path) -> None:
    base = tmp_path / "base.arch"
    base.write_text("architecture b { block A = attention; layers A }", encoding="utf-8")
    uri = client.open(tmp_path / "x.arch", 'architecture x { extends "base.arch" }')
    assert client.diagnostics(uri, 1) == []
    base.write_text("architecture b { blok A = attention; layers A }", encoding="utf-8")
    client.notify("textDocument/didSave", textDocument={"uri": base.as_uri()})
    (found,) = client.diagnostics(uri, 1)
    assert found["code"] == "E0309"
    assert found["relatedInformation"][0]["location"]["uri"] == base.as_uri()
    client.notify("textDocument/didClose", textDocument={"uri": uri})
    assert client.diagnostics(uri) == []


def test_formatting_is_that_of_fmt(client: Client, tmp_path: Path) -> None:
    text = "architecture x{width 32;block A=mlp{hidden 3}\r\n  layers A A # 漢😀\r\n}"
    options = {"tabSize": 8, "insertSpaces": False}
    uri = client.open(tmp_path / "x.arch", text)
    edits = client.request("textDocument/formatting", textDocument={"uri": uri}, options=options)
    assert [each["newText"] for each in edits] == [format_text(text)]
    assert applied(text, edits) == format_text(text)

    client.change(uri, format_text(text), 2)
    assert (
        client.request("textDocument/formatting", textDocument={"uri": uri}, options=options) == []
    )
    client.change(uri, BROKEN, 3)
    assert (
        client.request("textDocument/formatting", textDocument={"uri": uri}, options=options)
        is None
    )
    assert "E0202" in client.notified("window/showMessage")["message"]


def test_outline_and_rename(client: Client, tmp_path: Path) -> None:
    text = "architecture x { block A = attention; layers 2A }"
    uri = client.open(tmp_path / "x.arch", text)
    (symbol,) = client.request("textDocument/documentSymbol", textDocument={"uri": uri})
    assert [each["name"] for each in symbol["children"]] == ["A", "layers"]
    edit = client.at("rename", uri, 0, 24, newName="e1")
    assert applied(text, edit["changes"][uri]) == text.replace("2A", "2×e1").replace("A", "e1")
    position = {"line": 0, "character": 3}
    refused = client.answer(
        "textDocument/prepareRename", textDocument={"uri": uri}, position=position
    )
    assert refused["error"]["message"] == "only blocks and patterns are renamed"


def test_changes_that_follow_at_once_are_not_checked_each(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "x.arch", "")
    client.diagnostics(uri, 1)
    for version in range(2, 40):
        client.change(uri, BROKEN[: 2 * version], version)
    client.change(uri, BROKEN, 40)
    assert [each["code"] for each in client.diagnostics(uri, 40)] == ["E0202"]
    checked = [each for each in client.kept if each.get("params", {}).get("uri") == uri]
    assert len(checked) < 38  # none, but for a machine that stalls between two messages


def test_what_is_no_file_and_what_is_not_open_are_no_trap(client: Client) -> None:
    uri = client.open("untitled:Untitled-1", 'architecture x { extends "a.arch" }')
    assert [each["code"] for each in client.diagnostics(uri)] == ["E0310"]
    assert client.at("hover", "file:///no/such/file.arch", 0, 0) is None
    assert client.at("hover", uri, 0, 3) is not None


def test_a_hostile_text_is_answered(client: Client, tmp_path: Path) -> None:
    uri = client.open(tmp_path / "x.arch", "architecture x { layers " + "(" * 5000)
    assert [each["code"] for each in client.diagnostics(uri, 1)] == ["E0105"]
    assert client.at("hover", uri, 0, 18) is not None
    assert client.at("completion", uri, 0, 2000) is not None


def test_a_client_that_goes_away_ends_the_server() -> None:
    assert Client().leave() == 0


def test_no_torch_is_loaded() -> None:
    code = (
        "import sys, aira_dsl.lsp.server, aira_dsl.lsp.highlight, aira_dsl.lsp.textmate\n"
        "assert not {'torch', 'optuna', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_without_pygls_the_command_says_what_to_install() -> None:
    code = (
        "import sys\nsys.modules['pygls'] = None\nsys.argv = ['aira-dsl', 'lsp']\n"
        "from aira_dsl.cli import main\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 2
    assert "E0906" in done.stderr
    assert "pip install 'pygls>=2.1'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bug_in_one_answer_does_not_end_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from aira_dsl.lsp import hover, server

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(hover, "hover", broken)
    monkeypatch.setattr(server.ArchServer, "place", lambda *_: (None, None, 0))
    created = server.create()
    answer = created.protocol.fm.features["textDocument/hover"]
    assert answer(None) is None
    assert "no answer from _hover" in caplog.text
    created.shutdown()
