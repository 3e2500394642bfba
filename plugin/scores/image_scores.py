"""The image scores of one image, each in [0, 1] and low where the label is probably wrong.

References:
    Vedang Lad and Jonas Mueller, "Estimating label quality and errors in semantic segmentation data via any model",
    2023, section 3. Where the paper leaves a choice open it is a parameter of `ScoreConfig`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from ..pixels.components import component_score
from ..pixels.scan import Scan, given_probability, predict, scan
from ..pixels.tally import Tally, tally_agreement
from .config import LABEL_ONLY_SCORES, SCORES, ScoreConfig


@dataclass(frozen=True)
class ImageScores:
    """What the predictions for one image say of its labels.

    Args:
        pixels: pixels that take part
        class_pixels: (K,) int64 pixels given each class
        prediction: (H, W) int16 class of the largest probability, the smaller index where several are equal
        heatmap: (H, W) uint8 suspicion, 255 · (1 − probability of the given class) rounded; 0 on ignored pixels
        ccp: correctly classified pixels; every score is nan where it was not asked for
        tccp: correctly classified pixels by the best threshold of each class
        cil: confidence in the given label
        softmin: mean confidence with most weight on the least confident pixels
        iou: mean over the classes present in prediction or label of intersection over union
        coco: mean confidence of connected components
        per_class: (K,) float64 by the score's name, over the pixels given the class; nan for a class not given
        pooled_probabilities: (K, h, w) float32; None unless CLC or CoCo is asked for
        pooled_labels: (h, w) int16; None unless CLC or CoCo is asked for
    """

    pixels: int
    class_pixels: np.ndarray
    prediction: np.ndarray
    heatmap: np.ndarray
    ccp: float = np.nan
    tccp: float = np.nan
    cil: float = np.nan
    softmin: float = np.nan
    iou: float = np.nan
    coco: float = np.nan
    per_class: dict[str, np.ndarray] = field(default_factory=dict)
    pooled_probabilities: np.ndarray | None = None
    pooled_labels: np.ndarray | None = None


def score_image(probabilities: np.ndarray, labels: np.ndarray, config: ScoreConfig) -> ImageScores:
    """Computes the scores that ``config`` asks for; CLC needs the whole dataset and is not among them.

    Args:
        probabilities: (K, H, W) float32 or float16, in [0, 1], or uint8 in 255ths; other types and layouts are copied
        labels: (H, W) int16 class indices below K, negative where a pixel takes part in nothing
        config: which scores, and their parameters

    Returns:
        The scores, the maps and, for CLC, CoCo and evidence, the pooled arrays.

    Raises:
        ValueError: The shapes disagree, a label is not below K, every pixel is ignored, or a probability of a pixel
            that takes part is NaN or infinite.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int16)
    if probabilities.ndim != 3 or probabilities.shape[1:] != labels.shape:
        raise ValueError(f"Expected probabilities of shape (K, *{labels.shape}), but got {probabilities.shape}.")
    _check_labels(labels, len(probabilities))
    asked = set(config.scores)
    thresholds = np.sort(np.array(config.thresholds if "tccp" in asked else (), np.float64))
    factor = config.pooling if asked & {"clc", "coco", "evidence"} else None
    temperature = config.temperature if "softmin" in asked else None
    scanned = scan(probabilities, labels, thresholds, factor, temperature)
    tally = scanned.tally
    scores, per_class = _evaluate(tally, asked, config.per_class)
    return ImageScores(
        pixels=int(tally.given.sum()),
        class_pixels=tally.given,
        prediction=scanned.prediction,
        heatmap=scanned.heatmap,
        ccp=scores.get("ccp", np.nan),
        tccp=_thresholded_ccp(tally, scanned.above) if "tccp" in asked else np.nan,
        cil=scores.get("cil", np.nan),
        softmin=scores.get("softmin", np.nan),
        iou=scores.get("iou", np.nan),
        coco=_connected_components(scanned, config.coco_average) if "coco" in asked else np.nan,
        per_class=per_class,
        pooled_probabilities=scanned.pooled,
        pooled_labels=scanned.pooled_labels,
    )


