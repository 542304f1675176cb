"""The base of samplers that choose all slots of an arrangement at once."""

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial


class WholeSampler(BaseSampler):
    """A sampler whose `sample_relative` chooses all slots."""

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Never called, since `sample_relative` chooses every slot."""
        raise AssertionError(f"{param_name} was not sampled")
