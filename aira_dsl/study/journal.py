"""The journal of a search: one Optuna study, the only state there is.

A trial enters the study whole (arrangement and all, in one transaction), is claimed by a worker,
and is finished once. Because nothing else is state, a killed search is continued by claiming the
running trials that no process works on any more and evaluating them: no trial is lost, none runs
twice, the budget is met exactly.

On one machine the study is an SQLite file in the run folder, and the lock of the folder says that
no other process works on it. On many machines it is a PostgreSQL database: an advisory lock makes
"count, propose, add" one step for all, and heartbeats tell which trials are still worked on.

When a shared database does not answer, every method here waits for it and tries again.
"""

import functools
import os
import socket
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, TypeVar

from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.candidate import NewTrial
from aira_dsl.study.claims import Claims
from aira_dsl.study.following import Following
from aira_dsl.study.records import attributes_of, state_of, trial_of, trials_of
from aira_dsl.study.selection import confirm
from aira_dsl.study.storage import (
    GONE,
    exclusive_access,
    is_shared,
    lost,
    open_study,
    readable,
    reason_to_wait,
)
from aira_dsl.study.trials import Trial
from aira_dsl.utils.retry import Backoff, with_retry

T = TypeVar("T")
P = ParamSpec("P")

BACKOFF = Backoff(first=0.5, longest=10.0, patience=900.0)
"""How long to wait for a database that went away in the middle of a search."""


