"""What a dataset must be like for a run, and the class names it brings: checks that read no image and no mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..labels.instances import BACKGROUND_NAMES, background_place, with_background
from .private_fiftyone import filtered_fields, is_dynamic_groups, is_frames, is_generated, root_of, stored_samples
from .slices import images_of

#: What a user may give as classes: mask value or '#rrggbb' to name, or the names of the values 0, 1, 2, …
Classes = Mapping[Any, str] | Sequence[str]

#: Kinds of labels that are lists of instances
INSTANCES = (fo.Detections, fo.Polylines)
#: What lists the fields of a collection that could be meant
_Fields = Callable[[fo.Dataset | fo.DatasetView], Mapping[str, str] | list[str]]
#: Samples in which instances are looked for to know whether a field has some
_SEARCHED = 5_000

_FRAMES = (
    "Sample its frames into an image dataset with `dataset.to_frames(sample_frames=True).clone()` and use that one: it "
    "has the frames' labels, and folds keep the frames of a video together."
)
_INSTEAD_OF_OTHERS = "Use a dataset whose samples are images; of volumes, one whose samples are their slices."


def check_collection(collection: fo.Dataset | fo.DatasetView) -> None:
    """Raises `LabelQualityError` unless the collection is a non-empty image dataset or a view of one."""
    name = root_of(collection).name
    # Counted, not estimated: after a crash of MongoDB its estimate may be 0 until it has checkpointed
    if not len(collection.limit(1)):
        raise without_samples(collection)
    if collection.media_type != "image":
        raise LabelQualityError(
            f"Expected a dataset of images, but '{name}' holds samples of media type '{collection.media_type}', which "
            f"is not supported. {_instead(collection)}"
        )
    if is_frames(collection):
        raise LabelQualityError(
            f"Expected a dataset of images, but this view of '{name}' shows frames, to which nothing can be written. "
            "Use a copy, `view.clone()`: folds keep the frames of a video together."
        )
    if is_generated(collection):
        raise LabelQualityError(
            f"Expected a view of whole samples, but this view of '{name}' shows patches, which is not supported. Use "
            "the dataset itself, or of it the images that have such patches: "
            "`dataset.select(view.distinct('sample_id'))`."
        )


def without_samples(collection: fo.Dataset | fo.DatasetView) -> LabelQualityError:
    """What is said of a collection of which no sample is there."""
    kind = "dataset" if isinstance(collection, fo.Dataset) else "view of dataset"
    return LabelQualityError(
        f"The {kind} '{root_of(collection).name}' has no samples. Choose a view that has at least one."
    )


def _instead(collection: fo.Dataset | fo.DatasetView) -> str:
    """What to use in place of samples that are no images."""
    if collection.media_type == "video":
        return _FRAMES
    if collection.media_type != "group":
        return _INSTEAD_OF_OTHERS
    if isinstance(collection, fo.DatasetView) and is_dynamic_groups(collection):
        return "Flatten the groups with `view.flatten()`; to keep each in one fold, name their field as `group_field`."
    slices = sorted(one for one, kind in root_of(collection).group_media_types.items() if kind == "image")
    if not slices:
        return f"None of its slices holds images. {_INSTEAD_OF_OTHERS}"
    shown = repr(slices[0] if len(slices) == 1 else slices)
    return f"Select its slices of images with `dataset.select_group_slices({shown})`: folds keep a group together."


def check_label_field(collection: fo.Dataset | fo.DatasetView, label_field: str) -> None:
    """Raises `LabelQualityError` unless the collection has such a field of masks or instances, and shows it whole."""
    field = _field(collection, label_field, label_fields)
    if not _is_of(field, fo.Segmentation, *INSTANCES):
        expected = "Segmentation labels or instances (Detections with masks, filled Polylines)"
        raise _other_kind(collection, label_field, field, expected, label_fields)
    if _is_of(field, *INSTANCES) and label_field in (path.partition(".")[0] for path in filtered_fields(collection)):
        raise LabelQualityError(
            f"Expected all of an image's instances in '{label_field}', but this view shows only some of them, and what "
            "no instance covers is taken for background. Use a view that does not filter them; or, where the others "
            "are to be left out, list their labels in ignored=, or audit a copy made with `view.clone()`."
        )


def check_mask_field(collection: fo.Dataset | fo.DatasetView, name: str) -> None:
    """Raises `LabelQualityError` unless the collection has such a field of `fo.Segmentation` labels."""
    field = _field(collection, name, segmentation_fields)
    if not _is_of(field, fo.Segmentation):
        raise _other_kind(collection, name, field, "Segmentation labels", segmentation_fields)


def segmentation_fields(collection: fo.Dataset | fo.DatasetView) -> list[str]:
    """Names of the collection's `fo.Segmentation` fields, in the order of its schema."""
    return [name for name, field in collection.get_field_schema().items() if _is_of(field, fo.Segmentation)]


def label_fields(collection: fo.Dataset | fo.DatasetView) -> dict[str, str]:
    """The fields that may hold given labels: masks first, then instances.

    Boxes and lines are no instances: a field of them counts where the first sample that has any, of the first
    thousands, has one with a mask, or one that is filled.

    Returns:
        name to what it is called: the name, for instances with their kind, as in "objects: instances (Detections)"
    """
    schema = collection.get_field_schema()
    found = {name: name for name in segmentation_fields(collection)}
    for name, field in schema.items():
        if _is_of(field, *INSTANCES) and _shows_areas(collection, name, field):
            found[name] = f"{name}: instances ({_kind(field)})"
    return found


def has_instances(collection: fo.Dataset | fo.DatasetView, label_field: str) -> bool:
    """Whether a field is one of instances, in contrast to masks."""
    field = collection.get_field_schema().get(label_field)
    return field is not None and _is_of(field, *INSTANCES)


