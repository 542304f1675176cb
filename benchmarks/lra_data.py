"""Figures of the generated Long Range Arena data.

    python -m benchmarks.lra_data [listops | pathfinder | picture] …

ListOps: acceptance, lengths, depths and labels of 100,000 expressions of size `cpu` and of size
`paper`, with the seconds that they take on one core.

Pathfinder: CPU time of an image; how well single statistics and a classifier that sees only local
patches tell the class. `picture` writes docs/images/pathfinder.png.
"""

import sys
import time

import numpy as np

from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.listops_trees import OPERATORS
from aira_dsl.data.lra.pathfinder import PATH_X, PathfinderSettings
from aira_dsl.data.lra.pathfinder_drawing import Images
from aira_dsl.design import lra_data
from aira_dsl.design.task import load_task
from benchmarks.local_patches import local_accuracy

EXPRESSIONS = 100_000


def listops() -> None:
    for size in ("cpu", "paper"):
        settings = lra_data.settings(ListOpsSettings, load_task("lra_listops").size(size))
        print(
            f"ListOps, size {size}: depth {settings.max_depth}, {settings.max_args} arguments, "
            f"{settings.min_length} < length < {settings.max_length}:"
        )
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


COUNTS = {"train": 1, "validation": 1, "test": 1}
IMAGES = {
    "contours of 14 paddles (hard, size paper)": PathfinderSettings(**COUNTS),
    "contours of 9 paddles (intermediate)": PathfinderSettings(
        **COUNTS, contour_length=9, distractor_length=3, distractors=6
    ),
    "contours of 6 paddles (easy)": PathfinderSettings(
        **COUNTS, contour_length=6, distractor_length=2, distractors=10
    ),
    "size cpu of lra_pathfinder": lra_data.settings(
        PathfinderSettings, load_task("lra_pathfinder").size("cpu")
    ),
}
TRAIN, TEST = 4_000, 4_000


def pathfinder() -> None:
    for name, settings in IMAGES.items():
        started = time.process_time()
        images = settings.draw(np.random.default_rng(0), TRAIN + TEST)
        taken = time.process_time() - started
        print(f"Pathfinder, {name}: {1e3 * taken / (TRAIN + TEST):.1f} ms of CPU an image")
        for statistic, values_N in statistics(images).items():
            area, error = area_under_curve(values_N, images.labels_B == 1)
            print(f"  {statistic}: area under the curve {area:.3f} ± {1.96 * error:.3f}")
        print(f"  best guess by the distance of the discs: {distance_accuracy(settings):.1%}")
        for side in (3, 5, 7):
            accuracy, error = local_accuracy(images.pixels_BHW, images.labels_B, TRAIN, side)
            print(f"  patches of {side} x {side}: accuracy {accuracy:.1%} ± {1.96 * error:.1%}")


def statistics(images: Images) -> dict[str, np.ndarray]:
    flat_NL = images.pixels_BHW.reshape(len(images.labels_B), -1)
    return {
        "mean brightness": flat_NL.mean(1),
        "pixels above 0": (flat_NL > 0).sum(1),
        "distance of the discs": np.hypot(*(images.discs_B22[:, 0] - images.discs_B22[:, 1]).T),
    }


def distance_accuracy(settings: PathfinderSettings) -> float:
    """Return the accuracy of the more frequent class of each whole distance, on other images."""
    images = settings.draw(np.random.default_rng(5), 20_000)
    apart_N = statistics(images)["distance of the discs"].astype(int)
    labels_N, half = images.labels_B, len(apart_N) // 2
    counts = np.zeros((2, apart_N.max() + 1))
    np.add.at(counts, (labels_N[:half], apart_N[:half]), 1)
    return float((counts.argmax(0)[apart_N[half:]] == labels_N[half:]).mean())


def area_under_curve(values_N: np.ndarray, positive_N: np.ndarray) -> tuple[float, float]:
    """Return the probability that a positive has the greater value, and its standard error."""
    positive, negative = values_N[positive_N], np.sort(values_N[~positive_N])
    below = np.searchsorted(negative, positive) / len(negative)
    not_above = np.searchsorted(negative, positive, side="right") / len(negative)
    area = float((below + not_above).mean() / 2)
    return area, float(np.sqrt(1 / (12 * len(positive)) + 1 / (12 * len(negative))))


def picture() -> None:
    from matplotlib import pyplot as plt

    sheets = {"32 x 32": PathfinderSettings(**COUNTS), "128 x 128": PathfinderSettings(
        **COUNTS, **PATH_X)}  # fmt: skip
    figure, axes = plt.subplots(4, 6, figsize=(9, 6.6), facecolor="white")
    for rows, (size, settings) in zip((axes[:2], axes[2:]), sheets.items(), strict=True):
        images = settings.draw(np.random.default_rng(2), 12)
        for row, label, name in zip(rows, (1, 0), ("one contour", "two contours"), strict=True):
            for axis, pixels in zip(row, images.pixels_BHW[images.labels_B == label], strict=True):
                axis.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
            row[0].set_ylabel(f"{size}\n{name}")
    figure.tight_layout(pad=0.4)
    figure.savefig("docs/images/pathfinder.png", dpi=110)
    print("docs/images/pathfinder.png")


PARTS = {"listops": listops, "pathfinder": pathfinder, "picture": picture}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        PARTS[name]()
