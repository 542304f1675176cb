"""Models whose fields are described by the docstrings below them.

The source of a model is read when a description is needed (`--help`, the YAML schema, the editor,
docs/options.md). Pydantic's `use_attribute_docstrings` reads it when the class is made, which costs
every start 2 ms for each model.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Documented:
    """Base of pydantic models: the docstring below a field describes it in the JSON schema."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> dict[str, Any]:
        """Make the schema; a description that a field has already stays."""
        schema = handler(core_schema)
        texts = attribute_docstrings(cls)
        for name, field in handler.resolve_ref_schema(schema).get("properties", {}).items():
            if name in texts:
                field.setdefault("description", texts[name])
        return schema


def attribute_docstrings(model: type) -> dict[str, str]:
    """Return the docstrings of the attributes of a `Documented` model, with those of its bases.

    An attribute without a docstring is left out, and so are those of a class without a source file.
    """
    found: dict[str, str] = {}
    for base in reversed([each for each in model.__mro__ if issubclass(each, Documented)]):
        if definition := _classes(base.__module__).get(base.__qualname__):
            found |= _docstrings(definition)
    return found


def _docstrings(definition: ast.ClassDef) -> dict[str, str]:
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(text.value.value, str)
    }


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the class definitions of an imported module by qualified name."""
    try:
        return dict(_nested(ast.parse(inspect.getsource(sys.modules[module]))))
    except (KeyError, OSError, TypeError):  # made by `exec`, or installed without source
        return {}


def _nested(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.ClassDef():
                yield prefix + child.name, child
                yield from _nested(child, f"{prefix}{child.name}.")
            case ast.FunctionDef():
                yield from _nested(child, f"{prefix}{child.name}.<locals>.")
            case ast.stmt():
                yield from _nested(child, prefix)
