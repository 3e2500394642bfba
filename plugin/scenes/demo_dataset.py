"""The demo's dataset: generated street scenes with planted annotation errors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import numpy as np

from ..audit import delete_run, list_runs
from ..base.errors import LabelQualityError
from ..base.executor import map_shards
from ..base.progress import Progress, silent
from ..benchmark.planted_errors import InjectedError, InjectionRules, inject_errors
from ..labels.images import read_mask
from ..samples.folders import LABEL_FIELD
from ..store.containers import write_bytes
from .scenes import SCENE_CLASSES, UNLABELLED, render_scene

DATASET_NAME = "label-quality-demo"
#: What was planted in a sample's given mask: ``drop``, ``swap``, ``shift``, or None
TRUTH_FIELD = "planted_error"
#: The exact mask of the scene, before anything was planted
EXACT_FIELD = "exact_mask"
#: Share of the scenes that get each kind of error
RATES = {"drop": 0.08, "swap": 0.08, "shift": 0.08}

_PARTS = {"images": ".png", "exact_masks": ".png", "masks": ".png"}
_MADE_BY = "label_quality_demo"
#: Version of the scenes' files
_FORMAT = 1


def demo_dataset(
    directory: Path, images: int, seed: int, *, name: str = DATASET_NAME, progress: Progress = silent
) -> Any:
    """Renders the scenes, plants errors in their masks, and makes the dataset; what was made before is kept.

    Args:
        directory: where images and masks go
        images: number of scenes
        seed: of scenes and errors
        name: of the dataset
        progress: told after every scene

    Returns:
        a persistent `fiftyone.Dataset` with the given masks in ``ground_truth``, the exact ones in `EXACT_FIELD` and
        the truth about the planted error in `TRUTH_FIELD` and, as JSON, ``<TRUTH_FIELD>_details``

    Raises:
        LabelQualityError: the directory cannot be written to, or a dataset of that name is not the demo's
    """
    directory = Path(os.path.abspath(directory.expanduser()))
    recipe = {"format": _FORMAT, "images": images, "seed": seed, "directory": str(directory)}
    dataset = _existing(name, recipe)
    if dataset is not None and all(_file(directory, part, i).exists() for part in _PARTS for i in range(images)):
        return dataset
    errors = _render(directory, images, seed, progress)
    return _make(name, recipe, directory, errors) if dataset is None else dataset


def _existing(name: str, recipe: dict[str, Any]) -> Any:
    """The finished dataset of the same recipe, or None; deletes another demo's, and one that was not finished."""
    if not fo.dataset_exists(name):
        return None
    dataset = fo.load_dataset(name)
    if _MADE_BY not in dataset.info and len(dataset):
        raise LabelQualityError(
            f"A dataset named '{name}' exists that is not the demo's. Choose another --name for the demo."
        )
    if dataset.info.get(_MADE_BY) == recipe:
        return dataset
    for record in list_runs(dataset):
        delete_run(dataset, record.key)
    fo.delete_dataset(name)
    return None


def _render(directory: Path, images: int, seed: int, progress: Progress) -> list[InjectedError | None]:
    """Writes the scenes that are not there yet; returns what is planted in each."""
    _prepare(directory, images, seed)

    def render(position: int) -> None:
        image, exact = render_scene(seed * 100_003 + position)
        _write(_file(directory, "images", position), np.ascontiguousarray(image[..., ::-1]))
        _write(_file(directory, "exact_masks", position), exact)

    # Of each scene the exact mask is written last
    left = [position for position in range(images) if not _file(directory, "exact_masks", position).exists()]
    for done, _ in enumerate(map_shards(render, left), start=images - len(left) + 1):
        progress("Making scenes", done, images)
    errors = []
    rules = InjectionRules(unlabelled=UNLABELLED)
    planted = inject_errors(lambda i: read_mask(_file(directory, "exact_masks", i)), images, RATES, seed, rules)
    for position, (mask, error) in enumerate(planted):
        path = _file(directory, "masks", position)
        # A file that is written again looks changed, and its run would start anew
        if not path.exists():
            _write(path, mask)
        errors.append(error)
        progress("Planting errors", position + 1, images)
    return errors


def _prepare(directory: Path, images: int, seed: int) -> None:
    """Makes the folders, and removes scenes of another recipe from them."""
    # Which scenes get an error depends on how many there are
    recipe = json.dumps({"format": _FORMAT, "images": images, "seed": seed})
    marker = directory / "recipe.json"
    try:
        for part in _PARTS:
            (directory / part).mkdir(parents=True, exist_ok=True)
        if not marker.exists() or marker.read_text() != recipe:
            for part, suffix in _PARTS.items():
                for path in (directory / part).glob(f"[0-9][0-9][0-9][0-9]{suffix}"):
                    path.unlink()
            marker.write_text(recipe)
    except OSError as error:
        raise LabelQualityError(
            f"The scenes cannot be written to {directory}: {error.strerror}. Choose another --directory."
        ) from error


def _file(directory: Path, part: str, position: int) -> Path:
    return directory / part / f"{position:04d}{_PARTS[part]}"


def _write(path: Path, pixels: np.ndarray) -> None:
    """Writes an image that is there whole or not at all, whenever the process is killed."""
    done, content = cv2.imencode(path.suffix, pixels)
    if not done:
        raise LabelQualityError(f"OpenCV cannot encode {path.name}.")
    write_bytes(path, content.tobytes())


def _make(name: str, recipe: dict[str, Any], directory: Path, errors: list[InjectedError | None]) -> Any:
    dataset = fo.Dataset(name, persistent=True)
    dataset.info[_MADE_BY] = "unfinished"
    dataset.mask_targets = {LABEL_FIELD: SCENE_CLASSES, EXACT_FIELD: SCENE_CLASSES}
    dataset.save()
    dataset.add_sample_field(TRUTH_FIELD, fo.StringField, description="The error planted in the given mask, if any")
    dataset.add_samples([_sample(directory, *item) for item in enumerate(errors)], progress=False)
    # Nothing until the audit: the truth, "swap" on a tile, would read as what was found. The sidebar has it
    dataset.app_config.active_fields = fo.ActiveFields(paths=[])
    dataset.info[_MADE_BY] = recipe
    dataset.save()
    return dataset


def _sample(directory: Path, position: int, error: InjectedError | None) -> fo.Sample:
    labels = {LABEL_FIELD: "masks", EXACT_FIELD: "exact_masks"}
    path = str(_file(directory, "images", position))
    return fo.Sample(
        filepath=path,
        metadata=fo.ImageMetadata.build_for(path),
        **{name: fo.Segmentation(mask_path=str(_file(directory, part, position))) for name, part in labels.items()},
        **{
            TRUTH_FIELD: error.kind if error else None,
            f"{TRUTH_FIELD}_details": json.dumps(error.to_dict()) if error else None,
        },
    )
