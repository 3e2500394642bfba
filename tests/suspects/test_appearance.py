"""What places look like: by hand, and against plain means over cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_quality.plugin.base.types import Appearance
from label_quality.plugin.suspects.appearance import CHANNELS, appearance_of, describe, stitched


def maps_of(channels: tuple[int, ...], strides: tuple[int, ...], size: tuple[int, int], seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    sizes = [(size[0] // stride, size[1] // stride) for stride in strides]
    return [rng.normal(size=(c, *s)).astype(np.float16) for c, s in zip(channels, sizes, strict=True)]


def test_maps_of_strides_8_and_16_are_joined_in_cells_of_16() -> None:
    maps = maps_of((2, 3, 4, 5), (4, 8, 16, 32), (64, 96))
    found = appearance_of(maps, (64, 96), (60, 96))
    assert found is not None and found.values.shape == (CHANNELS, 4, 6) and found.extent == (60 / 16, 6)
    assert found.values[3:7] == pytest.approx(maps[2].astype(np.float32))
    assert (found.values[7:] == 0).all()
    assert found.values[:3, 1, 2] == pytest.approx(maps[1][:, 2:4, 4:6].astype(np.float32).mean(axis=(1, 2)))


def test_an_encoder_may_lack_one_of_the_strides_or_both() -> None:
    only = appearance_of(maps_of((2, 3), (4, 8), (32, 32)), (32, 32), (32, 32))
    assert only is not None and only.values.shape == (CHANNELS, 4, 4) and only.extent == (4, 4)
    assert appearance_of(maps_of((2, 3), (4, 32), (32, 32)), (32, 32), (32, 32)) is None


def test_many_channels_are_projected_which_keeps_what_is_alike() -> None:
    first, second = maps_of((40, 112), (8, 16), (64, 64)), maps_of((40, 112), (8, 16), (64, 64), seed=1)
    looks = [appearance_of(maps, (64, 64), (64, 64)) for maps in (first, second)]
    again = appearance_of(first, (64, 64), (64, 64))
    assert looks[0] is not None and looks[1] is not None and again is not None
    assert looks[0].values.shape == (CHANNELS, 4, 4) and (again.values == looks[0].values).all()
    # A projection onto a part of the channels shortens all by much the same factor, and never lengthens
    full = np.concatenate([first[0].reshape(40, 4, 2, 4, 2).mean(axis=(2, 4), dtype=np.float32), first[1]])
    shorter = np.linalg.norm(looks[0].values, axis=0) / np.linalg.norm(full, axis=0)
    assert (shorter <= 1 + 1e-5).all()
    assert shorter.mean() == pytest.approx(np.sqrt(CHANNELS / 152), abs=0.08)


def test_a_place_has_the_mean_of_its_cells_by_how_much_of_it_is_in_each() -> None:
    """An image of 8 × 8 blocks seen in 2 × 2 cells of 4 × 4; the first place is in two cells, the second fills one."""
    looks = Appearance(np.array([[[1.0, 2.0], [3.0, 4.0]]], np.float32), (2.0, 2.0))
    owner = np.array([0, 0, 0, *[1] * 16])
    lower, right = np.mgrid[4:8, 4:8].reshape(2, -1)
    rows, columns = np.array([0, 0, 0, *lower]), np.array([3, 4, 5, *right])
    pixels = np.array([1.0, 1.0, 0.5, *[1.0] * 16])
    descriptors, fill = describe(looks, owner, rows, columns, pixels, (8, 8))
    assert descriptors.dtype == np.float32 and descriptors.shape == (2, 1)
    assert descriptors[:, 0] == pytest.approx([(1 + 2 + 2 * 0.5) / 2.5, 4])
    assert fill == pytest.approx([2.5 / 16 / 2, 1])


def test_tiles_are_stitched_the_later_over_the_padding_of_the_earlier() -> None:
    """An image of 48 × 56 pixels in four tiles of 32 × 32, whose cells are 16 pixels; the right ones begin at 24."""
    corners = [(0, 0), (0, 24), (16, 0), (16, 24)]
    tiles = [Appearance(np.full((CHANNELS, 2, 2), number, np.float32), (2.0, 2.0)) for number in range(4)]
    whole = stitched(tiles, corners, (48, 56), 16)
    assert whole.extent == (3, 3.5)
    # 24 is the end of the second cell, to the nearest even one
    assert whole.values[0].tolist() == [[0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert (whole.values == whole.values[0]).all()


def test_padding_is_no_place_of_the_image() -> None:
    """The image is the upper three quarters of two rows of cells: its last rows are in the lower cells."""
    looks = Appearance(np.array([[[1.0], [5.0]]], np.float32), (1.5, 1.0))
    rows, owner = np.arange(6), np.arange(6)
    descriptors, _ = describe(looks, owner, rows, np.zeros(6, int), np.ones(6), (6, 4))
    assert descriptors[:, 0].tolist() == [1, 1, 1, 1, 5, 5]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31))
def test_descriptors_are_as_plain_means(height: int, width: int, down: int, across: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks = Appearance(
        rng.normal(size=(3, height, width)).astype(np.float32),
        (height - rng.uniform(0, 0.9), width - rng.uniform(0, 0.9)),
    )
    places = rng.integers(0, 3, (down, across))
    _, owner = np.unique(places, return_inverse=True)
    owner = owner.reshape(places.shape)
    rows, columns = np.mgrid[:down, :across].reshape(2, -1)
    pixels = rng.uniform(0.1, 1, rows.size)
    size = down - rng.uniform(0, 0.5), across - rng.uniform(0, 0.5)
    descriptors, fill = describe(looks, owner.ravel(), rows, columns, pixels, size)
    assert ((fill > 0) & (fill <= 1)).all()
    for number in range(owner.max() + 1):
        values, weights = [], []
        for row, column, weight in zip(rows, columns, pixels, strict=True):
            if owner[row, column] == number:
                y = min(int((row + 0.5) / size[0] * looks.extent[0]), height - 1)
                x = min(int((column + 0.5) / size[1] * looks.extent[1]), width - 1)
                values.append(looks.values[:, y, x])
                weights.append(weight)
        assert descriptors[number] == pytest.approx(np.average(values, axis=0, weights=weights), abs=1e-4)
