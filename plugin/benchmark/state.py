"""A benchmark under way: its samples, its folder, and the record that grows with every audit."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.database_errors import database_errors
from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress
from ..documents.custom_runs import delete_content
from ..records.run_record import RunRecord, list_records
from ..runs.housekeeping import dataset_id, run_root, tidy
from ..runs.request import Request
from ..samples.checks import check_mask_field
from ..samples.inputs import SegmentationSamples, open_samples
from ..store.run_folder import RunFolder, content_digest
from .audits import Audits, Scored
from .config import BenchmarkConfig
from .records import (
    COMPLETE,
    RUNNING,
    RUNS,
    check_benchmark_key,
    clear_audits,
    clear_masks,
    dataset_prefix,
    list_benchmarks,
    save_benchmark,
)


@dataclass(frozen=True)
class Benchmark:
    """A benchmark under way. Make it with `opened`, which holds its folder's lock.

    Args:
        samples: the user's
        config: what is measured
        request: what every run is asked
        folder: of the benchmark's files
        record: as `records.save_benchmark` takes it
        progress: told how far it is
        rescore: score finished audits again
        keep_runs: leave the audits and their datasets
    """

    samples: SegmentationSamples
    config: BenchmarkConfig
    request: Request
    folder: Path
    record: dict[str, Any]
    progress: Progress
    rescore: bool = False
    keep_runs: bool = False

    @property
    def dataset(self) -> fo.Dataset:
        """The user's dataset, whole."""
        return self.samples.dataset

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        return bool(self.record["status"] == COMPLETE)

    @property
    def audits(self) -> Audits:
        """How it audits."""
        prefix = dataset_prefix(self.dataset, self.request.key)
        return Audits(self.samples, self.config, self.folder, prefix, self.request.skip_failures)

    def has(self, kind: str, architecture: str | None) -> bool:
        """Whether an earlier call has judged these errors."""
        return any((one["kind"], one["architecture"]) == (kind, architecture) for one in self.record["results"])

    def add(self, result: Mapping[str, Any]) -> None:
        """Keeps a result, also if the process is killed right after."""
        self.record["results"].append(dict(result))
        self.save()

    def note(self, sentence: str) -> None:
        """Keeps what the user must know about the results."""
        if sentence not in self.record["notes"]:
            self.record["notes"].append(sentence)

    def note_scores(self, found: Scored, where: str) -> None:
        """Keeps which scores and images are missing."""
        for name, reason in found.missing.items():
            self.note(f"{where}: the score '{name}' is missing: {reason}.")
        missing = len(found.quality) - int(found.usable.sum())
        if missing:
            self.note(f"{where}: {missing} of {len(found.quality)} images have no scores and are not counted.")

    def leave_out(self, kind: str, reason: str) -> None:
        """Keeps why a kind of errors has no results."""
        self.record["left_out"][kind] = reason

    def save(self) -> None:
        """Saves the record as it is now."""
        save_benchmark(self.dataset, self.request.key, self.record)

    def finish(self) -> None:
        """Deletes the benchmark's own datasets and audits, and marks the record as complete."""
        if not self.keep_runs:
            clear_audits(self.dataset, self.request.key, self.folder)
        self.record["status"] = COMPLETE
        self.save()


@contextlib.contextmanager
def opened(
    collection: Any,
    label_field: str,
    config: BenchmarkConfig,
    request: Request,
    progress: Progress,
    *,
    rescore: bool = False,
    keep_runs: bool = False,
) -> Iterator[Benchmark]:
    """Opens the samples, the folder and the record of a benchmark; one that was stopped goes on.

    Where nothing could be audited because of bad input, nothing is left of it.

    Args:
        collection: an image dataset or a view of one
        label_field: its field with the given masks
        config: what is measured
        request: what every run is asked; ``overwrite`` replaces another benchmark of the key, or a finished one
        progress: told how far it is
        rescore: score finished audits again
        keep_runs: leave the audits and their datasets

    Raises:
        LabelQualityError: bad input, another benchmark of this key, or this one is under way
    """
    with database_errors():
        if config.truth_field is not None:
            check_mask_field(collection, config.truth_field)
        samples = _usable_samples(collection, label_field, request, progress)
        dataset = samples.dataset
        check_benchmark_key(dataset, request.key)
        before = next((one for one in list_benchmarks(dataset) if one["key"] == request.key), None)
        root = run_root(dataset, request, _as_run(before))
        with RunFolder(root):
            state = [samples.fingerprint(), *_truth_state(collection, config, dataset)]
            digest = content_digest(config.content(), label_field, samples.class_table.to_dict(), state)
            record = _continued(dataset, request, digest, before, rescore)
            if record is None:
                if before is not None:
                    _clear(dataset, request.key, before)
                record = _new_record(samples, config, request, digest, root)
            benchmark = Benchmark(samples, config, request, root, record, progress, rescore, keep_runs)
            if rescore:
                record |= {"results": [], "status": RUNNING}
            try:
                yield benchmark
            except LabelQualityError:
                if not record["results"] and not (root / RUNS).exists() and not benchmark.finished:
                    _forget(dataset, request.key, root)
                raise
        tidy(root)


