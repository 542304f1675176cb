"""What Lark did not expect -> a diagnostic in a user's words.

The grammar knows which word was wrong and which would have been right; what the user meant is the
business of `foreign_syntax` and, for characters, of what they look like.
"""

import re
import unicodedata
from functools import partial

from lark import Token, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.foreign_syntax import Place, default_help, kind_of, recognize
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.suggest import did_you_mean, nearest
from aira_dsl.language.syntax.parser import WORDS
from aira_dsl.language.syntax.tree import end_of, start_of
from aira_dsl.language.vocabulary import PATTERNS, SECTIONS, STATEMENTS
from aira_dsl.primitives.registry import KINDS

_QUOTED = re.compile(r"[\"'“”„‘’«»]([^\"'“”„‘’«»\n]*)[\"'“”„‘’«»]")
_BLOCK_START = {"NAME", "INT", "LPAR"}
_LOOKALIKES = (
    dict.fromkeys("‐‑‒–—−•", "-")
    | dict.fromkeys("✕✖⨯⋅∙·", "×")
    | dict(zip("АВЕЅІЈКМНОРСТХаеѕіјорсух", "ABESIJKMHOPCTXaesijopcyx", strict=True))
    | dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαενι", "ABEZHIKMNOPTYXoaevi", strict=True))
)
"""Dashes, times signs, and the Cyrillic and Greek letters that look like Latin ones."""

_SETTING = re.compile(r"\s*\w+[ \t]+[\w.]+[ \t]*(\w+|[^\w\s;#])")
"""A setting, its value, and a word or a mark after it."""

_ONE_VALUE = STATEMENTS - {*PATTERNS, "layer", "block", "pattern", "extends"}
_PARAMETERS = {name for kind in KINDS.values() for name in kind.model_fields}


def report(sink: Sink, error: UnexpectedInput, end: int, start: int = 0, kind: str = "") -> None:
    """Say in a user's words what Lark did not expect.

    Args:
        sink: receives the diagnostic.
        error: from one of the functions of `syntax`.
        end: where the parsed piece of the text ends; Lark reports its end at the last token.
        start: where its statement or header begins.
        kind: what it is (`Place.kind`), if the text does not say so itself.
    """
    if isinstance(error, UnexpectedCharacters):
        at = error.pos_in_stream or 0
        place = Place(sink.text, start, at, kind or kind_of(sink.text, start, at))
        _report_character(sink, place)
        return
    assert isinstance(error, UnexpectedToken)
    token = error.token
    expected = set(error.accepts or error.expected)
    if "$END" in expected and end < len(sink.text.rstrip()):  # only a statement was parsed
        expected = expected - {"$END"} | {"_NEWLINE"}
    if token.type == "$END":
        at, found = end, WORDS["$END"] if end >= len(sink.text.rstrip()) else WORDS["_NEWLINE"]
        stop = end
    else:
        at, stop = start_of(token), end_of(token)
        found = WORDS["_NEWLINE"] if token.type == "_NEWLINE" else quoted(token)
        stop = at if token.type == "_NEWLINE" else stop
    place = Place(sink.text, start, at, kind or kind_of(sink.text, start, at))
    expected = _narrowed(expected, place)
    second = _SETTING.match(sink.text, start)
    if expected == {"_NEWLINE"} and place.kind == "setting" and second is not None:
        (at, stop), found = second.span(1), quoted(second[1])
        place = place._replace(at=at)
    message = f"expected {_alternatives(expected)}, found {found}"
    sink.add("E0101", at, stop, message, partial(_hint, token, expected, place))


def _narrowed(expected: set[str], place: Place) -> set[str]:
    """Leave out what the grammar takes only because it does not know the statement's word yet."""
    word = re.compile(r"\s*(\w+)\s").match(place.text, place.start)
    key = word[1] if word and place.kind != "header" else ""
    if key in PATTERNS:
        return expected - {"LBRACE", "_EQUALS", "STRING"} or expected
    # What continues like a pattern has one value too many.
    if key in _ONE_VALUE and place.kind == "setting" and _SETTING.match(place.text, place.start):
        return {"_NEWLINE"}
    return expected


def _report_character(sink: Sink, place: Place) -> None:
    character = place.text[place.at]
    name = quoted(character) if character.isprintable() else f"U+{ord(character):04X}"
    message = f"the language does not use the character {name}"
    sink.add("E0103", place.at, place.at + 1, message, partial(_character_hint, place))


def _character_hint(place: Place) -> Hint:
    character = place.text[place.at]
    found = _all_twins(place) or _quotes(place) or recognize(place)
    if found is None and character == ":":
        help_text = default_help(place) if place.kind == "header" else None
        found = Hint(help_text or "write `name value`, without `:`")
    return found or Hint("names use letters, digits and `_`; comments begin with `#`")


def _twin(character: str) -> Hint | None:
    """Recognize a character that looks like another one, or like none."""
    if character.isascii():
        return None
    twin = _LOOKALIKES.get(character) or _plain(character)
    if character in _LOOKALIKES and character.isalpha():
        return Hint(f"this is U+{ord(character):04X}, which looks like `{twin}`", twin)
    if twin:
        return Hint(f"use `{twin}`" if twin.strip() else "use a space", twin)
    invisible = unicodedata.category(character) == "Cf"
    return Hint("delete this invisible character", "") if invisible else None


def _plain(character: str) -> str | None:
    """Return the ASCII character that a wide, accented or foreign one is a form of."""
    if character.isspace():
        return " "
    digit = unicodedata.digit(character, None)
    plain = str(digit) if digit is not None else unicodedata.normalize("NFKD", character)[0]
    return plain if plain.isascii() and (plain.isalnum() or plain in "{}()=,-+*") else None


