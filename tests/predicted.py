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
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    paths = []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        labels = np.roll(cv2.imread(mask, cv2.IMREAD_UNCHANGED), 6 * (number % 3 == 0), axis=1)
        soft = np.stack([labels == value for value in IDS]) + 0.4 * rng.random((4, *labels.shape))
        paths.append(str(folder / f"{number}.npy"))
        np.save(paths[-1], (soft / soft.sum(axis=0)).astype(np.float32))
    dataset.set_values("probabilities", paths)
    return dataset


def add_swapped_predictions(dataset: Any, folder: Path) -> None:
    """Writes probabilities that see each mask as it is, but in the third image road for car and car for road."""
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask()
        if index == 2:
            mask = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
        path = folder / f"{index}.npy"
        np.save(path, np.stack([np.where(mask == value, 0.85, 0.05) for value in IDS]))
        sample["probabilities"] = str(path)
        sample.save()


def add_exact_predictions(demo: Any, folder: Path) -> None:
    """Writes probabilities of a model that sees each scene of the demo's dataset as it is."""
    from label_quality.plugin.scenes.demo_dataset import EXACT_FIELD
    from label_quality.plugin.scenes.scenes import SCENE_CLASSES

    for sample in demo:
        exact = sample[EXACT_FIELD].get_mask()
        path = folder / f"{Path(sample.filepath).stem}.npy"
        np.save(path, np.stack([np.where(exact == value, 0.82, 0.02) for value in SCENE_CLASSES]).astype(np.float16))
        sample["probabilities"] = str(path)
        sample.save()


def files_of(dataset: Any, key: str = "lq") -> dict[str, bytes]:
    """The files that a run's fields refer to, which are all there: path to content."""
    dataset.reload()
    paths = [path for name in ("heatmap", "flags") for path in dataset.values(f"{key}_{name}.map_path")]
    paths += dataset.values(f"{key}_prediction.mask_path")
    paths += dataset.values(f"{key}_suspects.detections.mask_path", unwind=True)
    assert len(paths) > 60
    return {path: Path(path).read_bytes() for path in paths}


def record_of(dataset: Any, key: str = "lq") -> Any:
    from label_quality.plugin.records.run_record import load_record

    return load_record(dataset, key)
