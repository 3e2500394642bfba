"""Verdicts that teach: the probabilities of the suspects that nobody has reviewed, by what was decided on others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError
from ..dataset.region_edits import settle_edits
from ..dataset.region_patches import update_patches
from ..dataset.suspect_fields import SUSPECTS
from ..dataset.verdicts import CONFIRMED, REJECTED, has_rejected, rejected_name
from ..documents.ownership import field_name
from ..passes.findings import each_id
from ..passes.search_suspects import rated_rows
from ..records.record_parts import SuspectPart
from ..records.run_record import RunRecord, load_record
from ..samples.private_fiftyone import root_of, stored_samples
from ..store.sets import SuspectSet, load_set
from ..suspects.config import SuspectConfig
from ..suspects.probability import probabilities, shipped_model
from ..suspects.verdict_model import Candidates, Moments, VerdictModel
from .decide import update_probabilities

#: Samples a write: bounds the memory of the changes that are built for it
_SAMPLES_A_WRITE = 500


@dataclass(frozen=True)
class Learned:
    """What was learnt.

    Args:
        confirmed: suspects that were learnt from: the given mask is wrong there
        rejected: likewise: it is right
        rated: suspects without a verdict, that have a new probability
    """

    confirmed: int
    rejected: int
    rated: int


@database_errors()
def learn_from_verdicts(dataset: fo.Dataset, key: str, *, view: fo.DatasetView | None = None) -> Learned:
    """Updates the probabilities of all suspects that nobody has reviewed by the verdicts on the others.

    It depends on the verdicts that there are now and on nothing else: after one was taken back it is as if it had never
    been, and without any the probabilities are those of the search. Suspects that have a verdict keep theirs, that on
    which it was given. What was redrawn, added or deleted in the App teaches nothing: it says where the mask is wrong,
    but not that what the run has found is.

    Args:
        dataset: the dataset
        key: the run's key
        view: patches of suspects that are on show, to be kept up to date beside the run's own

    Raises:
        LabelQualityError: no such run, its suspects have no probability, or its files are gone
    """
    dataset = root_of(dataset)
    store, least = rated_set(load_record(dataset, key))
    # What was deleted or moved teaches nothing, and to look for that takes as long as to learn
    settle_edits(dataset, key, view=view)
    verdicts = _verdicts(dataset, key)
    moments, reviewed, mistakes = Moments(), [], []
    for row in rated_rows(store, least):
        moments.update(row["descriptors"])
        decided = [verdicts.get(path) for path in _files(store, row)]
        places = np.array([place for place, one in enumerate(decided) if one is not None], np.int64)
        reviewed.append(_candidates(row).chosen(places))
        mistakes += [one for one in decided if one is not None]
    known = np.array(mistakes, bool)
    model = VerdictModel(shipped_model(), moments, Candidates.joined(reviewed), known) if mistakes else None
    rated = _write(dataset, key, store, least, model, verdicts)
    update_patches(dataset, key, view)
    return Learned(int(known.sum()), int((~known).sum()), rated)


def can_learn(dataset: fo.Dataset, key: str) -> bool:
    """Whether `learn_from_verdicts` finds what it needs."""
    try:
        rated_set(load_record(dataset, key))
    except LabelQualityError:
        return False
    return True


def rated_set(record: RunRecord) -> tuple[SuspectSet, float]:
    """The files of a run's suspects, and the least probability of those that are shown."""
    part = record.suspects
    if not isinstance(part, SuspectPart) or part.rate is None:
        raise LabelQualityError(
            f"Expected suspects of run '{record.key}' that have a probability, to learn from verdicts on some of them, "
            "but it has none. Find suspects again, with probability=True."
        )
    store = load_set(Path(str(record.folder)) / str(part.set))
    if not isinstance(store, SuspectSet) or not any(True for _ in rated_rows(store, 1.0)):
        raise LabelQualityError(
            f"The files of the suspects of run '{record.key}' are no longer in {record.folder}. Find suspects again."
        )
    return store, SuspectConfig.from_params(part.config).min_probability


def _verdicts(dataset: fo.Dataset, key: str) -> dict[str, bool]:
    """The file of each reviewed suspect's mask to whether it was confirmed."""
    fields = {field_name(key, SUSPECTS): CONFIRMED}
    if has_rejected(dataset, key):
        fields[rejected_name(key)] = REJECTED
    found = {}
    for field, verdict in fields.items():
        path = f"{field}.detections"
        shown = {f"{path}.mask_path": True, f"{path}.verdict": True}
        for sample in stored_samples(dataset).find({f"{path}.verdict": verdict}, shown):
            for region in sample[field]["detections"]:
                if region.get("verdict") == verdict and region.get("mask_path"):
                    found[region["mask_path"]] = verdict == CONFIRMED
    return found


def _write(
    dataset: fo.Dataset,
    key: str,
    store: SuspectSet,
    least: float,
    model: VerdictModel | None,
    verdicts: Mapping[str, bool],
) -> int:
    """Writes the probability of every suspect without a verdict; returns how many there are."""
    rated, found = 0, defaultdict[str, dict[str, float]](dict)
    for row in rated_rows(store, least):
        candidates = _candidates(row)
        log_odds = candidates.log_odds if model is None else model.log_odds(candidates)
        values = probabilities(log_odds).tolist()
        for sample_id, path, value in zip(each_id(row), _files(store, row), values, strict=True):
            if path not in verdicts:
                found[sample_id][path] = value
                rated += 1
        if len(found) >= _SAMPLES_A_WRITE:
            update_probabilities(dataset, key, found)
            found.clear()
    update_probabilities(dataset, key, found)
    return rated


def _candidates(row: dict[str, Any]) -> Candidates:
    names = ("features", "similarity", "descriptors", "given", "suggested")
    return Candidates(row["log_odds"] + row["prior"], *(row[name] for name in names))


def _files(store: SuspectSet, row: dict[str, Any]) -> list[str]:
    """The file of each region's mask."""
    return store.mask_files(each_id(row), row["numbers"].tolist())
