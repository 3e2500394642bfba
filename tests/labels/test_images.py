"""Image and mask files of all kinds, whole and broken."""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from label_quality.plugin.base.errors import SampleError
from label_quality.plugin.labels.images import (
    ImageHeader,
    image_header,
    image_size,
    read_image,
    read_mask,
    read_thumbnail,
)
from PIL import Image

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def _save(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **options)
    return path


def test_rgb_gray_and_alpha_become_rgb(tmp_path: Path):
    rgb = np.dstack([RAMP, RAMP[::-1], RAMP[:, ::-1]])
    assert (read_image(_save(tmp_path / "rgb.png", rgb)) == rgb).all()
    assert (read_image(_save(tmp_path / "rgba.png", np.dstack([rgb, RAMP]))) == rgb).all()
    gray = read_image(_save(tmp_path / "gray.png", RAMP))
    assert (gray == RAMP[..., None]).all()
    assert (gray.shape, gray.dtype) == ((3, 4, 3), np.uint8)


@pytest.mark.parametrize(("white", "bits"), [(255, 8), (1023, 10), (4095, 12), (65535, 16)])
def test_deep_images_are_scaled_by_their_bit_depth(tmp_path: Path, white, bits):
    deep = np.array([[0, white // 2, white]], np.uint16)
    found = read_image(_save(tmp_path / f"{bits}.png", deep))[..., 0]
    assert found.tolist() == [[0, round(255 * (white // 2) / white), 255]]


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("alpha", [False, True])
def test_deep_colours_are_scaled_by_their_bit_depth(tmp_path: Path, ending: str, alpha: bool):
    deep = np.zeros((2, 3, 3), np.uint16)
    deep[0] = [[4095, 0, 0], [0, 2047, 0], [0, 0, 1023]]
    path = tmp_path / f"deep.{ending}"
    stored = deep[..., ::-1]
    cv2.imwrite(str(path), np.dstack([stored, np.full((2, 3), 65535, np.uint16)]) if alpha else stored)
    assert read_image(path)[0].tolist() == [[255, 0, 0], [0, 127, 0], [0, 0, 64]]
    assert read_thumbnail(path, 6).max() == 76
    # Colours of 16 bits are those of every version: their upper 8
    cv2.imwrite(str(path), (deep[..., ::-1] // 4095) * 65535)
    assert read_image(path)[0].tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 0]]
    cv2.imwrite(str(path), np.full((2, 3, 3), 0x8FFF, np.uint16))
    assert (read_image(path) == 0x8F).all()


def test_deep_colours_are_turned_by_exif(tmp_path: Path):
    deep = np.zeros((2, 3, 3), np.uint16)
    deep[0, 0] = 4095
    done, data = cv2.imencode(".png", deep)
    assert done
    exif = Image.Exif()
    exif[0x0112] = 6
    content, place = data.tobytes(), data.tobytes().index(b"IDAT") - 4
    path = tmp_path / "turned.png"
    path.write_bytes(content[:place] + _chunk(b"eXIf", exif.tobytes()[6:]) + content[place:])
    found = read_image(path)
    assert found.shape == (3, 2, 3) == (*image_size(path), 3)
    assert found[0, 1].tolist() == [255] * 3 and found.sum() == 3 * 255


def test_float_images(tmp_path: Path):
    unit = read_image(_save(tmp_path / "unit.tiff", np.array([[0.0, 0.2, 0.6]], np.float32)))
    assert unit[..., 0].tolist() == [[0, 51, 153]]
    wide = read_image(_save(tmp_path / "wide.tiff", np.array([[-10.0, 0.0, 10.0]], np.float32)))
    assert wide[..., 0].tolist() == [[0, 128, 255]]


def test_float_images_of_one_value_or_with_none_that_is_a_number(tmp_path: Path):
    gap = np.array([[np.nan, -10.0, np.inf, 10.0]], np.float32)
    assert read_image(_save(tmp_path / "gap.tiff", gap))[..., 0].tolist() == [[0, 0, 0, 255]]
    for value in (np.nan, np.inf, 5.0):
        flat = _save(tmp_path / "flat.tiff", np.full((2, 2), value, np.float32))
        assert read_image(flat)[..., 0].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_orientation_is_applied(tmp_path: Path, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = _save(tmp_path / "turned.png", np.dstack([RAMP] * 3), exif=exif)
    expected = np.rot90(RAMP, turns)
    assert (read_image(path)[..., 0] == expected).all()
    assert image_size(path) == expected.shape


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_exif_behind_the_pixels_of_a_png_is_applied(tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = _save(tmp_path / "late.png", np.dstack([RAMP] * 3))
    content, end = path.read_bytes(), _chunk(b"IEND", b"")
    path.write_bytes(content.removesuffix(end) + _chunk(b"eXIf", exif.tobytes()[6:]) + end)
    assert (read_image(path)[..., 0] == np.rot90(RAMP, 3)).all()
    assert (image_header(path), image_size(path)) == (ImageHeader((3, 4), 6), (4, 3))


def test_no_pixel_is_decoded_for_a_header_or_a_mask_of_another_size(tmp_path: Path):
    head = struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", b"damaged") + _chunk(b"IEND", b""))
    assert image_size(path) == (9000, 9000)

    def check_size(size: tuple[int, int]) -> None:
        raise SampleError(f"{size} is not what was expected")

    with pytest.raises(SampleError, match=r"\(9000, 9000\) is not what was expected"):
        read_mask(path, "1", check_size)


def test_a_format_that_another_program_would_run_is_not_read(tmp_path: Path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    for reader in (read_image, image_size, read_mask):
        with pytest.raises(SampleError, match="is not an image in a format that can be read"):
            reader(tmp_path / "a.png")


def test_masks_keep_their_values(tmp_path: Path):
    assert (read_mask(_save(tmp_path / "u8.png", RAMP)) == RAMP).all()
    deep = RAMP.astype(np.uint16) * 300
    found = read_mask(_save(tmp_path / "u16.png", deep))
    assert (found.dtype, found.tolist()) == (np.uint16, deep.tolist())
    rgb = np.dstack([RAMP, RAMP, 255 - RAMP])
    assert (read_mask(_save(tmp_path / "rgb.png", rgb)) == rgb).all()
    rgba = np.dstack([rgb, RAMP])
    assert (read_mask(_save(tmp_path / "rgba.png", rgba)) == rgba).all()


@pytest.mark.parametrize(("name", "channels"), [("rgb.png", 3), ("rgba.png", 4), ("rgb.tif", 3)])
def test_masks_of_16_bits_a_channel_are_refused_where_8_are_not_all(tmp_path: Path, name, channels):
    """PIL reads the upper 8 bits of them: all classes were 0."""
    path, classes = tmp_path / name, np.full((3, 4, channels), 7, np.uint16)
    assert cv2.imwrite(str(path), classes)
    with pytest.raises(SampleError, match="the file's channels have 16 bits, of which only 8 can be read: store it"):
        read_mask(path)
    # Colours of 8 bits that a program has stored in 16
    assert cv2.imwrite(str(path), classes * 257)
    assert (read_mask(path) == 7).all()


def test_palette_masks_keep_their_indices(tmp_path: Path):
    indices = np.array([[0, 1, 2], [2, 1, 0]], np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    path = _save(tmp_path / "palette.png", image)
    with Image.open(path) as stored:
        assert stored.mode == "P"
    assert read_mask(path).tolist() == indices.tolist()


def test_one_bit_and_gray_alpha_masks(tmp_path: Path):
    bits = np.array([[True, False]])
    assert read_mask(_save(tmp_path / "bits.png", bits)).tolist() == [[255, 0]]
    both = Image.merge("LA", [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)])
    assert (read_mask(_save(tmp_path / "la.png", both)) == RAMP).all()


def test_float_masks_of_whole_numbers_are_masks_and_others_are_refused(tmp_path: Path):
    path = tmp_path / "float.tiff"
    Image.fromarray(np.array([[0, 1], [255, 300]], np.float32)).save(path)
    mask = read_mask(path)
    assert mask.dtype == np.uint16 and mask.tolist() == [[0, 1], [255, 300]]
    Image.fromarray(np.array([[0, -9999]], np.float32)).save(path)
    assert read_mask(path).tolist() == [[0, -9999]]
    for value, shown in ((0.5, "0.5"), (np.nan, "nan"), (np.inf, "inf"), (2.0**31, "2.14748e+09")):
        Image.fromarray(np.array([[1, value]], np.float32)).save(path)
        match = rf"sample 17 \(.*float\.tiff\): Expected a mask of whole numbers, but 1 of .* as {re.escape(shown)}: "
        with pytest.raises(SampleError, match=match):
            read_mask(path, "17")


@pytest.mark.parametrize("reader", [read_image, image_size, read_mask])
def test_missing_file_folder_and_text(tmp_path: Path, reader):
    with pytest.raises(SampleError, match=r"sample 5 \(.*none\.png\): The (image|mask) file does not exist\. Restore"):
        reader(tmp_path / "none.png", "5")
    with pytest.raises(SampleError, match=r"this is a folder\. Correct the path"):
        reader(tmp_path, "5")
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(SampleError, match=r"text\.png.* is not an image in a format that can be read. Replace it"):
        reader(tmp_path / "text.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(SampleError, match=r"file is empty\. Replace it"):
        reader(tmp_path / "empty.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_truncated_file(tmp_path: Path, suffix):
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = _save(tmp_path / f"cut.{suffix}", pixels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SampleError) as caught:
        read_image(path, "9")
    assert f"sample 9 ({path}): The image file is " in str(caught.value)
    assert "Replace it, or leave the sample out." in str(caught.value)


def test_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = _save(tmp_path / "big.png", RAMP)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(SampleError, match=r"too many pixels .*Cut it into tiles"):
        read_image(path)


@pytest.mark.parametrize(
    ("channels", "kind", "bits", "big"), [(4, "uint8", 8, False), (8, "uint8", 8, True), (13, "uint16", 16, False)]
)
def test_multispectral_tiffs_say_what_to_store(tmp_path: Path, channels: int, kind: str, bits: int, big: bool):
    path = tmp_path / "bands.tif"
    values = np.random.default_rng(0).integers(0, 255, (6, 8, channels)).astype(kind)
    tifffile.imwrite(path, values, photometric="minisblack", planarconfig="contig", bigtiff=big)
    found = f"file is a TIFF of {channels} channels of {bits} bits, which cannot be read as"
    with pytest.raises(SampleError, match=f"The image {found} an image. Store the three channels that are to be seen"):
        read_image(path)
    with pytest.raises(SampleError, match=f"The mask {found} classes. Store the channel that has them as an 8- or 16-"):
        read_mask(path)
    path.write_bytes(path.read_bytes()[:12])
    with pytest.raises(SampleError, match="The image file is not an image in a format that can be read"):
        read_image(path)


def test_colours_come_first_in_tiffs_with_more_channels(tmp_path: Path):
    values = np.random.default_rng(0).integers(0, 255, (6, 8, 5), dtype=np.uint8)
    for channels in (4, 5):
        path = tmp_path / f"{channels}.tif"
        tifffile.imwrite(path, values[..., :channels], photometric="rgb")
        np.testing.assert_array_equal(read_image(path), values[..., :3])
