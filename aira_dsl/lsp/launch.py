"""Starts the language server, or says what it needs."""

from aira_dsl.errors import UsageError
from aira_dsl.utils.extras import install_command


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
            f"the language server needs pygls, which cannot be imported: {error}",
            help=install_command("lsp"),
        ) from None
    run()
