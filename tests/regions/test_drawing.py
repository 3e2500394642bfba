"""Pictures of a region as SVG."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from label_quality.plugin.regions.drawing import outline, picture, png

from ..region_pictures import edges, take_apart


def test_an_outline_has_one_line_for_each_run_of_edges() -> None:
    inside = np.array([[0, 0, 0], [0, 1, 1], [0, 0, 1]], bool)
    assert outline(inside) == "M1,1H3M1,2H2M2,3H3M1,1V2M2,2V3M3,1V3"
    assert outline(np.zeros((2, 2), bool)) == ""


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9)))
def test_an_outline_is_all_edges_between_inside_and_outside(inside: np.ndarray) -> None:
    height, width = inside.shape

    def at(row: int, column: int) -> bool:
        return 0 <= row < height and 0 <= column < width and bool(inside[row, column])

    expected = [(c, r, "H") for r in range(height + 1) for c in range(width) if at(r - 1, c) != at(r, c)]
    expected += [(c, r, "V") for r in range(height) for c in range(width + 1) if at(r, c - 1) != at(r, c)]
    assert sorted(edges(outline(inside))) == sorted(expected)


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_picture_holds_the_pixels_as_they_are(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    overlay = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
    path = outline(rng.random((height, width)) > 0.5)
    shown = take_apart(picture((height, width), png(image), path, png(overlay)))
    assert shown.size == (height, width)
    assert [np.array_equal(a, b) for a, b in zip(shown.layers, (image, overlay), strict=True)] == [True, True]
    assert shown.edges == edges(path)
    assert len(take_apart(picture((height, width), png(image), path)).layers) == 1
