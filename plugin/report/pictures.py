"""Pictures in a report: photographs as JPEG and masks as PNG, each once in the page, however often they are shown."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import fiftyone as fo
import numpy as np

from ..base.errors import LabelQualityError
from ..base.words import accusation, particulars
from ..documents.display import ERROR_COLORS
from ..labels.images import read_image
from ..records.run_record import RunRecord
from ..regions.drawing import MASK_OPACITY, outline, png
from ..regions.pictures import ClassShown, RegionRead, read_region

#: Pixels of the longer side of a whole image
_LARGEST_SIDE = 480
_JPEG_QUALITY = 85


@dataclass(frozen=True)
class Box:
    """A suspect in a whole image.

    Args:
        left, top, width, height: in [0, 1]
        color: of its type of error
    """

    left: float
    top: float
    width: float
    height: float
    color: str


@dataclass(frozen=True)
class Photo:
    """A whole image.

    Args:
        width: in pixels
        height: in pixels
        source: data URI of a JPEG
        boxes: its suspects
    """

    width: int
    height: int
    source: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class Crop:
    """A suspect with its surroundings.

    Args:
        accusation: what is suspected, in words
        particulars: type, size and verdict
        width: in pixels
        height: in pixels
        photo: data URI of a JPEG
        outline: of the region, an SVG path
        given: caption of the given mask
        given_mask: data URI of a PNG
        suggested: caption of the mask as it should be
        suggested_mask: data URI of a PNG; None where the suggestion is no class of the run
        classes: what is in the masks, the largest first
        problem: why it cannot be shown, then all else is empty; or ""
    """

    accusation: str
    particulars: str
    width: int = 0
    height: int = 0
    photo: str = ""
    outline: str = ""
    given: str = ""
    given_mask: str = ""
    suggested: str = ""
    suggested_mask: str | None = None
    classes: tuple[ClassShown, ...] = ()
    problem: str = ""
    opacity: float = MASK_OPACITY


def take_photo(path: str, sample_id: str, regions: Sequence[Mapping[str, Any]]) -> Photo | None:
    """A whole image with its suspects; None where its file cannot be read."""
    try:
        image = read_image(path, sample_id)
    except LabelQualityError:
        return None
    height, width = image.shape[:2]
    shrunk = _LARGEST_SIDE / max(height, width, _LARGEST_SIDE)
    size = max(1, round(width * shrunk)), max(1, round(height * shrunk))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if shrunk < 1 else image
    boxes = [_box(one) for one in regions if one.get("bounding_box")]
    return Photo(small.shape[1], small.shape[0], _jpeg(small), tuple(boxes))


def crop_region(dataset: fo.Dataset, record: RunRecord, sample_id: str, region: Mapping[str, Any]) -> Crop:
    """A suspect with its surroundings; where its image or a mask cannot be read, why."""
    words = accusation(region), particulars(region)
    try:
        read = read_region(dataset, record, sample_id, region)
    except LabelQualityError as error:
        return Crop(*words, problem=str(error))
    return _crop(read, region, words)


def _crop(read: RegionRead, region: Mapping[str, Any], words: tuple[str, str]) -> Crop:
    views = read.views
    height, width = views.image.shape[:2]
    chosen = "Chosen" if region.get("corrected_to") else "Suggested"
    return Crop(
        *words,
        width=width,
        height=height,
        photo=_jpeg(views.image),
        outline=outline(views.inside),
        given=f"Given: {region['given']}" if region.get("given") else "Given mask",
        given_mask=png(read.colors.paint(views.given)),
        suggested=f"{chosen}: {region.get('label')}",
        suggested_mask=None if views.suggested is None else png(read.colors.paint(views.suggested)),
        classes=read.classes(),
    )


def _box(region: Mapping[str, Any]) -> Box:
    left, top, width, height = region["bounding_box"]
    return Box(left, top, width, height, ERROR_COLORS.get(str(region.get("error_type")), ERROR_COLORS["other"]))


def _jpeg(pixels: np.ndarray) -> str:
    """(h, w, 3) RGB uint8 as the data URI of a JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)[1]
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
