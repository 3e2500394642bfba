"""The demo: generated street scenes with planted annotation errors, audited from images and masks to a ranking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np

from .audit import audit_labels
from .cli_output import describe
from .executor import map_shards
from .folders import LABEL_FIELD
from .images import read_mask
from .injection import InjectedError, InjectionRules, inject_errors
from .progress import Progress
from .runs import database_errors
from .scenes import SCENE_CLASSES, render_scene
from .terminal import TerminalProgress

DATASET_NAME = "label-quality-demo"
#: What was planted in a sample's given mask: ``drop``, ``swap``, ``shift``, or None
TRUTH_FIELD = "planted_error"
#: The exact mask of the scene, before anything was planted
EXACT_FIELD = "exact_mask"
#: Share of the scenes that get each kind of error
RATES = {"drop": 0.08, "swap": 0.08, "shift": 0.08}


def run_demo(directory: Path, images: int = 200, seed: int = 51) -> Any:
    """Makes the demo's dataset, audits it and prints how many planted errors the ranking finds.

    Started again, it uses what it has already made and computed.

    Args:
        directory: where images and masks go
        images: number of scenes
        seed: of scenes and errors

    Returns:
        the `fiftyone.Dataset`
    """
    progress = TerminalProgress()
    try:
        with database_errors():
            dataset = demo_dataset(directory, images, seed, progress=progress)
        summary = audit_labels(dataset, LABEL_FIELD, progress=progress, preset="fast", seed=seed, overwrite=True)
    finally:
        progress.close()
    print(describe(summary))
    print(f"\n{planted_errors_found(dataset, summary.key)}")
    return dataset


def planted_errors_found(dataset: Any, key: str) -> str:
    """How many of the M planted errors are among the M worst-ranked images, in all and by kind."""
    from .views import worst_first

    kinds = worst_first(dataset, key).values(TRUTH_FIELD)
    planted = sum(kind is not None for kind in kinds)
    top = kinds[:planted]
    by_kind = ", ".join(f"{kind} {top.count(kind)} of {kinds.count(kind)}" for kind in RATES if kind in kinds)
    found = sum(kind is not None for kind in top)
    return f"{found} of the {planted} planted errors are among the {planted} worst-ranked images ({by_kind})."


def demo_dataset(
    directory: Path, images: int, seed: int, *, name: str = DATASET_NAME, progress: Progress | None = None
) -> Any:
    """Renders the scenes, plants errors in their masks, and makes the dataset; opens it where it was made before.

    Args:
        directory: where images and masks go
        images: number of scenes
        seed: of scenes and errors
        name: of the dataset
        progress: told after every scene

    Returns:
        a persistent `fiftyone.Dataset` with the given masks in ``ground_truth``, the exact ones in `EXACT_FIELD` and
        the truth about the planted error in `TRUTH_FIELD`
    """
    recipe = {"images": images, "seed": seed, "directory": str(directory.resolve())}
    if fo.dataset_exists(name):
        dataset = fo.load_dataset(name)
        if dataset.info.get("label_quality_demo") == recipe:
            return dataset
        fo.delete_dataset(name)
    folders = {part: directory.resolve() / part for part in ("images", "masks", "exact_masks")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)

    def render(position: int) -> None:
        image, exact = render_scene(seed * 100_003 + position)
        cv2.imwrite(str(folders["images"] / f"{position:04d}.jpg"), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        cv2.imwrite(str(folders["exact_masks"] / f"{position:04d}.png"), exact)

    def exact_mask(position: int) -> np.ndarray:
        return read_mask(str(folders["exact_masks"] / f"{position:04d}.png"))

    for done, _ in enumerate(map_shards(render, range(images)), start=1):
        if progress is not None:
            progress("Making scenes", done, images)
    samples = []
    planted = inject_errors(exact_mask, images, RATES, seed, InjectionRules(unlabelled=0))
    for position, (mask, error) in enumerate(planted):
        cv2.imwrite(str(folders["masks"] / f"{position:04d}.png"), mask)
        samples.append(_sample(folders, position, error))
    dataset = fo.Dataset(name, persistent=True)
    dataset.mask_targets = {LABEL_FIELD: SCENE_CLASSES, EXACT_FIELD: SCENE_CLASSES}
    dataset.add_sample_field(TRUTH_FIELD, fo.StringField, description="The error planted in the given mask, if any")
    dataset.add_samples(samples, progress=False)
    # Last: a dataset that was not finished is made anew
    dataset.info["label_quality_demo"] = recipe
    dataset.save()
    return dataset


def _sample(folders: dict[str, Path], position: int, error: InjectedError | None) -> fo.Sample:
    return fo.Sample(
        filepath=str(folders["images"] / f"{position:04d}.jpg"),
        **{
            LABEL_FIELD: fo.Segmentation(mask_path=str(folders["masks"] / f"{position:04d}.png")),
            EXACT_FIELD: fo.Segmentation(mask_path=str(folders["exact_masks"] / f"{position:04d}.png")),
            TRUTH_FIELD: error.kind if error else None,
            f"{TRUTH_FIELD}_details": json.dumps(error.to_dict()) if error else None,
        },
    )
