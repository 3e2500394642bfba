"""The main job, as functions: predictions, scores, suspects, all in one, and what is done with finished runs.

Each function is also an operator of the same name, with the same parameters::

    from label_quality.plugin.audit import audit_labels

    audit_labels(dataset, "ground_truth", blocks=True)
    dataset.load_saved_view("lq: worst first")
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeAlias

import fiftyone as fo

from .base.config import split
from .base.database_errors import database_errors
from .base.errors import LabelQualityError
from .base.progress import Progress, showing, silent
from .dataset.object_fields import check_objects
from .dataset.suspect_fields import check_suspects
from .dataset.views import check_object_view, check_views
from .engine.config import Execution
from .engine.engine import running_on
from .objects.config import ObjectConfig
from .passes.compile_ahead import compile_ahead
from .predictions.config import PREDICTION_SOURCES, FilesSource, PredictionConfig
from .records.run_record import RunRecord, list_records, load_record
from .runs.forecast import announce
from .runs.housekeeping import find_record, remove, remove_begun
from .runs.lint import lint_first
from .runs.made_before import made_before
from .runs.predict import predict, use_predictions
from .runs.publish import publish, publish_suspects
from .runs.publish_objects import publish_objects
from .runs.reopen import reopen_run
from .runs.request import ObjectRequest, Request, Stages, SuspectRequest
from .runs.run import open_run
from .runs.score import draw_masks, score
from .runs.score_objects import score_again
from .runs.search import Wanted, search, search_again
from .runs.summary import RunSummary, summarise
from .samples.private_fiftyone import root_of
from .scores.config import ScoreConfig
from .suspects.config import SuspectConfig

Collection: TypeAlias = "fo.Dataset | fo.DatasetView"
_LOADING = "Loading PyTorch"


def audit_labels(
    collection: Collection,
    label_field: str,
    *,
    source: str = Stages.source,
    lint: bool = Stages.lint,
    suspects: bool = Stages.suspects,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> RunSummary:
    """Lints the masks, predicts every sample out-of-sample, scores its labels, finds suspects, and writes it all.

    A run that was stopped, whatever the reason, goes on where it was when it is started again with the same
    parameters.

    Args:
        collection: an image dataset or a view of one
        label_field: its field with the given masks: `fo.Segmentation`, or instances, `fo.Detections` with masks or
            filled `fo.Polylines`
        source: ``cross_validation``, ``model`` or ``files``
        lint: lint the masks first, as `lint_masks` does; what that finds is there before models are trained
        suspects: find suspects too, where the predictions have probabilities
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each stage is
        **parameters: of `request.Request` (key, classes, ignored, unlabelled, unknown, skip_failures, overwrite,
            output_dir), of the source (`CrossValidation`, `ModelSource` or `FilesSource`), of the
            scores (`ScoreConfig`), of the suspects (`SuspectConfig`), and of where the work runs (`Execution`)

    Returns:
        the summary of the run

    Raises:
        LabelQualityError: bad input, with what was expected, what was found and what to do
        SampleError: a sample cannot be used, and ``skip_failures`` is not set
    """
    source_type = _source_type(source)
    groups = Request, source_type, ScoreConfig, SuspectConfig, Execution
    request, predicted, scored, regions, where = split(parameters, *groups)
    prediction_config: PredictionConfig = source_type.from_params(predicted)
    score_config, wanted = ScoreConfig.from_params(scored), _wanted(suspects, regions)
    with showing(progress) as progress, database_errors(), running_on(Execution.asked(where)):
        compile_ahead()
        asked = Request(**request)
        left = _left_to_predict(collection, asked, prediction_config, progress)
        with open_run(collection, label_field, asked, progress) as run:
            announce(run, left, lint=lint, suspects=wanted is not None)
            first = partial(lint_first, run, score_config.workers) if lint else None
            predictions = predict(run, prediction_config, score_config, first)
            scores = score(run, predictions, score_config)
            found = search(run, scores, wanted)
            return summarise(run.dataset, publish(run, scores, found))


def compute_predictions(
    collection: Collection,
    label_field: str,
    *,
    source: str = Stages.source,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> RunSummary:
    """The first half of `audit_labels`: predictions, written as ``<key>_prediction`` and ``<key>_fold``.

    Args:
        collection: an image dataset or a view of one
        label_field: its field with the given masks: `fo.Segmentation`, or instances, `fo.Detections` with masks or
            filled `fo.Polylines`
        source: ``cross_validation``, ``model`` or ``files``
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each stage is
        **parameters: of `request.Request`, of the source, and of where the work runs (`Execution`)

    Returns:
        the summary of the run, without a ranking

    Raises:
        LabelQualityError: bad input
        SampleError: a sample cannot be used, and ``skip_failures`` is not set
    """
    source_type = _source_type(source)
    request, predicted, where = split(parameters, Request, source_type, Execution)
    prediction_config: PredictionConfig = source_type.from_params(predicted)
    with showing(progress) as progress, database_errors(), running_on(Execution.asked(where)):
        asked = Request(**request)
        left = _left_to_predict(collection, asked, prediction_config, progress)
        with open_run(collection, label_field, asked, progress) as run:
            announce(run, left, scored=False)
            predictions = predict(run, prediction_config)
            return summarise(run.dataset, publish(run, draw_masks(run, predictions)))


def score_label_quality(
    collection: Collection,
    label_field: str,
    *,
    predictions: str | None = None,
    suspects: bool = Stages.suspects,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> RunSummary:
    """The second half of `audit_labels`: scores and suspects from an earlier run's predictions, without a model.

    Args:
        collection: an image dataset or a view of one
        label_field: its field with the given masks or instances, which may have changed since
        predictions: key of the run that has the predictions; by default the run's own key
        suspects: find suspects too, where the predictions have probabilities
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each stage is
        **parameters: of `request.Request`, `ScoreConfig`, `SuspectConfig` and `Execution`

    Returns:
        the summary of the run

    Raises:
        LabelQualityError: bad input, or no such predictions
        SampleError: a sample cannot be used, and ``skip_failures`` is not set
    """
    request, scored, regions, where = split(parameters, Request, ScoreConfig, SuspectConfig, Execution)
    score_config, wanted = ScoreConfig.from_params(scored), _wanted(suspects, regions)
    with showing(progress) as progress, database_errors(), running_on(Execution.asked(where)):
        record = load_record(root_of(collection), predictions or request.get("key", Request.key))
        compile_ahead()
        with open_run(collection, label_field, Request(**request), progress) as run:
            announce(run, suspects=wanted is not None)
            scores = score(run, use_predictions(run, record), score_config)
            found = search(run, scores, wanted)
            return summarise(run.dataset, publish(run, scores, found))


def find_suspects(
    collection: Collection,
    *,
    key: str = SuspectRequest.key,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> RunSummary:
    """The last stage of `audit_labels` by itself: finds a run's suspects anew, with other thresholds say.

    It reads what the run has kept and the given masks, and needs neither predictions nor a model. Nothing else of the
    run changes.

    Args:
        collection: the dataset, or a view of it; all of the run's samples are searched
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each stage is
        **parameters: of `request.SuspectRequest` (skip_failures, overwrite), `SuspectConfig` and `Execution`

    Returns:
        the summary of the run

    Raises:
        LabelQualityError: bad input, no such run, or one that keeps nothing to find suspects in
        SampleError: an image or a mask has changed since the run was scored, and ``skip_failures`` is not set
    """
    request, regions, where = split(parameters | {"key": key}, SuspectRequest, SuspectConfig, Execution)
    config = SuspectConfig.from_params(regions)
    dataset = root_of(collection)
    asked = SuspectRequest(**request)
    engine, checks = running_on(Execution.asked(where)), (check_suspects, check_views)
    with showing(progress) as progress, database_errors(), engine, reopen_run(dataset, asked, progress, *checks) as run:
        found = search_again(run, config)
        return summarise(dataset, publish_suspects(run, found))


def score_objects(
    collection: Collection, *, key: str = ObjectRequest.key, progress: Progress | bool | None = False, **parameters: Any
) -> RunSummary:
    """Scores every annotated object of a scored run, and says which class it looks like: "show me the worst cars".

    An object is a connected part of a class in the given masks. It becomes a detection in the field ``<key>_objects``
    with a ``quality``, by which the App sorts and filters. Like `find_suspects` it reads what the run has kept and the
    given masks, and needs neither predictions nor a model. Nothing else of the run changes; when the run is scored
    again its objects are removed, as they would no longer fit.

    Args:
        collection: the dataset, or a view of it; the objects of all of the run's samples are scored
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each stage is
        **parameters: of `request.ObjectRequest` (skip_failures, overwrite), `ObjectConfig` and `Execution`

    Returns:
        the summary of the run

    Raises:
        LabelQualityError: bad input, no such run, or one that keeps nothing to compare the masks with
        SampleError: an image or a mask has changed since the run was scored, and ``skip_failures`` is not set
    """
    request, chosen, where = split(parameters | {"key": key}, ObjectRequest, ObjectConfig, Execution)
    config, asked = ObjectConfig.from_params(chosen), ObjectRequest(**request)
    dataset = root_of(collection)
    engine, checks = running_on(Execution.asked(where)), (check_objects, check_object_view)
    with showing(progress) as progress, database_errors(), engine, reopen_run(dataset, asked, progress, *checks) as run:
        scoring = score_again(run, config)
        return summarise(dataset, publish_objects(run, scoring))


def list_runs(dataset: fo.Dataset) -> list[RunRecord]:
    """The records of the dataset's runs, the oldest first."""
    with database_errors():
        return list_records(dataset)


