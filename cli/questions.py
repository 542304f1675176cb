"""`aira-dsl questions`: a multiple-choice task made from text."""

from pathlib import Path
from typing import Annotated

import typer

from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.evaluation.accuracy.options import QuestionOptions

from .options import Force, with_options


@with_options
def questions(
    paths: Annotated[
        list[str], typer.Argument(help="Text files, folders, or a prepared corpus, as for train.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="Folder of the task.")],
    options: QuestionOptions,
    text: CorpusOptions,
    force: Force = False,
) -> None:
    """Make a multiple-choice task from held-out text: which of four passages continues this one?"""
    from aira_dsl.data.tokens.prepare import prepare
    from aira_dsl.evaluation.accuracy.questions import TASK, write_questions

    corpus = prepare(paths, **text.model_dump(exclude_defaults=True))
    done = write_questions(corpus, out, options, force=force)
    print(f"{out}: {done}. Ask them with")
    print(f"  aira-dsl evaluate MODEL --tasks {out / TASK}")
