"""Peak figures of GPUs by name, read from gpus.toml with their sources."""

import re
import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat

from aira_dsl.errors import UsageError
from aira_dsl.evaluation.latency.options import Precision


class Gpu(BaseModel):
    """One table of gpus.toml.

    Attributes:
        name: the name that `--gpu` takes.
        title: vendor, product and memory.
        memory: bytes.
        bandwidth: bytes per second of its own memory.
        bf16, fp8: FLOP/s of dense matrix products; None if it has no such products.
        source: address of the vendor's data sheet or white paper.
        note: how the figures follow from the source; empty if they are printed there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    memory: PositiveFloat
    bandwidth: PositiveFloat
    bf16: PositiveFloat
    fp8: PositiveFloat | None = None
    source: str
    note: str = ""

    def peak(self, precision: Precision) -> float:
        """Return the FLOP/s of matrix products in a precision.

        Raises:
            UsageError: E1702, there is no figure for it.
        """
        found = {"bf16": self.bf16, "fp8": self.fp8}.get(precision)
        if found is None:
            message = f"{self.title}: no figure for {precision}"
            have = "bf16 and fp8" if self.fp8 else "bf16"
            raise UsageError("E1702", message, help=f"its data sheet has {have}")
        return found


@cache
def gpus() -> dict[str, Gpu]:
    """Return all GPUs by name, in the order of gpus.toml."""
    tables = tomllib.loads((Path(__file__).parent / "gpus.toml").read_text(encoding="utf-8"))
    return {name: Gpu(name=name, **table) for name, table in tables.items()}


def find_gpu(name: str) -> Gpu:
    """Return a GPU by name; letter case, spaces and underscores do not matter.

    Raises:
        UsageError: E1701, no such name.
    """
    found = gpus().get(re.sub(r"[\s_]+", "-", name.strip().lower()))
    if found is None:
        message = f"there are no figures for a GPU {name!r}"
        raise UsageError("E1701", message, help=f"known are {', '.join(gpus())}")
    return found