def delete_run(dataset: fo.Dataset, key: str, *, break_clones: bool = False) -> list[str]:
    """Deletes a run: its fields, views, files and record, and nothing else.

    Args:
        dataset: the dataset
        key: the run's key; also of a first run that was stopped before it had a record, if its files are where they go
            by default
        break_clones: delete the files also where clones of the dataset show them

    Returns:
        files in the run's folder that the run did not make, and that are still there

    Raises:
        LabelQualityError: there is no such run, it is under way, other runs use its predictions or judge its masks, or
            clones show its files
    """
    dataset = root_of(dataset)
    with database_errors():
        begun = remove_begun(dataset, key)
        left = remove(dataset, load_record(dataset, key), break_clones=break_clones) if begun is None else begun
        return [str(path) for path in left]


def _left_to_predict(
    collection: Collection, request: Request, config: PredictionConfig, progress: Progress
) -> PredictionConfig | None:
    """How a run will predict; None where an earlier run of the key has all such predictions.

    They are looked for once more in the run's turn, whose word counts: another process may make or remove them until
    then. What cannot be used is said here, before samples are opened, which may read all masks.

    Raises:
        LabelQualityError: predictions cannot be made so; to know it, PyTorch is loaded, which takes seconds
    """
    if not request.overwrite and made_before(find_record(root_of(collection), request.key), config) is not None:
        return None
    tell = silent if isinstance(config, FilesSource) else progress
    tell(_LOADING, 0, 1)
    config.check()
    tell(_LOADING, 1, 1)
    return config


def _source_type(source: str) -> Any:
    return PREDICTION_SOURCES[Stages(source).source]


def _wanted(wanted: bool, parameters: Mapping[str, Any]) -> Wanted | None:
    """Which suspects to find, or None; ``workers`` says how, not which."""
    stated = bool(set(parameters) - set(SuspectConfig.execution_only))
    if stated and not wanted:
        raise LabelQualityError(
            f"Parameters {', '.join(map(repr, sorted(parameters)))} are of suspects, which suspects=False leaves out."
        )
    return Wanted(SuspectConfig.from_params(parameters), stated) if wanted else None
