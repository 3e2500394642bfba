"""How many errors a dataset has, and how many are left: what is judged is drawn at random, by an audit's suspicion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..base.executor import map_shards
from ..base.parameters import table
from ..base.progress import Progress, showing
from ..dataset.judging_views import check_judging_view, save_places_to_judge
from ..dataset.sample_fields import (
    add_units,
    check_sample,
    clear_units,
    create_sample,
    has_sample,
    image_unit,
    place_unit,
    suspect_unit,
)
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.views import TO_JUDGE, own_views, view_name
from ..documents.ownership import field_name, own_fields, owner
from ..estimate.config import EstimateConfig
from ..labels.class_table import ClassTable
from ..labels.images import image_size, read_mask
from ..labels.masks import encode
from ..records.run_record import RunRecord, load_record, save_record
from ..records.sample_parts import DrawnUnits, KeptEstimate, SamplePart
from ..runs.collect_edits import edits_of
from ..runs.housekeeping import writing_to
from ..runs.reopen import reopen_run
from ..runs.request import EstimateRequest
from ..runs.search import searchable_scores
from ..runs.turns import writing
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from ..store.locks import remove_stale
from .draw_sample import draw_sample
from .drawn_units import find_suspects_by_id
from .judged_sample import ErrorEstimate, estimate, kept_estimate

#: Units that are made at a time
_PORTION = 200
Document = dict[str, Any]


@database_errors()
def estimate_errors(
    collection: fo.Dataset | fo.DatasetView,
    key: str = EstimateRequest.key,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> ErrorEstimate:
    """Estimates how many errors the given masks of a run have, and how many of them are unfound, with 95 % intervals.

    The first call draws pixels, suspects and images at random, more of them where the run suspects more, and shows them
    as the field ``<key>_sample`` and the saved view ``<key>: places to judge``. A person judges them by the keys of the
    review, or `set_verdict` does. Every call estimates from the verdicts that there are; none draws again or loses a
    verdict, and one that asks for more than before draws further ones of the same strata. How many are judged stays as
    it was where a call does not say it.

    Args:
        collection: the dataset, or a view of it; all of the run's samples take part
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told how many images are looked at
        **parameters: of `request.EstimateRequest` (skip_failures, overwrite) and `EstimateConfig`

    Returns:
        what the verdicts say, and how many more there should be

    Raises:
        LabelQualityError: bad input, no such run, or one that keeps nothing to draw from
        SampleError: an image or a mask has changed since the run was scored, and ``skip_failures`` is not set
    """
    known = {**table(EstimateRequest), **table(EstimateConfig)}
    unknown = sorted(set(parameters) - set(known))
    if unknown:
        raise LabelQualityError(
            f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {', '.join(sorted(known))}."
        )
    asked = {name: value for name, value in parameters.items() if name in table(EstimateRequest)}
    request = EstimateRequest.from_params({"key": key, **asked})
    stated = {name: value for name, value in parameters.items() if name not in asked}
    config = EstimateConfig.from_params(stated)
    dataset = root_of(collection)
    record = load_record(dataset, key)
    for folder in (Path(str(record.folder)), Path(str(record.folder)).parent):
        # What a kill has left of an earlier call that had all done but that
        remove_stale(folder)
    with showing(progress) as progress:
        if dataset.has_sample_field(field_name(key, SUSPECTS)):
            # What was edited in the App is reviewed by that
            edits_of(dataset, record)
        if record.sample is None or request.overwrite:
            record = _draw(dataset, request, config, progress)
    sample = _drawn(record, stated)
    wanted = _wanted(sample, config, stated)
    record, sample = _shown(dataset, record, sample, wanted)
    found = estimate(dataset, record, sample, config.precision)
    _keep(dataset, key, found)
    return replace(found, notes=(*found.notes, *_limits(sample, wanted)))


def _keep(dataset: fo.Dataset, key: str, found: ErrorEstimate) -> None:
    """Saves the numbers that the panel shows in the run's record, which is read anew: estimating takes a while."""
    new = kept_estimate(found)
    if not _is_news(load_record(dataset, key).sample, new):
        return
    with writing_to(dataset, key) as record:
        if record.sample is not None:
            record.sample.estimate = new
            save_record(dataset, record)


