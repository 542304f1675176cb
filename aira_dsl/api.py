"""The functions behind `import aira_dsl`: evaluate an architecture, search a space.

The command line is a thin face of this module. What concerns text and values is exported from the
floors that own it (`load`, `parse`, `check`, `format_text`, `to_text`, `cost`, `build`, …).
"""

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.evaluator import Evaluator, code_version
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.presets import (
    TIME_LIMITS,
    EvaluatorSettings,
    Objective,
    PresetName,
    preset_settings,
)
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table import load_table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.models.accelerate import Device, DeviceChoice, PrecisionChoice
from aira_dsl.report.run_files import write_run
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.setup import (
    REPAIRS,
    AgentOptions,
    ArchitectureAgent,
    Preview,
    require_method,
)
from aira_dsl.study.architecture_agent.source import AgentSource
from aira_dsl.study.architecture_agent.transcripts import Transcripts
from aira_dsl.study.architecture_agent.trial_source import AgentTrials
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import Search
from aira_dsl.study.progress import Progress, Trouble
from aira_dsl.study.result import SearchResult, summarise
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.samplers import SamplerSource
from aira_dsl.study.settings import (
    Effort,
    Limits,
    PolicyName,
    ProposerName,
    SamplerName,
    SearchSettings,
    default_sampler,
)
from aira_dsl.study.source import Source
from aira_dsl.study.storage import GONE, shared_address, without_password
from aira_dsl.utils.machine import available_cores, free_memory

__all__ = ["Evaluation", "Preview", "Progress", "SearchResult", "evaluate", "preview", "search"]

PRUNE = 0.25
MEMORY_SHARE = 0.8  # of the free memory, divided among the workers
MIN_MEMORY = 1 << 30


def evaluate(
    architecture: Architecture,
    *,
    preset: PresetName = "cpu",
    objective: Objective = "mad",
    corpus: Sequence[str | Path] = (),
    precision: PrecisionChoice = "auto",
    device: DeviceChoice = "auto",
    seed: int = 0,
    store: str | Path | None = None,
) -> Evaluation:
    """Train an architecture on the proxy tasks and score it on the validation split.

    Runs in this process, on one thread. The same call gives the same numbers; a result that the
    store has is returned at once.

    Args:
        architecture: any architecture; its vocabulary is replaced by each task's.
        preset: how much to spend, see docs/proxy.md.
        objective: `mad` (mean token accuracy, higher is better) or `language` (bits per byte).
        corpus: text files or folders for `language`; empty for the default corpus.
        precision: fp32, bf16, or the quicker one on this machine (docs/engine.md).
        device: cpu, cuda, or a GPU if there is one.
        seed: seed of data, initialisation and order.
        store: the SQLite file to keep results in; None for the user's own.

    Raises:
        AiraError: for unusable data (E06xx) or an unusable store (E07xx).
    """
    settings = preset_settings(
        preset, objective=objective, corpus=corpus, precision=precision, device=device
    )
    with closing(Store(store or default_store_path())) as opened:
        return Evaluator(settings, store=opened).evaluate(architecture, seed)


