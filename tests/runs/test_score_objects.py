"""Scores of annotated objects end to end, from a run's files to the field, the view and the record, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import SampleError

from ..predicted import IDS, WITH_FILES, record_of
from ..snapshots import Snapshot

SIZE = (48, 64)
#: Left, top, width and height of a right car and of one that is a tree
RIGHT, WRONG = (4, 28, 16, 16), (36, 28, 16, 16)


def street(second: int = 7) -> np.ndarray:
    """Trees above, road below, and on it two cars, or a car and something else."""
    mask = np.full(SIZE, 20, np.uint8)
    mask[24:] = 3
    for (left, top, width, height), value in ((RIGHT, 7), (WRONG, second)):
        mask[top : top + height, left : left + width] = value
    return mask


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


def make_streets(make: Any, folder: Path) -> Any:
    """20 samples; of each fifth the second car looks like a tree, and the last has nothing but unlabelled pixels."""
    dataset = make(count=20, sizes=(SIZE,))
    (folder / dataset.name).mkdir(exist_ok=True)
    paths = []
    for number, mask in enumerate(dataset.values("ground_truth.mask_path")):
        seen = street(20 if number % 5 == 0 else 7)
        cv2.imwrite(mask, street() if number < 19 else np.zeros(SIZE, np.uint8))
        soft = np.stack([np.where(seen == value, 0.85, 0.05) for value in IDS]).astype(np.float32)
        paths.append(str(folder / dataset.name / f"{number}.npy"))
        np.save(paths[-1], soft)
    dataset.set_values("probabilities", paths)
    return dataset


@pytest.fixture
def streets(make_dataset: Any, tmp_path: Path) -> Any:
    """The samples of `make_streets`."""
    return make_streets(make_dataset, tmp_path)


@pytest.fixture(scope="module")
def audited_streets(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin import audit

    dataset = make_streets(make_module_dataset, module_folder)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(audited_streets: Snapshot) -> Any:
    """The samples of `make_streets` with a run ``lq``."""
    return audited_streets.put_back()


@pytest.fixture(scope="module")
def scored_streets(audited_streets: Snapshot, module_folder: Path) -> tuple[Snapshot, Any]:
    from label_quality.plugin import audit

    dataset = audited_streets.put_back()
    summary = audit.score_objects(dataset)
    dataset.reload()
    return Snapshot(dataset, module_folder / dataset.name), summary


@pytest.fixture
def scored(scored_streets: tuple[Snapshot, Any]) -> Any:
    """The same with scores of all objects."""
    return scored_streets[0].put_back()


def objects_of(sample: Any) -> list[tuple[str, str, int]]:
    return [(one.label, one.looks_like, one.area) for one in sample.lq_objects.detections]


def sets_of(dataset: Any) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in Path(record_of(dataset).folder).iterdir())


def values_of(dataset: Any, key: str = "lq") -> Any:
    dataset.reload()
    names = ("label", "confidence", "bounding_box", "quality", "looks_like", "looks_like_confidence", "area")
    return dataset.values([f"{key}_objects.detections.{name}" for name in names])


def test_the_worst_cars_come_first(scored_streets: tuple[Snapshot, Any], fiftyone: Any) -> None:
    from fiftyone import ViewField as F

    audited, summary = scored_streets[0].put_back(), scored_streets[1]
    wrong, right = audited.skip(5).first(), audited.skip(1).first()
    assert objects_of(wrong)[0] == ("car", "tree", 256)
    assert sorted(objects_of(wrong)[1:]) == [
        ("car", "car", 256),
        ("road", "road", 24 * 64 - 512),
        ("tree", "tree", 1536),
    ]
    assert [one.quality for one in right.lq_objects.detections] == [1.0] * 4
    worst = wrong.lq_objects.detections[0]
    assert worst.bounding_box == pytest.approx([36 / 64, 28 / 48, 16 / 64, 16 / 48])
    assert worst.confidence == pytest.approx(0.05, abs=0.01)
    assert worst.looks_like_confidence == pytest.approx(0.85, abs=0.01)
    contradiction = 0.8 * np.log(0.85 / 0.05)
    assert worst.quality == pytest.approx(1 / (1 + contradiction * (256 / 48 / 64) ** (1 / 3) / 0.3), abs=0.01)
    assert worst.mask is None and worst.mask_path is None
    # As in the App: filter by label, then sort
    view = audited.load_saved_view("lq: worst objects")
    cars = view.match(F("lq_objects.label") == "car")
    assert cars.limit(4).values("lq_objects.looks_like") == ["tree"] * 4 and len(cars) == 38
    assert view.values("lq_objects.quality") == sorted(view.values("lq_objects.quality"))
    assert "lq_objects.detections.quality" in audited.list_indexes() and "lq_objects.quality" in view.list_indexes()
    assert audited.last().lq_objects.detections == []
    found = summary.objects
    assert (found.objects, found.images, found.notes) == (76, 19, ())
    assert [(one["name"], one["objects"], one["unlike"]) for one in found.classes] == [
        *(("road", 19, 0), ("car", 38, 4), ("tree", 19, 0))
    ]
    cars = audited.filter_labels("lq_objects", F("label") == "car").values("lq_objects.detections.quality", unwind=True)
    assert found.classes[1]["quality"] == pytest.approx(np.mean(cars))
    record = record_of(audited)
    assert record.objects.objects == 76 and record.objects.config["min_area"] == 0.001
    assert "lq_objects" in record.fields and "lq: worst objects" in record.views
    group = next(one for one in audited.app_config.sidebar_groups if one.name == "Label quality (lq)")
    assert "lq_objects" in group.paths and "lq_objects" not in audited.app_config.active_fields.paths


def test_documents_are_those_that_fiftyone_would_write(scored: Any, fiftyone: Any) -> None:
    found = scored._sample_collection.find_one({"_id": scored.first()._id})["lq_objects"]
    names = ("label", "bounding_box", "confidence", "quality", "looks_like", "looks_like_confidence", "area")
    labels = [fiftyone.Detection(**{name: one[name] for name in names}) for one in scored.first().lq_objects.detections]
    expected = fiftyone.Detections(detections=labels).to_dict()
    for labels in (found, expected):
        for one in labels["detections"]:
            one.pop("_id")
    assert found == expected


def test_only_objects_that_are_asked_for(audited: Any, audit: Any) -> None:
    summary = audit.score_objects(audited, only_classes=["car", 20], max_objects=1)
    assert (summary.objects.objects, summary.objects.images) == (19, 19)
    audited.reload()
    assert objects_of(audited.first()) == [("car", "tree", 256)]
    assert audit.score_objects(audited, only_classes=["unlabelled"], min_area=0.5).objects.objects == 1
    audited.reload()
    assert objects_of(audited.last())[0][0] == "unlabelled" and objects_of(audited.first()) == []
    assert audit.score_objects(audited, min_area=0.5).objects.classes == (
        {"name": "tree", "objects": 19, "unlike": 0, "quality": 1.0},
    )
    with pytest.raises(
        audit.LabelQualityError, match=r"No class is called 'bus'; the classes are unlabelled, road, car, tree\."
    ):
        audit.score_objects(audited, only_classes=["bus"])


def test_the_same_again_does_nothing_and_overwriting_makes_it_anew(audited: Any, audit: Any) -> None:
    before = sets_of(audited)
    first = audit.score_objects(audited)
    ids = audited.values("lq_objects.detections.id")
    stages: list[str] = []
    again = audit.score_objects(audited, workers=1, progress=lambda stage, *_: stages.append(stage))
    assert again == first and set(stages) == {"Checking files"}
    assert audited.values("lq_objects.detections.id") == ids
    assert sets_of(audited) == sorted([*before, "objects"])
    audit.score_objects(audited, overwrite=True)
    assert audited.values("lq_objects.detections.id") != ids and sets_of(audited).count("objects") == 1


def test_a_search_for_suspects_leaves_objects(scored: Any, audit: Any) -> None:
    before, views = values_of(scored), set(scored.list_saved_views())
    audit.find_suspects(scored, min_probability=0.9, overwrite=True)
    audit.audit_labels(scored, "ground_truth", **WITH_FILES)
    assert values_of(scored) == before and "lq: worst objects" in scored.list_saved_views()
    assert "lq: worst objects" in record_of(scored).views and "objects" in sets_of(scored)
    assert views == set(scored.list_saved_views())
    # And the other way round
    suspects = scored.values("lq_suspects.detections.id")
    audit.score_objects(scored, min_area=0.01)
    assert scored.values("lq_suspects.detections.id") == suspects and "suspects" in sets_of(scored)
    assert views == set(scored.list_saved_views()) == set(record_of(scored).views)


def test_scoring_again_removes_objects_that_no_longer_fit(scored: Any, audit: Any) -> None:
    audit.score_label_quality(scored, "ground_truth", temperature=0.2, overwrite=True)
    scored.reload()
    assert not scored.has_sample_field("lq_objects") and "lq: worst objects" not in scored.list_saved_views()
    assert record_of(scored).objects is None and "objects" not in sets_of(scored)
    assert "lq_objects.detections.quality" not in scored.list_indexes()
    assert audit.score_objects(scored).objects.objects == 76


def test_deletion_leaves_nothing(streets: Any, audit: Any) -> None:
    before, indexes = sorted(streets.get_field_schema(flat=True)), sorted(streets.list_indexes())
    audit.audit_labels(streets, "ground_truth", **WITH_FILES)
    audit.score_objects(streets)
    root = Path(record_of(streets).folder)
    assert audit.delete_run(streets, "lq") == []
    streets.reload()
    assert sorted(streets.get_field_schema(flat=True)) == before and sorted(streets.list_indexes()) == indexes
    assert streets.list_saved_views() == [] and not root.exists()


def test_nothing_of_the_users_is_overwritten(audited: Any, audit: Any, fiftyone: Any) -> None:
    audited.add_sample_field("lq_objects", fiftyone.StringField)
    with pytest.raises(audit.LabelQualityError, match=r"already has a field 'lq_objects' that no run of this plugin"):
        audit.score_objects(audited)
    audit.find_suspects(audited, overwrite=True)
    audited.delete_sample_field("lq_objects")
    audited.save_view("lq: worst objects", audited.limit(1))
    with pytest.raises(audit.LabelQualityError, match=r"already has a saved view 'lq: worst objects' that no run of"):
        audit.score_objects(audited)
    assert not audited.has_sample_field("lq_objects")


def test_runs_that_keep_too_little_say_what_to_do(streets: Any, audit: Any) -> None:
    with pytest.raises(audit.LabelQualityError, match=r"has no label quality run 'lq'\. It has no runs\."):
        audit.score_objects(streets)
    audit.audit_labels(streets, "ground_truth", source="files", field="probabilities", scores=["cil"])
    kept = "neither evidence nor CLC is among its scores, so that nothing is kept to compare the masks with"
    with pytest.raises(audit.LabelQualityError, match=f"No objects can be scored in run 'lq': {kept}"):
        audit.score_objects(streets)


def test_a_mask_that_has_changed_and_a_file_that_is_gone_are_named(audited: Any, audit: Any) -> None:
    second, third = audited.skip(1).first(), audited.skip(2).first()
    cv2.imwrite(second.ground_truth.mask_path, street(0))
    with pytest.raises(SampleError, match=rf"sample {second.id} \(.*\): its given mask has changed since the run"):
        audit.score_objects(audited)
    (kept,) = Path(record_of(audited).folder).glob(f"scores-*/compact/*/{third.id}.lq")
    kept.unlink()
    summary = audit.score_objects(audited, skip_failures=True)
    failures = record_of(audited).objects.failures
    assert [one["sample_id"] for one in failures] == [second.id, third.id]
    assert failures[1]["problem"] == (
        "Expected a whole file of the scored run, but it is missing or damaged. Score again: score_label_quality with "
        "overwrite=True."
    )
    assert summary.objects.images == 17
    audited.reload()
    assert audited[second.id].lq_objects is None and audited[third.id].lq_objects is None


def test_samples_of_a_view_have_objects_and_others_none(streets: Any, audit: Any) -> None:
    audit.audit_labels(streets.limit(6), "ground_truth", **WITH_FILES)
    assert audit.score_objects(streets).objects.images == 6
    assert [value is None for value in streets.values("lq_objects")] == [False] * 6 + [True] * 14


def test_a_clone_of_the_dataset_says_to_score_it_first(scored: Any, audit: Any) -> None:
    clone = scored.clone()
    try:
        with pytest.raises(audit.LabelQualityError, match="belong to the dataset that this one was cloned from"):
            audit.score_objects(clone)
    finally:
        clone.delete()


def test_the_view_has_the_worst_of_many(audited: Any, audit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.runs import object_counts, publish_objects

    monkeypatch.setattr(publish_objects, "SHOWN", 10)
    monkeypatch.setattr(object_counts.ObjectCounts.lowest, "__defaults__", (10,))
    summary = audit.score_objects(audited)
    assert summary.objects.notes == ("The saved view 'lq: worst objects' has the 10 worst of them.",)
    assert audited.load_saved_view("lq: worst objects").values("lq_objects.looks_like") == ["tree"] * 4


def test_counts_are_those_of_all_objects() -> None:
    from label_quality.plugin.dataset.object_fields import ImageObjects
    from label_quality.plugin.objects.object_scores import Objects
    from label_quality.plugin.runs.object_counts import ObjectCounts

    rng = np.random.default_rng(3)
    images, counts = [], ObjectCounts(("a", "b", "c"))
    for number in range(40):
        n = int(rng.integers(0, 30))
        columns = {name: rng.integers(0, 2, n).astype(np.int16) for name in ("given", "looks_like")}
        floats = {name: rng.random(n) for name in ("confidence", "given_confidence", "contradiction", "share")}
        objects = Objects(**columns, **floats, area=np.ones(n, np.int64), box=np.zeros((n, 4), np.int32))
        images.append(ImageObjects(f"{number}", (4, 4), objects))
    assert list(counts.counted(images)) == images
    given, looks_like, quality = (
        np.concatenate([getattr(one.objects, name) for one in images]) for name in ("given", "looks_like", "quality")
    )
    part = counts.part()
    assert part.objects == given.size and part.images == sum(one.objects.area.size > 0 for one in images)
    assert [one.name for one in part.classes] == ["a", "b"]
    for index, one in enumerate(part.classes):
        of_class = given == index
        assert (one.objects, one.unlike) == (of_class.sum(), (looks_like[of_class] != index).sum())
        assert one.quality == pytest.approx(quality[of_class].mean())
    for number in (1, 17, 100, given.size - 1):
        below = counts.lowest(number)
        assert number - 2 <= (quality <= below).sum() <= number
    assert counts.lowest(given.size) is None
