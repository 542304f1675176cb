"""Parts -> one source file: imports once, then what follows them in each part."""

import ast
import inspect
from importlib import import_module

from aira_dsl.architecture import Architecture
from aira_dsl.language.syntax.parser import parse_pattern
from aira_dsl.language.syntax.tree import Group, Pattern

MIXERS = {"attention": "Attention", "mlp": "MLP", "mamba2": "Mamba2"}
_COPIED = "# --- copied from here\n"


def part(name: str) -> str:
    """Return what stands behind the imports of a part, or behind its mark."""
    home = "primitives.{}.standalone" if name in MIXERS else "interop.standalone.parts.{}"
    text = inspect.getsource(import_module(f"aira_dsl.{home.format(name)}"))
    if _COPIED in text:
        text = text.split(_COPIED)[1]
    else:
        body = ast.parse(text).body
        last = max(i for i, n in enumerate(body) if isinstance(n, ast.Import | ast.ImportFrom))
        text = "".join(text.splitlines(keepends=True)[body[last].end_lineno or 0 :])
    return text.strip() + "\n"


def mixer_parts(architecture: Architecture) -> list[str]:
    """Return the source of every mixer that the layers use, norms first."""
    kinds = {architecture.blocks[name].kind for name in architecture.layers}
    return [part("norm"), *(part(kind) for kind in MIXERS if kind in kinds)]


def used_blocks(architecture: Architecture) -> list[str]:
    """Return the names of the blocks that the layers use, in the order of their definition."""
    return [name for name in architecture.blocks if name in architecture.layers]


def layers_expression(architecture: Architecture) -> str:
    """Write the layers as Python: `5 * ["Mb", "M", "A"] + ["M"]`."""
    return _expression(parse_pattern(architecture.pattern))


def _expression(pattern: Pattern) -> str:
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
