"""A run's quality and probable mistakes by any field of the samples: annotator, batch, camera, tag."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.words import count, expected, percent
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import real
from ..documents.ownership import field_name, owner
from ..records.run_record import load_record
from ..samples.private_fiftyone import root_of, stored_samples
from .on_show import shown_stages
from .request import BreakdownRequest

#: Standard normal quantile of 95 % intervals
_Z = 1.959964
#: Types of fields whose values samples are broken down by
_SCALARS = (fo.StringField, fo.IntField, fo.BooleanField, fo.DateField, fo.DateTimeField)
#: Fields of every dataset that say nothing of who made its masks
_NOT_OFFERED = ("id", "filepath", "created_at", "last_modified_at", "metadata", "sample_id")


@dataclass(frozen=True)
class Part:
    """The images that have one value of the field.

    Args:
        value: of the field; None for images without one
        images: number of the run's images with it
        quality: their mean quality, in [0, 1], low = probably mislabelled
        suspect_images: those with a suspect
        low: lower end of the 95 % interval of the share of images with a suspect
        high: its upper end
        suspects: suspects in them, rejected ones left out
        expected: how many of these are mistakes: confirmed and edited ones, and of the others, but those that a person
            has added, the sum of their probabilities; None where suspects have none
        issue: what is most often mistaken there, such as "car given as road", or None
    """

    value: Any
    images: int
    quality: float
    suspect_images: int = 0
    low: float = 0.0
    high: float = 0.0
    suspects: int = 0
    expected: float | None = None
    issue: str | None = None

    @property
    def share(self) -> float:
        """Of the images, those with a suspect, in [0, 1]."""
        return self.suspect_images / self.images


@dataclass(frozen=True)
class Breakdown:
    """A run broken down by a field.

    Args:
        key: the run's key
        field: what it is broken down by
        parts: by value, those first of which it is surest that many images have suspects; by mean quality, the lowest
            first, where the run has no suspects
        has_suspects: whether suspects were looked for
    """

    key: str
    field: str
    parts: tuple[Part, ...]
    has_suspects: bool


def break_down(collection: fo.Dataset | fo.DatasetView, field: str, *, key: str = BreakdownRequest.key) -> Breakdown:
    """Breaks a run's quality and suspects down by a field of the samples: who or what has the most mistakes.

    The share of images with a suspect has Wilson's interval: for s of n images, with z the normal quantile,
    ``(s + z²/2 ± z √(s (n − s) / n + z²/4)) / (n + z²)``, so that a part of three images does not lead by chance
    (E. B. Wilson, Journal of the American Statistical Association, 1927). An image whose field holds several values,
    such as ``tags``, counts for each.

    Args:
        collection: the dataset, or a view of it; all of the run's images count
        field: of strings, whole numbers, booleans or dates, or lists of them; or a field of classifications
        key: the run's key

    Returns:
        a part for each value; images that the run has not scored are in none

    Raises:
        LabelQualityError: there is no such run or field, or its values are none to break down by
    """
    return count_parts(root_of(collection), field, key)


def count_parts(
    samples: fo.Dataset | fo.DatasetView, field: str, key: str = BreakdownRequest.key, *, issues: bool = True
) -> Breakdown:
    """As `break_down`, of the samples that a view shows alone; without ``issues`` in half the time."""
    request = BreakdownRequest(key=key, field=field)
    dataset = root_of(samples)
    with database_errors():
        load_record(dataset, key)
        path, several = _values_at(dataset, request.field)
        quality, suspects = field_name(key, "quality"), field_name(key, SUSPECTS)
        if not dataset.has_sample_field(quality):
            raise LabelQualityError(f"Run '{key}' has no field '{quality}': score its labels first.")
        searched = dataset.has_sample_field(suspects)
        leading = _leading_issues(samples, quality, suspects, path, several) if searched and issues else {}
        found = [
            _part(row, searched, leading.get(_hashable(row["_id"])))
            for row in _counted(samples, quality, suspects if searched else None, path, several)
        ]

    def place(part: Part) -> tuple[float, float, int, str]:
        # Without suspects all shares are 0
        return -part.low, part.quality, -part.images, value_text(part.value)

    return Breakdown(key, field, tuple(sorted(found, key=place)), searched)


def breakdown_fields(dataset: fo.Dataset) -> list[str]:
    """The fields that `break_down` takes, in the order of the schema; ``tags`` last."""
    found = []
    for name, field in dataset.get_field_schema().items():
        if name in _NOT_OFFERED or owner(dataset, name) is not None:
            continue
        inner = field.field if isinstance(field, fo.ListField) else field
        kind = getattr(field, "document_type", None)
        labelled = kind is not None and issubclass(kind, fo.Classification)
        if labelled or (inner is not None and isinstance(inner, _SCALARS)):
            found.append(name)
    return sorted(found, key=lambda name: name == "tags")


def images_with(dataset: fo.Dataset, field: str, value: Any) -> fo.ViewExpression:
    """What matches the images of the part with this value, for `fo.Dataset.match`.

    Args:
        dataset: the dataset
        field: as of `break_down`
        value: of the part
    """
    path, several = _values_at(dataset, field)
    place = fo.ViewField(path)
    if value is None:
        empty = place == None  # noqa: E711 - an expression, not a comparison
        return empty | (place.length() == 0) if several else empty
    literal = place.literal(value)
    return fo.ViewExpression({"$in": [literal, {"$ifNull": [place, []]}]}) if several else place == literal


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share: successes of trials, of which there is at least one."""
    middle = (successes + _Z**2 / 2) / (trials + _Z**2)
    half = _Z * math.sqrt(successes * (trials - successes) / trials + _Z**2 / 4) / (trials + _Z**2)
    return max(0.0, middle - half), min(1.0, middle + half)


