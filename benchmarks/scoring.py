"""Time and peak memory of softmin and flags, ours and cleanlab's, on the same arrays.

Two comparisons for each shape. *Full*: flags of every pixel by cleanlab's rule, where both sides give the same result.
*Pooled*: flags on ×4-pooled images, each side by its own default rule. *All*: the seven scores, heatmap, predicted
mask and pooled flags, which only one side has. Both sides run on one core; times are medians of CPU time and are given
for an image. Peak memory is that of a process of its own, beyond what its imports hold. cleanlab takes the dataset as
one array, which is part of its peak; ours reads one image at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import sides
from .inputs import SHAPES, make_image
from .processes import answer, measure, peak_memory, print_table

#: cleanlab's pooling, and our scores, by comparison
FACTORS = {"full": 1, "pooled": 4}
SCORES = {"pooled": ("softmin", "clc"), "all": ("ccp", "tccp", "cil", "clc", "iou", "coco", "softmin")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--images", type=int, default=4, help="images of each shape (default 4)")
    parser.add_argument("--repeats", type=int, default=5, help="runs that a median is taken of (default 5)")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), help="which shapes (default all)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures every shape and prints the table."""
    results = []
    for name in arguments.shapes:
        with tempfile.TemporaryDirectory() as folder:
            request = {"folder": folder, "shape": SHAPES[name], "images": arguments.images}
            measure(__name__, task="generate", **request)
            times = measure(__name__, task="time", repeats=arguments.repeats, **request)
            for comparison, figures in times.items():
                memory = {
                    side: measure(__name__, task="memory", comparison=comparison, side=side, **request)["peak_mb"]
                    for side in ("ours", "cleanlab")
                    if figures[f"{side}_ms"] is not None
                }
                results.append({"shape": name, "comparison": comparison, **figures, "peak_mb": memory})
    print_table(
        ["shape", "comparison", "ours, ms/image", "cleanlab, ms/image", "ratio", "ours, peak MB", "cleanlab, peak MB",
         "flags that differ"],
        [_row(result) for result in results],
    )  # fmt: skip
    megabytes = {name: arguments.images * 4 * int(np.prod(SHAPES[name])) / 1e6 for name in arguments.shapes}
    print(f"{arguments.images} images a shape; their probabilities, MB: {megabytes}")
    return {"images": arguments.images, "repeats": arguments.repeats, "input_mb": megabytes, "results": results}


def _row(result: dict[str, Any]) -> list[str]:
    theirs, memory = result["cleanlab_ms"], result["peak_mb"]
    ratio = f"{theirs / result['ours_ms']:.1f}" if theirs else "–"
    return [
        result["shape"],
        result["comparison"],
        f"{result['ours_ms']:.1f}",
        f"{theirs:.1f}" if theirs else "–",
        ratio,
        f"{memory['ours']:.0f}",
        f"{memory['cleanlab']:.0f}" if theirs else "–",
        "–" if result["differing_flags"] is None else str(result["differing_flags"]),
    ]


class StoredImages:
    """The generated images, read from their files one at a time, each time they are iterated over."""

    def __init__(self, folder: str, count: int) -> None:
        self.files = [Path(folder) / f"{index}.npz" for index in range(count)]

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for file in self.files:
            with np.load(file) as arrays:
                yield arrays["probabilities"], arrays["labels"]

    def stacked(self, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (N, K, H, W) float32 and labels (N, H, W) int64, filled without a second copy of them all."""
        probabilities = np.empty((len(self.files), *shape), np.float32)
        labels = np.empty((len(self.files), *shape[1:]), np.int64)
        for index, image in enumerate(self):
            probabilities[index], labels[index] = image
        return probabilities, labels


def _generate(folder: str, shape: tuple[int, int, int], images: int) -> None:
    for seed in range(images):
        probabilities, labels = make_image(shape, seed)
        np.savez(Path(folder) / f"{seed}.npz", probabilities=probabilities, labels=labels)
    answer()


def _time(folder: str, shape: tuple[int, int, int], images: int, repeats: int) -> None:
    probabilities, labels = StoredImages(folder, images).stacked(shape)
    pairs = list(zip(probabilities, labels.astype(np.int16), strict=True))
    runs: dict[str, tuple[Callable[[], sides.Result], Callable[[], sides.Result] | None]] = {
        "full": (lambda: sides.ours_full(pairs, shape[0]), lambda: sides.theirs(probabilities, labels, 1)),
        "pooled": (lambda: sides.ours_pooled(pairs, shape[0]), lambda: sides.theirs(probabilities, labels, 4)),
        "all": (lambda: sides.ours_pooled(pairs, shape[0], SCORES["all"]), None),
    }
    if shape[1] % 4 or shape[2] % 4:
        # cleanlab refuses sizes that its factor does not divide
        runs["pooled"] = (runs["pooled"][0], None)
    figures = {}
    for comparison, (ours, theirs) in runs.items():
        results: dict[str, Any] = {}
        times: dict[str, list[float]] = {"ours": [], "cleanlab": []}
        for _ in range(repeats + 1):
            for side, work in (("ours", ours), ("cleanlab", theirs)):
                if work:
                    start = time.process_time()
                    softmin, flags = work()
                    results[side] = softmin, list(flags)
                    times[side].append(time.process_time() - start)
        # The first run compiles and warms up
        medians = {side: 1e3 * median(taken[1:]) / images if taken else None for side, taken in times.items()}
        differing = None
        if comparison == "full":
            differing = int(np.sum(np.stack(results["ours"][1]) != np.stack(results["cleanlab"][1])))
            np.testing.assert_allclose(results["ours"][0], results["cleanlab"][0], rtol=0, atol=1e-9)
        figures[comparison] = {f"{side}_ms": value for side, value in medians.items()} | {"differing_flags": differing}
    answer(**figures)


def _memory(folder: str, shape: tuple[int, int, int], images: int, comparison: str, side: str) -> None:
    stored = StoredImages(folder, images)
    tiny = make_image((2, 8, 8), 0)
    if side == "ours":
        work = sides.ours_full if comparison == "full" else partial(sides.ours_pooled, scores=SCORES[comparison])
        peak = _growth(lambda: work([tiny], 2), lambda: work(stored, shape[0]))
    else:
        first = tiny[0][None], tiny[1][None].astype(int), FACTORS[comparison]
        peak = _growth(lambda: sides.theirs(*first), lambda: sides.theirs(*stored.stacked(shape), FACTORS[comparison]))
    answer(peak_mb=peak)


def _growth(warm_up: Callable[[], sides.Result], work: Callable[[], sides.Result]) -> float:
    """How much more memory than the warm-up the work takes at its peak, in MB."""
    _consume(warm_up())
    before = peak_memory()
    _consume(work())
    return peak_memory() - before


def _consume(result: sides.Result) -> int:
    return sum(int(flags.sum()) for flags in result[1])


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    {"generate": _generate, "time": _time, "memory": _memory}[request.pop("task")](**request)
