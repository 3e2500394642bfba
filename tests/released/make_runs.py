"""Makes ``runs-<version>.zip``: what a released version leaves in the database and on the disk.

It was run once with each release, never with later code; ``test_released_runs.py`` opens what it made::

    .venv/bin/python scripts/mongod.py DATABASE \\
        .venv/bin/python tests/released/make_runs.py tests/released/runs-0.1.0.zip

The archive holds the dataset's documents as JSON, and all files of `FOLDER` with their times: a run knows its images
and masks by absolute path and time. The dataset's runs:

- ``done``: an audit of files with suspects, of which one is confirmed, one confirmed with another class, and one
  rejected; with corrected masks
- ``folds``: a cross-validated audit
- ``half``: predictions and half of the scores, whose process was killed
- ``scored``: score_label_quality from the predictions of ``folds``
- ``lq_benchmark``: a test of the scores by corrected masks, on the run ``done``
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import gridfs
import numpy as np
from bson import json_util

FOLDER = Path("/tmp/label-quality-released")
SIZE, COUNT = (24, 32), 40
CLASSES = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}
CROSS_VALIDATION = {"preset": "fast", "folds": 2, "epochs": 2, "weights": None, "input_size": 64, "device": "cpu"}


def main(archive: Path) -> None:
    FOLDER.mkdir()
    fo.config.default_dataset_dir = str(FOLDER / "datasets")
    dataset = make_dataset(FOLDER)
    make_runs(dataset)
    write(dataset, FOLDER, archive)


def make_dataset(folder: Path) -> fo.Dataset:
    """40 images of four bands each, every seventh with a wrong mask; fields with probabilities and right masks."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(COUNT):
        bands = rng.permutation(list(CLASSES))[np.arange(SIZE[1]) * 4 // SIZE[1]]
        right = np.broadcast_to(bands, SIZE).astype(np.uint8)
        given = np.roll(right, 5, axis=1) if number % 7 == 0 else right.copy()
        if number % 10 == 3:
            given[6:18, 8:16] = 0
        soft = np.stack([right == value for value in CLASSES]) + 0.4 * rng.random((4, *SIZE))
        noise = rng.integers(0, 20, (*SIZE, 3))
        image = np.clip(np.stack([right * 10, 250 - right * 12, right], axis=2) + noise, 0, 255).astype(np.uint8)
        paths = {name: folder / name / f"{number:03d}.png" for name in ("images", "masks", "corrected")}
        for path, content in zip(paths.values(), (image, given, right), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), content)
        array = folder / "probabilities" / f"{number:03d}.npy"
        array.parent.mkdir(exist_ok=True)
        np.save(array, (soft / soft.sum(axis=0)).astype(np.float16))
        samples.append(
            fo.Sample(
                filepath=str(paths["images"]),
                ground_truth=fo.Segmentation(mask_path=str(paths["masks"])),
                corrected=fo.Segmentation(mask_path=str(paths["corrected"])),
                probabilities=str(array),
                number=number,
            )
        )
    dataset = fo.Dataset("released", persistent=True)
    dataset.add_samples(samples, progress=False)
    dataset.mask_targets = {"ground_truth": CLASSES, "corrected": CLASSES}
    dataset.save()
    dataset.save_view("mine", dataset.match(fo.ViewField("number") < 5), description="the user's own")
    return dataset


def make_runs(dataset: fo.Dataset) -> None:
    from label_quality.plugin import audit
    from label_quality.plugin.corrections import write_corrected_masks
    from label_quality.plugin.review import set_verdict
    from label_quality.plugin.score_benchmark import benchmark_scores

    files: dict[str, Any] = {"source": "files", "field": "probabilities"}
    audit.audit_labels(dataset, "ground_truth", key="done", **files)
    ids = [one for image in dataset.values("done_suspects.detections.id") for one in image or []]
    set_verdict(dataset, "done", ids[:1], "confirmed")
    set_verdict(dataset, "done", ids[1:2], "confirmed", corrected_to="tree")
    set_verdict(dataset, "done", ids[2:3], "rejected")
    write_corrected_masks(dataset, key="done")
    audit.audit_labels(dataset, "ground_truth", key="folds", **CROSS_VALIDATION)
    audit.score_label_quality(dataset, "ground_truth", key="scored", predictions="folds")
    benchmark_scores(dataset, "ground_truth", truth_field="corrected", run_key="done")
    kill_half_way(dataset.name)
    dataset.reload()


def kill_half_way(name: str) -> None:
    """Kills the process of a cross-validated audit when it has scored some images."""
    import subprocess

    script = f"""
import os, signal, fiftyone as fo
from label_quality.plugin import audit
fo.config.default_dataset_dir = {fo.config.default_dataset_dir!r}
def progress(stage, done, total):
    if stage.startswith("Scoring") and done >= 16:
        os.kill(os.getpid(), signal.SIGKILL)
audit.audit_labels(fo.load_dataset({name!r}), "ground_truth", key="half", progress=progress, **{CROSS_VALIDATION!r})
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -9, done


def write(dataset: fo.Dataset, folder: Path, archive: Path) -> None:
    """Writes the documents and the files."""
    database: Any = fo.core.odm.get_db_conn()
    document = database.datasets.find_one({"_id": dataset._doc.id})
    runs = list(database.runs.find({"_id": {"$in": list(document["runs"].values())}}))
    stored = gridfs.GridFS(database)
    content = {
        "dataset": document,
        "samples": list(database[document["sample_collection_name"]].find()),
        "runs": runs,
        "views": list(database.views.find({"_id": {"$in": document["saved_views"]}})),
        "results": {str(run["results"]): stored.get(run["results"]).read().decode() for run in runs if run["results"]},
    }
    # Without the lock of the killed process: on another host nobody can tell that it is dead
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    files = {str(path.relative_to(folder)): path for path in paths}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("documents.json", json_util.dumps(content))
        out.writestr("times.json", json.dumps({name: path.stat().st_mtime_ns for name, path in files.items()}))
        for name, path in files.items():
            out.write(path, f"files/{name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
