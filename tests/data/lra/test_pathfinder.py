"""Pathfinder: contours keep their rules, discs are where the class says, no statistic tells it."""

import numpy as np
import pytest
from pydantic import ValidationError

from aira_dsl.data.lra.pathfinder import PATH_X, PathfinderSettings
from aira_dsl.data.lra.pathfinder_canvas import FIRST_OWNER, Canvas
from aira_dsl.data.lra.pathfinder_contours import Contours, grow_distractor, grow_targets
from aira_dsl.data.lra.pathfinder_drawing import Brush, Images, draw_images
from aira_dsl.data.lra.pathfinder_paddles import FIRST, Paddles, disc, make_paddles
from aira_dsl.design import lra_data
from aira_dsl.design.task import load_task
from aira_dsl.errors import InputError
from benchmarks.local_patches import local_accuracy

COUNTS = {"train": 40, "validation": 20, "test": 20}
EASY = PathfinderSettings(**COUNTS, contour_length=6, distractor_length=2, distractors=10)
LENGTH = 6


@pytest.fixture(scope="module")
def paddles() -> Paddles:
    return make_paddles(2, 0.5, 1)


@pytest.fixture(scope="module")
def images() -> Images:
    return EASY.draw(np.random.default_rng(0), 3000)


@pytest.fixture(scope="module")
def grown(paddles: Paddles) -> tuple[Canvas, list[Contours]]:
    canvas = Canvas.empty(200, 32, 1, paddles)
    rng = np.random.default_rng(1)
    targets = grow_targets(rng, canvas, LENGTH, 7, 1.0)
    kept = np.flatnonzero(targets[0].drawn_B)
    assert len(kept) > 20
    canvas = canvas.rows(kept)
    first = FIRST_OWNER + 2 * LENGTH
    distractors = [grow_distractor(rng, canvas, 2, 1.0, first + 2 * n) for n in range(3)]
    return canvas, [*(each.rows(kept) for each in targets), *distractors]


def ends(contour: Contours, image: int, paddles: Paddles) -> np.ndarray:
    """Return (P, 2, 2): near and far end of each paddle, in order along the contour."""
    at, kinds = contour.at_BP2[image].astype(float), contour.paddles_BP[image]
    angles = np.where(
        kinds < FIRST, np.deg2rad(kinds - 180.0), paddles.angles_K[np.maximum(kinds - FIRST, 0)]
    )
    along = paddles.length * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    near = np.where(kinds[:, None] < FIRST, at, at - along)
    return np.stack([near, near + along], axis=1)


def test_paddles_follow_each_other_across_a_gap_without_sharp_turns(grown, paddles):
    _, contours = grown
    for contour in contours:
        for image in np.flatnonzero(contour.drawn_B):
            lines = ends(contour, image, paddles)
            gaps = np.hypot(*(lines[1:, 0] - lines[:-1, 1]).T)
            assert (gaps < 2 * paddles.margin + 1.5).all()
            along = lines[:, 1] - lines[:, 0]
            assert ((along[1:] * along[:-1]).sum(1) > -1e-9).all()  # turns of at most 90 degrees


def test_paddles_occupy_pixels_of_their_own(grown, paddles):
    canvas, contours = grown
    for image in range(len(canvas.owners_BHW)):
        seen = np.zeros(canvas.owners_BHW.shape[1:], dtype=int)
        for contour in contours:
            last = np.zeros_like(seen, dtype=bool)
            for (y, x), kind in zip(contour.at_BP2[image], contour.paddles_BP[image], strict=True):
                if contour.drawn_B[image]:
                    area = np.zeros_like(last)
                    side = 2 * paddles.half + 1
                    area[y : y + side, x : x + side] = paddles.areas_ASS[kind]
                    assert not (area & (seen > 0) & ~last).any()
                    seen += area
                    last = area
        occupied = canvas.owners_BHW[image] >= FIRST_OWNER
        assert np.array_equal(occupied, seen > 0)


def test_first_tips_are_a_fixed_distance_apart_near_the_centre(grown):
    _, (first, second, *_) = grown
    apart = np.hypot(*(first.at_BP2[:, 0] - second.at_BP2[:, 0]).T)
    assert (np.abs(apart - 7) < 1).all()
    assert ((first.at_BP2[:, 0] >= 14) & (first.at_BP2[:, 0] < 18)).all()


def test_class_1_marks_one_contour_and_class_0_two(paddles, grown):
    _, contours = grown
    labels = (np.arange(len(contours[0].drawn_B)) % 2).astype(np.uint8)
    drawn = draw_images(
        np.random.default_rng(0), Brush(32, 1.5, 1.5, 2.0), paddles, contours[:2], [], labels
    )
    tips = np.stack([contour.at_BP2[:, [0, -1]] for contour in contours[:2]], axis=1)
    begins = [[(each == tip).all() for tip in pair[:, 0]].index(True)
              for each, pair in zip(drawn.discs_B22[:, 0], tips, strict=True)]  # fmt: skip
    stops = [[(each == tip).all() for tip in pair[:, 1]].index(True)
             for each, pair in zip(drawn.discs_B22[:, 1], tips, strict=True)]  # fmt: skip
    assert np.array_equal(np.equal(begins, stops), labels == 1)
    assert set(begins) == {0, 1}


