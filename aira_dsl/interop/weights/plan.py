"""Which tensor of a checkpoint goes where: every one is used, known to be derivable, or refused."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.huggingface import MODEL_TYPE
from aira_dsl.interop.weights.families import FAMILIES, Family
from aira_dsl.interop.weights.links import Link, Part, Shape, pick, within
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.parallel.spec import Parallel

DERIVED = re.compile(
    r"(^|\.)rotary_emb(_local)?\.inv_freq$|\.(attn|self_attn)\.(masked_)?bias$"
    r"|\.self_attn\.(slope_rate|(query|key|diagonal)_decay)$"
)
"""Buffers that follow from the config: of old versions of transformers, and the decays of MiniMax,
which transformers computes where a checkpoint lacks them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Links of a checkpoint.

    Attributes:
        links: in the order of our layers.
        left_out: tensors that the model does not need, in alphabetical order.
    """

    links: list[Link]
    left_out: list[str]

    @property
    def is_exact(self) -> bool:
        """Whether every number stays as it is."""
        return all(link.is_exact for link in self.links)


def plan(
    architecture: Architecture,
    ours: Mapping[str, Shape],
    found: Mapping[str, Shape],
    config: Mapping[str, Any],
) -> Plan:
    """Link the tensors of a checkpoint and ours.

    Args:
        architecture: of the checkpoint's config.
        ours: shapes of the tensors of our model, without a tied head.
        found: shapes of those of the checkpoint.
        config: settings of the checkpoint's language model.

    Raises:
        InputError: E0525, tensors are missing, left over, or of another shape; E0526, there is no
            map for the family.
    """
    if config.get("model_type") == MODEL_TYPE:  # exports with code of their own have our names
        _require_equal(ours, found)
        return Plan([Link(name, shape, name) for name, shape in ours.items()], [])
    family = _family(config)
    links = make_links(architecture, ours, found, config)
    wanted = {link.theirs: link.shape for link in links}
    root, left = pick(family.root, found), found.keys() - wanted.keys()
    left_out = sorted(name for name in left if _is_unused(name, architecture, family, root))
    _require_equal(wanted, {name: found[name] for name in found.keys() - set(left_out)})
    return Plan(links, left_out)


def make_links(
    architecture: Architecture,
    ours: Mapping[str, Shape],
    found: Mapping[str, Shape],
    config: Mapping[str, Any],
) -> list[Link]:
    """Return the links of all tensors of ours; names that a checkpoint lacks are the usual ones.

    Args and errors are those of `plan`, but that nothing is compared.
    """
    family = _family(config)
    root = pick(family.root, found)
    return [
        *_outer(family, root, ours, found),
        *_layers(architecture, family, root, _Tensors(ours, found, config)),
    ]


def _family(config: Mapping[str, Any]) -> Family:
    model_type = str(config.get("model_type"))
    if model_type not in FAMILIES:
        message = f"there is no map of weights for model_type {model_type!r}"
        raise InputError("E0526", message, help=f"there are maps for {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


@dataclass(frozen=True, slots=True)
class _Tensors:
    ours: Mapping[str, Shape]
    found: Mapping[str, Shape]
    config: Mapping[str, Any]


def _outer(
    family: Family, root: str, ours: Mapping[str, Shape], found: Mapping[str, Shape]
) -> Iterator[Link]:
    """Yield links of embedding, final norm and head."""
    theirs = {"embedding": f"{root}.{family.embedding}", "head": pick("lm_head", found)}
    for name in ("embedding.weight", "head.weight"):
        if name in ours:
            module, _, kind = name.partition(".")
            yield Link(f"{theirs[module]}.{kind}", ours[name], name)
    yield from _norm("norm", f"{root}.{family.norm}", ours, family.offset)


def _norm(ours: str, theirs: str, shapes: Mapping[str, Shape], offset: float) -> Iterator[Link]:
    for kind, shape in within(ours, shapes).items():
        yield Link(f"{theirs}.{kind}", shape, f"{ours}.{kind}", offset=offset)


def _layers(
    architecture: Architecture, family: Family, root: str, tensors: _Tensors
) -> Iterator[Link]:
    """Yield links of all layers; one of theirs is one or two of ours."""
    each = len(family.norms)
    for index, name in enumerate(architecture.layers):
        outer = f"{root}.layers.{index // each}"
        ours = f"layers.{index}"
        place, layer = index % each, within(outer, tensors.found)
        before, after = (pick(names[place], layer) for names in (family.norms, family.posts))
        for norm, theirs in (("norm", before), ("post_norm", after)):
            yield from _norm(f"{ours}.{norm}", f"{outer}.{theirs}", tensors.ours, family.offset)
        for mixer, block in _mixers(f"{ours}.mixer", architecture.block_of(name)):
            form = family.forms[block.kind]
            prefix = pick(form.prefix, layer)
            part = Part(block, within(mixer, tensors.ours), within(prefix, layer), tensors.config)
            path = f"{outer}.{prefix}" if prefix else outer
            for link in form.links(part):
                yield replace(link, theirs=f"{path}.{link.theirs}", ours=f"{mixer}.{link.ours}")


def _mixers(name: str, block: Primitive) -> Iterable[tuple[str, Primitive]]:
    """Return the mixers of a layer with their names: its own, or those of its branches."""
    if isinstance(block, Parallel):
        return [(f"{name}.branches.{i}", branch) for i, branch in enumerate(block.branches)]
    return [(name, block)]


def _is_unused(name: str, architecture: Architecture, family: Family, root: str) -> bool:
    """Tell whether a tensor follows from others, or belongs to multi-token prediction."""
    if architecture.tie_embeddings and name == "lm_head.weight":
        return True
    if architecture.mtp:
        count = len(architecture.layers) // len(family.norms)
        number = re.match(rf"{re.escape(root)}\.layers\.(\d+)\.", name)
        if name.startswith("mtp.") or (number and int(number[1]) >= count):
            return True
    return DERIVED.search(name) is not None


def _require_equal(wanted: Mapping[str, Shape], found: Mapping[str, Shape]) -> None:
    """Raise InputError E0525 with every tensor that is missing, left over or of another shape."""
    problems = [
        f"{name} is missing (shape {list(shape)})"
        for name, shape in wanted.items()
        if name not in found
    ]
    problems += [
        f"{name} has shape {list(found[name])}, the config asks for {list(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    problems += [f"{name} is not a weight of the model" for name in sorted(found.keys() - wanted)]
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise InputError(
            "E0525",
            f"the weights do not fit the config, {len(problems)} tensors differ:{listed}",
            help="is config.json that of these weights? Nothing was loaded",
        )
