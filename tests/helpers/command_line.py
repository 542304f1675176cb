"""The real command line, in this process."""

from contextlib import chdir
from dataclasses import dataclass

from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.errors import AiraError


@dataclass(frozen=True)
class Done:
    """Result of a command.

    Attributes:
        code: exit code.
        out: standard output.
        err: standard error.
    """

    code: int
    out: str
    err: str


def run(*arguments, stdin=None, cwd="."):
    """Run `aira-dsl` in a folder; an exception that `main` does not handle is raised."""
    with chdir(cwd):
        result = CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
    error = result.exception
    if isinstance(error, AiraError):
        return Done(error.exit_code, result.stdout, result.stderr + str(error))
    if error is not None and not isinstance(error, SystemExit):
        raise error
    return Done(result.exit_code, result.stdout, result.stderr)
