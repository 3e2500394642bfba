"""Peak memory of scoring and flagging 100 and 10,000 images with 150 classes: it does not grow.

All eight scores, heatmaps, predicted classes and flags are computed and dropped. The images are parts of a generated
one, made as they are read in each of the four passes, so that nothing but the passes' own sums is held; a few of
ADE20K's size show what one image takes. Each count runs in a process of its own; the figures are its peak, generating
the image included, how much of it comes after a first image has been through, and the time on one core, to which making
and pooling the images anew in every pass adds much; an audit reads what it has pooled from its store.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import sides
from .inputs import make_image
from .processes import answer, measure, peak_memory, print_table

#: Classes, height, width, and how many images of it
RUNS = (((150, 64, 96), 100), ((150, 64, 96), 10_000), ((150, 512, 680), 20))
_MANY = 100_000
#: Pixels that a part lies beside the one before, and in how many places parts lie
STEP, PLACES = 5, 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--images", type=int, nargs="+", help="counts to run at 150x64x96 in place of 100 and 10,000")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures every shape and count and prints the table."""
    runs = [(RUNS[0][0], count) for count in arguments.images] if arguments.images else RUNS
    results = [
        {"shape": shape, "images": count, **measure(__name__, shape=shape, images=count)} for shape, count in runs
    ]
    header = ["shape", "images", "peak MB", "after the first image, MB", "seconds", f"hours for {_MANY:,} images"]
    print_table(header, [_row(result) for result in results])
    return {"results": results}


def _row(result: dict[str, Any]) -> list[str]:
    shape = "x".join(map(str, result["shape"]))
    hours = result["seconds"] / result["images"] * _MANY / 3600
    figures = f"{result['peak_mb']:.0f}", f"{result['growth_mb']:.1f}", f"{result['seconds']:.1f}", f"{hours:.2f}"
    return [shape, f"{result['images']:,}", *figures]


class GeneratedImages:
    """Parts of a generated image, each a little beside the one before; the labels a little less, so that all err.

    All are in one array, as those of a loader that fills its own are: the one before is gone.
    """

    def __init__(self, shape: tuple[int, int, int], count: int) -> None:
        self.width, self.count = shape[2], count
        self.probabilities, self.labels = make_image((*shape[:2], shape[2] + STEP * PLACES), 0)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        part = np.empty((*self.probabilities.shape[:2], self.width), np.float32)
        for index in range(self.count):
            left = STEP * (index % PLACES)
            shifted = left + index % 4
            part[:] = self.probabilities[:, :, left : left + self.width]
            yield part, self.labels[:, shifted : shifted + self.width]


def _score(shape: tuple[int, int, int], images: int) -> None:
    _everything(shape, 1)
    before, start = peak_memory(), time.process_time()
    clc = _everything(shape, images)["clc"].mean()
    answer(
        peak_mb=peak_memory(),
        growth_mb=peak_memory() - before,
        seconds=time.process_time() - start,
        mean_clc=float(clc),
    )


def _everything(shape: tuple[int, int, int], images: int) -> dict[str, np.ndarray]:
    generated = GeneratedImages(shape, images)
    return sides.ours_everything(generated, shape[0], sides.PooledAgain(generated))


if __name__ == "__main__":
    _score(**json.loads(sys.argv[1]))
