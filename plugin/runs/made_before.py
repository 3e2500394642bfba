"""Predictions that a run has already: they are known without PyTorch, which takes seconds to load."""

from __future__ import annotations

from ..base.errors import LabelQualityError
from ..models.config import ModelSource
from ..predictions.config import FilesSource, PredictionConfig
from ..records.run_record import RunRecord
from ..store.run_folder import RunFolder
from ..store.sets import PredictionSet
from ..training.config import CrossValidation
from ..training.defaults import filled_in


def made_before(record: RunRecord | None, asked: PredictionConfig) -> CrossValidation | ModelSource | None:
    """What is asked for with the preset's own values, where a run has such predictions, all of them; else None.

    The images and masks may have changed since. What ``preset='auto'`` stands for is what it was then: a run that was
    finished on a CPU stays so where there is a GPU now.

    Args:
        record: of the earlier run of the same key, if there is one
        asked: the parameters of the predictions
    """
    if record is None or isinstance(asked, FilesSource) or record.source != asked.source:
        return None
    if not record.predictions.digest or record.predictions.run is not None:
        return None
    try:
        made = type(asked).from_params(record.config["predictions"])
        if isinstance(asked, CrossValidation) and isinstance(made, CrossValidation):
            asked = filled_in(asked, made.preset if asked.preset == "auto" else asked.preset)
        return asked if asked.digest() == made.digest() and find_predictions(record).complete else None
    except LabelQualityError:
        # What is wrong is said where the run is opened, or it is predicted again
        return None


def find_predictions(record: RunRecord) -> PredictionSet:
    """The predictions of a run; raises `LabelQualityError` if its files are gone."""
    folder, digest = record.predictions.folder or "", record.predictions.digest
    found = [one for one in RunFolder(folder).sets() if isinstance(one, PredictionSet) and one.digest == digest]
    if not found:
        raise LabelQualityError(
            f"The predictions of run '{record.key}' are no longer in {folder}. Run compute_predictions again."
        )
    return found[-1]
