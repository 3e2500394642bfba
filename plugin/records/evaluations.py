"""The evaluations of FiftyOne's own that runs have made, told from the user's by what their config says."""

from __future__ import annotations

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..documents.saved_views import repair
from ..samples.private_fiftyone import document_of

#: Parameter of an evaluation's config, kept from when it is registered, that has the key of the run that made it
MARKER = "label_quality_run"
#: What FiftyOne's evaluator writes of each image, after the evaluation's name
MEASURES = ("accuracy", "precision", "recall")


def evaluation_fields(name: str) -> list[str]:
    """The fields of an evaluation of masks."""
    return [f"{name}_{measure}" for measure in MEASURES]


def own_evaluations(dataset: fo.Dataset, key: str) -> list[str]:
    """Names of the evaluations that a run has made, also of those that were stopped on the way."""
    _follow(dataset)
    return [name for name in dataset.list_evaluations() if evaluated_run(dataset, name) == key]


def evaluated_run(dataset: fo.Dataset, name: str) -> str | None:
    """The key of the run that made an evaluation; None where it is the user's."""
    try:
        config = dataset.get_evaluation_info(name).config
    except Exception:
        # Of a later FiftyOne, say, or of a method whose package is gone: none of this plugin's
        return None
    return getattr(config, MARKER, None)


def is_finished(dataset: fo.Dataset, name: str) -> bool:
    """Whether an evaluation has results; one that was stopped has none."""
    return bool(document_of(dataset).evaluations[name].results)


def check_evaluation(dataset: fo.Dataset, key: str, name: str, overwrite: bool) -> None:
    """Raises unless a run can make an evaluation of a name.

    Args:
        dataset: the dataset
        key: the run's key
        name: of the evaluation
        overwrite: whether the run's own one is replaced

    Raises:
        LabelQualityError: there is one that is not the run's, or that is and is not to be replaced, or another field
            has the name of one of its fields
    """
    _follow(dataset)
    if name in dataset.list_evaluations():
        if evaluated_run(dataset, name) != key:
            raise LabelQualityError(
                f"Dataset '{dataset.name}' already has an evaluation '{name}' that run '{key}' did not make, and that "
                "would be overwritten. Use another `eval_key`, or rename or delete it."
            )
        if is_finished(dataset, name) and not overwrite:
            raise LabelQualityError(
                f"Run '{key}' already has an evaluation '{name}'. Pass overwrite=True to evaluate again, or use "
                "another `eval_key` to keep both."
            )
        return
    taken = [field for field in evaluation_fields(name) if dataset.has_sample_field(field)]
    if taken:
        raise LabelQualityError(
            f"Dataset '{dataset.name}' already has a field '{taken[0]}' that is of no evaluation, and that would be "
            "overwritten. Use another `eval_key`, or rename or delete it."
        )


def delete_evaluations(dataset: fo.Dataset, key: str) -> list[str]:
    """Deletes the evaluations that a run has made, with their fields, and returns their names."""
    names = own_evaluations(dataset, key)
    for name in names:
        dataset.delete_evaluation(name)
    return names


def _follow(dataset: fo.Dataset) -> None:
    """Has the object know what other processes have evaluated, and drops references to evaluations that are gone."""
    repair(dataset)
    document_of(dataset).reload("evaluations")
