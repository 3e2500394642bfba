"""Displaced edges: a row worked out by hand, the plain definition, which edges count, and what must not change."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.pixels.gradient import colour_gradient, fitted
from label_quality.plugin.scores.displaced_edges import EdgeFit, FitCounts, UsualFit, displacement, edge_fit

SIZE = (40, 60)
#: The reach in an image of this size: 5 % of 60
REACH = 3
seeds = st.integers(0, 2**32 - 1)


def step_at(column: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W) int16, class 1 from a column on."""
    labels = np.zeros(size, np.int16)
    labels[:, column:] = 1
    return labels


def picture_of(labels: np.ndarray) -> np.ndarray:
    """Black where the class is 0, white elsewhere."""
    return np.repeat(np.where(labels == 0, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def sure_of(labels: np.ndarray, probability: float = 0.9) -> np.ndarray:
    """(2, H, W) float32 probabilities of what is seen."""
    first = np.where(labels == 0, probability, 1 - probability).astype(np.float32)
    return np.stack([first, 1 - first])


def noisy_image(seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, probabilities and labels with blobs, noise and pixels that take no part."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(9, 40, 2)
    fields = np.stack([cv2.GaussianBlur(rng.random((height, width)), (0, 0), 3) for _ in range(classes)])
    labels = fields.argmax(axis=0).astype(np.int16)
    labels[rng.random(labels.shape) < 0.02] = -1
    exponents = np.exp(rng.normal(scale=2, size=fields.shape) + 40 * fields)
    picture = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    return picture, (exponents / exponents.sum(axis=0)).astype(np.float32), labels


def plain_fit(picture: np.ndarray, probabilities: np.ndarray, labels: np.ndarray) -> dict[int, list[float]]:
    """Class to faintness, gain and pull, edge by edge as `displaced_edges` describes them; for small images."""
    gradient = colour_gradient(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)).astype(float)
    gradient /= gradient.mean() + 1e-6
    height, width = labels.shape
    reach = max(3, round(0.05 * max(height, width)))
    inside = lambda y, x: 0 <= y < height and 0 <= x < width  # noqa: E731
    found = {}
    for k in np.unique(labels[labels >= 0]).tolist():
        edges, won, slopes = 0, np.zeros((2, 2 * reach + 1)), [[[] for _ in range(2 * reach + 1)] for _ in range(2)]
        for y, x in np.argwhere(labels == k).tolist():
            for axis, (dy, dx) in [(0, (0, 1)), (0, (0, -1)), (1, (1, 0)), (1, (-1, 0))]:
                at = lambda t, y=y, x=x, dy=dy, dx=dx: (y + t * dy, x + t * dx)  # noqa: E731
                if not inside(*at(1)) or labels[at(1)] in (-1, k):
                    continue
                edges += 1
                outside, within = 1, 0
                while outside <= reach and inside(*at(outside)) and labels[at(outside)] not in (-1, k):
                    beyond = at(outside + 1) if inside(*at(outside + 1)) else at(outside)
                    slopes[axis][reach + outside].append((gradient[at(outside)] + gradient[beyond]) / 2)
                    won[axis, reach + outside :] += 2 * probabilities[k][at(outside)] - 1
                    outside += 1
                while within <= reach and inside(*at(-within)) and labels[at(-within)] == k:
                    slopes[axis][reach - within].append((gradient[at(-within)] + gradient[at(1 - within)]) / 2)
                    won[axis, : reach - within] += 1 - 2 * probabilities[k][at(-within)]
                    within += 1
        if edges < 20:
            continue
        best = won.argmax(axis=1)
        mean = lambda values: np.mean(values or [0]) + 0.1  # noqa: E731
        here = mean(slopes[0][reach] + slopes[1][reach])
        there = mean(slopes[0][best[0]] + slopes[1][best[1]])
        around = mean([value for axis in slopes for place in axis for value in place])
        gain = won.max(axis=1).sum() / edges / reach
        found[k] = [math.log(around / here), gain, math.log(there / here)]
    return found


def by_class(fit: EdgeFit) -> dict[int, list[float]]:
    return dict(zip(fit.classes.tolist(), fit.witnesses.tolist(), strict=True))


def test_an_edge_two_pixels_off_worked_out_by_hand() -> None:
    true, labels = step_at(30), step_at(32)
    found = by_class(edge_fit(picture_of(true), sure_of(true), labels))
    # Black to white: Sobel's slopes are 56, 304 and 660 on either side (see the tests of pictures), 2040 / 60 in the
    # mean of a row, so that edges between columns have, from 28|29 on, 482, 660, 482, 180, 28 and 0
    mean = 2040 / 60
    there, here = 660 / mean + 0.1, 180 / mean + 0.1
    # Class 0 is 40 pixels of edge long, and would win 2 x (0.9 - 0.1) moved in; class 1 the same moved out
    for k in (0, 1):
        assert found[k][1] == pytest.approx(2 * 0.8 / REACH)
        assert found[k][2] == pytest.approx(math.log(there / here), abs=1e-3)
    # From 31|32, class 0: inwards to 28|29, outwards to 34|35
    inwards = (180 + 482 + 660 + 482 + 28 + 0 + 0) / 7 / mean + 0.1
    assert found[0][0] == pytest.approx(math.log(inwards / here), abs=1e-3)


def test_an_edge_that_is_right_gains_nothing_and_pulls_nowhere() -> None:
    labels = step_at(30)
    for faintness, gain, pull in by_class(edge_fit(picture_of(labels), sure_of(labels), labels)).values():
        assert faintness < -0.5 and gain == 0 and pull == 0


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_it_is_the_plain_definition(seed: int) -> None:
    image = noisy_image(seed)
    found, expected = by_class(edge_fit(*image)), plain_fit(*image)
    assert found.keys() == expected.keys()
    for k, witnesses in found.items():
        np.testing.assert_allclose(witnesses, expected[k], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [np.float16, np.uint8])
def test_other_types_of_probabilities_say_the_same(kind: type) -> None:
    picture, probabilities, labels = noisy_image(7)
    stored = np.rint(probabilities * 255).astype(np.uint8) if kind is np.uint8 else probabilities.astype(kind)
    single = stored.astype(np.float32) / (255 if kind is np.uint8 else 1)
    found, expected = edge_fit(picture, stored, labels), edge_fit(picture, single, labels)
    assert found.classes.size > 1
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_allclose(found.witnesses, expected.witnesses, rtol=1e-5, atol=1e-6)


def test_a_large_image_is_looked_at_in_steps() -> None:
    """Of 1200 pixels every third: a whole picture of thirds says the same."""
    small_true, small = step_at(200, (300, 400)), step_at(206, (300, 400))
    true, labels = (each.repeat(3, axis=0).repeat(3, axis=1) for each in (small_true, small))
    large = edge_fit(picture_of(true), sure_of(true), labels)
    expected = edge_fit(picture_of(small_true), sure_of(small_true), small)
    np.testing.assert_array_equal(large.classes, [0, 1])
    np.testing.assert_array_equal(large.witnesses, expected.witnesses)


def test_edges_along_pixels_that_take_no_part_and_short_ones_are_left_out() -> None:
    labels = step_at(30)
    labels[:, 29:31] = -1
    assert edge_fit(picture_of(labels), sure_of(labels), labels).classes.size == 0
    labels = np.zeros(SIZE, np.int16)
    labels[10:14, 10:15] = 1  # 18 pixels of edge
    assert edge_fit(picture_of(labels), sure_of(labels), labels).classes.size == 0
    labels[10:15, 10:15] = 1  # 20
    np.testing.assert_array_equal(edge_fit(picture_of(labels), sure_of(labels), labels).classes, [0, 1])
    assert edge_fit(picture_of(labels), sure_of(labels), np.full(SIZE, -1, np.int16)).classes.size == 0


def fit_of(*witnesses: float, k: int = 0) -> EdgeFit:
    return EdgeFit(np.array([k], np.int16), np.array([witnesses], np.float32))


def test_displacement_is_the_squared_geometric_mean_beyond_what_is_usual() -> None:
    usual = UsualFit(np.array([[0.0, 0.1, 0.5], [0, 0, 0]]), np.array([[1.0, 0.1, 0.5], [np.inf] * 3]))
    # 2, 4 and 1 units beyond: the cube root of 8, squared
    assert displacement(fit_of(2, 0.5, 1), usual) == pytest.approx(4)
    assert displacement(fit_of(2, 0.5, 0.4), usual) == 0
    assert displacement(fit_of(9, 1, 4, k=1), usual) == 0
    assert displacement(EdgeFit.none(), usual) == 0
    both = EdgeFit(np.array([0, 1], np.int16), np.array([[2, 0.5, 1], [9, 1, 4]], np.float32))
    assert displacement(both, usual) == pytest.approx(4)


def test_usual_are_the_median_and_the_90th_percentile_of_the_images_with_the_class() -> None:
    counts = FitCounts(2)
    for number in range(10):
        counts.update(fit_of(number / 10, number / 20, -number / 10))
    for _ in range(4):
        counts.update(fit_of(1, 1, 1, k=1))
    usual = counts.usual()
    # Of ten values in order the fifth and the ninth
    np.testing.assert_allclose(usual.middle[0], [0.4, 0.2, -0.5], atol=4e-3)
    np.testing.assert_allclose(usual.spread[0], [0.4 + 0.05, 0.2 + 0.002, 0.4 + 0.05], atol=8e-3)
    assert np.isinf(usual.spread[1]).all()


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_neither_order_nor_storing_changes_what_is_usual(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fits = [edge_fit(*noisy_image(int(one))) for one in rng.integers(0, 2**31, 8)]
    first, second = FitCounts(4), FitCounts(4)
    for one, other in zip(fits, reversed(fits), strict=True):
        first.update(one)
        second.update(other)
    usual, again = first.usual(), UsualFit.from_dict(second.usual().to_dict())
    np.testing.assert_array_equal(usual.middle, again.middle)
    np.testing.assert_array_equal(usual.spread, again.spread)
    assert all(np.isfinite(displacement(fit, usual)) and displacement(fit, usual) >= 0 for fit in fits)


def test_a_displaced_edge_stands_out_of_images_whose_edges_are_right() -> None:
    counts, fits = FitCounts(2), []
    for column in range(20, 40):
        true = step_at(column)
        fits.append(edge_fit(picture_of(true), sure_of(true), step_at(column + 2 * (column == 30))))
        counts.update(fits[-1])
    usual = counts.usual()
    displaced = [displacement(fit, usual) for fit in fits]
    assert np.argmax(displaced) == 10 and displaced[10] > 5 and sorted(displaced)[-2] == 0


def test_a_picture_of_another_resolution_is_fitted() -> None:
    labels = step_at(32)
    twice = picture_of(step_at(30)).repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(fitted(twice, SIZE), picture_of(step_at(30)))
    found, expected = (edge_fit(picture, sure_of(step_at(30)), labels) for picture in (twice, fitted(twice, SIZE)))
    np.testing.assert_array_equal(found.witnesses, expected.witnesses)
