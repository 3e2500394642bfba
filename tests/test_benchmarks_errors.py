"""The benchmark of planted errors: its tables, an interrupted measurement, suspects read back, and the command."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.ranking_metrics import auroc
from label_quality.plugin.regions import Region
from label_quality.plugin.scenes import SCENE_CLASSES, render_scene

from benchmarks import error_tables, errors

ROOT = Path(__file__).resolve().parent.parent
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


@pytest.fixture
def remove_datasets(fiftyone: Any) -> Iterator[None]:
    before = set(fiftyone.list_datasets())
    yield
    for name in set(fiftyone.list_datasets()) - before:
        fiftyone.delete_dataset(name)


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*.*")}


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.05}


def result(kind: str, **scores: tuple[float, float]) -> dict[str, Any]:
    estimates = {name: dict(zip(("auroc", "auprc"), map(estimate, pair), strict=True)) for name, pair in scores.items()}
    return {"kind": kind, "architecture": "FPN", "errors": 4, "scores": estimates}


def test_the_best_of_each_column_is_bold_and_so_is_what_looks_the_same() -> None:
    results = [
        result("drop", ccp=(0.8, 0.5), softmin=(0.79996, 0.6)),
        result("swap", ccp=(0.7, 0.4), softmin=(0.9, 0.3), evidence=(0.8, 0.2)),
    ]
    header, rows = error_tables.score_table(results)
    assert header == ["score", "Drop AUROC", "Drop AUPRC", "Swap AUROC", "Swap AUPRC"]
    assert rows == [
        [
            "ccp",
            "**0.800** (0.700–0.850)",
            "0.500 (0.400–0.550)",
            "0.700 (0.600–0.750)",
            "**0.400** (0.300–0.450)",
        ],
        [
            "softmin",
            "**0.800** (0.700–0.850)",
            "**0.600** (0.500–0.650)",
            "**0.900** (0.800–0.950)",
            "0.300 (0.200–0.350)",
        ],
        ["evidence", "", "", "0.800 (0.700–0.850)", "0.200 (0.100–0.250)"],
    ]


def test_all_tables_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    exact = {"right_class": 0.75, "matching_iou": 0.5, "strongest_iou": 0.25}
    summary = {
        "confusion": {
            "swap": {"drop": 1, "swap": 3, "shift": 0, "other": 0, "none": 0},
            "shift": {"drop": 0, "swap": 0, "shift": 1, "other": 0, "none": 1},
        },
        "kinds": {
            "swap": {"images": 4, "right_type": 0.75, **exact},
            "shift": {"images": 2, "right_type": 0.5},
        },
    }
    figures = {
        "images": 20,
        "results": [result("swap", ccp=(0.8, 0.5))],
        "left_out": {"drop": "no class is unlabelled"},
        "suspects": {"FPN": {"worst": summary, "all": summary}},
    }
    error_tables.print_tables(figures)
    assert capsys.readouterr().out.splitlines() == [
        "",
        "FPN: 20 images, of which mislabelled, each kind apart: 4 Swap",
        "",
        "| score | Swap AUROC              | Swap AUPRC              |",
        "|-------|-------------------------|-------------------------|",
        "| ccp   | **0.800** (0.700–0.850) | **0.500** (0.400–0.550) |",
        "",
        "Drop is left out: no class is unlabelled.",
        "",
        "FPN: error types found, mislabelled images among the worst-ranked #errors",
        "",
        "| true error | Drop | Swap | Shift | other | none | right |",
        "|------------|------|------|-------|-------|------|-------|",
        "| Swap       | 1    | 3    | 0     | 0     | 0    | 0.750 |",
        "| Shift      | 0    | 0    | 1     | 0     | 1    | 0.500 |",
        "",
        "FPN: suggested classes and regions",
        "",
        "| true error            | images | suggested class is the true one | median IoU, suspects of the error "
        "| median IoU, strongest suspect |",
        "|-----------------------|--------|---------------------------------|-----------------------------------"
        "|-------------------------------|",
        "| Swap, ranked worst    | 4      | 0.750                           | 0.500                             "
        "| 0.250                         |",
        "| Swap, all mislabelled | 4      | 0.750                           | 0.500                             "
        "| 0.250                         |",
    ]


def test_an_interrupted_measurement_goes_on_where_it_was(
    scenes: Path, tmp_path: Path, fiftyone: Any, remove_datasets: None
) -> None:
    from benchmarks import planted

    before = files_of(scenes)
    settings = planted.Settings(
        images=scenes / "images",
        masks=scenes / "masks",
        classes=scenes / "classes.json",
        rates={"shift": 0.4, "swap": 0.3},
        architectures=("FPN",),
        audit=QUICK,
        resamples=20,
    )
    reports: list[str] = []

    def stopping(stage: str, done: int, total: int) -> None:
        reports.append(stage.split()[0])
        if reports.count("Writing") and stage.startswith("Predicting"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planted.measure(settings, tmp_path, stopping)
    assert reports.count("Encoding") and reports[-1] == "Predicting"
    reports.clear()
    figures = planted.measure(settings, tmp_path, lambda stage, done, total: reports.append(stage.split()[0]))
    assert "Planting" not in reports and "Encoding" not in reports and "Scoring" in reports
    reports.clear()
    again = planted.measure(settings, tmp_path, lambda stage, done, total: reports.append(stage.split()[0]))
    assert not {"Encoding", "Training", "Predicting", "Scoring"} & set(reports)
    for one in (*figures["results"], *again["results"]):
        assert one.pop("seconds") > 0
    assert again == figures == json.loads(json.dumps(figures))
    assert files_of(scenes) == before

    assert [one["kind"] for one in figures["results"]] == ["swap", "shift"]
    swap = figures["results"][0]
    dataset = fiftyone.load_dataset(swap["dataset"])
    kinds = dataset.values("planted_error")
    assert [kind == "swap" for kind in kinds] == swap["is_error"] and swap["errors"] == kinds.count("swap") == 3
    for kind, given, number in zip(
        *dataset.values(["planted_error", "ground_truth.mask_path", "filepath"]), strict=True
    ):
        true = cv2.imread(str(scenes / "masks" / Path(number).name), cv2.IMREAD_UNCHANGED)
        assert (cv2.imread(given, cv2.IMREAD_UNCHANGED) != true).any() == (kind == "swap")
    quality = np.array(dataset.values(f"{swap['run']}_softmin"))
    assert swap["values"]["softmin"] == quality.tolist()
    expected = auroc(np.array(swap["is_error"]), quality)
    assert swap["scores"]["softmin"]["auroc"]["value"] == pytest.approx(expected)


def test_suspects_are_read_back_and_judged(make_dataset: Any, fiftyone: Any, tmp_path: Path) -> None:
    from label_quality.plugin.inputs import open_samples
    from label_quality.plugin.noisy_masks import plant_errors

    from benchmarks import planted

    settings = planted.Settings(tmp_path, tmp_path, None, {"swap": 0.5}, ("FPN",), QUICK)
    samples = open_samples(make_dataset(count=8), "ground_truth")
    noisy_masks = plant_errors(samples, "swap", 0.5, tmp_path / "noisy", seed=1)
    dataset = planted._noisy_dataset(samples, "swap", noisy_masks)
    try:
        assert planted._findings(samples, dataset, "lq", noisy_masks, np.arange(8), settings) == {}
        noisy = open_samples(dataset, "ground_truth")
        write_perfect_suspects(samples, noisy, list(noisy_masks), tmp_path)
        dataset.reload()
        first, *others = noisy_masks
        findings = planted._findings(samples, dataset, "lq", noisy_masks, np.array([first]), settings)
        assert len(findings["worst"]) == 1 and len(findings["all"]) == 1 + len(others) > 1
        for one in findings["all"]:
            assert (one.error_type, one.regions, one.right_class, one.matching_iou) == ("swap", 2, True, 1.0)
        clean, given = samples.load_labels(first), noisy.load_labels(first)
        region = planted.found_regions(dataset[noisy.ids[first]], "lq", samples.class_table.names, clean.shape)[0]
        left, top, width, height = region.box
        inside = np.zeros_like(clean, bool)
        inside[top : top + height, left : left + width] = region.mask
        assert isinstance(region, Region) and (inside == ((given == region.given) & (clean == region.suggested))).all()
        without = next(i for i in range(8) if i not in noisy_masks)
        assert planted.found_regions(dataset[noisy.ids[without]], "lq", samples.class_table.names, clean.shape) == []
    finally:
        fiftyone.delete_dataset(dataset.name)


def write_perfect_suspects(samples: Any, noisy: Any, positions: list[int], folder: Path) -> None:
    """Suspects that are just the changed pixels, one for each direction of the swap."""
    from label_quality.plugin.suspect_fields import ImageSuspects, write_suspects

    images = []
    for position in positions:
        clean, given = samples.load_labels(position), noisy.load_labels(position)
        changed = clean != given
        pairs = sorted(set(zip(given[changed].tolist(), clean[changed].tolist(), strict=True)))
        masks = [(given == wrong) & (clean == true) for wrong, true in pairs]
        boxes = [cv2.boundingRect(mask.astype(np.uint8)) for mask in masks]
        paths = [folder / f"{position}-{row}.png" for row in range(len(pairs))]
        for path, mask, (left, top, width, height) in zip(paths, masks, boxes, strict=True):
            cv2.imwrite(str(path), 255 * mask[top : top + height, left : left + width].astype(np.uint8))
        images.append(
            ImageSuspects(
                sample_id=noisy.ids[position],
                size=clean.shape,
                given=np.array([wrong for wrong, _ in pairs]),
                suggested=np.array([true for _, true in pairs]),
                kind=["swap"] * len(pairs),
                evidence=np.arange(len(pairs)) + 1.0,
                area=np.array([mask.sum() for mask in masks]),
                confidence=np.full(len(pairs), 0.9),
                box=np.array(boxes),
                masks=[str(path) for path in paths],
            )
        )
    write_suspects(noisy.dataset, "lq", images, class_table=samples.class_table, label_field="ground_truth")


def run_command(scenes: Path, *options: str) -> subprocess.CompletedProcess[str]:
    folders = ["--images", str(scenes / "images"), "--masks", str(scenes / "masks")]
    command = [sys.executable, "-m", "benchmarks", "errors", *folders, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_the_command_prints_the_table_and_leaves_out_what_cannot_be(scenes: Path, tmp_path: Path) -> None:
    classes = {str(value): name.replace("unlabelled", "terrain") for value, name in SCENE_CLASSES.items()}
    (tmp_path / "classes.json").write_text(json.dumps(classes))
    quick = ["--folds", "2", "--epochs", "1", "--input-size", "64", "--resamples", "20", "--architectures", "default"]
    files = [
        "--classes",
        str(tmp_path / "classes.json"),
        "--work",
        str(tmp_path / "work"),
        "--out",
        f"{tmp_path}/o.json",
    ]
    done = run_command(scenes, *files, *quick, "--rates", "drop=0.2", "swap=0.3")
    assert done.returncode == 0, done.stderr
    assert "The preset's own decoder: 10 images, of which mislabelled, each kind apart: 3 Swap\n" in done.stdout
    assert "| softmin " in done.stdout and "| score " in done.stdout
    assert done.stdout.splitlines().count(
        "Drop is left out: no class is unlabelled, so nothing can be dropped to it; name it with --unlabelled."
    )
    figures = json.loads((tmp_path / "o.json").read_text())
    assert figures["unlabelled"] is None and figures["settings"]["rates"] == {"drop": 0.2, "swap": 0.3}


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
