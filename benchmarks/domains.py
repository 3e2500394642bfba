"""Generated domains with exact masks that look unlike one another: streets, land from above, cells in a microscope.

What is learnt from the suspects of some domains is judged on another one, so that it cannot be a domain's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from label_quality.plugin.base.progress import Progress, silent
from label_quality.plugin.scenes.scenes import SCENE_CLASSES, render_scene

FIELD_CLASSES = ("unlabelled", "wheat", "maize", "forest", "water", "road", "house", "orchard")
_BARE, _WHEAT, _MAIZE, _FOREST, _WATER, _ROAD, _HOUSE, _ORCHARD = range(8)
#: How frequent a parcel of each class is
_PARCELS = {_BARE: 0.12, _WHEAT: 0.24, _MAIZE: 0.22, _FOREST: 0.2, _WATER: 0.08, _ORCHARD: 0.14}
_LAND_COLOURS = np.array(
    [
        *([120, 110, 95], [170, 160, 80], [110, 140, 60], [45, 75, 40]),
        *([50, 70, 95], [125, 125, 125], [150, 90, 80], [85, 115, 60]),
    ],
    np.float32,
)

CELL_CLASSES = ("background", "round", "spindle", "debris", "granular")
_ROUND, _SPINDLE, _DEBRIS, _GRANULAR = range(1, 5)
#: How frequent a cell of each class is, its colour, and from what to what its two half axes are, in pixels
_CELLS = {_ROUND: 0.4, _SPINDLE: 0.25, _DEBRIS: 0.1, _GRANULAR: 0.25}
_CELL_COLOURS = {
    _ROUND: (150, 90, 160),
    _SPINDLE: (175, 110, 165),
    _DEBRIS: (80, 50, 80),
    _GRANULAR: (165, 120, 175),
}
_HALF_AXES = {
    _ROUND: ((7, 14), (7, 14)),
    _SPINDLE: ((14, 24), (4, 7)),
    _DEBRIS: ((4, 7), (4, 7)),
    _GRANULAR: ((9, 15), (8, 13)),
}

#: Seed and (height, width) to an (H, W, 3) uint8 RGB image and its (H, W) uint8 mask
Renderer = Callable[[int, tuple[int, int]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Domain:
    """A generated domain.

    Args:
        classes: names; the mask's values are their places
        unlabelled: name of the class of what is nothing else
        size: (height, width) of its images in pixels
        render: makes an image and its mask
        first_seed: of its images
    """

    classes: tuple[str, ...]
    unlabelled: str
    size: tuple[int, int]
    render: Renderer
    first_seed: int = 0

    def image(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """(H, W, 3) uint8 RGB image of that number and its (H, W) uint8 mask; the same number gives the same pixels."""
        return self.render(self.first_seed + number, self.size)

    def write(self, folder: Path, images: int, progress: Progress = silent) -> None:
        """Writes ``images/``, ``masks/`` and ``classes.json``, unless they are there.

        Args:
            folder: where to; made if it does not exist
            images: how many
            progress: told how many are written
        """
        done = folder / "classes.json"
        if done.exists():
            return
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            image, mask = self.image(number)
            name = f"{number:06d}.png"
            cv2.imwrite(str(folder / "images" / name), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
            cv2.imwrite(str(folder / "masks" / name), mask)
            progress(f"Rendering {folder.name}", number + 1, images)
        # Last, as it says that all is there
        done.write_text(json.dumps(dict(enumerate(self.classes))))


def render_fields(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Land seen from above: parcels with crops, woods and water, roads across them, houses.

    Args:
        seed: of everything in the image, at least 0; the same seed gives the same pixels
        size: (height, width) in pixels

    Returns:
        (H, W, 3) uint8 RGB image and (H, W) uint8 mask of the values of `FIELD_CLASSES`
    """
    rng = np.random.default_rng([seed, 11])
    image, mask = _parcels(rng, size)
    for _ in range(int(rng.integers(1, 3))):
        _add_road(rng, image, mask)
    for _ in range(int(rng.integers(0, 9))):
        _add_house(rng, image, mask)
    return _photograph(rng, image, blur=0.8, noise=5, light=(0.8, 1.15)), mask


