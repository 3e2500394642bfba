"""Time and size of a heatmap and of a predicted mask as PNG files, by our settings and by what libraries do unasked.

Heatmaps and masks are of generated images, or with ``--scores`` those of a finished run. Times are medians of CPU
time, of one core, for an image; the files are made in memory.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from PIL import Image

from plugin.base.types import Geometry, Prediction
from plugin.pixels.resample import to_probabilities

# As in `sides`, imported without FiftyOne
from plugin.scores.config import ScoreConfig
from plugin.scores.image_scores import score_image
from plugin.store.encoding import encode_png

from .inputs import make_image
from .processes import print_table

SHAPE = (12, 360, 480)
#: Name to encoder; ours first
ENCODERS: dict[str, Callable[[np.ndarray], bytes]] = {
    "ours": encode_png,
    "cv2.imencode": lambda values: cv2.imencode(".png", values)[1].tobytes(),
    "PIL": lambda values: _by_pil(values),
    "PIL, compress_level=1": lambda values: _by_pil(values, compress_level=1),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this benchmark's options."""
    parser.add_argument("--scores", type=Path, help="a run's folder with heatmaps and masks (default: generated ones)")
    parser.add_argument("--images", type=int, default=12, help="images of each kind (default 12)")
    parser.add_argument("--repeats", type=int, default=7, help="runs that a median is taken of (default 7)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures every encoder on heatmaps and masks and prints the table.

    Returns:
        ``size`` (H, W) and ``results``: ``image``, ``encoder``, ``ms``, ``kilobytes`` and ``ratio`` of time to ours
    """
    cv2.setNumThreads(1)
    kinds = _stored(arguments) if arguments.scores else _generated(arguments.images)
    results = [one for kind, images in kinds.items() for one in _measure(kind, images, arguments.repeats)]
    print_table(
        ["image", "encoder", "ms", "KB", "times ours"],
        [
            [one["image"], one["encoder"], f"{one['ms']:.2f}", f"{one['kilobytes']:.1f}", f"{one['ratio']:.1f}"]
            for one in results
        ],
    )
    return {"size": list(kinds["heatmap"][0].shape), "repeats": arguments.repeats, "results": results}


def _measure(kind: str, images: list[np.ndarray], repeats: int) -> list[dict[str, Any]]:
    times: dict[str, list[float]] = {name: [] for name in ENCODERS}
    sizes = {name: sum(len(encode(image)) for image in images) for name, encode in ENCODERS.items()}
    for _ in range(repeats):
        for name, encode in ENCODERS.items():
            start = time.process_time()
            for image in images:
                encode(image)
            times[name].append(time.process_time() - start)
    ours = median(times["ours"])
    return [
        {
            "image": kind,
            "encoder": name,
            "ms": 1e3 * median(taken) / len(images),
            "kilobytes": sizes[name] / len(images) / 1e3,
            "ratio": median(taken) / ours,
        }
        for name, taken in times.items()
    ]


def _generated(count: int) -> dict[str, list[np.ndarray]]:
    config = ScoreConfig(scores=("softmin",), per_class=False)
    scores = [score_image(*_upsampled(seed), config) for seed in range(count)]
    return {
        "heatmap": [one.heatmap for one in scores],
        "predicted mask": [one.prediction.astype(np.uint8) for one in scores],
    }


def _upsampled(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities at four times the resolution of the logits, as models give them, and labels."""
    classes, height, width = SHAPE
    probabilities, labels = make_image((classes, height // 4, width // 4), seed)
    prediction = Prediction(np.log(probabilities), "logits", Geometry((height, width), (height, width), True))
    return to_probabilities(prediction, (height, width)), labels.repeat(4, axis=0).repeat(4, axis=1)


def _stored(arguments: argparse.Namespace) -> dict[str, list[np.ndarray]]:
    found = {}
    for kind, part in (("heatmap", "heatmaps"), ("predicted mask", "masks")):
        files = sorted(arguments.scores.glob(f"{part}/*/*.png"))
        chosen = files[:: max(1, len(files) // arguments.images)][: arguments.images]
        if not chosen:
            raise SystemExit(f"No {part} in {arguments.scores}: give the folder scores-… of a run.")
        found[kind] = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in chosen]
    return found


def _by_pil(values: np.ndarray, **settings: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(values).save(data, "PNG", **settings)
    return data.getvalue()
