"""Opens the samples of a run: which take part, where their given masks are, and which classes they have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import fiftyone as fo
from fiftyone import ViewField as F

from ..base.errors import LabelQualityError, SampleError
from ..base.portions import fits_query
from ..base.progress import Progress, silent
from ..engine.engine import current_engine, map_samples
from ..labels.file_doubts import check_lossless
from ..labels.given_masks import GivenMasks
from ..labels.mask_values import Target
from ..labels.masks import ClassTable, values_seen
from .checks import (
    Classes,
    check_collection,
    check_label_field,
    class_targets,
    has_instances,
    segmentation_fields,
    without_samples,
)
from .failures import raise_together
from .instance_samples import InstanceSamples
from .segmentation_samples import SegmentationSamples

__all__ = ["Classes", "SegmentationSamples", "open_samples", "raise_together", "segmentation_fields"]


def open_samples(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    *,
    classes: Classes | None = None,
    ignored: Iterable[Target] = (),
    unlabelled: Target | None = None,
    unknown: str = "error",
    skip_failures: bool = False,
    progress: Progress = silent,
    workers: int | None = None,
    only: Collection[str] | None = None,
) -> SegmentationSamples:
    """Opens the samples of a dataset or view for a run; reads no image, and masks only where no class names exist.

    Args:
        collection: an image dataset, or a view of one
        label_field: the field with the given masks: `fo.Segmentation`, or instances, `fo.Detections` with masks or
            filled `fo.Polylines`, which are drawn as masks, the smaller in front of the larger
        classes: mask value or '#rrggbb' to name, or the names of the values 0, 1, 2, …; by default the dataset's mask
            targets of the field, its default mask targets, or the values that the masks hold. Of instances by default
            the dataset's classes of the field, its default classes, or the labels there are, after a background
        ignored: values, colours or names of classes that take part in nothing
        unlabelled: value, colour or name of the class where unlabelled things are; by default found by name
        unknown: a mask value outside the classes is an ``error``, or ``ignore`` to leave its pixels out
        skip_failures: leave samples without a mask out, as ``failures`` of the result, instead of raising
        progress: told while the masks are read for their values
        workers: threads that read masks; None for one a core
        only: ids of the samples of the collection that are meant, of which there may be any number; None for all

    Returns:
        the samples in the collection's order

    Raises:
        LabelQualityError: not an image dataset, an empty view, no such field, not a segmentation field, bad classes
        SampleError: samples without a mask, unless ``skip_failures``
    """
    if only is not None and fits_query(only):
        collection = collection.select(list(only))
    check_collection(collection)
    check_label_field(collection, label_field)
    # A placeholder until the masks can be read: building a table from the values seen needs the samples first
    unnamed = ClassTable(ids=(0,), names=("",))
    samples = _with_masks(collection, label_field, unnamed, unknown, skip_failures, only)
    current_engine().check(samples.files())
    source, targets = class_targets(collection, label_field, classes)
    if targets is not None and isinstance(samples, InstanceSamples):
        samples.class_table = _instance_table(targets, ignored, unlabelled, source)
        return samples
    if targets is None:
        check_lossless(label_field, samples.ids, samples.mask_paths)
        samples.class_table = ClassTable.from_values(_values_seen(samples, progress, workers), ignored, unlabelled)
        return samples
    # Before any mask is read: whether a palette's indices count or its colours depends on the classes
    samples.class_table = table = ClassTable.from_targets(targets, ignored, unlabelled, source)
    if source != "argument" and 0 not in table.ids and 0 not in table.ignored and _holds_background(samples, workers):
        samples.class_table = table.with_background()
    return samples


def _with_masks(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    table: ClassTable,
    unknown: str,
    skip_failures: bool,
    only: Collection[str] | None,
) -> SegmentationSamples:
    """The samples that have a mask; the others are failures."""
    if has_instances(collection, label_field):
        return _with_instances(collection, label_field, table, unknown, skip_failures, only)
    stored = F(f"{label_field}.mask").exists()
    names = ["id", "filepath", f"{label_field}.id", stored, f"{label_field}.mask_path"]
    ids, image_paths, labels, in_database, mask_paths = _picked(collection, names, only)
    missing = [i for i in range(len(ids)) if not in_database[i] and mask_paths[i] is None]
    failures = [_no_mask(ids[i], image_paths[i], label_field, labels[i] is not None) for i in missing]
    if failures and (not skip_failures or len(failures) == len(ids)):
        raise _none_have_masks(failures, len(ids), label_field)
    # As in FiftyOne's get_mask(), a mask in the database comes before one on disk
    paths = [None if stored else path for stored, path in zip(in_database, mask_paths, strict=True)]
    everything = SegmentationSamples(collection, label_field, ids, image_paths, paths, table, unknown, failures)
    return _without(everything, missing)


def _with_instances(
    collection: fo.Dataset | fo.DatasetView,
    label_field: str,
    table: ClassTable,
    unknown: str,
    skip_failures: bool,
    only: Collection[str] | None,
) -> SegmentationSamples:
    """The samples that have a list of instances, which may be empty; the others are failures."""
    ids, image_paths, there = _picked(collection, ["id", "filepath", F(label_field).exists()], only)
    missing = [i for i in range(len(ids)) if not there[i]]
    failures = [_no_instances(ids[i], image_paths[i], label_field) for i in missing]
    if failures and (not skip_failures or len(failures) == len(ids)):
        raise _none_have_masks(failures, len(ids), label_field)
    paths = [None] * len(ids)
    return _without(
        InstanceSamples(collection, label_field, ids, image_paths, paths, table, unknown, failures), missing
    )


def _picked(
    collection: fo.Dataset | fo.DatasetView, names: Sequence[Any], only: Collection[str] | None
) -> Sequence[Sequence[Any]]:
    """Values of samples, of which the first are their ids; those of more ids than a query may have are picked here."""
    columns: Sequence[Sequence[Any]] = collection.values(names)
    if only is None or fits_query(only):
        return columns
    wanted = set(only)
    kept = [place for place, one in enumerate(columns[0]) if one in wanted]
    if not kept:
        raise without_samples(collection)
    return [[column[place] for place in kept] for column in columns]


def _without(samples: SegmentationSamples, missing: Sequence[int]) -> SegmentationSamples:
    left_out = set(missing)
    return samples.subset(i for i in range(len(samples)) if i not in left_out) if missing else samples


def _instance_table(
    targets: Mapping[Any, str], ignored: Iterable[Target], unlabelled: Target | None, source: str
) -> ClassTable:
    table = ClassTable.from_targets(targets, ignored, unlabelled, source)
    if table.colors is not None:
        raise LabelQualityError("Expected integers as values of the instances' classes, but got colours '#rrggbb'.")
    names = {int(value): name for value, name in targets.items()}
    return replace(table, ignored_names=tuple(names.get(value, str(value)) for value in table.ignored))


def _no_instances(sample_id: str, image_path: str, label_field: str) -> SampleError:
    return SampleError(
        f"expected instances in field '{label_field}', but it has no label. Label it (with an empty list where nothing "
        "is to be seen), or leave it out of the view.",
        sample_id=sample_id,
        path=image_path,
    )


def _no_mask(sample_id: str, image_path: str, label_field: str, has_label: bool) -> SampleError:
    found = f"its label in '{label_field}' has neither a mask nor a mask_path" if has_label else "it has no label"
    return SampleError(
        f"expected a mask in field '{label_field}', but {found}. Label it, or leave it out of the view.",
        sample_id=sample_id,
        path=image_path,
    )


def _none_have_masks(failures: list[SampleError], total: int, label_field: str) -> SampleError:
    first = failures[0]
    return SampleError(
        f"expected a mask in field '{label_field}', but {len(failures)} of {total} samples, of which this is the "
        f"first, have none. Label them, leave them out of the view (`view.exists('{label_field}')`), or run with "
        "skip_failures=True where other samples have one.",
        sample_id=first.sample_id,
        path=first.path,
    )


def _values_seen(samples: SegmentationSamples, progress: Progress, workers: int | None) -> set[Target]:
    """The values of all masks that can be read; the others are reported when the masks are checked."""
    seen: set[Target] = set()
    found = map_samples(_values_of, samples, len(samples), workers=workers)
    for done, values in enumerate(found, start=1):
        seen |= values
        progress("Reading mask values", done, len(samples))
    if any(isinstance(value, str) for value in seen):
        # Where some masks have colours, gray ones (all black, say) are colours too
        seen = {value if isinstance(value, str) else f"#{value:02x}{value:02x}{value:02x}" for value in seen}
    if not seen:
        raise _none_can_be_read(samples)
    return seen


def _none_can_be_read(samples: SegmentationSamples) -> LabelQualityError:
    """What is said where there is no mask to take values from, with the reason of the first one."""
    several = f"None of the {len(samples)} masks in '{samples.label_field}' can be read"
    try:
        values_seen(samples.load_mask(0))
    except LabelQualityError as error:
        return LabelQualityError(f"{several}; the first: {error}")
    return LabelQualityError(f"{several}. Check one of them: {samples.mask_paths[0] or 'sample ' + samples.ids[0]}.")


def _values_of(samples: GivenMasks, index: int) -> set[Target]:
    try:
        return values_seen(samples.load_mask(index))
    except LabelQualityError:
        return set()


def _holds_background(samples: SegmentationSamples, workers: int | None) -> bool:
    """Whether any mask holds 0 (black); stops at the first that does."""
    found = map_samples(_values_of, samples, len(samples), workers=workers)
    return any(not values.isdisjoint({0, "#000000"}) for values in found)
