"""Small datasets with files of probabilities, and what a run on them has written, for tests of a run's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

IDS = [0, 3, 7, 20]
#: All suspects, whatever their probability: the pictures show nothing of what is contradicted
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}


def add_predictions(dataset: Any, folder: Path, seed: int = 0) -> Any:
    """Writes probabilities that contradict each third mask to a folder, and their paths to the dataset."""
    rng = np.random.default_rng(seed)
    paths = []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        labels = np.roll(cv2.imread(mask, cv2.IMREAD_UNCHANGED), 6 * (number % 3 == 0), axis=1)
        soft = np.stack([labels == value for value in IDS]) + 0.4 * rng.random((4, *labels.shape))
        paths.append(str(folder / f"{number}.npy"))
        np.save(paths[-1], (soft / soft.sum(axis=0)).astype(np.float32))
    dataset.set_values("probabilities", paths)
    return dataset


def files_of(dataset: Any, key: str = "lq") -> dict[str, bytes]:
    """The files that a run's fields refer to, which are all there: path to content."""
    dataset.reload()
    paths = [path for name in ("heatmap", "flags") for path in dataset.values(f"{key}_{name}.map_path")]
    paths += dataset.values(f"{key}_prediction.mask_path")
    paths += dataset.values(f"{key}_suspects.detections.mask_path", unwind=True)
    assert len(paths) > 60
    return {path: Path(path).read_bytes() for path in paths}


def record_of(dataset: Any, key: str = "lq") -> Any:
    from label_quality.plugin.dataset.run_record import load_record

    return load_record(dataset, key)
