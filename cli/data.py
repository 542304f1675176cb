"""`aira-dsl data`: text as tokens for training."""

from pathlib import Path
from typing import Annotated

import typer

from aira_dsl.data.tokens.options import CorpusOptions

from .options import Format, with_options
from .process import console, interruptible

app = typer.Typer(help="Text as tokens for training: prepare, show.")


@app.command()
@with_options
def prepare(
    paths: Annotated[
        list[str], typer.Argument(help="Text files, folders of these, or a named corpus.")
    ],
    *,
    options: CorpusOptions,
    format_: Format = "text",
) -> None:
    """Turn text into tokens once; the same command continues where it was interrupted."""
    from aira_dsl.data.tokens.prepare import prepare as prepare_corpus
    from aira_dsl.report.terminal.corpus import corpus_json, corpus_text
    from aira_dsl.report.terminal.reading import ReadingView

    with interruptible("preparation"), ReadingView(console(stderr=True)) as view:
        corpus = prepare_corpus(paths, progress=view.update, **options.model_dump())
    print(corpus_json(corpus) if format_ == "json" else corpus_text(corpus), end="")


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="Folder of a prepared corpus.")],
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Compare the checksum of every file, too.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Describe a prepared corpus."""
    from aira_dsl.data.tokens.corpus import open_corpus
    from aira_dsl.report.terminal.corpus import corpus_json, corpus_text

    corpus = open_corpus(folder)
    if check:
        corpus.check()
    print(corpus_json(corpus) if format_ == "json" else corpus_text(corpus), end="")
