"""Runs the benchmarks of docs/benchmarks.md, each in a process of its own, and keeps what they print and measure::

    python -m benchmarks all --json artifacts/bench.json
    python -m benchmarks page artifacts/bench.json > docs/benchmarks.md

What takes a dataset runs on generated scenes, or with ``--camvid`` on CamVid: a folder of images, masks, classes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

#: The benchmarks of arrays that they generate themselves
GENERATED: dict[str, list[str]] = {"scoring": [], "memory": [], "images": [], "fields": []}
#: The benchmarks that take a dataset; training has the whole audit in it
WITH_DATASET = ("training",)
_PACKAGES = ("fiftyone", "torch", "numba", "numpy", "opencv-python-headless", "cleanlab")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--camvid", type=Path, help="folder with images, masks and classes.json (default: scenes)")
    parser.add_argument("--scenes", type=int, default=150, help="scenes to generate in its place (default 150)")
    parser.add_argument("--only", nargs="+", choices=[*GENERATED, *WITH_DATASET], help="leave the others out")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the benchmarks one after another.

    Returns:
        ``machine``, and ``benchmarks`` by name: ``command``, ``seconds``, ``report`` (what it has printed) and
        ``figures``
    """
    chosen = options.only or [*GENERATED, *WITH_DATASET]
    results = {name: _run(name, arguments, arguments) for name, arguments in GENERATED.items() if name in chosen}
    named = [name for name in WITH_DATASET if name in chosen]
    if named:
        with _dataset(options) as (folder, shown):
            results |= {name: _run(name, _inputs(folder, options), _inputs(shown, options)) for name in named}
    return {"machine": _machine(), "benchmarks": results}


def _inputs(folder: Path, options: argparse.Namespace) -> list[str]:
    paths = [f"--{name}={folder / file}" for name, file in (("images", "images"), ("masks", "masks"))]
    # CamVid's images are frames of videos
    return [*paths, f"--classes={folder / 'classes.json'}", *(["--blocks"] if options.camvid else [])]


@contextmanager
def _dataset(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """The folder with the dataset, and its name for those who read of it."""
    if options.camvid:
        yield options.camvid, Path("camvid")
        return
    with tempfile.TemporaryDirectory(prefix="label-quality-scenes-") as folder:
        _write_scenes(Path(folder), options.scenes)
        yield Path(folder), Path("scenes")


def _write_scenes(folder: Path, count: int) -> None:
    from plugin.scenes.scenes import SCENE_CLASSES, render_scene

    for part in ("images", "masks"):
        (folder / part).mkdir()
    for seed in range(count):
        image, mask = render_scene(seed)
        cv2.imwrite(str(folder / "images" / f"{seed:04d}.jpg"), image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{seed:04d}.png"), mask)
    (folder / "classes.json").write_text(json.dumps(SCENE_CLASSES))


def _run(name: str, arguments: Sequence[str], shown: Sequence[str]) -> dict[str, Any]:
    """Runs one benchmark, passing on what it prints."""
    command = ["python", "-m", "benchmarks", name]
    print(f"\n$ {' '.join([*command, *shown])}\n", flush=True)
    started, report = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="label-quality-bench-") as folder:
        figures = Path(folder, "figures.json")
        process = subprocess.Popen(
            [sys.executable, *command[1:], *arguments, f"--json={figures}"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            report.append(line)
        if process.wait():
            raise SystemExit(f"The benchmark {name} ended with status {process.returncode}.")
        measured = json.loads(figures.read_text())
    return {
        "command": " ".join([*command, *shown]),
        "seconds": time.monotonic() - started,
        "report": "".join(report).strip(),
        "figures": measured,
    }


def _machine() -> dict[str, Any]:
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
