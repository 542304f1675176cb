"""Where a study lives: an SQLite file on one machine, PostgreSQL for many.

Everything that depends on the kind of database is here: addresses, locks, meanings of errors.
"""

import contextlib
import json
import logging
import re
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import optuna
import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy.orm import Session

from aira_dsl.errors import InputError, RunError, UsageError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.optuna_logging import quiet_optuna
from aira_dsl.utils.extras import install_command

GONE = (StorageInternalError, sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
"""What is raised when a database cannot be reached, or not any more."""

DAMAGED = (LookupError, TypeError, ValueError, AttributeError, AssertionError)
"""What Optuna, and what reads its trials, raise for rows that no search has written."""

_POSTGRESQL = "postgresql+psycopg:"
_SQLITE = "sqlite:///"

# Without a handler Python prints its records: statements and tracebacks of lost connections.
logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())


def shared_address(url: str) -> str:
    """Return the address of a database that workers can share, with the driver that we bring.

    Raises:
        UsageError: E0902, if it is not the address of a PostgreSQL database.
    """
    # SQLAlchemy's default driver depends on its version; ours does not.
    address = re.sub(r"^postgresql:", _POSTGRESQL, url)
    with contextlib.suppress(sqlalchemy.exc.ArgumentError, ValueError):
        if address.startswith(_POSTGRESQL) and sqlalchemy.make_url(address).database:
            return address
    raise UsageError(
        "E0902",
        f"storage {without_password(url)!r} is not supported",
        help="give postgresql://USER:PASSWORD@HOST/DATABASE, or leave --storage out",
    )


def is_shared(url: str) -> bool:
    """Return whether other processes may work on the study at the same time."""
    return url.startswith(_POSTGRESQL)


@contextlib.contextmanager
def exclusive_access(url: str, name: str) -> Iterator[None]:
    """Hold the lock under which trials are added and claimed; other processes wait.

    No other process uses an SQLite file: the run folder is locked. In PostgreSQL it is an advisory
    lock, which ends with the connection, so a killed process does not block the others.
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
        RunError: E0901, if the database cannot be reached.
        InputError: E0805, if it does not hold a study, or one of another version.
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
            f"storage {without_password(url)!r} needs psycopg, which cannot be imported: "
            f"{error.__cause__ or error}",
            help=install_command("postgres"),
        ) from None
    except GONE as error:
        raise RunError(
            "E0901",
            f"the study at {without_password(url)} cannot be opened: {first_line(error)}",
            help="check the address, and that the server is running"
            if is_shared(url)
            else "free space, fix permissions, or choose another folder with --out",
        ) from None
    except (sqlalchemy.exc.DatabaseError, RuntimeError, AssertionError) as error:
        raise InputError(
            "E0805",
            f"{without_password(url)} does not hold a study that this version can read: "
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
    """Return the error for a database that went away and did not come back."""
    return RunError(
        "E0903",
        f"the study at {without_password(url)} cannot be used any more: {first_line(error)}",
        help="nothing finished is lost; run the same command again when it is back",
    )


def reason_to_wait(url: str, error: Exception) -> str | None:
    """Return why a database does not answer; None if the error does not pass by waiting."""
    if isinstance(error, GONE) and is_shared(url):
        return first_line(error)
    return None


@contextlib.contextmanager
def readable(url: str) -> Iterator[None]:
    """Read trials of a study.

    Raises:
        InputError: E0805, if they are damaged.
    """
    try:
        with quiet_optuna(optuna.logging.ERROR):  # its warnings hold whole SQL statements
            yield
    except DAMAGED as error:
        raise InputError(
            "E0805",
            f"the study at {without_password(url)} is damaged: {type(error).__name__}: "
            f"{first_line(error)}",
            help="restore it from a backup, or start again with --force",
        ) from None


def first_line(error: BaseException) -> str:
    """Return the first line of the message of the database itself."""
    cause = getattr(error, "orig", None) or error.__cause__ or error
    cause = getattr(cause, "orig", None) or cause
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0]


def without_password(url: str) -> str:
    """Return an address without its passwords; a file as its path."""
    if url.startswith(_SQLITE):
        return str(_path(url))
    try:
        url = sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except (sqlalchemy.exc.ArgumentError, ValueError):  # not an address
        url = re.sub(r"(://[^:/@]*:)[^@]*(?=@)", r"\1***", url)
    return re.sub(r"(pass\w*=)[^&]*", r"\1***", url)


class _Storage(RDBStorage):
    """Adds a trial in a few statements, however many trials there are.

    Optuna takes several statements for each parameter and attribute, and counts all trials.
    """

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: Session
    ) -> models.TrialModel:
        """Add a trial; Optuna calls this in a transaction that has locked the study."""
        if template_trial is None:
            return super()._get_prepared_new_trial(study_id, template_trial, session)
        trial = models.TrialModel(
            study_id=study_id,
            number=_next_number(study_id, session),
            state=template_trial.state,
            datetime_start=template_trial.datetime_start,
            datetime_complete=template_trial.datetime_complete,
        )
        session.add(trial)
        session.flush()  # gives it its id
        for model, rows in _rows(template_trial).items():
            if rows:
                owned = [{"trial_id": trial.trial_id, **row} for row in rows]
                session.execute(sqlalchemy.insert(model), owned)
        return trial


def _next_number(study_id: int, session: Session) -> int:
    trials = session.query(models.TrialModel.number).filter_by(study_id=study_id)
    last = trials.order_by(models.TrialModel.trial_id.desc()).first()
    return 0 if last is None else last[0] + 1


def _rows(trial: FrozenTrial) -> dict[type, list[dict[str, Any]]]:
    """Return what a trial consists of, by table."""
    params = [
        {
            "param_name": name,
            "param_value": kind.to_internal_repr(trial.params[name]),
            "distribution_json": distribution_to_json(kind),
        }
        for name, kind in trial.distributions.items()
    ]
    stored = [models.TrialValueModel.value_to_stored_repr(value) for value in trial.values or ()]
    values = [
        {"objective": place, "value": value, "value_type": kind}
        for place, (value, kind) in enumerate(stored)
    ]
    return {
        models.TrialValueModel: values,
        models.TrialParamModel: params,
        models.TrialUserAttributeModel: _json_rows(trial.user_attrs),
        models.TrialSystemAttributeModel: _json_rows(trial.system_attrs),
    }


def _json_rows(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]


def _path(url: str) -> Path:
    return Path(unquote(url.removeprefix(_SQLITE)))


def _open_storage(url: str, heartbeat: int | None) -> RDBStorage:
    engine_kwargs: dict[str, Any] = {"pool_pre_ping": True}
    if not is_shared(url):
        # A path inside an address would be cut at `?`, and Optuna fills in what is in braces.
        path, url = _path(url), "sqlite://"
        engine_kwargs = {
            "creator": lambda: sqlite3.connect(path, timeout=60, check_same_thread=False),
            "poolclass": sqlalchemy.pool.QueuePool,
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = _Storage(
            url,
            engine_kwargs=engine_kwargs,
            heartbeat_interval=heartbeat,
            grace_period=heartbeat and 3 * heartbeat,
        )
    if not is_shared(url):
        sqlalchemy.event.listen(storage.engine, "connect", _write_ahead)
        storage.remove_session()
        storage.engine.dispose()  # connections opened before lack it
    return storage


def _write_ahead(connection: Any, record: object) -> None:
    """Write to a log first, and to the disk in larger steps: a trial is many transactions.

    A killed process loses nothing; a power cut may lose the last trials, never the file.
    """
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
