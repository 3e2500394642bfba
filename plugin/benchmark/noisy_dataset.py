"""Copies of a dataset's masks with errors planted in some of them; the user's own files are only read."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, silent
from ..base.types import IGNORED
from ..labels.class_table import ClassTable
from ..labels.masks import as_rgb, check_storable, predicted_mask
from ..store.containers import write_bytes
from ..store.run_folder import content_digest
from .config import DROP, ERROR_KINDS
from .planted_errors import InjectedError, InjectionRules, choose_errors, inject_error

if TYPE_CHECKING:
    from ..samples.inputs import SegmentationSamples

#: Stands for the unlabelled class where there is none: no mask holds it
_NO_CLASS = -2
_RECORD = "errors.json"
_PLANTED = re.compile(rf"({'|'.join(ERROR_KINDS)})-[0-9a-f]{{12}}")


class NothingToPlant(LabelQualityError):
    """A kind of error cannot be planted in these masks."""


@dataclass(frozen=True)
class NoisyMask:
    """A mask with a planted error.

    Args:
        path: the PNG file, in which the classes have the values that they have in the user's masks
        error: what was planted; its classes are class indices
    """

    path: Path
    error: InjectedError


def plant_errors(
    samples: SegmentationSamples,
    kind: str,
    rate: float,
    folder: Path,
    *,
    seed: int = 51,
    severity: float = InjectionRules.severity,
    min_fraction: float = InjectionRules.min_fraction,
    progress: Progress = silent,
) -> dict[int, NoisyMask]:
    """Writes copies of some masks, each with one planted error; what an earlier call has written is kept.

    Args:
        samples: images with their true masks
        kind: of error: ``drop``, ``swap`` or ``shift``
        rate: share of the images that get one, in (0, 1)
        folder: where the copies go; each parameter and each state of the samples' files has a subfolder of its own
        seed: the same seed plants the same errors
        severity: how far edges are shifted, see `planted_errors.InjectionRules`
        min_fraction: how large errors are at least, likewise
        progress: told after every copy

    Returns:
        position of a sample to its noisy mask; an image that was chosen but has no class large enough is left out

    Raises:
        NothingToPlant: no unlabelled class to drop to, not one error could be planted, or every image got one
        LabelQualityError: a bad rate, severity or fraction
        SampleError: a mask cannot be used
    """
    _check(samples, kind, rate)
    unlabelled = samples.class_table.unlabelled
    rules = InjectionRules(_NO_CLASS if unlabelled is None else unlabelled, (IGNORED,), min_fraction, severity)
    content = [samples.fingerprint(), samples.class_table.to_dict(), samples.unknown, kind, rate, seed, asdict(rules)]
    folder = folder / f"{kind}-{content_digest(*content)}"
    errors = _recorded(folder)
    if errors is None:
        errors = _plant(samples, kind, rate, folder, seed, rules, progress)
        write_bytes(folder / _RECORD, json.dumps({i: error.to_dict() for i, error in errors.items()}).encode())
    if not errors:
        raise NothingToPlant(
            f"No {kind} error could be planted in {len(samples)} images at a rate of {rate:g}: too few images are "
            "chosen, or none of them shows a class that is large enough. Give a higher rate, or more images."
        )
    if len(errors) == len(samples):
        raise NothingToPlant(
            f"All {len(samples)} images got a {kind} error at a rate of {rate:g}, so that no correct one is left to "
            "tell them from. Give a lower rate, or more images."
        )
    return {position: NoisyMask(_file(folder, position), error) for position, error in errors.items()}


def noisy_mask(mask: np.ndarray, labels: np.ndarray, noisy: np.ndarray, table: ClassTable) -> np.ndarray:
    """The user's mask with other classes in some pixels.

    Args:
        mask: (H, W) or (H, W, C) integers, as stored
        labels: (H, W) int16, its class indices
        noisy: (H, W) int16, the same but for the pixels to change, none of which is `IGNORED`
        table: the classes

    Returns:
        (H, W) uint8 or uint16, or (H, W, 3) uint8 where masks are RGB; unchanged pixels keep their value
    """
    changed = labels != noisy
    values = predicted_mask(np.maximum(noisy, 0), table)
    if table.colors is not None:
        return np.where(changed[..., None], values, as_rgb(mask))
    kept = mask if mask.ndim == 2 else mask[..., 0]
    merged = np.where(changed, values, kept)
    return merged.astype(np.uint8 if merged.max() <= 255 else np.uint16)


def chosen_images(images: int, kind: str, rate: float, seed: int) -> list[int]:
    """The positions of the images that `plant_errors` tries to plant an error in."""
    return [i for i, planted in enumerate(choose_errors(images, {kind: rate}, seed)) if planted]


def delete_masks(folder: Path) -> None:
    """Deletes what `plant_errors` has written to a folder; other files stay.

    Args:
        folder: as `plant_errors` got it
    """
    if not folder.is_dir():
        return
    for planted in sorted(path for path in folder.iterdir() if _PLANTED.fullmatch(path.name) and path.is_dir()):
        (planted / _RECORD).unlink(missing_ok=True)
        for path in [*planted.glob(f"{6 * '[0-9]'}*.png"), *planted.glob(".*.tmp")]:
            path.unlink()
        with contextlib.suppress(OSError):
            planted.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _check(samples: SegmentationSamples, kind: str, rate: float) -> None:
    if not 0 < rate < 1:
        raise LabelQualityError(f"Expected the rate of {kind} errors to be in (0, 1), but got {rate:g}.")
    if kind == DROP and samples.class_table.unlabelled is None:
        raise NothingToPlant(
            "Dropped objects become unlabelled, but none of the classes "
            f"{', '.join(samples.class_table.names)} is called so. Name the class of unlabelled pixels in `unlabelled`."
        )


def _recorded(folder: Path) -> dict[int, InjectedError] | None:
    """The errors that were planted in a folder that is finished, else None."""
    try:
        record: Mapping[str, dict] = json.loads((folder / _RECORD).read_text())
    except FileNotFoundError:
        return None
    errors = {int(position): InjectedError.from_dict(content) for position, content in record.items()}
    return errors if all(_file(folder, position).exists() for position in errors) else None


def _plant(
    samples: SegmentationSamples,
    kind: str,
    rate: float,
    folder: Path,
    seed: int,
    rules: InjectionRules,
    progress: Progress,
) -> dict[int, InjectedError]:
    chosen = chosen_images(len(samples), kind, rate, seed)
    errors = {}
    for done, position in enumerate(chosen, start=1):
        labels = samples.load_labels(position)
        planted = inject_error(labels, kind, (seed, position), rules)
        if planted is not None:
            noisy, errors[position] = planted
            # A file that is written again looks changed, and its run would start anew
            if not _file(folder, position).exists():
                mask = samples.load_mask(position)
                check_storable(mask, samples.ids[position])
                _write(_file(folder, position), noisy_mask(mask, labels, noisy, samples.class_table))
        progress(f"Planting {kind} errors", done, len(chosen))
    return errors


def _file(folder: Path, position: int) -> Path:
    return folder / f"{position:06d}.png"


def _write(path: Path, mask: np.ndarray) -> None:
    _, content = cv2.imencode(".png", mask if mask.ndim == 2 else np.ascontiguousarray(mask[..., ::-1]))
    write_bytes(path, content.tobytes())
