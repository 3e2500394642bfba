"""Suspects as FiftyOne detections on a real dataset, and that deletion takes back exactly that."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

pytest.importorskip("fiftyone")

KEY = "lq"
FIELDS = ["lq_error_type", "lq_suspects"]


@pytest.fixture
def suspects(fiftyone):
    from label_quality.plugin.dataset import suspect_fields

    return suspect_fields


@pytest.fixture
def image(suspects):
    """A function that makes an image's suspects of rows (given, suggested, kind, evidence, box)."""

    def make(sample_id, *rows, size=(24, 32)):
        given, suggested, kind, evidence, box = zip(*rows, strict=True) if rows else [()] * 5
        return suspects.ImageSuspects(
            sample_id=sample_id,
            size=size,
            given=np.array(given, np.int16),
            suggested=np.array(suggested, np.int16),
            kind=list(kind),
            evidence=np.array(evidence, float),
            area=np.array([width * height for _, _, width, height in box], np.int64),
            confidence=np.full(len(rows), 0.75),
            box=np.array(box, np.int32).reshape(-1, 4),
            masks=[f"/masks/{sample_id}-{row}.png" for row in range(len(rows))],
        )

    return make


@pytest.fixture
def images(dataset, image):
    """The first sample has two suspects, the weaker first; the second has one, the third none; the last is left out."""
    first, second, third, _ = dataset.values("id")
    return [
        image(first, (1, 2, "shift", 10.5, (0, 0, 4, 6)), (0, 3, "drop", 99.0, (8, 6, 16, 12))),
        image(second, (2, 1, "swap", 30.0, (31, 23, 1, 1))),
        image(third),
    ]


def snapshot(dataset):
    """Everything of the dataset that a run might change: its samples, and its document less the times of change."""
    dataset.reload()
    content = dataset._doc.to_dict()
    for name in ("last_modified_at", "version", "last_loaded_at", "last_deletion_at"):
        content.pop(name, None)
    samples = [{k: v for k, v in sample.to_dict().items() if k != "last_modified_at"} for sample in dataset]
    return content, samples, sorted(dataset.list_indexes())


@pytest.fixture
def write(suspects, dataset, table):
    def call(images, key=KEY, **kw):
        return suspects.write_suspects(dataset, key, images, class_table=table, label_field="ground_truth", **kw)

    return call


def test_regions_come_back_as_detections_the_strongest_first(fiftyone, dataset, images, write):
    assert write(images) == FIELDS
    dataset.reload()
    drop, shift = dataset.first().lq_suspects.detections
    assert (drop.label, drop.given, drop.suggested, drop.error_type) == ("tree", "unlabelled", "tree", "drop")
    assert (drop.evidence, drop.area, drop.confidence) == (99.0, 192, 0.75)
    assert drop.bounding_box == [0.25, 0.25, 0.5, 0.5]
    assert drop.mask_path == f"/masks/{dataset.first().id}-1.png"
    assert (shift.label, shift.error_type, shift.bounding_box) == ("car", "shift", [0, 0, 0.125, 0.25])
    assert dataset.values("lq_suspects.detections.evidence") == [[99.0, 10.5], [30.0], [], None]


def test_the_image_has_the_type_of_its_strongest_region(dataset, images, write):
    write(images)
    assert dataset.values("lq_error_type") == ["drop", "swap", "none", None]


