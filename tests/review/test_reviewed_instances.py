"""What follows an audit of instances: corrected masks are masks of classes, and the instances stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import app_edits
from ..given_instances import INSTANCES, NAMES, WITH_FILES, fill, given_values, ids_of
from ..snapshots import Snapshot

#: Kind of labels to the list in it
LISTS = {"Detections": "detections", "Polylines": "polylines"}


@pytest.fixture(scope="module", params=["mask_path", "polylines"])
def audited(request: Any, make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.review.decide import set_verdict

    dataset = make_module_dataset(count=0, targets=None, label_field="unused")
    folder = module_folder / dataset.name
    fill(dataset, folder, request.param)
    audit_labels(dataset, "objects", output_dir=str(folder / "runs"), **WITH_FILES)
    dataset.reload()
    set_verdict(dataset, "lq", [dataset.first().lq_suspects.detections[0].id], "confirmed")
    return Snapshot(dataset, folder)


@pytest.fixture
def dataset(audited: Snapshot) -> Any:
    """A run whose suspect in the first image, a bus that is seen as a car, is confirmed."""
    return audited.put_back()


def corrected_values() -> np.ndarray:
    """The first image's mask with a car in place of the bus."""
    mask = given_values()
    mask[mask == NAMES.index("bus")] = NAMES.index("car")
    return mask


def read(path: str | Path) -> np.ndarray:
    return np.array(cv2.imread(str(path), cv2.IMREAD_UNCHANGED))


def test_corrected_masks_have_the_classes_values_and_name_them(dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.corrections.corrected_masks import write_corrected_masks

    before = dataset.first().objects.to_dict()
    written = write_corrected_masks(dataset, complete=True, output_dir=tmp_path / "out")
    assert (written.images, written.regions) == (8, 1)
    np.testing.assert_array_equal(read(tmp_path / "out" / "0.png"), corrected_values())
    np.testing.assert_array_equal(read(tmp_path / "out" / "5.png"), given_values())
    dataset.reload()
    assert dataset.mask_targets["lq_corrected"] == dict(enumerate(NAMES))
    assert dataset.first().objects.to_dict() == before


def test_a_clean_dataset_of_instances_has_masks(fiftyone: Any, dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.clean.clean_dataset import export_clean_dataset

    made = export_clean_dataset(dataset, export_dir=str(tmp_path / "clean"))
    assert (made.images, made.changed, made.regions, made.failures) == (8, 1, 1, ())
    clean = fiftyone.Dataset.from_dir(
        dataset_dir=made.folder, dataset_type=fiftyone.types.ImageSegmentationDirectory, label_field="masks"
    )
    try:
        masks = {Path(sample.filepath).stem: sample.masks.get_mask() for sample in clean}
    finally:
        clean.delete()
    np.testing.assert_array_equal(masks["0"], corrected_values())
    np.testing.assert_array_equal(masks["7"], given_values())
    manifest = json.loads(Path(made.manifest).read_text())
    assert manifest["classes"] == {"0": "background", "1": "bus", "2": "car"}


def test_corrected_masks_are_loaded_beside_instances(dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.corrections.load_corrections import load_corrections

    folder = tmp_path / "corrected"
    folder.mkdir()
    cv2.imwrite(str(folder / "0.png"), corrected_values())
    part = load_corrections(dataset, folder)
    assert (part.images, part.changed, part.resolved) == (1, 1, 1)


def test_a_suspect_that_was_deleted_in_the_app_keeps_its_instance(dataset: Any) -> None:
    from label_quality.plugin.runs.collect_edits import collect_edits

    app_edits.delete(dataset, dataset.skip(1).first().lq_suspects.detections[0].id)
    app_edits.delete(dataset, dataset.first().lq_suspects.detections[0].id)
    assert collect_edits(dataset, "lq").deleted == 2
    dataset.reload()
    (rejected,) = dataset.first().lq_rejected.detections
    assert rejected.given_instance == ids_of(dataset)[0][1]
    (rejected,) = dataset.skip(1).first().lq_rejected.detections
    assert rejected.given_instance is None


def test_annotators_get_masks_of_the_run_s_classes_and_send_them_back(
    fiftyone: Any, dataset: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.corrections.load_corrections import load_corrections
    from label_quality.plugin.review.choose_images import Choice, choose

    from .. import annotation_backend

    # What the labels are by now shall not count: in the run, a bus is 1 and a car 2
    last = dataset.last()
    last.objects[LISTS[type(last.objects).__name__]][0].label = "ant"
    last.save()
    settings = fiftyone.annotation_config.backends
    settings["folder"] = {"config_cls": f"{annotation_backend.__name__}.FolderBackendConfig", "folder": str(tmp_path)}
    try:
        annotation.send_to_annotation(choose(dataset, Choice("worst", worst=2)), "objects", backend="folder")
        dataset.reload()
        sample = dataset.first()
        mask = np.load(tmp_path / f"{sample.id}.npy")
        np.testing.assert_array_equal(mask, given_values())
        np.save(tmp_path / f"{sample.id}.npy", corrected_values())
        made = load_corrections(dataset, "relabel")
    finally:
        del settings["folder"]
    assert (made.images, made.changed, made.resolved) == (2, 1, 1)


def test_the_picture_of_a_suspect_shows_its_classes(dataset: Any) -> None:
    from label_quality.plugin.records.run_record import load_record
    from label_quality.plugin.regions.pictures import read_region

    sample = dataset.first()
    region = sample.lq_suspects.detections[0].to_mongo().to_dict()
    found = read_region(dataset, load_record(dataset, "lq"), sample.id, region)
    assert {one.name for one in found.classes()} <= set(NAMES)
    assert "bus" in {one.name for one in found.classes()}


def test_the_instance_that_a_suspect_names_can_be_mended(dataset: Any) -> None:
    from label_quality.plugin.audit import score_label_quality

    (suspect,) = dataset.first().lq_suspects.detections
    view = dataset.select_labels(ids=[suspect.given_instance], fields="objects")
    assert view.count() == 1
    kind = LISTS[type(dataset.first().objects).__name__]
    (instance,) = view.first().objects[kind]
    assert instance.label == INSTANCES[1][0]
    sample = dataset.first()
    sample.objects[kind][ids_of(dataset)[0].index(suspect.given_instance)].label = "car"
    sample.save()
    score_label_quality(dataset, "objects", overwrite=True, min_probability=0.0)
    dataset.reload()
    # The verdict stays, as it does where a mask was mended
    (kept,) = dataset.first().lq_suspects.detections
    assert (kept.verdict, kept.given_instance) == ("confirmed", suspect.given_instance)
    assert dataset.sort_by("lq_quality").first().index == 1


def test_reports_comparisons_and_estimates_of_runs_of_instances(dataset: Any, tmp_path: Path) -> None:
    from label_quality.plugin.audit import score_label_quality
    from label_quality.plugin.compare.comparison import compare_runs
    from label_quality.plugin.report.write import write_report
    from label_quality.plugin.survey.estimate_errors import estimate_errors

    write_report(dataset, "lq", path=str(tmp_path / "report.html"))
    assert "bus" in (tmp_path / "report.html").read_text()
    dataset.clone_sample_field("objects", "copies")
    score_label_quality(dataset, "copies", key="lq3", predictions="lq", output_dir=str(tmp_path))
    found = compare_runs(dataset, before="lq", after="lq3")
    assert (found.masks_miou, found.changed_pixels) == (1.0, 0.0)
    assert estimate_errors(dataset, key="lq").notes is not None
