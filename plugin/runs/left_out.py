"""What a run's suspects leave for others to learn from: the regions that a later run leaves out."""

from __future__ import annotations

import os
from pathlib import Path

from ..base.errors import LabelQualityError
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import rejected_suspects
from ..documents.ownership import field_name
from ..passes.findings import each_id
from ..passes.search_suspects import shown_rows
from ..predictions.left_out import LeftOut, Region
from ..records.run_record import load_record
from ..store.run_folder import content_digest
from ..store.sets import SuspectSet, load_set
from ..suspects.config import SuspectConfig
from .collect_edits import edits_of
from .run import Run


def find_left_out(run: Run, key: str) -> LeftOut:
    """The suspects of an earlier run of the same dataset, as they were found, and which of them are rejected.

    What was edited in the App counts as a verdict, see `collect_edits`.

    Args:
        run: that is not to learn from them
        key: of the earlier run

    Raises:
        LabelQualityError: it is the same run, there is no such run, or its suspects are not there
    """
    if key == run.key:
        raise LabelQualityError(
            f"Expected another run as `leave_out`, but got '{key}', the run itself. Audit once without it, and then "
            f"with another key: key='{key}_second', leave_out='{key}'."
        )
    record = load_record(run.dataset, key)
    part = record.suspects
    store = load_set(Path(str(record.folder)) / part.set) if part is not None and part.set else None
    if part is None or not isinstance(store, SuspectSet):
        raise LabelQualityError(
            f"Expected a run with suspects as `leave_out`, but '{key}' has none, or their files are gone. Find them "
            f"with find_suspects(dataset, key='{key}')."
        )
    if run.dataset.has_sample_field(field_name(key, SUSPECTS)):
        edits_of(run.dataset, record)
    rejected = set(rejected_suspects(run.dataset, key))
    least = SuspectConfig.from_params(part.config).min_probability
    regions: dict[str, list[Region]] = {}
    learnt: set[str] = set()
    for row in shown_rows(store, least):
        ids, boxes, evidence = each_id(row), row["box"].tolist(), row["evidence"].tolist()
        files = store.mask_files(ids, row["numbers"].tolist())
        for sample_id, (left, top, width, height), nats, path in zip(ids, boxes, evidence, files, strict=True):
            regions.setdefault(sample_id, []).append(((left, top, width, height), path))
            if (sample_id, nats) in rejected:
                learnt.add(Path(path).name)
    missing = next((path for one in regions.values() for _, path in one if not os.path.exists(path)), None)
    if missing is not None:
        raise LabelQualityError(
            f"Expected the masks of the suspects of run '{key}' as `leave_out`, but {missing} is gone. Find them again "
            f"with find_suspects(dataset, key='{key}', overwrite=True)."
        )
    # Without the verdicts: a run that was begun goes on as it began, whatever is decided meanwhile
    return LeftOut(key, content_digest(store.path.name, store.created, least), regions, frozenset(learnt))
