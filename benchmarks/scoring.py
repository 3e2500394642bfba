"""Time and peak memory of all scores, and of softmin and flags, ours and cleanlab's, on the same arrays.

*All*: our eight scores, heatmaps, predicted classes and flags, of float32, float16 and uint8 probabilities, against
cleanlab's two scores of an image, softmin and num_pixel_issues (downsample 1), and against the time to read: numpy's
sum of the float32 array. *Full*: softmin and flags of every pixel by cleanlab's rule, where both sides give the same
result. *Pooled*: softmin and flags on ×4-pooled images, each side by its own default rule.

Both sides run on one core; times are medians of CPU time, of runs in turn, and are given for an image. There are as
many images as are needed for their bytes not to stay in a cache. Peak memory is that of a process of its own, beyond
what its imports hold. cleanlab takes the dataset as one array, which is part of its peak; ours reads one image at a
time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from . import sides
from .inputs import SHAPES, make_image
from .processes import answer, measure, peak_memory, print_table

#: Bytes of uint8 probabilities that are more than fits a cache
_MORE_THAN_CACHED = 6e7
_FORMATS = ("float32", "float16", "uint8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--images", type=int, help="images of each shape (default: 60 MB of uint8, at least 3)")
    parser.add_argument("--repeats", type=int, default=5, help="runs that a median is taken of (default 5)")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES), help="which shapes (default all)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures every shape and prints the tables."""
    results = {name: _measure(SHAPES[name], arguments) for name in arguments.shapes}
    print("All eight scores, heatmaps and flags, against cleanlab's softmin and num_pixel_issues:\n")
    header = ["shape", "images", "probabilities", "ours, ms/image", "read, ms/image", "ours / read",
              "cleanlab, ms/image", "cleanlab / ours"]  # fmt: skip
    print_table(header, [row for name, result in results.items() for row in _everything_rows(name, result)])
    print("\nSoftmin and flags of every pixel (full), or of pooled ones:\n")
    header = ["shape", "comparison", "ours, ms/image", "cleanlab, ms/image", "cleanlab / ours", "flags that differ",
              "ours, peak MB", "cleanlab, peak MB"]  # fmt: skip
    print_table(header, [row for name, result in results.items() for row in _flags_rows(name, result)])
    return {"repeats": arguments.repeats, "results": results}


def _measure(shape: tuple[int, int, int], arguments: argparse.Namespace) -> dict[str, Any]:
    images = arguments.images or max(3, round(_MORE_THAN_CACHED / np.prod(shape)))
    with tempfile.TemporaryDirectory() as folder:
        request = {"folder": folder, "shape": shape, "images": images}
        measure(__name__, task="generate", **request)
        times = measure(__name__, task="time", repeats=arguments.repeats, **request)
        peaks = {
            comparison: {
                side: measure(__name__, task="memory", comparison=comparison, side=side, **request)["peak_mb"]
                for side in ("ours", "cleanlab")
            }
            for comparison in ("full", "pooled")
        }
    return {"images": images, **times, "peak_mb": peaks}


def _everything_rows(name: str, result: Mapping[str, Any]) -> Iterator[list[str]]:
    read, theirs = result["ms"]["read"], result["ms"]["cleanlab"]
    for values in _FORMATS:
        ours = result["ms"][values]
        figures = f"{ours:.2f}", f"{read:.2f}", f"{ours / read:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}"
        yield [name, str(result["images"]), values, *figures]


def _flags_rows(name: str, result: Mapping[str, Any]) -> Iterator[list[str]]:
    for comparison, peaks in result["peak_mb"].items():
        ours, theirs = (result["ms"][f"{comparison} {side}"] for side in ("ours", "cleanlab"))
        differing = str(result["differing_flags"]) if comparison == "full" else "–"
        figures = f"{ours:.1f}", f"{theirs:.1f}", f"{theirs / ours:.1f}", differing
        yield [name, comparison, *figures, f"{peaks['ours']:.0f}", f"{peaks['cleanlab']:.0f}"]


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
    given = labels.astype(np.int16)
    single = list(zip(probabilities, given, strict=True))
    half = [(one.astype(np.float16), mask) for one, mask in single]
    eighth = [(np.rint(one * 255).astype(np.uint8), mask) for one, mask in single]
    works: dict[str, Callable[[], Any]] = {
        "read": lambda: [one.sum() for one in probabilities],
        "float32": lambda: sides.ours_everything(single, shape[0]),
        "float16": lambda: sides.ours_everything(half, shape[0]),
        "uint8": lambda: sides.ours_everything(eighth, shape[0]),
        "cleanlab": lambda: sides.their_scores(probabilities, labels),
        "full ours": lambda: _finished(sides.ours_full(single, shape[0])),
        "full cleanlab": lambda: _finished(sides.theirs(probabilities, labels, 1)),
        "pooled ours": lambda: _finished(sides.ours_pooled(single, shape[0])),
        "pooled cleanlab": lambda: _finished(sides.theirs(probabilities, labels, 4)),
    }
    times, results = _time_in_turn(works, repeats)
    ours, theirs = results["full ours"], results["full cleanlab"]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(results["float32"]["softmin"], results["cleanlab"]["softmin"], rtol=0, atol=1e-9)
    differing = int(np.sum(np.stack(ours[1]) != np.stack(theirs[1])))
    answer(ms={name: 1e3 * taken / images for name, taken in times.items()}, differing_flags=differing)


def _time_in_turn(works: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds and results of each; a run more than is counted compiles and warms up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    results: dict[str, Any] = {}
    for _ in range(repeats + 1):
        for name, work in works.items():
            start = time.process_time()
            results[name] = work()
            taken[name].append(time.process_time() - start)
    return {name: median(times[1:]) for name, times in taken.items()}, results


def _finished(result: sides.Result) -> tuple[np.ndarray, list[np.ndarray]]:
    return result[0], list(result[1])


def _memory(folder: str, shape: tuple[int, int, int], images: int, comparison: str, side: str) -> None:
    stored = StoredImages(folder, images)
    tiny, factor = make_image((2, 8, 8), 0), 1 if comparison == "full" else 4
    if side == "ours":
        work = sides.ours_full if comparison == "full" else sides.ours_pooled
        peak = _growth(lambda: work([tiny], 2), lambda: work(stored, shape[0]))
    else:
        first = tiny[0][None], tiny[1][None].astype(int), factor
        peak = _growth(lambda: sides.theirs(*first), lambda: sides.theirs(*stored.stacked(shape), factor))
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
