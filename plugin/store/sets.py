"""The four kinds of sets of files that a run makes, and what of a folder is theirs."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..base.errors import LabelQualityError
from ..base.types import Appearance, Prediction
from .containers import TEMPORARY, make_folder, read_container, write_bytes, write_container
from .encoding import (
    encode_png,
    pack_appearance,
    pack_compact,
    pack_pooled,
    pack_prediction,
    unpack_appearance,
    unpack_compact,
    unpack_pooled,
    unpack_prediction,
)

FORMAT = 1
MADE_BY = "fiftyone-label-quality"
MANIFEST = "manifest.json"
SET_NAME = re.compile(r"(?P<kind>predictions|scores|suspects|objects)-(?P<digest>[0-9a-f]+)(-(?P<attempt>\d+))?")
_SAMPLE_ID = re.compile(r"[0-9A-Za-z_-]+")


class StoredSet:
    """A folder of files that were made for one digest, with the manifest that says so.

    Attributes:
        path: the folder
    """

    kind = ""
    #: Sub-folder -> suffix of the files that it has one a sample
    parts: Mapping[str, str] = {}

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self._manifest = manifest

    @property
    def digest(self) -> str:
        """The digest that the set was opened with."""
        return self._manifest["digest"]

    @property
    def dataset(self) -> str | None:
        """Id of the dataset that it was made for; None where version 0.1.0 made it, or nobody said."""
        return self._manifest.get("dataset")

    @property
    def attempt(self) -> int:
        """1 for the first set of this digest, more after overwriting."""
        return _attempt(self.path)

    @property
    def complete(self) -> bool:
        """Whether `finish` was called."""
        return self._manifest["complete"]

    @property
    def created(self) -> str:
        """When the set was begun, UTC, ISO 8601."""
        return self._manifest["created"]

    @property
    def content(self) -> dict[str, Any]:
        """What the set was opened with: configuration, class table, fingerprint, versions."""
        return self._manifest["content"]

    @property
    def results(self) -> dict[str, Any]:
        """What `update` and `finish` have added."""
        return self._manifest["results"]

    def update(self, **results: Any) -> None:
        """Adds JSON-serialisable results to the manifest, at once and durably."""
        self._save({**self._manifest, "results": {**self.results, **results}})

    def finish(self, **results: Any) -> None:
        """Marks the set as complete: from now on nothing in it changes. Call it last."""
        self._save({**self._manifest, "complete": True, "results": {**self.results, **results}})

    def ids(self, part: str | None = None) -> set[str]:
        """The ids of the samples that have a file.

        Args:
            part: a name in `parts`; the first of them by default
        """
        part = part or next(iter(self.parts))
        suffix = self.parts[part]
        return {path.name[: -len(suffix)] for path in self._sample_files(part)}

    def samples(self) -> Iterator[str]:
        """Ids of samples that have a file, found as they are asked for: once for each file."""
        for part, suffix in self.parts.items():
            yield from (path.name[: -len(suffix)] for path in self._sample_files(part))

    def file(self, part: str, sample_id: str) -> Path:
        """Where the sample's file is, or would be."""
        if not _SAMPLE_ID.fullmatch(sample_id):
            raise ValueError(f"Expected an id of letters, digits, '-' and '_', but got {sample_id!r}")
        return self.path / part / sample_id[-2:] / f"{sample_id}{self.parts[part]}"

    def has(self, part: str, sample_id: str) -> bool:
        """Whether the sample's file is there."""
        return self.file(part, sample_id).is_file()

    def discard(self, part: str) -> None:
        """Removes one part's files, when nothing will need them any more."""
        for path in self._files_of(part):
            path.unlink(missing_ok=True)
        _remove_empty_folders(self.path / part)

    def remove(self) -> list[Path]:
        """Removes the files that the store made, and the folders that are empty then.

        Returns:
            the files that were left alone because the store did not make them
        """
        _check_removable(self.path)
        for part in self._all_parts():
            self.discard(part)
        others = [path for path in files_under(self.path) if path.name != MANIFEST or path.parent != self.path]
        (self.path / MANIFEST).unlink(missing_ok=True)
        _remove_empty_folders(self.path)
        return sorted(others)

    def clean(self) -> None:
        """Removes what a killed process left half written."""
        for path in files_under(self.path):
            if is_temporary(path):
                path.unlink(missing_ok=True)

    def _all_parts(self) -> Iterable[str]:
        return self.parts

    def _files_of(self, part: str) -> Iterator[Path]:
        yield from self._sample_files(part)
        yield from (path for path in files_under(self.path / part) if is_temporary(path))

    def _sample_files(self, part: str) -> Iterator[Path]:
        suffix = self.parts[part]
        for path in files_under(self.path / part):
            sample_id = path.name[: -len(suffix)]
            if path.name.endswith(suffix) and _SAMPLE_ID.fullmatch(sample_id) and path == self.file(part, sample_id):
                yield path

    def _save(self, manifest: dict[str, Any]) -> None:
        write_bytes(self.path / MANIFEST, json.dumps(manifest, indent=1).encode(), durable=True)
        self._manifest = manifest


