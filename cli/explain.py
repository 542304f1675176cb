"""`aira-dsl explain`: an error code with its reason and an example."""

import json
import re
from dataclasses import asdict
from itertools import groupby
from textwrap import fill, indent
from typing import Annotated, Literal

import typer

from aira_dsl.error_codes import FAMILIES, ErrorCode, error_codes, find_code
from aira_dsl.errors import UsageError


def explain(
    code: Annotated[
        str | None, typer.Argument(help="A code such as E0211; without one, all are listed.")
    ] = None,
    *,
    format: Annotated[
        Literal["text", "json", "markdown"],
        typer.Option(help="Text for people, JSON for scripts, or the tables of docs/codes.md."),
    ] = "text",
) -> None:
    """Explain an error code: its rule, the reason, and an example put right."""
    codes = list(error_codes().values()) if code is None else [_find(code)]
    if format == "markdown":
        print(_markdown(codes))
    elif format == "json":
        found = [_as_json(each) for each in codes]
        print(json.dumps(found if code is None else found[0], indent=2))
    else:
        print(_list(codes) if code is None else _page(codes[0]))


def _find(code: str) -> ErrorCode:
    found = find_code(code)
    if found is None:
        near = _nearest(code.strip().upper())
        help_text = f"did you mean {near}?" if near else "`aira-dsl explain` lists all codes"
        raise UsageError("E0905", f"unknown code {code!r}", help=help_text)
    return found


def _nearest(code: str) -> str | None:
    """Return the code of the same letter with the nearest number, or None."""
    if not re.fullmatch(r"[EW][0-9]{1,4}", code):
        return None
    same = [each for each in error_codes() if each[0] == code[0]]
    return min(same, key=lambda each: abs(int(each[1:]) - int(code[1:])))


def _as_json(found: ErrorCode) -> dict[str, object]:
    return {**asdict(found), "family": found.family}


def _page(found: ErrorCode) -> str:
    from aira_dsl.language import check, render_all

    parts = [f"{found.code}: {found.rule}", f"({found.family})"]
    if found.formerly:
        parts.append(f"replaces {', '.join(found.formerly)}")
    if found.why:
        parts.append(fill(found.why, 80))
    if found.failing is not None and found.fixed is not None:
        text = found.failing.strip("\n") + "\n"
        shown = render_all(check(text, filename=f"example.{found.form}"), text, width=76)
        parts += ["For example", indent(text, "    ").rstrip(), "gives", indent(shown, "    ")]
        parts += ["and is right as", indent(found.fixed.strip("\n"), "    ")]
    return "\n\n".join(parts)


def _list(codes: list[ErrorCode]) -> str:
    groups = groupby(codes, key=lambda each: each.family)
    return "\n\n".join(
        "\n".join([family, *(f"  {each.code}  {each.rule}" for each in group)])
        for family, group in groups
    )


def _markdown(codes: list[ErrorCode]) -> str:
    """Write docs/codes.md: one table a family."""
    parts = [
        "# Error codes",
        "Written by `aira-dsl explain --format markdown` from aira_dsl/errors.toml. "
        "`aira-dsl explain CODE` has the reason and an example of each; "
        "[errors.md](errors.md) has the exit codes.",
    ]
    for prefix, group in groupby(codes, key=lambda each: each.code[:3]):
        rows = "\n".join(f"| {each.code} | {each.rule} |" for each in group)
        parts += [f"## {prefix}xx: {FAMILIES[prefix]}", f"| code | rule |\n| --- | --- |\n{rows}"]
    return "\n\n".join(parts)
