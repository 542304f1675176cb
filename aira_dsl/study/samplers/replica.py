"""The trials of a search as an Optuna study in memory, in which samplers look around.

A trial there has what samplers need and no more: Optuna copies what it is given, and results are
large. A trial that was stopped early has no score; for every sampler alike it counts as the worst
that was completed.

The study in memory grows with the search: proposing one of n trials does not read n trials again.
"""

import copy
from collections.abc import Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.following import Following
from aira_dsl.study.optuna_logging import quiet_optuna


class Replica:
    """A study in memory that follows the trials of a search.

    Args:
        distributions: parameters of every trial.
        direction: which way scores get better.

    Attributes:
        fingerprints: of all trials.
    """

    def __init__(self, distributions: Mapping[str, BaseDistribution], direction: Direction) -> None:
        self._distributions = dict(distributions)
        self._direction = direction
        self._asked: FrozenTrial | None = None
        self._start()

    def follow(self, trials: Sequence[FrozenTrial]) -> None:
        """Take account of what has changed since the last call.

        Args:
            trials: all trials of the search, in order of their numbers.
        """
        if not self._is_continued_by(trials):
            self._start()
        self._asked = None
        for trial in trials[self._size :]:
            self._add(trial)
        for trial in self._trials.finished(trials):
            self.fingerprints.add(trial.user_attrs.get("fingerprint", ""))
            self._finish(trial)
        self.fingerprints |= {
            trials[number].user_attrs.get("fingerprint", "") for number in self._trials.running
        }
        self._level_pruned()

    def ask(self, sampler: BaseSampler) -> FrozenTrial:
        """Return a new trial of the study in memory, with the parameters that a sampler chose.

        The next call of `follow` expects it among the trials; if it is not, the study is rebuilt.
        """
        self._forget_populations()
        self._study.sampler = sampler
        asked = self._study.ask(self._distributions)
        frozen = self._frozen(asked.number)
        self._asked = frozen
        self._size += 1
        return frozen

    def study(self) -> optuna.Study:
        """Return the study in memory."""
        return self._study

    def _start(self) -> None:
        self._storage = InMemoryStorage()
        with quiet_optuna():
            self._study = optuna.create_study(
                storage=self._storage, direction=StudyDirection[self._direction.name]
            )
        self._id = self._storage.get_study_id_from_name(self._study.study_name)
        self._trials = Following()
        self._size = 0
        self._asked = None
        self._pruned: list[int] = []
        self._worst: float | None = None
        self._leveled: tuple[float | None, int] = (None, 0)  # value and number of pruned trials
        self.fingerprints: set[str] = set()

    def _is_continued_by(self, trials: Sequence[FrozenTrial]) -> bool:
        """Return whether the trials are those of the last call and more, the asked one included."""
        if len(trials) < self._size:
            return False
        asked = self._asked
        return asked is None or trials[asked.number].params == asked.params

    def _add(self, trial: FrozenTrial) -> None:
        """Add a trial as one that is running."""
        lean = copy.copy(trial)
        lean.user_attrs, lean.intermediate_values = {}, {}
        lean.distributions = self._distributions
        lean.state, lean.values, lean.datetime_complete = TrialState.RUNNING, None, None
        self._study.add_trial(lean)
        self._size += 1

    def _finish(self, trial: FrozenTrial) -> None:
        state, values = trial.state, trial.values
        if state == TrialState.PRUNED:
            self._pruned.append(trial.number)
            state, values = TrialState.COMPLETE, [0.0]  # until `_level_pruned` has the value
        elif state == TrialState.COMPLETE:
            known = [trial.values[0]] if self._worst is None else [trial.values[0], self._worst]
            self._worst = self._direction.worst(known)
        identity = self._storage.get_trial_id_from_study_id_trial_number(self._id, trial.number)
        self._storage.set_trial_state_values(identity, state, values)

    def _level_pruned(self) -> None:
        """Give every pruned trial the value of the worst completed one, which changes in time."""
        assert self._worst is not None or not self._pruned, "the first trials are never pruned"
        value, count = self._leveled
        for number in self._pruned[count if value == self._worst else 0 :]:
            # Optuna cannot change the value of a finished trial; its list holds this object.
            self._frozen(number).values = [self._worst]
        self._leveled = self._worst, len(self._pruned)

    def _frozen(self, number: int) -> FrozenTrial:
        identity = self._storage.get_trial_id_from_study_id_trial_number(self._id, number)
        return self._storage.get_trial(identity)

    def _forget_populations(self) -> None:
        """Drop what genetic samplers keep in the study: a resumed search would not have it."""
        for key in list(self._storage.get_study_system_attrs(self._id)):
            self._storage.set_study_system_attr(self._id, key, None)
