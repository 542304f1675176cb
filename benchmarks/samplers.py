"""What each sampler finds within a budget on a synthetic landscape, without any training.

    python benchmarks/samplers.py --seeds 5

16 slots of three blocks. The score is a sum of random terms for every slot, every pair of
neighbouring slots and every triple of them, so position matters and slots interact; each
evaluation adds noise of half the landscape's standard deviation. Printed: how many standard
deviations above the mean of random arrangements the best arrangement found truly lies (noise
removed), mean over landscapes; and the milliseconds that a proposal took. One family of landscapes:
it ranks samplers, it does not predict their results elsewhere.
"""

import argparse
import random
import time

import numpy as np
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.space import Space
from aira_dsl.study.arrangements import distributions
from aira_dsl.study.samplers.families import SAMPLERS, SamplerName
from aira_dsl.study.samplers.sampler_source import propose

BUDGETS = (50, 100, 200)
NOISE = 0.5


class Landscape:
    """Scores of arrangements, standardized over the space."""

    def __init__(self, space: Space, seed: int) -> None:
        rng = np.random.default_rng(seed)
        blocks, slots = len(space.names), space.slots
        self._digit = {name: digit for digit, name in enumerate(space.names)}
        self._terms = [rng.normal(size=(slots, *(blocks,) * order)) for order in (1, 2, 3)]
        sample = [self._raw(space.draw(random.Random(i))) for i in range(4000)]
        self._mean, self._std = float(np.mean(sample)), float(np.std(sample))

    def __call__(self, layers: tuple[str, ...]) -> float:
        return (self._raw(layers) - self._mean) / self._std

    def _raw(self, layers: tuple[str, ...]) -> float:
        digits = [self._digit[name] for name in layers]
        return sum(
            float(terms[(slot, *digits[slot : slot + order])])
            for order, terms in enumerate(self._terms, 1)
            for slot in range(len(digits) - order + 1)
        )


def search(
    space: Space, sampler: SamplerName, landscape: Landscape, seed: int
) -> tuple[list[float], float]:
    """Return the true score of the best-looking arrangement at each budget, and ms a proposal."""
    noise = np.random.default_rng(seed + 1000)
    trials: list[FrozenTrial] = []
    found: list[tuple[float, float]] = []
    spent = 0.0
    for number in range(max(BUDGETS)):
        started = time.perf_counter()
        proposal = propose(space, sampler, trials, direction=Direction.MAXIMIZE, seed=seed)
        spent += time.perf_counter() - started
        assert proposal is not None
        true = landscape(proposal.layers)
        seen = true + NOISE * float(noise.normal())
        trial = create_trial(
            state=TrialState.COMPLETE,
            value=seen,
            params=dict(zip(distributions(space), proposal.layers, strict=True)),
            distributions=distributions(space),
            user_attrs={"fingerprint": space.architecture(proposal.layers).fingerprint},
            system_attrs=proposal.system_attrs,
        )
        trial.number = number
        trials.append(trial)
        found.append((seen, true))
    return [max(found[:budget])[1] for budget in BUDGETS], 1e3 * spent / len(trials)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5)
    seeds = range(options.parse_args().seeds)
    space = Space.default()
    landscapes = [Landscape(space, seed) for seed in seeds]
    print(f"| sampler | {' | '.join(map(str, BUDGETS))} | ms a proposal |")
    print("|---" * (len(BUDGETS) + 2) + "|")
    for sampler in SAMPLERS:
        runs = [search(space, sampler, landscapes[seed], seed) for seed in seeds]
        means = np.mean([best for best, _ in runs], axis=0)
        took = np.mean([ms for _, ms in runs])
        cells = " | ".join(f"{mean:.2f}" for mean in means)
        print(f"| `{sampler}` | {cells} | {took:.0f} |", flush=True)


if __name__ == "__main__":
    main()
