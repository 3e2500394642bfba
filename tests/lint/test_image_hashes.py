"""Hashes of images: alike for copies, apart for others, and near ones found as by comparing all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_quality.plugin.base.errors import SampleError
from label_quality.plugin.labels.images import read_thumbnail
from label_quality.plugin.lint.equal_images import Pair, candidates, nearly_equal
from label_quality.plugin.lint.image_hashes import MOST_BITS, hash_of, image_hash, near_hashes

HASHES = st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=12)


def picture(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """(H, W, 3) uint8 of soft blobs."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return cv2.resize(values, size[::-1], interpolation=cv2.INTER_CUBIC)


def test_a_hash_by_hand() -> None:
    # Lighter from left to right in the upper half, darker in the lower
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1))
    ramp[32:] = ramp[32:, ::-1]
    assert hash_of(ramp.astype(np.uint8)) == 0xFFFFFFFF00000000
    assert hash_of(np.full((64, 64), 100, np.uint8)) is None
    assert hash_of((100 + np.indices((64, 64))[1] % 8).astype(np.uint8)) is None


@pytest.mark.parametrize(("ending", "scale"), [("png", 1.0), ("jpg", 1.0), ("jpg", 0.5), ("png", 0.7)])
def test_copies_of_another_size_or_compression_are_nearly_equal(tmp_path: Path, ending: str, scale: float) -> None:
    whole, copy = str(tmp_path / "whole.jpg"), str(tmp_path / f"copy.{ending}")
    cv2.imwrite(whole, picture(1))
    cv2.imwrite(copy, cv2.resize(picture(1), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    one, other = image_hash(whole), image_hash(copy)
    assert one is not None and other is not None and bin(one ^ other).count("1") <= MOST_BITS
    assert nearly_equal(read_thumbnail(whole, 64), read_thumbnail(copy, 64))


def test_other_images_are_not_nearly_equal(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{seed}.png") for seed in range(6)]
    for seed, path in enumerate(paths):
        cv2.imwrite(path, picture(seed))
    changed = picture(0)
    changed[100:120, 100:120] = 255 - changed[100:120, 100:120]
    cv2.imwrite(str(tmp_path / "changed.png"), changed)
    small = [read_thumbnail(path, 64) for path in (*paths, tmp_path / "changed.png")]
    assert not any(nearly_equal(small[0], other) for other in small[1:])
    flat = np.full((64, 64), 7, np.uint8)
    assert not nearly_equal(flat, flat)


def test_thumbnails_are_upright_and_of_any_depth(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 3
    halves = np.zeros((90, 120, 3), np.uint8)
    halves[:45] = 200
    Image.fromarray(halves).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    found = read_thumbnail(tmp_path / "turned.jpg", 64)
    assert found.shape == (64, 64) and found.dtype == np.uint8 and found[10].mean() < 5 and found[-10].mean() > 195
    cv2.imwrite(str(tmp_path / "deep.png"), (halves[..., 0].astype(np.uint16) + 55) * 257)
    deep = read_thumbnail(tmp_path / "deep.png", 64)
    assert deep[5].mean() == pytest.approx(255, abs=1) and deep[-5].mean() == pytest.approx(55, abs=1)
    with pytest.raises(SampleError, match="The image file does not exist"):
        read_thumbnail(tmp_path / "none.png", 64)
    assert image_hash(str(tmp_path / "none.png")) is None


@given(HASHES, st.data())
@settings(max_examples=60)
def test_near_hashes_are_those_of_comparing_all(hashes: list[int], data: st.DataObject) -> None:
    for value in hashes[:4]:
        bits = data.draw(st.sets(st.integers(0, 63), max_size=10))
        changed = value ^ sum(1 << bit for bit in bits)
        if changed not in hashes:
            hashes.append(changed)
    bits = {
        (one, other): bin(hashes[one] ^ hashes[other]).count("1")
        for one in range(len(hashes))
        for other in range(one + 1, len(hashes))
    }
    near = {pair for pair, number in bits.items() if number <= MOST_BITS}
    found = near_hashes(hashes)
    assert all(bits[one, other] == number for number, one, other in found)
    assert {pair[1:] for pair in found} <= near and len(found) == len(set(found))
    # Only of those with many near ones some are left out
    often = {place for place in range(len(hashes)) if sum(place in pair for pair in near) > 3}
    assert {pair for pair in near if not often & set(pair)} <= {pair[1:] for pair in found}
    assert {place for pair in near for place in pair} == {place for pair in found for place in pair[1:]}


def test_hashes_of_a_camera_that_stands_still_are_not_all_compared() -> None:
    hashes = [int(one) for one in np.random.default_rng(0).permutation(4096)]
    found = near_hashes(hashes)
    assert len(found) < 8 * 3 * 4096 and {place for pair in found for place in pair[1:]} == set(range(4096))
    samples = range(4096)
    pairs = candidates(dict(zip(samples, hashes, strict=True)), {one: one for one in samples})
    assert len(pairs) < 4 * 4096


def test_candidates_have_other_masks_and_are_few_of_many_equal_ones() -> None:
    hashes = {0: 5, 1: 5, 2: 5, 3: 4, 4: 2**40 - 1, 5: 5}
    checksums = {0: 1, 1: 2, 2: 1, 3: 1, 4: 9}
    # The last has no mask; of the first three the first and third have the same; the fourth's hash differs by a bit
    assert candidates(hashes, checksums) == [Pair(0, 1), Pair(1, 2), Pair(1, 3)]
    many = candidates(dict.fromkeys(range(1000), 5), {index: index for index in range(1000)})
    assert len(many) < 4 * 1000
    assert {place for one in many for place in (one.one, one.other)} == set(range(1000))
