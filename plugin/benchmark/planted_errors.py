"""Planted annotation errors of known place and kind: Drop, Swap and Shift, for demos, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from scipy import ndimage

from ..base.errors import LabelQualityError
from ..base.parameters import table
from ..base.types import IGNORED
from .config import DROP, ERROR_KINDS, PAPER_RATES, SHIFT, SWAP, BenchmarkConfig

_SHIFT_TRIALS = 24
_SHAPES = (cv2.MORPH_RECT, cv2.MORPH_ELLIPSE, cv2.MORPH_CROSS)


@dataclass(frozen=True)
class InjectionRules:
    """How large planted errors are, and where they go.

    Args:
        unlabelled: the value that dropped pixels get; never itself dropped, swapped or shifted
        ignored: values that keep their pixels, whatever is planted
        min_fraction: the least share of the image's pixels that an error changes; of a swap, each class's least share
        severity: largest side of the kernel that shifts an edge, as a share of the image's longer side; up to 1
    """

    unlabelled: int = 0
    ignored: tuple[int, ...] = (IGNORED,)
    min_fraction: float = BenchmarkConfig.min_fraction
    severity: float = BenchmarkConfig.severity

    def __post_init__(self) -> None:
        for name in ("min_fraction", "severity"):
            table(BenchmarkConfig)[name].checked(getattr(self, name))


@dataclass(frozen=True)
class InjectedError:
    """The truth about one planted error.

    Args:
        kind: one of `ERROR_KINDS`
        classes: mask values: the class that was dropped or shifted, or the two that were swapped
        pixels: number of pixels whose value changed
        box: (left, top, width, height) in pixels, around all that changed
        operation: of a shift, ``dilate`` or ``erode``, else empty
    """

    kind: str
    classes: tuple[int, ...]
    pixels: int
    box: tuple[int, int, int, int]
    operation: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-serialisable values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> InjectedError:
        """The record that `to_dict` described."""
        left, top, width, height = content["box"]
        return cls(**{**content, "classes": tuple(content["classes"]), "box": (left, top, width, height)})


def drop_class(labels: np.ndarray, dropped: int, unlabelled: int) -> np.ndarray:
    """Drop: all pixels of one class become unlabelled.

    Args:
        labels: (H, W) integer mask values
        dropped: the class
        unlabelled: the value its pixels get

    Returns:
        (H, W) a changed copy
    """
    return np.where(labels == dropped, np.array(unlabelled, labels.dtype), labels)


def swap_classes(labels: np.ndarray, first: int, second: int) -> np.ndarray:
    """Swap: each of two classes takes the other's pixels. Swapping twice changes nothing.

    Args:
        labels: (H, W) integer mask values
        first: a class
        second: another class

    Returns:
        (H, W) a changed copy
    """
    swapped = labels.copy()
    swapped[labels == first] = second
    swapped[labels == second] = first
    return swapped


def shift_edge(
    labels: np.ndarray, shifted: int, kernel: np.ndarray, operation: str, ignored: Collection[int] = (IGNORED,)
) -> np.ndarray:
    """Shift: the edge of one class moves out (dilation) or in (erosion).

    Pixels that an erosion frees take the nearest other class. The class keeps its pixels in a dilation and gains none
    in an erosion, also where the kernel leaves out its own middle. Beyond the image's border all is as at the border.

    Args:
        labels: (H, W) integer mask values
        shifted: the class
        kernel: (h, w) uint8, not 0 in the structuring element
        operation: ``dilate`` or ``erode``
        ignored: values whose pixels stay as they are, and that freed pixels do not take

    Returns:
        (H, W) a changed copy
    """
    region = (labels == shifted).astype(np.uint8)
    ignored_pixels = np.isin(labels, list(ignored))
    result = labels.copy()
    if operation == "dilate":
        result[(cv2.dilate(region, kernel) > 0) & ~ignored_pixels] = shifted
        return result
    freed = (region > 0) & (cv2.erode(region, kernel) == 0)
    others = (region == 0) & ~ignored_pixels
    if others.any():
        rows, columns = ndimage.distance_transform_edt(~others, return_distances=False, return_indices=True)
        result[freed] = labels[rows[freed], columns[freed]]
    return result


def inject_error(
    labels: np.ndarray, kind: str, seed: int | Sequence[int], rules: InjectionRules | None = None
) -> tuple[np.ndarray, InjectedError] | None:
    """Plants one error of a kind in a mask, at random among the classes large enough for it.

    Args:
        labels: (H, W) integer mask values
        kind: one of `ERROR_KINDS`
        seed: the same seed plants the same error
        rules: sizes, and the unlabelled and ignored values; by default those of `InjectionRules`

    Returns:
        the changed copy and the record, or None where no class is large enough
    """
    planters = {DROP: _plant_drop, SWAP: _plant_swap, SHIFT: _plant_shift}
    if kind not in planters:
        raise LabelQualityError(f"Expected a kind of error of {', '.join(ERROR_KINDS)}, but got {kind!r}.")
    rules = rules or InjectionRules()
    rng = np.random.default_rng(seed)
    return planters[kind](labels, rng.permutation(_large_classes(labels, rules)).tolist(), rng, rules)


def choose_errors(images: int, rates: Mapping[str, float], seed: int) -> list[str | None]:
    """Chooses which images get which error; no image gets two.

    Args:
        images: number of images n
        rates: kind of error to the share of the images that get it, in [0, 1] and together at most 1
        seed: of the choice

    Returns:
        (n,) the kind of each image's error, or None

    Raises:
        LabelQualityError: unknown kinds, rates outside [0, 1] or beyond 1 together
    """
    _check_rates(rates)
    order = np.random.default_rng(seed).permutation(images).tolist()
    kinds: list[str | None] = [None] * images
    first, share = 0, 0.0
    for kind in ERROR_KINDS:
        share += rates.get(kind, 0.0)
        last = min(images, round(share * images))
        for image in order[first:last]:
            kinds[image] = kind
        first = last
    return kinds


def inject_errors(
    load: Callable[[int], np.ndarray],
    images: int,
    rates: Mapping[str, float] | None = None,
    seed: int = 51,
    rules: InjectionRules | None = None,
) -> Iterator[tuple[np.ndarray, InjectedError | None]]:
    """Plants errors in a share of a dataset's masks, one mask in memory at a time.

    Args:
        load: position to its (H, W) mask; ``masks.__getitem__`` for a list
        images: number of masks
        rates: as `choose_errors` takes them; by default those of the paper
        seed: the same seed plants the same errors, whatever order the masks are asked for in
        rules: sizes, and the unlabelled and ignored values

    Yields:
        the mask of each image in order, and the record of its error; None where it has none, because it was not chosen
        or no class in it is large enough
    """
    kinds = choose_errors(images, PAPER_RATES if rates is None else rates, seed)
    for position, kind in enumerate(kinds):
        labels = load(position)
        planted = inject_error(labels, kind, (seed, position), rules) if kind else None
        yield planted or (labels, None)


def _plant_drop(
    labels: np.ndarray, classes: list[int], rng: np.random.Generator, rules: InjectionRules
) -> tuple[np.ndarray, InjectedError] | None:
    if not classes:
        return None
    return _recorded(labels, drop_class(labels, classes[0], rules.unlabelled), DROP, (classes[0],))


def _plant_swap(
    labels: np.ndarray, classes: list[int], rng: np.random.Generator, rules: InjectionRules
) -> tuple[np.ndarray, InjectedError] | None:
    if len(classes) < 2:
        return None
    return _recorded(labels, swap_classes(labels, *classes[:2]), SWAP, tuple(sorted(classes[:2])))


def _plant_shift(
    labels: np.ndarray, classes: list[int], rng: np.random.Generator, rules: InjectionRules
) -> tuple[np.ndarray, InjectedError] | None:
    """Tries random kernels on the classes in turn until one changes enough and leaves the class something."""
    for trial in range(_SHIFT_TRIALS if classes else 0):
        shifted = classes[trial % len(classes)]
        operation = str(rng.choice(["dilate", "erode"]))
        kernel = _random_kernel(max(labels.shape), rng, rules.severity)
        changed = shift_edge(labels, shifted, kernel, operation, rules.ignored)
        enough = (changed != labels).mean() >= rules.min_fraction
        if enough and (changed == shifted).any():
            return _recorded(labels, changed, SHIFT, (shifted,), operation)
    return None


def _random_kernel(longer_side: int, rng: np.random.Generator, severity: float) -> np.ndarray:
    """A structuring element of random shape and odd sides of 3 pixels up to the severity's share of the image."""
    largest = max(1, round(severity * longer_side / 2))
    width, height = (2 * int(half) + 1 for half in rng.integers(1, largest + 1, 2))
    return cv2.getStructuringElement(int(rng.choice(_SHAPES)), (width, height))