def _is_news(sample: SamplePart | None, new: KeptEstimate | None) -> bool:
    """Whether a sample has another estimate; when it was said is no news by itself."""
    if sample is None:
        return False
    before = sample.estimate
    return (before and replace(before, created="")) != (new and replace(new, created=""))


def _wanted(sample: SamplePart, config: EstimateConfig, stated: Collection[str]) -> dict[str, int]:
    """How many units of each kind are to be judged: as many as are shown already, where that is not said anew."""
    parts = {"places": "verdicts", "suspects": "suspects", "images": "images"}
    shown = {part: getattr(sample, part).shown for part in parts}
    first = not any(shown.values())
    return {part: getattr(config, one) if first or one in stated else shown[part] for part, one in parts.items()}


def _limits(sample: SamplePart, wanted: Mapping[str, int]) -> Iterator[str]:
    """What cannot be had of what is asked for."""
    for name, number in wanted.items():
        drawn: DrawnUnits = getattr(sample, name)
        known = {stratum for stratum, one in enumerate(drawn.strata) if stratum not in drawn.order}
        there = sum(one.size for stratum, one in enumerate(drawn.strata) if stratum not in known)
        if len(drawn.order) < min(number, there):
            yield (
                f"{len(drawn.order):,} {name} were drawn beforehand, so that no more can be judged. Draw anew for "
                f"{number:,} with overwrite=True, which loses the verdicts."
            )


def _drawn(record: RunRecord, stated: Mapping[str, Any]) -> SamplePart:
    """What was drawn of a run; raises `LabelQualityError` where something else is asked for now."""
    sample = record.sample
    assert sample is not None
    for name in ("seed", "min_error"):
        before = getattr(sample, name)
        if name in stated and stated[name] != before:
            raise LabelQualityError(
                f"Expected parameter `{name}` to be {before:g}, with which the sample of run '{record.key}' was drawn, "
                f"but got {stated[name]!r}. Leave it out, or draw anew with overwrite=True, which loses the verdicts."
            )
    return sample


def _draw(dataset: fo.Dataset, request: EstimateRequest, config: EstimateConfig, progress: Progress) -> RunRecord:
    """Draws, and saves what was drawn in the run's record, before any of it is shown."""
    checks = (check_sample, check_judging_view)
    with reopen_run(dataset, request, progress, *checks) as run:
        record = run.finished
        scores = searchable_scores(run.folder, record, request.otherwise)
        sample = draw_sample(run, scores, config)
        left = len(run.failures.ids)
        if left:
            sample.notes.append(
                f"{left} of the run's images {'is' if left == 1 else 'are'} not among what was drawn from: "
                f"{run.failures.sentences()[0]}"
            )
        with writing(dataset, Path(str(record.folder))):
            clear_units(dataset, request.key)
            record = load_record(dataset, request.key)
            record.sample = sample
            save_record(dataset, record)
    return record


def _shown(
    dataset: fo.Dataset, record: RunRecord, sample: SamplePart, wanted: Mapping[str, int]
) -> tuple[RunRecord, SamplePart]:
    """Puts as many units on the dataset as are wanted, those first that are judged first.

    Returns:
        the record and the sample as they are then
    """
    key, more = record.key, _to_show(sample, wanted)
    new = any(number > getattr(sample, name).shown for name, number in more.items())
    lost = not has_sample(dataset, key) or view_name(key, TO_JUDGE) not in own_views(dataset, key)
    if not new and not lost:
        return record, sample
    drawn_at = sample.created
    with writing(dataset, Path(str(record.folder))):
        # Anew: whoever has written meanwhile has written to it too
        record = load_record(dataset, key)
        if record.sample is None or record.sample.created != drawn_at:
            raise LabelQualityError(f"Another call has meanwhile drawn anew of run '{key}'. Estimate again.")
        sample = record.sample
        more = _to_show(sample, wanted)
        create_sample(dataset, key, record.label_field)
        for portion in _units(dataset, record, sample, more):
            add_units(dataset, key, portion)
        for name, number in more.items():
            getattr(sample, name).shown = number
        view = save_places_to_judge(dataset, key)
        record.views = [*(one for one in record.views if one != view), view]
        record.fields = own_fields(dataset, key)
        save_record(dataset, record)
    return record, sample