def test_rated_regions_are_sorted_by_probability(dataset, images, image, write, suspects):
    first = dataclasses.replace(images[0], probability=np.array([0.9, 0.6]))
    second = dataclasses.replace(images[1], probability=np.array([0.7]))
    none = dataclasses.replace(images[2], probability=np.zeros(0))
    write([first, second, none], rated=True)
    dataset.reload()
    assert dataset.values("lq_suspects.detections.probability") == [[0.9, 0.6], [0.7], [], None]
    assert dataset.values("lq_suspects.detections.evidence") == [[10.5, 99.0], [30.0], [], None]
    assert dataset.values("lq_error_type") == ["shift", "swap", "none", None]
    field = dataset.get_field("lq_suspects.detections.probability")
    assert field.description == "Probability that the mask is wrong there, and not the predictions, in [0, 1]"
    assert "lq_suspects.detections.probability" in dataset.list_indexes()
    # Those of a search without a rating have none, and are sorted by evidence again
    write(images)
    dataset.reload()
    assert dataset.get_field("lq_suspects.detections.probability") is None
    assert "probability" not in dataset.first().lq_suspects.detections[0].to_dict()
    assert dataset.values("lq_error_type") == ["drop", "swap", "none", None]
    assert suspects.strength_name(dataset, KEY) == "evidence"
    assert "lq_suspects.detections.evidence" in dataset.list_indexes()


def test_documents_are_those_that_fiftyone_would_write(fiftyone, dataset, images, write):
    write(images)
    found = dataset._sample_collection.find_one({"lq_error_type": "drop"})["lq_suspects"]
    same = [
        fiftyone.Detection(
            label=one.label,
            bounding_box=one.bounding_box,
            mask_path=one.mask_path,
            confidence=one.confidence,
            **{name: one[name] for name in ("given", "suggested", "error_type", "evidence", "area")},
        )
        for one in dataset.first().lq_suspects.detections
    ]
    expected = fiftyone.Detections(detections=same).to_dict()
    ids = [[one.pop("_id") for one in labels["detections"]] for labels in (found, expected)]
    assert [type(one) for one in ids[0]] == [type(one) for one in ids[1]]
    assert found == expected


