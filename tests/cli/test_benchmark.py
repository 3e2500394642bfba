"""The command ``label-quality benchmark``: its tables and JSON, corrected masks from a folder, and what stops it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.cli.main import main

from ..deletion import drop_datasets

COUNT = 10
FOLDERS = ("--images", "images", "--masks", "masks", "--classes", "classes.csv")


@pytest.fixture
def folder(tmp_path: Path, fiftyone: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with ``images``, ``masks``, ``right`` (corrected masks) and ``classes.csv``."""
    before = set(fiftyone.list_datasets())
    rng = np.random.default_rng(0)
    street = tmp_path / "street"
    for part in ("images", "masks", "right"):
        (street / part).mkdir(parents=True)
    for index in range(COUNT):
        truth = rng.integers(0, 3, (3, 4)).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
        cv2.imwrite(str(street / "images" / f"{index}.png"), np.array([40, 120, 220], np.uint8)[truth])
        cv2.imwrite(str(street / "right" / f"{index}.png"), truth)
        cv2.imwrite(str(street / "masks" / f"{index}.png"), (truth + 1) % 3 if index < 3 else truth)
    (street / "classes.csv").write_text("id,name\n0,unlabelled\n1,road\n2,car\n")
    monkeypatch.chdir(street)
    yield street
    drop_datasets(set(fiftyone.list_datasets()) - before)


def label_quality(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out, output.err


def test_tables_are_printed_and_the_record_is_written_and_deleted(folder: Path, capsys: Any) -> None:
    quick = ("--preset", "fast", "--folds", "2", "--epochs", "1", "--input-size", "32", "--resamples", "20")
    options = ("--rates", "swap=0.4", "--architectures", "own", "--no-suspects", "--json", "out.json", *quick)
    status, out, err = label_quality(capsys, "benchmark", *FOLDERS, *options)
    assert status == 0, err
    assert "10 images, of which mislabelled: Swap " in out and "Swap, own decoder" in out
    assert out.count("Class-pair evidence") == 3 and "Note: Lift@100 is left out" in out
    record = json.loads(Path("out.json").read_text())
    assert record["status"] == "complete" and [one["kind"] for one in record["results"]] == ["swap"]
    status, again, err = label_quality(capsys, "benchmark", *FOLDERS, *options)
    assert (status, again) == (0, out) and "Training" not in err
    assert json.loads(Path("out.json").read_text()) == record
    # Of another benchmark it would be lost
    status, out, err = label_quality(capsys, "benchmark", *FOLDERS, *options, "--key", "second")
    assert (status, out) == (1, "") and err.splitlines()[-1] == (
        f"error: There is a file {Path('out.json').resolve()} already, which is not what this command has written of "
        "benchmark 'second' of dataset 'street'. Give another --json, or remove the file."
    )
    assert json.loads(Path("out.json").read_text()) == record
    assert label_quality(capsys, "delete", "street", "lq_benchmark")[:2] == (
        0,
        "Benchmark 'lq_benchmark' is deleted: its files and record.\n",
    )
    status, _, err = label_quality(capsys, "delete", "street", "lq_benchmark")
    assert status == 1 and "has no label quality run 'lq_benchmark'" in err


def test_a_run_is_judged_by_a_folder_of_corrected_masks(folder: Path, capsys: Any, fiftyone: Any) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.samples.folders import dataset_from_folders

    names = {0: "unlabelled", 1: "road", 2: "car"}
    dataset = dataset_from_folders("street", folder / "images", folder / "masks", names)
    for name in ("quality", "softmin"):
        dataset.set_values(f"lq_{name}", np.linspace(0, 1, COUNT).tolist())
    save_record(dataset, RunRecord("lq", "ground_truth"))
    options = ("--truth", "right", "--run", "lq", "--preset", "fast", "--resamples", "20")
    status, out, err = label_quality(capsys, "benchmark", *FOLDERS, *options)
    assert status == 0, err
    assert "All errors 3 of 10" in out and "Softmin  *1.000* (1.000–1.000)" in out
    status, _, err = label_quality(capsys, "benchmark", *FOLDERS, "--truth", "wrong", "--preset", "fast")
    assert (status, err.splitlines()[-1]) == (
        1,
        "error: Expected --truth to be a field of dataset 'street' or a folder of masks, but there is no 'wrong'. The "
        "dataset's segmentation fields are: ground_truth, corrected_mask.",
    )
    options = ("--truth", "corrected_mask", "--run", "other", "--key", "second", "--preset", "fast")
    status, _, err = label_quality(capsys, "benchmark", "--dataset", "street", *options)
    assert status == 1 and "has no label quality run 'other'. Its runs are: lq." in err


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        (
            (*FOLDERS, "--rates", "smear=0.1"),
            2,
            "expected drop, swap, shift with a rate in (0, 1), as drop=0.2",
        ),
        (
            (*FOLDERS, "--rates", "drop=1.5"),
            2,
            "expected drop, swap, shift with a rate in (0, 1), as drop=0.2",
        ),
        ((*FOLDERS, "--run", "lq"), 2, "--run is for --truth: errors that are planted are always audited anew."),
        (("--rates", "drop=0.2"), 2, "Give --images DIR and --masks DIR, or --dataset NAME for a dataset that"),
        ((*FOLDERS, "--severity", "7"), 1, "error: Expected --severity to be in (0, 1], but got 7.0."),
        (
            (*FOLDERS, "--truth", "right", "--kinds", "drop"),
            1,
            "error: Parameters --kinds and --rates are of",
        ),
    ],
)
def test_bad_options_are_said(folder: Path, capsys: Any, options: tuple[str, ...], status: int, expected: str) -> None:
    try:
        found = main(("benchmark", *options))
    except SystemExit as stopped:
        found = stopped.code
    assert (found, expected in capsys.readouterr().err) == (status, True)
