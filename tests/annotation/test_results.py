"""What annotators have drawn, loaded as corrections, from a small service of the tests' own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .. import suspect_run


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def service(fiftyone: Any, tmp_path: Path) -> Iterator[Path]:
    """The folder of the tests' own service, which takes masks."""
    from .. import annotation_backend

    settings, folder = fiftyone.annotation_config.backends, tmp_path / "service"
    folder.mkdir()
    settings["folder"] = {
        "config_cls": f"{annotation_backend.__name__}.FolderBackendConfig",
        "folder": str(folder),
    }
    yield folder
    del settings["folder"]


def send(dataset: Any, worst: int, label_field: str = "ground_truth") -> None:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.review.choose_images import Choice, choose

    annotation.send_to_annotation(choose(dataset, Choice("worst", worst=worst)), label_field, backend="folder")
    dataset.reload()


def test_masks_that_were_sent_come_back_as_corrections(dataset: Any, service: Path) -> None:
    from label_quality import load_corrections

    send(dataset, 2)
    sample = dataset.match({"index": 3}).first()
    mask = np.load(service / f"{sample.id}.npy")
    before = mask.copy()
    mask[6:12, 8:16] = 20
    np.save(service / f"{sample.id}.npy", mask)
    made = load_corrections(dataset, "relabel", reviewer="ann")
    dataset.reload()
    assert (made.source, made.images, made.changed) == ("annotation run 'relabel'", 2, 1)
    assert made.pixels == np.count_nonzero(before != mask)
    assert np.array_equal(dataset[sample.id].lq_corrections.get_mask(), mask)
    assert np.array_equal(dataset[sample.id].ground_truth.get_mask(), before)
    assert dataset.match({"index": 1}).first().lq_corrections.pixels == 0
    assert dataset.exists("lq_corrections").count() == 2


def test_gray_masks_of_classes_that_are_colours_are_sent_in_colour(dataset: Any, service: Path) -> None:
    suspect_run.name_colours(dataset)
    sample = dataset.match({"index": 3}).first()
    gray = sample.ground_truth.get_mask()
    send(dataset, 1)
    assert np.array_equal(np.load(service / f"{sample.id}.npy"), np.repeat(gray[..., None], 3, axis=2))


def test_a_service_that_fails_is_told(dataset: Any, service: Path) -> None:
    from label_quality import LabelQualityError, load_corrections

    send(dataset, 1)
    (service / f"{dataset.match({'index': 3}).first().id}.npy").unlink()
    with pytest.raises(LabelQualityError, match=r"The annotations of 'relabel' cannot be had: .*No such file"):
        load_corrections(dataset, "relabel")


def test_what_was_sent_for_other_masks_is_told(fiftyone: Any, dataset: Any, service: Path) -> None:
    from label_quality import LabelQualityError, load_corrections

    dataset.clone_sample_field("ground_truth", "others")
    dataset.mask_targets = {**dataset.mask_targets, "others": dataset.mask_targets["ground_truth"]}
    send(dataset, 1, "others")
    with pytest.raises(LabelQualityError, match="'relabel' were not sent with the masks in 'ground_truth' to correct"):
        load_corrections(dataset, "relabel")


def test_polygons_are_painted_over_what_they_cover(fiftyone: Any) -> None:
    from label_quality.plugin.annotation.results import paint_polygons
    from label_quality.plugin.labels.class_table import ClassTable

    table = ClassTable.from_targets({0: "unlabelled", 3: "road", 7: "car"})
    labels = np.zeros((8, 10), np.int16)
    labels[:, :2] = -1
    square = [(0.2, 0.25), (0.6, 0.25), (0.6, 0.75), (0.2, 0.75)]
    shapes = [
        fiftyone.Polyline(label="car", points=[square], closed=True, filled=True),
        fiftyone.Polyline(label="strange", points=[[(0, 0), (1, 0), (1, 1)]], closed=True, filled=True),
        fiftyone.Polyline(label="road", points=[[(0.5, 0), (1, 0), (1, 1), (0.5, 1)]], closed=True, filled=True),
    ]
    painted = paint_polygons(labels, shapes, table)
    assert (painted[:, 6:] == 1).all() and (painted[3:5, 3:5] == 2).all()
    assert (painted[0, 2:5] == 0).all() and (painted[7, 2:5] == 0).all()
    assert (painted[:, 0] == -1).all() and labels.max() == 0


def test_polygons_that_an_earlier_version_asked_for_come_back_as_masks(dataset: Any, fiftyone: Any) -> None:
    from label_quality.plugin.annotation.results import _from_polygons
    from label_quality.plugin.records.run_record import load_record

    field = "ground_truth_polygons"
    dataset.add_sample_field(field, fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Polylines)
    sample = dataset.match({"index": 3}).first()
    whole = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]
    sample[field] = fiftyone.Polylines(
        polylines=[fiftyone.Polyline(label="tree", points=[whole], closed=True, filled=True)]
    )
    sample.save()
    ids = _from_polygons(dataset, load_record(dataset, "lq"), field, lambda *_: None)
    dataset.reload()
    assert ids == [sample.id]
    mask, given = dataset[sample.id].ground_truth_relabelled.mask, sample.ground_truth.get_mask()
    assert (mask[:, :15] == 20).all() and np.array_equal(mask[:, 18:], given[:, 18:])


@pytest.mark.parametrize("nothing", [70_000, -9999])
def test_values_that_no_file_can_have_stay_where_nobody_has_drawn(dataset: Any, fiftyone: Any, nothing: int) -> None:
    from label_quality.plugin.annotation.results import _from_polygons
    from label_quality.plugin.records.run_record import load_record

    field = "ground_truth_polygons"
    dataset.add_sample_field(field, fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Polylines)
    sample = dataset.match({"index": 3}).first()
    given = sample.ground_truth.get_mask().astype(np.int32)
    given[:, -2:] = nothing
    sample.ground_truth = fiftyone.Segmentation(mask=given)
    half = [(0, 0), (0.5, 0), (0.5, 1), (0, 1)]
    sample[field] = fiftyone.Polylines(
        polylines=[fiftyone.Polyline(label="tree", points=[half], closed=True, filled=True)]
    )
    sample.save()
    record = dataclasses.replace(load_record(dataset, "lq"), unknown="ignore")
    _from_polygons(dataset, record, field, lambda *_: None)
    mask = dataset[sample.id].ground_truth_relabelled.mask
    assert (mask[:, -2:] == nothing).all() and (mask[:, :15] == 20).all()
