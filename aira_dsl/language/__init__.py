"""Text <-> Architecture: the parser, the checks, the diagnostics and the formatter.

The grammar itself is grammar/arch.lark. Reading goes through one pipeline: `scan.guard` refuses
what is hopeless, `syntax` builds a tree (`recover` does it again, statement by statement, if that
fails), `analysis` looks names up and checks values, and the models of the floors below are built
last. Nothing here imports more than lark and pydantic.
"""

from aira_dsl.language.codes import CODES
from aira_dsl.language.diagnostics import ArchitectureError, Diagnostic, render_all
from aira_dsl.language.patterns import expand_pattern
from aira_dsl.language.printer import format_text, to_text
from aira_dsl.language.reading import check, load, load_space, parse, parse_space
from aira_dsl.language.yaml_printer import to_yaml

__all__ = [
    "CODES",
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
