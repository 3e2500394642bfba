"""Audits of masks as other programs write them: binary, of 16 bits, with a palette, and of photos that EXIF turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

#: The size of the images, as they are shown
SIZE = (24, 32)
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture
def make(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> Any:
    """A dataset of four images; ``write(indices, path)`` writes a mask of class indices, a third of each 1 and 0 else.

    The predictions see the object of the first image 10 pixels to the right.
    """

    def make(write: Any, classes: int = 2) -> Any:
        dataset = make_dataset(count=0, targets=None)
        dataset.add_sample_field(
            "ground_truth", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Segmentation
        )
        rng, samples = np.random.default_rng(0), []
        for number in range(4):
            labels = np.zeros(SIZE, np.uint8)
            labels[6:18, 4:14] = 1 + number % (classes - 1)
            seen = np.roll(labels, 10 * (number == 0), axis=1)
            soft = np.stack([seen == one for one in range(classes)]) + 0.2 * rng.random((classes, *SIZE))
            np.save(tmp_path / f"{number}.npy", (soft / soft.sum(axis=0)).astype(np.float32))
            image, mask = (str(tmp_path / f"{name}{number}.png") for name in ("image", "mask"))
            cv2.imwrite(image, rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8))
            label = fiftyone.Segmentation(mask_path=mask)
            write(labels, mask)
            path = str(tmp_path / f"{number}.npy")
            samples.append(fiftyone.Sample(image, ground_truth=label, probabilities=path, index=number))
        dataset.add_samples(samples, progress=False)
        return dataset

    return make


def worst(dataset: Any) -> Any:
    dataset.reload()
    return dataset.sort_by("lq_quality").first()


@pytest.mark.parametrize("high", [1, 255])
def test_binary_masks_without_class_names_have_two_classes(audit: Any, make: Any, high: int) -> None:
    dataset = make(lambda labels, path: cv2.imwrite(path, labels * high))
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    (record,) = audit.list_runs(dataset)
    assert record.class_table["names"] == ["background", "object"]
    assert (record.class_table["ids"], record.class_table["ignored"]) == ([0, high], [])
    found = worst(dataset)
    assert found.index == 0
    pairs = {(one.given, one.suggested) for one in found.lq_suspects.detections}
    assert pairs <= {("background", "object"), ("object", "background")} and pairs


def test_one_bit_masks_have_two_classes(audit: Any, make: Any) -> None:
    dataset = make(lambda labels, path: Image.fromarray(labels * 255).convert("1").save(path))
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert audit.list_runs(dataset)[0].class_table["names"] == ["background", "object"]
    assert worst(dataset).index == 0


def test_a_binary_value_that_is_ignored_leaves_nothing_to_compare(audit: Any, make: Any) -> None:
    dataset = make(lambda labels, path: cv2.imwrite(path, labels * 255))
    with pytest.raises(audit.LabelQualityError, match="two classes, but the class table has only 'background'"):
        audit.audit_labels(dataset, "ground_truth", ignored=[255], **WITH_FILES)


def test_masks_of_16_bits(audit: Any, make: Any) -> None:
    dataset = make(lambda labels, path: cv2.imwrite(path, np.array([0, 1000, 40000], np.uint16)[labels]), classes=3)
    dataset.default_mask_targets = {0: "ground", 1000: "roof", 40000: "tree"}
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    found = worst(dataset)
    assert found.index == 0
    assert {one.given for one in found.lq_suspects.detections} <= {"ground", "roof"}
    predicted = cv2.imread(found.lq_prediction.mask_path, cv2.IMREAD_UNCHANGED)
    assert set(np.unique(predicted)) == {0, 1000}


@pytest.mark.parametrize("targets", [None, {0: "ground", 1: "roof", 2: "tree"}])
def test_palette_masks_are_their_indices(audit: Any, make: Any, targets: Any) -> None:
    def write(labels: np.ndarray, path: str) -> None:
        picture = Image.fromarray(labels, mode="P")
        picture.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
        picture.save(path)

    dataset = make(write, classes=3)
    if targets:
        dataset.default_mask_targets = targets
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert audit.list_runs(dataset)[0].class_table["ids"] == [0, 1, 2]
    assert worst(dataset).index == 0


def test_masks_of_photos_that_exif_turns_are_turned_as_they_are_shown(audit: Any, make: Any) -> None:
    dataset = make(lambda labels, path: cv2.imwrite(path, labels))
    exif = Image.Exif()
    exif[0x0112] = 6
    sample = dataset.first()
    photo = Path(sample.filepath).with_suffix(".jpg")
    # A camera that was held upright stores what it has seen lying on its side
    Image.open(sample.filepath).transpose(Image.Transpose.ROTATE_90).save(photo, exif=exif)
    sample.filepath = str(photo)
    sample.save()
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    assert worst(dataset).filepath == str(photo)
    mask = sample.ground_truth.mask_path
    Image.open(mask).transpose(Image.Transpose.ROTATE_90).save(mask)
    with pytest.raises(audit.LabelQualityError, match=r"EXIF orientation 6 says that it is turned by .* Turn the mask"):
        audit.audit_labels(dataset, "ground_truth", overwrite=True, **WITH_FILES)
