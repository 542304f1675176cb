"""`aira-dsl search`: explore a space of arrangements."""

import re
import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .choices import Evaluator, Format, Preset, Proposer


class _Method(StrEnum):
    optuna = "optuna"
    agent = "agent"


class _Sampler(StrEnum):
    random = "random"
    tpe = "tpe"
    gp = "gp"
    nsga2 = "nsga2"
    evolution = "evolution"


class _Policy(StrEnum):
    oneshot = "oneshot"
    best_of_n = "best-of-n"
    greedy = "greedy"
    mcts = "mcts"
    evolution = "evolution"


class _Effort(StrEnum):
    low = "low"
    medium = "medium"
    high = "high"
    xhigh = "xhigh"
    max = "max"


class _Objective(StrEnum):
    mad = "mad"
    language = "language"


class _Precision(StrEnum):
    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class _Device(StrEnum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"M": 1 << 20, "G": 1 << 30}


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None or float(match[1]) == 0:
        raise typer.BadParameter(f"{text!r} is no duration; write 90s, 30m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([MG])", text)
    if match is None or float(match[1]) * _SIZES[match[2]] < 64 << 20:
        raise typer.BadParameter(f"{text!r} is no size of 64M or more; write 900M or 4G")
    return int(float(match[1]) * _SIZES[match[2]])


