"""Corrected masks, loaded beside the given ones: what they change, which suspects that resolves, and which are new."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, showing
from ..base.types import IGNORED
from ..dataset.correction_fields import (
    check_corrections,
    corrected_mask,
    correction_names,
    create_correction_fields,
    new_suspects,
)
from ..dataset.correction_views import check_correction_views, correction_views, save_correction_views
from ..dataset.verdicts import CONFIRMED, REJECTED, RESOLVED, STILL_SUSPECT
from ..dataset.views import restore_views
from ..documents.documents import write_samples
from ..documents.ownership import own_fields
from ..passes.kept import scored_states
from ..records.record_parts import COMPLETE, PREDICTED, WRITING, ChangedPair, CorrectionPart
from ..records.run_record import RunRecord, load_record, save_record
from ..regions.reviewed import Region, Regions, has_suspects
from ..runs.housekeeping import own_folder, remove_replaced, run_folder, tidy
from ..runs.published import recorded_scores, recorded_suspects
from ..runs.rescore import Rescoring
from ..runs.turns import writing
from ..samples.inputs import raise_together
from ..samples.private_fiftyone import root_of
from ..store.run_folder import RunFolder, content_digest
from ..store.sets import CorrectionSet
from .compare import ComparedImage, Comparison, Searcher, drawn_by_hand
from .config import DATASET, CorrectionRequest
from .outcomes import Outcome, OutcomeWriter
from .sources import open_corrections

#: Images a write: bounds the memory of the changes that are built for it
_IMAGES_A_WRITE = 200
#: What pairs of classes call pixels that take part in nothing
_IGNORED = "ignored"
_NO_SUSPECTS = "The run has no suspects: the corrected masks were compared with the given ones, and nothing else."
_NOTHING_KEPT = (
    "The run keeps no predictions to look for suspects in the corrected masks with: what is newly wrong is not known."
)


@database_errors()
def load_corrections(
    collection: fo.Dataset | fo.DatasetView,
    source: str | os.PathLike[str] | fo.Dataset = CorrectionRequest.source,
    key: str = CorrectionRequest.key,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> CorrectionPart:
    """Loads corrected masks, and says what they change, what is resolved, still suspect, and newly wrong.

    The corrected masks go to the field ``<key>_corrections``, whose files are the run's; the given masks are only read.
    A suspect that most of was changed counts as confirmed, by whoever corrected, unless a person has given a verdict on
    it before; its ``outcome`` is ``resolved``, that of others in these images ``still suspect``. The masks that were
    changed are scored and searched for suspects again, with the predictions that the run keeps and without training:
    suspects most of whose pixels were changed are in the field ``<key>_newly_wrong``.

    Nothing is written to the dataset before all masks were checked. Loading again, from the same source or another one,
    replaces what was loaded before; a call that was killed is finished by the same call.

    Args:
        collection: the dataset, or a view of it; all images of the source take part
        source: a folder of masks that are called like the images, another field, another dataset or its name, or the
            name under which `send_to_annotation` has sent the images
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told after every portion
        **parameters: of `config.CorrectionRequest`: source_kind, source_field, reviewed, reviewer, skip_failures

    Returns:
        what was loaded, which the run's record keeps as ``corrections``

    Raises:
        LabelQualityError: no such run or source, a mask that belongs to no image, or several masks that cannot be used
        SampleError: a mask is missing, cannot be read, is not as large as its image or has values that are no class, or
            a given mask has changed since the run; unless ``skip_failures``
    """
    if isinstance(source, fo.Dataset):
        source, parameters = source.name, {"source_kind": DATASET, **parameters}
    request = CorrectionRequest.from_params({"source": os.fspath(source), "key": key, **parameters})
    dataset = root_of(collection)
    record, root = _finished_run(dataset, key)
    check_corrections(dataset, key)
    check_correction_views(dataset, key)
    with showing(progress) as progress, run_folder(dataset, root, record) as folder:
        comparison = _compared(dataset, record, folder, request, progress)
        with writing(dataset, root):
            # Anew: what is not of the corrections may have been written to it since it was read
            record = load_record(dataset, key)
            _write(dataclasses.replace(comparison, record=record), request, progress)
        others = [one for one in folder.sets() if not isinstance(one, CorrectionSet)]
        remove_replaced(dataset, folder, keep=[*others, comparison.store])
    tidy(root)
    assert record.corrections is not None
    return record.corrections


def _finished_run(dataset: fo.Dataset, key: str) -> tuple[RunRecord, Path]:
    record = load_record(dataset, key)
    root = own_folder(dataset, record)
    if root is None:
        raise LabelQualityError(
            f"The files of run '{key}' belong to the dataset that this one was cloned from. Score here first: "
            "score_label_quality with overwrite=True."
        )
    if record.status not in (COMPLETE, PREDICTED):
        raise LabelQualityError(f"Run '{key}' was interrupted. Start it again, so that it is finished.")
    return record, root


def _compared(
    dataset: fo.Dataset, record: RunRecord, folder: RunFolder, request: CorrectionRequest, progress: Progress
) -> Comparison:
    """All corrected masks, checked and compared; leaves nothing where one of them cannot be used."""
    samples = open_corrections(dataset, record, request, progress)
    scores = recorded_scores(folder, record) if record.scores.set else None
    suspects = next(iter(recorded_suspects(folder, record)), None)
    states = scored_states(scores) if scores is not None else {}
    searcher = Searcher.opened(record, scores, suspects, samples)
    rescoring = Rescoring.opened(dataset, record, scores, samples.given) if scores is not None else None
    suspect_set = record.suspects.set if record.suspects is not None else None
    prints = samples.given.fingerprint(), samples.corrected.fingerprint()
    digest = content_digest("corrections", request.to_dict(), suspect_set, record.created, *prints)
    store = folder.open_corrections(digest, {"source": samples.words}, overwrite=True)
    regions = Regions(dataset, record, rejected=True) if has_suspects(dataset, record.key) else None
    comparison = Comparison(dataset, record, samples, searcher, rescoring, regions, states, store)
    with _removed_if_refused(store):
        found = comparison.run(progress)
        errors = [SampleError(one["problem"], sample_id=one["sample_id"], path=one["path"]) for one in found]
        if not request.skip_failures:
            raise_together(errors, len(samples.given))
        samples.failures.recall(found)
        samples.failures.require(len(samples.given) - len(found))
    return comparison


@contextlib.contextmanager
def _removed_if_refused(store: CorrectionSet) -> Iterator[None]:
    try:
        yield
    except LabelQualityError:
        store.remove()
        raise


def _write(comparison: Comparison, request: CorrectionRequest, progress: Progress) -> None:
    """Writes fields, outcomes, views and the record; whatever a kill leaves is written over by the next call."""
    dataset, record, store = comparison.dataset, comparison.record, comparison.store
    now = datetime.now(timezone.utc)
    part = CorrectionPart(
        source=comparison.samples.words,
        reviewer=request.reviewer or getpass.getuser(),
        created=now.isoformat(timespec="seconds"),
        config=request.to_dict(),
        set=store.path.name,
        status=WRITING,
    )
    record.corrections = part
    own = correction_views(record.key)
    record.views = [name for name in record.views if name not in own]
    save_record(dataset, record)
    rated = record.suspects is not None and record.suspects.rate is not None
    table = comparison.samples.given.class_table
    create_correction_fields(dataset, record.key, record.label_field, table.mask_targets(), rated)
    tally = _Tally(part, table.names)
    writer = None
    if has_suspects(dataset, record.key):
        writer = OutcomeWriter(dataset, record.key, part.reviewer, now, rejects=request.reviewed)
        writer.clear()
    _write_images(comparison, request, tally, writer, progress)
    tally.finish(comparison.searcher is not None)
    part.failures = comparison.samples.failures.to_dicts()
    if writer is None:
        part.notes.append(_NO_SUSPECTS)
    elif comparison.searcher is None:
        part.notes.append(_NOTHING_KEPT)
    views = save_correction_views(dataset, record.key, writer is not None, comparison.searcher is not None)
    record.views = [*record.views, *views]
    record.fields = own_fields(dataset, record.key)
    restore_views(dataset, record.key, record.views)
    if not store.complete:
        store.finish()
    part.status = COMPLETE
    save_record(dataset, record)


def _write_images(
    comparison: Comparison,
    request: CorrectionRequest,
    tally: _Tally,
    writer: OutcomeWriter | None,
    progress: Progress,
) -> None:
    dataset, record = comparison.dataset, comparison.record
    regions = Regions(dataset, record, rejected=True) if writer is not None else None
    masks, new = correction_names(record.key)
    images, done = comparison.images(), 0
    while portion := list(islice(images, _IMAGES_A_WRITE)):
        values: dict[str, dict[str, Any]] = {}
        found: dict[str, dict[str, Outcome]] = {}
        there = regions.of([one.sample_id for one in portion]) if regions is not None else {}
        for one in portion:
            values[one.sample_id] = {
                masks: corrected_mask(one.mask, one.pixels, one.quality[1] if one.quality else None)
            }
            if comparison.searcher is not None:
                values[one.sample_id][new] = new_suspects(one.new, tally.names)
            outcomes = _outcomes(one, there.get(one.sample_id, ()), tally, request.reviewed)
            if outcomes:
                found[one.sample_id] = outcomes
            tally.add(one)
        if writer is not None:
            writer.write(values, found)
        else:
            write_samples(dataset, values)
        done += len(portion)
        progress("Writing corrections", done, len(comparison.samples.given))


def _outcomes(image: ComparedImage, regions: Sequence[Region], tally: _Tally, reviewed: bool) -> dict[str, Outcome]:
    """The outcome of each suspect of an image that was compared; one that was added since then has none."""
    outcomes: dict[str, Outcome] = {}
    for region in regions:
        if region["id"] not in image.regions:
            continue
        resolved, became = image.regions[region["id"]]
        open_one = not drawn_by_hand(region) and region.get("verdict") is None
        label = None if became in (None, IGNORED) else tally.names[became]
        if resolved:
            outcomes[region["id"]] = Outcome(RESOLVED, CONFIRMED if open_one else None, label)
        else:
            outcomes[region["id"]] = Outcome(STILL_SUSPECT, REJECTED if reviewed and open_one else None)
        tally.count(resolved, label is not None and label == region.get("suggested"), reviewed and open_one)
    return outcomes


class _Tally:
    """Counts what corrections do; memory is that of the pairs of classes.

    Args:
        part: of the record, whose counts these are
        names: of the classes
    """

    def __init__(self, part: CorrectionPart, names: tuple[str, ...]) -> None:
        self._part, self.names = part, names
        self._pixels: Counter[tuple[int, int]] = Counter()
        self._images: Counter[tuple[int, int]] = Counter()
        self._new = 0
        self._qualities = [0.0, 0.0]
        self._scored = 0

    def add(self, image: ComparedImage) -> None:
        """Counts an image."""
        self._part.images += 1
        self._part.changed += bool(image.pixels)
        self._part.pixels += image.pixels
        self._new += len(image.new.given)
        if image.quality is not None:
            self._scored += 1
            self._qualities = [total + one for total, one in zip(self._qualities, image.quality, strict=True)]
        for given, became, pixels in image.pairs.tolist():
            self._pixels[given, became] += pixels
            self._images[given, became] += 1

    def count(self, resolved: bool, as_suggested: bool, rejected: bool) -> None:
        """Counts a suspect."""
        self._part.resolved += resolved
        self._part.as_suggested += resolved and as_suggested
        self._part.still_suspect += not resolved
        self._part.rejected += not resolved and rejected

    def finish(self, searched: bool) -> None:
        """Adds what is known when all are counted."""
        self._part.newly_wrong = self._new if searched else None
        self._part.quality = [total / self._scored for total in self._qualities] if self._scored else None
        self._part.pairs = [
            ChangedPair(self._name(pair[0]), self._name(pair[1]), pixels, self._images[pair])
            for pair, pixels in sorted(self._pixels.items(), key=lambda item: (-item[1], item[0]))
        ]

    def _name(self, index: int) -> str:
        return _IGNORED if index == IGNORED else self.names[index]
