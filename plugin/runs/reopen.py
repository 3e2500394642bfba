"""A finished run, opened again for what needs no predictions: its samples as they were scored."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

import fiftyone as fo

from ..base.errors import LabelQualityError, SampleError
from ..base.executor import map_shards
from ..base.progress import Progress
from ..base.timing import StageTimes
from ..engine.engine import current_engine
from ..labels.class_table import ClassTable
from ..passes.kept import check_unchanged, scored_states
from ..records.record_parts import COMPLETE, PREDICTED
from ..records.run_record import RunRecord, check_given_field, load_record
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.slices import images_of
from ..store.passes import members, shards_of
from ..store.sets import ScoreSet
from .housekeeping import own_folder, run_folder, tidy
from .request import Request
from .run import Run
from .search import searchable_scores


class Reopening(Protocol):
    """What is asked of a scored run, whatever is done with it."""

    @property
    def otherwise(self) -> str:
        """What cannot be done where the run keeps too little."""

    @property
    def key(self) -> str:
        """The run's key."""

    @property
    def skip_failures(self) -> bool:
        """Whether to leave out samples that have changed since or cannot be read."""

    @property
    def overwrite(self) -> bool:
        """Whether to do it again although it was done."""


@contextlib.contextmanager
def reopen_run(
    dataset: fo.Dataset,
    request: Reopening,
    progress: Progress,
    *checks: Callable[[fo.Dataset, str], None],
) -> Iterator[Run]:
    """Opens a scored run's samples and its folder, which no other run can use until the block is left.

    Args:
        dataset: the dataset
        request: which run, and what to do about samples that have changed since
        progress: told how far each stage is
        *checks: told of the dataset and the key, they raise where something of the user's is in the way

    Raises:
        LabelQualityError: there is no such run, it keeps nothing that could be searched, or it is under way
        SampleError: a sample has changed since, or cannot be used, unless ``skip_failures``
    """
    times = StageTimes(progress)
    record = load_record(dataset, request.key)
    root = own_folder(dataset, record)
    if record.status != COMPLETE or root is None:
        raise LabelQualityError(_unfit(record, root is not None))
    check_given_field(dataset, record)
    for check in checks:
        check(dataset, request.key)
    with run_folder(dataset, root, record) as folder:
        scores = searchable_scores(folder, record, request.otherwise)
        samples, failures = _scored_samples(dataset, record, scores, request, times)
        asked = Request(
            request.key, unknown=record.unknown, skip_failures=request.skip_failures, overwrite=request.overwrite
        )
        with current_engine().sharing(str(folder.root)):
            current_engine().check(samples.files())
            yield Run(samples, asked, times, folder, record, record.fingerprint, failures)
    tidy(root)


def _unfit(record: RunRecord, own: bool) -> str:
    """Why a run cannot be searched, and what to do."""
    if not own:
        return (
            f"The files of run '{record.key}' belong to the dataset that this one was cloned from. Score here first: "
            "score_label_quality with overwrite=True."
        )
    if record.status == PREDICTED:
        return f"Run '{record.key}' has predictions but no scores. Run score_label_quality first."
    return f"Run '{record.key}' was interrupted. Start it again, so that it is finished."


def _scored_samples(
    dataset: fo.Dataset,
    record: RunRecord,
    scores: ScoreSet,
    request: Reopening,
    progress: Progress,
) -> tuple[SegmentationSamples, Failures]:
    """The samples of a run as they were scored; those that are no longer in the dataset are left out."""
    states = scored_states(scores)
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(
        images_of(dataset),
        record.label_field,
        classes=table.mask_targets(),
        unknown=record.unknown,
        skip_failures=request.skip_failures,
        only=states,
    )
    samples.class_table = table
    place = {sample_id: index for index, sample_id in enumerate(samples.ids)}
    samples = samples.subset(place[sample_id] for sample_id in states if sample_id in place)
    failures = Failures(request.skip_failures, list(states), samples.failures)
    unchanged: list[int] = []
    outcomes = map_shards(partial(_check_shard, samples, states), shards_of(len(samples)))
    for shard, outcome in enumerate(outcomes):
        for index, error in zip(members(shard, len(samples)), outcome, strict=True):
            if error is None:
                unchanged.append(index)
            else:
                failures.add(error)
        progress("Checking files", members(shard, len(samples)).stop, len(samples))
    failures.require(len(unchanged))
    return samples.subset(unchanged), failures


def _check_shard(
    samples: SegmentationSamples, states: Mapping[str, Sequence[int]], shard: int
) -> list[SampleError | None]:
    """For each sample of a shard, what has changed since it was scored."""
    errors: list[SampleError | None] = []
    for index in members(shard, len(samples)):
        try:
            check_unchanged(samples, index, states[samples.ids[index]])
        except SampleError as error:
            errors.append(error)
        else:
            errors.append(None)
    return errors
