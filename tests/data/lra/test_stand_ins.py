"""Stand-ins: named as such, divided by document, and not solved by counting bytes."""

import numpy as np
import pytest

from aira_dsl.data.lra.documents import source_documents
from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.data.lra.retrieval import RetrievalSettings
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.shapes import SHAPES
from aira_dsl.data.lra.split import SPLITS, Split
from aira_dsl.data.lra.text import TextSettings
from aira_dsl.errors import InputError

COUNTS = {"train": 600, "validation": 200, "test": 60}
PACKAGES = TextSettings(**COUNTS, source="stand-in", length=512)
LINES = TextSettings(**COUNTS, source="stand-in", question="line-order", length=512)
PAIRS = RetrievalSettings(**COUNTS, source="stand-in", length=256)
FAR_PAIRS = RetrievalSettings(**COUNTS, source="stand-in", length=256, apart="package")
SHAPES_16 = ImageSettings(**COUNTS, source="stand-in", side=16)
ALL = [PACKAGES, LINES, PAIRS, FAR_PAIRS, SHAPES_16]


def splits(settings: LraSettings) -> dict[str, Split]:
    return dict(settings.splits())


def byte_counts(inputs_NL: np.ndarray) -> np.ndarray:
    return np.stack([np.bincount(row, minlength=256) for row in inputs_NL]).astype(float)


def accuracy(features: dict[str, np.ndarray], made: dict[str, Split]) -> float:
    """Train a ridge regression, return its accuracy on the validation split."""
    mean, scale = features["train"].mean(0), features["train"].std(0) + 1e-6
    inputs, held_out = ((features[name] - mean) / scale for name in ("train", "validation"))
    classes = np.eye(int(made["train"].labels.max()) + 1)[made["train"].labels]
    square = inputs.T @ inputs + 100 * np.eye(inputs.shape[1])
    weights = np.linalg.solve(square, inputs.T @ (classes - classes.mean(0)))
    predicted = (held_out @ weights + classes.mean(0)).argmax(1)
    return float((predicted == made["validation"].labels).mean())


@pytest.mark.parametrize("settings", ALL, ids=lambda each: each.name)
def test_every_stand_in_is_named_as_one(settings):
    assert settings.origin.startswith("stand-in: ")


@pytest.mark.parametrize("settings", ALL, ids=lambda each: each.origin[:40])
def test_classes_are_balanced_examples_distinct_and_the_seed_decides(settings):
    made, again = splits(settings), splits(settings)
    for name, split in made.items():
        assert len(split.inputs) == COUNTS[name]
        counts = np.bincount(split.labels, minlength=settings.classes)
        assert counts.min() == counts.max()
        assert np.array_equal(split.inputs, again[name].inputs)
    rows = {name: {row.tobytes() for row in split.inputs} for name, split in made.items()}
    assert not rows["train"] & rows["validation"]
    assert not rows["test"] & (rows["train"] | rows["validation"])
    other = splits(settings.model_copy(update={"seed": 1}))
    assert not np.array_equal(other["train"].inputs, made["train"].inputs)


def test_no_document_is_in_two_splits():
    documents = source_documents(PACKAGES.packages)
    texts = {split: set(documents[split].texts) for split in SPLITS}
    assert sum(map(len, texts.values())) == len(set.union(*texts.values()))
    for name, split in splits(PACKAGES).items():
        for row, length in zip(split.inputs[:50], split.lengths, strict=False):
            window = bytes(row[:length])
            assert any(window in text for text in texts[name])


@pytest.mark.parametrize("settings", [PAIRS, FAR_PAIRS], ids=lambda each: each.apart)
def test_windows_of_a_pair_are_from_one_file_or_two(settings):
    texts = source_documents(settings.packages)["test"].texts
    split = splits(settings)["test"]
    for (first, second), label in zip(split.inputs, split.labels, strict=True):
        holders = [text for text in texts if bytes(first) in text]
        together = any(bytes(second) in text for text in holders)
        assert together == bool(label)
        assert any(bytes(second) in text for text in texts)


def test_windows_that_do_not_belong_together_can_be_of_two_packages():
    documents = source_documents(FAR_PAIRS.packages)["test"]
    split = splits(FAR_PAIRS)["test"]
    first, second = (
        [documents.packages[holder(documents.texts, bytes(row[side]))] for row in split.inputs]
        for side in (0, 1)
    )
    assert np.array_equal(np.equal(first, second), split.labels == 1)
    with pytest.raises(ValueError, match="needs two packages or more"):
        RetrievalSettings(**COUNTS, source="stand-in", apart="package", packages=("matplotlib",))


def holder(texts: tuple[bytes, ...], window: bytes) -> int:
    """Return the place of the first text with a window."""
    return next(place for place, text in enumerate(texts) if window in text)


def test_shuffled_lines_have_the_bytes_of_a_document_in_another_order():
    texts = source_documents(LINES.packages)["train"].texts
    split = splits(LINES)["train"]
    genuine = [any(bytes(row) in text for text in texts) for row in split.inputs[:100]]
    assert np.array_equal(genuine, split.labels[:100] == 0)


def test_counting_bytes_does_not_solve_the_stand_ins():
    for settings, most in ((LINES, 0.6), (PACKAGES, 0.9), (SHAPES_16, 0.3)):
        made = splits(settings)
        features = {name: byte_counts(split.inputs) for name, split in made.items()}
        assert accuracy(features, made) < most
    made = splits(PAIRS)
    counts = {
        name: [byte_counts(split.inputs[:, side]) for side in (0, 1)]
        for name, split in made.items()
    }
    features = {name: np.abs(first - second) for name, (first, second) in counts.items()}
    assert accuracy(features, made) < 0.7


def test_shapes_differ_by_more_than_noise():
    """A shape that is neither turned nor small is told by its nearest template."""
    fine = (np.arange(64) - 31.5) / 32
    planes = [shape(fine[None, :], fine[:, None]) for shape in SHAPES.values()]
    for number, first in enumerate(planes):
        assert 0.05 < first.mean() < 0.8
        assert all((first != other).mean() > 0.05 for other in planes[number + 1 :])


def test_a_package_that_is_missing_is_named():
    with pytest.raises(InputError, match="no_such_package, which is not installed") as caught:
        splits(PACKAGES.model_copy(update={"packages": ("matplotlib", "no_such_package")}))
    assert caught.value.code == "E0620"