def _patient(
    method: Callable[Concatenate["Journal", P], T],
) -> Callable[Concatenate["Journal", P], T]:
    """Let a method wait for a database that does not answer.

    Raises:
        RunError: E0903, if it stays away.
    """

    @functools.wraps(method)
    def retried(self: "Journal", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._retry(lambda: method(self, *args, **kwargs))

    return retried


class Journal:
    """A study as the log of one search.

    Args:
        url: address as in `aira_dsl.study.storage`.
        name: name of the study; made if it is not there.
        identity: of the search; a study belongs to the search that made it.
        direction: which way scores get better.
        heartbeat: seconds between heartbeats of a running trial (PostgreSQL only); after three
            of them without one, the trial is taken over.

    Attributes:
        me: name of this process in the study.
        snapshot: the trials as they were last read.
        on_trouble: called with the reason when the database does not answer; and with None when it
            answers again.

    Raises:
        RunError: E0901 if the database cannot be reached.
        InputError: E0805 if the file is not a study, or one of another version.
        InputError: E0806 if the study belongs to a search with other settings.
    """

    def __init__(
        self, url: str, name: str, *, identity: str, direction: Direction, heartbeat: int
    ) -> None:
        self.url = url
        self.direction = direction
        self.me = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self.snapshot: list[FrozenTrial] = []
        self._following = Following()
        self._is_changed = True
        self.study, self._storage = open_study(url, name, direction=direction, heartbeat=heartbeat)
        self._is_shared = is_shared(url)
        self._claims = Claims(
            self._storage,
            self.study._study_id,
            worker=self.me,
            heartbeat=heartbeat if self._is_shared else None,
        )
        self._is_inside = False
        self._own(identity)

    def _own(self, identity: str) -> None:
        """Make the study that of this search, or refuse it."""

        def own() -> str:
            owner: str | None = self.noted("identity")
            if owner is None:
                self.note("identity", identity)
            return owner or identity

        if self.exclusively(own) != identity:
            self.close()
            raise InputError(
                "E0806",
                f"the study {self.study.study_name!r} belongs to a search with other settings",
                help="repeat that search's settings, or name another study with --study",
            )

    def close(self) -> None:
        """Close the connections to the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    @property
    def storage(self) -> RDBStorage:
        """The Optuna storage, to attach artifacts to trials."""
        return self._storage

    def exclusively(self, action: Callable[[], T]) -> T:
        """Do something while no other process adds or claims trials.

        If the database goes away meanwhile, the lock is lost; the whole action is done again.

        Raises:
            RunError: E0903, if the database stays away.
        """

        def inside() -> T:
            with exclusive_access(self.url, self.study.study_name):
                self._is_inside = True
                try:
                    return action()
                finally:
                    self._is_inside = False

        return self._retry(inside)

    def _retry(self, action: Callable[[], T]) -> T:
        if self._is_inside:  # then the action as a whole is repeated
            return action()
        try:
            return with_retry(
                action,
                backoff=BACKOFF,
                reason_to_wait=lambda error: reason_to_wait(self.url, error),
                on_trouble=self.on_trouble,
                on_restored=lambda: self.on_trouble(None),
            )
        except GONE as error:
            raise lost(self.url, error) from None

    @_patient
    def trials(self) -> list[FrozenTrial]:
        """Return all trials in order of their numbers; not to be changed.

        They are read again if another process may have changed them, or this one has.

        Raises:
            InputError: E0805, if the study is damaged.
        """
        if not (self._is_shared or self._is_changed):
            return self.snapshot
        with readable(self.url):
            self.snapshot = self.study.get_trials(deepcopy=False)
            self._is_changed = False
            for trial in self._following.finished(self.snapshot):
                if trial.state == TrialState.COMPLETE and trial.value is None:
                    raise ValueError(f"trial {trial.number} is complete without a value")
        return self.snapshot

    def records(self, winners: int) -> list[Trial]:
        """Return a record of each trial, the best `winners` of them confirmed.

        Raises:
            InputError: E0805, if the study is damaged.
        """
        trials = self.trials()
        tests, repeats = self.noted("test_scores", {}), self.noted("repeats", {})
        with readable(self.url):
            return confirm(trials_of(trials, tests, repeats), self.direction, winners)

    def record(self, number: int) -> Trial:
        """Return a record of a trial of the snapshot."""
        return trial_of(self.snapshot[number])

    @_patient
    def add(self, new: NewTrial[Any], evaluation: Evaluation | None = None) -> FrozenTrial:
        """Add a trial in one transaction; call inside `exclusively`, after `trials`.

        With an evaluation, which the store had, the trial is finished; else it is running, and
        this process has claimed it.
        """
        state = TrialState.RUNNING if evaluation is None else state_of(evaluation)
        results = {} if evaluation is None else attributes_of(evaluation, cached=True)
        trial = create_trial(
            state=state,
            params=dict(new.params),
            distributions=dict(new.distributions),
            user_attrs={**new.user_attrs, **results},
            system_attrs=dict(new.system_attrs),
            value=None if evaluation is None else evaluation.score,
        )
        self.study.add_trial(trial)
        if evaluation is None:
            self._is_changed = True
            trial = self.trials()[-1]
            self.claim(trial)
        else:
            trial.number = len(self.snapshot)
            self.snapshot.append(trial)
        return trial

    def running(self) -> list[int]:
        """Return the numbers of the trials of the snapshot that are not finished."""
        self._following.finished(self.snapshot)
        return self._following.running

    @_patient
    def stale_trials(self, mine: Collection[int]) -> list[FrozenTrial]:
        """Return the running trials of the snapshot that no process works on.

        Call inside `exclusively`.

        Args:
            mine: numbers of the trials that this process works on.
        """
        return self._claims.stale([self.snapshot[n] for n in self.running() if n not in mine])

    @_patient
    def claim(self, trial: FrozenTrial) -> None:
        """Claim a trial for this process."""
        self._is_changed = True
        self._claims.claim(trial)

    def release(self) -> None:
        """Release what this process has claimed, so that it is taken up at once; does not wait."""
        self._is_changed = True
        self._claims.release()

    @_patient
    def beat(self, trials: Collection[FrozenTrial]) -> None:
        """Record a heartbeat of these trials, if it is time."""
        self._claims.beat(trials)

    @_patient
    def write(self, trial: FrozenTrial, attributes: Mapping[str, Any]) -> None:
        """Write user attributes of a running trial, one after the other."""
        self._is_changed = True
        with suppress(UpdateFinishedTrialError):
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial._trial_id, key, value)

    @_patient
    def fill(
        self,
        trial: FrozenTrial,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
    ) -> None:
        """Write the parameters of a running trial that was added without them."""
        self._is_changed = True
        with suppress(UpdateFinishedTrialError):
            for name, value in params.items():
                kind = distributions[name]
                internal = kind.to_internal_repr(value)
                self._storage.set_trial_param(trial._trial_id, name, internal, kind)

    @_patient
    def finish(self, trial: FrozenTrial, evaluation: Evaluation, *, cached: bool) -> None:
        """Finish a trial; if another worker took it over and finished it, that result stands."""
        self._is_changed = True
        values = None if evaluation.score is None else [evaluation.score]
        with suppress(UpdateFinishedTrialError):
            for key, value in attributes_of(evaluation, cached=cached).items():
                self._storage.set_trial_user_attr(trial._trial_id, key, value)
            self._storage.set_trial_state_values(trial._trial_id, state_of(evaluation), values)
        self._claims.finished(trial.number)

    @_patient
    def note(self, key: str, value: Any) -> None:
        """Keep a fact about the whole search."""
        self.study.set_user_attr(key, value)

    @_patient
    def noted(self, key: str, default: Any = None) -> Any:
        """Return a fact about the whole search."""
        return self.study.user_attrs.get(key, default)