class PredictionSet(StoredSet):
    """Predictions of a run, one file an image."""

    kind = "predictions"
    parts: Mapping[str, str] = {"values": ".lq"}

    @property
    def work(self) -> Path:
        """A folder for checkpoints and caches while the set is being made; everything in it belongs to the set."""
        make_folder(self.path / "work")
        return self.path / "work"

    def write(self, sample_id: str, prediction: Prediction, meta: Mapping[str, Any] | None = None) -> None:
        """Stores a prediction.

        float16 logits are kept bit for bit; wider logits become float16 after each pixel's largest is subtracted,
        which no softmax notices, also after interpolation; probabilities become uint8 (255 is 1).

        Args:
            sample_id: letters, digits, '-' and '_'
            prediction: values (K, h, w)
            meta: small JSON-serialisable values to keep with it, such as its fold

        Raises:
            SampleError: a value is NaN or infinite
            LabelQualityError: the disk is full or the folder cannot be written to
        """
        value = {**pack_prediction(prediction, sample_id), "meta": dict(meta or {})}
        write_container(self.file("values", sample_id), value)

    def read(self, sample_id: str) -> Prediction:
        """The sample's prediction as it was stored; raises `SampleError` if its file is missing or damaged."""
        return unpack_prediction(self._read(sample_id))

    def read_meta(self, sample_id: str) -> dict[str, Any]:
        """The metadata given to `write`; raises `SampleError` if the file is missing or damaged."""
        return self._read(sample_id)["meta"]

    def discard(self, part: str) -> None:
        """Removes one part's files; ``work`` is removed whole."""
        if part != "work":
            return super().discard(part)
        for path in files_under(self.path / "work"):
            path.unlink(missing_ok=True)
        _remove_empty_folders(self.path / "work")

    def _all_parts(self) -> Iterable[str]:
        return [*self.parts, "work"]

    def _read(self, sample_id: str) -> dict[str, Any]:
        return read_container(self.file("values", sample_id), sample_id)


class ShardedSet(StoredSet):
    """A set whose samples are worked on in shards, each of which leaves its results in one file."""

    def write_shard(self, stage: str, index: int, payload: Any) -> None:
        """Keeps the results of one shard of samples, so that a run which is started again skips it.

        Args:
            stage: lower-case letters and digits, such as ``pass1``
            index: the shard's position; the caller shards the same way each time
            payload: any value `containers.pack` takes: dicts, lists, numbers (bit for bit, NaN too), arrays
        """
        write_container(self._shard(stage, index), payload)

    def read_shard(self, stage: str, index: int) -> Any:
        """The payload given to `write_shard`; raises `SampleError` if the file is missing or damaged."""
        return read_container(self._shard(stage, index))

    def shard_done(self, stage: str, index: int) -> bool:
        """Whether the shard's results are there."""
        return self._shard(stage, index).is_file()

    def discard_shard(self, stage: str, index: int) -> None:
        """Removes a shard's results, to have them computed again."""
        self._shard(stage, index).unlink(missing_ok=True)

    def _shard(self, stage: str, index: int) -> Path:
        if not re.fullmatch("[a-z0-9_]+", stage):
            raise ValueError(f"Expected a stage of lower-case letters and digits, but got {stage!r}")
        return self.path / "shards" / f"{stage}-{index:06d}.lq"

    def _all_parts(self) -> Iterable[str]:
        return [*self.parts, "shards"]

    def _files_of(self, part: str) -> Iterator[Path]:
        if part != "shards":
            yield from super()._files_of(part)
            return
        for path in files_under(self.path / part):
            if re.fullmatch(r"[a-z0-9_]+-\d{6,}\.lq", path.name) or is_temporary(path):
                yield path

    def _write_png(self, part: str, sample_id: str, values: np.ndarray) -> Path:
        path = self.file(part, sample_id)
        write_bytes(path, encode_png(values))
        return path


