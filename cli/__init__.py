"""The command line: one file per command; each parses options, calls one function, prints.

Exit codes: 0 done, 1 the input is wrong, 2 the command line is wrong or the thing asked for is not
available, 3 the run failed, 130 interrupted.
"""

import gc
import io
import os
import sys

# pydantic would look through every installed package for plugins; no command needs any.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# Imports allocate much and free little: collecting as often as by default costs a tenth of a start.
gc.set_threshold(50_000)

import typer

from aira_dsl.errors import AiraError
from aira_dsl.version import __version__

from .aggregate import aggregate
from .bench import bench
from .calibrate import calibrate
from .check import check
from .compare import compare
from .compile import compile_
from .diff import diff
from .explain import explain
from .extrapolate import extrapolate
from .fmt import fmt
from .import_ import ImportCommand, import_
from .lsp import lsp
from .notebook import notebook
from .report import report
from .search import search
from .show import show
from .space import space
from .table import app as table

app = typer.Typer(
    name="aira-dsl",
    help="Write, check, compile and search hybrid language-model architectures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("check")(check)
app.command("fmt")(fmt)
app.command("compile")(compile_)
app.command("import", cls=ImportCommand)(import_)
app.command("show")(show)
app.command("diff")(diff)
app.command("explain")(explain)
app.command("space")(space)
app.command("aggregate")(aggregate)
app.command("extrapolate")(extrapolate)
app.command("search")(search)
app.command("compare")(compare)
app.command("report")(report)
app.command("notebook")(notebook)
app.command("bench")(bench)
app.command("calibrate")(calibrate)
app.command("lsp")(lsp)
app.add_typer(table, name="table")


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        print(f"aira-dsl {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; the entry point of `aira-dsl` and `python -m aira_dsl`."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without × is shown a substitute
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except AiraError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader, `head` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
