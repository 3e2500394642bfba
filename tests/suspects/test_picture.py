"""What the picture says of a suspect, on pictures of black and white whose gradients can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.suspects.picture import Picture
from label_quality.plugin.suspects.regions import Region

NAMES = (
    *("given_edge", "has_given_edge", "seen_edge", "given_colour", "suggested_colour", "has_suggested_colour"),
    "texture",
)
SIZE = (20, 40)
STEP = 20
#: A step from black to white, blurred by (5, 25, 41, 25, 5) hundredths, is 14, 76, 179, 241, 255; Sobel's operator
#: takes four times the difference two columns apart: 56, 304, 660 on either side
SLOPE = (56, 304, 660)
MEAN = 2 * sum(SLOPE) / SIZE[1]
#: Where nothing changes, and of a colour that is the same, and of one as far as can be
FLAT, SAME, FAR = math.log(0.1), math.log(2) - 2.5, math.log(102) - 2.5


def region(mask: np.ndarray, given: int = 1, suggested: int = 0) -> Region:
    """A suspect of the pixels of (H, W) bool."""
    rows, columns = np.nonzero(mask)
    top, left = int(rows.min()), int(columns.min())
    inside = mask[top : rows.max() + 1, left : columns.max() + 1]
    box = (left, top, inside.shape[1], inside.shape[0])
    return Region(given, suggested, "other", 1.0, int(mask.sum()), 0.9, box, inside, 1)


def black_and_white(size: tuple[int, int] = SIZE, step: int = STEP) -> np.ndarray:
    """Black, and white from a column on."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, step:] = 255
    return pixels


