"""Tiles: a per-pixel model must not notice them, and the blend must hide their edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.models.tiling import blend_weights, predict_tiled, tile_starts


def per_pixel_model(tiles: np.ndarray) -> np.ndarray:
    """Three classes whose probabilities depend on the pixel alone."""
    logits = np.stack([tiles[..., 0] / 64, tiles[..., 1] / 64, 2 - tiles[..., 2] / 64], axis=1).astype(np.float32)
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def random_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    tile=st.integers(2, 32),
    overlap_share=st.floats(0, 0.5),
    batch_size=st.integers(1, 4),
)
def test_per_pixel_model_gives_the_same_with_tiles(
    height: int, width: int, tile: int, overlap_share: float, batch_size: int
) -> None:
    image = random_image(height, width)
    tiled = predict_tiled(
        per_pixel_model, image, tile, int(tile * overlap_share), batch_size=batch_size, dtype=np.float32
    )
    np.testing.assert_allclose(tiled.values, per_pixel_model(image[None])[0], atol=1e-6)
    assert tiled.kind == "probabilities"
    assert tiled.geometry.input_size == tiled.geometry.valid == (height, width)


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 200), tile=st.integers(2, 40), overlap_share=st.floats(0, 0.5))
def test_tiles_cover_the_axis_and_weights_sum_to_one(size: int, tile: int, overlap_share: float) -> None:
    overlap = int(tile * overlap_share)
    starts = tile_starts(size, tile, overlap)
    total = np.zeros(max(size, tile))
    for start, weights in zip(starts, blend_weights(starts, size, tile, overlap), strict=True):
        assert (weights > 0).all()
        total[start : start + tile] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert starts[0] == 0 and starts[-1] == max(0, size - tile)
    assert all(later - earlier <= tile - overlap for earlier, later in itertools.pairwise(starts))


def test_two_tiles_cross_fade_by_hand() -> None:
    # Tiles of 4 at 0 and 2 of an axis of 6: full weight outside the overlap, sin² of 22.5° and 67.5° inside
    first, second = blend_weights([0, 2], 6, 4, 2)
    low, high = np.sin(np.pi / 8) ** 2, np.sin(3 * np.pi / 8) ** 2
    np.testing.assert_allclose(first, [1, 1, high, low], rtol=1e-6)
    np.testing.assert_allclose(second, [low, high, 1, 1], rtol=1e-6)


def test_tiles_that_disagree_leave_no_seam() -> None:
    """A model that is wrong by a constant a tile: the blend goes from one to the other in small steps."""
    calls = iter(range(100))

    def drifting(tiles: np.ndarray) -> np.ndarray:
        level = 0.5 + 0.4 * (-1) ** next(calls)
        first = np.full((len(tiles), tiles.shape[1], tiles.shape[2]), level, np.float32)
        return np.stack([first, 1 - first], axis=1)

    values = predict_tiled(drifting, random_image(32, 80), 32, 16, dtype=np.float32).values
    assert np.ptp(values[0]) == pytest.approx(0.8, abs=0.01)
    assert np.abs(np.diff(values[0], axis=1)).max() < 0.8 * np.pi / 2 / 16
    np.testing.assert_allclose(values.sum(0), 1, atol=1e-6)


def test_small_image_is_padded_by_its_own_edge() -> None:
    seen = []

    def spy(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles)
        return per_pixel_model(tiles)

    image = random_image(3, 5)
    assert predict_tiled(spy, image, 8).values.shape == (3, 3, 5)
    assert len(seen) == 1 and seen[0].shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(seen[0][0, 3:, :5], np.repeat(image[2:3], 5, axis=0))
    np.testing.assert_array_equal(seen[0][0, :3, 5:], np.repeat(image[:, 4:5], 3, axis=1))


def test_batches_hold_no_more_tiles_than_asked() -> None:
    sizes = []

    def spy(tiles: np.ndarray) -> np.ndarray:
        sizes.append(len(tiles))
        return per_pixel_model(tiles)

    result = predict_tiled(spy, random_image(16, 64), 16, 4, batch_size=2)
    assert sizes == [2, 2, 1]
    assert result.values.dtype == np.float16


def test_memory_beyond_the_result_does_not_grow_with_the_height() -> None:
    import tracemalloc

    def peak_over_result(height: int) -> int:
        image = np.zeros((height, 64, 3), np.uint8)
        tracemalloc.start()
        result = predict_tiled(per_pixel_model, image, 32)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - result.values.nbytes

    peak_over_result(64)
    assert peak_over_result(4096) < peak_over_result(256) + 60_000


@pytest.mark.parametrize(("tile", "overlap"), [(1, 0), (8, 5), (8, -1)])
def test_tile_and_overlap_out_of_range(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match=r"a tile of at least 2 and an overlap of 0\.\."):
        predict_tiled(per_pixel_model, random_image(9, 9), tile, overlap)


def test_wrong_output_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, K, 8, 8\), got \(1, 3, 4, 4\)"):
        predict_tiled(lambda tiles: per_pixel_model(tiles)[:, :, ::2, ::2], random_image(9, 9), 8)
