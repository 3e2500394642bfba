"""The kinds of sets of files that a run makes: predictions, scores, suspects, objects, corrections, and for a gain."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..base.types import Appearance, Prediction
from .containers import read_container, write_bytes, write_container
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
from .stored_set import ShardedSet, WorkingSet, read_manifest


class PredictionSet(WorkingSet):
    """Predictions of a run, one file an image."""

    kind = "predictions"
    parts: Mapping[str, str] = {"values": ".lq"}

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
        return unpack_prediction(read_container(self.file("values", sample_id), sample_id))


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


class GainSet(ShardedSet, WorkingSet):
    """What measures the gain of clean masks, until it is measured: a file for each training that is done."""

    kind = "gain"


class CorrectionSet(ShardedSet):
    """Corrected masks that were loaded, how they differ from the given ones, and suspects found in them."""

    kind = "corrections"
    parts: Mapping[str, str] = {"masks": ".png", "regions": ".png"}

    def samples(self) -> Iterator[str]:
        """Ids of samples that have a corrected mask, once for each."""
        yield from (path.stem for path in self._sample_files("masks"))

    def write_mask(self, sample_id: str, content: bytes) -> Path:
        """Writes a corrected mask, a PNG as bytes. Returns the file."""
        path = self.file("masks", sample_id)
        write_bytes(path, content)
        return path

    def region_file(self, sample_id: str, number: int) -> Path:
        """Where the mask of the sample's suspect of that number is, or would be."""
        return self.file("regions", f"{number:02d}-{sample_id}")

    def write_region(self, sample_id: str, number: int, mask: np.ndarray) -> Path:
        """Writes the mask of a suspect inside its box as PNG, 0 and 255; mask (h, w) bool. Returns the file."""
        path = self.region_file(sample_id, number)
        write_bytes(path, encode_png(mask.astype(np.uint8) * 255))
        return path


AnySet: TypeAlias = PredictionSet | ScoreSet | SuspectSet | ObjectSet | CorrectionSet | GainSet
_KINDS: Mapping[str, type[AnySet]] = {
    kind.kind: kind for kind in (PredictionSet, ScoreSet, SuspectSet, ObjectSet, CorrectionSet, GainSet)
}


def load_set(path: Path) -> AnySet | None:
    """The set in a folder, or None where the folder has no manifest of ours."""
    manifest = read_manifest(path)
    return None if manifest is None else _KINDS[manifest["kind"]](path, manifest)
