"""Compares two runs of a dataset: qualities, suspects, issues, and the masks where they differ.

Useful after masks were corrected, or for another model: which images became better, which issues are gone or new.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.executor import map_shards
from ..base.progress import Progress, showing
from ..base.types import IGNORED
from ..dataset.fields import check_names, create_fields
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import KEPT, has_rejected, rejected_name, same_region
from ..dataset.views import check_change_views, save_changes
from ..documents.documents import write_samples
from ..documents.indexes import create_indexes
from ..documents.ownership import field_name
from ..gain.tallies import agreement, class_iou, mean_iou
from ..labels.class_table import ClassTable
from ..records.comparison import ChangedImage, ClassChange, Comparison, IssueChange
from ..records.run_record import RunRecord, load_record, save_record
from ..runs.collect_edits import collect_edits
from ..runs.housekeeping import writing_to
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.private_fiftyone import root_of, stored_samples
from ..samples.slices import images_of
from ..scores.results import Columns
from .config import CompareRequest

CHANGE = "change"
#: Images whose suspects are in memory at a time
_PORTION = 200
#: Images named in each direction
_LISTED = 20
_TEXT = "Quality of run '{after}' less that of run '{before}', in [-1, 1]; above 0 the mask looks better than before"


@database_errors()
def compare_runs(
    collection: fo.Dataset | fo.DatasetView,
    before: str = CompareRequest.before,
    after: str = CompareRequest.after,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> Comparison:
    """Compares two runs, and writes the change of each image's quality to the field ``<after>_change``.

    The views ``<after>: quality fell`` and ``<after>: quality rose`` are saved, and the record of the run ``after``
    keeps what has changed, in place of an earlier comparison.

    A suspect is the same in both where the pair of classes is and the boxes overlap by half. One that was rejected in
    the run ``before`` is not new where it is found again. What was edited in the App counts as a verdict, see
    `collect_edits`. The field belongs to the run ``after`` and is deleted with it, or when it is scored again.

    Args:
        collection: the dataset, or a view of it; all images that both runs have scored are compared
        before: key of the run that the other is compared with
        after: key of the run whose changes are told
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far it is
        **parameters: none

    Returns:
        what has changed

    Raises:
        LabelQualityError: no such run, one without scores, both the same, other classes, or no image in common
        SampleError: a mask cannot be read, where the runs are of different fields
    """
    request = CompareRequest.from_params({"before": before, "after": after, **parameters})
    dataset = root_of(collection)
    records = [load_record(dataset, key) for key in (request.before, request.after)]
    for record in records:
        _check(dataset, record)
    check_names(dataset, after, [field_name(after, CHANGE)])
    check_change_views(dataset, after)
    found = Comparison(before, after, searched=records[1].suspects.set if records[1].suspects is not None else None)
    common = _qualities(dataset, found)
    found.notes += _scored_otherwise(*records)
    with showing(progress) as progress:
        _count_suspects(dataset, found, list(common), progress)
        _compare_classes(dataset, found, records, list(common), progress)
    with writing_to(dataset, after) as record:
        # Where this is killed, none is kept that the field is not of
        _keep(dataset, record, None)
        _write(dataset, found, common)
        found.views = save_changes(dataset, after, field_name(after, CHANGE), before)
        _keep(dataset, record, found)
    return found


def changed_view(dataset: fo.Dataset, after: str) -> fo.DatasetView:
    """The images that were compared, those whose quality fell most first."""
    name = field_name(after, CHANGE)
    return images_of(dataset).exists(name).sort_by(name)


def _check(dataset: fo.Dataset, record: RunRecord) -> None:
    if not dataset.has_sample_field(field_name(record.key, "quality")):
        raise LabelQualityError(
            f"Run '{record.key}' has no scores to compare, as it is {record.status}. Score it first."
        )


def _scored_otherwise(first: RunRecord, second: RunRecord) -> Iterator[str]:
    """Sentences on what makes the qualities of two runs differ by itself, whatever the masks."""
    asked = [record.config.get("scores") or {} for record in (first, second)]
    if not all(asked):
        return
    names = [
        Columns(tuple(set(scores["scores"]) - record.scores_missing.keys())).quality
        for record, scores in zip((first, second), asked, strict=True)
    ]
    # A run of an earlier version has not looked for displaced edges
    settings = {"temperature": None, "displaced_edges": False}
    chosen = [
        {"quality": name} | {one: scores.get(one, default) for one, default in settings.items()}
        for name, scores in zip(names, asked, strict=True)
    ]
    for one, before in chosen[0].items():
        after = chosen[1][one]
        if before != after:
            yield (
                f"The change of quality is not of the masks alone, as {one.replace('_', ' ')} is {before} in run "
                f"'{first.key}' and {after} in run '{second.key}': score one of them again as the other."
            )


def _qualities(dataset: fo.Dataset, found: Comparison) -> dict[str, float]:
    """The change of quality by sample; counts it."""
    names = [field_name(key, "quality") for key in (found.before, found.after)]
    shown = {"filepath": True, **dict.fromkeys(names, True)}
    changes: dict[str, float] = {}
    gained: list[tuple[float, str, ChangedImage]] = []
    lost: list[tuple[float, str, ChangedImage]] = []
    either = {"$or": [{name: {"$ne": None}} for name in names]}
    for sample in stored_samples(dataset).find(either, shown).sort("_id", 1):
        first, second = (sample.get(name) for name in names)
        if first is None or second is None:
            found.only_before += second is None
            found.only_after += first is None
            continue
        sample_id, change = str(sample["_id"]), second - first
        changes[sample_id] = change
        image = ChangedImage(sample_id, sample["filepath"], first, second)
        for heap, key in ((gained, change), (lost, -change)):
            if key > 0:
                (heapq.heappush if len(heap) < _LISTED else heapq.heappushpop)(heap, (key, sample_id, image))
    if not changes:
        raise LabelQualityError(
            f"Runs '{found.before}' and '{found.after}' have no image in common that both have scored. Compare runs of "
            "the same images."
        )
    values = np.array(list(changes.values()))
    found.images, found.mean_change = len(values), float(values.mean())
    found.better, found.worse = int((values > 0).sum()), int((values < 0).sum())
    found.gained = [image for _, _, image in sorted(gained, reverse=True)]
    found.lost = [image for _, _, image in sorted(lost, reverse=True)]
    return changes


def _count_suspects(dataset: fo.Dataset, found: Comparison, ids: Sequence[str], progress: Progress) -> None:
    """Counts the suspects of both runs, by issue, and those that only one has."""
    names = [field_name(key, SUSPECTS) for key in (found.before, found.after)]
    missing = [
        key for key, name in zip((found.before, found.after), names, strict=True) if not dataset.has_sample_field(name)
    ]
    if missing:
        found.notes.append(f"Suspects are not compared: {' and '.join(map(repr, missing))} has none.")
        return
    for key in (found.before, found.after):
        collect_edits(dataset, key)
    earlier, later, again = Counter[str](), Counter[str](), Counter[str]()
    for done, (first, second, rejected) in _suspects(dataset, found.before, names, ids):
        earlier.update(map(_issue, first))
        later.update(map(_issue, second))
        found.gone += sum(same_region(one, second) is None for one in first)
        for one in second:
            same = same_region(one, [*first, *rejected])
            found.new += same is None
            if same is not None and same.get("verdict") in KEPT:
                again[_issue(one)] += 1
        progress("Comparing suspects", done, len(ids))
    found.suspects_before, found.suspects_after, found.rejected_before = map(Counter.total, (earlier, later, again))
    changes = [IssueChange(title, earlier[title], later[title], again[title]) for title in earlier | later]
    found.issues = sorted(changes, key=lambda one: (-abs(one.left - one.before), one.title))


def _issue(suspect: Mapping[str, Any]) -> str:
    return f"{suspect['suggested']} given as {suspect['given']}"


def _suspects(
    dataset: fo.Dataset, before: str, names: Sequence[str], ids: Sequence[str]
) -> Iterator[tuple[int, tuple[Sequence[dict[str, Any]], ...]]]:
    """How many images are done, one's suspects in both runs, and what people have rejected in the run before.

    Suspects that people have added are in no run.
    """
    fields, done = [*names, *([rejected_name(before)] if has_rejected(dataset, before) else [])], 0
    for start in range(0, len(ids), _PORTION):
        wanted = {"_id": {"$in": [ObjectId(one) for one in ids[start : start + _PORTION]]}}
        for sample in stored_samples(dataset).find(wanted, dict.fromkeys(fields, True)):
            done += 1
            regions = [((sample.get(name) or {}).get("detections") or ()) for name in (*names, rejected_name(before))]
            found = [[one for one in own if one.get("given") and one.get("suggested")] for own in regions]
            yield done, (*found[:2], [one for one in found[2] if one.get("verdict") in KEPT])


def _compare_classes(
    dataset: fo.Dataset, found: Comparison, records: Sequence[RunRecord], ids: Sequence[str], progress: Progress
) -> None:
    """IoU of each class in both runs, and of the masks with one another where they are of two fields."""
    first, second = records
    found.miou_before, found.miou_after = first.label_miou, second.label_miou
    table = ClassTable.from_dict(second.class_table)
    before, after = ({one.name: one.iou for one in record.classes} for record in records)
    masks: Mapping[str, float | None] = {}
    if first.label_field != second.label_field:
        if ClassTable.from_dict(first.class_table).names != table.names:
            found.notes.append("The masks are not compared, as the runs are of other classes.")
        else:
            masks = _compare_masks(dataset, found, records, ids, progress)
    found.classes = [ClassChange(one, before.get(one), after.get(one), masks.get(one)) for one in table.names]


def _compare_masks(
    dataset: fo.Dataset, found: Comparison, records: Sequence[RunRecord], ids: Sequence[str], progress: Progress
) -> Mapping[str, float | None]:
    """IoU of each class between the masks of both runs; None where neither has it."""
    opened = []
    for record in records:
        table = ClassTable.from_dict(record.class_table)
        samples = open_samples(
            images_of(dataset),
            record.label_field,
            classes=table.mask_targets(),
            unknown=record.unknown,
            skip_failures=True,
            only=ids,
        )
        samples.class_table = table
        opened.append(samples)
    places = [{sample_id: index for index, sample_id in enumerate(one.ids)} for one in opened]
    both = [(places[0][one], places[1][one]) for one in ids if one in places[0] and one in places[1]]
    classes, failed = opened[0].class_table.size, 0
    total = np.zeros((3, classes), np.int64)
    for done, counts in enumerate(map_shards(partial(_agree, opened, classes), both), start=1):
        if isinstance(counts, SampleError):
            failed += 1
        else:
            total += counts
        progress("Comparing masks", done, len(both))
    if failed:
        found.notes.append(f"Images whose masks cannot be read and are not compared: {failed}.")
    pixels = int(total[0].sum())
    found.changed_pixels = 1 - int(total[2].sum()) / pixels if pixels else None
    found.masks_miou = None if not pixels else float(mean_iou(total))
    iou = class_iou(total)
    return {
        name: None if np.isnan(one) else float(one) for name, one in zip(opened[0].class_table.names, iou, strict=True)
    }


def _agree(samples: Sequence[SegmentationSamples], classes: int, places: tuple[int, int]) -> np.ndarray | SampleError:
    """(3, K) pixels of each class in the mask after, before, and both; those that either ignores count in none."""
    try:
        before, after = (one.load_labels(place) for one, place in zip(samples, places, strict=True))
    except SampleError as error:
        return error
    known = np.where(before == IGNORED, IGNORED, after)
    return agreement(before, known, classes)


def _keep(dataset: fo.Dataset, record: RunRecord, found: Comparison | None) -> None:
    if record.comparison != found:
        record.comparison = found
        save_record(dataset, record)


def _write(dataset: fo.Dataset, found: Comparison, changes: Mapping[str, float]) -> None:
    """The field of changes, in place of that of an earlier comparison."""
    name = field_name(found.after, CHANGE)
    text = _TEXT.format(after=found.after, before=found.before)
    create_fields(dataset, found.after, {name: {"ftype": fo.FloatField, "description": text}})
    if dataset.get_field(name).description != text:
        made = dataset.get_field(name)
        made.description = text
        made.save()
    stored_samples(dataset).update_many({name: {"$exists": True}}, {"$set": {name: None}})
    ids = list(changes)
    for first in range(0, len(ids), _PORTION):
        write_samples(dataset, {one: {name: changes[one]} for one in ids[first : first + _PORTION]})
    create_indexes(dataset, [name])
    dataset.reload()
