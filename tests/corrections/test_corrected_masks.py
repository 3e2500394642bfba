"""Corrected masks: their pixels, their files, the field, and that the given masks are never written to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from .. import predicted, suspect_run

URI = "@label-quality/segmentation/write_corrected_masks"


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def corrections(fiftyone: Any) -> Any:
    from label_quality.plugin.corrections import corrected_masks as corrections

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
    from label_quality.plugin.review import decide as review

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
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

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


def test_gray_masks_of_classes_that_are_colours(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    """As of black and white ones: what is written has three channels, as the classes have."""
    suspect_run.name_colours(dataset)
    sample = dataset.match({"index": 3}).first()
    expected = np.repeat(sample.ground_truth.get_mask()[..., None], 3, axis=2)
    expected[6:12, 8:16] = 7
    corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    dataset.reload()
    assert np.array_equal(dataset[sample.id].lq_corrected.get_mask(), expected)


def test_values_that_no_file_has_are_refused(make_dataset: Any, corrections: Any, tmp_path: Path) -> None:
    """As geographic programs write where there is no data; as 8 or 16 bits it would be another value."""
    from label_quality import LabelQualityError, export_clean_dataset
    from label_quality.plugin.records.run_record import load_record, save_record

    dataset = make_dataset(count=6)
    sample = dataset.match({"index": 3}).first()
    mask = sample.ground_truth.get_mask().astype(np.int32)
    mask[0] = -9999
    Image.fromarray(mask).save(sample.ground_truth.mask_path, format="TIFF")
    suspect_run.add_run(dataset, tmp_path)
    record = load_record(dataset, "lq")
    record.class_table = {**record.class_table, "ignored": [-9999]}
    save_record(dataset, record)
    message = f"sample {sample.id}: Its mask has the value -9999, which no file of masks can have. Give ignored pixels"
    with pytest.raises(LabelQualityError, match=message):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    made = corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out", skip_failures=True)
    assert (made.images, len(made.failures)) == (3, 1)
    with pytest.raises(LabelQualityError, match=message):
        export_clean_dataset(dataset, export_dir=tmp_path / "clean", unreviewed="keep")


def test_writing_again_replaces_what_was_there(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    judge(dataset, 2, 0, "confirmed")
    corrections.write_corrected_masks(dataset, output_dir=folder)
    assert [path.name for path in folder.glob("*.png")] == ["002.png"]
    assert dataset.exists("lq_corrected").values("index") == [2]


def test_other_peoples_files_are_left_alone(dataset: Any, corrections: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

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
    from label_quality.plugin.base.errors import LabelQualityError, SampleError

    text = "No suspect is confirmed yet: review the suspects first, or correct all with regions='all'."
    with pytest.raises(LabelQualityError, match=text):
        corrections.write_corrected_masks(dataset)
    with pytest.raises(LabelQualityError, match="Expected parameter `regions` to be one of confirmed, all, but got"):
        corrections.write_corrected_masks(dataset, regions="some")
    with pytest.raises(LabelQualityError, match="has no label quality run 'no'"):
        corrections.write_corrected_masks(dataset, "no")
    sample = dataset.match({"index": 3}).first()
    cv2.imwrite(sample.ground_truth.mask_path, np.zeros((8, 8), np.uint8))
    with pytest.raises(SampleError, match=rf"sample {sample.id} \(.*\): its given mask has changed since the"):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")


def edit_in_app(
    dataset: Any, index: int, number: int, mask: np.ndarray, box: list[float], label: str | None = None
) -> None:
    """What the App writes when a mask is drawn: bytes of the screen's resolution, a box to fit them, and no file."""
    sample = dataset.match({"index": index}).first()
    region = sample.lq_suspects.detections[number]
    region.mask, region.mask_path, region.bounding_box = mask.astype(np.uint8), None, box
    region.label = label or region.label
    sample.save()


