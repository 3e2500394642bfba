"""The objects of a scored run: which are to be scored, and where that is kept."""

from __future__ import annotations

from ..labels.class_table import ClassTable
from ..objects.config import ObjectConfig
from ..passes.score_objects import ObjectScoring
from ..store.run_folder import content_digest
from .published import objects_published, recorded_objects
from .request import ObjectRequest
from .run import Run
from .search import searchable_scores

_STAGE = "objects"


def score_again(run: Run, config: ObjectConfig) -> ObjectScoring | None:
    """Scores the annotated objects of a run that `reopen` has opened.

    Args:
        run: the run
        config: which objects

    Returns:
        the finished scoring; None where these scores are on the dataset already

    Raises:
        LabelQualityError: one of the classes is none of the run's
        SampleError: a mask or a file of the run cannot be read, unless ``skip_failures``
    """
    record, scores = run.finished, searchable_scores(run.folder, run.finished, ObjectRequest.otherwise)
    pooling, samples, classes = record.config["scores"]["pooling"], run.samples, classes_of(config, run.table)
    before = recorded_objects(run.folder, record)
    digest = content_digest(_STAGE, scores.path.name, scores.created, config.digest(), samples.ids)
    content = {"config": config.to_dict(), "scores": scores.path.name}
    store = run.folder.open_objects(digest, content)
    if store.complete and run.request.overwrite and store.path in [one.path for one in before]:
        store = run.folder.open_objects(digest, content, overwrite=True)
    found = ObjectScoring(samples, scores, pooling, config, classes, store, run.failures)
    if objects_published(run.dataset, record, store):
        return None
    found.run(run.times)
    return found


def classes_of(config: ObjectConfig, table: ClassTable) -> tuple[int, ...]:
    """Indices of the classes whose objects are scored; `LabelQualityError` where one that is asked for is none."""
    if config.only_classes:
        return tuple(sorted({table.index(one) for one in config.only_classes}))
    return tuple(index for index in range(table.size) if index != table.unlabelled)
