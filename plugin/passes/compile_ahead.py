"""Compiles what an audit runs, once after installation: in a process of its own, beside imports and training."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..base.progress import Progress, silent
from ..base.types import Geometry, Prediction
from ..labels.class_table import ClassTable
from ..labels.given_masks import GivenMasks
from ..pixels.compiled import KERNELS, is_kept
from ..pixels.pooling import pool_labels
from ..predictions.readers import StoredReader
from ..scores.confident_kernels import flag_lowest
from ..scores.config import ScoreConfig
from ..store.run_folder import RunFolder
from .score_samples import Scoring

STAGE = "Compiling (once)"
#: Imports the engine by its place: FiftyOne loads it under a name that no other process can import
_CODE = """
import sys, types
engine = sys.modules["engine"] = types.ModuleType("engine")
engine.__path__ = [sys.argv[1]]
from engine.passes.compile_ahead import compile_kernels
compile_kernels()
"""
#: Seconds without a kernel more after which nobody waits any longer: on a machine ten times as busy one takes 50
_PATIENCE = 120.0
_SIZE = (48, 64)
_IMAGES = 4

_process: subprocess.Popen[bytes] | None = None


def compile_ahead() -> None:
    """Begins to compile the kernels of an audit in another process, unless numba has them in its cache on disk.

    That takes 20 s of one core, under Python's global lock: in a thread it would hold up all else. Where it cannot be,
    kernels are compiled when they are first called.
    """
    global _process
    if _process is None and sys.executable and not _is_done():
        command = [sys.executable, "-c", _CODE, str(Path(__file__).parents[1])]
        nothing = subprocess.DEVNULL
        with contextlib.suppress(OSError):
            _process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)


def wait_for_kernels(progress: Progress) -> None:
    """Waits for what `compile_ahead` has begun: two that compile the same would take longer.

    A process that gets nowhere is ended, and what it has not compiled is compiled where it is called.

    Args:
        progress: told of the kernels that are finished, where there is something to wait for
    """
    finished, since = 0, time.monotonic()
    while _process is not None and _process.poll() is None:
        now = sum(map(is_kept, KERNELS))
        if now > finished:
            finished, since = now, time.monotonic()
        if time.monotonic() - since > _PATIENCE:
            _process.kill()
            return
        progress(STAGE, now, len(KERNELS))
        time.sleep(0.2)


def compile_kernels() -> None:
    """Compiles what an audit runs, by its passes over a few small images."""
    classes = ClassTable.from_targets({0: "unlabelled", 1: "a", 2: "b"})
    # What is first needed first
    for side in (2, 4):
        pool_labels(np.zeros(_SIZE, np.int16), side, classes.size)
    with tempfile.TemporaryDirectory() as root, RunFolder(Path(root) / "run") as folder:
        samples = _write_samples(Path(root), classes)
        predictions = folder.open_predictions("0")
        for index, sample_id in enumerate(samples.ids):
            predictions.write(sample_id, _prediction(samples.load_labels(index), classes.size), {"fold": index % 2})
        predictions.finish()
        # What the search for suspects calls is called here as well
        Scoring(samples, StoredReader(predictions), ScoreConfig(), folder.open_scores("0")).run(silent)


def _is_done() -> bool:
    # Of the last pass that calls any
    return is_kept(flag_lowest)


def _write_samples(folder: Path, classes: ClassTable) -> GivenMasks:
    rng = np.random.default_rng(0)
    paths: dict[str, list[str]] = {"image": [], "mask": []}
    for number in range(_IMAGES):
        mask = np.zeros(_SIZE, np.uint8)
        mask[16:32, 8 * number : 8 * number + 24] = 1 + number % 2
        noise = rng.integers(0, 40, (*_SIZE, 3))
        for kind, pixels in (("image", (80 * mask[..., None] + noise).astype(np.uint8)), ("mask", mask)):
            paths[kind].append(str(folder / f"{number}-{kind}.png"))
            cv2.imwrite(paths[kind][-1], pixels)
    return GivenMasks([str(number) for number in range(_IMAGES)], paths["image"], paths["mask"], classes)


def _prediction(labels: np.ndarray, classes: int) -> Prediction:
    """Logits as a network gives them, a quarter of the mask's size; of another class than the given in a corner."""
    coarse: Any = np.roll(labels, 16, axis=0)[::4, ::4]
    logits = np.where(coarse == np.arange(classes)[:, None, None], 4.0, 0.0).astype(np.float16)
    return Prediction(logits, "logits", Geometry(_SIZE, _SIZE))


if __name__ == "__main__":
    compile_kernels()
