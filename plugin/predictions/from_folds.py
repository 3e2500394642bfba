"""Predictions by cross-validation, into a run's store; folds once assigned are kept, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from bson import ObjectId

from ..base.errors import LabelQualityError
from ..base.progress import Progress
from ..base.types import Prediction
from ..base.words import count
from ..labels.class_table import ClassTable
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..samples.together import together
from ..store.run_folder import content_digest
from ..store.sets import PredictionSet
from ..training.config import CrossValidation
from ..training.folds import assign_folds, block_groups, classes_in_one_fold, default_block_size
from .left_out import LeftOut

#: What samples can be grouped and ordered by
_PLAIN = (str, int, float, date, ObjectId)


@dataclass(frozen=True)
class CrossValidated:
    """A source of predictions, see `sources.Source`.

    Args:
        config: with the preset's own values filled in
        left_out: what is not learnt from, if anything
    """

    config: CrossValidation
    left_out: LeftOut | None = None

    def state(self, samples: SegmentationSamples) -> str:
        """What the predictions depend on beyond the config and the samples' files."""
        folds = self._state_of_folds(samples)
        return folds if self.left_out is None else content_digest(folds, self.left_out.state)

    def earlier_state(self, stored: PredictionSet) -> str | None:
        """None: it is as it was in earlier versions."""
        return None

    def _state_of_folds(self, samples: SegmentationSamples) -> str:
        field = self.config.group_field or (self.config.order_field if self.config.blocks else None)
        if field:
            return content_digest(samples.values(field))
        own = together(samples)
        return content_digest(own.groups) if own is not None else ""

    def make(
        self, samples: SegmentationSamples, predictions: PredictionSet, failures: Failures, progress: Progress
    ) -> None:
        """Trains and predicts what is not in the store yet, and finishes the set when every fold is done."""
        from ..models.weights import weights_file
        from ..training.cross_validation import cross_validate
        from ..training.mirroring import sided_classes

        # Before the masks are read, and not before it is known that there is something to train
        if self.config.weights not in (None, "imagenet"):
            weights_file(self.config.weights)
        fold_by_id = self._folds(samples, predictions, failures, progress)
        usable = _with_ids(samples, fold_by_id)
        left_out = self._left_out(predictions)
        learnt = usable if left_out is None else left_out.without(usable)
        sided = sided_classes(samples.class_table.names)
        stream = cross_validate(
            learnt,
            np.array([fold_by_id[sample_id] for sample_id in usable.ids], np.int64),
            samples.class_table.size,
            self.config,
            Path(predictions.work),
            done=predictions.ids(),
            progress=progress,
            on_failure=failures.handler,
            groups=fold_groups(usable, self.config),
            write=partial(_write, predictions),
            mirrored=self._asks_to_mirror and not sided,
            sided=bool(sided),
        )
        for _ in stream:
            pass
        if set(fold_by_id) <= predictions.ids() | failures.ids:
            predictions.finish(failures=failures.to_dicts())
            predictions.discard("work")
        else:
            predictions.update(failures=failures.to_dicts())

    def _folds(
        self, samples: SegmentationSamples, predictions: PredictionSet, failures: Failures, progress: Progress
    ) -> dict[str, int]:
        """The fold that holds each usable sample out; kept, so that no later call can deal a sample out differently."""
        kept = predictions.results.get("folds")
        if kept is not None:
            failures.recall(predictions.results["failures"])
            return kept
        presence = samples.presence(progress, failures.handler)
        chosen = np.flatnonzero(presence.any(axis=1))
        failures.require(len(chosen))
        usable, presence = samples.subset(chosen.tolist()), presence[chosen]
        fold_of = assign_folds(presence, self.config.folds, self.config.seed, fold_groups(usable, self.config))
        folds = dict(zip(usable.ids, fold_of.tolist(), strict=True))
        notes = [
            *_kept_together(usable, self.config),
            *_unseen_classes(samples.class_table, presence, fold_of),
            *self._not_learnt(usable),
            *self._not_mirrored(samples.class_table),
        ]
        rejected = sorted(self.left_out.rejected) if self.left_out is not None else []
        predictions.update(folds=folds, notes=notes, failures=failures.to_dicts(), rejected=rejected)
        return folds

    def _left_out(self, predictions: PredictionSet) -> LeftOut | None:
        """What is not learnt from: without what had been rejected when the set was begun, whatever has been since.

        Sets of earlier versions leave rejected suspects out as well.
        """
        return None if self.left_out is None else self.left_out.but(predictions.results.get("rejected", ()))

    def _not_learnt(self, samples: SegmentationSamples) -> list[str]:
        """A sentence about what is left out, for the run's record."""
        if self.left_out is None:
            return []
        rejected = self.left_out.rejected
        left_out = self.left_out.but(rejected)
        number = sum(len(left_out.regions.get(sample_id, ())) for sample_id in samples.ids)
        which = " that nobody had rejected" if rejected else ""
        return [
            f"The models did not learn from the {count(number, 'suspect')} of run '{self.left_out.key}'{which}; their "
            "pixels are scored like all others."
        ]

    @property
    def _asks_to_mirror(self) -> bool:
        return self.config.mirror and self.config.preset == "fast"

    def _not_mirrored(self, table: ClassTable) -> list[str]:
        """A sentence about mirror images that are not used though they are asked for, for the run's record."""
        from ..training.mirroring import sided_classes

        unused = ""
        if self._asks_to_mirror:
            unused = "predictions are not averaged with those of mirror images"
        elif self.config.preset == "paper" and self.config.augment:
            unused = "models do not learn from mirror images"
        sided = sided_classes(table.names)
        return [f"Class '{sided[0]}' tells left from right, so {unused}."] if unused and sided else []


