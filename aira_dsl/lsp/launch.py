"""Starts the language server, or says what it needs."""

from aira_dsl.errors import UsageError


def serve() -> None:
    """Run the language server on the standard streams until the client says goodbye.

    Raises:
        UsageError: E0906, if pygls is not installed.
    """
    try:
        from aira_dsl.lsp.server import serve as run
    except ImportError as error:
        raise UsageError(
            "E0906",
            f"the language server needs pygls, which can not be imported: {error}",
            help="pip install 'aira-dsl[lsp]'",
        ) from None
    run()
