"""The relabelling queue as a file: images worst first, each with the regions to look at and what they should be.

CSV has a line a region, and one for an image without any; JSON has an object an image with a list of regions::

    {"dataset": "street", "run": "lq", "images": [{"rank": 1, "filepath": "/…/7.png", "quality": 0.12,
     "error_type": "swap", "sample_id": "…", "regions": [{"error_type": "swap", "given": "road", "suggested": "car",
     "probability": 0.93, "evidence": 50.2, "confidence": 0.8, "area": 480, "left": 8, "top": 6, "width": 30,
     "height": 16, "bounding_box": [0.25, 0.25, 0.9375, 0.6667]}]}]}

In CSV a text that a spreadsheet would take for a formula, such as a class that is called ``=1+1``, has an apostrophe
before it, which `spreadsheet_cells.from_cell` takes away again; JSON has every text as it is.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.suspect_fields import ERROR_TYPE
from ..documents.ownership import field_name
from ..labels.images import image_size
from ..runs.collect_edits import collect_edits
from ..samples.private_fiftyone import root_of
from ..store.export_folder import in_home
from ..store.new_file import check_new_file, write_new_file
from .choose_images import Chosen
from .spreadsheet_cells import as_cell

FORMATS = (".csv", ".json")
_BOX = ("left", "top", "width", "height")
_RELATIVE = ("relative_left", "relative_top", "relative_width", "relative_height")
_OF_REGION = ("region_type", "given", "suggested", "probability", "evidence", "confidence", "area")
#: The columns of the CSV file; boxes in pixels of the image, then as shares of its size
COLUMNS = ("rank", "filepath", "quality", "error_type", "region", *_OF_REGION, *_BOX, *_RELATIVE, "sample_id")
#: Attributes of a suspect that are read; the last two are there once a person has judged any
_ATTRIBUTES = (
    "label",
    "error_type",
    "given",
    "suggested",
    "probability",
    "evidence",
    "confidence",
    "area",
    "bounding_box",
)
_CORRECTED = "corrected_to"
_DIGITS = 6


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the file
        images: in it
        regions: in it
    """

    path: str
    images: int
    regions: int


def default_path(dataset: fo.Dataset) -> str:
    """Where the queue goes unless told otherwise: the home folder."""
    return in_home(dataset.name, "-relabel.csv")


