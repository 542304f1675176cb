"""Text <-> Architecture: the parser, the checks, the diagnostics and the formatter.

The grammar itself is grammar/arch.lark. Reading (`reading`) is a pipeline: `syntax`
makes a syntax tree, statement by statement if the text is broken; `semantics` sorts it by key, puts
it on top of what it extends, and looks up names and values; `diagnostics` reports what is wrong.
`yaml` makes the same tree from the YAML form. Writing is `printer` and `layout`. Nothing here
imports more than lark and pydantic.
"""

from aira_dsl.language.diagnostics.diagnostic import ArchitectureError, Diagnostic, render_all
from aira_dsl.language.printer import format_text, to_text
from aira_dsl.language.reading import check, load, load_space, parse, parse_space
from aira_dsl.language.semantics.patterns import expand_pattern
from aira_dsl.language.yaml.printer import to_yaml

__all__ = [
    "ArchitectureError",
    "Diagnostic",
    "check",
    "expand_pattern",
    "format_text",
    "load",
    "load_space",
    "parse",
    "parse_space",
    "render_all",
    "to_text",
    "to_yaml",
]
