"""Reading images and mask files: whatever the file holds, as one kind of array; errors that name the file."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..base.errors import SampleError
from ..base.foreign_files import UnreadableFileError, file_size, path_problem
from .tiff import tiff_channels

_EXIF_ORIENTATION = 0x0112
#: Orientations that swap height and width
_SWAPS_SIDES = (5, 6, 7, 8)
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
#: Chunks of a PNG from which PIL takes EXIF
_MAY_HOLD_EXIF = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")
#: Formats that PIL leaves to another program (Ghostscript runs what is in the file) or to Windows
_FOREIGN_FORMATS = ("EPS", "WMF")
#: White in the bit depths that cameras and scanners have
_WHITE_LEVELS = (255, 1023, 4095, 16383, 65535)


def read_image(path: str | Path, sample_id: str | None = None) -> np.ndarray:
    """Reads an image file.

    Gray images get three equal channels, alpha is dropped, the EXIF orientation is applied. Images of more than
    8 bits are scaled so that the white of the smallest usual bit depth that holds them (8, 10, 12, 14, 16) is 255, but
    that of colours of 16 bits the upper 8 are taken;
    float images are taken for [0, 1], or stretched from their lowest to their highest value where they go beyond.

    Args:
        path: the file; of several frames the first is read
        sample_id: named in errors

    Returns:
        (H, W, 3) uint8 RGB

    Raises:
        SampleError: the file is missing, truncated or no image
    """
    with _opened(path, sample_id, "image") as image:
        upright = ImageOps.exif_transpose(_in_8_bits(image, path))
        if upright.mode.startswith(("I", "F")):
            gray = _to_8_bits(np.asarray(upright))
            return np.repeat(gray[..., None], 3, axis=2)
        return np.array(upright.convert("RGB"))


def read_thumbnail(path: str | Path, side: int) -> np.ndarray:
    """Reads an image file in a small size, as it is shown; of a JPEG without decoding all of it.

    Args:
        path: the file
        side: of the result in pixels; the image's sides are shrunken to it each

    Returns:
        (side, side) uint8 gray values

    Raises:
        SampleError: the file is missing, truncated or no image
    """
    with _opened(path, None, "image") as image:
        image.draft("L", (2 * side, 2 * side))
        upright = ImageOps.exif_transpose(_in_8_bits(image, path))
        if upright.mode.startswith(("I", "F")):
            upright = Image.fromarray(_to_8_bits(np.asarray(upright)))
        return np.array(upright.convert("L").resize((side, side), Image.Resampling.BILINEAR))


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself.

    Args:
        stored: (height, width) of its pixels as they are stored
        orientation: how EXIF has them turned, 1 to 8; 1 for as they are
    """

    stored: tuple[int, int]
    orientation: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image as `read_image` gives it, and as a browser shows it."""
        return self.stored[::-1] if self.orientation in _SWAPS_SIDES else self.stored


def image_header(path: str | Path, sample_id: str | None = None) -> ImageHeader:
    """What an image file says of itself; no pixel is decoded.

    Raises:
        SampleError: the file is missing or no image
    """
    with _opened(path, sample_id, "image") as image:
        late = image.format == "PNG" and "exif" not in image.info and _has_late_text(path)
        # Of a PNG without EXIF in front, PIL's own method decodes all pixels to look behind them
        exif = image.getexif() if late else Image.Image.getexif(image)
        orientation = exif.get(_EXIF_ORIENTATION, 1)
        return ImageHeader((image.height, image.width), orientation if orientation in range(1, 9) else 1)


def image_size(path: str | Path, sample_id: str | None = None) -> tuple[int, int]:
    """The (height, width) in pixels of the image as `read_image` gives it, from the file's header alone.

    Raises:
        SampleError: the file is missing or no image
    """
    return image_header(path, sample_id).size


def is_jpeg(path: str | Path) -> bool:
    """Whether a file begins as JPEG files do; False where it cannot be read."""
    try:
        if not file_size(path, "mask"):
            return False
        with open(path, "rb") as file:
            return file.read(len(_JPEG)) == _JPEG
    except (OSError, ValueError):
        return False


def read_mask(
    path: str | Path,
    sample_id: str | None = None,
    check_size: Callable[[tuple[int, int]], None] | None = None,
    *,
    palette: bool = False,
) -> np.ndarray:
    """Reads a mask file.

    Unlike FiftyOne, which turns a palette PNG into the palette's colours, this keeps its indices unless told otherwise.

    Args:
        path: a file without loss (PNG, TIFF, BMP …)
        sample_id: named in errors
        check_size: called with the file's (height, width) before any pixel is decoded
        palette: of a file with a palette, its colours instead of its indices

    Returns:
        (H, W) uint8 or uint16 values or palette indices (a one-bit mask holds 0 and 255, as FiftyOne reads it); int32
        where the file has larger or negative ones; whole numbers also of a file of floats; (H, W, 3) or (H, W, 4) uint8
        of a colour mask

    Raises:
        SampleError: the file is missing, truncated or no image, or holds fractions or colours of 16 bits a channel; or
            what ``check_size`` raises
    """
    with _opened(path, sample_id, "mask") as image:
        if check_size is not None:
            check_size((image.height, image.width))
        _check_deep_colours(image, path, sample_id)
        if image.mode in ("1", "LA", "La"):
            return np.array(image.convert("L"))
        if palette and image.mode == "P":
            return np.array(image.convert("RGB"))
        if image.mode not in ("L", "P", "I", "I;16", "I;16B", "I;16L", "F", "RGB", "RGBA"):
            raise SampleError(
                f"Expected a mask of integers or RGB colours, but the file's pixels are of kind {image.mode!r}: store "
                "it as an 8- or 16-bit PNG.",
                sample_id=sample_id,
                path=str(path),
            )
        return _smallest(_whole(np.array(image), path, sample_id))


def mask_mode(path: str | Path, sample_id: str | None = None) -> str:
    """What the pixels of a mask file are, as PIL calls it, such as ``L``, ``P`` or ``RGB``; no pixel is decoded.

    Raises:
        SampleError: the file is missing or no image
    """
    with _opened(path, sample_id, "mask") as image:
        return str(image.mode)


@contextmanager
def _opened(path: str | Path, sample_id: str | None, what: str) -> Iterator[Image.Image]:
    """Opens the file with PIL, which unlike OpenCV does not hand out truncated images half gray."""
    try:
        if not file_size(path, what):
            raise UnreadableFileError(f"The {what} file is empty. Replace it, or leave the sample out.")
        with Image.open(path) as image:
            if image.format in _FOREIGN_FORMATS:
                raise UnidentifiedImageError
            yield image
    except SampleError:
        raise
    # Decoders raise whatever they like for broken files: OSError, SyntaxError, ValueError, struct.error, EOFError …
    except Exception as error:
        problem = _problem(error, what)
        if isinstance(error, UnidentifiedImageError):
            problem = _multispectral(path, what) or problem
        raise SampleError(problem, sample_id=sample_id, path=str(path)) from error


def _multispectral(path: str | Path, what: str) -> str | None:
    """What is said of a TIFF that has channels of which no image can be made; None of another file."""
    channels, bits = tiff_channels(path) or (1, 1)
    if channels == 1:
        return None
    found = f"The {what} file is a TIFF of {channels} channels of {bits} bits, which cannot be read as"
    if what == "mask":
        return f"{found} classes. Store the channel that has them as an 8- or 16-bit PNG."
    return (
        f"{found} an image. Store the three channels that are to be seen as an RGB image of 8 bits (PNG, JPEG or TIFF) "
        "and make it the sample's filepath; a model that needs all channels can give its predictions as files."
    )


def _problem(error: Exception, what: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"The {what} file does not exist. Restore it, correct the sample's path, or leave the sample out."
    if isinstance(error, UnreadableFileError):
        return str(error)
    if isinstance(error, PermissionError):
        return path_problem(error, what)
    if isinstance(error, MemoryError):
        return f"The {what} takes more memory than there is. Cut it into tiles."
    if isinstance(error, Image.DecompressionBombError):
        return f"The {what} has too many pixels to be read safely ({error}). Cut it into tiles."
    if isinstance(error, UnidentifiedImageError):
        return f"The {what} file is not an image in a format that can be read. Replace it, or leave the sample out."
    return f"The {what} file is truncated or damaged ({error}). Replace it, or leave the sample out."


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating):
        known = np.isfinite(values)
        low, high = float(values.min(where=known, initial=np.inf)), float(values.max(where=known, initial=-np.inf))
        low, high = (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
        values = np.where(known, values, np.float32(low))
    else:
        low, high = 0.0, float(values.max())
        high = float(next((white for white in _WHITE_LEVELS if high <= white), high))
    # Of one value alone, or of none that is a number, all is black
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    with np.errstate(over="ignore"):
        scaled = (values.astype(np.float32) - low) / (high - low)
    return np.rint(255 * scaled.clip(0, 1)).astype(np.uint8)


def _in_8_bits(image: Image.Image, path: str | Path) -> Image.Image:
    """The image, with its colours in 8 bits where they have 16 and do not use them all.

    PIL keeps the upper 8 bits, in which colours of 10 or 12 bits are nearly black.
    """
    if not _has_deep_colours(image):
        return image
    values = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))
    if values.ndim != 3 or values[..., :3].max() > _WHITE_LEVELS[-2]:
        return image
    scaled = Image.fromarray(_to_8_bits(values[..., 2::-1]))
    scaled.getexif()[_EXIF_ORIENTATION] = image.getexif().get(_EXIF_ORIENTATION, 1)
    return scaled


def _has_deep_colours(image: Image.Image) -> bool:
    """Whether an image has several channels of 16 bits, of which PIL makes 8."""
    tiles = getattr(image, "tile", None)
    return bool(tiles and not image.mode.startswith("I") and ";16" in str(tiles[0][3]))


def _has_late_text(path: str | Path) -> bool:
    """Whether a PNG has chunks behind its pixels in which EXIF may be; stops at the first that is none."""
    with open(path, "rb") as file:
        file.seek(len(_PNG))
        behind = False
        while len(start := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", start)
            behind = behind or kind == b"IDAT"
            if behind and kind in _MAY_HOLD_EXIF:
                return True
            file.seek(length + 4, os.SEEK_CUR)
    return False


def _check_deep_colours(image: Image.Image, path: str | Path, sample_id: str | None) -> None:
    """Raises `SampleError` for a mask of several 16-bit channels in which values differ that PIL makes one of.

    PIL keeps the upper 8 bits, in which all classes below 256 are 0.
    """
    if not _has_deep_colours(image):
        return
    values: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    lower, upper = (values & 255, values >> 8) if values is not None else (0, 0)
    if np.any((lower != 0) & (lower != upper)):
        raise SampleError(
            "Expected a mask of integers or of colours with 8 bits a channel, but the file's channels have 16 bits, of "
            "which only 8 can be read: store it as an 8-bit RGB PNG, or its integers as an 8- or 16-bit gray PNG.",
            sample_id=sample_id,
            path=str(path),
        )


def _whole(values: np.ndarray, path: str | Path, sample_id: str | None) -> np.ndarray:
    """Floats that are whole numbers as int32, as geographic programs write classes; integers as they are."""
    if values.dtype.kind != "f":
        return values
    # NaN is in no interval
    inside = (values >= -(2**31)) & (values < 2**31)
    wrong = values[~inside | (np.trunc(values) != values)]
    if wrong.size:
        raise SampleError(
            f"Expected a mask of whole numbers, but {wrong.size} of the file's {values.size} pixels are none, such as "
            f"{wrong[0]:g}: store the classes as an 8- or 16-bit PNG, and a value of their own where there are none.",
            sample_id=sample_id,
            path=str(path),
        )
    return values.astype(np.int32)


def _smallest(values: np.ndarray) -> np.ndarray:
    """Integers of 16-bit files, which PIL may hold in 32 bits, as uint16."""
    fits = values.dtype != np.uint8 and values.min() >= 0 and values.max() <= 65535
    return values.astype(np.uint16) if fits else values
