"""How many of a run's suspects are expected to be mistakes once people have reviewed some: counted in the database."""

from __future__ import annotations

import dataclasses

import fiftyone as fo

from ..base.database_errors import database_errors
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import has_rejected, real
from ..documents.ownership import field_name
from ..records.run_record import RunRecord
from ..samples.private_fiftyone import stored_samples


@database_errors()
def after_review(dataset: fo.Dataset, record: RunRecord) -> RunRecord:
    """A run's record with the number of mistakes that is expected now, in all and of each issue.

    A suspect that was confirmed counts 1 and a rejected one 0, any other its probability, which verdicts have changed.
    Of what a person has added nothing is counted: the run has not found it.

    Args:
        dataset: the run's
        record: of the run

    Returns:
        a copy, its issues with the most mistakes first; the record itself where nobody has reviewed, or its suspects
        have no probability
    """
    suspects, path = record.suspects, f"{field_name(record.key, SUSPECTS)}.detections"
    if suspects is None or suspects.expected is None:
        return record
    verdict = {"$ifNull": [f"${path}.verdict", None]}
    pipeline = [
        {"$match": {f"{path}.0": {"$exists": True}}},
        {"$unwind": f"${path}"},
        {
            "$group": {
                "_id": [f"${path}.given", f"${path}.suggested"],
                "expected": {"$sum": real(f"${path}")},
                "reviewed": {"$sum": {"$cond": [{"$eq": [verdict, None]}, 0, 1]}},
            }
        },
    ]
    rows = list(stored_samples(dataset).aggregate(pipeline))
    if not has_rejected(dataset, record.key) and not any(row["reviewed"] for row in rows):
        return record
    found = {tuple(row["_id"]): float(row["expected"]) for row in rows}
    issues = [
        dataclasses.replace(one, expected=found.get((one.given_name, one.suggested_name), 0.0)) for one in record.issues
    ]
    issues.sort(key=lambda one: -(one.expected or 0.0))
    return dataclasses.replace(
        record, suspects=dataclasses.replace(suspects, expected=sum(found.values())), issues=issues
    )