def test_masks_on_disk_are_those_of_the_regions(dataset, image, write, tmp_path):
    mask = np.zeros((6, 4), np.uint8)
    mask[1:5, 2:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    made = image(dataset.first().id, (1, 2, "shift", 1.0, (8, 12, 4, 6)))
    write([dataclasses.replace(made, masks=[tmp_path / "mask.png"])])
    found = dataset.first().lq_suspects.detections[0]
    full = found.to_segmentation(frame_size=(32, 24), target=9).mask
    assert np.array_equal(np.argwhere(full == 9).min(0), [13, 10])
    assert (full == 9).sum() == (mask > 0).sum()


def test_attributes_are_declared_and_described(fiftyone, dataset, images, write):
    write(images)
    schema = dataset.get_field_schema(flat=True)
    kinds = {
        name: type(schema[f"lq_suspects.detections.{name}"]).__name__
        for name in ("given", "suggested", "error_type", "evidence", "area", "confidence")
    }
    assert list(kinds.values()) == ["StringField"] * 3 + ["FloatField", "IntField", "FloatField"]
    described = [*FIELDS, *(f"lq_suspects.detections.{n}" for n in kinds if n != "confidence")]
    assert all(schema[name].description for name in described)
    assert schema["lq_error_type"].description.endswith("Given masks: ground_truth.")
    assert {"lq_error_type", "lq_suspects.detections.evidence"} <= set(dataset.list_indexes())
    patches = dataset.to_patches("lq_suspects").sort_by("lq_suspects.evidence", reverse=True)
    assert patches.values("lq_suspects.label") == ["tree", "road", "car"]


def test_writing_again_replaces_all(fields, dataset, images, image, write):
    write(images)
    _, _, third, last = dataset.values("id")
    write([image(last, (1, 3, "other", 5.0, (0, 0, 1, 1))), image(third)])
    dataset.reload()
    assert dataset.values("lq_error_type") == [None, None, "none", "other"]
    assert dataset.values("lq_suspects.detections.label") == [None, None, [], ["tree"]]
    assert fields.own_fields(dataset, KEY) == FIELDS


def test_many_images_are_written_in_portions(suspects, dataset, image, write, monkeypatch):
    monkeypatch.setattr(suspects, "_IMAGES_A_WRITE", 3)
    calls = []
    rows = (image(sample_id, (1, 2, "swap", 1.0, (0, 0, 1, 1))) for sample_id in dataset.values("id"))
    write(rows, total=4, progress=lambda *call: calls.append(call))
    assert calls == [("Writing suspects", 3, 4), ("Writing suspects", 4, 4)]
    assert dataset.values("lq_error_type") == ["swap"] * 4


def test_the_app_shows_suspects_in_the_colour_of_their_type(fields, dataset, images, write):
    write(images)
    once = snapshot(dataset)[0]["app_config"]
    app = dataset.app_config
    groups = {group.name: group.paths for group in app.sidebar_groups}
    assert groups["Label quality (lq)"] == FIELDS
    assert "lq_suspects" not in groups["labels"]
    assert "lq_suspects" in app.active_fields.paths
    by_path = {entry["path"]: entry for entry in app.color_scheme.fields}
    assert by_path["lq_suspects"]["colorByAttribute"] == "error_type"
    assert [pair["value"] for pair in by_path["lq_error_type"]["valueColors"]] == ["drop", "swap", "shift", "other"]
    write(images)
    assert snapshot(dataset)[0]["app_config"] == once


def test_deletion_leaves_the_dataset_as_it_was(fields, dataset, images, write):
    before = snapshot(dataset)
    write(images)
    assert snapshot(dataset) != before
    assert fields.delete_fields(dataset, KEY) == FIELDS
    assert snapshot(dataset) == before


def test_scores_and_suspects_of_two_runs_live_side_by_side(fields, dataset, images, table, write):
    before = snapshot(dataset)
    ids = dataset.values("id")
    rows = fields.ResultRows(ids, {"cil": np.arange(4.0)}, {"heatmap": ["/h.png"] * 4})
    columns = fields.Columns(("cil",), ("heatmap",))
    fields.write_results(dataset, KEY, [rows], columns, class_table=table, label_field="ground_truth")
    write(images)
    # Suspects before the heatmap: the App draws the first on top
    assert dataset.app_config.active_fields.paths == ["lq_quality", "lq_suspects", "lq_heatmap"]
    write(images[1:], key="other")
    assert dataset.values("lq_cil") == [0, 1, 2, 3]
    assert dataset.app_config.active_fields.paths == ["other_suspects"]
    groups = {group.name: group.paths for group in dataset.app_config.sidebar_groups}
    expected = ["lq_quality", "lq_error_type", "lq_suspects", "lq_heatmap", "lq_cil"]
    assert groups["Label quality (lq)"][:5] == expected
    fields.delete_fields(dataset, KEY)
    assert dataset.values("other_error_type") == [None, "swap", "none", None]
    fields.delete_fields(dataset, "other")
    assert snapshot(dataset) == before


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_the_user_is_not_overwritten(suspects, fiftyone, dataset, images, write, name):
    dataset.add_sample_field(name, fiftyone.StringField)
    dataset.set_values(name, ["mine"] * 4)
    before = snapshot(dataset)
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError, match=f"already has a field '{name}'"):
        write(images)
    assert snapshot(dataset) == before


def test_a_killed_write_can_be_repeated_or_deleted(suspects, fields, dataset, image, images, write, monkeypatch):
    before = snapshot(dataset)
    monkeypatch.setattr(suspects, "_IMAGES_A_WRITE", 1)

    class Killed(BaseException):
        pass

    def stop(stage, done, total):
        raise Killed

    with pytest.raises(Killed):
        write(images, progress=stop)
    assert dataset.values("lq_error_type") == ["drop", None, None, None]
    fields.delete_fields(dataset, KEY)
    assert snapshot(dataset) == before
    with pytest.raises(Killed):
        write(images, progress=stop)
    write(images[1:])
    assert dataset.values("lq_error_type") == [None, "swap", "none", None]
    fields.delete_fields(dataset, KEY)
    assert snapshot(dataset) == before