def score_labels_only(
    prediction: np.ndarray, labels: np.ndarray, config: ScoreConfig, classes: int | None = None
) -> ImageScores:
    """Computes the scores that need no probabilities, CCP and IoU; the others are nan.

    The heatmap is 255 where the prediction differs from the label.

    Args:
        prediction: (H, W) int16 predicted class indices; a negative one agrees with no label
        labels: (H, W) int16 class indices below K, negative where a pixel takes part in nothing
        config: which scores
        classes: number of classes K; None for as many as the two arrays show

    Returns:
        The scores and the maps.

    Raises:
        ValueError: The shapes disagree, an index is not below K, or every pixel is ignored.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int16)
    prediction = np.ascontiguousarray(prediction, dtype=np.int16)
    if prediction.shape != labels.shape:
        raise ValueError(f"Expected a prediction of shape {labels.shape} like the labels, but got {prediction.shape}.")
    shown = max(int(labels.max(initial=-1)), int(prediction.max(initial=-1))) + 1
    classes = shown if classes is None else classes
    if shown > classes:
        raise ValueError(f"Expected class indices below {classes}, but got {shown - 1}.")
    _check_labels(labels, classes)
    tally, heatmap = tally_agreement(prediction, labels, classes)
    scores, per_class = _evaluate(tally, set(config.scores) & set(LABEL_ONLY_SCORES), config.per_class)
    return ImageScores(
        pixels=int(tally.given.sum()),
        class_pixels=tally.given,
        prediction=prediction,
        heatmap=heatmap,
        ccp=scores.get("ccp", np.nan),
        iou=scores.get("iou", np.nan),
        per_class=per_class,
    )


def _check_labels(labels: np.ndarray, classes: int) -> None:
    largest = int(labels.max(initial=-1))
    if largest >= classes:
        raise ValueError(f"Expected labels below the number of classes, {classes}, but got {largest}.")
    if largest < 0:
        raise ValueError("Expected at least one pixel that takes part, but all pixels are ignored.")


def _evaluate(tally: Tally, asked: Collection[str], per_class: bool) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The scores that follow from the sums, for the image and by given class."""
    formulas = {"ccp": _ccp, "cil": _cil, "softmin": _softmin, "iou": _iou}
    results = {name: formulas[name](tally) for name in SCORES if name in asked and name in formulas}
    scores = {name: float(image) for name, (image, _) in results.items()}
    return scores, {name: by_class for name, (_, by_class) in results.items()} if per_class else {}


def _ccp(tally: Tally) -> tuple[float, np.ndarray]:
    return tally.correct.sum() / tally.given.sum(), _ratio(tally.correct, tally.given)


def _cil(tally: Tally) -> tuple[float, np.ndarray]:
    return tally.confidence.sum() / tally.given.sum(), _ratio(tally.confidence, tally.given)


def _softmin(tally: Tally) -> tuple[float, np.ndarray]:
    # This brings the weights of all classes to the same shift
    common = np.exp((tally.shift.min() - tally.shift) / tally.temperature)
    return (common @ tally.weighted) / (common @ tally.weights), _ratio(tally.weighted, tally.weights)


def _iou(tally: Tally) -> tuple[float, np.ndarray]:
    union = tally.given + tally.predicted - tally.correct
    by_class = _ratio(tally.correct, union)
    return by_class[union > 0].mean(), np.where(tally.given > 0, by_class, np.nan)


def _thresholded_ccp(tally: Tally, above: np.ndarray) -> float:
    """The best share of pixels that [p > t] = [given the class] holds for, averaged over all classes.

    Args:
        tally: the sums, with the counts above the thresholds of the pixels given each class
        above: (K, T) pixels above the thresholds
    """
    pixels = tally.given.sum()
    wrongly_above = above - tally.above
    wrongly_below = tally.given[:, None] - tally.above
    accuracy = 1.0 - (wrongly_above + wrongly_below) / pixels
    return float(accuracy.max(axis=1).mean())


def _connected_components(scanned: Scan, average: str) -> float:
    assert scanned.pooled is not None and scanned.pooled_labels is not None
    labels = scanned.pooled_labels
    confidence = np.clip(given_probability(scanned.pooled, labels), 0, 1)
    return component_score(predict(scanned.pooled), labels, confidence, len(scanned.pooled), average)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient, nan where the denominator is 0."""
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient
