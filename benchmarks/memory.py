"""Peak memory of scoring and flagging 50, 200 and 800 images, with 12 and with 150 classes: it does not grow.

The images are generated as they are read, in both passes; all seven scores, heatmaps and flags are computed and
dropped. Each count runs in a process of its own; the figures are its peak, and how much of it comes after a first
image has been through.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import sides
from .inputs import make_image
from .processes import answer, measure, peak_memory, print_table

SHAPES = {"12x360x480": (12, 360, 480), "150x256x341": (150, 256, 341)}
#: Pixels that each image is shifted by
STEP = 37
SCORES = ("ccp", "tccp", "cil", "clc", "iou", "coco", "softmin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--images", type=int, nargs="+", default=[50, 200, 800], help="counts (default 50 200 800)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures every shape and count and prints the table."""
    results = [
        {"shape": name, "images": count, **measure(__name__, shape=shape, images=count)}
        for name, shape in SHAPES.items()
        for count in arguments.images
    ]
    print_table(
        ["shape", "images", "peak MB", "after the first image, MB"],
        [
            [
                str(result["shape"]),
                str(result["images"]),
                f"{result['peak_mb']:.0f}",
                f"{result['growth_mb']:.1f}",
            ]
            for result in results
        ],
    )
    return {"results": results}


class GeneratedImages:
    """One generated image, shifted further with every image; the labels a little less, so that each has errors."""

    def __init__(self, shape: tuple[int, int, int], count: int) -> None:
        self.base, self.count = make_image(shape, 0), count

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for index in range(self.count):
            probabilities = np.roll(self.base[0], index * STEP, axis=2)
            yield probabilities, np.roll(self.base[1], index * STEP - index % 4, axis=1)


def _score(shape: tuple[int, int, int], images: int) -> None:
    _share_flagged(shape, 1)
    before = peak_memory()
    flagged = _share_flagged(shape, images)
    answer(peak_mb=peak_memory(), growth_mb=peak_memory() - before, flagged=flagged)


def _share_flagged(shape: tuple[int, int, int], images: int) -> float:
    _, flags = sides.ours_pooled(GeneratedImages(shape, images), shape[0], SCORES)
    return sum(float(one.mean()) for one in flags) / images


if __name__ == "__main__":
    _score(**json.loads(sys.argv[1]))
