"""The journal of a search: one Optuna study, the only state there is.

A trial enters the study whole (arrangement and all, in one transaction), is claimed by a worker,
and is finished once. Because nothing else is state, a killed search is continued by claiming the
running trials that nobody holds any more and evaluating them: no trial is lost, none runs twice,
the budget is met exactly.

On one machine the study is an SQLite file in the run folder, and the folder's lock says that nobody
else is there. On many machines it is a PostgreSQL database: an advisory lock makes "count, propose,
add" one step for all, and heartbeats tell whose trials are still alive.
"""

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.selection import confirm
from aira_dsl.study.storage import GONE, exclusive_access, first_line, is_shared, lost, open_study
from aira_dsl.study.trials import Trial, trials_of

T = TypeVar("T")

PATIENCE = 900.0
"""Seconds to wait for a database that went away in the middle of a search."""

_CLAIM = "worker"
_STATES = {"ok": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


class Journal:
    """A study as the log of one search.

    Args:
        url: address as in `aira_dsl.study.storage`.
        name: name of the study; made if it is not there.
        identity: of the search; a study belongs to the search that made it.
        direction: `maximize` or `minimize`.
        heartbeat: seconds between signs of life of a running trial (PostgreSQL only); after three
            of them without one, the trial is taken over.

    Attributes:
        url, direction: as given.
        on_trouble: told when the database can not be reached, with the reason; and again, with
            None, when it can.

    Raises:
        RunError: E0901 if the database can not be reached.
        InputError: E0805 if the file is no study, or one of another version.
        InputError: E0806 if the study belongs to a search with other settings.
    """

    def __init__(
        self,
        url: str,
        name: str,
        *,
        identity: str,
        direction: Direction,
        heartbeat: int,
    ) -> None:
        self.url = url
        self.direction = direction
        self.me = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.study, self._storage = open_study(url, name, direction=direction, heartbeat=heartbeat)
        self._is_shared = is_shared(url)
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._heartbeat = heartbeat
        self._last_beat = 0.0
        self.patiently(lambda: self._own(identity))

    def _own(self, identity: str) -> None:
        """Make the study this search's, or refuse it."""
        with self.exclusive():
            if (owner := self.noted("identity")) is None:
                self.note("identity", identity)
        if owner not in (None, identity):
            self.close()
            raise InputError(
                "E0806",
                f"the study {self.study.study_name!r} belongs to a search with other settings",
                help="repeat that search's settings, or name another study with --study",
            )

    def close(self) -> None:
        """Let go of the database."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the one right to add and to claim trials; others wait."""
        return exclusive_access(self.url, self.study.study_name)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials in order of their numbers; not to be changed."""
        return self.study.get_trials(deepcopy=False)

    def records(self, winners: int) -> list[Trial]:
        """Return a record of each trial, the best `winners` of them confirmed."""
        tests, repeats = self.noted("test_scores", {}), self.noted("repeats", {})
        return confirm(trials_of(self.trials(), tests, repeats), self.direction, winners)

    def add(
        self,
        params: dict[str, Any],
        distributions: dict[str, Any],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
    ) -> FrozenTrial:
        """Add a running trial in one transaction and claim it; call while `exclusive`.

        Without parameters it is a trial whose arrangement is still to be asked for.
        """
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=params,
                distributions=distributions,
                user_attrs=user_attrs,
                system_attrs=system_attrs,
            )
        )
        trial = self.trials()[-1]
        self.claim(trial)
        return trial

    def orphans(self, mine: set[int]) -> list[FrozenTrial]:
        """Return running trials that nobody works on; call while `exclusive`.

        Those are: never claimed (its worker died between two writes), released, or held by a
        worker that is gone. `mine` are the numbers of the trials in this process's hands.
        """
        running = [t for t in self.trials() if t.state == TrialState.RUNNING]
        candidates = [t for t in running if t.number not in mine]
        if not self._is_shared:
            return candidates  # the run folder's lock: nobody else is alive
        stale = set(self._storage._get_stale_trial_ids(self.study._study_id))
        return [t for t in candidates if not t.user_attrs.get(_CLAIM) or t._trial_id in stale]

    def claim(self, trial: FrozenTrial) -> None:
        """Take a trial into this process's hands."""
        if self._is_shared:  # first the heartbeat: a claimed trial without one would look alive
            self._storage.record_heartbeat(trial._trial_id)
        self._storage.set_trial_user_attr(trial._trial_id, _CLAIM, self.me)

    def release(self, trial: FrozenTrial) -> None:
        """Let go of a running trial, so that it is taken up at once."""
        self._storage.set_trial_user_attr(trial._trial_id, _CLAIM, "")

    def beat(self, trials: list[FrozenTrial]) -> None:
        """Give a sign of life for these trials, if it is time."""
        if self._is_shared and time.monotonic() - self._last_beat >= self._heartbeat:
            for trial in trials:
                self._storage.record_heartbeat(trial._trial_id)
            self._last_beat = time.monotonic()

    def write(self, trial: FrozenTrial, attributes: dict[str, Any]) -> None:
        """Write facts about a running trial, one after the other."""
        with contextlib.suppress(UpdateFinishedTrialError):
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial._trial_id, key, value)

    def fill(
        self, trial: FrozenTrial, params: dict[str, Any], distributions: dict[str, Any]
    ) -> None:
        """Give a trial that was added without them its parameters."""
        with contextlib.suppress(UpdateFinishedTrialError):
            for name, value in params.items():
                kind = distributions[name]
                internal = kind.to_internal_repr(value)
                self._storage.set_trial_param(trial._trial_id, name, internal, kind)

    def finish(self, trial: FrozenTrial, evaluation: Evaluation, *, cached: bool) -> None:
        """Write a result; if another worker took the trial over and finished it, that stands."""
        attributes = {
            "status": evaluation.status,
            "seconds": evaluation.seconds,
            "cached": cached,
            "message": evaluation.message,
            **{score.task: score.token_accuracy for score in evaluation.tasks},
            "evaluation": evaluation.model_dump(mode="json"),
        }
        state = _STATES.get(evaluation.status, TrialState.FAIL)
        values = None if evaluation.score is None else [evaluation.score]
        with contextlib.suppress(UpdateFinishedTrialError):
            for key, value in attributes.items():
                self._storage.set_trial_user_attr(trial._trial_id, key, value)
            self._storage.set_trial_state_values(trial._trial_id, state, values)

    def note(self, key: str, value: Any) -> None:
        """Keep a fact about the whole search."""
        self.study.set_user_attr(key, value)

    def noted(self, key: str, default: Any = None) -> Any:
        """Return a fact about the whole search."""
        return self.study.user_attrs.get(key, default)

    def patiently(self, action: Callable[[], T]) -> T:
        """Do something with the study; if the database goes away, wait for it and do it again.

        Raises:
            RunError: E0903, if it does not come back.
        """
        deadline, pause, trouble = time.monotonic() + PATIENCE, 0.5, False
        while True:
            try:
                result = action()
            except GONE as error:
                if not self._is_shared or time.monotonic() > deadline:
                    raise lost(self.url, error) from None
                self.on_trouble(first_line(error))
                trouble = True
                time.sleep(pause)
                pause = min(2 * pause, 10.0)
            else:
                if trouble:
                    self.on_trouble(None)
                return result
