"""Text of a language model, made safe to print and to store."""

import re
import unicodedata
from collections.abc import Sequence

SHORTEST_SECRET = 8
"""Shorter keys are placeholders of local services, such as `none`: parts of ordinary words."""

REDACTED = "[redacted]"
WITHHELD = "[withheld: this text contained a key]"


def clean(text: str, limit: int) -> str:
    """Return a text in one line, without control characters, of at most `limit` characters.

    Control and format characters (terminal escapes, bidirectional overrides) are removed; every
    run of white space becomes one space.
    """
    kept = "".join(
        " " if character.isspace() else character
        for character in text[: 4 * limit]
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    flat = re.sub(r"\s+", " ", kept).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def clean_lines(text: str, limit: int) -> str:
    """Return a text with its lines, without control characters, of at most `limit` characters.

    As `clean`, but line ends and tabs are kept, as code needs them.
    """
    lines = text[: 4 * limit].replace("\r\n", "\n")
    kept = "".join(
        character
        for character in lines
        if character in "\n\t" or not unicodedata.category(character).startswith("C")
    )
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def redact(text: str, secrets: Sequence[str]) -> str:
    r"""Return a text without secrets.

    A secret that only becomes visible later (written as `\u0073…`, or with invisible characters in
    between, which `clean` removes) cannot be cut out: then the whole text is withheld.
    """
    long = [secret for secret in secrets if len(secret) >= SHORTEST_SECRET]
    for secret in long:
        text = text.replace(secret, REDACTED)
    visible = _visible(text)
    return WITHHELD if any(secret in visible for secret in long) else text


def _visible(text: str) -> str:
    """Resolve the escapes of JSON and remove what `clean` removes, and white space."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    text = text.replace("\\", "")
    return "".join(
        character
        for character in text
        if not character.isspace() and not unicodedata.category(character).startswith("C")
    )
