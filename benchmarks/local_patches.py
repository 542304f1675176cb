"""A classifier that sees only small patches of an image, wherever they are.

Features are a bag: of each of F filters, the mean and the greatest response over all places. The
filters are patches of the training images, drawn at random and normalised (Coates & Ng 2012); a
ridge regression on the features decides. Nothing tells where a patch was, so an image is known only
by its local pieces.

Shapes: N images, H and W pixels, K pixels of a patch, F filters.
"""

import numpy as np

FILTERS = 64
PENALTIES = (1.0, 10.0, 100.0, 1000.0)
BLOCK = 250  # images at a time


def local_accuracy(
    pixels_NHW: np.ndarray, labels_N: np.ndarray, train: int, side: int
) -> tuple[float, float]:
    """Train on the first `train` images, return accuracy on the others and its standard error.

    The penalty is chosen on the last fifth of the training images.
    """
    features_NF = bag(pixels_NHW, filters(pixels_NHW[:train], side))
    features_NF = (features_NF - features_NF[:train].mean(0)) / (features_NF[:train].std(0) + 1e-6)
    targets_N = 2.0 * labels_N - 1
    fit = train * 4 // 5
    scores = {
        penalty: accuracy(features_NF, targets_N, slice(fit), slice(fit, train), penalty)
        for penalty in PENALTIES
    }
    best = max(scores, key=scores.__getitem__)
    right = accuracy(features_NF, targets_N, slice(train), slice(train, None), best)
    return right, float(np.sqrt(right * (1 - right) / (len(labels_N) - train)))


def accuracy(
    features_NF: np.ndarray, targets_N: np.ndarray, fit: slice, test: slice, penalty: float
) -> float:
    """Return the accuracy of a ridge regression."""
    inputs, wanted = features_NF[fit], targets_N[fit]
    square = inputs.T @ inputs + penalty * np.eye(inputs.shape[1])
    weights = np.linalg.solve(square, inputs.T @ (wanted - wanted.mean()))
    predicted = features_NF[test] @ weights + wanted.mean()
    return float(((predicted > 0) == (targets_N[test] > 0)).mean())


def filters(pixels_NHW: np.ndarray, side: int) -> np.ndarray:
    """Return FILTERS normalised patches (K, F) that are not black."""
    rng = np.random.default_rng(0)
    chosen = []
    while len(chosen) < FILTERS:
        image = pixels_NHW[rng.integers(len(pixels_NHW))]
        y, x = rng.integers(image.shape[0] - side + 1, size=2)
        patch = image[y : y + side, x : x + side].astype(np.float32).ravel()
        if patch.max() > 0:
            patch -= patch.mean()
            chosen.append(patch / (np.linalg.norm(patch) + 1e-6))
    return np.stack(chosen, axis=1)


def bag(pixels_NHW: np.ndarray, filters_KF: np.ndarray) -> np.ndarray:
    """Return mean and greatest response of each filter (N, 2F)."""
    side = int(np.sqrt(len(filters_KF)))
    blocks = []
    for start in range(0, len(pixels_NHW), BLOCK):
        block = pixels_NHW[start : start + BLOCK].astype(np.float32) / 255
        windows = np.lib.stride_tricks.sliding_window_view(block, (side, side), axis=(1, 2))
        responses = windows.reshape(len(block), -1, side * side) @ filters_KF
        blocks.append(np.concatenate([np.maximum(responses, 0).mean(1), responses.max(1)], axis=1))
    return np.concatenate(blocks)
