"""The command line as users run it, as for searches."""

from tests.study.conftest import cli

__all__ = ["cli"]
