"""Recognizes what is not in the YAML form although its file name says so."""

import re

from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.vocabulary import LAYERS, SECTIONS
from aira_dsl.language.yaml.nodes import Mapping, Scalar

GROUPS = {"blocks": "block", "patterns": "pattern", "overrides": "layer"}
"""Keys that hold several statements, and the word of those in a text."""


_SECTION = re.compile(rf"(?:\s|#.*\n)*({'|'.join(SECTIONS)})\b[^\n:#]*\{{")


def is_text_form(sink: Sink, start: int) -> bool:
    """Report a text in the .arch form (E0109); return whether it is one."""
    match = _SECTION.match(sink.whole, start)
    if match is not None:
        message = "this text is in the .arch form of the language"
        help_text = "give the file a name that ends in `.arch`"
        sink.add("E0109", *match.span(1), message, help_text)
    return match is not None


def is_config_of_another_tool(sink: Sink, root: Mapping) -> bool:
    """Report a model config of another tool (E0313); return whether it is one."""
    key = _key_of_another_tool(root)
    if key is not None:
        message = "the file is a model config of another tool"
        help_text = "read it with `aira-dsl import FILE`"
        sink.add("E0313", key.start, key.end, message, help_text)
    return key is not None


def _key_of_another_tool(root: Mapping) -> Scalar | None:
    """Return the key by which a config of transformers or OLMo-core is recognized, or None."""
    keys = {key.text: key for key, _ in root.pairs}
    if keys.keys() & {LAYERS, "slots", "extends", *GROUPS}:
        return None
    return next(
        (keys[name] for name in ("model_type", "architectures", "d_model") if name in keys), None
    )
