"""aira-dsl: an architecture language, its compiler, a proxy evaluator and a search.

    import aira_dsl

    architecture = aira_dsl.load("model.arch")
    print(aira_dsl.cost(architecture).parameters)
    model = aira_dsl.build(architecture)
    result = aira_dsl.search(aira_dsl.Space.default(), budget=50)

Names are imported on first use, so that `import aira_dsl` costs next to nothing and torch is loaded
only by what needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aira_dsl.version import __version__

if TYPE_CHECKING:
    from aira_dsl.api import Evaluation as Evaluation
    from aira_dsl.api import Progress as Progress
    from aira_dsl.api import SearchResult as SearchResult
    from aira_dsl.api import evaluate as evaluate
    from aira_dsl.api import search as search
    from aira_dsl.architecture import Architecture as Architecture
    from aira_dsl.architecture import Costs as Costs
    from aira_dsl.architecture import Scale as Scale
    from aira_dsl.architecture import SpaceDefinition as SpaceDefinition
    from aira_dsl.architecture import cost as cost
    from aira_dsl.errors import AiraError as AiraError
    from aira_dsl.errors import InputError as InputError
    from aira_dsl.errors import RunError as RunError
    from aira_dsl.errors import UsageError as UsageError
    from aira_dsl.interop.families.megatron import from_megatron as from_megatron
    from aira_dsl.interop.families.megatron import to_megatron as to_megatron
    from aira_dsl.interop.families.nemotron_h import export_nemotron_h as export_nemotron_h
    from aira_dsl.interop.families.nemotron_h import from_nemotron_h as from_nemotron_h
    from aira_dsl.interop.families.olmo import from_olmo as from_olmo
    from aira_dsl.interop.families.olmo import to_olmo as to_olmo
    from aira_dsl.interop.huggingface import export_hugging_face as export_hugging_face
    from aira_dsl.interop.standalone.python import to_python as to_python
    from aira_dsl.language import ArchitectureError as ArchitectureError
    from aira_dsl.language import Diagnostic as Diagnostic
    from aira_dsl.language import check as check
    from aira_dsl.language import expand_pattern as expand_pattern
    from aira_dsl.language import format_text as format_text
    from aira_dsl.language import load as load
    from aira_dsl.language import load_space as load_space
    from aira_dsl.language import parse as parse
    from aira_dsl.language import parse_space as parse_space
    from aira_dsl.language import to_text as to_text
    from aira_dsl.language import to_yaml as to_yaml
    from aira_dsl.models import LanguageModel as LanguageModel
    from aira_dsl.models import build as build
    from aira_dsl.models import load_model as load_model
    from aira_dsl.models import save_model as save_model
    from aira_dsl.primitives import MLP as MLP
    from aira_dsl.primitives import Attention as Attention
    from aira_dsl.primitives import Mamba2 as Mamba2
    from aira_dsl.scaling import extrapolate as extrapolate
    from aira_dsl.space import Space as Space

_HOMES = {
    "api": ("Evaluation", "Progress", "SearchResult", "evaluate", "search"),
    "architecture": ("Architecture", "Costs", "Scale", "SpaceDefinition", "cost"),
    "models": ("LanguageModel", "build", "load_model", "save_model"),
    "errors": ("AiraError", "InputError", "RunError", "UsageError"),
    "interop.huggingface": ("export_hugging_face",),
    "interop.families.megatron": ("from_megatron", "to_megatron"),
    "interop.families.nemotron_h": ("export_nemotron_h", "from_nemotron_h"),
    "interop.families.olmo": ("from_olmo", "to_olmo"),
    "interop.standalone.python": ("to_python",),
    "language": (
        "ArchitectureError",
        "Diagnostic",
        "check",
        "expand_pattern",
        "format_text",
        "load",
        "load_space",
        "parse",
        "parse_space",
        "to_text",
        "to_yaml",
    ),
    "primitives": ("MLP", "Attention", "Mamba2"),
    "scaling": ("extrapolate",),
    "space": ("Space",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME_OF)]  # noqa: PLE0604 (names, all of them strings)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
