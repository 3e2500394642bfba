"""What a Ray cluster costs and brings, against threads of one process: time, bytes sent, memory of the driver.

Each audit runs in a process of its own with a FiftyOne and a MongoDB of its own; a cluster is started on this machine::

    python -m benchmarks cluster --images DIR --masks DIR --classes FILE --blocks --json cluster.json
    python -m benchmarks cluster --scenes 2000 --small

``--scenes`` makes that many generated scenes instead; with ``--small`` they are 96 × 72 pixels. Overhead is the time of
a cluster of all cores against threads on the same cores, where starting the cluster and the imports of its workers
count too; speed-up is that of all cores against one. Bytes are those of tasks and results, and of what is sent once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from . import database
from .audit import Stages
from .processes import answer, measure, peak_memory, print_table

_SMALL = (72, 96)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument("--images", type=Path, help="folder of images")
    parser.add_argument("--masks", type=Path, help="folder of masks")
    parser.add_argument("--classes", type=Path, help="class names, as for label-quality audit")
    parser.add_argument("--blocks", action="store_true", help="images are video frames in order")
    parser.add_argument("--scenes", type=int, metavar="N", help="generated scenes instead of folders")
    parser.add_argument("--small", action="store_true", help="scenes of 96 × 72 pixels, and not 320 × 240")
    parser.add_argument("--repeats", type=int, default=3, help="of each audit; the median is reported (default: 3)")
    parser.add_argument("--only", nargs="+", choices=("threads", "one", "all"), default=["threads", "one", "all"])


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the audits in turn and prints their times.

    Returns:
        by name of each kind of run (``threads``, ``one`` for a cluster of one core, ``all`` for one of all cores), a
        list of figures: ``seconds`` by stage, ``total_seconds``, ``sent`` and ``received`` bytes, ``memory_mb``
    """
    with tempfile.TemporaryDirectory() as folder:
        data = _folders(options, Path(folder))
        cores = {"threads": 0, "one": 1, "all": os.cpu_count() or 1}
        figures: dict[str, list[dict[str, Any]]] = {name: [] for name in options.only}
        # In turn, so that what else the machine does falls on all of them
        for _ in range(options.repeats):
            for name in options.only:
                figures[name].append(measure("benchmarks.cluster", cores=cores[name], blocks=options.blocks, **data))
    _print(figures)
    return dict(figures)


def run_here(asked: dict[str, Any]) -> None:
    """Audits in this process, on a database of its own, and answers with its figures."""
    database.start(None)
    import fiftyone  # noqa: F401
    import torch
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.base.console import TerminalProgress
    from label_quality.plugin.engine.config import Execution
    from label_quality.plugin.engine.engine import running_on
    from label_quality.plugin.labels.class_files import load_classes
    from label_quality.plugin.samples.folders import LABEL_FIELD, dataset_from_folders

    torch.set_num_threads(os.cpu_count() or 1)
    classes = load_classes(asked["classes"]) if asked["classes"] else {}
    dataset = dataset_from_folders("audit", Path(asked["images"]), Path(asked["masks"]), classes)
    before, stages = peak_memory(), Stages(time.monotonic())
    stages.progress = TerminalProgress()
    if asked["cores"]:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(num_cpus=asked["cores"], include_dashboard=False, log_to_driver=False, logging_level="error")
    where = Execution(engine="ray") if asked["cores"] else Execution()
    stages.count("Starting a cluster")
    with running_on(where) as engine:
        samples = dataset.exists(LABEL_FIELD)
        summary = audit_labels(samples, LABEL_FIELD, preset="fast", blocks=asked["blocks"], progress=stages)
        stages.close()
        answer(
            scored=summary.scored,
            seconds=stages.seconds,
            total_seconds=sum(stages.seconds.values()),
            sent=getattr(engine, "sent", 0),
            received=getattr(engine, "received", 0),
            memory_mb=peak_memory() - before,
        )


def _folders(options: argparse.Namespace, folder: Path) -> dict[str, str | None]:
    """The folders of images and masks, and the file of classes."""
    if not options.scenes:
        if not (options.images and options.masks):
            raise SystemExit("Give --images and --masks, or --scenes.")
        paths = {name: getattr(options, name) for name in ("images", "masks", "classes")}
        return {name: path and os.path.abspath(path) for name, path in paths.items()}
    from label_quality.plugin.scenes.scenes import SCENE_CLASSES

    for name in ("images", "masks"):
        (folder / name).mkdir()
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(
            _scene,
            *zip(*((number, options.small, str(folder)) for number in range(options.scenes)), strict=True),
            chunksize=64,
        ):
            pass
    classes = folder / "classes.json"
    classes.write_text(json.dumps({str(value): name for value, name in SCENE_CLASSES.items()}))
    return {"images": str(folder / "images"), "masks": str(folder / "masks"), "classes": str(classes)}


def _scene(number: int, small: bool, folder: str) -> None:
    import cv2
    from label_quality.plugin.scenes.scenes import render_scene

    image, mask = render_scene(number, _SMALL) if small else render_scene(number)
    cv2.imwrite(f"{folder}/images/{number:06d}.png", image[..., ::-1])
    cv2.imwrite(f"{folder}/masks/{number:06d}.png", mask)


def _print(figures: dict[str, list[dict[str, Any]]]) -> None:
    called = {"threads": "threads, all cores", "one": "cluster, 1 core", "all": "cluster, all cores"}
    stages = list(dict.fromkeys(stage for runs in figures.values() for one in runs for stage in one["seconds"]))
    rows = [
        [stage, *(f"{median(one['seconds'].get(stage, 0.0) for one in runs):.1f}" for runs in figures.values())]
        for stage in stages
    ]
    total = {name: median(one["total_seconds"] for one in runs) for name, runs in figures.items()}
    print_table(
        ["stage, seconds", *(called[name] for name in figures)],
        [*rows, ["all", *(f"{one:.1f}" for one in total.values())]],
    )
    for name, runs in figures.items():
        images = runs[0]["scored"]
        print(
            f"\n{called[name]}: {images:,} images, {median(one['sent'] for one in runs) / images:,.0f} bytes sent and "
            f"{median(one['received'] for one in runs) / images:,.0f} received an image, the driver's memory grew by "
            f"{median(one['memory_mb'] for one in runs):.0f} MB."
        )
    if {"threads", "all"} <= total.keys():
        print(f"\nOverhead of the cluster: {total['all'] / total['threads'] - 1:+.1%}.")
    if {"one", "all"} <= total.keys():
        print(f"Speed-up of all cores against one: {total['one'] / total['all']:.2f}.")


if __name__ == "__main__":
    run_here(json.loads(sys.argv[1]))
