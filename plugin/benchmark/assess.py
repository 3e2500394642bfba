"""How far the scores and the suspects of a dataset can be trusted, where it is known which masks are wrong and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from ..base.errors import LabelQualityError
from ..base.progress import Progress, silent
from ..suspects.regions import KINDS, NO_ERROR, Region
from .config import DROP, ERROR_KINDS, SWAP
from .ranking_metrics import Metric, auroc, average_precision, bootstrap_interval, lift_at, precision_recall

#: The T of Lift@T, besides the number of errors
LIFT_COUNT = 100


@dataclass(frozen=True)
class Estimate:
    """A metric with its bootstrap interval.

    Args:
        value: of all images
        low: lower end of the interval
        high: upper end
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Finding:
    """What the suspects of one mislabelled image say, against the truth.

    Args:
        kind: of the error that is there
        error_type: of the image, as it was found
        regions: number of suspects
        right_class: whether the strongest suspect's suggested class is the true one
        strongest_iou: of the strongest suspect and the changed pixels; 0 without a suspect
        matching_iou: of all suspects of the error's kind and classes together and the changed pixels
    """

    kind: str
    error_type: str
    regions: int
    right_class: bool
    strongest_iou: float
    matching_iou: float


def evaluate_scores(
    is_error: np.ndarray,
    scores: Mapping[str, np.ndarray],
    *,
    resamples: int = 1000,
    seed: int = 51,
    progress: Progress = silent,
) -> dict[str, dict[str, Estimate]]:
    """Judges every score's ranking; all are resampled alike.

    Args:
        is_error: (n,) bool, whether the image is mislabelled
        scores: name to (n,) qualities, low = suspected
        resamples: of the bootstrap
        seed: of the bootstrap
        progress: told after every score

    Returns:
        of each score ``auroc``, ``auprc``, ``lift_at_errors`` (T is the number of errors) and, of more than
        `LIFT_COUNT` images, ``lift_at_100``, with 95 % intervals

    Raises:
        LabelQualityError: NaN scores, no errors, or nothing but errors; names the score
    """
    metrics = _metrics(is_error)
    results = {}
    for done, (name, quality) in enumerate(scores.items(), start=1):
        try:
            results[name] = {
                label: _estimate(metric, is_error, quality, resamples, seed) for label, metric in metrics.items()
            }
        except LabelQualityError as error:
            raise LabelQualityError(f"The score '{name}' cannot be judged. {error}") from error
        progress("Judging scores", done, len(scores))
    return results


def score_curves(is_error: np.ndarray, scores: Mapping[str, np.ndarray]) -> dict[str, dict[str, list[float]]]:
    """The precision-recall curve of every score, of at most 101 points.

    Args:
        is_error: (n,) bool, whether the image is mislabelled
        scores: name to (n,) qualities, low = suspected

    Returns:
        of each score ``recall`` and ``precision``, see `ranking_metrics.precision_recall`

    Raises:
        LabelQualityError: as `evaluate_scores`
    """
    curves = {name: precision_recall(is_error, quality) for name, quality in scores.items()}
    return {name: {"recall": found.tolist(), "precision": right.tolist()} for name, (found, right) in curves.items()}


def lowest(quality: np.ndarray, count: int) -> np.ndarray:
    """The positions of the images that rank worst, the worst first; of equal qualities the first ones.

    Args:
        quality: (n,) low = suspected
        count: how many
    """
    return np.argsort(np.asarray(quality), kind="stable")[:count]


def assess_suspects(
    kind: str, clean: np.ndarray, given: np.ndarray, regions: Sequence[Region], error_type: str | None
) -> Finding:
    """Compares the suspects of a mislabelled image with what is wrong in it.

    A suspect's true class is the one that most of its pixels have in the clean mask; it is right where its suggested
    class is that one, and its given class the one that the given mask has there.

    Args:
        kind: of the error in the mask: one of `planted_errors.ERROR_KINDS`
        clean: (H, W) class indices of the true mask
        given: (H, W) class indices of the given mask
        regions: the suspects, in any order
        error_type: what was found to be wrong with the image, or None

    Returns:
        the finding
    """
    changed = clean != given
    strongest = max(regions, key=lambda region: (region.probability or 0.0, region.evidence), default=None)
    corrections = _corrections(clean, given)
    matching = [one for one in regions if one.kind == kind and (one.given, one.suggested) in corrections]
    return Finding(
        kind=kind,
        error_type=error_type or NO_ERROR,
        regions=len(regions),
        right_class=strongest is not None and _is_right(strongest, clean, given),
        strongest_iou=_coverage([] if strongest is None else [strongest], changed),
        matching_iou=_coverage(matching, changed),
    )