class ScoreSet(ShardedSet):
    """What a run found: images for the App, and what its passes leave for one another and for later searches."""

    kind = "scores"
    parts: Mapping[str, str] = {
        "heatmaps": ".png",
        "masks": ".png",
        "flags": ".png",
        "pooled": ".lq",
        "compact": ".lq",
        "appearance": ".lq",
    }

    def write_heatmap(self, sample_id: str, heatmap: np.ndarray) -> Path:
        """Writes suspicion as PNG; heatmap (H, W) uint8. Returns the file."""
        return self._write_png("heatmaps", sample_id, heatmap)

    def write_mask(self, sample_id: str, mask: np.ndarray) -> Path:
        """Writes a predicted mask as PNG; mask as `encoding.encode_png` takes it. Returns the file."""
        return self._write_png("masks", sample_id, mask)

    def write_flags(self, sample_id: str, flags: np.ndarray) -> Path:
        """Writes flags as PNG; flags (H, W) bool, or uint8 to be written as it is. Returns the file."""
        values = flags.astype(np.uint8) * 255 if flags.dtype == bool else flags
        return self._write_png("flags", sample_id, values)

    def write_pooled(self, sample_id: str, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Keeps what the second pass needs, until the run is finished.

        Args:
            sample_id: the sample
            probabilities: (K, h, w) float, kept as float16
            labels: (h, w) class indices, kept as int16
        """
        write_container(self.file("pooled", sample_id), pack_pooled(probabilities, labels), quick=True)

    def read_pooled(self, sample_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (K, h, w) float32 (of float16 precision) and labels (h, w) int16; raises `SampleError`."""
        return unpack_pooled(read_container(self.file("pooled", sample_id), sample_id))

    def write_compact(self, sample_id: str, probabilities: np.ndarray, labels: np.ndarray) -> None:
        """Keeps what the search for suspects needs, also after the run.

        Args:
            sample_id: the sample
            probabilities: (K, h, w) float, pooled; kept in a byte each
            labels: (h, w) class indices, kept as int16
        """
        write_container(self.file("compact", sample_id), pack_compact(probabilities, labels))

    def read_compact(self, sample_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (K, h, w) float32, 0.004 off at most, and labels (h, w) int16; raises `SampleError`."""
        return unpack_compact(read_container(self.file("compact", sample_id), sample_id))

    def write_appearance(self, sample_id: str, appearance: Appearance, fold: int | None) -> None:
        """Keeps what the image looks like, in a byte a feature, and its fold, also after the run."""
        write_container(self.file("appearance", sample_id), {**pack_appearance(appearance), "fold": fold})

    def read_appearance(self, sample_id: str) -> tuple[Appearance, int | None] | None:
        """What `write_appearance` was given; None where it was not called. Raises `SampleError` if it is damaged."""
        if not self.has("appearance", sample_id):
            return None
        content = read_container(self.file("appearance", sample_id), sample_id)
        return unpack_appearance(content), content["fold"]


class SuspectSet(ShardedSet):
    """Suspects of a run: a shard's regions in one file, and each region's mask."""

    kind = "suspects"
    parts: Mapping[str, str] = {"masks": ".png"}

    def mask_file(self, sample_id: str, number: int) -> Path:
        """Where the mask of the sample's region of that number is, or would be."""
        # The number first: the last characters of the name choose its folder, and those of ids are spread evenly
        return self.file("masks", f"{number:02d}-{sample_id}")

    def mask_files(self, sample_ids: Iterable[str], numbers: Iterable[int]) -> list[str]:
        """What `mask_file` gives for each of many regions, as text."""
        folder, suffix = self.path / "masks", self.parts["masks"]
        pairs = zip(sample_ids, numbers, strict=True)
        return [f"{folder}{os.sep}{one[-2:]}{os.sep}{number:02d}-{one}{suffix}" for one, number in pairs]

    def samples(self) -> Iterator[str]:
        """Ids of samples that have a region, once for each."""
        yield from (name.partition("-")[2] for name in super().samples())

    def write_region(self, sample_id: str, number: int, mask: np.ndarray) -> Path:
        """Writes the mask of a region inside its box as PNG, 0 and 255; mask (h, w) bool. Returns the file."""
        path = self.mask_file(sample_id, number)
        write_bytes(path, encode_png(mask.astype(np.uint8) * 255))
        return path


class ObjectSet(ShardedSet):
    """Scores of the annotated objects of a run's images: those of a shard in one file."""

    kind = "objects"


AnySet: TypeAlias = PredictionSet | ScoreSet | SuspectSet | ObjectSet
_KINDS: Mapping[str, type[AnySet]] = {kind.kind: kind for kind in (PredictionSet, ScoreSet, SuspectSet, ObjectSet)}


def load_set(path: Path) -> AnySet | None:
    """The set in a folder, or None where the folder has no manifest of ours."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("made_by") != MADE_BY or manifest.get("format") != FORMAT:
        return None
    return _KINDS[manifest["kind"]](path, manifest)


def _check_removable(path: Path) -> None:
    if path.is_symlink() or load_set(path) is None:
        raise LabelQualityError(
            f"Expected {path} to be a folder of a run, with its own {MANIFEST}, but it is not; nothing was removed. "
            "Delete it yourself if it is not needed."
        )


def _attempt(path: Path) -> int:
    match = SET_NAME.fullmatch(path.name)
    return int(match["attempt"] or 1) if match else 1


def is_temporary(path: Path) -> bool:
    """Whether the file is what a killed process left half written."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def files_under(folder: Path) -> Iterator[Path]:
    """Every file below a folder, without following links out of it."""
    for parent, folders, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)
        yield from (Path(parent, name) for name in folders if os.path.islink(os.path.join(parent, name)))


def _remove_empty_folders(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(parent)
