"""Which sampler a search uses if none is chosen."""

from collections.abc import Callable
from pathlib import Path

from aira_dsl.study.options import SearchOptions
from aira_dsl.study.run_folder import kept_sampler
from aira_dsl.study.samplers.families import SAMPLERS, SamplerName
from aira_dsl.study.settings import DEFAULT_SAMPLERS, SearchSettings, default_sampler


def choose_sampler(
    options: SearchOptions, budget: int | None, settings_of: Callable[[SamplerName], SearchSettings]
) -> SamplerName:
    """Return the chosen sampler, else the one of the folder that is continued, else a default.

    The default of a larger budget may be another one; the search in a folder keeps its sampler.
    """
    default = default_sampler(budget)
    if options.sampler is not None or options.force:
        return options.sampler or default
    names: tuple[SamplerName, ...] = (default, *SAMPLERS)
    for name in names:
        if options.out is not None:
            folder = Path(options.out)
        elif name in DEFAULT_SAMPLERS:
            folder = Path("runs") / settings_of(name).title
        else:
            continue
        if kept_sampler(folder) == name:
            return name
    return default
