"""`aira-dsl train`: train a model on text; under torchrun on many processes."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from aira_dsl.pretraining.options import TrainOptions

from .options import Force, Format, with_options
from .process import console
from .source import Source, load


@with_options
def train(
    file: Source,
    *,
    data: Annotated[
        list[Path], typer.Option(help="Text files, folders, or a prepared corpus; repeatable.")
    ],
    scale: Annotated[str | None, typer.Option(help="Train it at this scale of the file.")] = None,
    options: TrainOptions,
    out: Annotated[
        Path | None, typer.Option(help="Run folder (default: under runs/, named after the model).")
    ] = None,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Train a model on text; the same command continues an interrupted training."""
    from aira_dsl.errors import AiraError, RunError
    from aira_dsl.language import to_text
    from aira_dsl.pretraining.settings import TrainSettings
    from aira_dsl.report.terminal.training import TrainView, result_text

    architecture = load(file)
    if scale is not None:
        architecture = architecture.at(scale)
    settings = TrainSettings(
        architecture=to_text(architecture), data=tuple(data), **options.model_dump()
    )
    folder = out or Path("runs", f"train_{architecture.name}")
    is_first = os.environ.get("RANK", "0") == "0"
    with _stoppable() as stop, TrainView(console(stderr=True), silent=not is_first) as view:
        try:
            from aira_dsl.pretraining.run import train as run

            result = run(settings, folder, force=force, callbacks=view.callbacks(stop.is_asked))
        except AiraError as error:  # the first process says what all found
            if is_first or error.code == "E1511":
                raise
            raise typer.Exit(error.exit_code) from None
    if result.status == "stopped":
        if is_first:
            print(f"{result.message}; the same command continues the training", file=sys.stderr)
        raise typer.Exit(130)
    if not is_first:
        raise typer.Exit(0 if result.status == "ok" else 3)
    if result.status == "diverged":
        raise RunError(
            "E1510",
            result.message,
            help="try a smaller --learning-rate, a longer --warmup or --precision fp32, with "
            "another --out or with --force",
        )
    if format_ == "json":
        print(result.model_dump_json(indent=1))
    else:
        print(result_text(result, architecture.name, folder), end="")


class _Stop:
    """Whether the user asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def is_asked(self) -> bool:
        return self.asked

    def ask(self, number: int, frame: Any) -> None:
        """End after the step that runs; asked again, end at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _stoppable() -> Iterator[_Stop]:
    """Let Ctrl-C and SIGTERM end the training after a step, with a checkpoint."""
    stop = _Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    except KeyboardInterrupt:
        print("interrupted; the same command continues the training", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
