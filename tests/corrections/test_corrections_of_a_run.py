"""Corrections of a run that keeps its predictions: what is newly wrong, what verdicts that teaches, and what stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..conftest import image_of, write_png
from ..snapshots import Snapshot

IDS = [0, 3, 7, 20]
SIZE = (48, 64)
#: Left, top, width and height of what is in each image: a car on the right, a tree on the left; and of a wrong patch
CAR, TREE, PATCH = (44, 20, 16, 16), (4, 20, 16, 16), (24, 4, 16, 12)
COUNT = 8


def drawn(*patches: tuple[tuple[int, int, int, int], int]) -> np.ndarray:
    mask = np.full(SIZE, 3, np.uint8)
    for (left, top, width, height), value in patches:
        mask[top : top + height, left : left + width] = value
    return mask


#: What is to be seen, and what is given: the car as road, the tree as unlabelled
SEEN, GIVEN = drawn((CAR, 7), (TREE, 20)), drawn((TREE, 0))


def make_run(make_dataset: Any, folder: Path, labels_only: bool = False, **parameters: Any) -> Any:
    from label_quality import audit_labels

    dataset = make_dataset(count=COUNT, sizes=(SIZE,))
    rng, paths = np.random.default_rng(51), []
    for number, sample in enumerate(dataset):
        cv2.imwrite(sample.ground_truth.mask_path, GIVEN)
        write_png(Path(sample.filepath), image_of(SEEN, rng))
        shares = np.full((4, *SIZE), 0.1, np.float32)
        for index, value in enumerate(IDS):
            shares[index][value == SEEN] = 0.7
        paths.append(str(folder / f"{number}.{'png' if labels_only else 'npy'}"))
        if labels_only:
            write_png(Path(paths[-1]), SEEN)
        else:
            np.save(paths[-1], shares)
    if labels_only:
        import fiftyone as fo

        dataset.add_sample_field("probabilities", fo.EmbeddedDocumentField, embedded_doc_type=fo.Segmentation)
        dataset.set_values("probabilities", [fo.Segmentation(mask_path=path) for path in paths])
    else:
        dataset.set_values("probabilities", paths)
    settings = {} if labels_only else {"min_probability": 0.0}
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", **settings | parameters)
    return dataset


@pytest.fixture(scope="module")
def as_made(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    return Snapshot(make_run(make_module_dataset, module_folder), module_folder)


@pytest.fixture
def run(as_made: Snapshot) -> Any:
    return as_made.put_back()


def mended(folder: Path, masks: dict[int, np.ndarray]) -> Path:
    for index, mask in masks.items():
        write_png(folder / f"{index:03d}.png", mask)
    return folder


def sample_of(dataset: Any, index: int) -> Any:
    dataset.reload()
    return dataset.match({"index": index}).first()


def load(dataset: Any, *args: Any, **parameters: Any) -> Any:
    from label_quality import load_corrections

    return load_corrections(dataset, *args, **parameters)


@pytest.mark.parametrize("rated", [True, False])
def test_suspects_in_what_was_changed_are_newly_wrong(
    fiftyone: Any, make_dataset: Any, tmp_path: Path, rated: bool
) -> None:
    dataset = make_run(make_dataset, tmp_path, **({} if rated else {"probability": False, "min_probability": 0.5}))
    # 0 is mended; 1 only in part; in 2 the car is right and a patch of road has become tree
    masks = {0: SEEN, 1: drawn((CAR, 7), (TREE, 0)), 2: drawn((CAR, 7), (TREE, 0), (PATCH, 20))}
    made = load(dataset, mended(tmp_path / "mended", masks))
    assert (made.changed, made.resolved, made.as_suggested, made.still_suspect) == (3, 4, 4, 2)
    assert made.newly_wrong == 1 and made.notes == []
    assert [len(sample_of(dataset, index).lq_newly_wrong.detections) for index in (0, 1, 2)] == [0, 0, 1]
    (found,) = sample_of(dataset, 2).lq_newly_wrong.detections
    assert (found.given, found.suggested, found.label, found.outcome) == ("tree", "road", "road", "newly wrong")
    left, top, width, height = PATCH
    box = [left / SIZE[1], top / SIZE[0], width / SIZE[1], height / SIZE[0]]
    assert found.bounding_box == pytest.approx(box) and found.area == width * height
    assert cv2.imread(found.mask_path, cv2.IMREAD_UNCHANGED).tolist() == [[255] * width] * height
    assert (found.get_attribute_value("probability", None) is not None) == rated
    assert sample_of(dataset, 3).lq_newly_wrong is None
    view = dataset.load_saved_view("lq: newly wrong suspects")
    assert [one.given for one in view.values("lq_newly_wrong")] == ["tree"]


def test_new_suspects_are_those_of_an_audit_of_the_corrected_masks(run: Any, tmp_path: Path) -> None:
    """Against another run, whose given masks are the corrected ones, from the same predictions."""
    from label_quality import score_label_quality

    wrong = drawn((CAR, 7), (TREE, 0), (PATCH, 20))
    load(run, mended(tmp_path / "mended", {2: wrong}))
    (found,) = sample_of(run, 2).lq_newly_wrong.detections
    run.add_sample_field("other", run.get_field("ground_truth").__class__, embedded_doc_type=_segmentation())
    labels = run.values("ground_truth")
    labels[2] = _segmentation()(mask_path=str(tmp_path / "mended" / "002.png"))
    run.set_values("other", [_segmentation()(mask_path=one.mask_path) for one in labels])
    run.mask_targets = {**run.mask_targets, "other": run.mask_targets["ground_truth"]}
    score_label_quality(run, "other", predictions="lq", key="two", min_probability=0.0)
    same = [one for one in sample_of(run, 2).two_suspects.detections if one.given == "tree"]
    assert [(one.suggested, one.area, one.bounding_box) for one in same] == [
        (found.suggested, found.area, found.bounding_box)
    ]
    assert same[0].confidence == pytest.approx(found.confidence, abs=1e-6)


def _segmentation() -> Any:
    import fiftyone as fo

    return fo.Segmentation


@pytest.mark.parametrize("scores", [("evidence", "softmin"), ("softmin",), ("iou", "ccp")])
def test_what_was_changed_is_scored_again_as_the_run_would(
    fiftyone: Any, make_dataset: Any, tmp_path: Path, scores: tuple[str, ...]
) -> None:
    from label_quality import score_label_quality

    dataset = make_run(make_dataset, tmp_path, scores=list(scores))
    before = dict(zip(*dataset.values(["index", "lq_quality"]), strict=True))
    masks = {0: SEEN, 2: drawn((CAR, 7), (TREE, 0)), 3: GIVEN}
    made = load(dataset, mended(tmp_path / "mended", masks))
    after = {index: sample_of(dataset, index).lq_corrections.get_attribute_value("quality", None) for index in masks}
    # What is loaded as given is not scored; the given masks have the very quality that the run gave them
    assert after[3] is None
    assert made.quality == [(before[0] + before[2]) / 2, pytest.approx((after[0] + after[2]) / 2)]
    assert before[0] < after[2] < after[0]
    if scores[0] == "evidence":
        return
    # Of scores that know nothing of other images, against a run of the corrected masks
    labels = [fiftyone.Segmentation(mask_path=one.mask_path) for one in dataset.values("ground_truth")]
    for index in (0, 2):
        labels[index] = fiftyone.Segmentation(mask_path=str(tmp_path / "mended" / f"{index:03d}.png"))
    dataset.add_sample_field("other", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Segmentation)
    dataset.set_values("other", labels)
    dataset.mask_targets = {**dataset.mask_targets, "other": dataset.mask_targets["ground_truth"]}
    score_label_quality(dataset, "other", predictions="lq", key="two", scores=list(scores), suspects=False)
    assert [sample_of(dataset, index).two_quality for index in (0, 2)] == [after[0], after[2]]


def test_verdicts_of_corrections_teach_and_what_was_left_does_not(run: Any, tmp_path: Path) -> None:
    from label_quality import learn_from_verdicts

    # The car is mended, the tree is left
    folder = mended(tmp_path / "mended", {index: drawn((CAR, 7), (TREE, 0)) for index in range(4)})
    load(run, folder)
    learned = learn_from_verdicts(run, "lq")
    assert (learned.confirmed, learned.rejected) == (4, 0)
    load(run, folder, reviewed=True)
    learned = learn_from_verdicts(run, "lq")
    assert (learned.confirmed, learned.rejected) == (4, 4)
    # Taken back, nothing is left of it
    load(run, mended(tmp_path / "none", {5: GIVEN}))
    learned = learn_from_verdicts(run, "lq")
    assert (learned.confirmed, learned.rejected) == (0, 0)


def test_a_new_search_keeps_the_corrections_and_a_new_run_says_that_they_are_gone(run: Any, tmp_path: Path) -> None:
    from label_quality import export_clean_dataset, find_suspects, load_record, score_label_quality, score_objects

    load(run, mended(tmp_path / "mended", {0: SEEN}), reviewer="ann")
    find_suspects(run, key="lq", min_probability=0.0, max_regions=1)
    score_objects(run, key="lq")
    record = load_record(run, "lq")
    assert record.corrections is not None and record.corrections.changed == 1
    sample = sample_of(run, 0)
    assert Path(sample.lq_corrections.mask_path).exists()
    assert {one.verdict for one in sample.lq_suspects.detections} == {"confirmed"}
    views = set(run.list_saved_views())
    assert {"lq: corrected images", "lq: newly wrong suspects"} <= views and set(record.views) == views
    made = export_clean_dataset(run, "lq", export_dir=tmp_path / "out")
    assert made.corrections == 1
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "labels" / "000.png"), cv2.IMREAD_UNCHANGED), SEEN)
    score_label_quality(run, "ground_truth", overwrite=True, min_probability=0.0)
    record, folder = load_record(run, "lq"), Path(load_record(run, "lq").folder)
    assert record.corrections is None and "lq_corrections" not in run.get_field_schema()
    assert "had been loaded were compared with what is replaced now, and are removed with it: load them" in record.note
    assert not list(folder.glob("corrections-*"))
    assert {one.verdict for one in sample_of(run, 0).lq_suspects.detections} == {"confirmed"}


def test_a_run_whose_corrections_another_one_judges_is_not_deleted_before_that(run: Any, tmp_path: Path) -> None:
    from label_quality import LabelQualityError, audit_labels, delete_run, find_suspects

    load(run, mended(tmp_path / "mended", dict.fromkeys(range(COUNT), SEEN)), reviewer="ann")
    audit_labels(run, "lq_corrections", key="second", source="files", field="probabilities", min_probability=0.0)
    with pytest.raises(LabelQualityError) as caught:
        delete_run(run, "lq")
    assert str(caught.value) == (
        "The field 'lq_corrections' of run 'lq' has the given masks of second, and would go with it. Delete these runs "
        "first."
    )
    assert find_suspects(run, key="second", overwrite=True, min_probability=0.0).suspects.regions == 0
    delete_run(run, "second")
    delete_run(run, "lq")
    assert not [name for name in run.get_field_schema() if name.startswith(("lq", "second"))]


def test_what_corrections_said_is_taken_back_after_a_new_search_too(run: Any, tmp_path: Path) -> None:
    from label_quality import find_suspects

    # The car is mended: only its verdict is carried to the new search, the tree has no outcome then
    load(run, mended(tmp_path / "mended", {0: drawn((CAR, 7), (TREE, 0))}))
    find_suspects(run, key="lq", min_probability=0.0, min_area=0.002)
    found = {one.suggested: one for one in sample_of(run, 0).lq_suspects.detections}
    assert [found[name].get_attribute_value("outcome", None) for name in ("car", "tree")] == ["resolved", None]
    load(run, mended(tmp_path / "none", {5: GIVEN}))
    left = sample_of(run, 0).lq_suspects.detections
    names = ("verdict", "outcome", "verdict_from", "reviewed_by")
    assert len(left) == 2
    assert {one.get_attribute_value(name, None) for one in left for name in names} == {None}


def test_the_same_run_again_keeps_what_was_loaded(run: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels

    load(run, mended(tmp_path / "mended", {0: SEEN}))
    audit_labels(run, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    assert Path(sample_of(run, 0).lq_corrections.mask_path).exists()


def test_a_run_of_masks_alone_has_the_differences_and_no_more(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> None:
    from label_quality import LabelQualityError, export_clean_dataset, write_corrected_masks

    dataset = make_run(make_dataset, tmp_path, labels_only=True)
    made = load(dataset, mended(tmp_path / "mended", {0: SEEN, 1: GIVEN}))
    assert (made.images, made.changed, made.resolved, made.newly_wrong) == (2, 1, 0, None)
    assert [(one.given, one.became, one.pixels) for one in made.pairs] == [
        ("unlabelled", "tree", 256),
        ("road", "car", 256),
    ]
    (note,) = made.notes
    assert note.startswith("The run has no suspects: the corrected masks were compared with the given ones")
    assert set(sample_of(dataset, 0).lq_corrections.field_names) >= {"mask_path", "pixels"}
    assert dataset.list_saved_views() == ["lq: lint", "lq: worst first", "lq: corrected images"]
    done = export_clean_dataset(dataset, "lq", export_dir=tmp_path / "out")
    assert (done.images, done.corrections, done.pixels) == (COUNT, 1, 512)
    text = r"Run 'lq' has no suspects to correct: find suspects first\. .* by export_clean_dataset"
    with pytest.raises(LabelQualityError, match=text):
        write_corrected_masks(dataset, "lq", output_dir=tmp_path / "corrected")
