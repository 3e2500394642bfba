"""A region with its surroundings, cut out of its image and masks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.labels.places import Place
from label_quality.plugin.regions.views import (
    LARGEST_SIDE,
    LEAST_SIDE,
    MaskColors,
    region_views,
    window,
)


def place(top: int, left: int, inside: np.ndarray) -> Place:
    height, width = inside.shape
    return Place(slice(top, top + height), slice(left, left + width), inside)


def test_the_margin_is_a_share_of_the_longer_side() -> None:
    # 0.3 of 100 are 30 pixels on each side
    region = place(400, 500, np.ones((50, 100), bool))
    assert window(region, (1000, 1000)) == (slice(370, 480), slice(470, 630))


def test_a_small_region_has_surroundings_of_some_pixels() -> None:
    region = place(500, 500, np.ones((2, 4), bool))
    assert window(region, (1000, 1000)) == (slice(469, 533), slice(470, 534))


def test_at_a_border_the_window_stays_as_large() -> None:
    region = place(0, 90, np.ones((4, 10), bool))
    assert window(region, (100, 100)) == (slice(0, LEAST_SIDE), slice(36, 100))


def test_a_small_image_is_shown_whole() -> None:
    assert window(place(3, 5, np.ones((2, 2), bool)), (24, 32)) == (slice(0, 24), slice(0, 32))


@given(st.data())
def test_a_window_holds_its_region_and_is_in_the_image(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 300), st.integers(1, 300)))
    parts = []
    for length in size:
        start = data.draw(st.integers(0, length))
        parts.append(slice(start, data.draw(st.integers(start, length))))
    rows, columns = window(Place(parts[0], parts[1], np.ones((1, 1), bool)), size)
    for span, part, length in zip((rows, columns), parts, size, strict=True):
        assert 0 <= span.start <= part.start
        assert part.stop <= span.stop <= length
        assert span.stop - span.start >= min(LEAST_SIDE, length)


def test_what_is_cut_out_is_what_is_there() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    mask = rng.integers(0, 4, (200, 300), dtype=np.uint16)
    region = place(100, 150, np.array([[True, False], [True, True]]))
    views = region_views(image, mask, region, 40_000)
    # 64 pixels around the middle (101, 151)
    assert np.array_equal(views.image, image[69:133, 119:183])
    assert np.array_equal(views.given, mask[69:133, 119:183])
    expected = mask[69:133, 119:183].astype(int)
    expected[[31, 32, 32], [31, 31, 32]] = 40_000
    assert np.array_equal(views.suggested, expected)
    assert np.argwhere(views.inside).tolist() == [[31, 31], [32, 31], [32, 32]]


def test_colours_of_rgb_masks_are_packed() -> None:
    mask = np.zeros((2, 2, 3), np.uint8)
    mask[0, 1] = 128, 64, 255
    views = region_views(mask, mask, place(0, 0, np.ones((1, 1), bool)), 0x0A0B0C)
    assert views.given.tolist() == [[0, 0x8040FF], [0, 0]]
    assert views.suggested is not None
    assert views.suggested.tolist() == [[0x0A0B0C, 0x8040FF], [0, 0]]


def test_without_a_suggestion_there_is_none() -> None:
    views = region_views(
        np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=np.uint8), place(0, 0, np.ones((1, 1), bool)), None
    )
    assert views.suggested is None
    assert views.pixels() == {0: 12, 1: 4}


def test_the_values_in_both_masks_are_counted() -> None:
    mask = np.zeros((4, 4), np.uint8)
    views = region_views(np.zeros((4, 4, 3), np.uint8), mask, place(1, 1, np.ones((2, 1), bool)), 7)
    assert views.pixels() == {0: 30, 7: 2}


def test_what_is_large_is_shrunk_and_keeps_its_classes_and_thin_regions() -> None:
    height, width = 1000, 2000
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 10, 200]), (height, width)).astype(np.uint8)
    image = np.full((height, width, 3), 77, np.uint8)
    inside = np.zeros((height, width), bool)
    inside[500] = True
    views = region_views(image, mask, place(0, 0, inside), 20)
    assert views.image.shape == (LARGEST_SIDE // 2, LARGEST_SIDE, 3)
    assert (views.image == 77).all()
    assert set(np.unique(views.given)) == {0, 10, 200}
    # Each pixel is the value in the middle of the 5 x 5 that it stands for
    assert np.array_equal(views.given, mask[2::5, 2::5])
    assert np.flatnonzero(views.inside.any(axis=1)).tolist() == [100]


def test_values_have_the_colours_of_the_app() -> None:
    red, green, blue = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    colors = MaskColors([red, green], {3: blue}, targets=(0, 1, 2, 3, 4))
    assert [colors.of(value) for value in (1, 2, 3, 4)] == [green, red, blue, red]
    # Neither the background nor what is no target has one; without targets all values have
    assert (colors.of(0), colors.of(5)) == (None, None)
    assert MaskColors([red, green]).of(5) == green
    painted = colors.paint(np.array([[0, 1], [3, 5]]))
    assert painted.tolist() == [[[0, 0, 0, 0], [0, 255, 0, 255]], [[0, 0, 255, 255], [0, 0, 0, 0]]]


def test_rgb_masks_have_their_own_colours() -> None:
    colors = MaskColors([(1, 2, 3)], targets=(0x8040FF,), rgb=True)
    assert (colors.of(0x8040FF), colors.of(0x8040FE), colors.of(0)) == ((128, 64, 255), None, None)
