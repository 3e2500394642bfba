"""The manifest of a clean dataset: one file of JSON that is written image by image, so memory does not grow.

::

    {"run": {"key": "lq", "dataset": "street", "label_field": "ground_truth", "created": "…", …},
     "export": {"dataset_type": "ImageSegmentationDirectory", "unreviewed": "keep", …},
     "classes": {"0": "unlabelled", "3": "road"}, "ignored": ["255"],
     "ignored_as": "pixels of these values", "versions": {…},
     "images": [
    {"sample_id": "…", "filepath": "/…/7.png", "outcome": "changed", "image": "data/7.png", "mask": "labels/7.png",
     "given": {"mask_path": "/…/7.png", "sha256": "…"}, "written": {"sha256": "…"}, "pixels": 48, "regions": [
      {"given": "road", "suggested": "car", "became": "car", "verdict": "confirmed", "reviewed_by": "ann", …}]}
    ],
     "counts": {"images": 6, …}}
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ..base.json_values import to_json
from ..regions.reviewed import Region, box_of

MANIFEST = "manifest.json"
#: What of a region goes to the manifest as it is
_OF_REGION = (
    *("id", "given", "suggested", "error_type", "probability", "evidence", "bounding_box"),
    *("verdict", "drawn", "corrected_to", "reviewed_by"),
)


class Manifest:
    """The manifest while it is written. Make it with `open_manifest`."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._any = False

    def add(self, image: Mapping[str, Any]) -> None:
        """Adds an image; raises `OSError` where that cannot be written."""
        self._file.write((",\n" if self._any else "\n") + _strict(image))
        self._any = True

    def begin(self, head: Mapping[str, Any]) -> None:
        """Writes what comes before the images."""
        self._file.write(_strict(head)[:-1] + ', "images": [')

    def end(self, tail: Mapping[str, Any]) -> None:
        """Writes what comes after them."""
        self._file.write("\n], " + _strict(tail)[1:] + "\n")


@contextlib.contextmanager
def open_manifest(folder: Path, head: Mapping[str, Any]) -> Iterator[Manifest]:
    """A manifest in a folder, to add images to and to end.

    Args:
        folder: the folder
        head: what comes before the images, by name

    Raises:
        OSError: it cannot be written
    """
    with open(folder / MANIFEST, "x", encoding="utf-8") as file:
        manifest = Manifest(file)
        manifest.begin(head)
        yield manifest


def describe_region(region: Region, became: str | None, inside: np.ndarray | None = None, pixels: int = 0) -> Any:
    """A region as JSON values.

    Args:
        region: the region
        became: name of the class that its pixels were given, or what else they are now; None where they are as given
        inside: (H, W) bool, its pixels, where they were looked at
        pixels: how many of them were changed
    """
    values = {name: region.get(name) for name in _OF_REGION}
    box = None if inside is None else box_of(inside)
    return {**values, "reviewed_at": _utc(region.get("reviewed_at")), "became": became, "box": box, "pixels": pixels}


def _utc(time: datetime | None) -> str | None:
    """A time as ISO 8601, in UTC; MongoDB gives UTC without saying so, or that of FiftyOne's setting."""
    if time is None:
        return None
    known = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time.astimezone(timezone.utc)
    return known.isoformat(timespec="seconds")


def _strict(value: Mapping[str, Any]) -> str:
    return json.dumps(to_json(value), ensure_ascii=False, allow_nan=False)