def _to_show(sample: SamplePart, wanted: Mapping[str, int]) -> dict[str, int]:
    """How many of each kind of unit there are to be on the dataset: never fewer than there are."""
    return {
        name: max(getattr(sample, name).shown, min(number, len(getattr(sample, name).order)))
        for name, number in wanted.items()
    }


def _units(
    dataset: fo.Dataset, record: RunRecord, sample: SamplePart, more: Mapping[str, int]
) -> Iterator[dict[str, list[Document]]]:
    """The units that are to be shown further, some at a time, by sample."""
    places = range(sample.places.shown, more["places"])
    makers = {
        "places": (places, partial(_place_units, dataset, record, sample)),
        "suspects": (range(sample.suspects.shown, more["suspects"]), partial(_suspect_units, dataset, record, sample)),
        "images": (range(sample.images.shown, more["images"]), partial(_image_units, sample)),
    }
    for numbers, make in makers.values():
        for first in range(0, len(numbers), _PORTION):
            yield make(numbers[first : first + _PORTION])


def _place_units(
    dataset: fo.Dataset, record: RunRecord, sample: SamplePart, numbers: Sequence[int]
) -> dict[str, list[Document]]:
    drawn = sample.places
    ids = sorted({drawn.samples[number] for number in numbers})
    view = images_of(dataset).select(ids)
    predicted = f"{field_name(record.key, 'prediction')}.mask_path"
    there = owner(dataset, field_name(record.key, "prediction")) == record.key
    names = ["id", "filepath", "metadata.width", "metadata.height", *([predicted] if there else [])]
    rows = {row[0]: row[1:] for row in zip(*view.values(names), strict=True)}
    by_sample = defaultdict[str, list[int]](list)
    for number in numbers:
        if drawn.samples[number] in rows:
            by_sample[drawn.samples[number]].append(number)
    table = ClassTable.from_dict(record.class_table)

    def make(sample_id: str) -> list[Document]:
        path, width, height, *mask = rows[sample_id]
        size = (height, width) if width and height else image_size(path, sample_id)
        seen = _predicted(mask[0] if mask else None, table, size, sample_id)
        made = []
        for number in by_sample[sample_id]:
            row, column, given = drawn.rows[number], drawn.columns[number], drawn.given[number]
            found = drawn.suggested[number]
            if found < 0 and seen is not None:
                found = int(seen[row, column])
            suggested = sample.classes[found] if found >= 0 and found != given else None
            made.append(place_unit(number, row, column, size, sample.classes[given], suggested))
        return made

    chosen = list(by_sample)
    return dict(zip(chosen, map_shards(make, chosen), strict=True))


def _predicted(path: str | None, table: ClassTable, size: tuple[int, int], sample_id: str) -> np.ndarray | None:
    """(H, W) class that is predicted, negative where none is; None where nothing is known of it, and so suggested."""
    try:
        mask = None if path is None else read_mask(path, sample_id)
        seen = None if mask is None else encode(mask, table, "ignore")
    except LabelQualityError:
        return None
    return seen if seen is not None and seen.shape == size else None


def _suspect_units(
    dataset: fo.Dataset, record: RunRecord, sample: SamplePart, numbers: Sequence[int]
) -> dict[str, list[Document]]:
    drawn = sample.suspects
    found = find_suspects_by_id(dataset, record.key, {drawn.regions[number] for number in numbers})
    made = defaultdict[str, list[Document]](list)
    for number in numbers:
        region = found.get(drawn.regions[number])
        if region is not None:
            made[drawn.samples[number]].append(suspect_unit(number, region))
    return dict(made)


def _image_units(sample: SamplePart, numbers: Sequence[int]) -> dict[str, list[Document]]:
    return {sample.images.samples[number]: [image_unit(number, sample.min_error)] for number in numbers}
