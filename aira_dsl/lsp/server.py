"""`aira-dsl lsp`: the language server, on the standard streams.

A document is sent as a whole on every change: it is small, and what counts as a line end is then
ours to say. It is checked when typing pauses, in a thread, so that other answers do not wait. An
exception in one answer is logged, and that answer is empty.
"""

import asyncio
import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from aira_dsl.language import ArchitectureError, format_text
from aira_dsl.lsp import completion, hover, navigation, renaming, translate
from aira_dsl.lsp.diagnostics import Problem, problems
from aira_dsl.lsp.positions import Positions
from aira_dsl.lsp.scope import Source
from aira_dsl.version import __version__

PAUSE = 0.15
"""Seconds without a change before a text is checked."""

_log = logging.getLogger(__name__)
_Params = TypeVar("_Params")
_Answer = TypeVar("_Answer")


class _At(Protocol):
    """Every request that is about one place."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


class ArchServer(LanguageServer):
    """The server, with the checks that are under way."""

    def __init__(self) -> None:
        whole = types.TextDocumentSyncKind.Full
        super().__init__("aira-dsl", __version__, text_document_sync_kind=whole)
        self._checks: dict[str, asyncio.Task[None]] = {}

    def document(self, uri: str) -> tuple[Source, Positions]:
        """Return the text of an open document, and how to count in it."""
        positions = self.positions(self.workspace.get_text_document(uri).source)
        path = to_fs_path(uri)
        return Source(positions.text, Path(path) if path else None), positions

    def positions(self, text: str) -> Positions:
        """Return how this client counts in a text."""
        encoding = self.workspace.position_encoding
        return Positions(text, str(getattr(encoding, "value", encoding) or "utf-16"))

    def place(self, params: _At) -> tuple[Source, Positions, int]:
        """Return a document and the offset that a request is about."""
        source, positions = self.document(params.text_document.uri)
        return source, positions, positions.offset(params.position.line, params.position.character)

    def check(self, uri: str, pause: float = 0.0) -> None:
        """Check a document after a pause, unless it changes again."""
        self.forget(uri)
        self._checks[uri] = asyncio.get_running_loop().create_task(self._check(uri, pause))

    def check_all(self) -> None:
        """Check every open document: a file that it extends may have changed."""
        for uri in list(self.workspace.text_documents):
            self.check(uri)

    def forget(self, uri: str) -> None:
        """Stop the check of a document."""
        if uri in self._checks:
            self._checks.pop(uri).cancel()

    def publish(self, uri: str, found: list[Problem], positions: Positions) -> None:
        """Show what was found in a document."""
        shown = [translate.diagnostic(each, positions) for each in found]
        version = self.workspace.get_text_document(uri).version
        params = types.PublishDiagnosticsParams(uri, shown, version)
        self.text_document_publish_diagnostics(params)

    async def _check(self, uri: str, pause: float) -> None:
        await asyncio.sleep(pause)
        source, positions = self.document(uri)
        try:
            found = await asyncio.to_thread(problems, source)
        except Exception:
            _log.exception("checking %s failed", uri)
            return
        self.publish(uri, found, positions)


def _safe(
    answer: Callable[[ArchServer, _Params], _Answer],
) -> Callable[[ArchServer, _Params], _Answer | None]:
    """Let an answer fail by itself; refusals are for the client."""

    @functools.wraps(answer)
    def run(ls: ArchServer, params: _Params) -> _Answer | None:
        try:
            return answer(ls, params)
        except JsonRpcException:
            raise
        except Exception:
            _log.exception("no answer from %s", answer.__name__)
            return None

    return run


def _opened(ls: ArchServer, params: types.DidOpenTextDocumentParams) -> None:
    ls.check(params.text_document.uri)


def _changed(ls: ArchServer, params: types.DidChangeTextDocumentParams) -> None:
    ls.check(params.text_document.uri, PAUSE)


def _saved(ls: ArchServer, params: Any) -> None:
    ls.check_all()


def _closed(ls: ArchServer, params: types.DidCloseTextDocumentParams) -> None:
    uri = params.text_document.uri
    ls.forget(uri)
    ls.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))


def _actions(ls: ArchServer, params: types.CodeActionParams) -> list[types.CodeAction]:
    uri = params.text_document.uri
    source, positions = ls.document(uri)
    start, end = (
        positions.offset(at.line, at.character) for at in (params.range.start, params.range.end)
    )
    near = [each for each in problems(source) if each.start <= end and start <= each.end]
    found = (translate.quick_fix(each, positions, uri) for each in near)
    return [each for each in found if each is not None]


def _complete(ls: ArchServer, params: types.CompletionParams) -> types.CompletionList:
    source, positions, offset = ls.place(params)
    return translate.completion(completion.complete(source, offset), positions)


def _hover(ls: ArchServer, params: types.HoverParams) -> types.Hover | None:
    source, positions, offset = ls.place(params)
    found = hover.hover(source, offset)
    return found and translate.hover(found, positions)


def _define(ls: ArchServer, params: types.DefinitionParams) -> types.Location | None:
    source, positions, offset = ls.place(params)
    place = navigation.definition(source, offset)
    if place is None:
        return None
    there = positions if place.path is None else ls.positions(place.text)
    return translate.location(place, params.text_document.uri, there)


def _symbols(ls: ArchServer, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    source, positions = ls.document(params.text_document.uri)
    return [translate.symbol(each, positions) for each in navigation.symbols(source)]


def _format(ls: ArchServer, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    source, positions = ls.document(params.text_document.uri)
    try:
        text = format_text(source.text, file=source.path)
    except ArchitectureError as error:
        message = f"not formatted: {error.message} [{error.code}]"
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))
        return None
    if text == source.text:
        return []
    return [types.TextEdit(translate.span(positions, 0, len(source.text)), text)]


def _prepare(ls: ArchServer, params: types.PrepareRenameParams) -> types.Range:
    source, positions, offset = ls.place(params)
    try:
        word = renaming.renamed_at(source, offset)
    except renaming.Refusal as refusal:
        raise JsonRpcInvalidParams(str(refusal)) from None
    return translate.span(positions, word.start, word.end)


def _rename(ls: ArchServer, params: types.RenameParams) -> types.WorkspaceEdit:
    source, positions, offset = ls.place(params)
    try:
        edits = renaming.rename(source, offset, params.new_name)
    except renaming.Refusal as refusal:
        raise JsonRpcInvalidParams(str(refusal)) from None
    return translate.workspace_edit(edits, positions, params.text_document.uri)


def create() -> ArchServer:
    """Return a server that knows all its answers and is not running yet."""
    server = ArchServer()
    triggers = [" ", '"', "/", "-", "("]
    kinds = [types.CodeActionKind.QuickFix]
    answers: list[tuple[str, Callable[[ArchServer, Any], Any], Any]] = [
        (types.TEXT_DOCUMENT_DID_OPEN, _opened, None),
        (types.TEXT_DOCUMENT_DID_CHANGE, _changed, None),
        (types.TEXT_DOCUMENT_DID_SAVE, _saved, None),
        (types.TEXT_DOCUMENT_DID_CLOSE, _closed, None),
        (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _saved, None),
        (types.TEXT_DOCUMENT_CODE_ACTION, _actions, types.CodeActionOptions(kinds)),
        (types.TEXT_DOCUMENT_COMPLETION, _complete, types.CompletionOptions(triggers)),
        (types.TEXT_DOCUMENT_HOVER, _hover, None),
        (types.TEXT_DOCUMENT_DEFINITION, _define, None),
        (types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, _symbols, None),
        (types.TEXT_DOCUMENT_FORMATTING, _format, None),
        (types.TEXT_DOCUMENT_PREPARE_RENAME, _prepare, None),
        (types.TEXT_DOCUMENT_RENAME, _rename, types.RenameOptions(prepare_provider=True)),
    ]
    for method, answer, options in answers:
        server.feature(method, options)(_safe(answer))
    return server


def serve() -> None:
    """Answer one client on the standard streams until it says goodbye."""
    create().start_io()
