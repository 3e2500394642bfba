"""The stage of a run that finds suspects: as the last one of an audit, or by itself on a run that has scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import fiftyone as fo

from ..base.errors import LabelQualityError, SampleError
from ..base.executor import map_shards
from ..base.progress import Progress
from ..base.timing import StageTimes
from ..dataset.record_parts import COMPLETE, MISSING, SuspectPart
from ..dataset.run_record import RunRecord, load_record, save_record
from ..dataset.suspect_fields import check_suspects
from ..dataset.views import check_views
from ..labels.class_table import ClassTable
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.slices import images_of
from ..store.passes import members, shards_of
from ..store.run_folder import RunFolder, content_digest
from ..store.sets import ScoreSet, SuspectSet
from ..suspects.config import SuspectConfig
from .housekeeping import own_folder, remove_replaced, run_folder, tidy
from .kept import check_unchanged, has_usual, scored_states
from .publish import publish_suspects, recorded_scores, recorded_suspects, suspects_published
from .request import SuspectRequest
from .results import NEEDS_PROBABILITIES
from .search_suspects import SuspectSearch

NOT_KEPT = "neither evidence nor CLC is among its scores, so that nothing is kept to find suspects in"


@dataclass(frozen=True)
class Suspects:
    """Which suspects a run is asked for.

    Args:
        config: what a suspect is
        stated: whether the user has said so; else a run that has suspects keeps them, whatever they were found with
    """

    config: SuspectConfig
    stated: bool = False


def missing_suspects(labels_only: bool) -> SuspectPart:
    """What the record of a run without suspects says of them."""
    reason = NEEDS_PROBABILITIES if labels_only else NOT_KEPT
    return SuspectPart(status=MISSING, notes=[f"No suspects were looked for: {reason}."])


def open_search(
    folder: RunFolder,
    samples: SegmentationSamples,
    scores: ScoreSet,
    pooling: int,
    config: SuspectConfig,
    *,
    replaced: str | None = None,
    failures: Failures,
) -> SuspectSearch:
    """The search in a run's scores, to begin, to continue or to read; a finished one whose masks are gone begins anew.

    Args:
        folder: the run's folder
        samples: those that were scored
        scores: what the run keeps of them
        pooling: side of the blocks of its pooled arrays
        config: what a suspect is
        replaced: name of the set that is not to be read but made anew, if it is the one
        failures: where bad samples are noted, or raised
    """
    digest = content_digest("suspects", scores.path.name, scores.created, config.digest(), samples.ids)
    content = {"config": config.to_dict(), "scores": scores.path.name}
    search = SuspectSearch(samples, scores, pooling, config, folder.open_suspects(digest, content), failures)
    if search.store.complete and (search.store.path.name == replaced or search.lacks_masks()):
        return replace(search, store=folder.open_suspects(digest, content, overwrite=True))
    return search


def find_in_run(dataset: fo.Dataset, request: SuspectRequest, config: SuspectConfig, progress: Progress) -> RunRecord:
    """Finds the suspects of a scored run anew; nothing else of it changes.

    Raises:
        LabelQualityError: there is no such run, or it keeps nothing to find suspects in
        SampleError: a sample has changed since, or cannot be used, unless ``skip_failures``
    """
    times = StageTimes(progress)
    record = load_record(dataset, request.key)
    root = own_folder(dataset, record)
    if record.status != COMPLETE or root is None:
        raise LabelQualityError(_unfit(record, root is not None))
    check_suspects(dataset, request.key)
    check_views(dataset, request.key)
    with run_folder(dataset, root, record) as folder:
        scores = _searchable_scores(folder, record)
        samples, failures = _scored_samples(dataset, record, scores, request, times)
        before = recorded_suspects(folder, record)
        search = open_search(
            folder,
            samples,
            scores,
            record.config["scores"]["pooling"],
            config,
            replaced=before[0].path.name if before and request.overwrite else None,
            failures=failures,
        )
        if not (search.store.path in [one.path for one in before] and suspects_published(dataset, record)):
            search.run(times)
            publish_suspects(dataset, record, search, times)
        # All else may belong to a run that is to replace this one and was interrupted
        others = [one for one in folder.sets() if not isinstance(one, SuspectSet)]
        note = remove_replaced(dataset, folder, keep=[search.store, *others])
        assert record.suspects is not None
        if note and note not in record.suspects.notes:
            record.suspects.notes.append(note)
            save_record(dataset, record)
    tidy(root)
    return record


def _unfit(record: RunRecord, own: bool) -> str:
    """Why suspects cannot be found in a run, and what to do."""
    if not own:
        return (
            f"The files of run '{record.key}' belong to the dataset that this one was cloned from. Score here first: "
            "score_label_quality with overwrite=True."
        )
    if record.status == "predicted":
        return f"Run '{record.key}' has predictions but no scores. Run score_label_quality first."
    return f"Run '{record.key}' was interrupted. Start it again, so that it is finished."


def _searchable_scores(folder: RunFolder, record: RunRecord) -> ScoreSet:
    """The run's scores; raises `LabelQualityError` if they are gone, or nothing was kept with them."""
    scores = recorded_scores(folder, record)
    if not has_usual(scores):
        reason = record.scores_missing.get("evidence") or NOT_KEPT
        raise LabelQualityError(f"No suspects can be found in run '{record.key}': {reason}.")
    return scores


def _scored_samples(
    dataset: fo.Dataset, record: RunRecord, scores: ScoreSet, request: SuspectRequest, progress: Progress
) -> tuple[SegmentationSamples, Failures]:
    """The samples of a run as they were scored; those that are no longer in the dataset are left out."""
    states = scored_states(scores)
    view = images_of(dataset).select(list(states))
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(
        view,
        record.label_field,
        classes=table.mask_targets(),
        unknown=record.unknown,
        skip_failures=request.skip_failures,
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