def _usable_samples(collection: Any, label_field: str, request: Request, progress: Progress) -> SegmentationSamples:
    samples = request.open_samples(collection, label_field, progress)
    table = samples.class_table
    if table.size < 2:
        raise LabelQualityError(
            f"Expected at least two classes, but there is only '{table.names[0]}': no error can be planted or found. "
            "Name all classes, among them the one of unlabelled pixels, in the dataset's mask targets or `classes`."
        )
    bad: list[SampleError] = []
    shown: Any = samples.presence(progress, bad.append if request.skip_failures else None).any(axis=0)
    if bad:
        failed = {error.sample_id for error in bad}
        samples = samples.subset(i for i, sample_id in enumerate(samples.ids) if sample_id not in failed)
        samples.failures += bad
    classes = [name for name, there in zip(table.names, shown.tolist(), strict=True) if there]
    if len(classes) < 2:
        found = f"only '{classes[0]}'" if classes else "none"
        raise LabelQualityError(
            f"Expected masks of at least two classes, but the {len(samples)} masks show {found} of {table.size}: no "
            "error can be planted or found."
        )
    return samples


def _truth_state(collection: Any, config: BenchmarkConfig, dataset: fo.Dataset) -> list[str]:
    """What the results depend on beyond the given masks: the corrected ones, and the run that is judged."""
    if config.truth_field is None:
        return []
    # Named so that no mask is read for its values; only the files' state counts here
    corrected = open_samples(collection, config.truth_field, classes={0: "any"}, skip_failures=True)
    runs = [record for record in list_records(dataset) if record.key == config.run_key]
    return [corrected.fingerprint(), *(f"{run.created} {run.scores.set}" for run in runs)]


def _continued(
    dataset: fo.Dataset, request: Request, digest: str, before: Mapping[str, Any] | None, rescore: bool
) -> dict[str, Any] | None:
    """The record to go on with, or None to begin.

    Raises:
        LabelQualityError: the key has another benchmark
    """
    # Without a digest it was killed before its record had more than what the App's list shows: nothing is there yet
    if before is None or "digest" not in before:
        return None
    same = before.get("digest") == digest and before.get("dataset_id") == dataset_id(dataset)
    if same and (rescore or before["status"] == RUNNING or not request.overwrite):
        return dict(before)
    if request.overwrite:
        return None
    raise LabelQualityError(
        f"Dataset '{dataset.name}' has a benchmark '{request.key}' of {before['created']} with other parameters, or "
        "its images or masks have changed since. Pass overwrite=True to replace it, or use another `key` to keep both."
    )


def _new_record(
    samples: SegmentationSamples, config: BenchmarkConfig, request: Request, digest: str, folder: Path
) -> dict[str, Any]:
    resolved = config.cross_validation(config.architectures[0])
    notes = []
    if samples.failures:
        count = len(samples.failures)
        verb = "is" if count == 1 else "are"
        notes.append(f"{count} of {count + len(samples)} images could not be used and {verb} left out.")
    return {
        "key": request.key,
        "label_field": samples.label_field,
        "mode": config.mode,
        "truth_field": config.truth_field,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "status": RUNNING,
        "images": len(samples),
        "classes": list(samples.class_table.names),
        "config": {**config.to_dict(), "predictions": replace(resolved, architecture=None).to_dict()},
        "results": [],
        "left_out": {},
        "notes": notes,
        "folder": str(folder),
        "dataset_id": dataset_id(samples.dataset),
        "digest": digest,
    }


def _as_run(before: Mapping[str, Any] | None) -> RunRecord | None:
    """What `run_root` must know of a benchmark to find its folder."""
    if before is None:
        return None
    dataset = before.get("dataset_id") or ""
    return RunRecord(before["key"], before["label_field"], folder=before.get("folder"), dataset=dataset)


def _clear(dataset: fo.Dataset, key: str, before: Mapping[str, Any]) -> None:
    """Deletes what another benchmark of the key has left, unless it belongs to the dataset this one was cloned from."""
    if before.get("dataset_id") == dataset_id(dataset):
        clear_audits(dataset, key, Path(before["folder"]))
        clear_masks(dataset, Path(before["folder"]))


def _forget(dataset: fo.Dataset, key: str, folder: Path) -> None:
    clear_audits(dataset, key, folder)
    clear_masks(dataset, folder)
    if any(one["key"] == key for one in list_benchmarks(dataset)):
        delete_content(dataset, key)
