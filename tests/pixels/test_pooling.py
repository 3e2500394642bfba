"""Pooling: hand-computed blocks, and the plain definition on shapes that four does not divide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.pixels.pooling import pool_labels, pool_probabilities, spread

from ..reference import pool


def test_majority_does_not_average_class_numbers():
    labels = np.array([[0, 2], [2, 0]], np.int16)
    assert pool_labels(labels, 2, 3).tolist() == [[0]]
    labels[0, 0] = 2
    assert pool_labels(labels, 2, 3).tolist() == [[2]]


def test_ties_go_to_the_smaller_class_whatever_comes_first():
    assert pool_labels(np.array([[5, 1], [1, 5]], np.int16), 2, 6).tolist() == [[1]]
    assert pool_labels(np.array([[1, 5], [5, 1]], np.int16), 2, 6).tolist() == [[1]]
    assert pool_labels(np.array([[3, 2], [1, 0]], np.int16), 2, 6).tolist() == [[0]]


def test_ignored_pixels_have_no_vote():
    labels = np.array([[-1, -1, -1, -1], [-1, 4, -1, -1]], np.int16)
    assert pool_labels(labels, 2, 5).tolist() == [[4, -1]]


def test_edge_blocks_are_pooled_over_the_pixels_they_have():
    labels = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 3]], np.int16)
    assert pool_labels(labels, 2, 4).tolist() == [[0, 1], [2, 3]]
    values = np.array([[[1, 3, 5], [5, 7, 7], [2, 4, 9]]], np.float32) / 16
    np.testing.assert_array_equal(pool_probabilities(values, 2), np.array([[[4, 6], [3, 9]]], np.float32) / 16)


def test_ignored_pixels_do_not_weigh_on_the_mean():
    values = np.array([[[0.25, 0.75, 0.5, 0.5]]], np.float32)
    labels = np.array([[0, -1, -1, -1]], np.int16)
    assert pool_probabilities(values, 2).tolist() == [[[0.5, 0.5]]]
    assert pool_probabilities(values, 2, labels).tolist() == [[[0.25, 0.0]]]


def test_factor_one_changes_nothing():
    rng = np.random.default_rng(0)
    values, labels = rng.random((3, 5, 7), np.float32), rng.integers(-1, 3, (5, 7)).astype(np.int16)
    np.testing.assert_array_equal(pool_probabilities(values, 1), values)
    np.testing.assert_array_equal(pool_labels(labels, 1, 3), labels)


def test_a_strided_or_half_precision_array_is_pooled_like_its_copy():
    values = np.random.default_rng(1).random((4, 9, 10)).astype(np.float16)
    expected = pool_probabilities(values.astype(np.float32), 4)
    np.testing.assert_array_equal(pool_probabilities(values, 4), expected)
    np.testing.assert_array_equal(pool_probabilities(values[:, :, ::-1][:, :, ::-1], 4), expected)


def test_a_larger_block_than_the_image_is_the_image():
    values = np.array([[[0.0, 1.0], [0.5, 0.5]]], np.float32)
    assert pool_probabilities(values, 8).tolist() == [[[0.5]]]
    assert pool_labels(np.array([[1, 0], [1, 1]], np.int16), 8, 2).tolist() == [[1]]


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 5])
@given(height=st.integers(1, 13), width=st.integers(1, 13), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_matches_the_definition(factor: int, height: int, width: int, seed: int):
    rng = np.random.default_rng(seed)
    values = rng.random((3, height, width), np.float32)
    labels = rng.integers(-1, 3, (height, width)).astype(np.int16)
    mean, majority = pool(values, labels, factor)
    np.testing.assert_array_equal(pool_labels(labels, factor, 3), majority)
    np.testing.assert_allclose(pool_probabilities(values, factor, labels), mean, rtol=5e-7)
    np.testing.assert_allclose(
        pool_probabilities(values, factor), pool(values, np.zeros_like(labels), factor)[0], rtol=5e-7
    )


def test_each_pixel_gets_the_value_of_its_block():
    pixels = spread(np.array([[1, 2], [3, 4]], np.int16), 2, (3, 4))
    assert pixels.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]
    assert pixels.dtype == np.int16 and pixels.flags.c_contiguous
