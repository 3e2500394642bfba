"""Documents that are written as they are: FiftyOne must not be able to tell them from its own labels."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("fiftyone")


@pytest.fixture
def documents(fiftyone: Any) -> Any:
    from label_quality.plugin.documents import documents

    return documents


def without_ids(value: Any) -> Any:
    """The value without the ids that every label and sample has of its own."""
    if isinstance(value, dict):
        return {name: without_ids(one) for name, one in value.items() if name not in ("_id", "id")}
    return [without_ids(one) for one in value] if isinstance(value, list) else value


def test_documents_are_those_of_fiftyones_own_labels(fiftyone: Any, make_dataset: Any, documents: Any) -> None:
    fo = fiftyone
    box = [0.25, 0.5, 0.125, 0.0625]
    labels = {
        "mask": fo.Segmentation(mask_path="/m.png"),
        "map": fo.Heatmap(map_path="/h.png", range=[64, 255]),
        "classes": fo.Classifications(
            classifications=[
                fo.Classification(label="road", confidence=0.5, pixels=7, iou=0.25),
                fo.Classification(label="car", pixels=9),
            ]
        ),
        "regions": fo.Detections(
            detections=[fo.Detection(label="car", bounding_box=box, mask_path="/r.png", confidence=0.75, area=3)]
        ),
        "nothing": fo.Detections(detections=[]),
    }
    written = {
        "mask": documents.segmentation("/m.png"),
        "map": documents.heatmap("/h.png", 64, 255),
        "classes": documents.classifications(
            [
                documents.classification("road", 0.5, pixels=7, iou=0.25),
                documents.classification("car", None, pixels=9, iou=None),
            ]
        ),
        "regions": documents.detections([documents.detection("car", box, 0.75, "/r.png", area=3)]),
        "nothing": documents.detections([]),
    }
    dataset = make_dataset(count=2)
    first, second = dataset
    for name, label in labels.items():
        first[name] = label
    first.save()
    dataset.add_dynamic_sample_fields()
    documents.write_samples(dataset, {second.id: written})
    # In the database, and as FiftyOne reads them
    stored = {one["_id"]: one for one in dataset._sample_collection.find()}
    theirs, ours = (stored[sample._id] for sample in (first, second))
    for name, label in labels.items():
        assert without_ids(ours[name]) == without_ids(theirs[name]), name
        assert type(second[name]) is type(label)
        assert without_ids(second.to_dict()[name]) == without_ids(first.to_dict()[name]), name
    for ids in ("classes.classifications.id", "regions.detections.id"):
        assert len(set(dataset.values(ids, unwind=True))) == len(dataset.values(ids, unwind=True)) > 0
    assert second.mask.id and second.mask.id != first.mask.id
    assert [one.confidence for one in second.classes.classifications] == [0.5, None]


def test_writing_touches_only_what_is_named_and_notes_the_time(
    fiftyone: Any, make_dataset: Any, documents: Any
) -> None:
    dataset = make_dataset(count=3)
    dataset.add_sample_field("score", fiftyone.FloatField)
    before, times = [sample.to_dict() for sample in dataset], dataset.values("last_modified_at")
    in_memory, gone = dataset.first(), "0" * 24
    documents.write_samples(dataset, {in_memory.id: {"score": 0.5}, gone: {"score": 1.0}})
    documents.write_samples(dataset, {})
    assert dataset.values("score") == [0.5, None, None]
    assert in_memory.score == 0.5, "a sample in memory is updated, as by set_values"
    after = [sample.to_dict() for sample in dataset]
    assert after[1:] == before[1:]
    changed = {name for name in after[0] if after[0][name] != before[0].get(name)}
    assert changed == {"score", "last_modified_at"}
    assert dataset.values("last_modified_at")[0] > times[0]


def test_fields_added_together_are_those_added_one_by_one(fiftyone: Any, make_dataset: Any) -> None:
    from label_quality.plugin.documents.schema import add_fields, described

    fo = fiftyone
    wanted = {
        "score": {"ftype": fo.FloatField, "description": "A score", "info": {"made": {"by": "us"}}},
        "map": {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Heatmap, "description": "A map"},
        "regions": {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Detections, "info": {"n": 1}},
        **described("regions.detections", {"area": (fo.IntField, "Pixels"), "given": (fo.StringField, "Class")}),
    }
    together, single = make_dataset(count=1), make_dataset(count=1)
    add_fields(together, wanted)
    add_fields(together, {**wanted, "score": {"ftype": fo.FloatField, "description": "Another"}})
    for path, kind in wanted.items():
        single.add_sample_field(path, **kind)
    ours, theirs = (_without_times(one._doc.to_dict()["sample_fields"]) for one in (together, single))
    assert ours == theirs
    assert together.get_field("score").description == "A score", "fields that exist stay as they are"
    assert all(together.get_field(path).created_at for path in wanted)
    together.reload()
    assert _without_times(together._doc.to_dict()["sample_fields"]) == theirs


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_times(one) for name, one in value.items() if name != "created_at"}
    return [_without_times(one) for one in value] if isinstance(value, list) else value
