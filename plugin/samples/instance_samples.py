"""Samples whose given labels are instances: each image's are read and drawn as a mask when it is its turn."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import fiftyone.core.utils as fou
import numpy as np
from bson import ObjectId, encode

from ..base.errors import LabelQualityError, SampleError
from ..labels.given_masks import file_state
from ..labels.images import image_size, read_mask
from ..labels.instances import Instance, InstanceValues, draw_classes
from ..labels.places import Place, place_mask, place_polygons
from .private_fiftyone import stored_samples
from .segmentation_samples import DATABASE_BATCH, SegmentationSamples

#: How far outside the image, in its own sizes, a box or a point may be: what is beyond is no share of the image
_BEYOND = 1.0


class InstanceSamples(SegmentationSamples):
    """Images whose given labels are `fo.Detections` with masks, or filled `fo.Polylines`; arguments as of its base.

    A sample's mask is in no file: it is drawn from what the database has of the sample, at the size of its image.
    """

    def instances(self, sample_id: str) -> tuple[list[Instance], tuple[int, int]]:
        """A sample's instances as they are listed, and the (height, width) of its image in pixels.

        Raises:
            SampleError: the sample or its labels are gone, an instance is none, or a file cannot be read
        """
        found = self._documents([sample_id]).get(sample_id)
        label = (found or {}).get(self.label_field)
        if found is None or label is None:
            raise SampleError(
                f"its instances in '{self.label_field}' are no longer in the database. Restore them, or leave the "
                "sample out of the view.",
                sample_id=sample_id,
            )
        size = image_size(found["filepath"], sample_id)
        reader = _Reader(self.label_field, sample_id, found["filepath"], size, set(self.class_table.ignored_names))
        return list(reader.instances(label)), size

    def _stored_mask(self, sample_id: str) -> np.ndarray:
        instances, size = self.instances(sample_id)
        values = InstanceValues.of(self.class_table)
        strangers = sorted({one.label for one in instances} - set(values.of_labels))
        if strangers and self.unknown == "error":
            raise SampleError(
                f"its instances in '{self.label_field}' have labels that are no class: {', '.join(strangers)}. The "
                f"classes are {', '.join(self.class_table.names)}. Add them to the classes (the dataset's classes, or "
                "classes=), list them in ignored=, or leave those instances out with unknown='ignore'.",
                sample_id=sample_id,
            )
        return draw_classes(instances, size, values)

    def _database_checksums(self) -> Iterator[str]:
        remaining = iter(self.ids)
        while batch := list(islice(remaining, DATABASE_BATCH)):
            found = self._documents(batch)
            for sample_id in batch:
                label = found.get(sample_id, {}).get(self.label_field)
                yield "gone" if label is None else _checksum(label)

    def _documents(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Sample id to its path and its labels, as MongoDB has them; labels as objects would take ten times as long."""
        wanted = {"_id": {"$in": [ObjectId(one) for one in ids]}}
        found = stored_samples(self.dataset).find(wanted, {"filepath": True, self.label_field: True})
        return {str(one["_id"]): one for one in found}


class _Reader:
    """Reads the instances of a sample.

    Args:
        field: of the instances
        sample_id: the sample
        path: its image
        size: (height, width) of the image in pixels
        ignored: labels of ignored classes
    """

    def __init__(self, field: str, sample_id: str, path: str, size: tuple[int, int], ignored: set[str]) -> None:
        self.field, self.sample_id, self.path, self.size, self.ignored = field, sample_id, path, size, ignored

    def instances(self, label: Mapping[str, Any]) -> Iterator[Instance]:
        """The instances of a `fo.Detections` or `fo.Polylines` document."""
        for one in listed(label):
            name = (one.get("label") or "").strip()
            if not name:
                raise self._error(one, "has no label. Name its class, or delete it.")
            place = self._polygon(one, name) if one["_cls"] == "Polyline" else self._masked(one)
            if place is not None:
                yield Instance(str(one["_id"]), name, place)

    def _polygon(self, one: Mapping[str, Any], name: str) -> Place | None:
        """The pixels of a polyline; None of a line of an ignored class."""
        if not one.get("filled"):
            if name in self.ignored:
                return None
            raise self._error(
                one,
                "is a line and no area: it is not filled. Set filled=True where it is the outline of an object, delete "
                "it where it is none, or list its label in ignored=.",
            )
        shapes = one.get("points") or []
        self._check_shares(one, [value for shape in shapes for point in shape for value in point], "points")
        return place_polygons(shapes, self.size)

    def _masked(self, one: Mapping[str, Any]) -> Place:
        box = one.get("bounding_box") or []
        if len(box) != 4:
            raise self._error(one, "has no bounding_box of four values. Draw it anew, or delete it.")
        left, top, width, height = box
        self._check_shares(one, [left, top, left + width, top + height], "bounding_box")
        return place_mask(self._mask(one), box, self.size)

    def _mask(self, one: Mapping[str, Any]) -> np.ndarray:
        stored = one.get("mask")
        if stored is None and not one.get("mask_path"):
            raise self._error(
                one,
                "has a box and no mask, so that its pixels are not known. Give it a mask or a mask_path, for example "
                "with a promptable model (dataset.apply_model(…, prompt_field=…)), or leave the sample out.",
            )
        # As in FiftyOne's get_mask(), a mask in the database comes before one on disk
        if stored is None:
            return read_mask(one["mask_path"], self.sample_id)
        mask = np.asarray(fou.deserialize_numpy_array(stored))
        if mask.ndim not in (2, 3) or not mask.size:
            raise self._error(one, f"has a mask of shape {mask.shape}, but (height, width) was expected. Draw it anew.")
        return mask

    def _check_shares(self, one: Mapping[str, Any], values: Sequence[float], name: str) -> None:
        outside = [value for value in values if not -_BEYOND <= value <= 1 + _BEYOND]
        if outside:
            raise self._error(
                one,
                f"has {name} that are no shares of the image's width and height, from 0 to 1: {outside[0]:g} is one. "
                "Divide pixels by the image's width and height.",
            )

    def _error(self, one: Mapping[str, Any], problem: str) -> SampleError:
        name = f" '{one['label']}'" if one.get("label") else ""
        return SampleError(
            f"its instance {one['_id']}{name} in '{self.field}' {problem}", sample_id=self.sample_id, path=self.path
        )


def listed(label: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The instances in a `fo.Detections` or `fo.Polylines` document.

    Raises:
        LabelQualityError: it is another kind of label
    """
    for name in ("detections", "polylines"):
        if isinstance(label.get(name), list):
            found: list[dict[str, Any]] = label[name]
            return found
    raise LabelQualityError(f"Expected Detections or Polylines, but got {label.get('_cls')}.")


def _checksum(label: Mapping[str, Any]) -> str:
    """What changes when an instance, the file of its mask, or their order does."""
    checksum = 0
    for one in listed(label):
        shape = {name: one.get(name) for name in ("_id", "label", "bounding_box", "points", "filled", "mask")}
        path = one.get("mask_path") if one.get("mask") is None else None
        file = file_state(path) if path else ""
        # As MongoDB keeps it: to write a polygon as text takes ten times as long
        checksum = zlib.crc32(encode({**shape, "file": file}), checksum)
    return f"instances {checksum}"
