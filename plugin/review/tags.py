"""Tags images for relabelling, and takes back exactly what the last tagging added.

What a tagging will add is written down before anything is tagged, so that it can also be taken back after a kill. It is
kept in FiftyOne's store of operators, apart from the dataset's own document, which the App loads with every page.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
import numpy as np
from bson import ObjectId
from fiftyone import ViewField as F

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.portions import portions
from ..base.progress import Progress, silent
from ..samples.private_fiftyone import id_of, reload_samples, root_of, stored_samples
from ..samples.slices import images_of
from .choose_images import DEFAULT_TAG, Chosen, check_tag

_STORE = "label_quality_relabelling"
_LAST = "last_tagging"
#: Samples that are tagged, or looked up, at a time: bounds the memory and how long there is no progress
_PORTION = 2000
#: Likewise where their regions are tagged
_REGIONS_PORTION = 200
#: MongoDB's limit of a document is 16 MiB
_MOST_BYTES = 15 * 2**20


@dataclass(frozen=True)
class Tagging:
    """What a tagging adds, or has added.

    Args:
        tag: the tag's name
        samples: ids of the samples that did not have it
        field: of the regions that are tagged too, or None
        regions: ids of the regions that did not have it
        holders: ids of the samples that have those regions
        created: UTC time, ISO 8601
        finished: whether it was done to the end
    """

    tag: str
    samples: Sequence[str] = ()
    field: str | None = None
    regions: Sequence[str] = ()
    holders: Sequence[str] = ()
    created: str = ""
    finished: bool = False


@dataclass(frozen=True)
class Counts:
    """How much was tagged, or would be.

    Args:
        images: that get the tag, or lose it
        already: chosen ones that have the tag anyway
        regions: that get the tag, or lose it
    """

    images: int = 0
    already: int = 0
    regions: int = 0


@database_errors()
def tag_samples(
    chosen: Chosen, tag: str = DEFAULT_TAG, *, regions: bool = False, progress: Progress = silent
) -> Counts:
    """Tags images, and their suspects too if asked for.

    Args:
        chosen: what to tag, from `choose_images.choose`
        tag: the tag's name
        regions: also tag the suspects that are meant
        progress: told after every portion

    Returns:
        what was tagged; samples and regions that had the tag before are left as they are

    Raises:
        LabelQualityError: the tag is no name, or regions are asked for where there are none
    """
    dataset = root_of(chosen.samples)
    tagging = _planned(chosen, tag, regions)
    counts = Counts(len(tagging.samples), len(chosen.samples) - len(tagging.samples), len(tagging.regions))
    if not tagging.samples and not tagging.regions:
        _conclude_earlier(dataset, chosen, tagging, regions)
        return counts
    recorded = _with_unfinished(dataset, tagging)
    _write(dataset, recorded)
    done, total = 0, len(tagging.samples) + len(tagging.regions)
    for ids in portions(tagging.samples, _PORTION):
        images_of(dataset).select(ids).tag_samples(tag)
        done += len(ids)
        progress("Tagging images", done, total)
    for tagged in _change_regions(dataset, tagging, "$addToSet"):
        done += tagged
        progress("Tagging suspects", done, total)
    _write(dataset, replace(recorded, finished=True))
    return counts


@database_errors()
def count(chosen: Chosen, tag: str = DEFAULT_TAG, *, regions: bool = False) -> Counts:
    """What `tag_samples` would tag, counted in the database."""
    check_tag(tag)
    images, already = len(chosen.samples), len(chosen.samples.match_tags(tag))
    if not regions or chosen.field is None:
        return Counts(images - already, already)
    return Counts(images - already, already, _missing_regions(chosen, tag).count(f"{chosen.field}.detections"))


@database_errors()
def last_tagging(dataset: fo.Dataset) -> Tagging | None:
    """What the last tagging has added, or None where there was none or it was taken back."""
    content = _store(dataset).get(_LAST)
    if not content:
        return None
    return Tagging(
        tag=content["tag"],
        samples=unpack_ids(content["samples"]),
        field=content["field"],
        regions=unpack_ids(content["regions"]),
        holders=unpack_ids(content["holders"]),
        created=content["created"],
        finished=content["finished"],
    )


@database_errors()
def undo_tagging(dataset: fo.Dataset, progress: Progress = silent) -> Counts:
    """Removes the tag from what the last tagging added it to; what had it before keeps it.

    It can be repeated after it was interrupted.

    Args:
        dataset: the dataset
        progress: told after every portion

    Returns:
        what the tag was removed from

    Raises:
        LabelQualityError: there is no tagging to undo
    """
    tagging = last_tagging(dataset)
    if tagging is None:
        raise LabelQualityError(f"There is no tagging to undo on dataset '{dataset.name}'.")
    images, done, total = 0, 0, len(tagging.samples) + len(tagging.regions)
    for ids in portions(tagging.samples, _PORTION):
        tagged = images_of(dataset).select(ids).match_tags(tagging.tag)
        images += len(tagged)
        tagged.untag_samples(tagging.tag)
        done += len(ids)
        progress("Removing the tag of images", done, total)
    regions = 0
    for untagged in _change_regions(dataset, tagging, "$pull"):
        regions += untagged
        progress("Removing the tag of suspects", done + regions, total)
    _store(dataset).delete(_LAST)
    return Counts(images=images, regions=regions)


def pack_ids(ids: Iterable[str]) -> str:
    """Ids as a short text: sorted, each by its difference to the one before, compressed; 2 to 5 characters an id."""
    rows = np.frombuffer(b"".join(sorted(bytes.fromhex(one) for one in ids)), np.uint8).reshape(-1, 12)
    differences = np.diff(rows, axis=0, prepend=np.zeros((1, 12), np.uint8))
    return base64.b85encode(zlib.compress(differences.T.tobytes(), 9)).decode()


def unpack_ids(text: str) -> list[str]:
    """The ids of `pack_ids`, sorted."""
    columns = np.frombuffer(zlib.decompress(base64.b85decode(text)), np.uint8).reshape(12, -1)
    rows = np.cumsum(columns.T, axis=0, dtype=np.uint8)
    return [row.tobytes().hex() for row in rows]


def _planned(chosen: Chosen, tag: str, regions: bool) -> Tagging:
    check_tag(tag)
    if regions and chosen.field is None:
        raise LabelQualityError(
            "There are no suspects to tag: find suspects first, or tag the images only (regions=False)."
        )
    ids = chosen.samples.match_tags(tag, bool=False).values("id")
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if not regions:
        return Tagging(tag, ids, created=now)
    holders, found = _missing_regions(chosen, tag).values(["id", f"{chosen.field}.detections.id"])
    return Tagging(tag, ids, chosen.field, [one for several in found for one in several], holders, now)


def _missing_regions(chosen: Chosen, tag: str) -> fo.DatasetView:
    """The chosen images with the regions that are meant and do not have the tag."""
    return chosen.samples.filter_labels(chosen.field, chosen.region & ~F("tags").contains([F.literal(tag)]))


def _with_unfinished(dataset: fo.Dataset, tagging: Tagging) -> Tagging:
    """The tagging with what an earlier one, which was killed and is now done again, has added."""
    earlier = last_tagging(dataset)
    if earlier is None or earlier.finished or earlier.tag != tagging.tag:
        return tagging
    fields = {tagging.field, earlier.field} - {None}
    if len(fields) > 1:
        return tagging
    samples = sorted({*tagging.samples, *earlier.samples})
    regions = sorted({*tagging.regions, *earlier.regions})
    holders = sorted({*tagging.holders, *earlier.holders})
    return Tagging(tagging.tag, samples, next(iter(fields), None), regions, holders, tagging.created)


def _conclude_earlier(dataset: fo.Dataset, chosen: Chosen, tagging: Tagging, regions: bool) -> None:
    """Notes that an earlier tagging, which was killed at its very end and is now done again, is finished."""
    earlier = last_tagging(dataset)
    if earlier is None or earlier.finished or earlier.tag != tagging.tag:
        return
    covered = {*earlier.samples, *earlier.holders} <= set(chosen.samples.values("id"))
    if covered and (regions or not earlier.regions):
        _write(dataset, replace(earlier, finished=True))


def _change_regions(dataset: fo.Dataset, tagging: Tagging, operator: str) -> Iterator[int]:
    """Gives the tagging's regions the tag or takes it from them, and yields after every portion how many that were.

    All regions of a portion in one update: FiftyOne's own sends one for each sample, and looks each up twice.

    Args:
        dataset: the dataset
        tagging: what is tagged; regions that are gone are passed over
        operator: MongoDB's ``$addToSet`` or ``$pull``
    """
    field, tag = tagging.field, tagging.tag
    if field is None or not tagging.regions or not dataset.has_sample_field(field):
        return
    wanted, adds = set(map(ObjectId, tagging.regions)), operator == "$addToSet"
    path, samples = f"{field}.detections", stored_samples(dataset)
    for portion in portions(tagging.holders, _REGIONS_PORTION):
        holders = {"_id": {"$in": [ObjectId(one) for one in portion]}}
        found = samples.find(holders, {f"{path}._id": True, f"{path}.tags": True})
        regions = [one for sample in found for one in (sample.get(field) or {}).get("detections") or []]
        # Only the portion's: MongoDB compares each region with every id that it is given
        ids = [one["_id"] for one in regions if one["_id"] in wanted and (tag in (one.get("tags") or [])) != adds]
        change = {operator: {f"{path}.$[one].tags": tag}, "$set": {"last_modified_at": datetime.now(timezone.utc)}}
        samples.update_many(holders | {f"{path}._id": {"$in": ids}}, change, array_filters=[{"one._id": {"$in": ids}}])
        reload_samples(dataset, portion)
        yield len(ids)


def _write(dataset: fo.Dataset, tagging: Tagging) -> None:
    content: dict[str, Any] = {
        "tag": tagging.tag,
        "samples": pack_ids(tagging.samples),
        "field": tagging.field,
        "regions": pack_ids(tagging.regions),
        "holders": pack_ids(tagging.holders),
        "created": tagging.created,
        "finished": tagging.finished,
    }
    if sum(len(content[name]) for name in ("samples", "regions", "holders")) > _MOST_BYTES:
        raise LabelQualityError(
            f"{len(tagging.samples):,} images and {len(tagging.regions):,} suspects are too many to tag at once so "
            "that it can be undone. Choose fewer, or leave the suspects out."
        )
    _store(dataset).set(_LAST, content)


def _store(dataset: fo.Dataset) -> Any:
    from fiftyone.operators.store import ExecutionStore

    return ExecutionStore.create(_STORE, dataset_id=id_of(dataset))
