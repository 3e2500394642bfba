"""A whole audit of many small generated images, end to end: time by stage, memory, files, database, and the panel.

Images of 64 x 48 pixels and 5 classes, each with a mask, of which one in ten has a wrong object, and stored
probabilities; with ``--cross-validation`` models are trained instead (preset ``fast``, 2 folds, one epoch, images seen
at their own size). ``--size`` and ``--classes`` give what one larger image takes::

    python -m benchmarks scale --images 100000 --json scale.json
    python -m benchmarks scale --images 16 --size 1000 1000 --classes 150

It runs as an App does, in one process with a FiftyOne and a MongoDB of its own; with ``--engine ray`` a cluster does
the work, which is started on this machine, and the memory of its largest process is looked at as well. What the work on
a small image takes is little on purpose: what is left is what grows with their number. The memory an image is the slope
of the process's resident memory over the second half of each stage, where everything that is made once has been made.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from . import database
from .audit import IMPORTS, Stages, import_libraries
from .processes import answer, measure, peak_memory, print_table

#: Height and width by default; classes: unlabelled, road, car, tree, sky, and others that no image shows
SIZE, CLASSES = (48, 64), 5
#: One image in so many has a wrong object
_WRONG = 10
#: Reports of a stage at which its memory is looked at
_LOOKS = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=int, default=100_000, help="how many (default 100000)")
    parser.add_argument("--cross-validation", action="store_true", help="train models instead of reading predictions")
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("HEIGHT", "WIDTH"), help="default 48 64")
    parser.add_argument("--classes", type=int, default=CLASSES, help="at least 5, the default")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="threads, or a cluster's processes")
    parser.add_argument("--folder", type=Path, help="where the files go, which stay there (default: temporary)")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the audit in a process of its own and prints its stages.

    Returns:
        ``images``, ``seconds`` by stage, ``bytes_an_image`` by stage, ``worker_bytes_an_image`` by stage and
        ``worker_memory_mb`` (of the largest process of a cluster), ``peak_memory_mb``, ``files_mb`` (of the run),
        ``database_mb``, ``panel_seconds``, ``suspects`` and ``wrong`` (images with a wrong object)
    """
    folder = options.folder or Path(tempfile.mkdtemp(prefix="label-quality-scale-"))
    try:
        shape = options.classes, *options.size
        wrong = _write(folder, options.images, shape)
        asked = {"train": options.cross_validation, "engine": options.engine}
        found = measure(__name__, folder=str(folder), images=options.images, shape=shape, **asked)
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    total = sum(found["seconds"].values())
    rows = [
        [name, f"{seconds:.1f}", f"{1e3 * seconds / options.images:.2f}"]
        + [_slope(found[held].get(name)) for held in ("bytes_an_image", "worker_bytes_an_image")]
        for name, seconds in found["seconds"].items()
    ]
    print_table(
        ["stage", "seconds", "ms an image", "bytes an image", "of the largest worker"],
        [*rows, ["all", f"{total:.1f}", f"{1e3 * total / options.images:.2f}", "", ""]],
    )
    print(
        f"\n{options.images:,} images, {found['suspects']:,} suspects; {wrong:,} images have a wrong object, of which "
        f"{found['found']:,} are among the {wrong:,} worst. Peak memory {found['peak_memory_mb']:.0f} MB, of a "
        f"cluster's largest process {found['worker_memory_mb']:.0f} MB; files of the run {found['files_mb']:.0f} MB, "
        f"database {found['database_mb']:.0f} MB; the panel opens in {found['panel_seconds']:.2f} s."
    )
    return {"images": options.images, "shape": shape, "wrong": wrong, **found}


def _slope(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _write(folder: Path, images: int, shape: tuple[int, int, int]) -> int:
    """Writes images, masks and probabilities, as far as they are not there, and returns how many masks are wrong."""
    for part in ("images", "masks", "soft"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda index: _write_one(folder, index, shape), range(images)))


