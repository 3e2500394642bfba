"""One verdict on many suspects: what it would be on, the verdict, and one undo for the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

import fiftyone as fo
from bson import ObjectId

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.portions import portions, queries
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, rejected_name, signed
from ..documents.ownership import field_name
from ..samples.private_fiftyone import id_of, is_patches, patched_fields, root_of, stored_samples
from .decide import VERDICTS, progress, set_verdict

_STORE = "label_quality_review"
#: How far a verdict on many is: the suspects get it, all have it, or it is taken back from them
BEGUN, GIVEN, UNDONE = "begun", "given", "undone"
#: Suspects that are looked through at once
_PORTION = 10_000
#: Probability from which a suspect is rather a mistake of the mask than none
EVEN = 0.5


@dataclass(frozen=True)
class Shown:
    """Suspects that nobody has reviewed, counted.

    Args:
        key: the run's key
        ids: of the regions
        images: that they are in
        issues: (given class, suggested class) to how many of them there are, the most first
        least: the lowest probability; None where they are not rated
        most: the highest
        improbable: how many are less probable than `EVEN`
        reviewed: how many others are shown that have a verdict, which they keep
    """

    key: str
    ids: tuple[str, ...] = ()
    images: int = 0
    issues: tuple[tuple[tuple[str, str], int], ...] = ()
    least: float | None = None
    most: float | None = None
    improbable: int = 0
    reviewed: int = 0


@dataclass(frozen=True)
class Decision:
    """A verdict on many.

    Args:
        key: the run's key
        verdict: ``confirmed`` or ``rejected``
        reviewed_by: who gave it
        reviewed_at: when, in UTC
        regions: how many suspects it was on
        state: `GIVEN`, or what a kill has cut short: `BEGUN`, or `UNDONE`
    """

    key: str
    verdict: str
    reviewed_by: str
    reviewed_at: datetime
    regions: int
    state: str = GIVEN


@database_errors()
def shown_suspects(
    collection: fo.Dataset | fo.DatasetView, key: str = "lq", region_ids: Sequence[str] | None = None
) -> Shown:
    """The suspects that a verdict on all that is shown would be on.

    Args:
        collection: patches of suspects, or images, whose suspects are meant then
        key: the run's key
        region_ids: ids of the suspects that are meant instead, such as selected ones

    Raises:
        LabelQualityError: the run has no suspects
    """
    dataset, field = root_of(collection), field_name(key, SUSPECTS)
    # What was edited in the App has a verdict by that
    progress(dataset, key)
    if region_ids is None:
        region_ids = _ids(collection, field)
    path = f"{field}.detections"
    read = {name: f"${path}.{name}" for name in ("_id", "given", "suggested", "probability", "verdict")}
    found: list[dict[str, Any]] = []
    for wanted in queries([ObjectId(one) for one in dict.fromkeys(region_ids) if ObjectId.is_valid(one)]):
        here = {"$match": {f"{path}._id": {"$in": wanted}}}
        pipeline = [here, {"$unwind": f"${path}"}, here, {"$project": {**read, "sample": "$_id"}}]
        found += stored_samples(dataset).aggregate(pipeline, allowDiskUse=True)
    left = [one for one in found if one.get("verdict") is None]
    rated = [one["probability"] for one in left if one.get("probability") is not None]
    return Shown(
        key,
        tuple(str(one["_id"]) for one in left),
        len({one["sample"] for one in left}),
        tuple(Counter((str(one.get("given")), str(one.get("suggested"))) for one in left).most_common()),
        min(rated, default=None),
        max(rated, default=None),
        sum(one < EVEN for one in rated),
        len(found) - len(left),
    )


@database_errors()
def decide_on_all(
    collection: fo.Dataset | fo.DatasetView,
    key: str = "lq",
    verdict: str = VERDICTS[0],
    *,
    region_ids: Sequence[str] | None = None,
    reviewer: str | None = None,
) -> Shown:
    """Confirms or rejects all suspects that are shown and that nobody has reviewed, as one that `undo_decision` undoes.

    Suspects that have a verdict, or get one from somebody else meanwhile, keep it. Where the last such call was killed,
    the same verdict of the same reviewer goes on with it, and one undo takes both back; before another one, it is to be
    ended so or taken back, by `undo_decision`. Where an undo was killed, it is to be ended first, by the same: what it
    still takes back would not be among the suspects that are decided on.

    Args:
        collection: patches of suspects, such as those of an issue, or images, whose suspects are meant then
        key: the run's key
        verdict: ``confirmed`` or ``rejected``
        region_ids: ids of the suspects that are meant instead, such as selected ones
        reviewer: who says so; by default the user of this computer

    Returns:
        what it was on

    Raises:
        LabelQualityError: another verdict, the run has no suspects, the last decision or its undo has not ended, or
            none of those that are shown is left to review, where what a kill had cut short is made up for all the same
    """
    if verdict not in VERDICTS:
        raise LabelQualityError(
            f"Expected `verdict` to be one of {', '.join(map(repr, VERDICTS))}, but got {verdict!r}."
        )
    dataset = root_of(collection)
    last = last_decision(dataset, key)
    _check_ended(last, verdict, reviewer)
    shown = shown_suspects(collection, key, region_ids)
    view = collection if isinstance(collection, fo.DatasetView) else None
    # As MongoDB keeps it: by who and when the verdicts are found again
    now = datetime.now(timezone.utc)
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    who = _signature(verdict, reviewer)
    decision, had = Decision(key, verdict, who, now, len(shown.ids), BEGUN), list[str]()
    if last is not None and last.state == BEGUN:
        had = _of(dataset, last)
        decision = replace(last, regions=len(had) + len(shown.ids))
    if had or shown.ids:
        _give(dataset, decision, [*had, *shown.ids], view)
    if not shown.ids:
        some = f"{shown.reviewed:,} that are shown have a verdict already" if shown.reviewed else "no suspect is shown"
        raise LabelQualityError(f"There is nothing to decide on: {some}.")
    return shown


def goes_on(last: Decision, verdict: str, reviewer: str | None = None) -> bool:
    """Whether a verdict on many that has not ended is the same one; ``reviewer`` as of `decide_on_all`."""
    return (last.verdict, last.reviewed_by) == (verdict, _signature(verdict, reviewer))


def _signature(verdict: str, reviewer: str | None) -> str:
    return str(signed(verdict, reviewer, datetime.now(timezone.utc))["reviewed_by"])


def _check_ended(last: Decision | None, verdict: str, reviewer: str | None) -> None:
    """Raises `LabelQualityError` where another decision, or an undo, has not ended: a new one would take its mark."""
    if last is None or last.state == GIVEN:
        return
    what = f"last verdict on many suspects of run '{last.key}', {last.verdict} by {last.reviewed_by}, has not ended."
    take_back = f"undo_decision(dataset, '{last.key}'), or in the App in the form Confirm or reject all shown"
    if last.state == UNDONE:
        raise LabelQualityError(
            f"The undo of the {what} If it was interrupted, end it with {take_back}, and decide then."
        )
    if not goes_on(last, verdict, reviewer):
        raise LabelQualityError(
            f"The {what} If it was interrupted, end it with the same verdict and reviewer='{last.reviewed_by}', or "
            f"take it back with {take_back}, and decide then."
        )


def _give(dataset: fo.Dataset, decision: Decision, ids: Sequence[str], view: fo.DatasetView | None) -> None:
    """Gives suspects the verdict, unless they have one; what a kill has left out for those that have is made up for."""
    # First: what a kill leaves of it can be undone, too
    _keep(dataset, decision)
    who, when = decision.reviewed_by, decision.reviewed_at
    set_verdict(dataset, decision.key, ids, decision.verdict, reviewer=who, view=view, open_only=True, when=when)
    _keep(dataset, replace(decision, state=GIVEN))


def _keep(dataset: fo.Dataset, decision: Decision) -> None:
    content = {**asdict(decision), "reviewed_at": decision.reviewed_at.isoformat()}
    _store(dataset).set(content.pop("key"), content)


@database_errors()
def last_decision(dataset: fo.Dataset, key: str = "lq") -> Decision | None:
    """The last verdict on many of a run's suspects, None where there was none or it was undone."""
    content = _store(dataset).get(key)
    if not content:
        return None
    when = datetime.fromisoformat(content["reviewed_at"])
    return Decision(**{**content, "key": key, "reviewed_at": when})


