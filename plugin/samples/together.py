"""Samples that belong together without being told: frames of a video, and the images of a group."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import numpy as np

from .private_fiftyone import root_of
from .slices import slices_of

#: Fields of the frames of videos, as FiftyOne's ``to_frames`` calls them
_VIDEO, _NUMBER = "sample_id", "frame_number"


@dataclass(frozen=True)
class Together:
    """What belongs together.

    Args:
        what: as in "frames of a video"
        groups: a value for each sample, the same for those that belong together
        order: (n,) positions of the samples, one group after the other and in order within; None where they have none
    """

    what: str
    groups: Sequence[Hashable]
    order: np.ndarray | None = None

    @property
    def count(self) -> int:
        """How many groups there are."""
        return len(set(self.groups))


def together(samples: Any) -> Together | None:
    """What belongs together among samples, an `inputs.SegmentationSamples`; None where each stands for itself.

    Samples that were frames of a video have the video's id in ``sample_id``; of a grouped dataset those of several
    slices have their group's.
    """
    dataset = samples.dataset
    if is_of_frames(dataset):
        numbers = [number or 0 for number in samples.values(_NUMBER)]
        groups = _own(samples.values(_VIDEO), samples.ids)
        return Together("frames of a video", groups, np.lexsort((numbers, groups)))
    if len(slices_of(samples.collection)) > 1:
        groups = _own(samples.values(f"{dataset.group_field}.id"), samples.ids)
        return Together("images of a group", groups) if len(set(groups)) < len(groups) else None
    return None


def is_of_frames(collection: fo.Dataset | fo.DatasetView) -> bool:
    """Whether the samples were frames of videos: a copy of what ``to_frames`` gives."""
    schema = root_of(collection).get_field_schema()
    return isinstance(schema.get(_VIDEO), fo.ObjectIdField) and isinstance(schema.get(_NUMBER), fo.IntField)


def _own(values: Sequence[Any], ids: Sequence[str]) -> list[str]:
    """The values as text; samples without one belong to nothing but themselves."""
    return [one if value is None else str(value) for value, one in zip(values, ids, strict=True)]
