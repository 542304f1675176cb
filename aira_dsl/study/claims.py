"""Which running trials a process works on, and which none works on any more.

A claim is the user attribute `worker` of a trial. In a shared database heartbeats tell whether the
worker is alive; in a locked run folder no other process is.
"""

import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

_CLAIM = "worker"


class Claims:
    """The claims of one process on the trials of one study.

    Args:
        storage: where the study is.
        study: its number in the storage.
        worker: name of this process.
        heartbeat: seconds between heartbeats of a running trial; None for a study that is not
            shared.
    """

    def __init__(
        self, storage: RDBStorage, study: int, *, worker: str, heartbeat: int | None
    ) -> None:
        self._storage = storage
        self._study = study
        self._worker = worker
        self._heartbeat = heartbeat
        self._last_beat = 0.0
        self._mine: dict[int, FrozenTrial] = {}

    def claim(self, trial: FrozenTrial) -> None:
        """Claim a running trial."""
        self._mine[trial.number] = trial  # before the write, which an interrupt may follow
        if self._heartbeat is not None:  # first: a claimed trial without one would look alive
            self._storage.record_heartbeat(trial._trial_id)
        self._storage.set_trial_user_attr(trial._trial_id, _CLAIM, self._worker)

    def finished(self, number: int) -> None:
        """Drop the claim on a trial that is finished."""
        self._mine.pop(number, None)

    def release(self) -> None:
        """Release every claim of this process."""
        for trial in self._mine.values():
            with suppress(UpdateFinishedTrialError):
                self._storage.set_trial_user_attr(trial._trial_id, _CLAIM, "")

    def stale(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return those running trials that no process works on.

        Args:
            trials: running trials, without those of this process.

        Those are: never claimed (the worker died between two writes), released, or claimed by a
        worker without heartbeat.
        """
        if self._heartbeat is None or not trials:
            return list(trials)  # of a locked run folder: no other process is alive
        silent = set(self._storage._get_stale_trial_ids(self._study))
        return [t for t in trials if not t.user_attrs.get(_CLAIM) or t._trial_id in silent]

    def beat(self, trials: Collection[FrozenTrial]) -> None:
        """Record a heartbeat of these trials, if it is time."""
        if self._heartbeat is None or time.monotonic() - self._last_beat < self._heartbeat:
            return
        for trial in trials:
            self._storage.record_heartbeat(trial._trial_id)
        self._last_beat = time.monotonic()
