"""Audits of instances, from the operator's form to the dataset: scores, suspects and the instances they lie on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..given_instances import SIZE, WITH_FILES, fill, ids_of
from ..operators.calls import Calls, errors
from ..snapshots import Snapshot

CALLS = Calls("@label-quality/segmentation/audit_labels")


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture(scope="module", params=["mask", "mask_path", "polylines"])
def filled(request: Any, make_module_dataset: Any, module_folder: Path) -> Snapshot:
    dataset = make_module_dataset(count=0, targets=None, label_field="unused")
    folder = module_folder / dataset.name
    return Snapshot(fill(dataset, folder, request.param), folder)


@pytest.fixture
def dataset(filled: Snapshot) -> Any:
    return filled.put_back()


def test_an_audit_finds_what_is_wrong_and_which_instance_it_is(audit: Any, dataset: Any) -> None:
    summary = audit.audit_labels(dataset, "objects", **WITH_FILES)
    assert summary.scored == 8
    dataset.reload()
    worst = dataset.sort_by("lq_quality").values("index")[:2]
    assert sorted(worst) == [0, 1]
    first, second = dataset.first(), dataset.skip(1).first()
    (swap,) = first.lq_suspects.detections
    assert (swap.given, swap.suggested, swap.error_type) == ("bus", "car", "swap")
    assert swap.given_instance == ids_of(dataset)[0][1]
    (drop,) = second.lq_suspects.detections
    assert (drop.given, drop.suggested, drop.error_type) == ("background", "car", "drop")
    assert drop.given_instance is None
    field = dataset.get_field("lq_suspects.detections.given_instance")
    assert field.description.startswith("Id of the given instance that covers most of the region")
    # The field of the instances stays as it was, and what was mended is told from it
    again = audit.audit_labels(dataset, "objects", **WITH_FILES)
    assert again.key == "lq"


def test_a_resumed_run_notices_that_instances_have_changed(audit: Any, dataset: Any) -> None:
    audit.audit_labels(dataset, "objects", **WITH_FILES)
    sample = dataset.first()
    kind = "polylines" if "Polylines" in str(type(sample.objects)) else "detections"
    sample.objects[kind][1].label = "car"
    sample.save()
    with pytest.raises(audit.LabelQualityError, match=r"or its images, masks, model or predictions have changed since"):
        audit.audit_labels(dataset, "objects", **WITH_FILES)
    with pytest.raises(audit.LabelQualityError, match="its given mask has changed since the run was scored"):
        audit.find_suspects(dataset, min_probability=0.1)
    audit.audit_labels(dataset, "objects", overwrite=True, **WITH_FILES)
    dataset.reload()
    assert not dataset.first().lq_suspects.detections


def test_suspects_found_again_and_objects_of_a_run_of_instances(audit: Any, dataset: Any) -> None:
    audit.audit_labels(dataset, "objects", suspects=False, source="files", field="probabilities")
    audit.find_suspects(dataset, min_probability=0.0)
    dataset.reload()
    assert dataset.first().lq_suspects.detections[0].given_instance == ids_of(dataset)[0][1]
    audit.score_objects(dataset, key="lq")
    dataset.reload()
    objects = dataset.first().lq_objects.detections
    assert {one.label for one in objects} <= {"car", "bus", "background"}
    assert min(objects, key=lambda one: one.quality).label == "bus"


def test_ignored_labels_take_part_in_nothing_also_when_the_run_is_opened_again(audit: Any, dataset: Any) -> None:
    audit.audit_labels(dataset, "objects", ignored=["bus"], source="files", field="probabilities", class_map=MAP)
    audit.find_suspects(dataset, min_probability=0.0, overwrite=True)
    dataset.reload()
    assert not dataset.first().lq_suspects.detections
    assert dataset.skip(1).first().lq_suspects.detections[0].given == "background"


#: The predictions' channels where buses are ignored
MAP = {"0": "background", "2": "car"}


def test_the_form_offers_instances_and_says_what_they_are(dataset: Any) -> None:
    kind = type(dataset.first().objects).__name__
    properties = CALLS.form(dataset, source="files", field="probabilities", advanced=True)
    assert errors(properties) == {}
    choices = properties["label_field"].view.choices
    assert [(one.value, one.label) for one in choices] == [("objects", f"objects: instances ({kind})")]
    assert properties["notice_classes"].view.label == ("3 classes from the labels in 'objects': background, bus, car.")


def test_the_operator_audits_instances(dataset: Any) -> None:
    import fiftyone.operators as foo

    result = foo.get_operator(CALLS.uri)(dataset, "objects", progress=False, **WITH_FILES).result
    assert result["scored"] == 8
    dataset.reload()
    assert len(dataset.first().lq_suspects.detections) == 1


def test_predicted_masks_of_other_values_are_matched_by_name(audit: Any, fiftyone: Any, dataset: Any) -> None:
    seen = np.zeros(SIZE, np.uint8)
    seen[4:20, 4:24], seen[8:32, 36:56], seen[28:40, 8:24] = 9, 5, 9
    dataset.set_values("seen", [fiftyone.Segmentation(mask=seen) for _ in range(8)])
    dataset.mask_targets = {"seen": {0: "background", 9: "car", 5: "bus"}}
    audit.audit_labels(dataset, "objects", source="files", field="seen")
    dataset.reload()
    assert dataset.values("lq_iou") == [1.0] * 8
    dataset.mask_targets = {"seen": {9: "road", 5: "tree"}}
    with pytest.raises(
        audit.LabelQualityError, match=r"'seen' to name the classes background, bus, car, but they are b"
    ):
        audit.audit_labels(dataset, "objects", key="other", source="files", field="seen")


def test_predicted_instances(audit: Any, fiftyone: Any, dataset: Any) -> None:
    dataset.clone_sample_field("objects", "seen")
    audit.audit_labels(dataset, "objects", source="files", field="seen")
    dataset.reload()
    assert dataset.values("lq_iou") == [1.0] * 8