def _values_at(dataset: fo.Dataset, name: str) -> tuple[str, bool]:
    """The path of a field's values in a sample, and whether it holds several."""
    field = dataset.get_field(name)
    if field is None:
        offered = ", ".join(breakdown_fields(dataset)) or "none"
        raise LabelQualityError(f"Dataset '{dataset.name}' has no field '{name}'. To choose from: {offered}.")
    kind = getattr(field, "document_type", None)
    if kind is not None and issubclass(kind, fo.Classification):
        return f"{name}.label", False
    several = isinstance(field, fo.ListField)
    inner = field.field if several else field
    if not isinstance(inner, _SCALARS):
        offered = ", ".join(breakdown_fields(dataset)) or "none"
        raise LabelQualityError(
            f"Expected parameter `field` to be of strings, whole numbers, booleans, dates or classifications, but "
            f"'{name}' is a {type(field).__name__}. To choose from: {offered}."
        )
    return name, several


def _counted(
    samples: fo.Dataset | fo.DatasetView, quality: str, suspects: str | None, path: str, several: bool
) -> Iterator[Mapping[str, Any]]:
    regions = {"$ifNull": [f"${suspects}.detections", []]} if suspects else []
    rated = {"$in": [True, {"$map": {"input": regions, "as": "one", "in": {"$isNumber": "$$one.probability"}}}]}
    numbers = {
        "quality": f"${quality}",
        "regions": {"$size": regions},
        "expected": {"$sum": {"$map": {"input": regions, "as": "one", "in": real("$$one")}}},
        "rated": rated,
    }
    group = {
        "_id": "$value",
        "images": {"$sum": 1},
        "quality": {"$avg": "$quality"},
        "regions": {"$sum": "$regions"},
        "expected": {"$sum": "$expected"},
        "rated": {"$max": "$rated"},
        "suspect_images": {"$sum": {"$cond": [{"$gt": ["$regions", 0]}, 1, 0]}},
    }
    yield from _aggregate(samples, quality, path, several, numbers, [{"$group": group}])


def _leading_issues(
    samples: fo.Dataset | fo.DatasetView, quality: str, suspects: str, path: str, several: bool
) -> dict[Any, str]:
    """By value: the pair of classes with the most suspects."""
    pair = {"value": "$value", "given": "$regions.given", "suggested": "$regions.suggested"}
    stages: list[dict[str, Any]] = [
        {"$unwind": "$regions"},
        {"$group": {"_id": pair, "count": {"$sum": 1}}},
        {"$sort": {"count": -1, "_id.given": 1, "_id.suggested": 1}},
        {"$group": {"_id": "$_id.value", "given": {"$first": "$_id.given"}, "suggested": {"$first": "$_id.suggested"}}},
    ]
    taken = {"regions": {"$map": {"input": f"${suspects}.detections", "as": "one", "in": _PAIR}}}
    rows = _aggregate(samples, quality, path, several, taken, stages)
    # What was added by hand has no suggested class
    return {
        _hashable(row["_id"]): f"{row['suggested']} given as {row['given']}" for row in rows if row.get("suggested")
    }


