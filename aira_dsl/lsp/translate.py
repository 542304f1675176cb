"""The answers of this floor -> the types of the language server protocol."""

from pathlib import Path

from lsprotocol import types
from pygls.uris import from_fs_path

from aira_dsl.lsp.completion import Completion
from aira_dsl.lsp.diagnostics import Problem
from aira_dsl.lsp.hover import Hover
from aira_dsl.lsp.navigation import Place, Symbol
from aira_dsl.lsp.positions import Positions
from aira_dsl.lsp.renaming import Edit

_KINDS = {
    "keyword": types.CompletionItemKind.Keyword,
    "setting": types.CompletionItemKind.Property,
    "parameter": types.CompletionItemKind.Field,
    "kind": types.CompletionItemKind.Class,
    "value": types.CompletionItemKind.Value,
    "block": types.CompletionItemKind.Variable,
    "pattern": types.CompletionItemKind.Variable,
    "scale": types.CompletionItemKind.Module,
    "file": types.CompletionItemKind.File,
}
_SYMBOLS = {
    "section": types.SymbolKind.Module,
    "block": types.SymbolKind.Class,
    "pattern": types.SymbolKind.Function,
    "setting": types.SymbolKind.Property,
}
_SEVERITIES = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
}


def span(positions: Positions, start: int, end: int) -> types.Range:
    """Return a range of a document."""
    return types.Range(*(types.Position(*positions.position(each)) for each in (start, end)))


def diagnostic(problem: Problem, positions: Positions) -> types.Diagnostic:
    """Return a diagnostic, its help after its message."""
    found = problem.diagnostic
    message = found.message if found.help is None else f"{found.message}\nhelp: {found.help}"
    related = None
    if problem.cause is not None:
        place, text = problem.cause
        at = location(place, "", Positions(place.text, positions.encoding))
        related = [types.DiagnosticRelatedInformation(at, text)]
    return types.Diagnostic(
        span(positions, problem.start, problem.end),
        message,
        severity=_SEVERITIES[found.severity],
        code=found.code,
        source="aira-dsl",
        related_information=related,
        data=found.as_json(),
    )


def quick_fix(problem: Problem, positions: Positions, uri: str) -> types.CodeAction | None:
    """Return the action that removes a problem, if one edit does."""
    if problem.fix is None:
        return None
    return types.CodeAction(
        title=_title(problem.diagnostic.help or "fix it"),
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[diagnostic(problem, positions)],
        is_preferred=True,
        edit=workspace_edit([problem.fix], positions, uri),
    )


def workspace_edit(edits: list[Edit], positions: Positions, uri: str) -> types.WorkspaceEdit:
    """Return edits of one document."""
    made = [types.TextEdit(span(positions, each.start, each.end), each.text) for each in edits]
    return types.WorkspaceEdit(changes={uri: made})


def completion(found: Completion, positions: Positions) -> types.CompletionList:
    """Return completion items, in our order."""
    at = span(positions, found.start, found.end)
    items = [
        types.CompletionItem(
            label=each.label,
            kind=_KINDS[each.kind],
            detail=each.detail or None,
            documentation=_markdown(each.text) if each.text else None,
            sort_text=f"{index:04}",
            text_edit=types.TextEdit(at, each.label),
        )
        for index, each in enumerate(found.proposals)
    ]
    return types.CompletionList(is_incomplete=False, items=items)


def hover(found: Hover, positions: Positions) -> types.Hover:
    """Return a hover text and the word it is about."""
    return types.Hover(_markdown(found.text), span(positions, found.start, found.end))


def symbol(found: Symbol, positions: Positions) -> types.DocumentSymbol:
    """Return a section with its statements."""
    return types.DocumentSymbol(
        name=found.name,
        detail=found.detail or None,
        kind=_SYMBOLS[found.kind],
        range=span(positions, found.start, found.end),
        selection_range=span(positions, found.name_start, found.name_end),
        children=[symbol(each, positions) for each in found.children],
    )


def location(place: Place, uri: str, positions: Positions) -> types.Location:
    """Return a place in the document at `uri`, or in the place's own file."""
    return types.Location(_uri(place.path) or uri, span(positions, place.start, place.end))


def _uri(path: Path | None) -> str | None:
    return None if path is None else from_fs_path(str(path))


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


def _title(help_text: str) -> str:
    return help_text[:1].upper() + help_text[1:]
