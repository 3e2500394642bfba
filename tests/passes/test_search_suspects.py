"""Suspects end to end: a Drop, a Swap and a Shift that are known, from files of probabilities, on real datasets."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..conftest import image_of, write_png
from ..snapshots import Snapshot

#: Mask values of unlabelled, road, car and tree, see ``conftest.TARGETS``
IDS = [0, 3, 7, 20]
SIZE = (48, 64)
WITH_FILES = {"source": "files", "field": "probabilities"}
#: Left, top, width and height
CAR = (36, 28, 16, 16)


def scene(car: tuple[int, int, int, int] | None = CAR, value: int = 7, edge: int = 24) -> np.ndarray:
    """Trees above the edge, road below it, and something in a box on the road."""
    mask = np.full(SIZE, 20, np.uint8)
    mask[edge:] = 3
    if car is not None:
        left, top, width, height = car
        mask[top : top + height, left : left + width] = value
    return mask


def given_masks(count: int) -> list[np.ndarray]:
    """The first lacks its car, the second calls it a tree, the edge of the third is off; the rest is right."""
    wrong = [scene(value=0), scene(value=20), scene(edge=32)]
    return wrong + [scene()] * (count - len(wrong))


def probabilities_of(mask: np.ndarray, sure: float = 0.9) -> np.ndarray:
    shares = np.full((4, *mask.shape), (1 - sure) / 3, np.float32)
    for index, value in enumerate(IDS):
        shares[index][mask == value] = sure
    return shares


Make = Callable[..., Any]


def write_scenes(
    make: Make, folder: Path, masks: list[np.ndarray] | None = None, seen: list[np.ndarray] | None = None, **kind: Any
) -> Any:
    """A dataset with these given masks, as ``make`` makes it; the predictions always see the right scene."""
    masks = given_masks(20) if masks is None else masks
    seen = [scene()] * len(masks) if seen is None else seen
    dataset = make(count=len(masks), sizes=(SIZE,), **kind)
    paths = []
    (folder / dataset.name).mkdir(exist_ok=True)
    rng = np.random.default_rng(51)
    for number, sample in enumerate(dataset):
        # The picture shows what is seen, not what is given
        write_png(Path(sample.filepath), image_of(seen[number], rng))
        if sample.ground_truth.mask_path is None:
            sample.ground_truth.mask = masks[number]
            sample.save()
        else:
            cv2.imwrite(sample.ground_truth.mask_path, masks[number])
        paths.append(str(folder / dataset.name / f"{number:03d}.npy"))
        np.save(paths[-1], probabilities_of(seen[number]))
    dataset.set_values("probabilities", paths)
    return dataset


@pytest.fixture
def make_scenes(make_dataset: Any, tmp_path: Path) -> Make:
    """``make_scenes(masks, **kw)``: a dataset with these given masks; the predictions always see the right scene."""
    return partial(write_scenes, make_dataset, tmp_path)


@pytest.fixture(scope="module")
def twenty_scenes(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    dataset = write_scenes(make_module_dataset, module_folder)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def scenes(twenty_scenes: Snapshot) -> Any:
    """Twenty scenes; the first three are mislabelled."""
    return twenty_scenes.put_back()


@pytest.fixture(scope="module")
def audited_scenes(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin import audit

    dataset = write_scenes(make_module_dataset, module_folder)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(audited_scenes: Snapshot) -> Any:
    """The same with the run of an audit with the predictions from files."""
    return audited_scenes.put_back()


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def record_of(dataset: Any, key: str = "lq") -> Any:
    from label_quality.plugin.records.run_record import load_record

    return load_record(dataset, key)


def folder_of(dataset: Any, key: str = "lq") -> Path:
    return Path(record_of(dataset, key).folder)


def suspects_of(sample: Any, key: str = "lq") -> list[tuple[str, str, str]]:
    return [(one.given, one.suggested, one.error_type) for one in sample[f"{key}_suspects"].detections]


def full_mask(detection: Any) -> np.ndarray:
    """The region of a detection in its whole image."""
    left, top, width, height = (
        round(part * size) for part, size in zip(detection.bounding_box, (64, 48, 64, 48), strict=True)
    )
    inside = cv2.imread(detection.mask_path, cv2.IMREAD_UNCHANGED)
    assert inside.shape == (height, width) and set(np.unique(inside)) <= {0, 255}
    full = np.zeros(SIZE, bool)
    full[top : top + height, left : left + width] = inside > 0
    return full


def test_each_kind_of_error_is_found_where_it_is(audited: Any, audit: Any) -> None:
    assert audited.values("lq_error_type") == ["drop", "swap", "shift"] + ["none"] * 17
    samples = list(audited)
    assert suspects_of(samples[0]) == [("unlabelled", "car", "drop")]
    assert suspects_of(samples[1]) == [("tree", "car", "swap")]
    assert suspects_of(samples[2]) == [("tree", "road", "shift")]
    assert all(sample.lq_suspects.detections == [] for sample in samples[3:])
    for sample in samples[:3]:
        wrong = sample.ground_truth.get_mask() != scene()
        found = np.any([full_mask(one) for one in sample.lq_suspects.detections], axis=0)
        np.testing.assert_array_equal(found, wrong)
        for one in sample.lq_suspects.detections:
            assert one.label == one.suggested and one.area == int(full_mask(one).sum())
            assert one.confidence == pytest.approx(0.9, abs=1e-3)
            assert one.evidence > one.area
    assert set(audited.sort_by("lq_quality").limit(3).values("id")) == {sample.id for sample in samples[:3]}


def test_suspects_are_rated_and_the_improbable_left_out(scenes: Any, audit: Any) -> None:
    """The pictures show what is seen in the first two images; in the third the picture is as the mask says."""
    third = scenes[2:3].first()
    write_png(Path(third.filepath), image_of(third.ground_truth.get_mask(), np.random.default_rng(51)))
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES, min_probability=0.0)
    probable = scenes.values("lq_suspects.detections.probability", unwind=True)
    drop, swap, shift = (one[0] for one in scenes[:3].values("lq_suspects.detections.probability"))
    assert len(probable) == 3 and 0.5 < drop < 1 and 0.5 < swap < 1 and shift < min(drop, swap)
    found = record_of(scenes).suspects
    assert (found.regions, found.candidates) == (3, 3)
    # One mistake and one that is none are counted beside them
    assert found.drop_rate == pytest.approx((drop + 1) / (1 + 2), abs=0.001)
    others = (swap + shift + 1) / (2 + 2)
    assert found.rate == pytest.approx((found.drop_rate + 2 * others) / 3, abs=0.001)
    patches = scenes.load_saved_view("lq: suspect regions").values("lq_suspects.probability")
    assert patches == sorted(probable, reverse=True)
    masks = [one for path in folder_of(scenes).glob("suspects-*/masks") for one in path.rglob("*.png")]
    assert len(masks) == 3
    between = (shift + min(drop, swap)) / 2
    summary = audit.find_suspects(scenes, min_probability=between)
    assert scenes.values("lq_error_type") == ["drop", "swap"] + ["none"] * 18
    found = record_of(scenes).suspects
    assert (found.regions, found.candidates, found.by_type["shift"], summary.suspects.regions) == (2, 3, 0, 2)
    masks = [one for path in folder_of(scenes).glob("suspects-*/masks") for one in path.rglob("*.png")]
    assert sorted(map(str, masks)) == sorted(scenes.values("lq_suspects.detections.mask_path", unwind=True))
    summary = audit.find_suspects(scenes, min_probability=1.0)
    assert summary.suspects.notes == (
        "None of the 3 places where the predictions contradict the masks is a mistake of the mask with a probability "
        "of at least 1; a lower `min_probability` shows them.",
    )
    assert scenes.values("lq_error_type") == ["none"] * 20


def test_suspects_without_a_rating_are_those_of_the_most_evidence(scenes: Any, audit: Any) -> None:
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES, min_probability=0.0)
    audit.find_suspects(scenes, probability=False)
    assert scenes.values("lq_error_type") == ["drop", "swap", "shift"] + ["none"] * 17
    found = record_of(scenes).suspects
    assert (found.regions, found.candidates, found.rate, found.drop_rate) == (3, 3, None, None)
    assert scenes.get_field("lq_suspects.detections.probability") is None
    evidence = scenes.load_saved_view("lq: suspect regions").values("lq_suspects.evidence")
    assert evidence == sorted(evidence, reverse=True) and len(evidence) == 3
    audit.find_suspects(scenes)
    assert min(scenes.values("lq_suspects.detections.probability", unwind=True)) >= 0.5


def test_the_record_counts_what_was_found(scenes: Any, audit: Any) -> None:
    from label_quality.plugin.suspects.config import SuspectConfig

    summary = audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    record = record_of(scenes)
    found, by_type = record.suspects, {"drop": 1, "swap": 1, "shift": 1, "other": 0}
    assert (found.regions, found.images, found.by_type, found.notes) == (3, 3, by_type, [])
    assert found.config == SuspectConfig().to_dict()
    groups = {(group.given_name, group.suggested_name): group for group in record.issues}
    pixels = {("unlabelled", "car"): 256, ("tree", "car"): 256, ("tree", "road"): 8 * 64 - 4 * 16}
    assert {pair: group.pixels for pair, group in groups.items()} == pixels
    cars = record.classes[2]
    assert (cars.name, cars.pixels_before, cars.pixels_after) == ("car", 18 * 256, 20 * 256)
    assert cars.iou == 0.9 and 0.5 < record.label_miou < 1
    assert (summary.suspects.regions, summary.suspects.by_type) == (3, by_type)
    assert summary.suspects.label_miou == record.label_miou
    assert [group["title"] for group in summary.suspects.groups] == [one.title for one in record.issues]
    assert {"lq_suspects", "lq_error_type"} <= set(record.fields)
    assert {"lq: worst first", "lq: drop suspects", "lq: suspect regions", "lq: car given as tree"} <= set(record.views)
    assert set(record.views) == set(scenes.list_saved_views())
    assert scenes.load_saved_view("lq: drop suspects").values("id") == [scenes.first().id]


def test_other_thresholds_need_neither_predictions_nor_images_scores(
    audited: Any, audit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.passes.search_suspects import SuspectSearch

    for path in audited.values("probabilities"):
        Path(path).unlink()
    before = record_of(audited)
    qualities, created = audited.values("lq_quality"), before.created
    first = [path for path in folder_of(audited).iterdir() if path.name.startswith("suspects-")]
    stages: list[str] = []
    only_shift = {"min_area": 0.1}
    summary = audit.find_suspects(audited, progress=lambda stage, *_: stages.append(stage), **only_shift)
    assert set(stages) == {"Checking files", "Finding suspects", "Writing suspects"}
    assert audited.values("lq_error_type") == ["none", "none", "shift"] + ["none"] * 17
    assert summary.suspects.by_type == {"drop": 0, "swap": 0, "shift": 1, "other": 0}
    after = record_of(audited)
    assert after.suspects.config["min_area"] == 0.1 and len(after.issues) == 1
    assert audited.values("lq_quality") == qualities and after.created == created
    assert "lq: car given as tree" not in audited.list_saved_views()
    assert set(after.views) == set(audited.list_saved_views()) and set(after.fields) == set(before.fields)
    second = [path for path in folder_of(audited).iterdir() if path.name.startswith("suspects-")]
    assert len(second) == 1 and second != first
    # The same once more changes nothing, unless it is to
    ids = audited.values("lq_suspects.detections.id")
    with monkeypatch.context() as patched:
        patched.setattr(SuspectSearch, "run", None)
        assert audit.find_suspects(audited, **only_shift) == summary
    assert audited.values("lq_suspects.detections.id") == ids
    audit.find_suspects(audited, **only_shift, overwrite=True)
    assert audited.values("lq_suspects.detections.id") != ids
    third = [path for path in folder_of(audited).iterdir() if path.name.startswith("suspects-")]
    assert len(third) == 1 and third != second


def test_an_audit_again_keeps_suspects_unless_it_says_which(audited: Any, audit: Any) -> None:
    audit.find_suspects(audited, min_area=0.1)
    ids = audited.values("lq_suspects.detections.id")
    audit.audit_labels(audited, "ground_truth", **WITH_FILES, workers=1)
    audit.audit_labels(audited, "ground_truth", **WITH_FILES, min_area=0.1)
    audit.audit_labels(audited, "ground_truth", **WITH_FILES, suspects=False)
    assert audited.values("lq_suspects.detections.id") == ids
    stages: list[str] = []
    audit.audit_labels(
        audited, "ground_truth", **WITH_FILES, min_area=0.05, progress=lambda stage, *_: stages.append(stage)
    )
    assert set(stages) == {"Finding suspects", "Writing suspects"}
    assert audited.count_values("lq_error_type") == {"none": 17, "drop": 1, "swap": 1, "shift": 1}
    audit.audit_labels(audited, "ground_truth", **WITH_FILES, suspects=False, overwrite=True)
    assert not audited.has_sample_field("lq_suspects") and record_of(audited).suspects is None
    assert audited.list_saved_views() == ["lq: lint", "lq: worst first"]
    assert not [path for path in folder_of(audited).iterdir() if path.name.startswith("suspects-")]
    with pytest.raises(audit.LabelQualityError, match="'min_area' are of suspects, which suspects=False leaves out"):
        audit.audit_labels(audited, "ground_truth", **WITH_FILES, suspects=False, min_area=0.05)


@pytest.mark.parametrize("storage", ["disk", "database"])
def test_a_mask_that_has_changed_is_named(make_scenes: Make, audit: Any, storage: str) -> None:
    scenes = make_scenes(given_masks(5), storage=storage)
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    changed = scenes.skip(1).first()
    if storage == "disk":
        cv2.imwrite(changed.ground_truth.mask_path, scene(value=0))
    else:
        changed.ground_truth.mask = scene(value=0)
        changed.save()
    before = scenes.values("lq_suspects.detections.id")
    for parameters in ({}, {"min_area": 0.1}):
        with pytest.raises(audit.LabelQualityError) as caught:
            audit.find_suspects(scenes, **parameters)
        path = changed.ground_truth.mask_path or changed.filepath
        assert str(caught.value) == (
            f"sample {changed.id} ({path}): its given mask has changed since the run was scored. Score again, from the "
            "predictions that are there: score_label_quality with overwrite=True."
        )
    assert scenes.values("lq_suspects.detections.id") == before
    summary = audit.find_suspects(scenes, skip_failures=True)
    assert summary.suspects.notes == ("1 of the samples could not be searched for suspects and has none.",)
    assert scenes.values("lq_error_type") == ["drop", None, "shift", "none", "none"]
    assert [one["sample_id"] for one in record_of(scenes).suspects.failures] == [changed.id]
    audit.score_label_quality(scenes, "ground_truth", overwrite=True)
    assert scenes.values("lq_error_type") == ["drop", "drop", "shift", "none", "none"]


def test_an_image_that_has_changed_is_named(audited: Any, audit: Any) -> None:
    sample = audited.last()
    cv2.imwrite(sample.filepath, np.zeros((*SIZE, 3), np.uint8))
    match = rf"sample {sample.id} \({sample.filepath}\): its image has changed since the run was scored\. Run audit_lab"
    with pytest.raises(audit.LabelQualityError, match=match):
        audit.find_suspects(audited)


@pytest.mark.parametrize("what", ["image", "mask"])
def test_a_file_that_is_gone_is_not_called_changed(audited: Any, audit: Any, what: str) -> None:
    sample = audited.last()
    path = Path(sample.filepath if what == "image" else sample.ground_truth.mask_path)
    path.rename(path.with_suffix(".away"))
    match = rf"sample {sample.id} \({path}\): The {what} file does not exist\. Restore it, correct the sample's path"
    with pytest.raises(audit.LabelQualityError, match=match):
        audit.find_suspects(audited)
    path.with_suffix(".away").rename(path)
    assert audit.find_suspects(audited).suspects.notes == ()


def test_masks_whose_field_was_renamed_are_asked_for(audited: Any, audit: Any, tmp_path: Path) -> None:
    from label_quality import export_clean_dataset, score_objects

    audited.rename_sample_field("ground_truth", "masks")
    match = "Run 'lq' judges the masks in 'ground_truth', and dataset '.*' has no such field any more. Give it its"
    for call in (audit.find_suspects, score_objects):
        with pytest.raises(audit.LabelQualityError, match=match):
            call(audited)
    with pytest.raises(audit.LabelQualityError, match=match):
        export_clean_dataset(audited, export_dir=str(tmp_path / "clean"))
    audited.rename_sample_field("masks", "ground_truth")
    assert export_clean_dataset(audited, export_dir=str(tmp_path / "clean")).images == len(audited)


def test_a_view_stands_for_its_dataset_and_a_name_for_none(audited: Any, audit: Any) -> None:
    from label_quality import attach_predictions, learn_from_verdicts, load_record, set_verdict, undo_decision

    view, found = audited.limit(2), audited.values("lq_suspects.detections.id", unwind=True)
    set_verdict(view, "lq", found[-1:], "confirmed")
    assert audited.count_values("lq_suspects.detections.verdict")["confirmed"] == 1
    assert load_record(view, "lq") == audit.list_runs(view)[0] == load_record(audited, "lq")
    assert learn_from_verdicts(view, "lq").confirmed == 1
    calls = (
        audit.list_runs,
        lambda name: audit.delete_run(name, "lq"),
        lambda name: load_record(name, "lq"),
        lambda name: set_verdict(name, "lq", found[:1], "confirmed"),
        lambda name: learn_from_verdicts(name, "lq"),
        lambda name: undo_decision(name, "lq"),
        lambda name: attach_predictions(name, "soft"),
    )
    for call in calls:
        with pytest.raises(
            audit.LabelQualityError, match="Expected a dataset of FiftyOne, or a view of one, but got 's"
        ):
            call("street")
    assert audit.delete_run(view, "lq") == [] and audit.list_runs(audited) == []


def test_a_deleted_sample_is_left_out(audited: Any, audit: Any) -> None:
    audited.delete_samples([audited.first().id])
    assert audit.find_suspects(audited).suspects.by_type == {"drop": 0, "swap": 1, "shift": 1, "other": 0}
    assert audited.values("lq_error_type") == ["swap", "shift"] + ["none"] * 17


def test_a_run_of_a_view_is_searched_whole_and_no_further(scenes: Any, audit: Any) -> None:
    view = scenes.sort_by("index", reverse=True).limit(19)
    audit.audit_labels(view, "ground_truth", **WITH_FILES)
    assert scenes.values("lq_error_type") == [None, "swap", "shift"] + ["none"] * 17
    audit.find_suspects(scenes.limit(1), min_area=0.1)
    assert scenes.values("lq_error_type") == [None, "none", "shift"] + ["none"] * 17


def test_threads_change_nothing(scenes: Any, audit: Any) -> None:
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES, workers=1)
    audit.audit_labels(scenes, "ground_truth", key="b", **WITH_FILES, workers=4)
    one, other = record_of(scenes), record_of(scenes, "b")
    assert one.issues == other.issues and one.classes == other.classes
    for name in ("given", "suggested", "evidence", "area", "bounding_box", "confidence"):
        path = f"suspects.detections.{name}"
        assert scenes.values(f"lq_{path}") == scenes.values(f"b_{path}")
    masks = [scenes.values(f"{key}_suspects.detections.mask_path", unwind=True) for key in ("lq", "b")]
    assert [Path(path).read_bytes() for path in masks[0]] == [Path(path).read_bytes() for path in masks[1]]


def test_deletion_leaves_nothing(scenes: Any, audit: Any) -> None:
    before, root = set(scenes.get_field_schema()), None
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    root = folder_of(scenes)
    audit.find_suspects(scenes, min_area=0.1)
    assert audit.delete_run(scenes, "lq") == []
    assert set(scenes.get_field_schema()) == before and scenes.list_saved_views() == []
    assert not root.exists() and not root.parent.exists()


def test_predicted_masks_have_no_suspects_and_the_run_says_so(scenes: Any, audit: Any, fiftyone: Any) -> None:
    scenes.set_values("predicted", [fiftyone.Segmentation(mask=scene()) for _ in range(len(scenes))])
    summary = audit.audit_labels(scenes, "ground_truth", source="files", field="predicted")
    assert not scenes.has_sample_field("lq_suspects")
    why = "the predictions are masks without probabilities"
    assert summary.suspects.notes == (f"No suspects were looked for: {why}.",)
    with pytest.raises(audit.LabelQualityError, match=rf"No suspects can be found in run 'lq': {why}\."):
        audit.find_suspects(scenes)


def test_runs_that_cannot_be_searched_say_what_to_do(scenes: Any, audit: Any) -> None:
    audit.compute_predictions(scenes, "ground_truth", **WITH_FILES)
    with pytest.raises(audit.LabelQualityError, match=r"has predictions but no scores\. Run score_label_quality first"):
        audit.find_suspects(scenes)
    summary = audit.audit_labels(scenes, "ground_truth", **WITH_FILES, scores=["cil"], overwrite=True)
    kept = "neither evidence nor CLC is among its scores, so that nothing is kept to compare the masks with"
    assert summary.suspects.notes == (f"No suspects were looked for: {kept}.",)
    with pytest.raises(audit.LabelQualityError, match=f"No suspects can be found in run 'lq': {kept}"):
        audit.find_suspects(scenes)
    audit.audit_labels(scenes, "ground_truth", key="b", **WITH_FILES, scores=["clc"])
    assert scenes.values("b_error_type")[:3] == ["drop", "swap", "shift"]
    with pytest.raises(audit.LabelQualityError, match=r"has no label quality run 'c'\. Its runs are: "):
        audit.find_suspects(scenes, key="c")
    clone = scenes.clone()
    try:
        with pytest.raises(audit.LabelQualityError, match="belong to the dataset that this one was cloned from"):
            audit.find_suspects(clone, key="b")
    finally:
        clone.delete()
    (pooled,) = folder_of(scenes, "b").glob(f"scores-*/compact/*/{scenes.first().id}.lq")
    pooled.unlink()
    match = rf"sample {scenes.first().id} \({pooled}\): Expected a whole file of the scored run, but it is missing or"
    with pytest.raises(audit.LabelQualityError, match=match):
        audit.find_suspects(scenes, key="b", min_area=0.1)
    assert scenes.values("b_error_type")[:3] == ["drop", "swap", "shift"]


def test_a_damaged_file_is_skipped_where_failures_are(audited: Any, audit: Any) -> None:
    first = audited.first().id
    (compact,) = folder_of(audited).glob(f"scores-*/compact/*/{first}.lq")
    compact.write_bytes(compact.read_bytes()[:-9])
    summary = audit.find_suspects(audited, min_area=0.01, skip_failures=True)
    assert summary.suspects.notes == ("1 of the samples could not be searched for suspects and has none.",)
    assert audited.values("lq_error_type")[:3] == [None, "swap", "shift"]
    record = record_of(audited)
    assert [one["sample_id"] for one in record.suspects.failures] == [first] and record.failures == []
    # What is there now has gaps, which is no answer to who wants none
    with pytest.raises(audit.LabelQualityError, match=rf"sample {first} .*Score again: score_label_quality with"):
        audit.find_suspects(audited, min_area=0.01, overwrite=True)
    assert record_of(audited) == record
    audit.score_label_quality(audited, "ground_truth", overwrite=True)
    assert audited.values("lq_error_type")[:3] == ["drop", "swap", "shift"]


def test_a_field_of_the_users_is_in_nobodys_way(scenes: Any, audit: Any, fiftyone: Any) -> None:
    scenes.add_sample_field("lq_suspects", fiftyone.StringField)
    with pytest.raises(audit.LabelQualityError, match="already has a field 'lq_suspects' that no run of this plugin"):
        audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    assert not scenes.has_sample_field("lq_quality")


# Bad input


def test_without_an_unlabelled_class_no_suspect_is_a_drop(make_scenes: Make, audit: Any) -> None:
    targets = {0: "sky", 3: "road", 7: "car", 20: "tree"}
    scenes = make_scenes(targets=targets)
    summary = audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    assert summary.suspects.by_type["drop"] == 0 and suspects_of(scenes.first()) == [("sky", "car", "swap")]
    note = "No unlabelled class is known, so no suspect can be a Drop; `unlabelled` names it where there is one."
    assert summary.suspects.notes == (note,)
    summary = audit.audit_labels(scenes, "ground_truth", key="b", **WITH_FILES, unlabelled="sky")
    assert summary.suspects.by_type["drop"] == 1 and summary.suspects.notes == ()


def test_a_class_seen_in_one_image_only(make_scenes: Make, audit: Any) -> None:
    # The only car that is given has no car in the prediction, and the only one that is seen has none in its mask
    empty, masks = scene(car=None), [scene(), scene(car=None)] + [scene(car=None)] * 4
    scenes = make_scenes(masks, [empty, scene()] + [empty] * 4)
    summary = audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    assert suspects_of(scenes.first()) == [("car", "road", "swap")]
    assert [one[:2] for one in suspects_of(scenes.skip(1).first())] == [("road", "car")]
    assert summary.suspects.regions == 2
    assert sorted(scenes.sort_by("lq_quality").limit(2).values("index")) == [0, 1]


def test_two_classes_with_the_same_name_stay_apart(make_scenes: Make, audit: Any) -> None:
    scenes = make_scenes(targets={0: "unlabelled", 3: "thing", 7: "car", 20: "thing"})
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    assert suspects_of(scenes.skip(2).first()) == [("thing (20)", "thing (3)", "shift")]
    titles = [group.title for group in record_of(scenes).issues]
    assert sorted(titles) == ["car given as thing (20)", "car given as unlabelled", "thing (3) given as thing (20)"]
    assert len(scenes.load_saved_view("lq: thing (3) given as thing (20)")) == 1


def test_regions_larger_than_half_the_image_are_reported(make_scenes: Make, audit: Any) -> None:
    scenes = make_scenes([np.full(SIZE, 3, np.uint8)] + [scene(edge=8, car=None)] * 4, [scene(edge=40, car=None)] * 5)
    summary = audit.audit_labels(scenes, "ground_truth", **WITH_FILES)
    first = scenes.first().lq_suspects.detections[0]
    assert first.area == 40 * 64 and (first.given, first.suggested) == ("road", "tree")
    assert summary.suspects.notes == (
        "5 suspects cover more than half of their image: the whole mask may be wrong there, or the predictions.",
    )


def test_ignored_pixels_are_in_no_region(make_scenes: Make, audit: Any) -> None:
    masks = given_masks(6)
    masks[0] = masks[0].copy()
    masks[0][CAR[1] : CAR[1] + 6] = 255
    scenes = make_scenes(masks)
    audit.audit_labels(scenes, "ground_truth", **WITH_FILES, ignored=[255])
    (found,) = scenes.first().lq_suspects.detections
    assert (found.error_type, found.area) == ("drop", 16 * 10)
    assert not full_mask(found)[CAR[1] : CAR[1] + 6].any()


def test_suspects_of_folds_are_compared_with_what_looks_alike(make_scenes: Make, audit: Any) -> None:
    """With a real encoder: cars that some masks call road look like the cars of the others."""
    from label_quality.plugin.store.run_folder import RunFolder
    from label_quality.plugin.store.sets import ScoreSet, SuspectSet

    masks = [scene(value=3) if number < 3 else scene() for number in range(80)]
    dataset = make_scenes(masks, seen=[scene()] * 80)
    audit.audit_labels(
        dataset, "ground_truth", preset="fast", folds=2, epochs=1, input_size=64, min_probability=0.0, min_area=0
    )
    stores = RunFolder(folder_of(dataset)).sets()
    (scores,), (found,) = ([one for one in stores if isinstance(one, kind)] for kind in (ScoreSet, SuspectSet))
    looks, fold = scores.read_appearance(dataset.first().id)
    assert looks.values.shape[1:] == (4, 4) and looks.extent == (3, 4) and fold == dataset.first()["lq_fold"]
    assert scores.ids("appearance") == set(dataset.values("id"))
    row = found.read_shard("regions", 0)
    assert len(row["similarity"]) == row["counts"].sum() > 0
    # The cars of the three masks look like those of the others; each fills a quarter of the cells that it is seen in
    cars = (row["given"] == 1) & (row["suggested"] == 2)
    assert cars.sum() == 3 and (row["similarity"][cars] > 0.2).all()
    assert row["descriptors"].shape == (len(cars), len(looks.values)) and np.isfinite(row["descriptors"]).all()
    # Deleting the run removes what was kept
    folder = scores.path
    audit.delete_run(dataset, "lq")
    assert not folder.exists()


def test_suspects_of_predictions_without_an_encoder_have_no_similarity(audited: Any, audit: Any) -> None:
    from label_quality.plugin.store.run_folder import RunFolder
    from label_quality.plugin.store.sets import SuspectSet

    (found,) = (one for one in RunFolder(folder_of(audited)).sets() if isinstance(one, SuspectSet))
    row = found.read_shard("regions", 0)
    assert len(row["similarity"]) > 0 and np.isnan(row["similarity"]).all() and np.isnan(row["descriptors"]).all()
