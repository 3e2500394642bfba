"""Image and mask files that may not lie on one another as they should: EXIF orientation, and lossy masks."""

from __future__ import annotations

from collections.abc import Sequence

from ..base.errors import SampleError
from ..base.executor import map_shards
from .images import ImageHeader, image_header, is_jpeg

#: Said of values outside the class table in a JPEG mask
LOSSY = (
    " But this mask is a JPEG, which is lossy and makes up values that nobody has drawn, above all at edges: export "
    "the masks anew, as PNG."
)
#: EXIF orientation to what it does to the stored pixels, and Pillow's name for it
_TURNS = {
    2: ("mirrored left to right", "FLIP_LEFT_RIGHT"),
    3: ("turned by 180°", "ROTATE_180"),
    4: ("mirrored top to bottom", "FLIP_TOP_BOTTOM"),
    5: ("mirrored at its diagonal", "TRANSPOSE"),
    6: ("turned by 90° clockwise", "ROTATE_270"),
    7: ("mirrored at its other diagonal", "TRANSVERSE"),
    8: ("turned by 90° counter-clockwise", "ROTATE_90"),
}
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")


def check_size(
    size: tuple[int, int], image: ImageHeader, image_path: str, sample_id: str, mask_path: str | None
) -> None:
    """Raises `SampleError` where a mask is not as large as its image is shown.

    Args:
        size: (height, width) of the mask
        image: the image's header
        image_path: the image
        sample_id: named in the error, as is ``mask_path``
        mask_path: the mask, None where it is in the database
    """
    if size == image.size:
        return
    (height, width), (image_height, image_width) = size, image.size
    problem = (
        f"the mask is {width}x{height} pixels but its image {image_path} is {image_width}x{image_height} (width x "
        "height). Resize the mask to the image, with nearest-neighbour interpolation."
    )
    if size == image.stored and image.orientation in _TURNS:
        turn, method = _TURNS[image.orientation]
        problem = (
            f"the mask is {width}x{height} pixels, but its image {image_path} is {image_width}x{image_height} (width x "
            f"height) as it is shown: EXIF orientation {image.orientation} says that it is {turn}, and the mask fits "
            "its pixels as they are stored. Turn the mask as well (in Pillow: "
            f"mask.transpose(Image.Transpose.{method})); or, where the image is upright as stored, remove its EXIF "
            "orientation."
        )
    elif size == image.size[::-1]:
        problem = (
            f"the mask is {width}x{height} pixels but its image {image_path} is {image_width}x{image_height} (width x "
            "height): one of the two is turned by 90°, and the image has no EXIF orientation that says so. Turn the "
            "mask as the image was turned (in Pillow: mask.transpose(Image.Transpose.ROTATE_90) or ROTATE_270); do not "
            "resize it."
        )
    raise SampleError(problem, sample_id=sample_id, path=mask_path)


def check_lossless(label_field: str, ids: Sequence[str], mask_paths: Sequence[str | None]) -> None:
    """Raises `SampleError` for JPEG masks, where the values that masks hold are to be taken for classes."""
    lossy = jpeg_masks(mask_paths)
    if lossy:
        raise SampleError(
            f"is one of {len(lossy)} masks in '{label_field}' that are JPEG files, and no classes are known but the "
            "values that masks hold. JPEG is lossy and makes values up: name the classes (the dataset's mask targets, "
            "or classes=), or store the masks as PNG.",
            sample_id=ids[lossy[0]],
            path=mask_paths[lossy[0]],
        )


def jpeg_masks(paths: Sequence[str | None]) -> list[int]:
    """Positions of the masks that are JPEG files, by name and content."""
    named = [i for i, path in enumerate(paths) if path is not None and path.lower().endswith(_JPEG_SUFFIXES)]
    return [i for i in named if is_jpeg(str(paths[i]))]


def file_notes(ids: Sequence[str], image_paths: Sequence[str], mask_paths: Sequence[str | None]) -> list[str]:
    """What a user should look at in images and masks that can be used; reads the images' headers.

    Args:
        ids: of the samples
        image_paths: of each
        mask_paths: of each, None where the mask is in the database
    """
    notes = []
    turned = [i for i, found in enumerate(map_shards(_turn_unseen, image_paths)) if found]
    if turned:
        notes.append(
            f"{_count(turned, 'image', 'has', 'have')} an EXIF orientation that leaves the size as it is, so that it "
            "cannot be told whether the masks are turned with the images as they are shown, which is what is assumed; "
            f"look at the first, sample {ids[turned[0]]} ({image_paths[turned[0]]})."
        )
    lossy = jpeg_masks(mask_paths)
    if lossy:
        notes.append(
            f"{_count(lossy, 'mask', 'is a JPEG file', 'are JPEG files')}, a lossy format: at edges it may hold "
            f"classes that nobody has drawn; store masks as PNG. The first: sample {ids[lossy[0]]} "
            f"({mask_paths[lossy[0]]})."
        )
    return notes


def _turn_unseen(path: str) -> bool:
    """Whether EXIF turns an image without changing its size; what cannot be read is said elsewhere."""
    try:
        header = image_header(path)
    except SampleError:
        return False
    return header.orientation in _TURNS and header.size == header.stored


def _count(found: Sequence[int], what: str, one: str, several: str) -> str:
    return f"1 {what} {one}" if len(found) == 1 else f"{len(found)} {what}s {several}"
