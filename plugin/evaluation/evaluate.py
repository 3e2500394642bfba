"""Has FiftyOne evaluate a run's predicted masks against the given ones, for its Model Evaluation panel.

The evaluator is FiftyOne's own, and so is all that it keeps. What is added here are the run's classes, and a refusal of
masks that FiftyOne reads as other values than the run does, where its counts would be wrong without a word.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, showing
from ..documents.ownership import field_name, owner
from ..documents.shown_files import missing_images
from ..engine.engine import map_samples
from ..gain.tallies import class_iou, mean_iou
from ..labels.class_table import ClassTable
from ..labels.given_masks import GivenMasks
from ..labels.images import mask_mode
from ..records.evaluations import MARKER, check_evaluation, evaluated_run
from ..records.record_parts import WRITING
from ..records.run_record import RunRecord, load_record
from ..runs.housekeeping import own_folder, run_folder, tidy
from ..samples.inputs import open_samples
from ..samples.private_fiftyone import root_of
from ..samples.slices import images_of
from .config import EvaluationRequest
from .reading import kind_of_array, misread

_PREDICTION = "prediction"
#: Where FiftyOne's evaluator says that it has begun
_LOGGER = logging.getLogger("fiftyone.utils.eval.segmentation")


@dataclass(frozen=True)
class EvaluatedClass:
    """How well a class is predicted, by the given masks.

    Args:
        name: of the class
        pixels: pixels that are given as it
        precision: share of the pixels predicted as it that are given as it; None where none is predicted so
        recall: share of the pixels given as it that are predicted as it; None where none is given so
        iou: pixels of both, divided by those of either; None where none is given so
    """

    name: str
    pixels: int
    precision: float | None
    recall: float | None
    iou: float | None


@dataclass(frozen=True)
class Evaluation:
    """An evaluation as FiftyOne has made it, in a few values. The given masks may be wrong: it is agreement.

    Args:
        key: the run's key
        eval_key: the name under which FiftyOne keeps it
        images: images with a given and a predicted mask
        pixels: pixels that count
        accuracy: share of them with the given class predicted; None where there are none
        miou: mean IoU over the classes that are given; None where there are none
        classes: in the order of the class table
    """

    key: str
    eval_key: str
    images: int
    pixels: int
    accuracy: float | None
    miou: float | None
    classes: list[EvaluatedClass] = field(default_factory=list)


@database_errors()
def evaluate_predictions(
    collection: fo.Dataset | fo.DatasetView,
    key: str = EvaluationRequest.key,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> Evaluation:
    """Evaluates a run's predicted masks against its given masks, with FiftyOne's own ``evaluate_segmentations``.

    It is like any other evaluation of the dataset: ``dataset.load_evaluation_results(name)`` has the confusion matrix,
    the panel *Model Evaluation* opens it, and each image gets the fields ``<name>_accuracy``, ``<name>_precision`` and
    ``<name>_recall``, in which FiftyOne leaves out the class of value 0, its background. Pixels count whose given and
    predicted values are both classes of the run. The evaluation belongs to the run: it is deleted with it, or when the
    run is scored again.

    Args:
        collection: the dataset, or a view of it; all images of the run are evaluated
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told after every image
        **parameters: of `config.EvaluationRequest`: eval_key, bandwidth, overwrite

    Returns:
        the main figures

    Raises:
        LabelQualityError: no such run, one whose predicted masks are gone, an evaluation or a field in the way, or a
            given mask that FiftyOne reads as other values than the run
    """
    request = EvaluationRequest.from_params({"key": key, **parameters})
    dataset = root_of(collection)
    record = load_record(dataset, request.key)
    check_evaluable(dataset, record)
    check_evaluation(dataset, request.key, request.name, request.overwrite)
    with showing(progress) as progress, _held(dataset, record):
        view = _evaluated(dataset, record)
        _check_reading(view, record, progress)
        if request.name in dataset.list_evaluations():
            dataset.delete_evaluation(request.name)
        return _evaluate(dataset, view, record, request, progress)


def check_evaluable(dataset: fo.Dataset, record: RunRecord) -> None:
    """Raises `LabelQualityError` unless the run has written predicted masks, all of which are there."""
    name = field_name(record.key, _PREDICTION)
    if record.status == WRITING:
        raise LabelQualityError(f"Run '{record.key}' was interrupted. Start it again, so that it is finished.")
    again = f"Write it anew: score_label_quality with key='{record.key}' and overwrite=True, which needs no model."
    if owner(dataset, name) != record.key:
        raise LabelQualityError(
            f"Expected run '{record.key}' to have its predicted masks in field '{name}', but dataset '{dataset.name}' "
            f"has no such field of the run. {again}"
        )
    given = dataset.get_field(record.label_field)
    if not issubclass(getattr(given, "document_type", None) or object, fo.Segmentation):
        raise LabelQualityError(
            f"Expected the given masks of run '{record.key}' to be Segmentation labels, which are what FiftyOne "
            f"evaluates, but field '{record.label_field}' holds others, or is gone. Make masks of them, in a field of "
            "their own, and audit that."
        )
    gone = next((path for path in missing_images(dataset, record.key)), None)
    if gone is not None:
        raise LabelQualityError(f"Expected the file {gone}, which run '{record.key}' has made, but it is gone. {again}")


@contextlib.contextmanager
def _held(dataset: fo.Dataset, record: RunRecord) -> Iterator[None]:
    """Keeps the run from being scored again or deleted meanwhile."""
    folder = own_folder(dataset, record)
    if folder is None or not folder.is_dir():
        yield
        return
    with run_folder(dataset, folder, record):
        yield
    tidy(folder)


def _evaluated(dataset: fo.Dataset, record: RunRecord) -> fo.DatasetView:
    """The images with a predicted and a given mask."""
    return images_of(dataset).exists(field_name(record.key, _PREDICTION)).exists(record.label_field)


def _check_reading(view: fo.DatasetView, record: RunRecord, progress: Progress) -> None:
    """Raises `SampleError` for the first given mask that FiftyOne reads as other values than the run."""
    table = ClassTable.from_dict(record.class_table)
    samples = open_samples(
        view, record.label_field, classes=table.mask_targets(), unknown=record.unknown, skip_failures=True
    )
    samples.class_table = table
    for done, error in enumerate(map_samples(_misread, samples, len(samples)), start=1):
        if error is not None:
            raise error
        progress("Checking masks", done, len(samples))


def _misread(samples: GivenMasks, index: int) -> SampleError | None:
    path, sample_id = samples.mask_paths[index], samples.ids[index]
    try:
        kind = kind_of_array(samples.load_mask(index)) if path is None else mask_mode(path, sample_id)
    except SampleError as error:
        return error
    problem = misread(kind, samples.class_table.colors is not None)
    return SampleError(problem, sample_id=sample_id, path=path) if problem else None


def _evaluate(
    dataset: fo.Dataset, view: fo.DatasetView, record: RunRecord, request: EvaluationRequest, progress: Progress
) -> Evaluation:
    table = ClassTable.from_dict(record.class_table)
    try:
        with _progress_of_fiftyone(progress) as shown:
            results = view.evaluate_segmentations(
                field_name(record.key, _PREDICTION),
                gt_field=record.label_field,
                eval_key=request.name,
                mask_targets=table.mask_targets(),
                # FiftyOne may be told to use another one by default
                method="simple",
                bandwidth=request.bandwidth,
                progress=shown,
                **{MARKER: record.key},
            )
    except BaseException:
        if evaluated_run(dataset, request.name) == record.key:
            dataset.delete_evaluation(request.name)
        raise
    return _summary(record.key, request.name, table, len(view), results.pixel_confusion_matrix)


@contextlib.contextmanager
def _progress_of_fiftyone(progress: Progress) -> Iterator[Callable[[Any], None]]:
    """What FiftyOne calls with its progress bar after each image; no bar and no message of its own is beside ours."""
    shown, level = fo.config.show_progress_bars, _LOGGER.level
    fo.config.show_progress_bars = False
    _LOGGER.setLevel(logging.WARNING)
    try:
        yield lambda bar: progress("Evaluating predictions", bar.iteration, bar.total or 0)
    finally:
        fo.config.show_progress_bars = shown
        _LOGGER.setLevel(level)


def _summary(key: str, name: str, table: ClassTable, images: int, confusion: np.ndarray) -> Evaluation:
    """The figures of a (K, K) confusion matrix of pixels, [given, predicted]."""
    given, predicted, both = confusion.sum(axis=1), confusion.sum(axis=0), np.diag(confusion)
    pixels, total = int(confusion.sum()), np.stack([given, predicted, both])
    classes = [
        EvaluatedClass(one, int(given[k]), _share(both[k], predicted[k]), _share(both[k], given[k]), _known(iou))
        for k, (one, iou) in enumerate(zip(table.names, class_iou(total), strict=True))
    ]
    miou = _known(mean_iou(total)) if pixels else None
    return Evaluation(key, name, images, pixels, _share(both.sum(), pixels), miou, classes)


def _share(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
