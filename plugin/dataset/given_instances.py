"""Which given instance a suspect lies on, so that a person can mend that one."""

from __future__ import annotations

import fiftyone as fo
import numpy as np

from ..base.errors import SampleError
from ..labels.class_table import ClassTable
from ..labels.images import read_mask
from ..labels.instances import draw_instances
from ..records.run_record import RunRecord
from ..samples.checks import has_instances
from ..samples.instance_samples import InstanceSamples
from ..suspects.image_suspects import ImageSuspects


def instances_of(dataset: fo.Dataset, record: RunRecord) -> InstanceSamples | None:
    """The given instances of a run, to be asked for one sample or another; None where the given labels are masks."""
    if not has_instances(dataset, record.label_field):
        return None
    return InstanceSamples(dataset, record.label_field, (), (), (), ClassTable.from_dict(record.class_table))


def instances_below(samples: InstanceSamples, image: ImageSuspects) -> list[str | None]:
    """The given instance that covers most of each suspect, of what is in front where instances overlap.

    Args:
        samples: with the instances
        image: the suspects of one of the samples

    Returns:
        for each suspect the id of an instance's label; None where it lies on none, and where the instances have changed
        since the search so that they cannot be read
    """
    if not len(image.masks):
        return []
    try:
        instances, size = samples.instances(image.sample_id)
    except SampleError:
        return [None] * len(image.masks)
    in_front = draw_instances(instances, size)
    found: list[str | None] = []
    for (left, top, width, height), path in zip(np.asarray(image.box).tolist(), image.masks, strict=True):
        inside = read_mask(path, image.sample_id) > 0
        covering = in_front[top : top + height, left : left + width][inside]
        pixels = np.bincount(covering[covering >= 0], minlength=1)
        found.append(instances[int(pixels.argmax())].id if pixels.any() else None)
    return found
