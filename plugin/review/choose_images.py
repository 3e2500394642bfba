"""Which images a person means: a selection, the current view, the worst, or those with a kind of suspect."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
from fiftyone import ViewExpression
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.suspect_fields import ERROR_TYPE, SUSPECTS
from ..dataset.verdicts import REJECTED
from ..documents.ownership import field_name
from ..records.run_record import RunRecord, list_records, load_record
from ..samples.private_fiftyone import has_stages, is_generated, path_of_ids, root_of
from ..samples.slices import images_of
from ..suspects.issues import Group
from ..suspects.regions import KINDS, OTHER

SELECTED, VIEW, WORST, THRESHOLD, TYPE, GROUP, TAGGED = CHOICES = (
    *("selected", "view", "worst", "threshold", "error_type", "group", "tagged"),
)
#: The choices that need a run with scores, and those that need one with suspects
NEED_QUALITY, NEED_SUSPECTS = (WORST, THRESHOLD), (TYPE, GROUP)
DEFAULT_TAG = "relabel"


@dataclass(frozen=True)
class Choice:
    """Which images are meant.

    Args:
        choose: one of `CHOICES`
        key: the run whose scores and suspects are meant, or None for the latest that has them
        worst: how many images, those of the lowest quality
        below: of what quality, which this is above
        error_type: of which leading type of error: ``drop``, ``swap``, ``shift`` or ``other``
        group: the title of an issue group, such as "car given as road", or None for the leading one
        tag: that the images have

    Raises:
        LabelQualityError: a parameter is out of its range
    """

    choose: str = VIEW
    key: str | None = None
    worst: int = 10
    below: float = 0.5
    error_type: str = "swap"
    group: str | None = None
    tag: str = DEFAULT_TAG

    def __post_init__(self) -> None:
        _expect_one_of("choose", self.choose, CHOICES)
        if not _is_number(self.worst) or self.worst < 1 or int(self.worst) != self.worst:
            raise LabelQualityError(f"Expected parameter `worst` to be at least 1 image, but got {self.worst!r}.")
        if not _is_number(self.below) or not 0 < self.below <= 1:
            raise LabelQualityError(
                f"Expected parameter `below` to be a quality above 0 and at most 1, but got {self.below!r}."
            )
        _expect_one_of("error_type", self.error_type, KINDS)
        check_tag(self.tag)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names of the parameters."""
        return tuple(field.name for field in dataclasses.fields(cls))


@dataclass(frozen=True)
class Chosen:
    """Images that were chosen.

    Args:
        samples: them, as whole samples; the worst first where they have a quality
        words: what they are, such as "the 20 worst images"
        key: of the run whose scores and suspects they are shown with, or None without a run
        region: true for the suspects that are meant; None where the run has no suspects
    """

    samples: fo.DatasetView
    words: str
    key: str | None = None
    region: ViewExpression | None = None

    @property
    def field(self) -> str | None:
        """The field of the suspects, or None where there is none."""
        return None if self.key is None or self.region is None else field_name(self.key, SUSPECTS)


def check_tag(tag: Any) -> None:
    """Raises `LabelQualityError` unless it can be a tag's name."""
    if not isinstance(tag, str) or not tag or tag != tag.strip() or len(tag) > 100 or not tag.isprintable():
        raise LabelQualityError(
            f"Expected parameter `tag` to be a name of up to 100 characters without spaces around it, but got {tag!r}."
        )
    if tag.startswith("$"):
        # MongoDB takes it for one of its operators where tags are matched
        raise LabelQualityError(f"Expected parameter `tag` to be a name that does not begin with '$', but got {tag!r}.")


@database_errors()
def choose(
    collection: fo.Dataset | fo.DatasetView, choice: Choice, selected: Sequence[str] = (), labels: Sequence[str] = ()
) -> Chosen:
    """The images that a choice means, among those of a collection.

    Args:
        collection: a dataset or a view, also one of patches
        choice: what is meant
        selected: ids of the selected samples or patches of the collection, for the choice ``selected``
        labels: ids of selected regions, for the choice ``selected``

    Returns:
        the images, of which there may be none

    Raises:
        LabelQualityError: the choice needs a run, scores, suspects or a group that is not there
    """
    dataset = root_of(collection)
    record = find_run(dataset, choice)
    samples, words, region = _chosen(collection, choice, record, selected, labels)
    quality = field_name(record.key, "quality") if record is not None else ""
    if dataset.has_sample_field(quality):
        samples = samples.sort_by(quality)
        if choice.choose == WORST:
            samples = samples.limit(int(choice.worst))
    has_suspects = record is not None and dataset.has_sample_field(field_name(record.key, SUSPECTS))
    return Chosen(samples, words, record.key if record else None, region if has_suspects else None)


