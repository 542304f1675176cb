"""All kinds of blocks: one line for each kind of this package, and those of other packages.

Another package adds a kind by an entry point:

    [project.entry-points."aira_dsl.primitives"]
    decay = "my_package.decay.spec:Decay"

A kind is a folder. `spec.py` (without torch) says what a block may say and what it costs,
`module.py` computes it with torch. Optional are `cpu.py` (compiled kernels), `cuda.py` (external
kernels) and `standalone.py` (the text of exported code). `module.py` and `standalone.py` define a
class with the name of the spec's. Only specs are imported here; the others when they are needed.
"""

import re
import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Literal, Union, get_args

from pydantic import Field

from aira_dsl.primitives.base import Color, Primitive
from aira_dsl.primitives.parallel.spec import Parallel

if TYPE_CHECKING:
    from aira_dsl.primitives.common.mixer import Mixer

GROUP = "aira_dsl.primitives"
"""The group of entry points in which other packages name their kinds."""

_OWN = {
    "attention": "aira_dsl.primitives.attention.spec:Attention",
    "mlp": "aira_dsl.primitives.mlp.spec:MLP",
    "mamba2": "aira_dsl.primitives.mamba2.spec:Mamba2",
    "mamba1": "aira_dsl.primitives.mamba1.spec:Mamba1",
    "moe": "aira_dsl.primitives.moe.spec:MoE",
    "short_conv": "aira_dsl.primitives.short_conv.spec:ShortConv",
    "mla": "aira_dsl.primitives.mla.spec:MLA",
    "rg_lru": "aira_dsl.primitives.rg_lru.spec:RGLRU",
    "linear_attention": "aira_dsl.primitives.linear_attention.spec:LinearAttention",
    "gated_delta_net": "aira_dsl.primitives.gated_delta_net.spec:GatedDeltaNet",
    "kda": "aira_dsl.primitives.kda.spec:KDA",
}

Part = Literal["module", "cpu", "cuda", "standalone"]


def part(owner: type, name: Part) -> ModuleType | None:
    """Return a part of a primitive, imported on first use; None if the primitive lacks it.

    Args:
        owner: a class of the primitive: its spec or its torch module.
        name: which part.
    """
    return _import_if_there(_name_of(owner, name))


def make_mixer(block: Primitive, width: int, norm_eps: float = 1e-5) -> "Mixer":
    """Return the torch module of a resolved block, its weights not yet drawn.

    Every mixer takes the epsilon of norms, whether it contains one or not.
    """
    module = part(type(block), "module")
    mixer: Mixer = getattr(module, type(block).__name__)(block, width, norm_eps)
    return mixer


def _name_of(owner: type, name: Part) -> str:
    return f"{owner.__module__.rpartition('.')[0]}.{name}"


@cache
def _import_if_there(name: str) -> ModuleType | None:
    return import_module(name) if find_spec(name) else None


def _load_kinds() -> dict[str, type[Primitive]]:
    kinds = {kind: EntryPoint(kind, where, GROUP).load() for kind, where in _OWN.items()}
    for point in sorted(entry_points(group=GROUP)):
        try:
            kinds[point.name] = _load(point, kinds)
        except Exception as error:  # whatever another package raises, ours still works
            message = f"the primitive {point.name} ({point.value}) is left out: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
    return kinds


def _load(point: EntryPoint, kinds: dict[str, type[Primitive]]) -> type[Primitive]:
    """Load the spec of another package; raises ValueError if it breaks the registry's rules."""
    spec = point.load()
    if not (isinstance(spec, type) and issubclass(spec, Primitive)):
        raise ValueError("it is not a class derived from aira_dsl.primitives.Primitive")
    if point.name in kinds or not re.fullmatch(r"[a-z][a-z0-9_]*", point.name):
        raise ValueError("a kind needs a name of its own, of lower-case letters, digits and `_`")
    if spec.model_fields["kind"].default != point.name:
        raise ValueError(f'its field must be `kind: Literal["{point.name}"] = "{point.name}"`')
    if getattr(spec, "color", None) not in get_args(Color) or not getattr(spec, "symbol", ""):
        raise ValueError(f"it needs a symbol, and a color out of {', '.join(get_args(Color))}")
    if find_spec(_name_of(spec, "module")) is None:
        raise ValueError("there is no module.py beside its spec")
    spec.model_validate({})  # a block without parameters must be legal: `block X = kind`
    return spec


KINDS: dict[str, type[Primitive]] = _load_kinds()
"""The spec of every kind."""

DRAWN: dict[str, type[Primitive]] = {**KINDS, "parallel": Parallel}
"""What drawings show: every kind, and parallel layers."""

if TYPE_CHECKING:
    Block = Primitive
else:
    Block = Annotated[Union[tuple(KINDS.values())], Field(discriminator="kind")]  # noqa: UP007