def summarise_findings(findings: Sequence[Finding]) -> dict[str, Any]:
    """Error types against the truth, and how right and how exact the suspects are.

    Args:
        findings: of mislabelled images

    Returns:
        ``confusion``: true kind to found error type to the number of images; ``kinds``: of each kind the number of
        ``images``, the share ``right_type`` and, for Drop and Swap, the share ``right_class`` of the strongest
        suspects and the medians ``matching_iou`` and ``strongest_iou``
    """
    by_kind = {kind: [one for one in findings if one.kind == kind] for kind in ERROR_KINDS}
    present = {kind: some for kind, some in by_kind.items() if some}
    return {
        "confusion": {kind: _confusion(some) for kind, some in present.items()},
        "kinds": {kind: _summary(kind, some) for kind, some in present.items()},
    }


def region_pixels(region: Region, size: tuple[int, int]) -> np.ndarray:
    """The region in its image.

    Args:
        region: a region, whose mask is resized to its box where it has another size
        size: (H, W) of the image

    Returns:
        (H, W) bool
    """
    left, top, width, height = region.box
    mask = region.mask
    if mask.shape != (height, width):
        mask = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    pixels = np.zeros(size, bool)
    inside = pixels[top : top + height, left : left + width]
    inside |= mask[: inside.shape[0], : inside.shape[1]]
    return pixels


def _metrics(is_error: np.ndarray) -> dict[str, Metric]:
    errors, images = int(np.sum(is_error)), len(is_error)
    # Without an error no Lift exists; AUROC says so
    lifts = {"lift_at_errors": partial(lift_at, count=max(1, errors))}
    # Of just as many it is 1 whatever the score
    if images > LIFT_COUNT:
        lifts["lift_at_100"] = partial(lift_at, count=LIFT_COUNT)
    return {"auroc": auroc, "auprc": average_precision, **lifts}


def _estimate(metric: Metric, is_error: np.ndarray, quality: np.ndarray, resamples: int, seed: int) -> Estimate:
    value = float(metric(is_error, quality))
    return Estimate(value, *bootstrap_interval(metric, is_error, quality, resamples=resamples, seed=seed))


def _corrections(clean: np.ndarray, given: np.ndarray) -> set[tuple[int, int]]:
    """The (given, true) classes of all changed pixels."""
    changed = clean != given
    pairs = np.unique(np.stack([given[changed], clean[changed]]), axis=1)
    return {(int(wrong), int(true)) for wrong, true in pairs.T}


def _is_right(region: Region, clean: np.ndarray, given: np.ndarray) -> bool:
    pixels = region_pixels(region, clean.shape)
    return (_majority(given[pixels]), _majority(clean[pixels])) == (region.given, region.suggested)


def _majority(labels: np.ndarray) -> int | None:
    """The most frequent class index, the smallest of several; None where all pixels are ignored."""
    counts = np.bincount(labels[labels >= 0])
    return int(counts.argmax()) if counts.size else None


def _coverage(regions: Sequence[Region], changed: np.ndarray) -> float:
    """Intersection over union of the regions together and the changed pixels."""
    covered = np.zeros_like(changed)
    for region in regions:
        covered |= region_pixels(region, changed.shape)
    union = int((covered | changed).sum())
    return int((covered & changed).sum()) / union if union else 0.0


def _confusion(findings: Sequence[Finding]) -> dict[str, int]:
    return {**dict.fromkeys((*KINDS, NO_ERROR), 0), **Counter(finding.error_type for finding in findings)}


def _summary(kind: str, findings: Sequence[Finding]) -> dict[str, Any]:
    right_type = float(np.mean([finding.error_type == kind for finding in findings]))
    summary: dict[str, Any] = {"images": len(findings), "right_type": right_type}
    if kind in (DROP, SWAP):
        summary["right_class"] = float(np.mean([finding.right_class for finding in findings]))
        summary["matching_iou"] = float(np.median([finding.matching_iou for finding in findings]))
        summary["strongest_iou"] = float(np.median([finding.strongest_iou for finding in findings]))
    return summary
