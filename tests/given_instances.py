"""Small datasets whose given labels are instances, with files of probabilities that contradict two places.

Eight images of 48 × 64 pixels with three instances each: a car (id by `ids_of`) at (4, 4), 20 × 16 pixels, a bus at
(36, 8), 20 × 24, and a second car at (8, 28), 16 × 12. The predictions see them, but in image 0 the bus as a car, and
in image 1 another car at (40, 36), 16 × 10, which is not given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (48, 64)
#: Label and box (left, top, width, height) in pixels
INSTANCES = (("car", (4, 4, 20, 16)), ("bus", (36, 8, 20, 24)), ("car", (8, 28, 16, 12)))
UNSEEN = ("car", (40, 36, 16, 10))
#: Classes in the order of the predictions' channels
NAMES = ("background", "bus", "car")
COUNT = 8
#: Parameters of an audit
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}


def fill(dataset: Any, folder: Path, kind: str) -> Any:
    """Adds the samples to a dataset, with their instances in the field ``objects``.

    Args:
        dataset: an empty one
        folder: where files go
        kind: of instances: ``mask`` or ``mask_path`` of detections, or ``polylines``
    """
    import fiftyone as fo

    rng = np.random.default_rng(0)
    samples = []
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(COUNT):
        seen = [("car" if index == 0 else name, box) for name, box in INSTANCES] + [UNSEEN] * (index == 1)
        path = str(folder / f"{index}.png")
        cv2.imwrite(path, rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
        np.save(folder / f"{index}.npy", _probabilities(seen, rng))
        labels = [
            _label(name, box, kind, folder / f"{index}-{place}.png") for place, (name, box) in enumerate(INSTANCES)
        ]
        field = fo.Polylines(polylines=labels) if kind == "polylines" else fo.Detections(detections=labels)
        samples.append(fo.Sample(path, objects=field, probabilities=str(folder / f"{index}.npy"), index=index))
    dataset.add_samples(samples, progress=False)
    return dataset


def ids_of(dataset: Any) -> list[list[str]]:
    """The ids of each sample's instances."""
    sample = dataset.first()
    return dataset.values(f"objects.{'polylines' if 'Polylines' in str(type(sample.objects)) else 'detections'}.id")


def given_values(values: dict[str, int] | None = None) -> np.ndarray:
    """The mask that every image's instances are drawn as: (H, W) uint8, by default positions in `NAMES`."""
    mask = np.zeros(SIZE, np.uint8)
    for name, (left, top, width, height) in INSTANCES:
        mask[top : top + height, left : left + width] = (values or {})[name] if values else NAMES.index(name)
    return mask


def _probabilities(seen: list[tuple[str, tuple[int, ...]]], rng: np.random.Generator) -> np.ndarray:
    labels = np.zeros(SIZE, int)
    for name, (left, top, width, height) in seen:
        labels[top : top + height, left : left + width] = NAMES.index(name)
    soft = np.stack([labels == value for value in range(3)]) + 0.2 * rng.random((3, *SIZE))
    return (soft / soft.sum(axis=0)).astype(np.float32)


def _label(name: str, box: tuple[int, ...], kind: str, path: Path) -> Any:
    import fiftyone as fo

    left, top, width, height = np.array(box) / (SIZE[1], SIZE[0], SIZE[1], SIZE[0])
    if kind == "polylines":
        right, bottom = left + width, top + height
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        return fo.Polyline(label=name, points=[corners], closed=True, filled=True)
    mask = np.full(box[:1:-1], 255, np.uint8)
    if kind == "mask_path":
        cv2.imwrite(str(path), mask)
        return fo.Detection(label=name, bounding_box=[left, top, width, height], mask_path=str(path))
    return fo.Detection(label=name, bounding_box=[left, top, width, height], mask=mask > 0)