def search(
    space: Annotated[
        Path | None,
        typer.Argument(help="A space or architecture file; the paper's 3^16 space if left out."),
    ] = None,
    method: Annotated[_Method, typer.Option(help="Who proposes.")] = _Method.optuna,
    sampler: Annotated[
        _Sampler | None, typer.Option(help="Default: gp up to 300 evaluations, else tpe.")
    ] = None,
    policy: Annotated[
        _Policy | None, typer.Option(help="Of an agent: what it does next; default greedy.")
    ] = None,
    proposer: Annotated[
        Proposer | None, typer.Option(help="Of an agent: who answers; default anthropic.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The proposer's model.")] = None,
    effort: Annotated[
        _Effort | None, typer.Option(help="Thought that an answer gets; default the model's.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Another endpoint that speaks Anthropic's protocol.")
    ] = None,
    max_output: Annotated[
        int | None, typer.Option(help="Tokens of one answer, thinking included.", min=256)
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(help="Folder of prompt files that replace the package's.")
    ] = None,
    repairs: Annotated[
        int, typer.Option(help="How often an unusable proposal is handed back.", min=0, max=10)
    ] = 2,
    free: Annotated[
        bool, typer.Option("--free", help="An agent may change block parameters, too.")
    ] = False,
    max_usd: Annotated[
        float | None, typer.Option(help="End before a call that could exceed this.", min=0)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="End before a call that could exceed this.", min=1)
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Price table; the one that ships if left out.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print an agent's first prompt, call nobody.")
    ] = False,
    budget: Annotated[
        int | None,
        typer.Option(help="Evaluations in all (100 if --time is not given).", min=1, max=1_000_000),
    ] = None,
    time: Annotated[
        float | None,
        typer.Option(parser=_duration, help="Wall-clock budget: 90s, 30m, 2h.", metavar="TIME"),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule such as A<=4 or parameters<=1_050_000 (without embeddings); repeatable.",
            metavar="CONSTRAINT",
        ),
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Cost of one evaluation.")] = Preset.cpu,
    objective: Annotated[
        _Objective, typer.Option(help="MAD tasks, or bytes of text.")
    ] = _Objective.mad,
    corpus: Annotated[
        list[Path] | None,
        typer.Option(help="Text for --objective language: .txt, .jsonl, .parquet or a folder."),
    ] = None,
    precision: Annotated[
        _Precision, typer.Option(help="Of activations; auto: the quicker one here.")
    ] = _Precision.auto,
    device: Annotated[
        _Device, typer.Option(help="Where to train; auto: on a GPU if there is one.")
    ] = _Device.auto,
    evaluator: Annotated[
        Evaluator, typer.Option(help="Train, or look up in a complete table.")
    ] = Evaluator.proxy,
    table: Annotated[
        Path | None, typer.Option(help="The table's file; the one that ships if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything.", min=0, max=(1 << 32) - 1)] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Evaluation processes; default one a core.", min=1, max=1024)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Run folder; default under runs/, named after the search.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="postgresql://… to share the search between machines.", metavar="URL"),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Name of the study in --storage.", metavar="NAME")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="File of known evaluations; default your own cache.")
    ] = None,
    time_limit: Annotated[
        float | None,
        typer.Option(parser=_duration, help="For one candidate: 90s, 30m.", metavar="TIME"),
    ] = None,
    memory_limit: Annotated[
        int | None, typer.Option(parser=_bytes, help="For one candidate: 900M, 4G.", metavar="SIZE")
    ] = None,
    heartbeat: Annotated[
        int, typer.Option(help="Seconds between signs of life, with --storage.", min=1)
    ] = 30,
    prune: Annotated[
        float,
        typer.Option(help="Stop the worst share of candidates early; 0: none.", min=0, max=0.9),
    ] = 0.25,
    winners: Annotated[
        int, typer.Option(help="How many of the best are repeated and tested at the end.", min=1)
    ] = 3,
    repeats: Annotated[
        int, typer.Option(help="With how many other seeds, to name the best.", min=0, max=100)
    ] = 2,
    force: Annotated[bool, typer.Option("--force", help="Replace another run in --out.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="Output.")] = Format.text,
) -> None:
    """Search a space of layer arrangements; the same command continues an interrupted search."""
    from rich.console import Console

    from aira_dsl.api import search as run_search
    from aira_dsl.models.accelerate import missing_kernels
    from aira_dsl.report.terminal.live import LiveView
    from aira_dsl.report.terminal.outcome import outcome_json, outcome_text
    from aira_dsl.space import Space

    if dry_run:
        _preview(locals())
        return
    if evaluator == Evaluator.proxy and (reason := missing_kernels()):
        print(f"note: {reason}; evaluations take several times as long", file=sys.stderr)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is an interruption
    try:
        with LiveView(Console(stderr=True)) as view:
            result = run_search(
                Space.load(space) if space else None,
                method=method.value,
                sampler=sampler.value if sampler else None,
                policy=policy.value if policy else None,
                proposer=proposer.value if proposer else None,
                model=model,
                effort=effort.value if effort else None,
                base_url=base_url,
                max_output=max_output,
                prompts=prompts,
                repairs=repairs,
                free=free,
                max_usd=max_usd,
                max_tokens=max_tokens,
                prices=prices,
                budget=budget,
                seconds=time,
                where=where or (),
                preset=preset.value,
                objective=objective.value,
                corpus=corpus or (),
                precision=precision.value,
                device=device.value,
                evaluator=evaluator.value,
                table=table,
                seed=seed,
                workers=workers,
                out=out,
                storage=storage,
                study=study,
                store=store,
                time_limit=time_limit,
                memory_limit=memory_limit,
                heartbeat=heartbeat,
                prune=prune,
                winners=winners,
                repeats=repeats,
                force=force,
                on_progress=view.update,
            )
    except KeyboardInterrupt:
        print("interrupted; the same command continues the search", file=sys.stderr)
        raise typer.Exit(130) from None
    sys.stdout.write(outcome_json(result) if format_ == Format.json else outcome_text(result))
    if result.best is None:
        raise typer.Exit(3)


_PREVIEWED = (
    *("policy", "proposer", "model", "effort", "base_url", "max_output", "prompts", "prices"),
    *("repairs", "free", "max_usd", "max_tokens"),
    *("budget", "preset", "objective", "evaluator", "table", "seed"),
)


def _preview(given: dict[str, Any]) -> None:
    """Print what an agent would be asked first."""
    from aira_dsl.api import preview
    from aira_dsl.errors import UsageError
    from aira_dsl.report.terminal.preview import preview_text
    from aira_dsl.space import Space

    if given["method"] != _Method.agent:
        raise UsageError("E0809", "--dry-run is for --method agent", help="add --method agent")
    values = {name: given[name] for name in _PREVIEWED}
    plain: dict[str, Any] = {
        name: value.value if isinstance(value, StrEnum) else value for name, value in values.items()
    }
    found = preview(
        Space.load(given["space"]) if given["space"] else None,
        where=given["where"] or (),
        corpus=given["corpus"] or (),
        **plain,
    )
    sys.stdout.write(preview_text(found, given["budget"]))