def class_targets(
    collection: fo.Dataset | fo.DatasetView, label_field: str, classes: Classes | None = None
) -> tuple[str, dict[Any, str] | None]:
    """The mask targets that apply to a field, and where they come from; None where there are none but the values.

    Args:
        collection: the dataset or view
        label_field: the field of masks or instances
        classes: the user's own, which come first

    Returns:
        the source (``argument``, ``mask_targets``, ``default_mask_targets`` or ``values seen``; of instances
        ``argument``, ``classes``, ``default_classes`` or ``labels seen``) and the targets, those of instances with a
        background
    """
    targets = None if classes is None else named_targets(classes)
    if has_instances(collection, label_field):
        return _instance_targets(collection, label_field, classes)
    if targets is not None:
        return "argument", targets
    dataset = root_of(collection)
    if dataset.mask_targets.get(label_field):
        return "mask_targets", dict(dataset.mask_targets[label_field])
    if dataset.default_mask_targets:
        return "default_mask_targets", dict(dataset.default_mask_targets)
    return "values seen", None


def named_targets(classes: Classes) -> dict[Any, str]:
    """Mask value to name, of a mapping or of the names of the values 0, 1, 2, …

    Raises:
        LabelQualityError: it is neither
    """
    if isinstance(classes, str):
        raise LabelQualityError(f"Expected `classes` to be names or a mapping of values to names, not {classes!r}.")
    return dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))


def _instance_targets(
    collection: fo.Dataset | fo.DatasetView, label_field: str, classes: Classes | None
) -> tuple[str, dict[Any, str]]:
    """As `class_targets`, of labels that have names and no values."""
    if isinstance(classes, Mapping):
        targets = {key: str(name).strip() for key, name in classes.items()}
        if background_place(list(targets.values())) is None:
            if any(str(key).strip() == "0" for key in targets):
                raise LabelQualityError(
                    f"Expected a class 'background' in `classes`, of the pixels that no instance in '{label_field}' "
                    f"covers, but the value 0 is '{targets.get(0, targets.get('0'))}'. Number the instances' classes "
                    "from 1, or give the background a value of its own."
                )
            targets = {0: BACKGROUND_NAMES[0], **targets}
        source = "argument"
    else:
        source, names = _instance_names(collection, label_field, classes)
        targets = with_background(names)
    double = sorted(name for name, times in Counter(targets.values()).items() if times > 1)
    if double:
        raise LabelQualityError(
            f"Expected every class of the instances in '{label_field}' to have a name of its own, but several are "
            f"called {', '.join(double)}. Name each once."
        )
    return source, targets


def _instance_names(
    collection: fo.Dataset | fo.DatasetView, label_field: str, classes: Sequence[str] | None
) -> tuple[str, list[str]]:
    """The names of the instances' classes, and where they come from."""
    dataset = root_of(collection)
    if classes is not None:
        return "argument", [str(name).strip() for name in classes]
    for source, names in (("classes", dataset.classes.get(label_field)), ("default_classes", dataset.default_classes)):
        if names:
            return source, [str(name).strip() for name in names]
    listed = "detections" if _is_of(dataset.get_field_schema()[label_field], fo.Detections) else "polylines"
    seen = images_of(collection).distinct(f"{label_field}.{listed}.label")
    return "labels seen", sorted({name.strip() for name in seen if name})


def _shows_areas(collection: fo.Dataset | fo.DatasetView, name: str, field: fo.Field) -> bool:
    """Whether the first sample with instances has one whose pixels are known."""
    drawn: dict[str, Any] = {"filled": True}
    path = f"{name}.polylines"
    if _is_of(field, fo.Detections):
        drawn = {"$or": [{"mask": {"$type": "binData"}}, {"mask_path": {"$type": "string"}}]}
        path = f"{name}.detections"
    samples = stored_samples(root_of(collection))
    # A form asks this of every field each time it is drawn, and the fields of a run may have nothing on any sample
    stages: list[dict[str, Any]] = [
        {"$limit": _SEARCHED},
        {"$match": {f"{path}.0": {"$exists": True}}},
        {"$limit": 1},
        {"$match": {path: {"$elemMatch": drawn}}},
        {"$project": {"_id": True}},
    ]
    return any(True for _ in samples.aggregate(stages))


def _field(collection: fo.Dataset | fo.DatasetView, name: str, others: _Fields) -> fo.Field:
    """The field of that name; the error where there is none lists the others of its kind."""
    schema = collection.get_field_schema()
    if name not in schema:
        listed = ", ".join(_words(others(collection)))
        there = f"Its segmentation fields are: {listed}." if listed else "It has no segmentation field."
        raise LabelQualityError(f"Dataset '{root_of(collection).name}' has no field '{name}'. {there}")
    return schema[name]


def _other_kind(
    collection: fo.Dataset | fo.DatasetView, name: str, field: fo.Field, expected: str, others: _Fields
) -> LabelQualityError:
    """What is said of a field of another kind."""
    listed = ", ".join(_words(others(collection)))
    there = f" The dataset's segmentation fields are: {listed}." if listed else ""
    return LabelQualityError(f"Expected field '{name}' to hold {expected}, but it is {_kind(field)}.{there}")


def _words(fields: Mapping[str, str] | list[str]) -> Iterable[str]:
    return fields.values() if isinstance(fields, Mapping) else fields


def _kind(field: fo.Field) -> str:
    return str(getattr(field, "document_type", type(field)).__name__)


def _is_of(field: fo.Field, *kinds: type) -> bool:
    return isinstance(field, fo.EmbeddedDocumentField) and issubclass(field.document_type, kinds)
