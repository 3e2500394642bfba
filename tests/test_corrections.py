"""Corrected masks: their pixels, their files, the field, and that the given masks are never written to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from . import suspect_run

URI = "@label-quality/segmentation/write_corrected_masks"


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    return suspect_run.add_run(make_dataset(count=6), tmp_path)


@pytest.fixture
def corrections(fiftyone: Any) -> Any:
    from label_quality.plugin import corrections

    return corrections


def operator() -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(URI)


def form(dataset: Any, **params: Any) -> dict[str, Any]:
    from fiftyone.operators.executor import ExecutionContext, Executor

    request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt"}
    prop = operator().resolve_type(ExecutionContext(request, executor=Executor(), operator_uri=URI), "inputs")
    prop.to_json()
    return prop.type.properties


def errors(properties: dict[str, Any]) -> dict[str, str]:
    return {name: prop.error_message for name, prop in properties.items() if prop.invalid}


def judge(dataset: Any, index: int, number: int, verdict: str, corrected_to: str | None = None) -> None:
    from label_quality.plugin import review

    region = dataset.match({"index": index}).first().lq_suspects.detections[number]
    review.set_verdict(dataset, "lq", [region.id], verdict, corrected_to=corrected_to)


def given_masks(dataset: Any) -> list[Any]:
    return [(label.mask_path, Path(label.mask_path).read_bytes()) for label in dataset.values("ground_truth")]


def read(folder: Path, name: str) -> np.ndarray:
    return cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)


def test_confirmed_regions_take_the_class_they_should_be(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    before, folder = given_masks(dataset), tmp_path / "out"
    judge(dataset, 1, 1, "confirmed")
    judge(dataset, 3, 0, "confirmed", "tree")
    judge(dataset, 2, 0, "rejected")
    written = corrections.write_corrected_masks(dataset, output_dir=folder)
    assert written == corrections.Corrected("lq_corrected", str(folder), images=2, regions=2)
    assert sorted(path.name for path in folder.glob("*.png")) == ["001.png", "003.png"]
    expected = cv2.imread(before[1][0], cv2.IMREAD_UNCHANGED)
    expected[12:24, 16:20] = 20
    assert np.array_equal(read(folder, "001.png"), expected)
    expected = cv2.imread(before[3][0], cv2.IMREAD_UNCHANGED)
    expected[6:12, 8:16] = 20
    assert np.array_equal(read(folder, "003.png"), expected)
    dataset.reload()
    paths = [label.mask_path if label else None for label in dataset.values("lq_corrected")]
    assert paths == [None, str(folder / "001.png"), None, str(folder / "003.png"), None, None]
    assert dataset.mask_targets["lq_corrected"] == dataset.mask_targets["ground_truth"]
    assert given_masks(dataset) == before


def test_all_regions_but_the_rejected_and_a_whole_set(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    judge(dataset, 1, 0, "rejected")
    written = corrections.write_corrected_masks(dataset, regions="all", complete=True, output_dir=tmp_path / "out")
    assert (written.images, written.regions) == (6, 4)
    masks = [np.array(cv2.imread(path, cv2.IMREAD_UNCHANGED)) for path, _ in given_masks(dataset)]
    masks[1][12:24, 16:20], masks[2][0:12, 0:16], masks[3][6:12, 8:16], masks[5][:, 31] = 20, 7, 7, 3
    for index, mask in enumerate(masks):
        assert np.array_equal(read(tmp_path / "out", f"{index:03d}.png"), mask)


def test_only_a_regions_own_pixels_change(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    sample = dataset.match({"index": 3}).first()
    shape = np.zeros((6, 8), np.uint8)
    shape[2:4, 1:3] = 255
    cv2.imwrite(sample.lq_suspects.detections[0].mask_path, shape)
    corrections.write_corrected_masks(dataset.match({"index": 3}), regions="all", output_dir=tmp_path / "out")
    expected = np.array(sample.ground_truth.get_mask())
    expected[8:10, 9:11] = 7
    assert np.array_equal(read(tmp_path / "out", "003.png"), expected)


@pytest.mark.parametrize("kind", [{"rgb": True}, {"dtype": "uint16"}, {"storage": "database"}])
def test_masks_of_every_kind(make_dataset: Any, corrections: Any, tmp_path: Path, kind: dict[str, Any]) -> None:
    from label_quality.plugin.class_table import ClassTable
    from label_quality.plugin.runs import load_record, save_record

    dataset = suspect_run.add_run(make_dataset(count=6, **kind), tmp_path)
    record = load_record(dataset, "lq")
    targets = dataset.mask_targets["ground_truth"]
    record.class_table = ClassTable.from_targets(targets, unlabelled="unlabelled").to_dict()
    save_record(dataset, record)
    sample = dataset.match({"index": 3}).first()
    expected = np.array(sample.ground_truth.get_mask())
    expected[6:12, 8:16] = (0, 0, 142) if kind.get("rgb") else 7
    corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    dataset.reload()
    assert np.array_equal(dataset[sample.id].lq_corrected.get_mask(), expected)


def test_writing_again_replaces_what_was_there(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    judge(dataset, 2, 0, "confirmed")
    corrections.write_corrected_masks(dataset, output_dir=folder)
    assert [path.name for path in folder.glob("*.png")] == ["002.png"]
    assert dataset.exists("lq_corrected").values("index") == [2]


def test_other_peoples_files_are_left_alone(dataset: Any, corrections: Any) -> None:
    from label_quality.plugin.errors import LabelQualityError

    before = given_masks(dataset)
    folder = Path(before[0][0]).parent
    with pytest.raises(LabelQualityError, match=f"There are other files in {folder}. Give another `output_dir`"):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    assert given_masks(dataset) == before
    assert not dataset.has_sample_field("lq_corrected")


def test_images_of_one_name_in_two_folders_get_a_file_each(
    make_dataset: Any, fiftyone: Any, corrections: Any, tmp_path: Path
) -> None:
    dataset = make_dataset(count=6)
    paths = dataset.values("filepath")
    (tmp_path / "more").mkdir()
    for old, new in ((paths[3], tmp_path / "more" / "001.png"),):
        new.write_bytes(Path(old).read_bytes())
    dataset.set_values("filepath", [*paths[:3], str(tmp_path / "more" / "001.png"), *paths[4:]])
    suspect_run.add_run(dataset, tmp_path)
    ids = dataset.values("id")
    corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    found = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert found == {f"001-{ids[1]}.png", f"001-{ids[3]}.png", "002.png", "005.png"}


def test_deleting_the_run_deletes_the_field_and_leaves_the_masks(dataset: Any, corrections: Any) -> None:
    from label_quality.plugin.audit import delete_run

    written = corrections.write_corrected_masks(dataset, regions="all")
    assert written.folder == corrections.default_folder(dataset, "lq")
    dataset.reload()
    delete_run(dataset, "lq")
    assert not dataset.has_sample_field("lq_corrected")
    assert "lq_corrected" not in dataset.mask_targets
    assert len(list(Path(written.folder).glob("*.png"))) == 4


def test_what_is_missing_is_explained(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    from label_quality.plugin.errors import LabelQualityError, SampleError

    text = "No suspect region is confirmed yet: review the suspects first, or correct all with regions='all'."
    with pytest.raises(LabelQualityError, match=text):
        corrections.write_corrected_masks(dataset)
    with pytest.raises(LabelQualityError, match="Expected parameter `regions` to be one of confirmed, all, but got"):
        corrections.write_corrected_masks(dataset, regions="some")
    with pytest.raises(LabelQualityError, match="has no label quality run 'no'"):
        corrections.write_corrected_masks(dataset, "no")
    sample = dataset.match({"index": 3}).first()
    cv2.imwrite(sample.ground_truth.mask_path, np.zeros((8, 8), np.uint8))
    with pytest.raises(SampleError, match=f"sample {sample.id}: The given mask has another size"):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")


def test_the_form_counts_and_marks(dataset: Any, tmp_path: Path) -> None:
    assert errors(form(dataset))["regions"].startswith("No region is confirmed yet: review the suspects first")
    folder = str(tmp_path / "out")
    properties = form(dataset, regions="all", output_dir=folder)
    assert errors(properties) == {}
    assert list(properties) == ["regions", "output_dir", "advanced", "notice_plan"]
    assert properties["notice_plan"].view.label == (
        f"Corrects 5 regions in 4 images, in copies under {folder}; the given masks stay."
    )
    judge(dataset, 1, 1, "confirmed")
    assert "Corrects 1 region in 1 image" in form(dataset)["notice_plan"].view.label


def test_without_suspects_the_form_says_what_to_do(make_dataset: Any) -> None:
    text = "There are no suspects to correct yet: find suspects first, or audit the labels."
    assert errors(form(make_dataset(count=1))) == {"error_key": text}


def test_a_python_call_writes_masks(dataset: Any, tmp_path: Path) -> None:
    result = operator()(dataset, regions="all", output_dir=tmp_path / "out", progress=False).result
    assert result == {"field": "lq_corrected", "folder": str(tmp_path / "out"), "images": 4, "regions": 5}
    with pytest.raises(Exception, match="There are other files in"):
        operator()(dataset, regions="all", output_dir=tmp_path / dataset.name / "images", progress=False)