@database_errors()
def undo_decision(dataset: fo.Dataset, key: str = "lq", *, view: fo.DatasetView | None = None) -> tuple[str, ...]:
    """Takes the last verdict on many back, from all suspects that still have it.

    Args:
        dataset: the dataset
        key: the run's key
        view: patches of suspects that are on show, to be kept up to date beside the run's own

    Returns:
        ids of the suspects; of an undo that was killed, of those that it had not reached

    Raises:
        LabelQualityError: there is none to undo
    """
    dataset = root_of(dataset)
    last = last_decision(dataset, key)
    if last is None:
        raise LabelQualityError(f"There is no verdict on many suspects of run '{key}' to undo.")
    _keep(dataset, replace(last, state=UNDONE))
    ids = _of(dataset, last)
    if ids:
        set_verdict(dataset, key, ids, None, view=view)
    if last.state == UNDONE:
        # Where that was killed, suspects may be back without their patches
        left = _ids(dataset, field_name(key, SUSPECTS))
        for portion in portions(left, _PORTION):
            set_verdict(dataset, key, portion, None, view=view, open_only=True)
    _store(dataset).delete(key)
    return tuple(ids)


def _of(dataset: fo.Dataset, decision: Decision) -> list[str]:
    """Ids of the suspects that still have a verdict on many."""
    fields = [field_name(decision.key, SUSPECTS)]
    fields += [rejected_name(decision.key)] if has_rejected(dataset, decision.key) else []
    names = ("verdict", "reviewed_by", "reviewed_at")
    found: list[str] = []
    for field in fields:
        path = f"{field}.detections"
        same: Mapping[str, Any] = {"$match": {f"{path}.{name}": getattr(decision, name) for name in names}}
        pipeline = [same, {"$unwind": f"${path}"}, same, {"$project": {"_id": f"${path}._id"}}]
        found += [str(one["_id"]) for one in stored_samples(dataset).aggregate(pipeline)]
    return found


def _ids(collection: fo.Dataset | fo.DatasetView, field: str) -> list[str]:
    if is_patches(collection):
        return list(collection.values("id")) if field in patched_fields(collection) else []
    if not collection.has_sample_field(field):
        return []
    return [one for several in collection.values(f"{field}.detections.id") for one in several or ()]


def _store(dataset: fo.Dataset) -> Any:
    from fiftyone.operators.store import ExecutionStore

    return ExecutionStore.create(_STORE, dataset_id=id_of(dataset))