def find_run(dataset: fo.Dataset, choice: Choice) -> RunRecord | None:
    """The run that a choice refers to; None where it needs none and there is none.

    Raises:
        LabelQualityError: there is no such run, or it has no scores or suspects where the choice needs them
    """
    needed = SUSPECTS if choice.choose in NEED_SUSPECTS else "quality" if choice.choose in NEED_QUALITY else None
    if choice.key:
        record = load_record(dataset, choice.key)
        if needed and not dataset.has_sample_field(field_name(record.key, needed)):
            raise LabelQualityError(f"Run '{record.key}' has no {_needed(needed)}.")
        return record
    runs = list_records(dataset)
    for wanted in (needed,) if needed else (SUSPECTS, "quality"):
        fitting = [run for run in runs if dataset.has_sample_field(field_name(run.key, wanted))]
        if fitting:
            return fitting[-1]
    if needed:
        raise LabelQualityError(f"Dataset '{dataset.name}' has no {_needed(needed)}.")
    return None


def whole_samples(collection: fo.Dataset | fo.DatasetView) -> fo.DatasetView:
    """The samples of a collection, also where it shows patches of them, frames, or groups."""
    if isinstance(collection, fo.Dataset):
        return images_of(collection).view()
    if is_generated(collection):
        return images_of(root_of(collection)).select(_distinct(collection.values("sample_id")))
    return images_of(collection)


def _chosen(
    collection: fo.Dataset | fo.DatasetView,
    choice: Choice,
    record: RunRecord | None,
    selected: Sequence[str],
    labels: Sequence[str],
) -> tuple[fo.DatasetView, str, ViewExpression]:
    kept = F("verdict") != REJECTED
    if choice.choose == SELECTED:
        samples, regions = _selection(collection, record, selected, labels)
        return samples, "the selected images", kept & F("_id").is_in(regions) if regions else kept
    samples = whole_samples(collection)
    if choice.choose == TAGGED:
        return samples.match_tags(choice.tag), f"the images tagged '{choice.tag}'", kept
    if choice.choose == VIEW or record is None:
        whole = isinstance(collection, fo.Dataset) or not has_stages(collection.view())
        return samples, "all images" if whole else "the images of the view", kept
    quality = field_name(record.key, "quality")
    if choice.choose == WORST:
        count = int(choice.worst)
        return samples.exists(quality), "the worst image" if count == 1 else f"the {count:,} worst images", kept
    if choice.choose == THRESHOLD:
        # Without the first step those that have none would be below
        return (
            samples.exists(quality).match(F(quality) < choice.below),
            f"images of a quality below {choice.below:g}",
            kept,
        )
    if choice.choose == TYPE:
        region = kept & (F("error_type") == choice.error_type)
        samples = samples.match(F(field_name(record.key, ERROR_TYPE)) == choice.error_type)
        kind = "of another type" if choice.error_type == OTHER else f"a {choice.error_type}"
        return _with_region(samples, record, region), f"images whose leading suspect is {kind}", region
    group = find_group(record.key, record.issues, choice.group)
    # Literally: in an expression, MongoDB reads a name that begins with "$" as a field
    given, suggested = F.literal(group.given_name), F.literal(group.suggested_name)
    region = kept & (F("given") == given) & (F("suggested") == suggested)
    return _with_region(samples, record, region), f"images with '{group.title}'", region


def find_group(key: str, groups: Sequence[Group], title: str | None) -> Group:
    """The group of this title, or the first.

    Raises:
        LabelQualityError: there is no such group
    """
    if not groups:
        raise LabelQualityError(f"Run '{key}' has no issues.")
    found = groups[0] if not title else next((group for group in groups if group.title == title), None)
    if found is None:
        shown = ", ".join(repr(group.title) for group in groups[:5])
        more = f" and {len(groups) - 5} more" if len(groups) > 5 else ""
        raise LabelQualityError(f"Expected parameter `group` to be one of {shown}{more}, but got {title!r}.")
    return found


def _with_region(samples: fo.DatasetView, record: RunRecord, region: ViewExpression) -> fo.DatasetView:
    return samples.match(F(f"{field_name(record.key, SUSPECTS)}.detections").filter(region).length() > 0)


def _selection(
    collection: fo.Dataset | fo.DatasetView, record: RunRecord | None, selected: Sequence[str], labels: Sequence[str]
) -> tuple[fo.DatasetView, list[Any]]:
    """The samples of a selection, and the ids of its regions where regions were selected: all are meant otherwise."""
    from bson import ObjectId

    ids, regions = list(selected), list(labels)
    if isinstance(collection, fo.DatasetView) and is_generated(collection):
        patches = collection.select(ids)
        sources = dict(zip(*patches.values(["id", "sample_id"]), strict=True))
        field = field_name(record.key, SUSPECTS) if record is not None else ""
        if field in patches.get_field_schema():
            regions += _flat(patches.values(path_of_ids(patches, field)))
        ids = [sources.get(one, one) for one in ids]
    return images_of(root_of(collection)).select(_distinct(ids)), [ObjectId(one) for one in _distinct(regions)]


def _flat(values: Iterable[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value]) if one is not None]


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _expect_one_of(name: str, value: Any, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise LabelQualityError(f"Expected parameter `{name}` to be one of {', '.join(allowed)}, but got {value!r}.")


def _needed(suffix: str) -> str:
    if suffix == SUSPECTS:
        return "suspects yet: find suspects first, or audit the labels"
    return "scores yet: audit the labels first"
