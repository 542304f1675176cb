"""The command line: one file per command; each parses options, calls one function, prints.

Exit codes: 0 done, 1 the input is wrong, 2 the command line is wrong or the thing asked for is not
available, 3 the run failed, 130 interrupted.
"""

import gc
import os

# pydantic would look through every installed package for plugins; no command needs any.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# Imports allocate much and free little: collecting as often as by default costs a tenth of a start.
gc.set_threshold(50_000)

from importlib import import_module
from itertools import pairwise
from typing import Any

import typer
from typer.core import TyperGroup

from aira_dsl.version import __version__

from .process import run

_COMMANDS = {
    "check": "check",
    "fmt": "fmt",
    "compile": "compile:compile_",
    "import": "import_:app",
    "show": "show",
    "diff": "diff",
    "gallery": "gallery",
    "explain": "explain",
    "space": "space",
    "aggregate": "aggregate",
    "extrapolate": "extrapolate",
    "train": "train",
    "data": "data:app",
    "isoflop": "isoflop:app",
    "latency": "latency",
    "search": "search",
    "compare": "compare",
    "report": "report",
    "notebook": "notebook",
    "evaluate": "evaluate",
    "questions": "questions",
    "bench": "bench",
    "calibrate": "calibrate",
    "lsp": "lsp",
    "table": "table:app",
    "design": "design:app",
    "doctor": "doctor",
}
"""Modules of the commands, with the name of the function where it is another one."""


class _Group(TyperGroup):
    """A group that imports a command when it is asked for: each pays for its own imports only."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(_COMMANDS)  # type: ignore[assignment]  # for suggestions

    def list_commands(self, ctx: object) -> list[str]:
        return list(_COMMANDS)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; `--ray` without an address means the cluster here.

        An empty argument is refused for all commands: as a path it would mean the current folder.
        """
        for before, argument in pairwise(args):
            if not argument:
                raise typer.BadParameter(f"the argument after {before!r} is empty")
            if argument.startswith("--") and argument.endswith("="):
                raise typer.BadParameter(f"{argument!r} gives an empty value")
        return super().parse_args(ctx, _with_address(args))

    def invoke(self, ctx: Any) -> Any:
        """Run a command; a value that typer refuses is refused in the words of this package."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            from pydantic import ValidationError

            from aira_dsl.utils.options import refusal

            if isinstance(error.__cause__, ValidationError):
                error.message = refusal(error.__cause__)
            raise

    def get_command(self, ctx: object, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(f"{__name__}.{module}"), name or module)
        if isinstance(command, typer.Typer):
            group = command
        else:
            group = typer.Typer(add_completion=False)
            group.command(cmd_name)(command)
        made = typer.main.get_command(group)
        made.name = cmd_name
        return made


def _with_address(arguments: list[str]) -> list[str]:
    """Give `--ray` the address `auto` where none follows; typer needs a value."""
    if "--ray" not in arguments:
        return arguments
    from aira_dsl.jobs.choice import AUTO, is_address

    following = [*arguments[1:], ""]
    return [
        f"--ray={AUTO}" if each == "--ray" and not is_address(after) else each
        for each, after in zip(arguments, following, strict=True)
    ]


app = typer.Typer(
    name="aira-dsl",
    cls=_Group,
    help="Write, check, compile and search hybrid language-model architectures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        print(f"aira-dsl {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the entry point of `aira-dsl` and `python -m aira_dsl`."""
    run(lambda: app(prog_name="aira-dsl"))
