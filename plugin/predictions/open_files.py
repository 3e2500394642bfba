"""The predictions that the user has stored, opened: files that a field of the dataset names, or masks in a field."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from fiftyone import ViewField as F

from ..base.errors import LabelQualityError, SampleError
from ..labels.class_mapping import ClassMapping
from ..labels.class_table import LARGEST_ID, ClassTable, hex_color
from ..labels.instances import InstanceValues
from ..samples.checks import check_label_field, class_targets, has_instances, segmentation_fields
from ..samples.inputs import SegmentationSamples
from ..samples.instance_samples import InstanceSamples
from .config import FilesSource
from .files import channels_of
from .readers import FileReader, MaskReader, file_path


def open_files(samples: SegmentationSamples, config: FilesSource) -> FileReader | MaskReader:
    """Opens the predictions that the user has stored; nothing is copied.

    Raises:
        LabelQualityError: no such field, a field of another type or with the given masks themselves, no sample has a
            value, or a class map that does not fit the files
    """
    if config.field == samples.label_field:
        raise LabelQualityError(
            f"Expected a field with predictions, but '{config.field}' holds the given masks themselves. Name another "
            "`field`."
        )
    images = dict(zip(samples.ids, samples.image_paths, strict=True))
    collection = samples.showing(config.field)
    if has_instances(collection, config.field):
        return MaskReader(_predicted_instances(samples, config.field), images, config.field)
    if config.field in segmentation_fields(collection):
        return MaskReader(_predicted_masks(samples, config.field), images, config.field)
    files = dict(zip(samples.ids, samples.values(config.field), strict=True))
    named = [value for value in files.values() if value]
    if not named:
        raise LabelQualityError(
            f"No sample has a path in field '{config.field}'. Fill it with the path of each sample's .npy or .npz file."
        )
    if not isinstance(named[0], str):
        raise LabelQualityError(
            f"Expected field '{config.field}' to hold paths of .npy or .npz files, Segmentation labels or "
            f"instances, but it holds {type(named[0]).__name__} values."
        )
    reader = FileReader(config, samples.class_table.size, files, images)
    return FileReader(config, reader.classes, files, images, _mapping(reader, samples.class_table))


def state_of(reader: FileReader | MaskReader) -> str:
    """A hex digest that changes when a file or a predicted mask does."""
    if isinstance(reader, FileReader):
        return reader.state()
    assert isinstance(reader.predicted, SegmentationSamples)
    return reader.predicted.fingerprint()


def _predicted_masks(samples: SegmentationSamples, name: str) -> SegmentationSamples:
    """The predicted masks, in the classes of the given ones."""
    asked = ["id", "filepath", f"{name}.id", F(f"{name}.mask").exists(), f"{name}.mask_path"]
    collection = samples.showing(name)
    rows = [row for row in zip(*collection.values(asked), strict=True) if row[2] is not None]
    if not rows:
        raise LabelQualityError(f"No sample has a predicted mask in field '{name}'.")
    return SegmentationSamples(
        collection,
        name,
        [row[0] for row in rows],
        [row[1] for row in rows],
        # As in FiftyOne's get_mask(), a mask in the database comes before one on disk
        [None if row[3] else row[4] for row in rows],
        _predicted_table(samples, name),
        samples.unknown,
    )


def _predicted_instances(samples: SegmentationSamples, name: str) -> InstanceSamples:
    """The predicted instances, drawn as masks in the classes of the given ones."""
    InstanceValues.of(samples.class_table)
    collection = samples.showing(name)
    check_label_field(collection, name)
    ids, paths, there = collection.values(["id", "filepath", F(name).exists()])
    rows = [(one, path) for one, path, is_there in zip(ids, paths, there, strict=True) if is_there]
    if not rows:
        raise LabelQualityError(f"No sample has predicted instances in field '{name}'.")
    ids, paths = (list(column) for column in zip(*rows, strict=True))
    classes = samples.class_table, samples.unknown
    return InstanceSamples(collection, name, ids, paths, [None] * len(ids), *classes)


def _predicted_table(samples: SegmentationSamples, name: str) -> ClassTable:
    """The classes of predicted masks, in the order of the given ones.

    Masks have the values of the given ones. Instances have none of their own, so that predicted masks are matched with
    them by the names in their mask targets, where they have some.
    """
    table = samples.class_table
    targets = class_targets(samples.showing(name), name)[1]
    if targets is None or not isinstance(samples, InstanceSamples):
        return table
    predicted = ClassTable.from_targets(targets).with_background()
    values = {one.lower(): value for one, value in zip(predicted.names, predicted.ids, strict=True)}
    known = [one for one in table.names if one.lower() in values]
    if len(known) < 2:
        raise LabelQualityError(
            f"Expected the mask targets of '{name}' to name the classes {', '.join(table.names)}, but they are "
            f"{', '.join(predicted.names)}. Call them the same."
        )
    # A class that the predictions do not know is never seen
    free = (value for value in count(LARGEST_ID, -1) if value not in predicted.ids)
    ids = tuple(values[one.lower()] if one in known else next(free) for one in table.names)
    ignored = tuple(values[one.lower()] for one in table.ignored_names if one.lower() in values)
    if predicted.colors is None:
        return replace(table, ids=ids, ignored=ignored, ignored_names=())
    colors, ignored_colors = tuple(map(hex_color, ids)), tuple(map(hex_color, ignored))
    return replace(table, ids=ids, colors=colors, ignored=ignored, ignored_colors=ignored_colors, ignored_names=())


def _mapping(reader: FileReader, table: ClassTable) -> ClassMapping | None:
    """How the files' channels map to classes, by the number of channels of the first file that can be read."""
    outputs = _channels(reader)
    class_map = reader.config.class_map
    if class_map is not None:
        return ClassMapping.build(outputs, None, class_map, table)
    if outputs != table.size and table.colors is None and outputs > table.ids[-1]:
        # One channel a mask value, gaps and ignored values included
        return ClassMapping.build(outputs, None, {str(value): value for value in table.ids}, table)
    # Where the numbers differ, each file is refused by name as it is read
    return None


def _channels(reader: FileReader) -> int:
    """The number of channels of the first file that can be read; raises the first file's error if none can."""
    first: SampleError | None = None
    for sample_id, value in reader.files.items():
        if value:
            path = file_path(value, reader.images[sample_id], reader.config.field, sample_id)
            try:
                return channels_of(path, sample_id)
            except SampleError as error:
                first = first or error
    assert first is not None
    raise first
