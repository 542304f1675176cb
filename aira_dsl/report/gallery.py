"""Designs side by side: what each is made of, what it costs, and what decoding keeps."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aira_dsl.architecture import Architecture, Costs, cost, kept_tokens
from aira_dsl.interop.gallery import Published
from aira_dsl.primitives import Primitive
from aira_dsl.report.stack import count_kinds

CONTEXTS = {"8k": 1 << 13, "128k": 1 << 17}
"""Contexts at which keys and values are counted."""

NOTE = (
    "Active parameters: all that one token uses, embeddings included. KV: keys and values of "
    "one sequence in bfloat16. State: recurrent in float32, inputs of convolutions in bfloat16."
)
"""What the numbers count."""


@dataclass(frozen=True)
class Entry:
    """A design of the gallery, or of a user.

    Attributes:
        name: the file or the model of the gallery.
        title: as its publisher calls it; of a user's file its name.
        architecture: the design.
        model_type: of its config.json; None if it has none.
        published: the number of parameters that its publisher names, if it is known to the unit.
    """

    name: str
    title: str
    architecture: Architecture
    model_type: str | None = None
    published: int | None = None

    @classmethod
    def of(cls, model: Published) -> "Entry":
        """Return a model of the gallery."""
        kind = model.config["model_type"]
        return cls(model.name, model.title, model.architecture, kind, model.total)

    @cached_property
    def costs(self) -> Costs:
        """The costs of the design."""
        return cost(self.architecture)

    @property
    def is_sparse(self) -> bool:
        """Whether a token uses only some of the parameters."""
        return self.costs.active_parameters < self.costs.total_parameters

    @property
    def layers(self) -> str:
        """The number of layers of each kind; those that keep few tokens are counted apart."""
        counts = Counter(
            "|".join(_described(part) for part in self.architecture.block_of(name).parts)
            for name in self.architecture.layers
        )
        return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def gallery_json(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the numbers for scripts: parameters, and bytes of one sequence."""
    return [_facts(each) for each in entries]


def _described(block: Primitive) -> str:
    limit = kept_tokens(block)
    return block.kind if limit is None else f"{block.kind} of {limit:,}"


def _facts(entry: Entry) -> dict[str, Any]:
    costs = entry.costs
    return {
        "name": entry.name,
        "title": entry.title,
        "model_type": entry.model_type,
        "pattern": entry.architecture.pattern,
        "layers": count_kinds(entry.architecture),
        "total": costs.total_parameters,
        "published": entry.published,
        "active": costs.active_parameters,
        "active_without_input": costs.active_without_input,
        "active_without_embeddings": costs.active_without_embeddings,
        "kv_cache_bytes": costs.kv_cache_bytes,
        "kv_bytes": {name: costs.kv_bytes(context) for name, context in CONTEXTS.items()},
        "state_bytes": costs.state_bytes,
    }
