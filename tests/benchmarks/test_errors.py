"""The benchmark of planted errors: its tables, and the command that keeps its audits."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import pytest
from label_quality.plugin.scenes.scenes import SCENE_CLASSES, render_scene

from benchmarks import error_tables, errors

ROOT = Path(__file__).resolve().parents[2]
COUNT = 10
#: As little training as can be
QUICK = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 64}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of images and masks, and the file of classes."""
    folder = tmp_path_factory.mktemp("scenes")
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(COUNT):
        image, mask = render_scene(number, (48, 64))
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), mask)
    (folder / "classes.json").write_text(json.dumps({str(value): name for value, name in SCENE_CLASSES.items()}))
    return folder


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.*")}


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.05}


def result(kind: str, **scores: tuple[float, float]) -> dict[str, Any]:
    estimates = {name: dict(zip(("auroc", "auprc"), map(estimate, pair), strict=True)) for name, pair in scores.items()}
    return {"kind": kind, "architecture": "FPN", "errors": 4, "scores": estimates}


def summary(**kinds: dict[str, Any]) -> dict[str, Any]:
    return {"confusion": {kind: one.pop("confusion") for kind, one in kinds.items()}, "kinds": kinds}


def swap_summary() -> dict[str, Any]:
    exact = {"right_class": 0.75, "matching_iou": 0.5, "strongest_iou": 0.25}
    confusion = {"drop": 1, "swap": 3, "shift": 0, "other": 0, "none": 0}
    return summary(swap={"images": 4, "right_type": 0.75, "confusion": confusion, **exact})


def test_all_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    confusion = {"drop": 0, "swap": 0, "shift": 1, "other": 0, "none": 1}
    shift = summary(shift={"images": 2, "right_type": 0.5, "confusion": confusion})
    swapped = result("swap", ccp=(0.8, 0.5)) | {"suspects": {"worst": swap_summary(), "all": swap_summary()}}
    shifted = result("shift", ccp=(0.7, 0.4)) | {"suspects": {"worst": shift, "all": shift}}
    record = {"images": 20, "results": [swapped, shifted], "left_out": {"drop": "No class."}, "notes": ["Small."]}
    errors.print_tables(record)
    assert capsys.readouterr().out.splitlines() == [
        "",
        "20 images",
        "",
        "AUROC",
        "",
        "| score                       | Swap, FPN               | Shift, FPN              |",
        "|-----------------------------|-------------------------|-------------------------|",
        "| Correctly classified pixels | **0.800** (0.700–0.850) | **0.700** (0.600–0.750) |",
        "",
        "AUPRC",
        "",
        "| score                       | Swap, FPN               | Shift, FPN              |",
        "|-----------------------------|-------------------------|-------------------------|",
        "| Correctly classified pixels | **0.500** (0.400–0.550) | **0.400** (0.300–0.450) |",
        "",
        "No class.",
        "",
        "Small.",
        "",
        "FPN: error types found, mislabelled images among the worst-ranked #errors",
        "",
        "| true error   | Drop   | Swap   | Shift   | other   | none   | right   |",
        "|--------------|--------|--------|---------|---------|--------|---------|",
        "| Swap         | 1      | 3      | 0       | 0       | 0      | 0.750   |",
        "| Shift        | 0      | 0      | 1       | 0       | 1      | 0.500   |",
        "",
        "FPN: suggested classes and regions",
        "",
        "| true error            | images   | suggested class is the true one   | median IoU, suspects of the erro"
        "r   | median IoU, strongest suspect   |",
        "|-----------------------|----------|-----------------------------------|---------------------------------"
        "----|---------------------------------|",
        "| Swap, ranked worst    | 4        | 0.750                             | 0.500                           "
        "    | 0.250                           |",
        "| Swap, all mislabelled | 4        | 0.750                             | 0.500                           "
        "    | 0.250                           |",
    ]


def test_results_without_suspects_have_no_tables_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    error_tables.print_suspects([result("swap", ccp=(0.8, 0.5))])
    assert capsys.readouterr().out == ""


def run_command(scenes: Path, *options: str) -> subprocess.CompletedProcess[str]:
    folders = ["--images", str(scenes / "images"), "--masks", str(scenes / "masks")]
    command = [sys.executable, "-m", "benchmarks", "errors", *folders, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_the_command_prints_the_table_and_leaves_out_what_cannot_be(scenes: Path, tmp_path: Path) -> None:
    classes = {str(value): name.replace("unlabelled", "terrain") for value, name in SCENE_CLASSES.items()}
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    work = tmp_path / "work"
    options = ["--classes", str(tmp_path / "classes.json"), "--work", str(work), "--out", f"{tmp_path}/o.json"]
    options += ["--folds", "2", "--epochs", "1", "--input-size", "64", "--resamples", "20", "--architectures", "own"]
    before = files_of(scenes)
    done = run_command(scenes, *options, "--rates", "drop=0.2", "swap=0.3")
    assert done.returncode == 0, done.stderr
    assert "| score                       | Swap, own decoder       |\n" in done.stdout
    assert "\nThe preset's own decoder: suggested classes and regions\n" in done.stdout
    assert "\nDropped objects become unlabelled, but none of the classes " in done.stdout
    figures = json.loads((tmp_path / "o.json").read_text())
    assert [(one["kind"], one["errors"]) for one in figures["results"]] == [("swap", 3)]
    assert figures["config"]["rates"] == {"drop": 0.2, "swap": 0.3} and list(figures["left_out"]) == ["drop"]
    kept = sorted(path.name for path in Path(figures["folder"]).glob("runs/*/*"))
    assert len(kept) == 1 and kept[0].startswith("run_")
    assert files_of(scenes) == before


@pytest.mark.parametrize("rate", ["smear=0.1", "swap=1.5", "swap=0", "swap=much", "swap"])
def test_a_rate_that_cannot_be_is_said(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--images", "images", "--masks", "masks", "--rates", rate)
    expected = f"expected drop, swap, shift with a rate in (0, 1), as drop=0.2, but got '{rate}'\n"
    assert capsys.readouterr().err.endswith(expected)


def test_an_error_of_the_engine_ends_the_command(
    tmp_path: Path, fiftyone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors.database, "start", lambda folder: tmp_path)
    options = parsed("--images", str(tmp_path / "none"), "--masks", str(tmp_path), "--rates", "drop=0.2", "swap=0.3")
    assert dict(options.rates) == {"drop": 0.2, "swap": 0.3}
    with pytest.raises(SystemExit) as caught:
        errors.run(options)
    assert str(caught.value) == f"error: The image folder {tmp_path / 'none'} does not exist."


def parsed(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    errors.add_arguments(parser)
    return parser.parse_args(options)