def columns(first: int, last: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Whether a pixel is in these columns, the last one not."""
    mask = np.zeros(size, bool)
    mask[:, first:last] = True
    return mask


def contrasts(pixels: np.ndarray, mask: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    size = (labels.shape[0], labels.shape[1])
    return dict(zip(NAMES, Picture(pixels, size).contrasts(region(mask), labels), strict=True))


def relative(*gradients: float) -> float:
    return math.log(sum(gradients) / len(gradients) / MEAN + 0.1)


def test_the_gradient_of_a_step() -> None:
    gradient = Picture(black_and_white(), SIZE).gradient
    assert gradient.shape == SIZE
    # Rounded to whole steps of brightness before it is differentiated
    assert gradient[0, 16:24] == pytest.approx([0, *SLOPE, *reversed(SLOPE), 0], abs=8)
    assert gradient.sum() == pytest.approx(MEAN * gradient.size, rel=0.02)


def test_an_object_along_the_edges_of_the_picture() -> None:
    """All that is white is given as 1 and is to be 0: its edge is the picture's, and it does not look like 0."""
    labels = columns(STEP, 40).astype(np.int16)
    assert contrasts(black_and_white(), columns(STEP, 40), labels) == pytest.approx(
        {
            "given_edge": relative(304, 660, 660),
            "has_given_edge": 1,
            # All of it is contradicted, so that no edge goes through it, and there is no more of it
            "seen_edge": 0,
            "given_colour": 0,
            "suggested_colour": FAR,
            "has_suggested_colour": 1,
            "texture": relative(*SLOPE, *[0] * 17),
        },
        abs=0.02,
    )


def test_an_edge_that_is_drawn_too_far_out() -> None:
    """The object is given six columns too many: the mask's edge is on none of the picture's, the seen one is."""
    labels = columns(14, 40).astype(np.int16)
    assert contrasts(black_and_white(), columns(14, STEP), labels) == pytest.approx(
        {
            "given_edge": FLAT,
            "has_given_edge": 1,
            "seen_edge": relative(660, 660, 304),
            "given_colour": FAR,
            "suggested_colour": SAME,
            "has_suggested_colour": 1,
            "texture": relative(0, 0, 0, *SLOPE),
        },
        abs=0.02,
    )


def test_a_picture_of_one_colour_says_nothing() -> None:
    labels = columns(14, 40).astype(np.int16)
    found = contrasts(np.full((*SIZE, 3), 90, np.uint8), columns(14, STEP), labels)
    assert found == pytest.approx(
        dict(zip(NAMES, (FLAT, 1, FLAT, SAME, SAME, 1, FLAT), strict=True)),
    )


def test_ignored_pixels_are_neither_edge_nor_colour() -> None:
    labels = columns(14, 40).astype(np.int16)
    labels[:, :14] = -1
    found = contrasts(black_and_white(), columns(14, STEP), labels)
    assert (found["given_edge"], found["has_given_edge"]) == (0, 0)
    assert (found["suggested_colour"], found["has_suggested_colour"]) == (0, 0)
    assert found["seen_edge"] == pytest.approx(relative(660, 660, 304), abs=0.02)


def test_another_class_than_the_suggested_one_has_an_edge_but_no_colour() -> None:
    labels = columns(14, 40).astype(np.int16)
    labels[:, :14] = 2
    found = contrasts(black_and_white(), columns(14, STEP), labels)
    assert (found["given_edge"], found["has_given_edge"]) == (pytest.approx(FLAT, abs=0.02), 1)
    assert found["has_suggested_colour"] == 0


def test_colours_are_compared_within_reach_alone() -> None:
    """The reach is six pixels in a small picture: of the suggested class, black is near and white is far."""
    pixels = black_and_white((20, 60), 40)
    pixels[:, :4] = 255
    labels = columns(14, 60, (20, 60)).astype(np.int16)
    assert contrasts(pixels, columns(14, 40, (20, 60)), labels)["suggested_colour"] == pytest.approx(SAME, abs=0.02)
    pixels[:, 8:14] = 255
    assert contrasts(pixels, columns(14, 40, (20, 60)), labels)["suggested_colour"] == pytest.approx(FAR, abs=0.02)


def test_a_few_pixels_have_no_colour() -> None:
    labels = np.ones(SIZE, np.int16)
    labels[10, 10:15] = 0
    mask = np.zeros(SIZE, bool)
    mask[10:12, 15:20] = True
    assert contrasts(black_and_white(), mask, labels)["has_suggested_colour"] == 0
    labels[11, 10] = 0
    assert contrasts(black_and_white(), mask, labels)["has_suggested_colour"] == 1


def test_the_pictures_own_size_does_not_matter() -> None:
    labels = columns(14, 40).astype(np.int16)
    expected = contrasts(black_and_white(), columns(14, STEP), labels)
    large = black_and_white().repeat(3, axis=0).repeat(3, axis=1)
    assert contrasts(large, columns(14, STEP), labels) == pytest.approx(expected, abs=0.05)
    small = black_and_white((10, 20), 10)
    assert (
        contrasts(small, columns(14, STEP), labels)["given_edge"]
        < contrasts(small, columns(14, STEP), labels)["seen_edge"]
    )


def test_of_large_pictures_smaller_ones_are_looked_at() -> None:
    size = (40, 1024)
    labels = columns(500, 1024, size).astype(np.int16)
    expected = contrasts(black_and_white(size, 512), columns(500, 512, size), labels)
    doubled = (80, 2048)
    large = columns(1000, 2048, doubled).astype(np.int16)
    found = contrasts(black_and_white(doubled, 1024), columns(1000, 1024, doubled), large)
    assert found == pytest.approx(expected, abs=0.05)
    picture = Picture(black_and_white(doubled, 1024), doubled)
    assert picture.colours.shape == (40, 1024, 3) and picture.colours.dtype == np.uint8


@pytest.mark.parametrize("at", [0, 1, 2, 3, 2000, 4092, 4095])
def test_a_thin_line_in_a_large_picture_is_looked_at_where_it_is(at: int) -> None:
    """Four columns of the mask are one of the picture, which the line may not be in the middle of."""
    size = (64, 4096)
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[:, at // 4 * 4 : at // 4 * 4 + 4] = 255
    found = contrasts(pixels, columns(at, at + 1, size), np.ones(size, np.int16))
    assert found["given_colour"] == pytest.approx(FAR, abs=0.15)


def test_a_region_of_the_whole_image_has_no_surroundings() -> None:
    found = contrasts(black_and_white(), np.ones(SIZE, bool), np.ones(SIZE, np.int16))
    assert found == pytest.approx(dict(zip(NAMES, (0, 0, 0, 0, 0, 0, math.log(1.1)), strict=True)), abs=0.01)


@given(st.data())
@settings(max_examples=150)
def test_whatever_the_picture_the_measures_are_finite(data: st.DataObject) -> None:
    size = data.draw(st.tuples(st.integers(1, 30), st.integers(1, 30)), "size")
    if data.draw(st.booleans(), "large"):
        size = (size[0], size[1] + 1500)
    own = data.draw(st.sampled_from([size, (1, 1), (7, 50)]), "size of the picture")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    pixels = rng.integers(0, 256, (*own, 3), dtype=np.uint8)
    labels = rng.integers(-1, 3, size).astype(np.int16)
    top, left = rng.integers(size[0]), rng.integers(size[1])
    mask = np.zeros(size, bool)
    mask[top : top + rng.integers(1, 9), left : left + rng.integers(1, 9)] = True
    mask &= rng.random(size) < 0.7
    mask[top, left] = True
    labels[mask] = 1
    found = contrasts(pixels, mask, labels)
    assert all(math.isfinite(value) for value in found.values())
