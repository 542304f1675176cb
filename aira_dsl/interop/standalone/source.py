"""Parts -> one source file: imports once, then what follows them in each part."""

import ast
from functools import lru_cache
from importlib.abc import InspectLoader
from importlib.util import find_spec
from typing import TYPE_CHECKING

from aira_dsl.architecture import Architecture
from aira_dsl.interop.expressible import require_expressible
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.parallel.spec import branches_of
from aira_dsl.primitives.registry import KINDS

if TYPE_CHECKING:
    from aira_dsl.language.syntax.tree import Pattern

_COPIED = "# --- copied from here\n"


def part(name: str) -> str:
    """Return the text of a module of `parts`: what follows its imports, or its mark."""
    text = _source(f"aira_dsl.interop.standalone.parts.{name}")
    assert text is not None, name
    return _body(text)


def mixers() -> dict[str, type[Primitive]]:
    """Return the specs of all kinds that can be exported as text."""
    return {kind: spec for kind, spec in KINDS.items() if _source(_standalone(spec)) is not None}


def mixer_source(spec: type[Primitive]) -> str:
    """Return the text of a kind's exported class, which has the name of its spec."""
    text = _source(_standalone(spec))
    assert text is not None, "refused before"
    return _body(text)


def unsupported(architecture: Architecture) -> list[str]:
    """Return the kinds of layers without standalone code, as reasons; empty if all have it."""
    known = mixers()
    kinds = dict.fromkeys(architecture.blocks[name].kind for name in used_blocks(architecture))
    return [f"{kind} has no standalone code" for kind in kinds if kind not in known]


def require_mixers(architecture: Architecture, emit: str) -> None:
    """Raise InputError E0510 if a layer is of a kind that cannot be exported as text."""
    reasons = unsupported(architecture)
    help_text = "use `aira_dsl.build` or --emit module"
    require_expressible(f"--emit {emit}", architecture, reasons, help_text)


def _standalone(spec: type[Primitive]) -> str:
    return f"{spec.__module__.rpartition('.')[0]}.standalone"


def _source(module: str) -> str | None:
    """Return the text of a module, None if there is no such module.

    It is read, not imported: code is written without torch, and without transformers.
    """
    found = find_spec(module)
    loader = found and found.loader
    return loader.get_source(module) if isinstance(loader, InspectLoader) else None


@lru_cache(maxsize=64)
def _body(text: str) -> str:
    """Return what follows the imports of a module, or its mark; parsing takes milliseconds."""
    if _COPIED in text:
        text = text.split(_COPIED)[1]
    else:
        body = ast.parse(text).body
        last = max(i for i, n in enumerate(body) if isinstance(n, ast.Import | ast.ImportFrom))
        text = "".join(text.splitlines(keepends=True)[body[last].end_lineno or 0 :])
    return text.strip() + "\n"


def mixer_parts(architecture: Architecture) -> list[str]:
    """Return the source of every mixer that the layers use, after what all models have."""
    kinds = {architecture.blocks[name].kind for name in used_blocks(architecture)}
    sources = [mixer_source(KINDS[kind]) for kind in KINDS if kind in kinds]
    return [part("norm"), part("parallel"), *sources]


def used_blocks(architecture: Architecture) -> list[str]:
    """Return the names of the blocks that the layers use, in the order of their definition."""
    layers = {*architecture.layers, *architecture.mtp}
    used = {name for layer in layers for name in branches_of(layer)}
    return [name for name in architecture.blocks if name in used]


def layers_expression(architecture: Architecture) -> str:
    """Write the layers as Python: `5 * ["Mb", "M", "A"] + ["M"]`."""
    from aira_dsl.language.syntax.parser import parse_pattern

    return _expression(parse_pattern(architecture.pattern))


def _expression(pattern: "Pattern") -> str:
    from aira_dsl.language.syntax.tree import Group

    terms: list[str] = []
    plain: list[str] = []

    def close() -> None:
        if plain:
            terms.append(f"[{', '.join(plain)}]")
            plain.clear()

    for each in pattern:
        times = int(each.times or 1)
        if isinstance(each.body, Group):
            close()
            inner = _expression(each.body.items)
            terms.append(f"{times} * {inner if inner.count('[') == 1 else f'({inner})'}")
        elif times > 3:
            close()
            terms.append(f'{times} * ["{each.body}"]')
        else:
            plain += [f'"{each.body}"'] * times
    close()
    return " + ".join(terms)
