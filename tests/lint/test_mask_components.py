"""The table of a mask's components, by hand."""

from __future__ import annotations

import numpy as np
from label_quality.plugin.lint.mask_components import mask_components


def test_a_piece_that_one_pixel_parts_from_more_of_its_class_is_cut_off() -> None:
    labels = np.ones((14, 30), np.int16)
    labels[2:12, 2:12] = 2
    # One pixel, two pixels, and diagonally one pixel from the square; and one of another class
    labels[4, 13] = labels[8, 14] = labels[0, 13] = 2
    labels[6, 13] = 3
    rows = mask_components(labels, 0, None, (), few=4)
    single = {tuple(one["box"][:2].tolist()): bool(one["cut_off"]) for one in rows if one["area"] == 1}
    assert single == {(13, 4): True, (14, 8): False, (13, 0): True, (13, 6): False}
    # Of larger components it is not asked
    assert not rows["cut_off"][rows["area"] > 4].any()


def test_at_the_border_of_a_mask_nothing_is_beyond_it() -> None:
    labels = np.ones((3, 3), np.int16)
    labels[0, 0] = labels[2, 2] = 2
    rows = mask_components(labels, 0, None, (), few=1)
    assert rows["cut_off"].tolist() == [bool(one["given"] == 2) for one in rows]
    labels[2, 2] = 3
    assert not mask_components(labels, 0, None, (), few=1)["cut_off"].any()
