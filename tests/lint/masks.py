"""Clean generated street masks, and a lint of masks in files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.given_masks import GivenMasks
from label_quality.plugin.lint.config import LintConfig
from label_quality.plugin.lint.lint import LintResult, lint

NAMES = {0: "unlabelled", 1: "sky", 2: "road", 3: "tree", 4: "car", 5: "boat"}
TABLE = ClassTable.from_targets(NAMES)
HEIGHT, WIDTH = 120, 160


def clean_mask(rng: np.random.Generator) -> np.ndarray:
    """(120, 160) uint8: sky above road, with trees on the horizon and cars on the road; no boat."""
    mask = np.full((HEIGHT, WIDTH), 1, np.uint8)
    horizon = 60 + np.cumsum(rng.choice([-1, 0, 0, 0, 1], WIDTH))
    mask[np.arange(HEIGHT)[:, None] >= horizon] = 2
    for left in (12, 60, 110):
        x, y = left + int(rng.integers(-6, 7)), 50 + int(rng.integers(-4, 5))
        cv2.ellipse(mask, (x, y), (int(rng.integers(9, 13)), int(rng.integers(14, 20))), 0, 0, 360, 3, -1)
    for left in (40, 120):
        x, y = left + int(rng.integers(-8, 9)), 95 + int(rng.integers(-5, 6))
        cv2.ellipse(mask, (x, y), (int(rng.integers(12, 18)), int(rng.integers(7, 10))), 0, 0, 360, 4, -1)
    # What of sky and road is left between a tree and the horizon is the tree's
    for value in (1, 2):
        _, parts, stats, _ = cv2.connectedComponentsWithStats((mask == value).astype(np.uint8))
        mask[np.isin(parts, np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < 200))] = 3
    return mask


def clean_masks(count: int = 24, seed: int = 0) -> list[np.ndarray]:
    """Masks that a lint finds nothing in."""
    rng = np.random.default_rng(seed)
    return [clean_mask(rng) for _ in range(count)]


def photo(mask: np.ndarray, seed: int) -> np.ndarray:
    """(H, W, 3) uint8 BGR image of a mask, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    shade = cv2.resize(rng.integers(0, 120, (6, 8)).astype(np.uint8), mask.shape[::-1])
    return np.repeat((shade + 20 * mask)[..., None], 3, axis=2)


def written(folder: Path, masks: Sequence[np.ndarray], table: ClassTable = TABLE) -> GivenMasks:
    """The masks, and an image of each, in files."""
    folder.mkdir(exist_ok=True)
    images = []
    paths = []
    for index, mask in enumerate(masks):
        images.append(str(folder / f"image-{index}.png"))
        paths.append(str(folder / f"mask-{index}.png"))
        cv2.imwrite(images[-1], photo(mask, index))
        cv2.imwrite(paths[-1], mask)
    return GivenMasks([f"s{index}" for index in range(len(masks))], images, paths, table)


def linted(samples: GivenMasks, **parameters: object) -> LintResult:
    """A lint with other parameters than the defaults."""
    return lint(samples, LintConfig.from_params(parameters))
