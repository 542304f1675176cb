"""`aira-dsl evaluate`: accuracy of trained models on tasks of lm-evaluation-harness."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aira_dsl.evaluation.accuracy.options import EvaluateOptions

from .options import Force, Format, with_options


@with_options
def evaluate(
    model: Annotated[
        Path, typer.Argument(help="Folder of a training run, or of a model for transformers.")
    ],
    *,
    options: EvaluateOptions,
    out: Annotated[Path | None, typer.Option(help="Folder for results.json and the table.")] = None,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Evaluate a trained model on multiple-choice and other tasks through lm-eval."""
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")  # read when tqdm is imported
    from aira_dsl.evaluation.accuracy.harness import evaluate_model
    from aira_dsl.report.accuracy_files import require_place, write_accuracy
    from aira_dsl.report.terminal.accuracy import accuracy_text

    if out is not None:
        require_place(out, force=force)
    found = evaluate_model(model, options, on_task=_announce)
    if format_ == "json":
        print(json.dumps(found.as_json(), indent=1, ensure_ascii=False))
    else:
        sys.stdout.write(accuracy_text(found))
    if out is not None:
        done = write_accuracy(found, out, force=force)
        print(f"{out}: {done}", file=sys.stderr)
    if found.failures:
        raise typer.Exit(3)


def _announce(task: str, questions: int) -> None:
    print(f"{task}: {questions:,} questions", file=sys.stderr)