def test_masks_that_were_edited_since_the_search_are_not_painted_over(
    dataset: Any, corrections: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.base.errors import SampleError

    changed, gone = (dataset.match({"index": index}).first() for index in (1, 3))
    mask = np.array(changed.ground_truth.get_mask())
    mask[0:2] = 7
    cv2.imwrite(changed.ground_truth.mask_path, mask)
    with pytest.raises(SampleError) as caught:
        corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    assert (caught.value.sample_id, caught.value.path) == (changed.id, changed.ground_truth.mask_path)
    assert "its given mask has changed since the run was scored. Score again, from the predictions" in str(caught.value)
    assert not (tmp_path / "out").exists() and not dataset.has_sample_field("lq_corrected")
    Path(gone.lq_suspects.detections[0].mask_path).unlink()
    written = corrections.write_corrected_masks(
        dataset, regions="all", complete=True, output_dir=tmp_path / "out", skip_failures=True
    )
    assert (written.images, written.regions) == (4, 2)
    assert [failure.split()[1] for failure in written.failures] == [changed.id, gone.id]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        "000.png",
        "002.png",
        "004.png",
        "005.png",
    ]
    assert dataset.exists("lq_corrected").values("index") == [0, 2, 4, 5]
    assert np.array_equal(cv2.imread(changed.ground_truth.mask_path, cv2.IMREAD_UNCHANGED), mask)


def test_masks_drawn_in_the_app_are_taken_at_the_images_resolution(
    dataset: Any, corrections: Any, tmp_path: Path
) -> None:
    given = [np.array(sample.ground_truth.get_mask()) for sample in dataset]
    # 2.5 times the image's pixels, from (7.6, 5.6) to (16.4, 12.4): the centres of 8 … 15 and 6 … 11 are inside
    edit_in_app(dataset, 3, 0, np.ones((17, 22)), [7.6 / 32, 5.6 / 24, 8.8 / 32, 6.8 / 24])
    # A third of them, with a hole in the middle
    mask = np.ones((3, 3))
    mask[1, 1] = 0
    edit_in_app(dataset, 1, 0, mask, [4 / 32, 6 / 24, 9 / 32, 9 / 24], label="tree")
    # Drawn anew, beyond the image's edge by what the screen's pixels are off
    sample = dataset.match({"index": 0}).first()
    import fiftyone as fo

    new = fo.Detection(label="road", bounding_box=[-0.001, 0, 0.251, 0.5], mask=np.ones((5, 4), np.uint8))
    sample.lq_suspects = fo.Detections(detections=[new])
    sample.save()
    written = corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    assert (written.images, written.regions, written.failures) == (5, 6, ())
    given[3][6:12, 8:16] = 7
    given[1][12:24, 16:20] = 20
    hole = given[1][9:12, 7:10].copy()
    given[1][6:15, 4:13] = 20
    given[1][9:12, 7:10] = hole
    given[0][0:12, 0:8] = 3
    for index in (0, 1, 3):
        assert np.array_equal(read(tmp_path / "out", f"{index:03d}.png"), given[index]), index


