"""How long the models of a grid take to decode a token: on a GPU by roofline, or here, measured.

FOLDER/latency.json holds the seconds and how they were found. It is written after each model, so
that the same call continues.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.evaluation.latency.result import Latency
from aira_dsl.language.reading import parse
from aira_dsl.scaling.grid.folder import LATENCY
from aira_dsl.scaling.grid.plan import Plan
from aira_dsl.utils.files import write_atomically

Latencies = Mapping[tuple[str, int], float]
"""Seconds of a decoded token by design and size."""

Estimate = Callable[[Architecture], Latency]
"""How the latency of a model is found."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Model):
    """One model.

    Attributes:
        design, size: which one of the plan.
        architecture: its text, by which it is known again.
        seconds: seconds of a decoding step divided by the sequences of the batch.
    """

    design: str
    size: int
    architecture: str
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class GridLatency(_Model):
    """The content of latency.json.

    Attributes:
        device: the device in words.
        method, precision, context, batch: as for `Latency`.
        models: those that are known.
    """

    device: str
    method: Literal["roofline", "measured"]
    precision: str
    context: int
    batch: int
    models: tuple[Entry, ...] = ()

    def of(self, plan: Plan) -> dict[tuple[str, int], float]:
        """Return the seconds of the models of a plan that are known."""
        known = {(each.design, each.size, each.architecture): each.seconds for each in self.models}
        wanted = [(each.design, each.size, each.architecture) for each in plan.models]
        return {key[:2]: known[key] for key in wanted if key in known}


def read_latency(folder: Path) -> GridLatency | None:
    """Return the latencies of a folder; None if there are none.

    Raises:
        InputError: E1607, the file cannot be read or is damaged.
    """
    path = folder / LATENCY
    try:
        return GridLatency.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        help_text = "remove it, and find the latencies again"
        raise InputError("E1607", f"{path} cannot be read: {reason}", help=help_text) from None


def find_latencies(
    plan: Plan,
    folder: Path,
    estimate: Estimate,
    *,
    force: bool = False,
    on_found: Callable[["Entry", int], None] = lambda entry, left: None,
) -> GridLatency:
    """Find the seconds of a decoded token of every model of a plan.

    Args:
        plan: the plan.
        folder: the folder of the grid.
        estimate: finds the latency of one model.
        force: whether latencies that were found in another way are replaced.
        on_found: called after each model with the number that are left.

    Raises:
        InputError: E0503, the folder holds latencies that were found in another way, and `force`
            is not given; E1607, its file is damaged; any error of `estimate`.
        RunError: E0904, the file cannot be written.
    """
    found = None if force else read_latency(folder)
    known = found.of(plan) if found is not None else {}
    left = [model for model in plan.models if (model.design, model.size) not in known]
    # One model is estimated even if all are known: it tells whether they were found in this way.
    for place, model in enumerate(left or plan.models[:1], 1):
        latency = estimate(parse(model.architecture))
        entry = Entry(
            design=model.design,
            size=model.size,
            architecture=model.architecture,
            seconds=latency.seconds.decode / latency.batch,
        )
        more = _with(found, latency, entry, folder)
        if not left:
            break
        found = more
        write_atomically(folder / LATENCY, found.model_dump_json(indent=1) + "\n")
        on_found(entry, len(left) - place)
    assert found is not None  # a plan has models
    return found


def _with(found: GridLatency | None, latency: Latency, entry: Entry, folder: Path) -> GridLatency:
    """Return what is known with one more model.

    Raises:
        InputError: E0503, it was found in another way than the others.
    """
    new = GridLatency(
        device=latency.title,
        method=latency.method,
        precision=latency.precision,
        context=latency.context,
        batch=latency.batch,
        models=(entry,),
    )
    if found is None:
        return new
    if new.model_copy(update={"models": found.models}) != found:
        raise InputError(
            "E0503",
            f"{folder / LATENCY} holds latencies of {found.device} ({found.method}, "
            f"{found.precision}, context {found.context:,}, batch {found.batch:,})",
            help="--force replaces them",
        )
    key = entry.design, entry.size
    others = [each for each in found.models if (each.design, each.size) != key]
    return found.model_copy(update={"models": (*others, entry)})
