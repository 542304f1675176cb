"""The evaluation store: every result once, under a key of everything that it depends on.

One SQLite file, shared by all runs of a user, safe for many processes. A result is written once and
never changed. The table is versioned: a file of another version is refused.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aira_dsl.errors import AiraError, InputError, RunError
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.utils.files import cache_folder

VERSION = 1
APPLICATION_ID = 0x61697261  # "aira": distinguishes our files from other SQLite databases

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS evaluations (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    result TEXT NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = {VERSION};
PRAGMA application_id = {APPLICATION_ID};
COMMIT;
"""


def default_store_path() -> Path:
    """Return the user's store: $AIRA_DSL_STORE, else evaluations.db in the XDG cache folder."""
    if path := os.environ.get("AIRA_DSL_STORE"):
        return Path(path)
    return cache_folder() / "evaluations.db"


class Store:
    """Evaluation results by key.

    Args:
        path: the SQLite file; created, with its folder, if missing.

    Raises:
        InputError: E0701 if the file is not a store or is damaged, E0702 if it is of another
            version.
        RunError: E0703 if it cannot be read or written (permissions, full disk).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with self._coded_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Another process may be writing: wait instead of failing.
            self._connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            self._prepare()

    def get(self, key: str) -> Evaluation | None:
        """Return the result under a key, or None."""
        with self._coded_errors():
            row = self._connection.execute(
                "SELECT result FROM evaluations WHERE key = ?", (key,)
            ).fetchone()
        if row is None:
            return None
        try:
            return Evaluation.model_validate_json(row[0])
        except ValueError:
            raise self._damaged(f"the entry {key} cannot be read") from None

    def put(self, key: str, evaluation: Evaluation) -> None:
        """Store a result; an earlier one under the same key is kept."""
        with self._coded_errors():
            self._connection.execute(
                "INSERT OR IGNORE INTO evaluations VALUES (?, ?, ?)",
                (key, evaluation.fingerprint, evaluation.model_dump_json()),
            )

    def __len__(self) -> int:
        with self._coded_errors():
            (count,) = self._connection.execute("SELECT count(*) FROM evaluations").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _prepare(self) -> None:
        """Create the table in a new file; refuse a file of another program or version."""
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master")}
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        (application,) = self._connection.execute("PRAGMA application_id").fetchone()
        if not tables and version == 0:
            self._connection.executescript(_SCHEMA)
        elif application != APPLICATION_ID:
            raise self._damaged("it is an SQLite database of another program")
        elif version != VERSION:
            raise InputError(
                "E0702",
                f"{self.path} is an evaluation store of version {version}; "
                f"this aira-dsl reads version {VERSION}",
                help="use the version of aira-dsl that made it, or name another file with --store",
            )

    def _damaged(self, reason: str) -> InputError:
        return InputError(
            "E0701",
            f"{self.path} is not a usable evaluation store: {reason}",
            help="move the file away (nothing in it is changed), or name another with --store",
        )

    @contextmanager
    def _coded_errors(self) -> Iterator[None]:
        try:
            yield
        except AiraError:
            raise
        except sqlite3.OperationalError as error:
            raise _unusable(self.path, str(error)) from None
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from None
        except OSError as error:
            raise _unusable(self.path, error.strerror or str(error)) from None


def _unusable(path: Path, reason: str) -> RunError:
    return RunError(
        "E0703",
        f"the evaluation store {path} cannot be used: {reason}",
        help="free space or fix permissions, or name another file with --store",
    )