def check_path(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The path of a queue, if it can be written there.

    Args:
        path: ends in one of `FORMATS`; a leading ``~`` is the home folder
        overwrite: replace the file if it is there

    Returns:
        the absolute path

    Raises:
        LabelQualityError: another ending, a file that is there, or a folder that cannot be written to
    """
    return check_new_file(path, FORMATS, overwrite)


@database_errors()
def export_queue(chosen: Chosen, path: str | os.PathLike[str], *, overwrite: bool = False) -> Exported:
    """Writes the queue of chosen images, as a whole or not at all.

    Args:
        chosen: the images and regions, from `choose_images.choose`
        path: of the file, which ends in one of `FORMATS`
        overwrite: replace the file if it is there

    Returns:
        what was written

    Raises:
        LabelQualityError: there are no images, or nothing can be written there
        SampleError: the size of an image is not known and its file cannot be read
    """
    target = check_path(path, overwrite)
    if chosen.key is not None and chosen.field is not None:
        collect_edits(root_of(chosen.samples), chosen.key)
    images = queue(chosen)
    if not images:
        raise LabelQualityError(f"There is nothing to export: no image is among {chosen.words}.")
    text = _csv(images) if target.suffix.lower() == ".csv" else _json(chosen, images)
    # Once more: it has taken a while
    check_path(target, overwrite)
    write_new_file(target, text, "queue")
    return Exported(str(target), len(images), sum(len(image["regions"]) for image in images))


def queue(chosen: Chosen) -> list[dict[str, Any]]:
    """The images of the queue as JSON values, worst first; images without a quality come last.

    Args:
        chosen: the images and regions, from `choose_images.choose`

    Raises:
        SampleError: the size of an image is not known and its file cannot be read
    """
    view = chosen.samples
    if chosen.field is not None:
        view = view.filter_labels(chosen.field, chosen.region, only_matches=False)
    names = ["id", "filepath", "metadata.width", "metadata.height", *_own(chosen)]
    columns = dict(zip(names, view.values(names), strict=True))
    regions = _regions(chosen, view)
    images = [
        _image({name: values[row] for name, values in columns.items()}, chosen, regions[row])
        for row in range(len(regions))
    ]
    images.sort(key=lambda image: math.inf if image["quality"] is None else image["quality"])
    return [{"rank": rank, **image} for rank, image in enumerate(images, start=1)]


def _own(chosen: Chosen) -> list[str]:
    """The run's fields about images that the dataset has."""
    names = [field_name(chosen.key, suffix) for suffix in ("quality", ERROR_TYPE)] if chosen.key else []
    return [name for name in names if chosen.samples.has_sample_field(name)]


def _regions(chosen: Chosen, view: fo.DatasetView) -> list[list[dict[str, Any]]]:
    """The regions of each image: their attributes as the dataset has them."""
    if chosen.field is None:
        return [[] for _ in range(len(view))]
    schema = view.get_field_schema(flat=True)
    names = [name for name in (*_ATTRIBUTES, _CORRECTED) if f"{chosen.field}.detections.{name}" in schema]
    columns = view.values([f"{chosen.field}.detections.{name}" for name in names])
    rows = zip(*columns, strict=True)
    return [[dict(zip(names, one, strict=True)) for one in zip(*row, strict=True)] if row[0] else [] for row in rows]


def _image(values: dict[str, Any], chosen: Chosen, regions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    quality = values.get(field_name(chosen.key or "", "quality"))
    size = (values["metadata.width"], values["metadata.height"])
    if regions and not all(size):
        height, width = image_size(values["filepath"], values["id"])
        size = (width, height)
    return {
        "filepath": values["filepath"],
        "quality": _rounded(quality),
        "error_type": values.get(field_name(chosen.key or "", ERROR_TYPE)),
        "sample_id": values["id"],
        "regions": [_region(region, size) for region in regions],
    }


def _region(values: dict[str, Any], size: tuple[int, int]) -> dict[str, Any]:
    """One region; what a person has corrected the suggestion to goes before it."""
    box = values["bounding_box"]
    pixels = [round(share * size[axis % 2]) for axis, share in enumerate(box)]
    return {
        "error_type": values["error_type"],
        "given": values["given"],
        "suggested": values.get(_CORRECTED) or values["suggested"] or values["label"],
        "probability": _rounded(values.get("probability")),
        "evidence": _rounded(values["evidence"]),
        "confidence": _rounded(values["confidence"]),
        "area": values["area"],
        **dict(zip(_BOX, pixels, strict=True)),
        "bounding_box": [_rounded(share) for share in box],
    }


def _json(chosen: Chosen, images: Sequence[dict[str, Any]]) -> str:
    content = {"dataset": root_of(chosen.samples).name, "run": chosen.key, "images": list(images)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _csv(images: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for image in images:
        writer.writerows({name: _cell(value) for name, value in line.items()} for line in _lines(image))
    return text.getvalue()


def _lines(image: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {name: value for name, value in image.items() if name in COLUMNS}
    if not image["regions"]:
        yield common
    for number, region in enumerate(image["regions"], start=1):
        line = {name: value for name, value in region.items() if name in COLUMNS and name != "error_type"}
        relative = dict(zip(_RELATIVE, region["bounding_box"], strict=True))
        yield {**common, "region": number, "region_type": region["error_type"], **line, **relative}


def _cell(value: Any) -> Any:
    return as_cell(value) if isinstance(value, str) else value


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
