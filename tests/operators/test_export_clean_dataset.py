"""The operator `export_clean_dataset`: its form, Python calls and delegated runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import app_edits, suspect_run
from .calls import Calls, errors

CALLS = Calls("@label-quality/segmentation/export_clean_dataset")


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    from label_quality.plugin.review.decide import set_verdict

    dataset = suspect_run.add_run(make_dataset(count=6), tmp_path)
    for index, verdict in ((1, "confirmed"), (2, "rejected")):
        region = dataset.match({"index": index}).first().lq_suspects.detections[-1]
        set_verdict(dataset, "lq", [region.id], verdict)
    return dataset


def test_the_form_says_what_will_be_done(dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    dataset.name = f"a/b {dataset.name}"
    properties = CALLS.form(dataset)
    assert errors(properties) == {}
    assert list(properties) == ["key", "unreviewed", "dataset_type", "export_dir", "advanced", "notice_plan"]
    folder = properties["export_dir"].default
    assert folder == str(tmp_path / f"a-b-{dataset.name[4:]}-clean")
    assert properties["notice_plan"].view.label == (
        "1 suspect confirmed, 1 rejected; 3 that nobody has reviewed keep their given class. Masks drawn in the App "
        "count as confirmed. The given masks stay."
    )
    assert (
        "3 that nobody has reviewed keep their images out."
        in CALLS.form(dataset, unreviewed="drop")["notice_plan"].view.label
    )
    Path(folder).mkdir()
    assert CALLS.form(dataset)["export_dir"].default == f"{folder}-2"


def test_the_form_marks_what_cannot_be(dataset: Any, make_dataset: Any, tmp_path: Path) -> None:
    text = "There are no suspects to correct yet: find suspects first, or audit the labels."
    assert errors(CALLS.form(make_dataset(count=1))) == {"error_key": text}
    folder = Path(dataset.first().filepath).parent
    text = f"There are other files in {folder}. Give another “Folder”, such as an empty one."
    assert errors(CALLS.form(dataset, export_dir=str(folder))) == {"export_dir": text}
    text = "Expected “Folder” to be a folder that can be written to, but got /proc/x: nothing can be written to /proc ("
    assert errors(CALLS.form(dataset, export_dir="/proc/x"))["export_dir"].startswith(text)
    assert "one of keep, ignore, drop" in errors(CALLS.form(dataset, unreviewed="some"))["unreviewed"]


def test_a_python_call_exports_the_view_that_it_is_given(
    dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    result = CALLS.operator()(dataset.match({"index": {"$lt": 3}}), export_dir=folder, progress=False).result
    assert {name: result[name] for name in ("folder", "images", "changed", "regions", "failures")} == {
        "folder": str(folder),
        "images": 3,
        "changed": 1,
        "regions": 1,
        "failures": [],
    }
    expected = np.array(dataset.match({"index": 1}).first().ground_truth.get_mask())
    expected[12:24, 16:20] = 20
    assert np.array_equal(cv2.imread(str(folder / "labels" / "001.png"), cv2.IMREAD_UNCHANGED), expected)
    with pytest.raises(Exception, match="There are other files in"):
        CALLS.operator()(dataset, export_dir=folder, progress=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    result = CALLS.operator()(dataset, progress=False).result
    assert (result["images"], result["folder"]) == (6, str(tmp_path / "home" / f"{dataset.name}-clean"))


def test_from_the_form_all_images_are_exported_unless_told_otherwise(dataset: Any, tmp_path: Path) -> None:
    from fiftyone.operators.executor import ExecutionContext, Executor

    def exported(name: str, **params: Any) -> int:
        from label_quality.plugin.base.progress import silent

        view = dataset.match({"index": 0})
        request = {"dataset_name": dataset.name, "view": view._serialize(), "params": params}
        request["params"]["export_dir"] = str(tmp_path / name)
        context = ExecutionContext(request, executor=Executor(), operator_uri=CALLS.uri)
        made = CALLS.operator().run(context, silent)
        shown = CALLS.operator().output(made).type.properties
        assert "The given masks are as they were." in shown["message"].view.label
        return int(made["images"])

    assert exported("all") == 6
    assert exported("view", within_view=True) == 1


def test_what_was_left_out_is_said(dataset: Any, tmp_path: Path) -> None:
    result = CALLS.operator()(dataset, export_dir=tmp_path / "out", unreviewed="drop", progress=False).result
    shown = [prop.view.label for prop in CALLS.operator().output(result).type.properties.values()]
    assert "Left out: 3 images with a suspect that nobody has reviewed." in shown


def test_a_region_that_says_nothing_is_named(dataset: Any, tmp_path: Path) -> None:
    sample = dataset.first()
    app_edits.add(dataset, sample.id, "car", [0.5, 0.5, 0.25, 0.25])
    result = CALLS.operator()(dataset, export_dir=tmp_path / "out", progress=False).result
    shown = [prop.view.label for prop in CALLS.operator().output(result).type.properties.values()]
    text = "the region 'car' has no mask. Draw one in the tab Annotate, or delete it."
    assert any(one.startswith("Not corrected: Sample") and one.replace("\\", "").endswith(text) for one in shown)
