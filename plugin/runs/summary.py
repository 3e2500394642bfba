"""What a run tells whoever started it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import fiftyone as fo

from ..base.errors import SampleError
from ..records.lint_part import LintPart, finished_lint
from ..records.run_record import RunRecord

#: Images in a summary's ranking; the whole ranking is the view ``<key>: worst first``
LISTED_WORST = 50
#: Groups of suspects in a summary, the leading ones; the run's record has them all
LISTED_GROUPS = 10


@dataclass(frozen=True)
class RankedImage:
    """One image of the ranking.

    Args:
        sample_id: the FiftyOne id
        filepath: the image
        quality: ``<key>_quality``, in [0, 1], low = probably mislabelled
        scores: the image's other scores by name
    """

    sample_id: str
    filepath: str
    quality: float
    scores: dict[str, float | None] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class FoundSuspects:
    """The suspects of a run, counted.

    Args:
        regions: number of regions
        images: images with at least one
        by_type: regions of each type of error
        label_miou: mean IoU of the given labels with the suggested ones, or None where nothing was looked for
        groups: the leading groups, as `groups.Group.to_dict` gives them, in the order of `issues.find_groups`
        notes: what the user must know about them
    """

    regions: int = 0
    images: int = 0
    by_type: dict[str, int] = dataclasses.field(default_factory=dict)
    label_miou: float | None = None
    groups: tuple[dict[str, Any], ...] = dataclasses.field(default=(), repr=False)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoredObjects:
    """The annotated objects of a run, counted.

    Args:
        objects: number of objects
        images: images with at least one
        classes: of each class with any ``name``, number of ``objects``, those ``unlike`` it, which look like another
            class, and mean ``quality``
        notes: what the user must know about them
    """

    objects: int = 0
    images: int = 0
    classes: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSummary:
    """The outcome of a run in a few values.

    Args:
        key: the run's key
        status: ``predicted`` or ``complete``
        images: samples asked for
        scored: samples with results
        classes: number of classes
        worst: the worst images, worst first; empty where nothing was scored
        failures: a sentence for every sample left out
        note: what the user must know, or ""
        seconds: how long it took
        folder: where the run's files are
        suspects: what was found, or None where suspects were not asked for
        objects: what was scored, or None where objects were not asked for
        lint: what a lint has found in the masks, or None where there was none
    """

    key: str
    status: str
    images: int
    scored: int
    classes: int
    # Not what a notebook shows where a cell ends with the call
    worst: tuple[RankedImage, ...] = dataclasses.field(default=(), repr=False)
    failures: tuple[str, ...] = dataclasses.field(default=(), repr=False)
    note: str = ""
    seconds: float = 0.0
    folder: str = ""
    suspects: FoundSuspects | None = None
    objects: ScoredObjects | None = None
    lint: LintPart | None = None

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON-serialisable values."""
        return dataclasses.asdict(self)


def summarise(dataset: fo.Dataset, record: RunRecord) -> RunSummary:
    """The summary of a run that is written to the dataset."""
    return RunSummary(
        key=record.key,
        status=record.status,
        images=record.samples,
        scored=record.scored,
        classes=len(record.class_table.get("ids", ())),
        worst=ranking(dataset, record.key, LISTED_WORST),
        failures=tuple(
            str(SampleError(one["problem"], sample_id=one["sample_id"], path=one["path"])) for one in record.failures
        ),
        note=record.note,
        seconds=sum(record.timings.values()),
        folder=record.folder or "",
        suspects=found_suspects(record),
        objects=scored_objects(record),
        lint=finished_lint(dataset, record.key),
    )


def found_suspects(record: RunRecord) -> FoundSuspects | None:
    """What a run's record says of its suspects; None where it says nothing."""
    found = record.suspects
    if found is None:
        return None
    return FoundSuspects(
        regions=found.regions,
        images=found.images,
        by_type=dict(found.by_type),
        label_miou=record.label_miou,
        groups=tuple(issue.to_dict() for issue in record.issues[:LISTED_GROUPS]),
        notes=tuple(found.notes),
    )


def scored_objects(record: RunRecord) -> ScoredObjects | None:
    """What a run's record says of its annotated objects; None where it says nothing."""
    found = record.objects
    if found is None:
        return None
    classes = tuple(dataclasses.asdict(one) for one in found.classes)
    return ScoredObjects(found.objects, found.images, classes, tuple(found.notes))


def ranking(dataset: fo.Dataset, key: str, images: int) -> tuple[RankedImage, ...]:
    """The worst images of a run, worst first; empty where the run has no quality.

    Args:
        dataset: the dataset
        key: the run's key
        images: how many at most
    """
    from ..dataset.views import worst_first
    from ..scores.config import SCORES

    if not dataset.has_sample_field(f"{key}_quality"):
        return ()
    names = [name for name in SCORES if dataset.has_sample_field(f"{key}_{name}")]
    view = worst_first(dataset, key).limit(images)
    columns = view.values(["id", "filepath", f"{key}_quality", *(f"{key}_{name}" for name in names)])
    return tuple(
        RankedImage(sample_id, path, quality, dict(zip(names, scores, strict=True)))
        for sample_id, path, quality, *scores in zip(*columns, strict=True)
    )
