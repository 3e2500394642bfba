"""What of a run is on its dataset and in its folder already, by its record."""

from __future__ import annotations

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..dataset.lint_fields import lint_names
from ..dataset.object_fields import objects_name
from ..dataset.suspect_fields import suspect_names
from ..dataset.views import LINT, WORST_OBJECTS, own_views, view_name
from ..documents.shown_files import missing_images, missing_regions
from ..records.record_parts import COMPLETE, PREDICTED
from ..records.run_record import RunRecord
from ..store.run_folder import RunFolder
from ..store.sets import CorrectionSet, ObjectSet, ScoreSet, SuspectSet


def fields_there(dataset: fo.Dataset, record: RunRecord) -> bool:
    """Whether the dataset has all fields of a run, but for those of a lint, which can be deleted by themselves."""
    return all(dataset.has_sample_field(name) for name in set(record.fields).difference(lint_names(record.key)))


def views_there(dataset: fo.Dataset, record: RunRecord) -> bool:
    """Whether the dataset has all saved views of a run, but for a lint's."""
    return set(record.views) - {view_name(record.key, LINT)} <= set(own_views(dataset, record.key))


def is_published(dataset: fo.Dataset, record: RunRecord | None, store: ScoreSet) -> bool:
    """Whether all that a run with this store would write is on the dataset already, and its files are there."""
    return (
        record is not None
        and record.status in (PREDICTED, COMPLETE)
        and store.complete
        and record.scores.set == store.path.name
        and record.folder == str(store.path.parent)
        and fields_there(dataset, record)
        and views_there(dataset, record)
        and next(missing_images(dataset, record.key), None) is None
    )


def suspects_published(dataset: fo.Dataset, record: RunRecord | None) -> bool:
    """Whether the run's suspects are on the dataset with their masks, whatever they were found with."""
    return (
        record is not None
        and record.suspects is not None
        and record.suspects.status == COMPLETE
        and all(dataset.has_sample_field(name) for name in suspect_names(record.key))
        and views_there(dataset, record)
        and next(missing_regions(dataset, record.key), None) is None
    )


def objects_published(dataset: fo.Dataset, record: RunRecord, store: ObjectSet) -> bool:
    """Whether the scores of objects in this set are on the dataset already."""
    found = record.objects
    return (
        found is not None
        and found.status == COMPLETE
        and found.set == store.path.name
        and dataset.has_sample_field(objects_name(record.key))
        and view_name(record.key, WORST_OBJECTS) in own_views(dataset, record.key)
    )


def recorded_scores(folder: RunFolder, record: RunRecord) -> ScoreSet:
    """The set of the run's scores; raises `LabelQualityError` if it is gone."""
    scores = next((one for one in folder.sets() if one.path.name == record.scores.set), None)
    if not isinstance(scores, ScoreSet):
        raise LabelQualityError(
            f"The scores of run '{record.key}' are no longer in {folder.root}. Score again: score_label_quality with "
            "overwrite=True."
        )
    return scores


def recorded_suspects(folder: RunFolder, record: RunRecord | None) -> list[SuspectSet]:
    """The set of the run's suspects, if it has one."""
    name = record.suspects.set if record is not None and record.suspects is not None else None
    return [one for one in folder.sets() if isinstance(one, SuspectSet) and one.path.name == name]


def recorded_objects(folder: RunFolder, record: RunRecord) -> list[ObjectSet]:
    """The set of the run's scores of objects, if it has one."""
    name = record.objects.set if record.objects is not None else None
    return [one for one in folder.sets() if isinstance(one, ObjectSet) and one.path.name == name]


def recorded_corrections(folder: RunFolder, record: RunRecord) -> list[CorrectionSet]:
    """The set of the corrections that were loaded into the run, if it has one."""
    name = record.corrections.set if record.corrections is not None else None
    return [one for one in folder.sets() if isinstance(one, CorrectionSet) and one.path.name == name]