def search(
    space: Space | None = None,
    *,
    method: Literal["optuna", "agent"] = "optuna",
    sampler: SamplerName | None = None,
    policy: PolicyName | None = None,
    proposer: ProposerName | None = None,
    model: str | None = None,
    effort: Effort | None = None,
    base_url: str | None = None,
    max_output: int | None = None,
    prompts: str | Path | None = None,
    repairs: int = REPAIRS,
    free: bool = False,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    prices: str | Path | None = None,
    budget: int | None = None,
    seconds: float | None = None,
    where: Sequence[str] = (),
    preset: PresetName = "cpu",
    objective: Objective = "mad",
    corpus: Sequence[str | Path] = (),
    precision: PrecisionChoice = "auto",
    device: DeviceChoice = "auto",
    evaluator: Literal["proxy", "table"] = "proxy",
    table: str | Path | None = None,
    seed: int = 0,
    workers: int | None = None,
    out: str | Path | None = None,
    storage: str | None = None,
    study: str | None = None,
    store: str | Path | None = None,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    heartbeat: int = 30,
    prune: float = PRUNE,
    winners: int = 3,
    repeats: int = 2,
    force: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> SearchResult:
    """Search a space of arrangements; the same call continues a search that was interrupted.

    Args:
        space: where to search; None for the paper's 16 slots of attention, MLP and Mamba-2.
        method: `optuna`, a classical sampler; `agent`, a policy that asks a language model.
        sampler: random, tpe, gp, nsga2 or evolution; None for gp up to 300 evaluations, else tpe.
        policy: oneshot, best-of-n, greedy, mcts or evolution; None for greedy (docs/agents.md).
        proposer: anthropic, local or scripted; None for anthropic.
        model, effort, base_url, max_output: of the proposer; None for its defaults.
        prompts: folder of prompt files that replace our own.
        repairs: how many times a proposal that can not be used is handed back.
        free: whether the agent may change block parameters, too.
        max_usd, max_tokens: the search ends before a call that could exceed them.
        prices: price table; None for the one that ships.
        budget: evaluations in all; 100 if neither `budget` nor `seconds` is given.
        seconds: wall-clock seconds in all sessions.
        where: constraints such as `A<=4` or `parameters<=1_050_000`.
        preset, objective, corpus, precision, device, seed, store: as for `evaluate`.
        evaluator: `table` looks scores up; the space, preset and so on are then the table's.
        table: the table's file; None for the one that ships.
        workers: evaluation processes, one thread each; None for one a core, or one on a GPU. With
            one worker on a CPU two searches with the same seed give the same table.
        out: run folder; None for one under `runs/` named after the search.
        storage: a PostgreSQL URL that workers on several machines share; None for the run folder.
        study: name of the study in `storage`; None for one named after the search.
        time_limit: seconds a candidate may take; None for the preset's.
        memory_limit: bytes a candidate may allocate; None for its share of what is free.
        heartbeat: seconds between signs of life, with `storage`.
        prune: stop candidates among the worst share of all after two tasks or more; 0 for none.
        winners: how many of the best are repeated, and scored on the test split, at the end.
        repeats: with how many other seeds, before one of them is named the best.
        force: replace another search in the run folder.
        on_progress: called with the state of the search, several times a second.

    Raises:
        UsageError: E0809, for options of the other method; E0810, for more workers than memory
            holds; E0819, if the caps do not allow a single call.
        AiraError: for unusable input, folders, stores and databases; see docs/codes.md.
    """
    options = AgentOptions(
        policy=policy, proposer=proposer, model=model, effort=effort, base_url=base_url,
        max_output=max_output, prompts=prompts, repairs=repairs, free=free, max_usd=max_usd,
        max_tokens=max_tokens, prices=prices,
    )  # fmt: skip
    require_method(method, sampler, options)
    address = shared_address(storage) if storage is not None else None
    if budget is None and seconds is None:
        budget = 100
    judge, code = _judge(
        evaluator,
        table,
        lambda: preset_settings(
            preset, objective=objective, corpus=corpus, precision=precision, device=device
        ),
    )
    workers = _workers(workers, judge.settings.device)
    if isinstance(judge, TableEvaluator):
        space = space or judge.table.space
        repeats = min(repeats, int(judge.table.seeds_A.min()) - 1)
    space = (space or Space.default()).where(*where)
    agent = ArchitectureAgent.of(space, options) if method == "agent" else None
    settings = SearchSettings.of(
        space,
        method=method,
        sampler=None if agent else sampler or default_sampler(budget),
        agent=agent.settings if agent else None,
        seed=seed,
        prune=prune,
        evaluator=judge.settings,
        code=code,
    )
    limits = Limits(
        budget=budget,
        seconds=seconds,
        workers=workers,
        time_limit=time_limit or TIME_LIMITS[preset],
        memory_limit=memory_limit or _memory_share(workers),
        heartbeat=heartbeat,
        winners=winners,
        repeats=repeats,
    )
    source = agent.source(space, settings, budget) if agent else _sampler_source(space, settings)
    with (
        closing(Store(store or default_store_path())) as opened,
        closing(RunFolder(out or Path("runs") / settings.title, settings, force=force)) as folder,
    ):
        judge.store = opened
        if address is None:
            folder.check_study()
        journal = Journal(
            address or folder.storage_url,
            study or settings.title,
            identity=settings.identity,
            direction=settings.evaluator.direction,
            heartbeat=heartbeat,
        )
        with closing(journal):
            return _run(space, settings, limits, judge, source, folder, journal, on_progress)


def preview(
    space: Space | None = None,
    *,
    budget: int | None = 100,
    where: Sequence[str] = (),
    preset: PresetName = "cpu",
    objective: Objective = "mad",
    corpus: Sequence[str | Path] = (),
    evaluator: Literal["proxy", "table"] = "proxy",
    table: str | Path | None = None,
    seed: int = 0,
    **options: Any,
) -> Preview:
    """Return an agent's first prompt and what it may cost, without asking anybody.

    Args:
        space, budget, where, preset, objective, corpus, evaluator, table, seed: as for `search`.
        options: `policy`, `proposer`, `model` and the other options of an agent.

    Raises:
        AiraError: as `search` does before its first call.
    """
    judge, code = _judge(
        evaluator, table, lambda: preset_settings(preset, objective=objective, corpus=corpus)
    )
    if isinstance(judge, TableEvaluator):
        space = space or judge.table.space
    space = (space or Space.default()).where(*where)
    agent = ArchitectureAgent.of(space, AgentOptions(**options))
    settings = SearchSettings.of(
        space,
        method="agent",
        agent=agent.settings,
        seed=seed,
        prune=PRUNE,
        evaluator=judge.settings,
        code=code,
    )
    return agent.preview(space, settings, budget)


def _judge(
    kind: Literal["proxy", "table"],
    table: str | Path | None,
    settings: Callable[[], EvaluatorSettings],
) -> tuple[Evaluator, str]:
    """Return who judges, and the version of what he judges by."""
    if kind == "proxy":
        if table is not None:
            raise UsageError(
                "E0644", "a table is read only by --evaluator table", help="add --evaluator table"
            )
        return Evaluator(settings()), code_version()
    judge = TableEvaluator(load_table() if table is None else read_table(table))
    return judge, f"table {judge.identity}"


def _run(
    space: Space,
    settings: SearchSettings,
    limits: Limits,
    evaluator: Evaluator,
    source: SamplerSource | AgentSource,
    folder: RunFolder,
    journal: Journal,
    on_progress: Callable[[Progress], None],
) -> SearchResult:
    clock = folder.clock()
    latest = Progress(0, 0, 0, clock.seconds, limits)

    troubles: dict[str, Trouble] = {}

    def tell(progress: Progress) -> None:
        nonlocal latest
        latest = replace(progress, finished=None)
        on_progress(replace(progress, trouble=next(iter(troubles.values()), None)))

    def trouble_of(what: str) -> Callable[[str | None], None]:
        def report(reason: str | None) -> None:
            troubles.pop(what, None)
            if reason is not None:
                troubles[what] = Trouble(what, reason)
            tell(latest)

        return report

    journal.on_trouble = trouble_of(f"the study at {without_password(journal.url)}")
    dialogues = Transcripts(folder.path)
    trial_source: Source[Architecture]
    if isinstance(source, AgentSource):
        source.proposer.on_trouble = trouble_of(source.proposer.service)
        source.on_attempt = dialogues.keep
        source.on_end = lambda trial: dialogues.attach(trial, journal.study._storage)
        trial_source = AgentTrials(source, Arrangements(space), journal)
    else:
        trial_source = source
    pool = EvaluationPool(
        workers=limits.workers, time_limit=limits.time_limit, memory_limit=limits.memory_limit
    )
    loop = Search(
        settings,
        limits,
        journal,
        trial_source,
        lambda candidate, seed, split: EvaluationRequest(evaluator, candidate.payload, seed, split),
        pool,
        clock,
        tell,
    )
    try:
        with closing(pool):
            loop.run()
    finally:
        folder.write_clock(clock.seconds, clock.charged_seconds)
        with suppress(*GONE):  # the study has it all, and the same command writes the files
            write_run(folder, space, settings, limits, journal)
        if isinstance(source, AgentSource):
            source.proposer.close()
    return summarise(loop, space, folder.path)


def _sampler_source(space: Space, settings: SearchSettings) -> SamplerSource:
    assert settings.sampler is not None
    direction = settings.evaluator.direction
    return SamplerSource(space, settings.sampler, direction=direction, seed=settings.seed)


def _workers(wanted: int | None, device: Device) -> int:
    """Return how many evaluation processes to run: as many as asked for, one a core, or one."""
    free = free_memory()
    most = None if free is None else max(1, free // MIN_MEMORY)
    if wanted is not None and most is not None and wanted > most:
        raise UsageError(
            "E0810",
            f"{wanted} workers do not fit in memory: each needs {MIN_MEMORY >> 30} GiB, "
            f"{(free or 0) / 2**30:.1f} GiB are free",
            help=f"use --workers {most}, or fewer",
        )
    cores = available_cores() if device == "cpu" else 1  # processes on one GPU only take turns
    return wanted or min(cores, most or cores)


def _memory_share(workers: int) -> int:
    return max(MIN_MEMORY, int(MEMORY_SHARE * (free_memory() or 0) / workers))