def test_what_a_coarse_screen_cannot_show_is_as_the_run_has_found_it(
    make_dataset: Any, corrections: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.audit import audit_labels

    dataset = predicted.add_predictions(make_dataset(count=6), tmp_path)
    audit_labels(dataset, "ground_truth", **predicted.WITH_FILES)
    corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    (index, *_) = dataset.match({"lq_suspects.detections.0": {"$exists": True}}).values("index")
    region = dataset.match({"index": index}).first().lq_suspects.detections[0]
    edit_in_app(dataset, index, 0, region.get_mask()[2::4, 1::4] > 0, region.bounding_box)
    corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")} == before


def test_a_region_without_a_mask_is_said(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import SampleError

    sample = dataset.match({"index": 3}).first()
    sample.lq_suspects.detections[0].mask_path = None
    sample.save()
    text = f"sample {sample.id}: One of its suspects, 'car', has no mask. Draw it in the App, or reject or delete"
    with pytest.raises(SampleError, match=text):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=tmp_path / "out")


def test_a_users_file_in_the_folder_is_neither_overwritten_nor_deleted(
    dataset: Any, corrections: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    folder = tmp_path / "out"
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    mine = folder / "mine.png"
    mine.write_bytes(b"mine")
    sample = dataset.match({"index": 1}).first()
    sample.lq_corrected.mask_path = str(mine)
    sample.save()
    # Of those that are not to be written again, one is as it was and one has been worked on
    (folder / "003.png").write_bytes(b"changed")
    judge(dataset, 2, 0, "confirmed")
    corrections.write_corrected_masks(dataset, output_dir=folder)
    assert {path.name for path in folder.glob("*.png")} == {"001.png", "002.png", "003.png", "mine.png"}
    assert (mine.read_bytes(), (folder / "003.png").read_bytes()) == (b"mine", b"changed")
    field = dataset.values("lq_corrected.mask_path")
    with pytest.raises(LabelQualityError) as caught:
        corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    assert str(caught.value) == (
        f"{folder / '003.png'} would be overwritten, but this plugin did not write it as it is now. Move it away, or "
        "give another `output_dir`."
    )
    assert dataset.values("lq_corrected.mask_path") == field and (folder / "002.png").exists()
    (folder / "003.png").unlink()
    assert corrections.write_corrected_masks(dataset, regions="all", output_dir=folder).images == 4


def test_a_killed_writing_knows_its_own_files(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise Killed

    folder = tmp_path / "out"
    with pytest.raises(Killed):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=folder, progress=kill)
    with open(folder / ".label_quality", "a") as marker:
        marker.write('["half')
    (folder / ".003.png.1-2.tmp").write_bytes(b"")
    assert corrections.write_corrected_masks(dataset, regions="all", output_dir=folder).images == 4
    assert len((folder / ".label_quality").read_text().splitlines()) == 5


def test_what_a_kill_has_left_half_written_is_removed(dataset: Any, corrections: Any, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left = [f".003.png.{ended.pid}-7.tmp", f"..label_quality.{ended.pid}-8.tmp"]
    others = [f".003.png.{os.getpid()}-9.tmp", f".mine.png.{ended.pid}-7.tmp"]
    for name in (*left, *others):
        (folder / name).write_bytes(b"half")
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    assert [name for name in (*left, *others) if (folder / name).exists()] == others


def test_masks_of_version_0_1_and_of_other_datasets_stay(
    dataset: Any, make_dataset: Any, corrections: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    folder = tmp_path / "out"
    corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    other = suspect_run.add_run(make_dataset(count=6), tmp_path / "other")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(LabelQualityError, match=f"The masks of 'lq_corrected' of another dataset are in {folder}. Giv"):
        corrections.write_corrected_masks(other, regions="all", output_dir=folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / ".label_quality").write_text("lq_corrected")
    text = f"Version 0.1.0 has written masks of 'lq_corrected' to {folder}, and did not note which files are its own."
    with pytest.raises(LabelQualityError, match=text):
        corrections.write_corrected_masks(dataset, regions="all", output_dir=folder)
    # Unless told otherwise, each dataset has a folder of its own, also those that have had the same name
    first = corrections.write_corrected_masks(dataset, regions="all").folder
    name, dataset.name = dataset.name, "of before"
    other.name = name
    second = corrections.write_corrected_masks(other, regions="all").folder
    assert first != second and len(list(Path(first).glob("*.png"))) == len(list(Path(second).glob("*.png"))) == 4
    other.delete()


def test_the_form_counts_and_marks(dataset: Any, tmp_path: Path) -> None:
    assert errors(form(dataset))["regions"].startswith("No suspect is confirmed yet: review the suspects first")
    folder = str(tmp_path / "out")
    properties = form(dataset, regions="all", output_dir=folder)
    assert errors(properties) == {}
    assert list(properties) == ["regions", "output_dir", "advanced", "notice_plan"]
    assert properties["notice_plan"].view.label == (
        f"Corrects 5 suspects in 4 images, in copies under {folder}; the given masks stay."
    )
    judge(dataset, 1, 1, "confirmed")
    assert "Corrects 1 suspect in 1 image" in form(dataset)["notice_plan"].view.label


def test_without_suspects_the_form_says_what_to_do(make_dataset: Any) -> None:
    text = "There are no suspects to correct yet: find suspects first, or audit the labels."
    assert errors(form(make_dataset(count=1))) == {"error_key": text}


def test_a_python_call_writes_masks(dataset: Any, tmp_path: Path) -> None:
    result = operator()(dataset, regions="all", output_dir=tmp_path / "out", progress=False).result
    counts = {"images": 4, "regions": 5, "failures": []}
    assert result == {"field": "lq_corrected", "folder": str(tmp_path / "out"), **counts}
    with pytest.raises(Exception, match="There are other files in"):
        operator()(dataset, regions="all", output_dir=Path(dataset.first().filepath).parent, progress=False)
