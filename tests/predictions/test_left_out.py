"""Samples whose masks are ignored in some regions."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import SampleError
from label_quality.plugin.base.types import IGNORED, SampleInput
from label_quality.plugin.predictions.left_out import LeftOut, Region

LABELS = np.arange(48, dtype=np.int16).reshape(6, 8)


def load_labels() -> np.ndarray:
    return LABELS


def load_image() -> np.ndarray:
    return np.zeros((6, 8, 3), np.uint8)


SAMPLES = [SampleInput(name, f"{name}.png", load_labels, load_image) for name in "abc"]


def region(folder: Path, name: str = "r", shape: tuple[int, int] = (2, 3)) -> Region:
    """Three rows down and two columns in; all of its box but the first pixel."""
    inside = np.full(shape, 255, np.uint8)
    inside[0, 0] = 0
    cv2.imwrite(str(folder / f"{name}.png"), inside)
    return (2, 3, shape[1], shape[0]), str(folder / f"{name}.png")


def test_the_pixels_of_regions_are_ignored_and_no_others(tmp_path: Path) -> None:
    second = ((5, 0, 3, 2), region(tmp_path)[1])
    samples = LeftOut("lq", "", {"b": [region(tmp_path), second]}).without(SAMPLES)
    assert [one.sample_id for one in samples] == ["a", "b", "c"] and len(samples) == 3
    assert samples[0].load_labels is load_labels and samples[1].load_image is load_image
    expected = LABELS.copy()
    expected[3:5, 2:5] = expected[0:2, 5:8] = IGNORED
    expected[3, 2], expected[0, 5] = LABELS[3, 2], LABELS[0, 5]
    np.testing.assert_array_equal(samples[1].load_labels(), expected)
    # What was loaded is not changed, and a part can be sent elsewhere
    assert LABELS.min() == 0
    (sent,) = pickle.loads(pickle.dumps(samples[1:2]))
    np.testing.assert_array_equal(sent.load_labels(), expected)


def test_regions_that_are_learnt_from_all_the_same_are_not_ignored(tmp_path: Path) -> None:
    every = LeftOut("lq", "", {"b": [region(tmp_path), ((5, 0, 3, 2), region(tmp_path, "s")[1])]})
    samples = every.but({"r.png"}).without(SAMPLES)
    expected = LABELS.copy()
    expected[0:2, 5:8] = IGNORED
    expected[0, 5] = LABELS[0, 5]
    np.testing.assert_array_equal(samples[1].load_labels(), expected)
    assert samples[0].load_labels is load_labels
    np.testing.assert_array_equal(every.but({"r.png", "s.png"}).without(SAMPLES)[1].load_labels(), LABELS)


def test_a_mask_that_has_become_smaller_is_named(tmp_path: Path) -> None:
    samples = LeftOut("lq", "", {"c": [((6, 5, 3, 2), region(tmp_path)[1])]}).without(SAMPLES)
    with pytest.raises(
        SampleError, match="room for a suspect of 2 × 3 pixels, but it is of 6 × 8: it has changed"
    ) as e:
        samples[2].load_labels()
    assert e.value.sample_id == "c"
