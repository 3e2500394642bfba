"""The pixels of masks in boxes and of polygons: small cases by hand, polygons against scikit-image."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.labels.places import place_mask, place_polygons
from skimage.draw import polygon

COORDINATES = st.integers(-30, 130).map(lambda tenth: tenth / 10 + 0.05)
SHAPES = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=0, max_size=8)


def test_a_square_has_the_pixels_whose_centres_it_covers():
    square = [(0.1, 0.2), (0.5, 0.2), (0.5, 0.5), (0.1, 0.5)]
    place = place_polygons([square], (10, 10))
    assert (place.rows, place.columns, place.area) == (slice(2, 5), slice(1, 5), 12)
    assert place.inside.all()


def test_neighbours_with_a_common_edge_share_no_pixel_and_leave_none():
    left = [(0, 0), (0.45, 0), (0.55, 1), (0, 1)]
    right = [(0.45, 0), (1, 0), (1, 1), (0.55, 1)]
    both = sum(place_polygons([shape], (10, 10)).whole((10, 10)).astype(int) for shape in (left, right))
    assert (both == 1).all()


def test_a_shape_within_another_is_a_hole():
    outer, inner = ([(a, a), (b, a), (b, b), (a, b)] for a, b in ((0.0, 1.0), (0.4, 0.6)))
    mask = place_polygons([outer, inner], (10, 10)).whole((10, 10))
    assert mask.sum() == 96
    assert not mask[4:6, 4:6].any()


def test_what_is_outside_the_image_is_cut_off():
    around = [(-1.0, -1.0), (2.0, -1.0), (2.0, 2.0), (-1.0, 2.0)]
    assert place_polygons([around], (6, 4)).whole((6, 4)).all()
    for outside in ([(-1.0, 0.0), (-0.5, 0.0), (-0.5, 1.0)], [(1.5, 0.0), (2.0, 0.0), (2.0, 1.0)]):
        assert place_polygons([outside], (6, 4)).area == 0
    for empty in ([], [[]], [[(0.1, 0.1)]], [[(0.1, 0.1), (0.9, 0.9)]]):
        assert place_polygons(empty, (6, 4)).area == 0


def filled(shapes, size, shift):
    """What scikit-image fills of shapes that are moved to the right by some pixels, an odd number of times."""
    mask = np.zeros(size, bool)
    for shape in filter(None, shapes):
        x, y = np.array(shape).T
        one = np.zeros(size, bool)
        # Its pixels have their centres at whole numbers
        one[polygon(y - 0.5, x - 0.5 + shift, size)] = True
        mask ^= one
    return mask


@given(st.lists(SHAPES, max_size=3))
def test_polygons_are_filled_as_scikit_image_fills_them(shapes):
    size = (9, 11)
    left, right = (filled(shapes, size, shift) for shift in (-1e-6, 1e-6))
    shares = [[(x / size[1], y / size[0]) for x, y in shape] for shape in shapes]
    found = place_polygons(shares, size).whole(size)
    # Where an outline runs through a pixel's centre, either may be right
    sure = left == right
    np.testing.assert_array_equal(found[sure], left[sure])


def test_a_mask_is_spread_over_its_box_and_cut_at_the_image():
    mask = np.array([[1, 0], [0, 255]], np.uint8)
    place = place_mask(mask, (0.5, 0.5, 1.0, 1.0), (4, 4))
    assert (place.rows, place.columns) == (slice(2, 4), slice(2, 4))
    assert place.inside.all()  # The upper left quarter of the box is all that is in the image
    assert place_mask(mask, (1.5, 0.0, 0.5, 1.0), (4, 4)).area == 0
    assert place_mask(mask[..., None], (0.0, 0.0, 1.0, 1.0), (4, 4)).area == 8