def _write_one(folder: Path, index: int, shape: tuple[int, int, int]) -> bool:
    classes, height, width = shape
    rng = np.random.default_rng(index)
    wrong = index % _WRONG == 0
    path = folder / "soft" / f"{index:07d}.npy"
    if path.exists():
        return wrong
    truth = np.zeros((height, width), np.uint8)
    truth[: height // 3], truth[2 * height // 3 :] = 4, 1
    tall, wide = height * 7 // 24, width * 9 // 32
    objects = [(int(rng.integers(2, 4)), *rng.integers(0, (height - tall, width - wide)).tolist()) for _ in range(3)]
    for klass, top, left in objects:
        truth[top : top + tall, left : left + wide] = klass
    colors = np.array([[90, 90, 90], [60, 60, 70], [30, 40, 200], [40, 140, 40], [220, 190, 150]], np.int16)
    noise = rng.integers(-12, 13, (height, width, 3), np.int16)
    cv2.imwrite(str(folder / "images" / f"{index:07d}.png"), np.clip(colors[truth] + noise, 0, 255).astype(np.uint8))
    mask = truth.copy()
    if wrong:
        klass, top, left = objects[-1]
        mask[top : top + tall, left : left + wide] = 5 - klass
    cv2.imwrite(str(folder / "masks" / f"{index:07d}.png"), mask)
    logits = rng.standard_normal(shape, np.float32)
    logits += 7 * (np.arange(classes)[:, None, None] == truth)
    soft = np.exp(logits)
    np.save(path, (soft / soft.sum(axis=0)).astype(np.float16))
    return wrong


class Memory:
    """A `Progress` that looks at the resident memory of the process on the way, and passes on what it is told.

    Args:
        progress: whom to tell
        cluster: whether to look at the processes of a cluster of this machine as well, of which it takes the largest
    """

    def __init__(self, progress: Any, cluster: bool) -> None:
        self._progress, self._process, self._cluster = progress, psutil.Process(), cluster
        self._looks: dict[str, list[tuple[int, int, int]]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._progress(stage, done, total)
        looks = self._looks.setdefault(stage, [])
        if not looks or done - looks[-1][0] >= total / _LOOKS:
            looks.append((done, self._process.memory_info().rss, _largest_worker() if self._cluster else 0))

    def slopes(self, worker: bool = False) -> dict[str, float]:
        """Stage to the bytes an image by which memory grew in its second half, by least squares."""
        rows = {stage: np.array(looks[len(looks) // 2 :], np.float64) for stage, looks in self._looks.items()}
        column = 2 if worker else 1
        return {
            stage: float(np.polyfit(row[:, 0], row[:, column], 1)[0]) for stage, row in rows.items() if len(row) >= 4
        }

    def peak_of_workers(self) -> float:
        """The most memory in MB that a process of the cluster was seen to hold."""
        return max((held for looks in self._looks.values() for _, _, held in looks), default=0) / 1e6


def _largest_worker() -> int:
    """Resident bytes of the largest process that does a cluster's tasks, without what it shares with the others."""
    held = [0]
    for process in psutil.process_iter(["cmdline"]):
        with contextlib.suppress(psutil.Error):
            if "".join(process.info["cmdline"] or ()).startswith("ray::"):
                memory = process.memory_info()
                held.append(memory.rss - memory.shared)
    return max(held)


def _audit(folder: str, images: int, shape: tuple[int, int, int], train: bool, engine: str) -> None:
    home = database.start(None)
    (home / "plugins" / "label-quality").symlink_to(Path(__file__).resolve().parents[1])
    stages = Stages(time.monotonic())
    import_libraries()
    stages.count(IMPORTS)
    import fiftyone as fo
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.base.console import TerminalProgress

    stages.progress = TerminalProgress()
    dataset = fo.Dataset("scale", persistent=True)
    names = ["unlabelled", "road", "car", "tree", "sky", *(f"class {index}" for index in range(5, shape[0]))]
    dataset.mask_targets = {"ground_truth": dict(enumerate(names))}
    root = Path(folder)
    dataset.add_samples(
        (
            fo.Sample(
                str(root / "images" / f"{index:07d}.png"),
                ground_truth=fo.Segmentation(mask_path=str(root / "masks" / f"{index:07d}.png")),
                soft=str(root / "soft" / f"{index:07d}.npy"),
            )
            for index in range(images)
        ),
        progress=False,
    )
    stages.count("Adding samples to FiftyOne")
    memory = Memory(stages, engine == "ray")
    where = {"engine": "ray", "address": "local"} if engine == "ray" else {}
    source: dict[str, Any] = {"source": "files", "field": "soft"}
    if train:
        source = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": max(shape[1:])}
    summary = audit_labels(dataset, "ground_truth", progress=memory, **source, **where)
    stages.close()
    ids = {one: index for index, one in enumerate(dataset.values("id"))}
    worst = dataset.sort_by("lq_quality").limit(-(-images // _WRONG)).values("id")
    answer(
        seconds=stages.seconds,
        bytes_an_image=memory.slopes(),
        worker_bytes_an_image=memory.slopes(worker=True) if where else {},
        peak_memory_mb=peak_memory(),
        worker_memory_mb=memory.peak_of_workers(),
        files_mb=sum(path.stat().st_size for path in (home / "datasets").rglob("*") if path.is_file()) / 1e6,
        # Of what is stored, before compression: the size on disk follows once a minute
        database_mb=fo.core.odm.get_db_conn().command("dbStats")["dataSize"] / 1e6,
        panel_seconds=_open_panel(dataset),
        suspects=summary.suspects.regions if summary.suspects is not None else 0,
        found=sum(ids[one] % _WRONG == 0 for one in worst),
    )


def _open_panel(dataset: Any) -> float:
    """Seconds that the panel takes to open, the second time: the first imports what an App has imported."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    uri = "@label-quality/segmentation/label_quality_panel"
    operator = foo.get_operator(uri)
    for _ in range(2):
        started = time.monotonic()
        params = {"panel_id": "panel", "panel_state": {}, "__method__": "on_load"}
        request = {"dataset_id": str(dataset._doc.id), "view": [], "params": params}
        operator.execute(ExecutionContext(request, executor=Executor(), operator_uri=uri))
        seconds = time.monotonic() - started
    return seconds


if __name__ == "__main__":
    _audit(**json.loads(sys.argv[1]))
