"""What a lint has found, on the samples: one detection a finding, the kinds of each image, and how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import fiftyone as fo

from ..base.progress import Progress, silent
from ..documents import display, saved_views
from ..documents.documents import Document, clear_fields, detection, detections, write_samples
from ..documents.indexes import create_indexes
from ..documents.ownership import field_name, own_fields, owner
from ..documents.schema import described
from ..lint.findings import Finding
from ..records.lint_part import FINDINGS, LintPart, begin_part, begun, is_of_run, keep_part
from ..samples.slices import images_of
from .fields import check_names, create_fields, delete_fields
from .views import LINT, check_name, delete_saved, own_saved_views, save_views, view_name

_LINT, _KINDS, _COUNT = FINDINGS, "lint_kinds", "lint_count"
#: Images a bulk write: bounds the memory of the documents that are built for it
_IMAGES_A_WRITE = 500
_WHOLE = (0.0, 0.0, 1.0, 1.0)
#: Attributes of a finding beside those that every detection has: type and description
_ATTRIBUTES = {
    "reason": (fo.StringField, "Why it is found"),
    "given": (fo.StringField, "Class, or value, that it is about"),
    "pixels": (fo.IntField, "Pixels that it is about"),
    "x": (fo.FloatField, "Column of its centre, in pixels of the mask"),
    "y": (fo.FloatField, "Row of its centre, in pixels of the mask"),
}
_TEXTS = {
    _LINT: "What is improbable in the mask by itself, labelled with its kind; some are about all of it.",
    _KINDS: "The kinds of what is found in the mask.",
    _COUNT: "How many findings the mask has, also those that are not shown.",
}


def lint_names(key: str) -> list[str]:
    """The names of the fields: findings, their kinds, their number."""
    return [field_name(key, suffix) for suffix in (_LINT, _KINDS, _COUNT)]


def lint_keys(dataset: fo.Dataset) -> list[str]:
    """The keys under which findings are on the dataset, in the order of its fields."""
    keys = ((name, owner(dataset, name)) for name in dataset.get_field_schema())
    return [key for name, key in keys if key is not None and name == lint_names(key)[0]]


def check_lint(dataset: fo.Dataset, key: str) -> None:
    """Raises `LabelQualityError` if a field or view of a name that is written exists and is not of this key."""
    check_names(dataset, key, lint_names(key))
    check_name(dataset, saved_views.listed(dataset), key, view_name(key, LINT))


def write_lint(
    dataset: fo.Dataset,
    key: str,
    images: Mapping[str, Sequence[Finding]],
    sizes: Mapping[str, tuple[int, int]],
    part: LintPart,
    *,
    shown: int,
    progress: Progress = silent,
) -> str:
    """Writes findings in place of earlier ones, and saves their view; can be repeated after it was interrupted.

    Samples that are not among ``images`` have no value afterwards. Findings of a lint by itself are drawn in the grid;
    those of an audit are not, as its suspects are.

    Args:
        dataset: the dataset, not a view
        key: the prefix of the fields
        images: sample id to its findings, in the order in which they are shown
        sizes: sample id to height and width of its mask, of those that have one
        part: what is kept of it
        shown: most findings that an image shows
        progress: told after every portion

    Returns:
        the name of the saved view

    Raises:
        LabelQualityError: a field or a view of such a name is not of this key
    """
    check_lint(dataset, key)
    _create(dataset, key, part)
    begin_part(dataset, key, part)
    names = lint_names(key)
    clear_fields(dataset, names)
    remaining, done = iter(images.items()), 0
    while portion := list(islice(remaining, _IMAGES_A_WRITE)):
        values = {
            sample_id: dict(zip(names, _values(found, sizes.get(sample_id), shown), strict=True))
            for sample_id, found in portion
        }
        write_samples(dataset, values)
        done += len(portion)
        progress("Writing findings", done, len(images))
    create_indexes(dataset, names[-1:])
    (display.show_objects if part.of_run else display.show_lint)(dataset, key, own_fields(dataset, key))
    text = "Images with findings in their masks, those with the most first."
    name = save_views(dataset, key, [(LINT, lint_view(dataset, key), text)])[0]
    keep_part(dataset, key, part)
    return name


def lint_view(samples: fo.Dataset | fo.DatasetView, key: str, kind: str | None = None) -> fo.DatasetView:
    """The images with findings, those with the most first.

    Args:
        samples: the dataset, or a view of whole samples of it
        key: the prefix of the fields
        kind: of which there is one in each image, and which alone is shown then
    """
    findings, _, count = lint_names(key)
    found = images_of(samples).match(fo.ViewField(count) > 0)
    if kind is not None:
        found = found.filter_labels(findings, fo.ViewField("label") == kind)
    return found.sort_by(count, reverse=True)


def delete_lint(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes what `write_lint` has written: the view, then the fields; can be repeated after it was interrupted.

    Returns:
        names of the deleted fields
    """
    name = view_name(key, LINT)
    delete_saved(dataset, [one for one in own_saved_views(dataset, key) if one.name == name])
    others = [one for one in own_fields(dataset, key) if one not in lint_names(key)]
    gone = delete_fields(dataset, key, keep=others)
    if others:
        # The group of the key went with the fields
        regroup_lint(dataset, key)
    return gone


def kept_lint(dataset: fo.Dataset, key: str) -> tuple[list[str], list[str]]:
    """The fields and views of a lint by itself, which stay where a run of its key is deleted; empty where none is."""
    names = [name for name in own_fields(dataset, key) if name in lint_names(key)]
    return (names, [view_name(key, LINT)]) if names and not is_of_run(dataset, key) else ([], [])


def regroup_lint(dataset: fo.Dataset, key: str) -> None:
    """Lists what is left of a key in the sidebar again: its group goes with the run's fields."""
    display.show_objects(dataset, key, own_fields(dataset, key))


def _create(dataset: fo.Dataset, key: str, part: LintPart) -> None:
    kinds = {
        _LINT: {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections},
        _KINDS: {"ftype": fo.ListField, "subfield": fo.StringField},
        _COUNT: {"ftype": fo.IntField},
    }
    fields = {
        field_name(key, suffix): {**kind, "description": f"{_TEXTS[suffix]} Given masks: {part.label_field}."}
        for suffix, kind in kinds.items()
    }
    attributes = described(f"{field_name(key, _LINT)}.detections", _ATTRIBUTES)
    # Marked at once: of fields that a kill leaves unmarked, nobody would know whose findings they were to have
    create_fields(dataset, key, fields, attributes, {field_name(key, _LINT): begun(part)})


def _values(found: Sequence[Finding], size: tuple[int, int] | None, shown: int) -> tuple[Document, list[str], int]:
    kinds = list(dict.fromkeys(one.kind for one in found))
    return detections(list(_documents(found[:shown], size))), kinds, len(found)


def _documents(found: Sequence[Finding], size: tuple[int, int] | None) -> Iterator[Document]:
    for one in found:
        box: Sequence[float] = _WHOLE
        if one.box is not None and size is not None:
            height, width = size
            box = [value / whole for value, whole in zip(one.box, (width, height, width, height), strict=True)]
        x, y = one.centre if one.centre is not None else (None, None)
        yield detection(one.kind, box, None, reason=one.reason, given=one.given, pixels=one.pixels, x=x, y=y)
