"""What clean masks are worth: the same model trained on the given and on the clean masks, judged on verified ones."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.executor import map_shards
from ..base.parameters import table
from ..base.progress import Progress, named, showing
from ..base.types import IGNORED
from ..dataset.suspect_fields import check_suspects
from ..pixels.resample import to_probabilities
from ..predictions.from_folds import fold_groups
from ..records.record_parts import ClassScore, GainPart, Measured, TrainedScore
from ..records.run_record import RunRecord, load_record, save_record
from ..regions.reviewed import has_suspects, reviewed_run
from ..runs.collect_edits import collect_edits
from ..runs.reopen import reopen_run
from ..runs.run import Run
from ..runs.turns import writing
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.masked import MaskedSamples
from ..samples.private_fiftyone import root_of
from ..store.sets import GainSet
from ..training.config import NOT_OF_GAIN, OF_AUDITS, CrossValidation
from ..training.cross_validation import cross_validate, resolve_preset
from ..training.defaults import chosen
from ..training.folds import assign_folds
from ..training.mirroring import sided_classes
from .config import CLEAN, GIVEN, KINDS, UNSUSPECTED, GainRequest
from .reviewed import reviewed_samples, state_of_regions
from .tallies import Repeats, Tallies, agreement, differences, interval
from .training_masks import TrainingMasks

#: Fewer groups of images than this say nothing of other images
_LEAST_GROUPS = 2
_CALLED = {GIVEN: "Given masks", UNSUSPECTED: "Without suspects", CLEAN: "Clean masks"}


def measure_gain(
    collection: fo.Dataset | fo.DatasetView,
    key: str = GainRequest.key,
    *,
    progress: Progress | bool | None = False,
    **parameters: Any,
) -> GainPart:
    """Measures what clean masks are worth: trains a model on three kinds of masks, judged on verified ones.

    The masks are: as *given*; *unsuspected*, where the pixels of suspects take part in nothing, but for rejected ones;
    and *clean*. All are trained by the same folds, from the same weights, with several seeds; every verified image is
    judged by networks that have not seen it. Intervals are of a bootstrap that is paired over the images (over groups
    or blocks of frames where folds keep those together) and over the seeds.

    The result is kept in the run's record (``load_record(dataset, key).gain``); nothing else is written to
    the dataset, but that what was edited in the App is taken as a verdict first.
    Started again after a kill, it goes on with the training that was under way.

    Args:
        collection: the dataset, or a view of it; all of the run's samples take part
        key: the run's key
        progress: True for bars in the terminal or notebook; or a `Progress`, told how far each training is
        **parameters: of `config.GainRequest` (clean_field, verified_field, repeats, resamples, skip_failures,
            overwrite), and of `CrossValidation`; the latter as in the run's audit unless given

    Returns:
        mIoU, accuracy and each class's IoU for each kind of masks, with what is gained over the given ones

    Raises:
        LabelQualityError: no such run, no suspects, nothing verified, nothing that is changed, a bad parameter
        SampleError: a sample cannot be read or has changed since the run, and ``skip_failures`` is not set
    """
    own, of_training = set(table(GainRequest)), set(table(CrossValidation)).difference(NOT_OF_GAIN)
    unknown = sorted(set(parameters) - own - of_training)
    if unknown:
        known = ", ".join(sorted(own | of_training))
        raise LabelQualityError(f"Unknown parameter {', '.join(map(repr, unknown))}; expected some of {known}.")
    request = GainRequest.from_params({"key": key} | {name: parameters[name] for name in parameters if name in own})
    dataset = root_of(collection)
    record = reviewed_run(dataset, request.key)
    if has_suspects(dataset, request.key):
        collect_edits(dataset, request.key)
    config = training_config(record, {name: parameters[name] for name in parameters if name in of_training})
    config.check()
    with (
        showing(progress) as progress,
        database_errors(),
        reopen_run(dataset, request, progress, check_suspects) as run,
    ):
        return _Measurement(run, request, config).measure()


def training_config(record: RunRecord, parameters: Mapping[str, Any]) -> CrossValidation:
    """The cross-validation that measures a run's gain: as in its audit, if it has one, but for what is given.

    Where another preset is given, what was the audit's preset's own is the other one's.
    """
    before = chosen(record.config.get("predictions", {})) if record.source == CrossValidation.source else {}
    here = {**dict.fromkeys(OF_AUDITS), "device": CrossValidation.device}
    return resolve_preset(CrossValidation.from_params({**before, **here, **parameters}))


class _Measurement:
    """One measurement.

    Args:
        run: the run, opened again
        request: what was asked
        config: of the cross-validation, resolved
    """

    def __init__(self, run: Run, request: GainRequest, config: CrossValidation) -> None:
        self._run, self._request, self._config = run, request, config
        self._started = time.monotonic()
        self._clean = self._opened(request.clean_field)
        self._verified = self._opened(request.verified_field)
        self._use(run.samples)

    def measure(self) -> GainPart:
        """Measures what has not been measured yet, and keeps it in the record."""
        judged = self._judged()
        digest = self._digest(judged)
        before = self._run.finished.gain
        if before is not None and before.digest == digest and not self._request.overwrite:
            return before
        store = self._run.folder.open_gain(digest)
        fold_of = self._prepare(store, judged)
        judged &= set(self._samples.ids)
        groups = fold_groups(self._samples, self._config)
        group_of = dict(zip(self._samples.ids, map(str, self._samples.ids if groups is None else groups), strict=True))
        self._check(store, {group_of[sample_id] for sample_id in judged})
        for repeat in range(self._request.repeats):
            for kind in KINDS:
                if not store.shard_done(kind, repeat):
                    self._train(store, kind, repeat, fold_of, groups, {one: group_of[one] for one in judged})
        found = self._part(store, digest, len(judged))
        self._keep(found)
        store.remove()
        return found

    def _use(self, samples: SegmentationSamples) -> None:
        """Has these of the run's samples take part."""
        self._samples = samples
        self._masks = TrainingMasks(samples, self._run.finished, self._clean)
        verified = samples if self._verified is None else self._verified
        self._verified_at = {sample_id: index for index, sample_id in enumerate(verified.ids)}

    def _opened(self, field: str | None) -> SegmentationSamples | None:
        """The masks of another field, of the run's samples that have one there."""
        if field is None:
            return None
        samples, unknown = self._run.samples, self._run.finished.unknown
        targets = samples.class_table.mask_targets()
        found = open_samples(samples.collection, field, classes=targets, unknown=unknown, skip_failures=True)
        found.class_table = samples.class_table
        return found

    def _judged(self) -> set[str]:
        """The ids of the samples with a verified mask."""
        if self._verified is not None:
            return set(self._samples.ids) & self._verified_at.keys()
        found = reviewed_samples(self._samples.dataset, self._run.finished) & set(self._samples.ids)
        if not found:
            raise LabelQualityError(
                f"Expected images whose suspects are all reviewed, to judge by, but run '{self._run.key}' has none. "
                "Review all suspects of some images, or name a field of verified masks as `verified_field`."
            )
        return found

    def _truth(self, sample_id: str) -> np.ndarray:
        index = self._verified_at[sample_id]
        return self._masks.clean(index) if self._verified is None else self._verified.load_labels(index)

    def _digest(self, judged: set[str]) -> str:
        fields = [one.fingerprint() for one in (self._clean, self._verified) if one is not None]
        request = {**self._request.to_dict(), "overwrite": None}
        loaded = self._run.finished.corrections
        state = [state_of_regions(self._samples, self._run.finished), None if loaded is None else loaded.set]
        return self._run.digest(
            "gain", request, self._config.digest(), self._samples.ids, sorted(judged), fields, state
        )

    def _prepare(self, store: GainSet, judged: set[str]) -> np.ndarray:
        """Reads all masks once, so that bad ones are known before any training, and deals the samples out.

        Returns:
            (n,) fold of each sample that takes part; kept, so that a call after a kill has the same
        """
        kept = store.results
        if "folds" not in kept:
            kept = self._read_masks(judged)
            store.update(**kept)
        self._run.failures.recall(kept["failures"])
        folds = kept["folds"]
        self._use(self._samples.subset(i for i, one in enumerate(self._samples.ids) if one in folds))
        return np.array([folds[sample_id] for sample_id in self._samples.ids], np.int64)

    def _read_masks(self, judged: set[str]) -> dict[str, Any]:
        """Each usable sample's fold, and how many pixels each kind of masks has otherwise than given."""
        samples, failures = self._samples, self._run.failures
        pixels, changed, usable = 0, dict.fromkeys(KINDS, 0), []
        presence = np.zeros((len(samples), self._run.table.size), bool)
        outcomes = map_shards(partial(self._compare, judged), range(len(samples)))
        for index, outcome in enumerate(outcomes):
            if isinstance(outcome, SampleError):
                failures.add(outcome)
            else:
                shown, size, differ = outcome
                presence[index, shown] = True
                pixels += size
                changed = {kind: changed[kind] + differ[kind] for kind in KINDS}
                usable.append(index)
            self._run.times("Checking masks", index + 1, len(samples))
        failures.require(len(usable))
        groups = fold_groups(samples.subset(usable), self._config)
        fold_of = assign_folds(presence[usable], self._config.folds, self._config.seed, groups).tolist()
        folds = {samples.ids[index]: fold for index, fold in zip(usable, fold_of, strict=True)}
        return {"folds": folds, "pixels": pixels, "changed": changed, "failures": failures.to_dicts()}

    def _compare(self, judged: set[str], index: int) -> tuple[np.ndarray, int, dict[str, int]] | SampleError:
        """The classes of a sample's given mask, its pixels, and those that each kind of masks has otherwise."""
        try:
            given, *others = (self._masks.labels(kind)(index) for kind in KINDS)
            if self._verified is not None and self._samples.ids[index] in judged:
                self._truth(self._samples.ids[index])
        except SampleError as error:
            return error
        differ = [int(np.count_nonzero(other != given)) for other in others]
        return np.unique(given[given != IGNORED]), given.size, dict(zip(KINDS, [0, *differ], strict=True))

    def _check(self, store: GainSet, groups: Collection[str]) -> None:
        """Raises `LabelQualityError` where there is nothing to compare, or too little to compare it on."""
        if not store.results["changed"][CLEAN]:
            source = self._request.clean_field
            where = f"those in '{source}'" if source is not None else "those corrected by the verdicts"
            raise LabelQualityError(
                f"The given masks of run '{self._run.key}' and the clean ones, {where}, are the same, so that there is "
                "no gain to measure. Confirm suspects, or name a field of corrected masks as `clean_field`."
            )
        if len(groups) < _LEAST_GROUPS:
            raise LabelQualityError(
                f"Expected verified masks of at least {_LEAST_GROUPS} images, or of groups that one fold has together, "
                f"but got {len(groups)}. Review the suspects of more images, or name a `verified_field` that has more."
            )

    def _train(
        self,
        store: GainSet,
        kind: str,
        repeat: int,
        fold_of: np.ndarray,
        groups: Sequence[Any] | None,
        judged: Mapping[str, str],
    ) -> None:
        """Trains on one kind of masks with one seed, and sums up how right its predictions are.

        Args:
            store: keeps the sums
            kind: of the masks
            repeat: number of the seed
            fold_of: (n,) fold of each sample
            groups: what folds keep together, of each sample; None where that is nothing
            judged: the ids of verified samples, to the name of their group
        """
        samples, run, classes = self._samples, self._run, self._run.table.size
        config = dataclasses.replace(self._config, seed=self._config.seed + repeat)
        folder = Path(store.work) / f"{kind}-{repeat}"
        tallies = Tallies(classes, self._request.resamples, self._config.seed)
        labels = self._masks.labels(kind)
        number, total = repeat * len(KINDS) + KINDS.index(kind) + 1, self._request.repeats * len(KINDS)
        stream = cross_validate(
            MaskedSamples(samples, lambda index, _: partial(labels, index)),
            fold_of,
            classes,
            config,
            folder,
            done=set(samples.ids) - judged.keys(),
            progress=named(run.times, f"{_CALLED[kind]} ({number} of {total})"),
            on_failure=run.failures.handler,
            groups=groups,
            features=Path(store.work) / "shared",
            sided=bool(sided_classes(run.table.names)),
        )
        for sample_id, _, prediction in stream:
            assert prediction is not None
            verified = self._truth(sample_id)
            predicted = to_probabilities(prediction, verified.shape).argmax(axis=0)
            tallies.add(judged[sample_id], agreement(predicted, verified, classes))
        content = {"total": tallies.total, "replicates": tallies.replicates, "failures": run.failures.to_dicts()}
        store.write_shard(kind, repeat, content)
        shutil.rmtree(folder, ignore_errors=True)

    def _part(self, store: GainSet, digest: str, judged: int) -> GainPart:
        repeats = {kind: self._repeats(store, kind) for kind in KINDS}
        request, names = self._request, self._run.table.names
        share = {kind: count / store.results["pixels"] for kind, count in store.results["changed"].items()}
        return GainPart(
            digest=digest,
            trained=len(self._samples),
            judged=judged,
            clean_field=request.clean_field,
            verified_field=request.verified_field,
            repeats=request.repeats,
            resamples=request.resamples,
            config=self._config.to_dict(),
            scores=[_score(kind, repeats[kind], repeats[GIVEN], names, share[kind]) for kind in KINDS],
            notes=self._notes(),
            failures=self._run.failures.to_dicts(),
            seconds=time.monotonic() - self._started,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )

    def _repeats(self, store: GainSet, kind: str) -> Repeats:
        rows = [store.read_shard(kind, repeat) for repeat in range(self._request.repeats)]
        for row in rows:
            self._run.failures.recall(row["failures"])
        total, replicates = (np.stack([row[name] for row in rows]) for name in ("total", "replicates"))
        return Repeats(total, replicates, self._config.seed)

    def _notes(self) -> list[str]:
        notes = []
        if self._request.verified_field is None:
            notes.append(
                "Judged on images whose suspects were all reviewed. What nobody suspects there counts as right, and "
                "the suspects come from such a model, so that absolute values are rather too high."
            )
        if self._request.repeats == 1:
            notes.append("Trained once: the intervals say nothing of how much another seed would differ.")
        return notes

    def _keep(self, found: GainPart) -> None:
        dataset, key = self._samples.dataset, self._run.key
        with writing(dataset, self._run.folder.root):
            record = load_record(dataset, key)
            record.gain = found
            save_record(dataset, record)


def _score(kind: str, own: Repeats, given: Repeats, names: Sequence[str], changed: float) -> TrainedScore:
    """How well a model does, and how much better than with the given masks."""

    def gain(measure: Callable[[Repeats], tuple[np.ndarray, np.ndarray]]) -> Measured | None:
        return None if kind == GIVEN else _measured(*differences(measure(own), measure(given)))

    iou, before = own.iou(), given.iou()
    gains = differences(iou, before)
    classes = [
        ClassScore(
            name,
            _measured(iou[0][index], iou[1][:, index]),
            None if kind == GIVEN else _measured(gains[0][index], gains[1][:, index]),
        )
        for index, name in enumerate(names)
        if not np.isnan(iou[0][index])
    ]
    return TrainedScore(
        masks=kind,
        miou=_measured(*own.miou()),
        accuracy=_measured(*own.accuracy()),
        miou_gain=gain(Repeats.miou),
        accuracy_gain=gain(Repeats.accuracy),
        classes=classes,
        changed=changed,
    )


def _measured(value: np.ndarray, replicates: np.ndarray) -> Measured:
    return Measured(float(value), *interval(replicates))
