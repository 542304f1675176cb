"""The pattern of one statement -> its layers, whatever else is wrong with the text."""

from lark import Token, UnexpectedInput

from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.semantics.patterns import Names, resolve
from aira_dsl.language.syntax.outline import Item
from aira_dsl.language.syntax.parser import parse_item
from aira_dsl.language.syntax.scan import guard
from aira_dsl.language.syntax.tree import Definition, Pattern, Statement
from aira_dsl.lsp.scope import Named, Scope


def expand(item: Item, scope: Scope) -> tuple[str, ...] | None:
    """Expand a `layers` or `pattern` statement of a scope's text or of what that extends.

    Returns None if it is broken, if it uses names that nothing defines, or is too long.
    """
    names = scope.names()
    blocks = [name for name, each in names.items() if each.item.key == "block"]
    patterns = {name: _definition(each) for name, each in names.items() if name not in blocks}
    own = item.name.text if item.name else None
    named = names.get(own) if own else None
    text = named.source.text if named else scope.sources[0].text
    pattern = _pattern(item, text)
    if pattern is None:
        return None
    sound = {name: each for name, each in patterns.items() if each is not None}
    return resolve(pattern, Names(blocks, sound), Sink(text, ""))


def _definition(named: Named) -> Definition | None:
    found = _parse(named.item, named.source.text)
    return found if isinstance(found, Definition) else None


def _pattern(item: Item, text: str) -> Pattern | None:
    found = _parse(item, text)
    if not isinstance(found, Definition | Statement) or isinstance(found.value, Token):
        return None
    return found.value


def _parse(item: Item, text: str) -> object:
    if not guard(Sink(text[item.start : item.end], "")):
        return None
    try:
        return parse_item(text, item.start, item.end)
    except UnexpectedInput:
        return None
