"""Report of an aggregation: rule, pool, and the votes at each position."""

from typing import Any

from aira_dsl.language import to_text
from aira_dsl.scaling.pooling import Aggregate, Choice


def aggregate_text(found: Aggregate) -> str:
    """Describe an aggregation: the pattern, the pool, the votes by slot."""
    lines = [
        f"{found.architecture.name}: {found.architecture.pattern}",
        f"  rule N{found.choice.c}; {_weights(found.choice)}",
        f"  pool: {found.voters} of {found.candidates} candidates{_pool(found.choice)}, "
        f"{found.runs} {'run' if found.runs == 1 else 'runs'}",
    ]
    if not found.known:
        lines.append(
            "  none of the candidates has these layers: the architecture has not been evaluated"
        )
    lines += [f"  constraint of the search not satisfied: {rule}" for rule in found.broken]
    width = max(len(name) for name in found.architecture.blocks)
    lines += ["", f"  {'slot':>4}  {'block':{max(5, width)}}  matched  votes"]
    for number, slot in enumerate(found.slots, 1):
        shares = "  ".join(f"{name} {share:4.0%}" for name, share in slot.shares.items())
        line = f"  {number:4}  {slot.name:{max(5, width)}}  {slot.matched:7}  {shares}"
        lines.append(line + _remark(found.choice.c, number, slot.context, slot.tie))
    return "\n".join(lines) + "\n"


def aggregate_file(found: Aggregate) -> str:
    """Write the architecture, with the description as comments: a file that can be read back."""
    comments = [f"# {line}".rstrip() for line in aggregate_text(found).splitlines()]
    return "\n".join(comments) + "\n" + to_text(found.architecture)


def aggregate_json(found: Aggregate) -> dict[str, Any]:
    """Return what `--format json` prints."""
    choice = found.choice
    return {
        "name": found.architecture.name,
        "pattern": found.architecture.pattern,
        "layers": list(found.architecture.layers),
        "fingerprint": found.architecture.fingerprint,
        "c": choice.c,
        "top": choice.top,
        "clusters": choice.clusters,
        "decay": choice.decay,
        "runs": found.runs,
        "candidates": found.candidates,
        "voters": found.voters,
        "evaluated": found.known,
        "broken": list(found.broken),
        "slots": [
            {
                "name": slot.name,
                "shares": slot.shares,
                "matched": slot.matched,
                "context": slot.context,
                "tie": slot.tie,
            }
            for slot in found.slots
        ],
        "text": to_text(found.architecture),
    }


def _weights(choice: Choice) -> str:
    if choice.decay is None:
        return "equal votes"
    return f"votes {choice.decay:g}^rank within each run, runs weighted equally"


def _pool(choice: Choice) -> str:
    each = " of each run" if choice.decay is not None else ""
    if choice.top is not None:
        return f", the best {choice.top}{each}"
    if choice.clusters is not None:
        return f", the top cluster of {choice.clusters} by score{each}"
    return ""


def _remark(c: int, number: int, context: int, tie: bool) -> str:
    wanted = min(c, number - 1)
    remarks = ["tie"] if tie else []
    if context < wanted:
        remarks.append(f"no candidate matches {wanted} previous positions: {context} used")
    return f"  ({'; '.join(remarks)})" if remarks else ""