def _all_twins(place: Place) -> Hint | None:
    """Recognize a lookalike, and replace all of them up to the end of the line."""
    hint = _twin(place.text[place.at])
    if hint is None or not hint.fix:
        return hint
    line = re.compile(r"[^\n#]{1,200}").match(place.text, place.at)
    assert line is not None, "the lookalike is not a line end"
    twins = [_twin(character) for character in line[0]]
    edits = [c if twin is None else twin.fix or "" for c, twin in zip(line[0], twins, strict=True)]
    length = max(i for i, twin in enumerate(twins) if twin) + 1
    return hint._replace(fix="".join(edits[:length]), at=(place.at, place.at + length))


def _quotes(place: Place) -> Hint | None:
    """Recognize quotes around a word, or one around a path that was never closed."""
    text, at = place.text, place.at
    path = text[place.start : at].strip() == "extends"
    if path and text[at] == '"':
        stop = re.compile(r"[^\n]*?(?=\s*(?:\n|$))").match(text, at)
        assert stop is not None, "it matches nothing, too"
        return Hint('this `"` is never closed', '"', (stop.end(), stop.end()))
    match = _QUOTED.match(text, at)
    if path and match:
        return Hint('paths are written with `"`', f'"{match[1]}"', match.span())
    if match and re.fullmatch(r"\w+", match[1]):
        return Hint("words are written without quotes", match[1], match.span())
    if text[at] in "\"'“”„‘’«»" and not place.text[at - 1 : at].isdigit():
        return Hint('words are written without quotes, paths with `"`')
    return None


def _alternatives(expected: set[str]) -> str:
    """Name what would have been right, as short as it stays true."""
    rest = set(expected)
    words = []
    if rest >= _BLOCK_START:
        after_key = "STRING" in rest
        words.append("a value" if after_key else "a block or a group")
        rest -= _BLOCK_START | {"FLOAT", "STRING"}
    elif rest >= {"INT", "FLOAT", "NAME"}:
        words.append("a value")
        rest -= {"INT", "FLOAT", "NAME"}
    # Choices are rare: `|` is not listed where a parameter may end.
    rest -= {"_BAR"} if "RBRACE" in rest else set()
    # A line end is always possible before a name or a block; it is not listed.
    rest -= {"_NEWLINE"} if words or "NAME" in rest else set()
    rest -= {"$END"} if words or len(rest) > 1 else set()
    words += [WORDS[terminal] for terminal in WORDS if terminal in rest]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _hint(token: Token, expected: set[str], place: Place) -> Hint | None:
    """Find the mistake among the known ones, or say how the statement is written."""
    found = _brace(token, expected, place) or _split_name(token, place) or recognize(place)
    if found is not None:
        return found
    if token.type == "STRING" and re.fullmatch(r'"\w+"', token) and place.kind != "header":
        return Hint("words and numbers are written without quotes", token[1:-1])
    if token.type in {"NAME", "INT"} and {"_COMMA", "RBRACE"} <= expected:
        at = place.at
        return Hint("separate parameters by `,` or by a line end", ", ", (at, at))
    if token.type == "_DASH" and "STRING" in expected:
        return Hint("a pattern continues after a separator, or inside `( … )`")
    help_text = default_help(place)
    return None if help_text is None else Hint(help_text)


def _brace(token: Token, expected: set[str], place: Place) -> Hint | None:
    """Recognize a brace on a line of its own, on either side of the line end."""
    text = place.text
    if token.type in {"_NEWLINE", "$END"} and expected == {"LBRACE"}:
        below = re.compile(r"\s*\{").match(text, place.at)
        if below is not None:
            return Hint("the `{` belongs on this line", " {", (place.at, below.end()))
        closed = text.find("}", place.at) >= 0
        return Hint("add `{`", " {") if closed else None
    if token.type == "LBRACE" and place.at == place.start:
        before = text[: place.at].rstrip()
        line = before[before.rfind("\n") + 1 :]
        help_text = "the `{` belongs on the line of its block"
        if before and line.split()[0] == "block" and "#" not in line and "{" not in line:
            return Hint(help_text, " ", (len(before), place.at))
        return Hint(help_text) if line.split()[:1] == ["block"] else None
    if token.type == "_DASH" and place.at == place.start:
        return _mark_first(text, place.at)
    return None


def _mark_first(text: str, at: int) -> Hint:
    """Recognize a `-` or `+` that begins a line."""
    word = re.compile(r"[-+]\s*(\w*)\s*").match(text, at)
    assert word is not None, "the caller saw the mark"
    if word[1] in STATEMENTS:
        return Hint("this looks like a diff: keep one version, and no marks")
    before = text[:at].rstrip()
    line = before[before.rfind("\n") + 1 :]
    help_text = "a line of a pattern ends with a separator, and does not begin with one"
    if line.split()[:1] in (["layers"], ["pattern"]) and "#" not in line:
        return Hint(help_text, "-\n    ", (len(before), word.start(1)))
    return Hint(help_text)


def _split_name(token: Token, place: Place) -> Hint | None:
    """Recognize `tie-embeddings` and `kv-heads`."""
    if token.type != "_DASH" or place.kind not in {"setting", "parameter"}:
        return None
    word = re.compile(r"(\w+)[-+](\w+)")
    before = re.search(r"\w*$", place.text[place.start : place.at])
    match = word.match(place.text, place.start + before.start()) if before else None
    known = _PARAMETERS if place.kind == "parameter" else STATEMENTS | SECTIONS.keys()
    meant = nearest(f"{match[1]}_{match[2]}", known) if match else None
    if match is None or meant is None or meant == match[1]:
        return None
    return did_you_mean(meant)._replace(at=match.span())
