"""A lint of a dataset in a real database: fields, view and summary; what is the user's stays; input of every kind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError

from .conftest import Interrupt
from .lint.masks import NAMES, clean_masks, written
from .predicted_files import predict

#: Index of a sample to what is found in it
FOUND = {0: ["hole"], 1: ["unknown_value", "stray"], 2: ["rare_class", "hole"]}


def street(folder: Path, fiftyone: Any, targets: dict[int, str] | None = NAMES, **labels: Any) -> Any:
    """24 clean masks but for the first three, see `FOUND`."""
    masks = clean_masks()
    masks[0][10:12, 80:82] = 2
    masks[1][118, 0:2], masks[1][20:24, 40:46] = 1, 99
    masks[2][5:7, 5:7], masks[2][100:106, 70:82] = 2, 5
    files = written(folder, masks)
    dataset = fiftyone.Dataset()
    dataset.add_samples(
        [
            fiftyone.Sample(image, index=index, ground_truth=fiftyone.Segmentation(mask_path=mask))
            for index, (image, mask) in enumerate(zip(files.image_paths, files.mask_paths, strict=True))
        ],
        progress=False,
    )
    if targets is not None:
        dataset.mask_targets = {"ground_truth": targets}
        dataset.save()
    return dataset


@pytest.fixture
def dataset(tmp_path: Path, fiftyone: Any) -> Any:
    made = street(tmp_path / "street", fiftyone)
    yield made
    made.delete()


@pytest.fixture
def lint() -> Callable[..., Any]:
    from label_quality import lint_masks

    return lint_masks


def kinds_of(dataset: Any, key: str = "lq") -> dict[int, list[str]]:
    """Index of each sample with findings to their kinds, as the detections have them."""
    dataset.reload()
    values = zip(dataset.values("index"), dataset.values(f"{key}_lint.detections.label"), strict=True)
    return {index: labels for index, labels in values if labels}


def test_findings_become_fields_a_view_and_a_summary(dataset: Any, lint: Any) -> None:
    stages: list[str] = []
    found = lint(dataset, "ground_truth", progress=lambda stage, done, total: stages.append(stage))
    assert kinds_of(dataset) == FOUND
    assert (found.key, found.images, found.affected, found.findings, found.view) == ("lq", 24, 3, 5, "lq: lint")
    assert found.counts == {"unknown_value": 1, "rare_class": 1, "hole": 2, "stray": 1}
    assert [(one.kind, one.images) for one in found.kinds] == [
        *(("unknown_value", 1), ("rare_class", 1), ("hole", 2), ("stray", 1)),
    ]
    assert list(dict.fromkeys(stages)) == ["Reading masks", "Writing findings"]
    (hole,) = dataset.first().lq_lint.detections
    assert hole.bounding_box == pytest.approx([80 / 160, 10 / 120, 2 / 160, 2 / 120])
    assert (hole.given, hole.pixels, hole.x, hole.y, hole.confidence) == ("road", 4, 80.5, 10.5, None)
    assert hole.reason.startswith("4 pixels of 'road' inside a component of 'sky': ")
    assert dataset.values("lq_lint_count")[:4] == [1, 2, 2, 0]
    assert dataset.values("lq_lint_kinds")[:4] == [*FOUND.values(), []]
    shown = dataset.load_saved_view("lq: lint").values("index")
    assert set(shown[:2]) == {1, 2} and shown[2:] == [0]
    assert [(Path(one.filepath).name, one.findings, one.kinds) for one in found.worst] == [
        ("image-1.png", 2, ["unknown_value", "stray"]),
        ("image-2.png", 2, ["rare_class", "hole"]),
        ("image-0.png", 1, ["hole"]),
    ]
    # As the sidebar does
    import fiftyone as fo

    assert dataset.match(fo.ViewField("lq_lint_kinds").contains("rare_class")).values("index") == [2]
    assert dataset.filter_labels("lq_lint", fo.ViewField("label") == "hole").values("index") == [0, 2]
    assert "lq_lint_count" in dataset.list_indexes()
    assert dataset.get_field("lq_lint.detections.reason").description == "Why it is found"


def test_a_second_lint_takes_the_place_of_the_first(dataset: Any, lint: Any) -> None:
    lint(dataset, "ground_truth")
    found = lint(dataset.match({"index": {"$ne": 2}}), "ground_truth", only_kinds=["hole"])
    assert kinds_of(dataset) == {0: ["hole"]} and found.counts == {"hole": 1}
    assert dataset.values("lq_lint_count")[:4] == [1, 0, None, 0]
    assert dataset.list_saved_views() == ["lq: lint"]
    lint(dataset, "ground_truth", key="other", max_findings=1)
    assert kinds_of(dataset, "other") == {0: ["hole"], 1: ["unknown_value"], 2: ["rare_class"]}
    assert dataset.values("other_lint_count")[:4] == [1, 2, 2, 0]
    assert kinds_of(dataset) == {0: ["hole"]}


def test_nothing_of_the_users_is_changed_or_overwritten(dataset: Any, lint: Any, tmp_path: Path) -> None:
    files = {path: path.read_bytes() for path in (tmp_path / "street").iterdir()}
    dataset.add_sample_field("mine_lint_count", fo_int())
    dataset.save_view("View: lint", dataset.view())
    with pytest.raises(LabelQualityError, match="already has a field 'mine_lint_count' that no run of this plugin"):
        lint(dataset, "ground_truth", key="mine")
    with pytest.raises(LabelQualityError, match="The view 'view: lint' cannot be saved"):
        lint(dataset, "ground_truth", key="view")
    with pytest.raises(LabelQualityError, match="Expected `key` to be a letter followed by"):
        lint(dataset, "ground_truth", key="2")
    schema = set(dataset.get_field_schema())
    settings = dataset.app_config.to_dict()
    lint(dataset, "ground_truth")
    assert lint(dataset, "ground_truth", clear=True).images == 0
    dataset.reload()
    assert set(dataset.get_field_schema()) == schema and dataset.list_saved_views() == ["View: lint"]
    assert dataset.app_config.to_dict() == settings and "lq_lint_count" not in dataset.list_indexes()
    assert {path: path.read_bytes() for path in (tmp_path / "street").iterdir()} == files


def fo_int() -> Any:
    import fiftyone as fo

    return fo.IntField


def test_findings_of_a_lint_by_itself_stay_when_a_run_of_the_key_is_scored_again_or_deleted(
    make_dataset: Any, lint: Any, tmp_path: Path
) -> None:
    from label_quality import audit_labels, delete_run, find_suspects

    dataset = make_dataset(count=6, sizes=((48, 64),))
    path = dataset.first().ground_truth.mask_path
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[20:24, 1:5] = 99
    cv2.imwrite(path, mask)
    source = {**predict(dataset, tmp_path), "unknown": "ignore"}
    lint(dataset, "ground_truth")
    found = kinds_of(dataset)
    assert "unknown_value" in found[0]
    audit_labels(dataset, "ground_truth", **source)
    audit_labels(dataset, "ground_truth", temperature=0.2, overwrite=True, **source)
    find_suspects(dataset, min_evidence=0.1)
    assert kinds_of(dataset) == found and "lq: lint" in dataset.list_saved_views()
    group = next(one for one in dataset.app_config.sidebar_groups if one.name == "Label quality (lq)")
    assert {"lq_lint", "lq_quality"} <= set(group.paths)
    lint(dataset, "ground_truth", clear=True)
    dataset.reload()
    group = next(one for one in dataset.app_config.sidebar_groups if one.name == "Label quality (lq)")
    assert "lq_quality" in group.paths and not [one for one in group.paths if "lint" in one]
    assert "lq: worst first" in dataset.list_saved_views() and "lq: lint" not in dataset.list_saved_views()
    lint(dataset, "ground_truth", only_kinds=["unknown_value"])
    delete_run(dataset, "lq")
    assert kinds_of(dataset) == {0: ["unknown_value"]}
    assert [name for name in dataset.get_field_schema() if name.startswith("lq")] == [
        *("lq_lint", "lq_lint_kinds", "lq_lint_count"),
    ]
    assert dataset.list_saved_views() == ["lq: lint"]
    group = next(one for one in dataset.app_config.sidebar_groups if one.name == "Label quality (lq)")
    assert group.paths == ["lq_lint", "lq_lint_kinds", "lq_lint_count"]
    lint(dataset, "ground_truth", clear=True)
    dataset.reload()
    assert not [name for name in dataset.get_field_schema() if name.startswith("lq")]


def test_masks_and_images_that_are_missing_or_broken_are_findings(dataset: Any, lint: Any, fiftyone: Any) -> None:
    samples = list(dataset)
    samples[5].ground_truth = None
    samples[6].ground_truth = fiftyone.Segmentation()
    for one in samples[5:7]:
        one.save()
    os.unlink(samples[7].ground_truth.mask_path)
    Path(samples[8].ground_truth.mask_path).write_bytes(b"no image")
    os.unlink(samples[0].filepath)
    lint(dataset, "ground_truth")
    broken = {5: ["missing"], 6: ["missing"], 7: ["missing"], 8: ["unreadable"]}
    assert kinds_of(dataset) == {**FOUND, **broken, 0: ["image", "hole"]}
    dataset.reload()
    reasons = {index: one.detections[0].reason for index, one in enumerate(dataset.values("lq_lint")) if one.detections}
    assert reasons[5] == (
        "Expected a mask in field 'ground_truth', but it has no label. Label it, or leave it out of the view."
    )
    assert "has neither a mask nor a mask_path" in reasons[6]
    assert reasons[7] == "The mask file does not exist. Restore it, correct the sample's path, or leave the sample out."
    assert "not an image in a format that can be read" in reasons[8]
    assert reasons[0].startswith("The image file does not exist.")
    whole = list(dataset)[5].lq_lint.detections[0]
    assert whole.bounding_box == [0, 0, 1, 1] and whole.x is None


def test_masks_in_the_database_and_datasets_without_class_names(dataset: Any, lint: Any, fiftyone: Any) -> None:
    dataset.mask_targets = {}
    dataset.save()
    for sample in dataset:
        mask = cv2.imread(sample.ground_truth.mask_path, cv2.IMREAD_UNCHANGED)
        sample.ground_truth = fiftyone.Segmentation(mask=mask)
        sample.save()
    lint(dataset, "ground_truth")
    # Every value is a class then: what was outside the table is a class that occurs once
    assert kinds_of(dataset) == {**FOUND, 1: ["rare_class", "stray"]}
    lint(dataset, "ground_truth", classes=NAMES)
    assert kinds_of(dataset) == FOUND
    lint(dataset, "ground_truth", classes=NAMES, ignored=[99, 5])
    assert kinds_of(dataset) == {0: ["hole"], 1: ["stray"], 2: ["hole"]}


def test_what_cannot_be_linted_is_refused(fiftyone: Any, dataset: Any, lint: Any) -> None:
    with pytest.raises(LabelQualityError, match="has no samples"):
        lint(dataset.limit(0), "ground_truth")
    with pytest.raises(LabelQualityError, match=r"has no field 'masks'\. Its segmentation fields are: ground_truth\."):
        lint(dataset, "masks")
    with pytest.raises(LabelQualityError, match="expected a mask in field 'ground_truth', but 24 of 24 samples"):
        dataset.clear_sample_field("ground_truth")
        lint(dataset, "ground_truth")
    assert not [name for name in dataset.get_field_schema() if name.startswith("lq")]


def test_masks_that_ignore_everything_are_empty(dataset: Any, lint: Any) -> None:
    found = lint(dataset, "ground_truth", classes={0: "unlabelled", 5: "boat"}, ignored=[1, 2, 3, 4, 99])
    # But for the third, which has a boat; and holes of ignored pixels in ignored ones are none
    assert found.counts == {"empty": 23, "rare_class": 1}


def test_a_lint_that_was_killed_at_any_write_is_finished_by_the_next(
    dataset: Any, lint: Any, interrupt: Interrupt
) -> None:
    for parameters in ({}, {"clear": True}):
        for number in count(1, 2):
            answer = interrupt(dataset, "lint_masks", kill_at=number, **parameters)
            assert answer["error"] is None
            if answer["signal"] != signal.SIGKILL:
                break
            if parameters:
                lint(dataset, "ground_truth", clear=True)
                dataset.reload()
                assert not [name for name in dataset.get_field_schema() if name.startswith("lq")], number
                assert dataset.list_saved_views() == [], number
            lint(dataset, "ground_truth")
            assert kinds_of(dataset) == FOUND, number
            assert dataset.list_saved_views() == ["lq: lint"], number
        assert number > 3


def test_the_field_of_masks_may_have_colours(dataset: Any, lint: Any) -> None:
    colors = np.array([[0, 0, 0], [70, 130, 180], [128, 64, 128], [107, 142, 35], [0, 0, 142], [9, 9, 9]], np.uint8)
    dataset.mask_targets = {
        "ground_truth": {"#{:02x}{:02x}{:02x}".format(*colors[value]): NAMES[value] for value in NAMES}
    }
    dataset.save()
    for path in dataset.values("ground_truth.mask_path"):
        mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        rgb = colors[np.where(mask < 6, mask, 0)]
        rgb[mask == 99] = (1, 2, 3)
        cv2.imwrite(path, rgb[..., ::-1])
    lint(dataset, "ground_truth")
    assert kinds_of(dataset) == FOUND
    assert dataset.match({"index": 1}).first().lq_lint.detections[0].given == "#010203"