def test_a_disc_is_drawn_at_its_place():
    shape = disc(1.5, 3)
    assert shape.shape == (7, 7)
    assert shape[3, 3] == 1
    assert np.array_equal(shape, shape.T)
    assert np.array_equal(shape, shape[::-1, ::-1])
    assert shape.sum() == pytest.approx(np.pi * 1.5**2, abs=0.1)


def test_images_show_both_discs(images):
    for pixels, marks in zip(images.pixels_BHW, images.discs_B22, strict=True):
        for y, x in marks:
            assert pixels[y, x] >= 100
    assert images.pixels_BHW.max(axis=(1, 2)).min() == 255
    assert (images.pixels_BHW[:, [0, -1]].mean() < 2).all()


def test_splits_differ_and_the_seed_decides_them():
    splits = dict(EASY.splits())
    rows = {name: {row.tobytes() for row in split.inputs} for name, split in splits.items()}
    assert {name: len(each) for name, each in rows.items()} == COUNTS
    assert len(set.union(*rows.values())) == 80
    assert {name: int(split.labels.sum()) for name, split in splits.items()} == {
        "train": 20, "validation": 10, "test": 10,
    }  # fmt: skip
    again = dict(EASY.splits())
    assert all(np.array_equal(again[name].inputs, splits[name].inputs) for name in splits)
    other = dict(EASY.model_copy(update={"seed": 1}).splits())
    assert not np.array_equal(other["test"].inputs, splits["test"].inputs)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"seed_distance": 8}, "4 times seed_distance"),
        ({"contour_length": 64, "distractors": 64}, "can hold 254 paddles"),
    ],
)
def test_settings_that_cannot_work_are_refused(fields, message):
    with pytest.raises(ValidationError, match=message):
        PathfinderSettings(**COUNTS, **fields)


def test_contours_without_room_are_refused():
    crowded = PathfinderSettings(
        **COUNTS, window=16, seed_distance=3, contour_length=40, distractors=0
    )
    with pytest.raises(InputError, match="40 paddles find no room") as caught:
        crowded.draw(np.random.default_rng(0), 1)
    assert caught.value.code == "E0611"


def test_simple_statistics_do_not_tell_the_class(images):
    apart = np.hypot(*(images.discs_B22[:, 0] - images.discs_B22[:, 1]).T)
    flat = images.pixels_BHW.reshape(len(images.pixels_BHW), -1).astype(float)
    for values, bound in (
        (flat.mean(1), 0.04),  # 4 standard errors
        ((flat > 0).sum(1), 0.04),
        ((flat > 128).sum(1), 0.04),
        (flat.max(1), 0.04),
        (apart, 0.08),  # in the original, too, discs of one contour are a little farther apart
    ):
        ranks = np.argsort(np.argsort(values + np.random.default_rng(0).uniform(0, 1e-6, 3000)))
        positive = images.labels_B == 1
        area = (ranks[positive].mean() - (positive.sum() - 1) / 2) / (~positive).sum()
        assert area == pytest.approx(0.5, abs=bound)


@pytest.mark.slow
def test_local_patches_do_not_tell_the_class():
    hard = PathfinderSettings(**COUNTS).draw(np.random.default_rng(0), 800)
    accuracy, error = local_accuracy(hard.pixels_BHW, hard.labels_B, 400, 5)
    assert abs(accuracy - 0.5) < 4 * error
    easy = EASY.draw(np.random.default_rng(0), 800)
    kinds = np.arange(800) % 2  # what the classifier can see: how much of each kind of piece
    mixed = np.where(kinds[:, None, None] == 1, hard.pixels_BHW, easy.pixels_BHW)
    accuracy, _ = local_accuracy(mixed, kinds, 400, 5)
    assert accuracy > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("side", [3, 5, 7])
def test_local_patches_do_not_tell_the_class_at_size_cpu(side):
    size = load_task("lra_pathfinder").size("cpu")
    images = lra_data.settings(PathfinderSettings, size).draw(np.random.default_rng(0), 3000)
    accuracy, error = local_accuracy(images.pixels_BHW, images.labels_B, 1500, side)
    assert abs(accuracy - 0.5) < 4 * error


@pytest.mark.slow
def test_path_x_has_its_size():
    settings = PathfinderSettings(train=2, validation=1, test=1, **PATH_X)
    assert settings.positions == 16384
    assert {name: split.inputs.shape for name, split in settings.splits()} == {
        "train": (2, 16384), "validation": (1, 16384), "test": (1, 16384),
    }  # fmt: skip
