"""Per-class effects: hand-computed cases, and the label maps themselves before and after."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.json_values import from_json, to_json
from label_quality.plugin.suspects.class_effects import ClassEffect, class_effects, label_miou
from label_quality.plugin.suspects.issues import GroupTally

IGNORED = -1


def test_effects_by_hand():
    tally = GroupTally(4)
    tally.update(np.array([0, 0, 1]), np.array([1, 3, 0]), np.array([10, 20, 5]), np.array([1.0, 1.0, 1.0]))
    effects = class_effects(tally, np.array([100, 50, 0, 0]), ["wall", "couch", "pillow", "lamp"])
    assert effects == [
        ClassEffect(0, "wall", 100, 75, 30, 0.3, 70 / 105),
        ClassEffect(1, "couch", 50, 55, 5, 0.1, 45 / 60),
        ClassEffect(2, "pillow", 0, 0, 0, None, None),
        ClassEffect(3, "lamp", 0, 20, 0, None, 0.0),
    ]
    assert label_miou(effects) == pytest.approx((70 / 105 + 45 / 60 + 0) / 3)
    assert from_json(list[ClassEffect], json.loads(json.dumps(to_json(effects), allow_nan=False)), "") == effects


def test_without_regions_the_labels_are_perfect():
    effects = class_effects(GroupTally(2), np.array([7, 0]), ["a", "b"])
    assert [(e.pixels_after, e.suspected_pixels, e.share, e.iou) for e in effects] == [
        (7, 0, 0.0, 1.0),
        (0, 0, None, None),
    ]
    assert label_miou(effects) == 1.0
    assert math.isnan(label_miou(class_effects(GroupTally(2), np.array([0, 0]), ["a", "b"])))


def test_a_class_that_is_suspected_as_a_whole():
    tally = GroupTally(2)
    tally.update(np.array([0]), np.array([1]), np.array([8]), np.array([1.0]))
    gone, grown = class_effects(tally, np.array([8, 2]), ["a", "b"])
    assert (gone.pixels_after, gone.share, gone.iou) == (0, 1.0, 0.0)
    assert (grown.pixels_after, grown.iou) == (10, 0.2)


def test_more_suspected_than_given_is_refused():
    tally = GroupTally(2)
    tally.update(np.array([0]), np.array([1]), np.array([9]), np.array([1.0]))
    with pytest.raises(ValueError, match=r"given class 'a' cover 9 pixels, but only 8 are given it"):
        class_effects(tally, np.array([8, 2]), ["a", "b"])


def maps(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Given labels, some ignored; the labels with suggestions applied; and the region of each pixel, 0 for none."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(IGNORED, classes, (9, 7))
    suggested = rng.integers(0, classes, (9, 7))
    suspect = (rng.random((9, 7)) < rng.random()) & (labels != IGNORED) & (labels != suggested)
    after = np.where(suspect, suggested, labels)
    # Regions have one given and one suggested class; some pairs have two regions
    pairs = (labels * classes + suggested) * 2 + rng.integers(0, 2, (9, 7)) + 1
    return labels, after, np.where(suspect, pairs, 0)


@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6), images=st.integers(1, 4))
def test_effects_are_those_of_the_label_maps(seed, classes, images):
    tally, pixels, stack = GroupTally(classes), np.zeros(classes, np.int64), []
    for index in range(images):
        labels, after, region = maps(seed + index, classes)
        masks = [region == value for value in np.unique(region[region > 0])]
        tally.update(
            np.array([labels[mask][0] for mask in masks]),
            np.array([after[mask][0] for mask in masks]),
            np.array([mask.sum() for mask in masks]),
            np.ones(len(masks)),
        )
        pixels += np.bincount(labels[labels != IGNORED], minlength=classes)
        stack.append((labels, after))
    before, corrected = (np.stack(part) for part in zip(*stack, strict=True))
    effects = class_effects(tally, pixels, list("abcdef")[:classes])
    for index, effect in enumerate(effects):
        was, now = before == index, corrected == index
        assert (effect.pixels_before, effect.pixels_after) == (was.sum(), now.sum())
        assert effect.suspected_pixels == (was & ~now).sum()
        assert effect.share == ((was & ~now).sum() / was.sum() if was.any() else None)
        assert effect.iou == ((was & now).sum() / (was | now).sum() if (was | now).any() else None)
        assert effect.iou is None or 0 <= effect.iou <= 1
    assert sum(effect.pixels_after for effect in effects) == pixels.sum()
    ious = [effect.iou for effect in effects if effect.iou is not None]
    assert label_miou(effects) == (pytest.approx(np.mean(ious)) if ious else pytest.approx(math.nan, nan_ok=True))
