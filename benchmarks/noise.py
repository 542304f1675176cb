"""Coverage of "significantly different": searches of simulated tables whose true scores are known.

    python -m benchmarks.noise

The shipped table has two seeds, so the true scores of its arrangements are not known. Simulated
tables follow a model that is fitted to it: true scores are its means; a score adds a shift common
to its seed, as large at each score as between the two seeds, and an error with the local variance.
Errors follow Student's t with the kurtosis that the two seeds show. They are drawn again for every
score: the three seeds of the calibration show no arrangement whose variance differs from that of
its neighbours by more than sampling explains.

Every search draws new seeds: 40 random arrangements with one seed, the best three repeated with
other seeds, the best named by the repeats. An interval (difference ± margin) is wrong if it leaves
out the true difference, a claim ("significantly different") if the true order is the other way
round. The two real seeds are used as replications of each other: the difference of a pair with one
seed against the same with the other, with the noise of the table and with the calibration's.

Shapes: A arrangements, S seeds, W winners.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from aira_dsl.evaluation.calibration import load_calibration
from aira_dsl.evaluation.noise import (
    PRIOR_FREEDOM,
    Noise,
    calibrated_noise,
    pooled,
    pooled_near,
    shrunk,
)
from aira_dsl.evaluation.presets import EvaluatorSettings, preset_settings
from aira_dsl.evaluation.table import load_table
from aira_dsl.experiments.comparison.statistics import noise_floor
from aira_dsl.utils.statistics import difference_interval

Floats = NDArray[np.float64]
SEARCHES, BUDGET, WINNERS = 200, 40, 3
TEST_SEEDS = 3
SIZE, WIDTH = 0.03, 0.005
"""A true difference that should be found; pairs count whose difference is within WIDTH of it."""


@dataclass(frozen=True)
class Model:
    """A distribution of tables.

    Attributes:
        truth_A: true scores.
        variance_A: variance of the errors.
        shift_A: standard deviation of the seeds' shift, with its sign relative to other scores.
        freedom: of Student's t, which the errors follow.
    """

    truth_A: Floats
    variance_A: Floats
    shift_A: Floats
    freedom: float

    def scores(self, rng: np.random.Generator, seeds: int) -> Floats:
        """Draw a table (A, S) with new seeds."""
        shape, unit = (len(self.truth_A), seeds), math.sqrt((self.freedom - 2) / self.freedom)
        errors_AS = unit * np.sqrt(self.variance_A)[:, None] * rng.standard_t(self.freedom, shape)
        shifts_AS = self.shift_A[:, None] * rng.standard_normal(seeds)
        return self.truth_A[:, None] + shifts_AS + errors_AS


def fit(scores_AS: Floats) -> Model:
    """Fit the model to a table of two seeds."""
    means_A = scores_AS.mean(axis=1)
    local = [pooled_near(scores_AS, mean) for mean in means_A]
    variance_A = np.array([each.variance for each in local])
    differences_A = (scores_AS[:, 0] - scores_AS[:, 1]) / math.sqrt(2)
    shift_A = np.array([differences_A[each.rows].mean() for each in local])
    standard_A = (differences_A - shift_A) / np.sqrt(variance_A)
    # The excess kurtosis of a difference is half that of one error; that of t is 6 / (ν - 4).
    excess = float((standard_A**4).mean() / (standard_A**2).mean() ** 2) - 3
    return Model(means_A, variance_A, shift_A, 4 + 3 / excess)


@dataclass(frozen=True)
class Pairs:
    """Comparisons of the best winner with the others, one entry a pair.

    Attributes:
        seen, true: difference of the repeats' means, and of the true scores.
        margin: half the width of the interval.
        noise: the standard deviation that the margin follows from.
    """

    seen: Floats
    true: Floats
    margin: Floats
    noise: Floats

    @property
    def uncovered(self) -> float:
        """Share of intervals that leave out the true difference."""
        return float((np.abs(self.seen - self.true) > self.margin).mean())

    @property
    def wrong(self) -> float:
        """Share of pairs that are called different with the true order the other way round."""
        return float(((self.seen > self.margin) & (self.true <= 0)).mean())

    @property
    def found(self) -> float:
        """Share of the true differences of about `SIZE` that are called different."""
        there = np.abs(self.true - SIZE) <= WIDTH
        return float((self.seen > self.margin)[there].mean())


def searches(model: Model, *, repeats: int, looked_up: bool, worlds: int = 1) -> Pairs:
    """Search simulated tables, and compare each best with the other winners.

    Args:
        model: of the tables.
        repeats: seeds of the winners' repeats.
        looked_up: whether the noise is the table's own; else it is that of the repeats, shrunk
            towards the shipped calibration.
        worlds: how many times 200 searches are simulated.
    """
    rng = np.random.default_rng(0)
    rows: list[tuple[float, float, float, float]] = []
    for _ in range(SEARCHES * worlds):
        scores_AS = model.scores(rng, repeats + 1)
        tried = rng.choice(len(scores_AS), BUDGET, replace=False)
        winners = tried[np.argsort(-scores_AS[tried, 0])[:WINNERS]]
        repeats_WS, truth_W = scores_AS[winners, 1:], model.truth_A[winners]
        means_W = repeats_WS.mean(axis=1)
        best = int(means_W.argmax())
        noise = _noise(scores_AS if looked_up else None, repeats_WS, float(means_W[best]))
        margin = noise.paired_margin(repeats, of=WINNERS)
        rows += [
            (means_W[best] - means_W[other], truth_W[best] - truth_W[other], margin, noise.value)
            for other in range(WINNERS)
            if other != best
        ]
    return Pairs(*np.array(rows).T)


def same_method(model: Model, *, runs: int, better: float = 0.0) -> float:
    """Return the share of pairs of methods that are called different.

    All methods are random search, 200 searches in all; the second of each pair is `better` by a
    constant. Final scores are means over three seeds that all runs share.

    Args:
        model: of the tables.
        runs: of each method.
        better: true difference of each pair.
    """
    rng = np.random.default_rng(1)
    test_AS = model.scores(rng, TEST_SEEDS)
    own = pooled_near(test_AS, float(test_AS.mean(axis=1).max()))
    noise = Noise(math.sqrt(own.variance), math.sqrt(own.unpaired), own.freedom, "table", "")
    ended = []
    for _ in range(SEARCHES):
        seen_A = model.scores(rng, 1)[:, 0]
        tried = rng.choice(len(seen_A), BUDGET, replace=False)
        ended.append(int(tried[seen_A[tried].argmax()]))
    groups = [ended[start : start + runs] for start in range(0, SEARCHES, runs)]
    final_A = test_AS.mean(axis=1)
    apart = []
    for one, other in combinations(groups, 2):
        mean, low, high = difference_interval(final_A[other] + better, final_A[one])
        floor = noise_floor([*map(str, other)], [*map(str, one)], noise=noise, repeats=TEST_SEEDS)
        apart.append((low > 0 or high < 0) and abs(mean) > floor)
    return float(np.mean(apart))


def replicated(scores_AS: Floats, noise: Callable[[float], Noise]) -> float:
    """Return how often the difference of a pair with one real seed contradicts the other seed's.

    The difference of the two differences has four errors. Pairs are neighbours by mean score among
    the best half: the order of the two seeds decides nothing about which pairs these are.
    """
    differences_A = scores_AS[:, 0] - scores_AS[:, 1]
    order = np.argsort(-scores_AS.mean(axis=1))[: len(scores_AS) // 2]
    wrong = []
    for a, b in pairwise(order.tolist()):
        there = noise(float(scores_AS[[a, b]].mean()))
        margin = math.sqrt(2) * there.paired_margin(1)
        wrong.append(abs(differences_A[a] - differences_A[b]) > margin)
    return float(np.mean(wrong))


def transfer_freedom(table_AS: Floats, calibration_AS: Floats, *, group: int) -> float:
    """Return how many degrees of freedom the calibration is worth in the table's space.

    The calibration is cut into groups by score; each is compared with the rows of the table of
    nearest score, where the table has some. The mean square of log(s²/s₀²) beyond that of sampling
    is trigamma(d₀/2) (Smyth 2004, section 6.2).
    """
    order = np.argsort(-calibration_AS.mean(axis=1), kind="stable")
    least = float(np.quantile(table_AS.mean(axis=1), 0.01))
    beyond = []
    for rows in np.split(order, len(order) // group):
        score = float(calibration_AS[rows].mean())
        if score >= least:
            own, other = pooled_near(table_AS, score), pooled(calibration_AS, rows)
            sampling = _trigamma(own.freedom / 2) + _trigamma(other.freedom / 2)
            beyond.append(math.log(own.variance / other.variance) ** 2 - sampling)
    return 2 * _inverse_trigamma(float(np.mean(beyond)))


def main() -> None:
    table, calibration = load_table(), load_calibration("cpu")
    assert calibration is not None
    table_AS, calibration_AS = table.scores_AS, calibration.scores("score")
    model = fit(table_AS)
    print(f"errors: Student's t with {model.freedom:.1f} degrees of freedom")
    worth = [transfer_freedom(table_AS, calibration_AS, group=size) for size in (4, 5, 8, 10)]
    print(
        "a calibration in another space is worth "
        f"{', '.join(f'{each:.1f}' for each in worth)} degrees of freedom (groups of 4, 5, 8, 10); "
        f"used: {PRIOR_FREEDOM:g}\n"
    )
    print("| noise from | repeats | noise, median | intervals wrong | claims wrong | 0.03 found |")
    print("|---|---|---|---|---|---|")
    for name, looked_up, counts in (
        ("the table", True, (1, 2, 4)),
        ("repeats and calibration", False, (2, 4)),
    ):
        for repeats in counts:
            found = searches(model, repeats=repeats, looked_up=looked_up, worlds=5)
            print(
                f"| {name} | {repeats} | {np.median(found.noise):.4f} | {found.uncovered:.1%} "
                f"| {found.wrong:.1%} | {found.found:.0%} |"
            )
    print("\n| runs of each method | equal methods called different | 0.03 found |\n|---|---|---|")
    for runs in (5, 10, 20):
        equal, better = (same_method(model, runs=runs, better=size) for size in (0.0, SIZE))
        print(f"| {runs} | {equal:.1%} | {better:.0%} |")
    own = replicated(table_AS, lambda near: _noise(table_AS, table_AS[:1], near))
    settings = preset_settings("cpu")
    other = replicated(table_AS, lambda near: _calibrated(settings, near))
    print(
        f"\nreal seeds: of neighbouring pairs {own:.1%} differ between the two seeds by more than "
        f"the noise of the table allows, {other:.1%} by more than that of the calibration"
    )


def _noise(table_AS: Floats | None, repeats_WS: Floats, near: float) -> Noise:
    if table_AS is not None:
        own = pooled_near(table_AS, near)
        return Noise(math.sqrt(own.variance), math.sqrt(own.unpaired), own.freedom, "table", "")
    found = shrunk(repeats_WS, _calibrated(preset_settings("cpu"), near))
    assert found is not None
    return found


def _calibrated(settings: EvaluatorSettings, near: float) -> Noise:
    noise = calibrated_noise(settings, near)
    assert noise is not None
    return noise


def _trigamma(value: float) -> float:
    from scipy.special import polygamma

    return float(polygamma(1, value))


def _inverse_trigamma(value: float) -> float:
    """Return the argument at which trigamma has a value; infinite for a value of 0 or below."""
    from scipy.optimize import brentq

    if value <= 0:
        return math.inf
    return float(brentq(lambda x: _trigamma(x) - value, 1e-3, 1e6))


if __name__ == "__main__":
    main()
