"""Where a study lives: an SQLite file on one machine, PostgreSQL for many.

Everything that knows of databases is here: addresses, locks, and what their errors mean.
"""

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from aira_dsl.errors import InputError, RunError, UsageError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.optuna_logging import quiet_optuna
from aira_dsl.utils.extras import install_command

GONE = (StorageInternalError, sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
"""What is raised when a database can not be reached (any more)."""

_POSTGRESQL = "postgresql+psycopg:"


def shared_address(url: str) -> str:
    """Return the address of a database that workers can share, with the driver that we bring.

    Raises:
        UsageError: E0902, if it is not the address of a PostgreSQL database.
    """
    # SQLAlchemy's default driver depends on its version; ours does not.
    address = re.sub(r"^postgresql:", _POSTGRESQL, url)
    with contextlib.suppress(sqlalchemy.exc.ArgumentError):
        if address.startswith(_POSTGRESQL) and sqlalchemy.make_url(address).database:
            return address
    raise UsageError(
        "E0902",
        f"storage {without_password(url)!r} is not supported",
        help="give postgresql://USER:PASSWORD@HOST/DATABASE, or leave --storage out",
    )


def is_shared(url: str) -> bool:
    """Tell whether others may be working on the study at the same time."""
    return url.startswith(_POSTGRESQL)


@contextlib.contextmanager
def exclusive_access(url: str, name: str) -> Iterator[None]:
    """Hold the only right to change what a study consists of; others wait.

    In an SQLite file nobody else can be: the run folder is locked. In PostgreSQL it is an advisory
    lock, which ends with the connection: a killed holder blocks nobody.
    """
    if not is_shared(url):
        yield
        return
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        lock = sqlalchemy.text("SELECT pg_advisory_lock(hashtextextended(:name, 0))")
        connection.execute(lock, {"name": name})
        yield


def open_study(
    url: str, name: str, *, direction: Direction, heartbeat: int
) -> tuple[optuna.Study, RDBStorage]:
    """Open a study, or make it if it is not there; return it with its storage.

    Raises:
        RunError: E0901, if the database can not be reached.
        InputError: E0805, if it holds no study, or one of another version.
        UsageError: E0902, if its driver is not installed.
    """
    try:
        # Several workers that make the tables at the same time get in each other's way.
        with exclusive_access(url, name), quiet_optuna():
            storage = _open_storage(url, heartbeat if is_shared(url) else None)
            return _load_or_create(storage, name, direction), storage
    except ImportError as error:
        raise UsageError(
            "E0902",
            f"storage {without_password(url)!r} needs psycopg, which can not be imported: "
            f"{error.__cause__ or error}",
            help=install_command("postgres"),
        ) from None
    except GONE as error:
        raise RunError(
            "E0901",
            f"the study at {without_password(url)} can not be opened: {first_line(error)}",
            help="check the path or the address, and that the server is running",
        ) from None
    except (sqlalchemy.exc.DatabaseError, RuntimeError, AssertionError) as error:
        raise InputError(
            "E0805",
            f"{without_password(url)} holds no study that this version can read: "
            f"{first_line(error)}",
            help="continue it with the version that made it, or choose another --out or --storage",
        ) from None


def _load_or_create(storage: RDBStorage, name: str, direction: Direction) -> optuna.Study:
    """Return the study of a name, new if there is none; call with exclusive access.

    `create_study(load_if_exists=True)` relies on an index that a database lacks for good if its
    first session was killed while it made the tables; it would then add a second study.
    """
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return optuna.create_study(
            study_name=name, storage=storage, direction=StudyDirection[direction.name]
        )


def lost(url: str, error: BaseException) -> RunError:
    """Describe a database that went away and did not come back."""
    return RunError(
        "E0903",
        f"the study at {without_password(url)} can not be used any more: {first_line(error)}",
        help="nothing finished is lost; run the same command again when it is back",
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what the database itself said."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    cause = getattr(cause, "orig", None) or cause
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def without_password(url: str) -> str:
    """Return an address as it may be shown."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def _open_storage(url: str, heartbeat: int | None) -> RDBStorage:
    engine_kwargs: dict[str, Any] = {"connect_args": {"timeout": 60}}  # SQLite: wait for a writer
    if is_shared(url):
        engine_kwargs = {"pool_pre_ping": True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = RDBStorage(
            url,
            engine_kwargs=engine_kwargs,
            heartbeat_interval=heartbeat,
            grace_period=heartbeat and 3 * heartbeat,
        )
    if not is_shared(url):
        sqlalchemy.event.listen(storage.engine, "connect", _write_ahead)
        storage.remove_session()
        storage.engine.dispose()  # what was opened before does not know of it
    return storage


def _write_ahead(connection: Any, record: object) -> None:
    """Write to a log first, and to the disk in larger steps: a trial is some thirty transactions.

    A killed process loses nothing; a power cut may lose the last trials, never the file.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
