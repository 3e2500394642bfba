"""A run under way on one key: what its stages share, and how it begins."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.progress import Progress
from ..base.timing import StageTimes
from ..dataset.suspect_fields import check_suspects
from ..dataset.views import check_views
from ..engine.engine import current_engine
from ..labels.class_table import ClassTable
from ..labels.file_doubts import file_notes
from ..records.record_parts import WRITING
from ..records.run_record import RunRecord, validate_key
from ..samples.failures import Failures
from ..samples.inputs import SegmentationSamples
from ..scores.config import ScoreConfig
from ..store.run_folder import RunFolder, content_digest
from ..store.stored_set import StoredSet
from .housekeeping import drop_empty, find_record, run_folder, run_root, tidy
from .request import Request


@dataclass
class Run:
    """A run under way, on which its stages work in turn. Open it with `open_run`, which holds its folder's lock.

    Args:
        samples: the samples that take part; bad ones leave it as they are found
        request: what was asked
        times: told of every stage
        folder: the key's folder
        existing: the record of an earlier run of this key, if there is one
        fingerprint: of the samples' files
        failures: the samples that were left out
        notes: what the user must know about the run
    """

    samples: SegmentationSamples
    request: Request
    times: StageTimes
    folder: RunFolder
    existing: RunRecord | None
    fingerprint: str
    failures: Failures
    notes: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> fo.Dataset:
        """The dataset, whole."""
        return self.samples.dataset

    @property
    def key(self) -> str:
        """The run's key."""
        return self.request.key

    @property
    def table(self) -> ClassTable:
        """The classes."""
        return self.samples.class_table

    @property
    def finished(self) -> RunRecord:
        """The record of the finished run of this key, of which is known that it is there."""
        assert self.existing is not None
        return self.existing

    def digest(self, *parts: Any) -> str:
        """Hex digits over these values, and the classes and files of the run."""
        return content_digest(*parts, self.table.to_dict(), self.request.unknown, self.fingerprint)

    def score_digest(self, config: ScoreConfig, prediction_digest: str) -> str:
        """Hex digits over all that scores depend on."""
        return self.digest("scores", config.digest(), prediction_digest)

    def check_replaceable(self, part: str, digest: str) -> None:
        """Raises `LabelQualityError` unless the key is free, or its run is the same one, or may be overwritten.

        Args:
            part: of the record: ``predictions`` or ``scores``
            digest: of what is to be there
        """
        if self.existing is None or self.request.overwrite or getattr(self.existing, part).digest in ("", digest):
            return
        raise LabelQualityError(
            f"Dataset '{self.dataset.name}' has a run '{self.key}' of {self.existing.created} with other "
            "parameters, or its images, masks, model or predictions have changed since. Pass overwrite=True to replace "
            "it, or use another `key` to keep both."
        )

    def is_recorded(self, store: StoredSet) -> bool:
        """Whether a set is one that the record of a finished run names."""
        before = self.existing
        return before is not None and before.status != WRITING and store.path.name in before.sets


@contextlib.contextmanager
def open_run(collection: Any, label_field: str, request: Request, progress: Progress) -> Iterator[Run]:
    """Opens the samples and the run's folder, which no other run can use until the block is left.

    Args:
        collection: an image dataset or a view of one
        label_field: its field with the given masks
        request: what is asked
        progress: told how far each stage is

    Raises:
        LabelQualityError: bad input, or another run of this key is under way
    """
    times = StageTimes(progress)
    samples = _open_samples(collection, label_field, request, times)
    dataset = samples.dataset
    validate_key(dataset, request.key)
    check_views(dataset, request.key)
    check_suspects(dataset, request.key)
    existing = find_record(dataset, request.key)
    root = run_root(dataset, request, existing)
    fingerprint = samples.fingerprint()
    notes = file_notes(samples.ids, samples.image_paths, samples.mask_paths)
    times.count("Opening samples")
    failures = Failures(request.skip_failures, collection.values("id"), samples.failures)
    try:
        with run_folder(dataset, root, existing) as folder:
            try:
                with current_engine().sharing(str(folder.root)):
                    current_engine().check(samples.files())
                    yield Run(samples, request, times, folder, existing, fingerprint, failures, notes)
            except LabelQualityError:
                if existing is None:
                    drop_empty(folder)
                raise
    finally:
        tidy(root)


def _open_samples(collection: Any, label_field: str, request: Request, progress: Progress) -> SegmentationSamples:
    samples = request.open_samples(collection, label_field, progress)
    if samples.class_table.size < 2:
        raise LabelQualityError(
            f"Expected at least two classes, but the class table has only '{samples.class_table.names[0]}': there is "
            "nothing to mistake it for. Name all classes, among them the one of unlabelled pixels, in the dataset's "
            "mask targets or `classes`, and list fewer in `ignored`."
        )
    return samples
