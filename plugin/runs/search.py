"""The third stage of a run: its suspects. It needs what the second one keeps, and neither predictions nor a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..base.errors import LabelQualityError
from ..passes.kept import has_usual, scored_states
from ..passes.search_suspects import SuspectSearch
from ..records.record_parts import MISSING, SuspectPart
from ..records.run_record import RunRecord
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..store.run_folder import RunFolder, content_digest
from ..store.sets import ScoreSet
from ..suspects.config import SuspectConfig
from .published import recorded_scores, recorded_suspects, suspects_published
from .request import SuspectRequest
from .results import NEEDS_PROBABILITIES
from .run import Run
from .score import Scores

_NOT_KEPT = "neither evidence nor CLC is among its scores, so that nothing is kept to compare the masks with"


@dataclass(frozen=True)
class Wanted:
    """Which suspects a run is asked for.

    Args:
        config: what a suspect is
        stated: whether the user has said so; else a run that has suspects keeps them, whatever they were found with
    """

    config: SuspectConfig
    stated: bool = False


def search(run: Run, scores: Scores, wanted: Wanted | None) -> SuspectSearch | SuspectPart | None:
    """Finds the suspects in a run's scores.

    Args:
        run: the run
        scores: what it has scored
        wanted: which suspects, or None to leave them as they are

    Returns:
        the finished search; what the run's record says instead where nothing is kept to search in; None where the
        suspects stay as they are

    Raises:
        SampleError: a mask or a file of the run cannot be read, unless ``skip_failures``
    """
    if wanted is None or scores.config is None:
        return None
    if not has_usual(scores.store):
        return None if scores.published else _missing(scores.predictions.reader.labels_only)
    if scores.published and not wanted.stated and suspects_published(run.dataset, run.existing):
        return None
    config = wanted.config if wanted.stated else _config_before(run, scores.store) or wanted.config
    failures = Failures(run.request.skip_failures, list(scored_states(scores.store)))
    index_of = {sample_id: index for index, sample_id in enumerate(run.samples.ids)}
    scored = run.samples.subset(index_of[sample_id] for sample_id in failures.asked)
    found = _open(run, scored, scores.store, scores.config.pooling, config, failures)
    return None if scores.published and _is_shown(run, found) else _finished(run, found)


def search_again(run: Run, config: SuspectConfig) -> SuspectSearch | None:
    """Finds the suspects of a run that `reopen` has opened anew.

    Args:
        run: the run
        config: what a suspect is

    Returns:
        the finished search; None where these suspects are on the dataset already

    Raises:
        SampleError: a mask or a file of the run cannot be read, unless ``skip_failures``
    """
    record = run.finished
    before = recorded_suspects(run.folder, record)
    replaced = before[0].path.name if before and run.request.overwrite else None
    pooling = record.config["scores"]["pooling"]
    scores = searchable_scores(run.folder, record, SuspectRequest.otherwise)
    found = _open(run, run.samples, scores, pooling, config, run.failures, replaced)
    return None if _is_shown(run, found) else _finished(run, found)


def searchable_scores(folder: RunFolder, record: RunRecord, otherwise: str) -> ScoreSet:
    """The scores of a finished run; raises `LabelQualityError` if they are gone, or nothing was kept with them.

    Args:
        folder: of the run
        record: of the run
        otherwise: what the error begins with
    """
    scores = recorded_scores(folder, record)
    if not has_usual(scores):
        reason = record.scores_missing.get("evidence") or _NOT_KEPT
        raise LabelQualityError(f"{otherwise} in run '{record.key}': {reason}.")
    return scores


def _open(
    run: Run,
    samples: SegmentationSamples,
    scores: ScoreSet,
    pooling: int,
    config: SuspectConfig,
    failures: Failures,
    replaced: str | None = None,
) -> SuspectSearch:
    """The search, to begin, to continue or to read; a finished one whose masks are gone, or ``replaced``, begins anew.

    Args:
        run: the run
        samples: those that were scored
        scores: what the run keeps of them
        pooling: side of the blocks of its pooled arrays
        config: what a suspect is
        failures: where bad samples are noted, or raised
        replaced: name of the set that is not to be read but made anew, if it is the one
    """
    digest = content_digest("suspects", scores.path.name, scores.created, config.digest(), samples.ids)
    content = {"config": config.to_dict(), "scores": scores.path.name}
    found = SuspectSearch(samples, scores, pooling, config, run.folder.open_suspects(digest, content), failures)
    if found.store.complete and (found.store.path.name == replaced or found.lacks_masks()):
        return replace(found, store=run.folder.open_suspects(digest, content, overwrite=True))
    return found


def _is_shown(run: Run, found: SuspectSearch) -> bool:
    """Whether these are the suspects that are on the dataset."""
    before = recorded_suspects(run.folder, run.existing)
    return found.store.path in [one.path for one in before] and suspects_published(run.dataset, run.existing)


def _finished(run: Run, found: SuspectSearch) -> SuspectSearch:
    found.run(run.times)
    return found


def _config_before(run: Run, store: ScoreSet) -> SuspectConfig | None:
    """What a suspect is in a run of these scores that is to be completed, where it had suspects."""
    before = run.existing
    if before is None or before.suspects is None or before.scores.set != store.path.name:
        return None
    return SuspectConfig.from_params(before.suspects.config) if before.suspects.config else None


def _missing(labels_only: bool) -> SuspectPart:
    reason = NEEDS_PROBABILITIES if labels_only else _NOT_KEPT
    return SuspectPart(status=MISSING, notes=[f"No suspects were looked for: {reason}."])
