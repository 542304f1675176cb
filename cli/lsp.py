"""`aira-dsl lsp`: the language server for editors."""

from typing import Annotated

import typer


def lsp(
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Use the standard streams; the default, the only way.")
    ] = False,
) -> None:
    """Answer an editor on the standard streams: diagnostics, completion, hover, formatting."""
    from aira_dsl.lsp.launch import serve

    serve()
