"""Which class a suspect looks like: by hand, with objects that are compared, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.types import Appearance
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.suspects.regions import find_regions
from label_quality.plugin.suspects.seen_image import SeenImage
from label_quality.plugin.suspects.similarity import (
    GivenObjects,
    ObjectBank,
    Origin,
    describe_suspects,
    given_objects,
    none_given,
)


def objects_of(classes: list[int], fold: int | None, image: str, at: dict[int, float] | None = None) -> GivenObjects:
    """Objects in a direction by class (60 degrees apart), or at an angle of their own."""
    angles = np.array([(at or {}).get(klass, klass * np.pi / 3) for klass in classes])
    origin = Origin(image, fold)
    return GivenObjects(
        np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32),
        np.array(classes, np.int16),
        np.full(len(classes), -1 if fold is None else fold, np.int16),
        np.full(len(classes), origin.image, np.int64),
        np.random.default_rng(origin.image).random(len(classes)),
    )


def bank_of(*parts: GivenObjects) -> ObjectBank:
    """Four neighbours are looked at, among forty objects at least: the more are of another direction and class."""
    far = [objects_of([9] * 40, fold, f"far {fold}", {9: 4.0}) for fold in (10, 11)]
    return ObjectBank(GivenObjects.joined([*parts, *far]), 4)


def like(*angles: float) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_a_suspect_is_compared_with_those_most_like_it() -> None:
    """Six objects each of classes 0, 2, 4 in three directions; what looks like 2 and is given as 0 is suspicious."""
    bank = bank_of(objects_of([0] * 6 + [2] * 6 + [4] * 6, 0, "a"))
    third = 2 * np.pi / 3
    found = bank.compare(
        like(third, third, third, 0),
        np.array([1, 1, 0.5, 1]),
        np.array([0, 2, 0, 0]),
        np.array([2, 0, 2, 2]),
        Origin("b", 1),
    )
    assert found == pytest.approx([1, -1, 0.5, -1])


def test_shares_are_of_the_nearest_objects() -> None:
    """Of the four nearest three are given class 1 and one class 0, as an annotator who errs now and then gives them."""
    bank = bank_of(objects_of([1, 1, 1, 0], 0, "a", {0: 0.0, 1: 0.0}), objects_of([3] * 6 + [5] * 6, 0, "a"))
    (found,) = bank.compare(like(0.0), np.ones(1), np.array([0]), np.array([1]), Origin("b", 1))
    assert found == pytest.approx(3 / 4 - 1 / 4)


def test_objects_of_the_same_fold_are_not_compared() -> None:
    """Frames of one drive show one object again and again, with one mask."""
    same = objects_of([0] * 6, 1, "a", {0: 0.0})
    others = objects_of([1] * 6 + [3] * 6, 0, "b", {1: 0.1, 3: 3.0})
    bank = bank_of(same, others)
    (found,) = bank.compare(like(0.0), np.ones(1), np.array([0]), np.array([1]), Origin("c", 1))
    assert found == 1
    (found,) = bank.compare(like(0.0), np.ones(1), np.array([0]), np.array([1]), Origin("c", 2))
    assert found == -1


def test_without_folds_objects_of_the_same_image_are_not_compared() -> None:
    bank = bank_of(objects_of([0] * 6, None, "a", {0: 0.0}), objects_of([1] * 6 + [3] * 6, None, "b", {1: 0.1, 3: 3.0}))
    found = [
        bank.compare(like(0.0), np.ones(1), np.array([0]), np.array([1]), Origin(image))[0] for image in ("a", "c")
    ]
    assert found == [1, -1]


def test_with_too_few_objects_nothing_is_known() -> None:
    for count, near in ((99, 0), (100, 0), (200, 120)):
        parts = [objects_of([0, 1, 2] * 40, 0, "a"), objects_of([0] * near, 1, "b")]
        whole = GivenObjects.joined(parts)
        few = ObjectBank(GivenObjects(*(column[-count:] for column in vars(whole).values())))
        found = few.compare(like(0.0, 1.0), np.ones(2), np.zeros(2, int), np.ones(2, int), Origin("c", 1))
        # A tenth of the objects of other folds
        assert np.isnan(found).all() == (count - near < 100)
    nothing = ObjectBank(none_given())
    assert np.isnan(nothing.compare(like(0.0), np.ones(1), np.zeros(1, int), np.ones(1, int), Origin("b"))).all()


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_similarity_is_within_bounds_and_turns_with_the_classes(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    bank = bank_of(*(objects_of(rng.integers(0, 6, 10).tolist(), fold, f"{fold}") for fold in range(3)))
    descriptors, fill = rng.normal(size=(count, 2)).astype(np.float32), rng.uniform(0.01, 1, count)
    one, other = rng.integers(0, 6, (2, count))
    found = bank.compare(descriptors, fill, one, other, Origin("x", 1))
    assert (np.abs(found) <= fill).all()
    assert bank.compare(descriptors, fill, other, one, Origin("x", 1)) == pytest.approx(-found)


def test_the_objects_of_a_mask_by_hand() -> None:
    """Two objects of class 1 that touch at a corner are one; a single block and ignored ones are none."""
    labels = np.zeros((48, 48), np.int16)
    labels[0:8, 0:8] = labels[8:16, 8:16] = 1
    labels[40, 40] = 2
    labels[20:30, :] = -1
    looks = Appearance(np.arange(36, dtype=np.float32).reshape(1, 6, 6), (6.0, 6.0))
    found = given_objects(looks, labels, (48, 48), Origin("a", 3))
    # What is below the ignored rows is an object of its own
    assert found.given.tolist() == [1, 0, 0]
    assert found.descriptors[0, 0] == pytest.approx((0 + 7) / 2)
    assert found.fold.tolist() == [3] * 3 and len(set(found.image.tolist())) == 1
    assert ((found.rank >= 0) & (found.rank < 1)).all() and len(set(found.rank.tolist())) == 3
    assert len(given_objects(looks, np.full((48, 48), -1, np.int16), (48, 48), Origin("a"))) == 0
    # The sample of objects is the same in every database
    assert given_objects(looks, labels, (48, 48), Origin("b", 3)).rank.tolist() == found.rank.tolist()
    looks.values[0, 0, 0] = 9
    assert given_objects(looks, labels, (48, 48), Origin("a", 3)).rank.tolist() != found.rank.tolist()


def test_the_objects_kept_do_not_depend_on_the_parts_they_come_in() -> None:
    parts = [objects_of([1] * 40 + [2] * 5, number % 5, f"image {number}") for number in range(20)]
    whole = GivenObjects.joined(parts)
    assert np.bincount(whole.given).tolist() == [0, 300, 100]
    halves = GivenObjects.joined([GivenObjects.joined(parts[:7]), none_given(), GivenObjects.joined(parts[7:])])
    assert sorted(halves.rank.tolist()) == sorted(whole.rank.tolist())
    every = np.concatenate([one.rank[one.given == 1] for one in parts])
    assert sorted(whole.rank[whole.given == 1].tolist()) == sorted(every.tolist())[:300]
    assert len(GivenObjects.joined([])) == 0


def test_a_door_given_as_wall_looks_like_the_doors_of_other_images() -> None:
    """From the regions on: the objects of other images are a wall that looks like 1 and a door that looks like 2."""
    labels = np.zeros((32, 32), np.int16)
    labels[8:24, 8:24] = 1
    looks = Appearance(np.ones((2, 4, 4), np.float32) * np.array([1, 0])[:, None, None], (4.0, 4.0))
    looks.values[:, 1:3, 1:3] = np.array([0, 1])[:, None, None]
    others = [given_objects(looks, labels, (32, 32), Origin(f"image {number}")) for number in range(50)]
    bank = ObjectBank(GivenObjects.joined(others))
    given = np.zeros((64, 64), np.int16)
    seen = np.where(labels == np.arange(3)[:, None, None], np.float32(0.8), np.float32(0.1))
    image = SeenImage(seen, np.zeros((32, 32), np.int16), 2)
    everything = SuspectConfig(min_evidence=0, min_area=0)
    regions = find_regions(image, given, everything, None, None)
    assert [(one.given, one.suggested) for one in regions] == [(0, 1)]
    descriptors, fill = describe_suspects(looks, image, regions, (64, 64))
    assert descriptors == pytest.approx(np.array([[0, 1]])) and fill == pytest.approx([1])
    found = bank.compare(descriptors, fill, np.array([0]), np.array([1]), Origin("another"))
    assert found == pytest.approx([1])
