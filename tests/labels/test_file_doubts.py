"""Images that EXIF turns and masks that are not turned with them; masks whose format is lossy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

WITH_MASKS = {"source": "files", "field": "predicted"}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture
def predicted(make_dataset: Any, fiftyone: Any) -> Any:
    """Four samples of 32 x 24 pixels whose given masks are predicted too."""
    dataset = make_dataset()
    masks = [fiftyone.Segmentation(mask=sample.ground_truth.get_mask()) for sample in dataset]
    dataset.set_values("predicted", masks)
    return dataset


def turn_by_exif(path: str, orientation: int, size: tuple[int, int] | None = None) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(path) as image:
        Image.Image.resize(image, size or image.size).save(path, exif=exif)


def as_jpeg(dataset: Any, index: int, quality: int) -> str:
    """Puts a JPEG in the place of a sample's mask."""
    sample = dataset.skip(index).first()
    path = Path(sample.ground_truth.mask_path).with_suffix(".jpg")
    Image.open(sample.ground_truth.mask_path).save(path, quality=quality)
    sample.ground_truth.mask_path = str(path)
    sample.save()
    return str(path)


@pytest.mark.parametrize(
    ("orientation", "turn", "method"),
    [
        (5, "mirrored at its diagonal", "TRANSPOSE"),
        (6, "turned by 90° clockwise", "ROTATE_270"),
        (7, "mirrored at its other diagonal", "TRANSVERSE"),
        (8, "turned by 90° counter-clockwise", "ROTATE_90"),
    ],
)
def test_a_mask_of_the_image_as_it_is_stored(
    predicted: Any, audit: Any, orientation: int, turn: str, method: str
) -> None:
    sample = predicted.skip(1).first()
    turn_by_exif(sample.filepath, orientation)
    with pytest.raises(audit.LabelQualityError) as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_MASKS)
    assert str(error.value) == (
        f"sample {sample.id} ({sample.ground_truth.mask_path}): the mask is 32x24 pixels, but its image "
        f"{sample.filepath} is 24x32 (width x height) as it is shown: EXIF orientation {orientation} says that it is "
        f"{turn}, and the mask fits its pixels as they are stored. Turn the mask as well (in Pillow: "
        f"mask.transpose(Image.Transpose.{method})); or, where the image is upright as stored, remove its EXIF "
        "orientation."
    )
    # What the error says to do turns the mask as the image is turned
    with Image.open(sample.ground_truth.mask_path) as mask:
        turned = np.array(mask.transpose(Image.Transpose[method]))
    with Image.open(sample.filepath) as image:
        stored, shown = np.array(image), audit_image(sample.filepath)
        assert (np.array(image.transpose(Image.Transpose[method])) == shown).all() and stored.shape != shown.shape
    Image.fromarray(turned).save(sample.ground_truth.mask_path)
    predicted.set_values("predicted.mask", {sample.id: turned}, key_field="id")
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_MASKS)
    assert summary.scored == 4 and "EXIF" not in summary.note


def test_a_mask_of_an_image_that_was_turned_for_good(predicted: Any, audit: Any) -> None:
    sample = predicted.first()
    with Image.open(sample.filepath) as image:
        image.transpose(Image.Transpose.ROTATE_90).save(sample.filepath)
    with pytest.raises(audit.LabelQualityError) as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_MASKS)
    assert "the mask is 32x24 pixels but its image" in str(error.value)
    assert "one of the two is turned by 90°, and the image has no EXIF orientation that says so" in str(error.value)


def audit_image(path: str) -> np.ndarray:
    from label_quality.plugin.labels.images import read_image

    return read_image(path)


def test_a_turn_that_the_sizes_do_not_show_is_noted(predicted: Any, audit: Any) -> None:
    ids, paths = predicted.values(["id", "filepath"])
    quiet = audit.audit_labels(predicted, "ground_truth", **WITH_MASKS, key="quiet")
    assert "EXIF" not in quiet.note
    turn_by_exif(paths[1], 3)
    note = (
        "1 image has an EXIF orientation that leaves the size as it is, so that it cannot be told whether the masks "
        "are turned with the images as they are shown, which is what is assumed; look at the first, sample "
        f"{ids[1]} ({paths[1]})."
    )
    assert note in audit.audit_labels(predicted, "ground_truth", **WITH_MASKS, key="one").note
    # A square image turned by a right angle
    sample = predicted.skip(2).first()
    turn_by_exif(sample.filepath, 6, (24, 24))
    square = sample.ground_truth.get_mask()[:, :24]
    Image.fromarray(square).save(sample.ground_truth.mask_path)
    predicted.set_values("predicted.mask", {sample.id: square}, key_field="id")
    summary = audit.audit_labels(predicted, "ground_truth", **WITH_MASKS, key="two")
    assert summary.note.count("2 images have an EXIF orientation that leaves the size as it is") == 1
    (record,) = [run for run in audit.list_runs(predicted) if run.key == "two"]
    assert f"sample {ids[1]}" in record.note


def test_values_that_jpeg_makes_up(predicted: Any, audit: Any) -> None:
    path = as_jpeg(predicted, 2, quality=50)
    sample_id = predicted.values("id")[2]
    with pytest.raises(audit.LabelQualityError, match="not in the class table") as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_MASKS)
    assert str(error.value).startswith(f"sample {sample_id} ({path}): ")
    assert str(error.value).endswith(
        "But this mask is a JPEG, which is lossy and makes up values that nobody has drawn, above all at edges: export "
        "the masks anew, as PNG."
    )
    note = (
        "1 mask is a JPEG file, a lossy format: at edges it may hold classes that nobody has drawn; store masks as "
        f"PNG. The first: sample {sample_id} ({path})."
    )
    assert note in audit.audit_labels(predicted, "ground_truth", **WITH_MASKS, unknown="ignore").note


def test_values_of_a_jpeg_are_not_taken_for_classes(predicted: Any, audit: Any) -> None:
    predicted.mask_targets = {}
    path = as_jpeg(predicted, 1, quality=50)
    with pytest.raises(audit.LabelQualityError) as error:
        audit.audit_labels(predicted, "ground_truth", **WITH_MASKS)
    assert str(error.value) == (
        f"sample {predicted.values('id')[1]} ({path}): is one of 1 masks in 'ground_truth' that are JPEG files, and no "
        "classes are known but the values that masks hold. JPEG is lossy and makes values up: name the classes (the "
        "dataset's mask targets, or classes=), or store the masks as PNG."
    )
    # A PNG whatever it is called
    png = predicted.first().ground_truth.mask_path
    Path(path).write_bytes(Path(png).read_bytes())
    assert audit.audit_labels(predicted, "ground_truth", **WITH_MASKS).scored == 4
