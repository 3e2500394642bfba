"""The command as a user gives it: what it prints, its exit status, its speed, and what Ctrl-C leaves."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.cli.main import main
from label_quality.plugin.cli.parser import make_parser
from label_quality.plugin.cli.text import describe, listed, ranking_table

from ..deletion import drop_datasets

NAMES = ("sky", "road", "car")
#: The image whose mask has sky and road swapped
WRONG = 2
COUNT = 6


@pytest.fixture
def folder(tmp_path: Path, fiftyone: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder ``street`` that is the current one, with ``images``, ``masks``, ``soft`` and ``classes.csv``.

    Mask values are 0, 5 and 9 and, at the top, 255; the datasets made during the test are deleted.
    """
    before = set(fiftyone.list_datasets())
    street = tmp_path / "street"
    rng = np.random.default_rng(0)
    for part in ("images", "masks", "soft", "hard"):
        (street / part).mkdir(parents=True)
    for index in range(COUNT):
        truth = rng.integers(0, 3, (3, 4)).repeat(8, axis=0).repeat(8, axis=1)
        cv2.imwrite(str(street / "images" / f"{index}.png"), np.array([40, 120, 220], np.uint8)[truth])
        probabilities = np.where(np.arange(3)[:, None, None] == truth, 0.8, 0.1).astype(np.float32)
        np.save(street / "soft" / f"{index}.npy", probabilities)
        values = np.array([0, 5, 9], np.uint8)
        cv2.imwrite(str(street / "hard" / f"{index}.png"), values[truth])
        mask = np.array([5, 0, 9], np.uint8)[truth] if index == WRONG else values[truth]
        mask[0] = 255
        cv2.imwrite(str(street / "masks" / f"{index}_mask.png"), mask)
    (street / "classes.csv").write_text("id,name\n0,sky\n5,road\n9,car\n")
    monkeypatch.chdir(street)
    yield street
    drop_datasets(set(fiftyone.list_datasets()) - before)


AUDIT = ("audit", "--images", "images", "--masks", "masks", "--classes", "classes.csv", "--ignored", "255")


