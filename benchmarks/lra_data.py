"""Figures of the generated Long Range Arena data.

    python -m benchmarks.lra_data [listops]

ListOps: acceptance, lengths, depths and labels of 100,000 expressions of the paper's size and of
the small sizes, with the seconds that they take on one core.
"""

import sys
import time

import numpy as np

from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.listops_trees import OPERATORS

SIZES = ((10, 10, 500, 2000), (6, 5, 20, 100), (8, 6, 50, 200), (6, 10, 100, 500))
EXPRESSIONS = 100_000


def listops() -> None:
    for depth, args, least, most in SIZES:
        settings = ListOpsSettings(
            train=EXPRESSIONS, validation=1, test=1,
            max_depth=depth, max_args=args, min_length=least, max_length=most,
        )  # fmt: skip
        print(f"ListOps, depth {depth}, {args} arguments, {least} < length < {most}:")
        describe(settings)


def describe(settings: ListOpsSettings) -> None:
    started = time.perf_counter()
    drawn, lengths, labels, roots, depths = 0, [], [], [], []
    for batch in settings.batches():
        drawn += batch.drawn
        lengths.extend(batch.lengths_K)
        labels.extend(batch.values_K)
        roots.extend(batch.tokens_KL[:, 0])
        depths.extend(batch.depths_K)
        if len(labels) >= EXPRESSIONS:
            break
    taken = time.perf_counter() - started
    deepest = np.mean(np.array(depths) == settings.max_depth)
    print(f"  acceptance {len(labels) / drawn:.2%}, {taken:.1f} s for {len(labels):,}")
    print(f"  length: mean {np.mean(lengths):.0f}, median {np.median(lengths):.0f}")
    print(f"  reach depth {settings.max_depth}: {deepest:.2%}")
    shares = np.bincount(labels, minlength=10) / len(labels)
    print("  labels 0 to 9: " + " ".join(f"{share:.3f}" for share in shares))
    by_root = root_accuracy(roots, labels)
    print(f"  best guess: {shares.max():.1%}; from the root operator: {by_root:.1%}")


def root_accuracy(roots: list[int], labels: list[int]) -> float:
    """Return the accuracy of the most frequent label of each root operator."""
    roots_N, labels_N = np.array(roots), np.array(labels)
    counts = [np.bincount(labels_N[roots_N == kind], minlength=10).max() for kind in OPERATORS]
    return float(sum(counts) / len(labels_N))


PARTS = {"listops": listops}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
