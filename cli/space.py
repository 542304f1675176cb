"""`aira-dsl space`: what a search space holds."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aira_dsl.space import Space


def space(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A space or architecture file, or `-`; default: the paper's 3^16 space."
        ),
    ] = None,
    count: Annotated[bool, typer.Option("--count", help="Print only the number.")] = False,
    index: Annotated[
        int | None, typer.Option(help="Print the arrangement at this index.", metavar="N")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="Print this arrangement's index.", metavar="LAYERS")
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(help="Number of arrangements to draw.", metavar="N", min=1),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of --sample.", min=0)] = 0,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Constraint such as A<=4, parameters<=1_050_000 or kv<=512M; repeatable.",
            metavar="CONSTRAINT",
        ),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", help="text or json.", metavar="text|json")
    ] = "text",
) -> None:
    """Show a space of arrangements: count it exactly, index it, sample it uniformly."""
    from aira_dsl.language import expand_pattern
    from aira_dsl.language.paths import load_space_path
    from aira_dsl.space import Space

    if format_ not in ("text", "json"):
        raise typer.BadParameter("use text or json", param_hint="--format")
    found = (Space(load_space_path(file)) if file else Space.default()).where(*(where or ()))
    if index is not None or pattern is not None or sample is not None:
        drawn = [found.layers(index)] if index is not None else []
        if pattern is not None:
            drawn.append(expand_pattern(pattern, found.names, filename="--pattern"))
        drawn += found.sample(sample, seed=seed) if sample is not None else []
        _print_arrangements(found, drawn, format_)
    elif count:
        print(found.count)
    else:
        _print_space(found, format_)


def _print_arrangements(space: "Space", arrangements: list[tuple[str, ...]], format_: str) -> None:
    for layers in arrangements:
        architecture = space.architecture(layers)
        facts = {
            "index": space.index(layers),
            "pattern": architecture.pattern,
            "layers": list(layers),
            "fingerprint": architecture.fingerprint,
        }
        if format_ == "json":
            print(json.dumps(facts, ensure_ascii=False))
        else:
            print(f"{facts['index']:>12}  {facts['fingerprint']}  {facts['pattern']}")


def _print_space(space: "Space", format_: str) -> None:
    facts = {
        "name": space.definition.name,
        "slots": space.slots,
        "context": space.definition.context,
        "blocks": list(space.names),
        "block_costs": space.block_costs,
        "size": space.size,
        "where": [str(constraint) for constraint in space.constraints],
        "count": space.count,
    }
    if format_ == "json":
        print(json.dumps(facts, ensure_ascii=False))
        return
    print(f"{facts['name']}: {space.slots} slots of {', '.join(space.names)}")
    print(f"  {len(space.names)}^{space.slots} = {space.size:,} arrangements")
    if space.constraints:
        print(f"  {space.count:,} of them with {' and '.join(map(str, space.constraints))}")
    for name, block in space.definition.blocks.items():
        parameters = block.parameters(space.definition.width)
        print(f"  {name}: {block.kind}, {parameters:,} parameters a layer{_kept(space, name)}")


def _kept(space: "Space", name: str) -> str:
    """Say what else distinguishes a layer of a block where constraints count: ` (kv 131,072)`."""
    costs = space.block_costs[name]
    shown = [f"{key} {costs[key]:,}" for key in ("kv", "state") if costs[key]]
    if costs["active"] != costs["parameters"]:
        shown.insert(0, f"active {costs['active']:,}")
    return f" ({', '.join(shown)})" if shown else ""
