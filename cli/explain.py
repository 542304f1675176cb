"""`aira-dsl explain`: a code at length."""

import json
from dataclasses import asdict
from textwrap import fill, indent
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from aira_dsl.report.explanations import Explanation


def explain(
    code: Annotated[
        str | None, typer.Argument(help="A code such as E0211; without one, all are listed.")
    ] = None,
    *,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="For people, or scripts.")
    ] = "text",
) -> None:
    """Say what a code means, why the rule is there, and what to do."""
    from aira_dsl.report import explanations

    if code is not None:
        found = explanations.explain(code)
        print(json.dumps(asdict(found), indent=2) if format == "json" else _page(found))
    elif format == "json":
        print(json.dumps([asdict(each) for each in explanations.explanations()], indent=2))
    else:
        print(_list(explanations.explanations()))


def _page(found: "Explanation") -> str:
    from aira_dsl.language import check, render_all

    parts = [f"{found.code}: {found.rule}", f"({found.family})"]
    if found.why:
        parts.append(fill(found.why, 80))
    if found.failing is not None and found.fixed is not None:
        text = found.failing.strip("\n") + "\n"
        shown = render_all(check(text, filename=f"example.{found.form}"), text, width=76)
        parts += ["For example", indent(text, "    ").rstrip(), "gives", indent(shown, "    ")]
        parts += ["and is right as", indent(found.fixed.strip("\n"), "    ")]
    return "\n\n".join(parts)


def _list(found: "list[Explanation]") -> str:
    lines: list[str] = []
    family = ""
    for each in found:
        if each.family != family:
            family = each.family
            lines.append(f"{family}" if not lines else f"\n{family}")
        lines.append(f"  {each.code}  {each.rule}")
    return "\n".join(lines)