def _write(predictions: PredictionSet, sample_id: str, fold: int, prediction: Prediction) -> None:
    predictions.write(sample_id, prediction, {"fold": fold})


def _with_ids(samples: SegmentationSamples, ids: dict[str, int]) -> SegmentationSamples:
    return samples.subset(index for index, sample_id in enumerate(samples.ids) if sample_id in ids)


def fold_groups(samples: SegmentationSamples, config: CrossValidation) -> Sequence[Any] | None:
    """What must stay in one fold: the values of the group field, blocks of frames in order, or nothing.

    Where neither is asked for, frames of a video and the images of a group stay together; where there are fewer videos
    than folds, blocks of their frames do.

    Raises:
        LabelQualityError: no such field, a sample without a value, or values that are lists, say, or labels
    """
    if config.group_field:
        return _filled(samples, config.group_field, "group_field")
    if config.blocks:
        size = config.block_size or default_block_size(len(samples), config.folds)
        return _blocks(np.argsort(np.array(_filled(samples, config.order_field, "order_field")), kind="stable"), size)
    own = together(samples)
    if own is None:
        return None
    if own.order is not None and own.count < config.folds:
        return _blocks(own.order, config.block_size or default_block_size(len(samples), config.folds))
    return own.groups


def _blocks(order: np.ndarray, size: int) -> list[int]:
    groups = np.empty(len(order), np.int64)
    groups[order] = block_groups(len(order), size)
    return groups.tolist()


def _kept_together(samples: SegmentationSamples, config: CrossValidation) -> list[str]:
    """A sentence about what stays in one fold without being asked for, for the run's record."""
    own = together(samples) if not (config.group_field or config.blocks) else None
    if own is None:
        return []
    if own.order is not None and own.count < config.folds:
        return [f"The samples are {own.what}, of {own.count} in all: blocks of neighbours were kept in one fold."]
    return [f"The samples are {own.what}, of {own.count} in all: each was kept in one fold."]


def _filled(samples: SegmentationSamples, name: str, parameter: str) -> list[Any]:
    values = samples.values(name)
    # Labels are all different, as each has an id of its own
    other = next((value for value in values if value is not None and not isinstance(value, _PLAIN)), None)
    if other is not None:
        raise LabelQualityError(
            f"Expected field '{name}' (`{parameter}`) to have one number, text or time for each sample, but it has "
            f"values of type {type(other).__name__}. Name a field of such values, or a path to one, as 'scene.label'."
        )
    # NaN is not equal to itself
    missing = [samples.ids[index] for index, value in enumerate(values) if value is None or value != value]
    if missing:
        raise LabelQualityError(
            f"{len(missing)} of {len(values)} samples have no value in field '{name}' (`{parameter}`); the first is "
            f"{missing[0]}. Fill the field, or leave them out of the view."
        )
    return values


def _unseen_classes(table: ClassTable, presence: np.ndarray, fold_of: np.ndarray) -> list[str]:
    """Sentences about classes that the model of a fold cannot know, for the run's record."""
    return [
        f"Class '{table.names[klass]}' is only in samples of fold {fold}: the model of that fold never saw it, so its "
        "pixels look suspicious."
        for klass, fold in classes_in_one_fold(presence, fold_of)
    ]