def render_cells(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Stained cells of four kinds in a microscope; the last drawn lies on top.

    Args:
        seed: of everything in the image, at least 0; the same seed gives the same pixels
        size: (height, width) in pixels

    Returns:
        (H, W, 3) uint8 RGB image and (H, W) uint8 mask of the values of `CELL_CLASSES`
    """
    rng = np.random.default_rng([seed, 13])
    mask = np.zeros(size, np.uint8)
    image = np.full((*size, 3), 225, np.float32) * np.float32(1 - 0.05 * rng.random())
    image += 6 * _smooth(rng, size, 9)[..., None] - np.array([0, 22, 8], np.float32)
    for _ in range(int(rng.integers(14, 40))):
        kind = int(rng.choice(list(_CELLS), p=list(_CELLS.values())))
        inside = _outline_of_cell(rng, kind, size)
        colour = np.array(_CELL_COLOURS[kind], np.float32) * (1 + rng.normal(0, 0.09))
        grain = (25 if kind == _GRANULAR else 7) * _smooth(rng, size, 1.3)
        image[inside] = colour + grain[inside][:, None]
        mask[inside] = kind
    return _photograph(rng, image, blur=1.0, noise=4, light=(0.85, 1.1)), mask


def _parcels(rng: np.random.Generator, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) float32 image and (H, W) uint8 mask of parcels: what is nearest to each of some points, but uneven."""
    points = rng.random((int(rng.integers(10, 22)), 2)) * size
    rows, columns = (axis + 2 * _smooth(rng, size, 12) for axis in np.mgrid[: size[0], : size[1]])
    parcel = ((rows[..., None] - points[:, 0]) ** 2 + (columns[..., None] - points[:, 1]) ** 2).argmin(axis=-1)
    classes = rng.choice(list(_PARCELS), len(points), p=list(_PARCELS.values()))
    image = np.zeros((*size, 3), np.float32)
    for number, kind in enumerate(classes.tolist()):
        colour = _LAND_COLOURS[kind] * (1 + rng.normal(0, 0.08)) + rng.normal(0, 6, 3)
        pattern = _pattern(rng, kind, rows, columns)
        inside = parcel == number
        image[inside] = colour + pattern[inside][:, None]
    return image, classes[parcel].astype(np.uint8)


def _pattern(rng: np.random.Generator, kind: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(H, W) float, the brightness that a parcel's plants add: in rows, crowns, a grid of trees, or uneven."""
    if kind in (_WHEAT, _MAIZE):
        angle = rng.uniform(0, np.pi)
        along = np.cos(angle) * columns + np.sin(angle) * rows
        return 5 * np.sin(1.1 * along) if kind == _WHEAT else 9 * np.sin(0.6 * along)
    if kind == _ORCHARD:
        return np.where((np.sin(0.55 * columns) > 0.2) & (np.sin(0.55 * rows) > 0.2), -28.0, 0.0)
    reach, strength = {_FOREST: (2.2, 16.0), _WATER: (6.0, 2.0)}.get(kind, (3.0, 6.0))
    return strength * _smooth(rng, (rows.shape[0], rows.shape[1]), reach)


def _add_road(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray) -> None:
    """Paints a road straight across, through two points."""
    height, width = mask.shape
    first, second = (rng.random((2, 2)) * [width, height]).astype(int)
    ends = [tuple((first + times * (second - first)).tolist()) for times in (-6, 6)]
    inside = np.zeros(mask.shape, np.uint8)
    cv2.line(inside, ends[0], ends[1], 1, int(rng.integers(4, 8)))
    road = inside > 0
    grain = 4 * _smooth(rng, (height, width), 2)
    image[road] = _LAND_COLOURS[_ROAD] + rng.normal(0, 10) + grain[road][:, None]
    mask[road] = _ROAD


def _add_house(rng: np.random.Generator, image: np.ndarray, mask: np.ndarray) -> None:
    """Paints a roof with a dark edge."""
    height, width = mask.shape
    middle = int(rng.random() * width), int(rng.random() * height)
    sides = int(rng.integers(10, 28)), int(rng.integers(8, 20))
    corners = cv2.boxPoints((middle, sides, float(rng.uniform(0, 90)))).astype(int)
    inside = np.zeros(mask.shape, np.uint8)
    cv2.fillPoly(inside, [corners], 1)
    image[inside > 0] = _LAND_COLOURS[_HOUSE] * (1 + rng.normal(0, 0.15))
    cv2.polylines(image, [corners], True, (60, 50, 50), 1)
    mask[inside > 0] = _HOUSE


def _outline_of_cell(rng: np.random.Generator, kind: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool, an ellipse with an uneven outline, somewhere in the image."""
    middle = int(rng.random() * size[1]), int(rng.random() * size[0])
    first, second = (rng.uniform(*limits) for limits in _HALF_AXES[kind])
    # These two are as long as they are wide
    axes = int(first), int(first if kind in (_ROUND, _DEBRIS) else second)
    ellipse = np.zeros(size, np.uint8)
    cv2.ellipse(ellipse, middle, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
    soft = cv2.GaussianBlur(ellipse.astype(np.float32), (0, 0), 2)
    return np.asarray(soft + 0.06 * _smooth(rng, size, 4) > 0.5) & (soft > 0)


def _smooth(rng: np.random.Generator, size: tuple[int, int], reach: float) -> np.ndarray:
    """(H, W) float32 noise of mean 0 and a deviation near 0.7, smooth over a reach in pixels."""
    noise = rng.standard_normal(size).astype(np.float32)
    return np.float32(2.5 * reach) * cv2.GaussianBlur(noise, (0, 0), reach)


def _photograph(
    rng: np.random.Generator, image: np.ndarray, blur: float, noise: float, light: tuple[float, float]
) -> np.ndarray:
    """(H, W, 3) uint8, the image a camera takes: blurred, noisy, darker or brighter."""
    taken = cv2.GaussianBlur(image, (0, 0), blur) + rng.normal(0, noise, image.shape)
    return np.clip(taken * rng.uniform(*light), 0, 255).astype(np.uint8)


#: Name to domain
DOMAINS = {
    # Other scenes than the demo's and the tests'
    "scenes": Domain(tuple(SCENE_CLASSES.values()), "unlabelled", (240, 320), render_scene, first_seed=5000),
    "fields": Domain(FIELD_CLASSES, "unlabelled", (256, 320), render_fields),
    "cells": Domain(CELL_CLASSES, "background", (256, 256), render_cells),
}