_PAIR = {"given": "$$one.given", "suggested": "$$one.suggested"}


def _aggregate(
    samples: fo.Dataset | fo.DatasetView,
    quality: str,
    path: str,
    several: bool,
    taken: Mapping[str, Any],
    stages: list[dict[str, Any]],
) -> Iterator[Mapping[str, Any]]:
    """Runs the stages on the run's images, each with a ``value`` and what is taken of it."""
    unwind = [{"$unwind": {"path": "$value", "preserveNullAndEmptyArrays": True}}] if several else []
    # A value that is missing and one that is null are one part
    value = f"${path}" if several else {"$ifNull": [f"${path}", None]}
    filled: list[dict[str, Any]] = [{"$set": {"value": {"$ifNull": ["$value", None]}}}] if several else []
    scored = {"$match": {quality: {"$ne": None}}}
    first = [*shown_stages(samples), scored, {"$project": {"value": value, **taken}}]
    yield from stored_samples(root_of(samples)).aggregate([*first, *unwind, *filled, *stages], allowDiskUse=True)


def _part(row: Mapping[str, Any], searched: bool, issue: str | None) -> Part:
    images, with_suspect = int(row["images"]), int(row["suspect_images"])
    low, high = wilson(with_suspect, images) if searched else (0.0, 0.0)
    return Part(
        value=row["_id"],
        images=images,
        quality=float(row["quality"]),
        suspect_images=with_suspect,
        low=low,
        high=high,
        suspects=int(row["regions"]),
        expected=float(row["expected"]) if row["rated"] else None,
        issue=issue,
    )


def _hashable(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime) else value


def breakdown_rows(found: Breakdown, most: int | None = None) -> list[dict[str, str]]:
    """The parts as rows of a table.

    Args:
        found: the breakdown
        most: rows at most; None for all

    Returns:
        a dict of `breakdown_columns` to text for each part, in their order
    """
    rows = []
    for part in found.parts[:most]:
        row = {"value": value_text(part.value), "images": count(part.images), "quality": f"{part.quality:.2f}"}
        if found.has_suspects:
            row |= {
                "share": f"{percent(part.share)} ({_digits(part.low)} to {percent(part.high)})",
                "suspects": count(part.suspects),
                "expected": "–" if part.expected is None else expected(part.expected),
                "issue": part.issue or "–",
            }
        rows.append(row)
    return rows


def breakdown_columns(found: Breakdown) -> dict[str, str]:
    """Key and heading of each column of `breakdown_rows`."""
    columns = {"value": found.field, "images": "Images", "quality": "Mean quality"}
    of_suspects = {"share": "With suspects", "suspects": "Suspects", "expected": "Probable", "issue": "Mostly"}
    return columns | of_suspects if found.has_suspects else columns


def breakdown_sentence(found: Breakdown) -> str:
    """What the table says, and what it does not."""
    total = sum(part.images for part in found.parts)
    if not found.parts:
        return f"Run '{found.key}' has no images."
    if all(part.images == 1 for part in found.parts) and len(found.parts) > 1:
        return f"Each of {count(total, 'image')} has a '{found.field}' of its own, so there is nothing to compare."
    order = (
        "those first of which it is surest that many of their images have a suspect (95 % interval in brackets)"
        if found.has_suspects
        else "the lowest mean quality first"
    )
    return f"Run '{found.key}' by '{found.field}', {order}."


def value_text(value: Any) -> str:
    """A value as tables show it."""
    if value is None:
        return "(none)"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M") if (value.hour, value.minute) != (0, 0) else f"{value:%Y-%m-%d}"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _digits(share: float) -> str:
    return percent(share).removesuffix(" %")