def _large_classes(labels: np.ndarray, rules: InjectionRules) -> np.ndarray:
    values, counts = np.unique(labels, return_counts=True)
    spared = np.isin(values, [rules.unlabelled, *rules.ignored])
    return values[~spared & (counts >= rules.min_fraction * labels.size)]


def _recorded(
    labels: np.ndarray, changed: np.ndarray, kind: str, classes: tuple[int, ...], operation: str = ""
) -> tuple[np.ndarray, InjectedError]:
    difference = changed != labels
    left, top, width, height = cv2.boundingRect(difference.astype(np.uint8))
    box = int(left), int(top), int(width), int(height)
    return changed, InjectedError(kind, classes, int(difference.sum()), box, operation)


def _check_rates(rates: Mapping[str, float]) -> None:
    unknown = sorted(set(rates) - set(ERROR_KINDS))
    if unknown:
        raise LabelQualityError(f"Expected rates for {', '.join(ERROR_KINDS)}, but got {', '.join(unknown)}.")
    if not all(0 <= rate <= 1 for rate in rates.values()) or sum(rates.values()) > 1 + 1e-9:
        raise LabelQualityError(
            "Expected rates of errors in [0, 1] and of at most 1 together, as an image gets one error, but got "
            f"{dict(rates)}."
        )
