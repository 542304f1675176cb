"""Options of `aira-dsl design run` and of `design judge`, in groups."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.errors import UsageError
from aira_dsl.jobs.choice import ClusterOptions
from aira_dsl.sandbox.spec import KindChoice
from aira_dsl.study.options import AgentOptions, FolderOptions, Seed
from aira_dsl.utils.options import Options, Seconds, Spelling


class JudgeOptions(Options):
    """Judging."""

    size: str | None = None
    """Size of the task (default: its first one)."""

    sandbox: KindChoice = "auto"
    """Sandbox of candidates; auto: the strongest that works here; none: no protection."""

    data: Path | None = None
    """Folder of prepared data (default: in your cache folder)."""

    data_seed: Annotated[int, Field(ge=0, lt=1 << 32)] | None = None
    """Seed of the data (default: drawn once by this machine and kept from candidates)."""


class RunMethodOptions(Options):
    """Search method."""

    method: Literal["agent"] = "agent"
    """Search method: an agent that writes code."""

    start: str | None = None
    """Files that candidates start with: a folder, or a baseline's name (default: the task's)."""

    seed: Seed = 0
    """Seed of the policy, and of every training."""


class RunLimitOptions(Options):
    """Budget and limits."""

    budget: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of candidates (default: 20 without --time)."""

    seconds: Annotated[Seconds, Spelling(name="time")] | None = None
    """Wall-clock time of all sessions: 30m, 2h."""

    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Number of candidates that are judged at a time; they share the cores."""

    baseline: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of times that the starting files are judged first, with different seeds."""

    winners: Annotated[int, Field(ge=1)] = 1
    """Number of best candidates that are repeated and tested at the end."""

    repeats: Annotated[int, Field(ge=0, le=100)] = 3
    """Number of other seeds with which the winners are repeated."""

    heartbeat: Annotated[int, Field(ge=1)] = 30
    """Seconds between heartbeats of running trials, with --storage."""


class DesignOptions(
    ClusterOptions, FolderOptions, JudgeOptions, RunLimitOptions, AgentOptions, RunMethodOptions
):
    """Options of `aira-dsl design run`."""

    def check(self) -> None:
        """Refuse what has no meaning here.

        Raises:
            UsageError: E0809.
        """
        if self.free:
            raise UsageError(
                "E0809",
                "--free is an option of `search`",
                help="leave it out: candidates of a task are free anyway",
            )