def label_quality(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    output = capsys.readouterr()
    return status, output.out, output.err


def table_of(output: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table in the output."""
    lines = output.splitlines()
    top = next(number for number, line in enumerate(lines) if line.startswith("----"))
    rows = lines[top + 1 :]
    return lines[top - 1].split(), [line.split() for line in rows[: rows.index("") if "" in rows else None]]


def test_folders_of_images_masks_and_predictions_become_a_ranking(folder: Path, capsys: Any, fiftyone: Any) -> None:
    (folder / "masks" / "4_mask.png").unlink()
    status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft")
    assert status == 0
    assert "1 of 6 images have no mask and are left out: 4.png." in err
    assert "Note: No unlabelled class is known, so no suspect can be a Drop; --unlabelled names it where" in out
    assert "Writing fields: 5 of 5" in err
    assert "5 of 5 images scored in" in out and "(run 'lq', 3 classes)." in out
    header, rows = table_of(out)
    assert header == ["rank", "quality", "ccp", "tccp", "cil", "clc", "iou", "coco", "softmin", "evidence", "image"]
    assert len(rows) == 5 and rows[0][0] == "1" and rows[0][-1] == f"images/{WRONG}.png"
    dataset = fiftyone.load_dataset("street")
    worst = dataset.match({"filepath": str(folder / "images" / f"{WRONG}.png")}).first()
    scores = [getattr(worst, f"lq_{name}") for name in header[1:-1]]
    assert rows[0][1:-1] == [f"{score:.3f}" for score in scores]
    assert out.endswith("\nOpen the App:  label-quality app street\n")
    assert dataset.mask_targets["ground_truth"] == {0: "sky", 5: "road", 9: "car"}


def test_the_same_command_again_is_quick_and_another_one_is_refused(folder: Path, capsys: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft")[0] == 0
    status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--worst", "1")
    assert status == 0 and "Scoring" not in err
    assert len(table_of(out)[1]) == 1
    status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--temperature", "0.2")
    assert status == 1 and out == ""
    assert err.startswith("error: Dataset 'street' has a run 'lq' of ")
    assert err.endswith("Pass --overwrite to replace it, or use another --key to keep both.\n")
    assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--temperature", "0.2", "--overwrite")[0] == 0


def test_a_clean_dataset_is_exported_after_a_review(folder: Path, capsys: Any, fiftyone: Any) -> None:
    from label_quality.plugin.review.decide import set_verdict

    # Without probabilities, which say that in these pictures nothing is wrong
    status, _, _ = label_quality(capsys, *AUDIT, "--predictions", "soft", "--worst", "0", "--no-probability")
    assert status == 0
    dataset = fiftyone.load_dataset("street")
    regions = dataset.values("lq_suspects.detections.id", unwind=True)
    set_verdict(dataset, "lq", regions[:1], "confirmed")
    before = {path.name: path.read_bytes() for path in (folder / "masks").iterdir()}
    status, out, err = label_quality(capsys, "export", "street", "clean", "--unreviewed", "ignore")
    assert status == 0 and "Exporting: 6 of 6" in err
    lines, target = out.splitlines(), folder / "clean"
    pixels = json.loads((target / "manifest.json").read_text())["counts"]["pixels"]
    assert lines[0] == (
        f"Exported 6 images with 1 corrected suspect and {pixels} changed pixels to {target}; "
        f"{target / 'manifest.json'} says what and why."
    )
    assert lines[1:] == [f"Ignored: {len(regions) - 1} suspects that nobody has reviewed."]
    assert len(list((target / "labels").iterdir())) == COUNT
    assert {path.name: path.read_bytes() for path in (folder / "masks").iterdir()} == before
    status, out, err = label_quality(capsys, "export", "street", "clean")
    text = f"error: There are other files in {target}. Give another DIR, such as an empty one.\n"
    assert (status, out, err.splitlines(keepends=True)[-1]) == (1, "", text)
    status, _, err = label_quality(capsys, "export", "street", "other", "--key", "two")
    assert status == 1 and "has no label quality run 'two'. Its runs are: lq." in err
    # What was exported can be audited again
    again = ("audit", "--images", "clean/data", "--masks", "clean/labels", "--classes", "clean/classes.json")
    status, out, _ = label_quality(capsys, *again, "--ignored", "255", "--predictions", "soft", "--name", "again")
    assert status == 0 and "6 of 6 images scored" in out


def test_corrections_are_loaded_and_what_they_change_is_told(folder: Path, capsys: Any, fiftyone: Any) -> None:
    status, _, _ = label_quality(capsys, *AUDIT, "--predictions", "soft", "--worst", "0", "--no-probability")
    assert status == 0
    given = cv2.imread(f"masks/{WRONG}_mask.png", cv2.IMREAD_UNCHANGED)
    mask = cv2.imread(f"hard/{WRONG}.png", cv2.IMREAD_UNCHANGED)
    mask[0] = 255
    (folder / "mended").mkdir()
    cv2.imwrite(f"mended/{WRONG}.png", mask)
    status, out, err = label_quality(capsys, "corrections", "street", "mended", "--reviewer", "ann")
    assert status == 0 and "Comparing masks: 1 of 1" in err
    lines, pixels = out.splitlines(), np.count_nonzero(mask != given)
    assert lines[0] == f"Loaded 1 corrected mask from the folder mended: 1 image and {pixels} pixels changed."
    dataset = fiftyone.load_dataset("street")
    suspects = dataset.match({"filepath": {"$regex": f"{WRONG}.png$"}}).first().lq_suspects.detections
    number = len(suspects)
    assert {one.outcome for one in suspects} == {"resolved"} and number > 1
    assert lines[1] == f"{number} suspects resolved ({number} as suggested), 0 still suspect, 0 newly wrong."
    header, rows = table_of(out)
    assert header == ["was", "is", "pixels", "images"]
    found = {(was, became): (int(count), images) for was, became, count, images in rows}
    assert found == {
        ("sky", "road"): (np.count_nonzero((given == 0) & (mask == 5)), "1"),
        ("road", "sky"): (np.count_nonzero((given == 5) & (mask == 0)), "1"),
    }
    assert lines[-1] == "The saved view 'lq: corrected images' shows them, the most changed first."
    status, _, err = label_quality(capsys, "corrections", "street", "nothing")
    assert status == 1 and "There is no folder, field, dataset or annotation run 'nothing'" in err
    status, _, err = label_quality(capsys, "corrections", "street", "mended", "--source-kind", "annotation")
    assert status == 1 and "has no annotation run 'mended'. Annotation runs: none." in err


def test_suspects_are_told_and_found_again_with_other_thresholds(folder: Path, capsys: Any, fiftyone: Any) -> None:
    all_rated = ("--min-probability", "0")
    chosen = ("--predictions", "soft", "--worst", "0", "--max-regions", "1")
    status, out, _ = label_quality(capsys, *AUDIT, *chosen, *all_rated)
    assert status == 0
    lines = out.splitlines()
    assert lines[3].startswith("1 suspect in 1 image: 1 ")
    assert "Given and suggested labels have a mean IoU of 0." in lines[3]
    assert lines[4].startswith("Note: No unlabelled class is known, so no suspect can be a Drop; --unlabelled names it")
    assert lines[6] == "Issues, the most probable mistakes first (share is of the given class):"
    assert lines[8].split() == ["kind", "suspects", "probable", "images", "share", "issue"]
    assert lines[10].split()[1:4:2] == ["1", "1"] and lines[10].split()[-3:-1] == ["given", "as"]
    for path in (folder / "soft").iterdir():
        path.unlink()
    status, out, err = label_quality(capsys, "suspects", "street", "--max-regions", "all", "--workers", "1", *all_rated)
    assert status == 0 and "Finding suspects: 6 of 6" in err
    found = fiftyone.load_dataset("street").count("lq_suspects.detections")
    assert out.startswith(f"{found} suspects in 1 image: ") and found > 1
    status, out, _ = label_quality(capsys, "suspects", "street", "--min-area", "1")
    assert (status, out.splitlines()[0]) == (0, "No suspects.")
    status, out, err = label_quality(capsys, "suspects", "street", "--min-area", "2")
    assert (status, out, err) == (1, "", "error: Expected --min-area to be in [0, 1], but got 2.0.\n")
    status, _, err = label_quality(capsys, "suspects", "street", "--key", "two")
    assert status == 1 and "has no label quality run 'two'. Its runs are: lq." in err
    status, out, _ = label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-suspects", "--min-area", "0.1")
    assert status == 1


def test_errors_are_estimated_from_a_sample_that_is_judged(
    folder: Path, capsys: Any, fiftyone: Any, tmp_path: Path
) -> None:
    from label_quality import set_verdict

    label_quality(capsys, *AUDIT, "--predictions", "soft", "--min-probability", "0")
    arguments = ("estimate", "street", "--verdicts", "40", "--images", "4", "--suspects", "0")
    status, out, err = label_quality(capsys, *arguments)
    assert status == 0 and "Drawing places: 6 of 6" in err
    assert out.splitlines()[0] == (
        "Judged: 0 of 40 places, 0 of 4 images. The saved view 'lq: places to judge' has those that are left."
    )
    assert out.splitlines()[1].startswith("Note: Too few of the places are judged for an estimate: judge the first ")
    dataset = fiftyone.load_dataset("street")
    ids = [one for image in dataset.values("lq_sample.detections.id") for one in image or []]
    set_verdict(dataset, "lq", ids, "rejected")
    status, out, err = label_quality(capsys, *arguments, "--json", str(tmp_path / "estimate.json"))
    lines = out.splitlines()
    assert status == 0 and lines[0] == "Judged: 40 of 40 places, 4 of 4 images."
    assert any(line.startswith("Wrong pixels ") and "0 % (0 % to " in line for line in lines)
    assert lines[-5].split() == ["class", "pixels", "truly", "another", "class", "missed"]
    found = json.loads((tmp_path / "estimate.json").read_text())
    assert found["wrong_pixels"]["value"] == 0 and 0 < found["wrong_pixels"]["high"] < 0.2
    assert found["places"] == {"shown": 40, "judged": 40, "counted": 40}
    assert (found["dataset"], found["key"]) == ("street", "lq")
    mine = tmp_path / "classes.json"
    mine.write_text('{"0": "road"}\n')
    status, out, err = label_quality(capsys, *arguments, "--json", str(mine))
    assert (status, out) == (1, "") and err == (
        f"error: There is a file {mine} already, which is not what this command has written of run 'lq' of dataset "
        "'street'. Give another --json, or remove the file.\n"
    )
    assert mine.read_text() == '{"0": "road"}\n'
    status, out, err = label_quality(capsys, *arguments, "--json", str(tmp_path))
    assert (status, out) == (1, "")
    assert err == f"error: Expected --json to be a file, but {tmp_path} is a folder.\n"
    status, _, err = label_quality(capsys, *arguments, "--seed", "7")
    assert status == 1 and "Expected --seed to be 51" in err and "overwrite" in err
    status, _, err = label_quality(capsys, "estimate", "street", "--verdicts", "2")
    assert status == 1 and err == "error: Expected --verdicts to be in [10, 10000], but got 2.\n"
    label_quality(capsys, *arguments[:-1], "4")
    dataset.reload()
    ids, given = (dataset.values(f"lq_sample.detections.{of}", unwind=True) for of in ("id", "verdict"))
    open_ones = [one for one, verdict in zip(ids, given, strict=True) if verdict is None]
    assert len(open_ones) == 4
    set_verdict(dataset, "lq", open_ones, "confirmed")
    status, out, _ = label_quality(capsys, *arguments[:-1], "4", "--json", str(tmp_path / "estimate.json"))
    assert "issue" in out and "really mistakes" in out
    issues = json.loads((tmp_path / "estimate.json").read_text())["issues"]
    assert sum(one["judged"] for one in issues) == 4
    for one in issues:
        title = f"{one['suggested']} given as {one['given']}"
        assert any(line.startswith(title) for line in out.splitlines()) == bool(one["judged"] and one["suspects"])


def test_masks_are_linted_without_a_run(folder: Path, capsys: Any, fiftyone: Any) -> None:
    for index in range(COUNT):
        mask = cv2.imread(str(folder / "masks" / f"{index}_mask.png"), cv2.IMREAD_UNCHANGED)
        mask[0] = mask[1]
        if index == 0:
            mask[12:14, 9:12] = 77
        cv2.imwrite(str(folder / "masks" / f"{index}_mask.png"), mask)
    dataset = dataset_of(folder)
    status, out, err = label_quality(capsys, "lint", dataset.name, "--only-kinds", "unknown_value", "frame")
    assert status == 0 and "Reading masks: 6 of 6" in err
    lines = out.splitlines()
    assert lines[0] == "1 finding in 1 of 6 masks."
    assert lines[4].split(maxsplit=3) == ["unknown_value", "1", "1", "values outside the class table"]
    assert "unknown_value: 6 pixels of the value 77, which is not in the class table. Add it to the classes" in out
    assert lines[-1] == "The saved view 'lq: lint' shows them, those with the most first."
    dataset.reload()
    assert sum(dataset.values("lq_lint_count")) == 1
    classes = "0: sky, 5: road, 9: car, 77: lamp"
    status, out, _ = label_quality(capsys, "lint", dataset.name, "--classes", classes, "--only-kinds", "unknown_value")
    assert (status, out) == (0, "Nothing found in 6 masks.\n")
    status, out, _ = label_quality(capsys, "lint", dataset.name, "--clear")
    assert (status, out) == (0, "What a lint has written as 'lq' is deleted.\n")
    dataset.reload()
    assert not dataset.has_sample_field("lq_lint")
    status, _, err = label_quality(capsys, "lint", dataset.name, "--outlier", "0")
    assert status == 1 and "Expected --outlier to be positive, but got 0.0." in err
    status, _, err = label_quality(capsys, "lint", dataset.name, "--label-field", "nope")
    assert status == 1 and "has no field 'nope'" in err


def dataset_of(folder: Path) -> Any:
    """The dataset of the folder, without a run."""
    from label_quality import dataset_from_folders

    return dataset_from_folders("street", folder / "images", folder / "masks", {0: "sky", 5: "road", 9: "car"})


def test_objects_are_scored_and_told_by_class(folder: Path, capsys: Any, fiftyone: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft")[0] == 0
    status, out, err = label_quality(capsys, "objects", "street", "--min-area", "0", "--workers", "1")
    assert status == 0 and "Scoring objects: 6 of 6" in err
    lines, found = out.splitlines(), fiftyone.load_dataset("street").count_values("lq_objects.detections.label")
    assert lines[0] == f"{sum(found.values())} objects in 6 images."
    assert lines[2].split() == ["class", "objects", "look", "like", "another", "mean", "quality"]
    assert {line.split()[0]: int(line.split()[1]) for line in lines[4:-2]} == found
    assert lines[-1] == "The saved view 'lq: worst objects' shows them, the worst first."
    status, out, err = label_quality(capsys, "objects", "street", "--only-classes", "car")
    assert status == 0 and [line.split()[0] for line in out.splitlines()[4:-2]] == ["car"]
    assert label_quality(capsys, "objects", "street", "--min-area", "1")[1] == "No objects.\n"
    status, out, err = label_quality(capsys, "objects", "street", "--max-objects", "0")
    assert (status, out, err) == (1, "", "error: Expected --max-objects to be in [1, 10000], but got 0.\n")


def test_what_clean_masks_are_worth_is_measured(folder: Path, capsys: Any, fiftyone: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-probability")[0] == 0
    dataset = fiftyone.load_dataset("street")
    true = [fiftyone.Segmentation(mask_path=path.replace("images", "hard")) for path in dataset.values("filepath")]
    dataset.set_values("true", true)
    training = ("--folds", "2", "--epochs", "1", "--weights", "none", "--input-size", "64", "--preset", "fast")
    fields = ("--clean-field", "true", "--verified-field", "true")
    status, out, err = label_quality(capsys, "gain", "street", *fields, "--repeats", "1", *training)
    assert status == 0 and "Clean masks (3 of 3): Predicting: 6 of 6" in err
    lines = out.splitlines()
    assert lines[0].startswith("Trained on the clean masks, mIoU is ") and "95 % interval" in lines[0]
    assert lines[2] == "Trained once on 6 images and judged on 6 verified ones."
    assert lines[3].startswith("Note: Trained once: the intervals say nothing")
    assert [line.split()[0] for line in lines[9:12]] == ["Given", "Without", "Clean"]
    assert {line.split()[0] for line in lines[-3:]} == {"sky", "road", "car"}
    status, _, err = label_quality(capsys, "gain", "street", "--repeats", "0")
    assert (status, err) == (1, "error: Expected --repeats to be at least 1, but got 0.\n")


def test_a_run_is_broken_down(folder: Path, capsys: Any, fiftyone: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft")[0] == 0
    dataset = fiftyone.load_dataset("street")
    dataset.set_values("annotator", [f"p{index // 2}" for index in range(COUNT)])
    status, out, _ = label_quality(capsys, "breakdown", "street", "annotator", "--rows", "2")
    lines = out.splitlines()
    assert status == 0 and lines[0].startswith("Run 'lq' by 'annotator', those first of which it is surest")
    assert lines[2].split()[0] == "annotator" and lines[4].split()[:2] == ["p1", "2"]
    assert "50 % (9.5 to 91 %)" in lines[4] and lines[-1] == "1 other not shown: --rows shows more."
    status, _, err = label_quality(capsys, "breakdown", "street", "nobody")
    assert (
        status == 1
        and "Dataset 'street' has no field 'nobody'. To choose from: prediction_file, annotator, tags" in err
    )


def test_two_runs_are_compared(folder: Path, capsys: Any, fiftyone: Any) -> None:
    for key in ("lq", "again"):
        assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-probability", "--key", key)[0] == 0
    status, out, err = label_quality(capsys, "compare", "street", "lq", "again")
    lines = out.splitlines()
    assert status == 0 and "Comparing suspects: 6 of 6" in err
    assert lines[0] == (
        "Of 6 images, 0 have a higher quality in 'again' than in 'lq' and 0 a lower one; the mean changed by +0.000."
    )
    assert lines[1].endswith(" after: 0 gone, 0 new. Issues: 0 gone, 0 new.")
    assert "Suspects by issue, the most changed first; those rejected before are no change:" in lines
    assert fiftyone.load_dataset("street").values("again_change") == [0.0] * COUNT
    status, _, err = label_quality(capsys, "compare", "street", "lq", "lq")
    assert (status, err) == (1, "error: Expected AFTER to be another run than 'lq', but got 'lq'.\n")


def test_predictions_are_evaluated_for_fiftyones_panel(folder: Path, capsys: Any, fiftyone: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-probability")[0] == 0
    status, out, err = label_quality(capsys, "evaluate", "street", "--bandwidth", "3", "--eval-key", "edges")
    lines = out.splitlines()
    assert status == 0 and "Evaluating predictions: 6 of 6" in err
    assert lines[0].startswith("The predictions of run 'lq' have the given class at ")
    assert lines[1] == "The panel Model Evaluation opens it as 'edges'."
    assert lines[3].split() == ["class", "given", "pixels", "IoU", "precision", "recall"]
    dataset = fiftyone.load_dataset("street")
    assert dataset.get_evaluation_info("edges").config.bandwidth == 3
    status, _, err = label_quality(capsys, "evaluate", "street", "--eval-key", "edges")
    assert status == 1 and err.endswith("Pass --overwrite to evaluate again, or use another --eval-key to keep both.\n")


def test_a_report_is_written(folder: Path, capsys: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-probability")[0] == 0
    status, out, err = label_quality(capsys, "report", "street", "report.html", "--images", "2", "--issues", "1")
    target = folder / "report.html"
    assert (status, out) == (0, f"Wrote a report with 2 images and 1 issue to {target}.\n")
    assert "Drawing: 3 of 3" in err and target.read_text().startswith("<!doctype html>")
    status, _, err = label_quality(capsys, "report", "street", "report.html")
    text = f"error: There is a file {target} already. Give another FILE, or replace it with --overwrite.\n"
    assert (status, err) == (1, text)


def test_predicted_masks_and_a_class_map(folder: Path, capsys: Any) -> None:
    status, out, _ = label_quality(capsys, *AUDIT, "--predictions", "hard", "--key", "hard")
    assert status == 0
    assert table_of(out)[0] == ["rank", "quality", "ccp", "iou", "image"]
    for index in range(COUNT):
        path = folder / "soft" / f"{index}.npy"
        np.save(path, np.load(path)[[1, 2, 0]])
    (folder / "map.json").write_text(json.dumps({"0": "road", "1": 9, "2": "sky"}))
    status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--class-map", "map.json")
    assert status == 0, err
    header, rows = table_of(out)
    assert rows[0][-1] == f"images/{WRONG}.png"
    assert float(rows[1][header.index("softmin")]) == pytest.approx(0.8, abs=0.01)


def test_a_dataset_of_fiftyones_runs_and_their_deletion(folder: Path, capsys: Any, fiftyone: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--name", "my street", "--predictions", "soft")[1].endswith(
        "label-quality app 'my street'\n"
    )
    again = ("audit", "--dataset", "my street", "--field", "prediction_file", "--ignored", "255", "--key", "two")
    status, out, err = label_quality(capsys, *again, "--scores", "ccp", "softmin", "--no-per-class", "--worst", "0")
    assert status == 0, err
    assert "Worst images" not in out
    status, out, _ = label_quality(capsys, "runs", "my street")
    assert status == 0
    assert [line.split()[:6] for line in out.splitlines()[2:]] == [
        ["lq", "ground_truth", "files", "6", "6", "complete"],
        ["two", "ground_truth", "files", "6", "6", "complete"],
    ]
    assert "my street\n\nkey " in label_quality(capsys, "runs")[1]
    status, out, _ = label_quality(capsys, "delete", "my street", "two")
    assert (status, out) == (0, "Run 'two' is deleted: its fields, views, files and record.\n")
    dataset = fiftyone.load_dataset("my street")
    assert dataset.list_runs() == ["lq"] and not dataset.has_sample_field("two_quality")
    status, _, err = label_quality(capsys, "delete", "my street", "two")
    assert status == 1
    assert err == "error: Dataset 'my street' has no label quality run 'two'. Its runs are: lq.\n"


def test_bad_samples_can_be_left_out(folder: Path, capsys: Any) -> None:
    (folder / "soft" / "3.npy").unlink()
    status, _, err = label_quality(capsys, *AUDIT, "--predictions", "soft")
    assert status == 1
    assert f"{folder}/images/3.png): has no prediction file in field 'prediction_file'." in err
    status, out, _ = label_quality(capsys, *AUDIT, "--predictions", "soft", "--skip-failures")
    assert status == 0
    assert "5 of 6 images scored" in out
    assert "\nLeft out: sample " in out and "images/3.png" in out


def test_advice_names_options_and_leaves_calls_as_they_are(folder: Path, capsys: Any) -> None:
    two = [*AUDIT[:-3], "0: sky, 5: road", *AUDIT[-2:]]
    status, _, err = label_quality(capsys, *two, "--predictions", "soft")
    assert status == 1
    advice = (
        "Add them to the classes (the dataset's mask targets, or --classes), list them in --ignored, or leave those "
        "pixels out with --unknown ignore."
    )
    assert advice in err
    status, _, err = label_quality(capsys, *AUDIT, "--leave-out", "lq")
    assert status == 1
    assert err.endswith("Audit once without it, and then with another key: --key lq_second, --leave-out lq.\n")
    assert label_quality(capsys, *AUDIT, "--predictions", "soft", "--no-suspects", "--key", "first")[0] == 0
    status, _, err = label_quality(capsys, *AUDIT, "--leave-out", "first")
    assert status == 1
    assert err.endswith("or their files are gone. Find them with find_suspects(dataset, key='first').\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["audit"],
            2,
            "Give --images DIR and --masks DIR, or --dataset NAME for a dataset that FiftyOne has.",
        ),
        (["audit", "--images", "images"], 2, "Give --images DIR and --masks DIR, or --dataset NAME for a dataset "),
        (
            ["audit", "--dataset", "street", "--masks", "masks"],
            2,
            "--dataset is a dataset that exists; --masks is for making one. Give one of them.",
        ),
        (
            [*AUDIT, "--label-field", "x"],
            2,
            "--label-field is for --dataset; masks of --masks go to the field 'ground_truth'.",
        ),
        ([*AUDIT, "--predictions", "soft", "--folds", "3"], 2, "--folds cannot be used with --source files."),
        ([*AUDIT, "--predictions", "soft", "--source", "model"], 2, "--predictions is for --source files, but got "),
        ([*AUDIT, "--source", "files"], 2, "--source files needs --predictions DIR, or --field FIELD for a field "),
        ([*AUDIT, "--source", "model"], 2, "--source model needs --model: a checkpoint, or the name of a model."),
        ([*AUDIT, "--folds", "1"], 1, "Expected --folds to be at least 2, but got 1."),
        ([*AUDIT, "--group-field", "a", "--blocks"], 1, "Expected --blocks to be False where group_field is given"),
        ([*AUDIT, "--temperature", "-1"], 1, "Expected --temperature to be positive, but got -1.0."),
        ([*AUDIT, "--predictions", "nowhere"], 1, "The prediction folder nowhere does not exist."),
        ([*AUDIT, "--predictions", "soft", "--ignored", "sea"], 1, "No class is called 'sea'; the classes are sky, "),
        ([*AUDIT, "--predictions", "soft", "--key", "2"], 1, "Expected --key to be a letter followed by up to 63 "),
        ([*AUDIT, "--classes", "no.csv"], 1, "Cannot read the class file no.csv: [Errno 2] No such file or directory"),
        (
            [*AUDIT, "--predictions", "soft", "--class-map", "no.json"],
            1,
            "Cannot read the class map no.json: [Errno 2]",
        ),
        (["audit", "--dataset", "steet"], 1, "FiftyOne has no dataset named 'steet'. There "),
        (["app", "steet"], 1, "FiftyOne has no dataset named 'steet'. There "),
    ],
)
def test_mistakes_are_explained(arguments: list[str], status: int, message: str, folder: Path, capsys: Any) -> None:
    found, out, err = label_quality(capsys, *arguments)
    assert err.splitlines()[-1].startswith(f"error: {message}")
    assert (found, out) == (status, "")


def test_a_class_map_that_is_none_is_refused(folder: Path, capsys: Any) -> None:
    for content in ("[1]", "{}", '{"0": null}', '{"0": true}'):
        (folder / "map.json").write_text(content)
        status, _, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--class-map", "map.json")
        assert status == 1 and 'Expected the class map map.json to hold {"0": "road", "car": 7}' in err


def test_options_of_the_wrong_kind_are_usage_errors(capsys: Any) -> None:
    for arguments, problem in (
        ([*AUDIT, "--worst", "-1"], "argument --worst: expected a whole number of at least 0, but got '-1'"),
        ([*AUDIT, "--folds", "x"], "argument --folds: expected a whole number, but got 'x'"),
        ([*AUDIT, "--port", "70000"], "argument --port: expected a port in 1..65535, but got '70000'"),
        ([*AUDIT, "--fold", "3"], "unrecognized arguments: --fold 3"),
        ([*AUDIT, "--scores", "best"], "argument --scores: invalid choice: 'best'"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 2
        assert problem in capsys.readouterr().err


def test_a_taken_port_is_noticed_before_the_work(folder: Path, capsys: Any) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--app", "--port", port)
    assert (status, out) == (1, "")
    assert f"The App cannot have port {port} (Address already in use): another App may be open." in err


def test_every_parameter_of_the_engine_is_an_option() -> None:
    from label_quality.plugin.models.config import ModelSource
    from label_quality.plugin.predictions.config import FilesSource
    from label_quality.plugin.runs.request import Request
    from label_quality.plugin.scores.config import ScoreConfig
    from label_quality.plugin.training.config import CrossValidation

    commands = make_parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    options = {action.dest for action in commands["audit"]._actions}
    for group in (Request, CrossValidation, ModelSource, FilesSource, ScoreConfig):
        assert {field.name for field in dataclasses.fields(group)} <= options


def test_where_an_audit_runs_can_be_said(folder: Path, capsys: Any) -> None:
    status, out, _ = label_quality(capsys, *AUDIT, "--predictions", "soft", "--engine", "local")
    assert status == 0 and "6 of 6 images scored" in out
    status, out, err = label_quality(capsys, *AUDIT, "--predictions", "soft", "--num-gpus", "2")
    assert (status, out) == (1, "")
    assert err == ("error: Expected --engine to be 'ray' where address or num_gpus is given, but got 'local'.\n")


def test_weights_may_be_none() -> None:
    options = make_parser().parse_args([*AUDIT, "--weights", "none"])
    assert options.weights is None
    assert "weights" not in make_parser().parse_args(AUDIT)


def test_help_is_quick_and_imports_neither_fiftyone_nor_torch() -> None:
    code = """
import sys
from label_quality.plugin.cli.main import main
try:
    main(["audit", "--help"])
finally:
    slow = {"fiftyone", "torch", "cv2", "numba", "numpy"} & set(sys.modules)
    assert not slow, slow
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--only-folds" in done.stdout
    usage = subprocess.run([sys.executable, "-m", "label_quality.plugin.cli.main"], capture_output=True, text=True)
    assert usage.returncode == 2 and usage.stderr.startswith("usage: label-quality ")


def test_the_version_is_the_manifests(capsys: Any) -> None:
    assert main(["--version"]) == 0
    version = capsys.readouterr().out.split()[1]
    assert f"version: {version}\n" in (Path(__file__).parents[2] / "fiftyone.yml").read_text()


@pytest.mark.slow
def test_ctrl_c_while_models_train_and_once_more(folder: Path, capsys: Any) -> None:
    training = (*AUDIT, "--preset", "fast", "--folds", "2", "--epochs", "3", "--input-size", "64")
    process = subprocess.Popen(
        [sys.executable, "-m", "label_quality.plugin.cli.main", *training],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, their children would ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stderr is not None
    said = ""
    while "Encoding images: 6 of 6" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.endswith("\nStopped. Start the same command again to go on from here.\n")
    assert "Traceback" not in err
    status, out, err = label_quality(capsys, *training)
    assert status == 0, err
    assert len(table_of(out)[1]) == COUNT


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(folder: Path, capsys: Any) -> None:
    assert label_quality(capsys, *AUDIT, "--predictions", "soft")[0] == 0
    command = f"{sys.executable} -m label_quality.plugin.cli.main runs street | true"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_long_lists_of_failures_and_names_are_cut() -> None:
    from label_quality.plugin.runs.summary import RankedImage, RunSummary

    summary = RunSummary("lq", "complete", 20, 6, 3, (), tuple(f"sample {i}" for i in range(14)), "Beware.", 61.0)
    lines = describe(summary).splitlines()
    assert lines[1:3] == ["6 of 20 images scored in 61 s (run 'lq', 3 classes).", "Note: Beware."]
    assert lines[3] == "Left out: sample 0" and lines[12] == "Left out: sample 9"
    assert lines[13] == "... and 4 more, all in the run's record."
    assert lines[-1] == "(no image has scores)"
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
    ranked = [RankedImage("1", "/a.png", 0.5, {"ccp": None, "iou": 0.25})]
    assert ranking_table(ranked).splitlines()[-1].split() == ["1", "0.500", "-", "0.250", "/a.png"]


def test_of_hundreds_of_classes_the_first_are_shown() -> None:
    from label_quality.plugin.cli.text import objects_text
    from label_quality.plugin.runs.summary import ScoredObjects

    classes = tuple({"name": f"class {i}", "objects": 2, "unlike": 0, "quality": i / 300} for i in range(300))
    lines = objects_text(ScoredObjects(600, 12, classes), "lq").splitlines()
    assert lines[4].split()[:2] == ["class", "0"] and lines[53].split()[:2] == ["class", "49"]
    assert lines[54] == "... and 250 more classes." and len(lines) == 57
    assert "more class" not in objects_text(ScoredObjects(100, 12, classes[:50]), "lq")


def test_a_summary_as_a_notebook_shows_it_is_short() -> None:
    from label_quality.plugin.runs.summary import FoundSuspects, RankedImage, RunSummary

    worst = tuple(RankedImage(f"{i:024x}", f"/images/{i}.png", i / 50, {"iou": 0.5}) for i in range(50))
    found = FoundSuspects(3, 2, {"drop": 3}, 0.9, ({"title": "car given as road", "regions": 3},) * 10)
    summary = RunSummary("lq", "complete", 60, 50, 3, worst, ("a mask is missing",) * 10, suspects=found)
    assert repr(summary) == (
        "RunSummary(key='lq', status='complete', images=60, scored=50, classes=3, note='', seconds=0.0, folder='', "
        "suspects=FoundSuspects(regions=3, images=2, by_type={'drop': 3}, label_miou=0.9, notes=()), objects=None, "
        "lint=None)"
    )


def test_a_run_without_suspects_says_why() -> None:
    from label_quality.plugin.runs.summary import FoundSuspects, RunSummary

    why = FoundSuspects(notes=("No suspects were looked for: no reason.",))
    summary = RunSummary("lq", "complete", 20, 6, 3, suspects=why)
    assert describe(summary, 0).splitlines()[2:] == ["", "Note: No suspects were looked for: no reason."]
    assert describe(dataclasses.replace(summary, suspects=None), 0).splitlines()[2:] == []
