"""Masks of regions in the pixels of their image: from files, and as they come from the screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from label_quality.plugin.labels.places import Place
from label_quality.plugin.regions.masks import place_region, redrawn


def place(mask: Any, box: tuple[float, float, float, float], size: tuple[int, int]) -> Place:
    return place_region({"mask": np.asarray(mask), "bounding_box": box}, size, "a")


@pytest.mark.parametrize(("left", "width", "size"), [(0, 1, 7), (3, 5, 480), (101, 613, 1271), (1, 3838, 3840)])
def test_a_mask_of_the_boxs_pixels_is_taken_as_it_is(left: int, width: int, size: int) -> None:
    mask = np.random.default_rng(width).random((3, width)) < 0.5
    found = place(mask, (left / size, 2 / 9, width / size, 3 / 9), (9, size))
    assert (found.rows, found.columns) == (slice(2, 5), slice(left, left + width))
    assert np.array_equal(found.inside, mask)


def test_a_mask_of_another_resolution_is_resampled() -> None:
    # The box is from 2.4 to 6.6 of 10 pixels, whose centres 2.5 … 6.5 are in cells of 1.4 pixels
    found = place([[1, 0, 1]], (0.24, 0.0, 0.42, 1.0), (1, 10))
    assert found.columns == slice(2, 7) and found.scale == pytest.approx(1.4)
    assert found.inside.tolist() == [[True, True, False, True, True]]
    assert place(np.ones((3, 3)), (-0.05, 0.9, 0.2, 0.2), (10, 10)).whole((10, 10)).sum() == 2


def test_of_a_coarse_edit_only_what_was_changed_is_taken() -> None:
    size = (64, 96)
    before = np.zeros(size, bool)
    before[9:43, 9:71] = True
    # Lines of a pixel are lost on a screen of a quarter of the resolution
    before[20, 71:90] = before[30:50, 60] = True
    edited = before.copy()
    edited[:, :32] = False
    edited[48:64, 0:16] = True
    drawn = place(edited[2::4, 2::4], (0, 0, 1, 1), size)
    assert drawn.scale == 4.0 and not np.array_equal(drawn.whole(size), edited)
    found = place(before, (0, 0, 1, 1), size)
    differ = np.argwhere(redrawn(drawn, found, size) != edited)
    # Beside the cut its ends are as coarse as the screen
    assert ((differ[:, 1] >= 32) & (differ[:, 1] < 37)).all() and len(differ) < 15
    untouched = place(before[2::4, 2::4], (0, 0, 1, 1), size)
    assert np.array_equal(redrawn(untouched, found, size), before)
    # On a screen of more pixels than the image, what was drawn is exact
    fine = place(edited.repeat(2, 0).repeat(2, 1), (0, 0, 1, 1), size)
    assert np.array_equal(redrawn(fine, found, size), edited)
