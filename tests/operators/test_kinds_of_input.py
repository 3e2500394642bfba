"""Audits of every kind of input from the App's form: what it says of it, and that what is wrong is found in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from ..deletion import drop_datasets
from ..given_instances import fill
from .calls import Calls, Refused, errors

CALLS = Calls("@label-quality/segmentation/audit_labels")
WITH_FILES = {"source": "files", "field": "probabilities"}
SIZE, COUNT, WRONG = (48, 64), 6, 2
NAMES = {0: "ground", 1: "roof", 2: "tree"}
#: From class indices (H, W) to a file
Write = Callable[[np.ndarray, Path], None]


def given(index: int, classes: int = 3) -> np.ndarray:
    """Class indices of a mask (H, W): an object of each class, in the wrong image the first on the other side."""
    labels = np.zeros(SIZE, np.uint8)
    labels[8:28, 36:56] = classes - 1
    labels[24:44, 4 + 30 * (index == WRONG) : 28 + 30 * (index == WRONG)] = 1
    return labels


def seen(index: int, classes: int = 3) -> np.ndarray:
    """What the predictions see, probabilities (K, H, W): in the wrong image an object where it is in the others."""
    labels = given(0 if index == WRONG else index, classes)
    soft = np.stack([labels == one for one in range(classes)]) + 0.2 * np.random.default_rng(index).random(
        (classes, *SIZE)
    )
    return (soft / soft.sum(axis=0)).astype(np.float32)


def photo(index: int) -> np.ndarray:
    """An image (H, W, 3) uint8 BGR."""
    return np.random.default_rng(index).integers(0, 255, (*SIZE, 3), dtype=np.uint8)


def with_palette(labels: np.ndarray, path: Path) -> None:
    picture = Image.fromarray(labels, mode="P")
    picture.putpalette([10, 20, 30, 200, 0, 0, 0, 200, 0])
    picture.save(path)


def of_values(*values: int, dtype: Any = np.uint8) -> Write:
    """Writes masks of these values."""
    return lambda labels, path: cv2.imwrite(str(path), np.array(values, dtype)[labels])  # type: ignore[return-value]


WRITE = of_values(0, 1, 2)


@pytest.fixture
def make(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> Callable[..., Any]:
    """Makes a dataset of masks that `write` has written and images that `picture` has, which returns their paths."""

    def make(write: Write = WRITE, names: Any = NAMES, classes: int = 3, picture: Any = None) -> Any:
        dataset = make_dataset(count=0, targets=None)
        for index in range(COUNT):
            mask, path = tmp_path / f"mask{index}.png", tmp_path / f"{index}.png"
            write(given(index, classes), mask)
            if picture is None:
                cv2.imwrite(str(path), photo(index))
            else:
                path = picture(photo(index), path)
            np.save(tmp_path / f"{index}.npy", seen(index, classes))
            label = fiftyone.Segmentation(mask_path=str(mask))
            file = str(tmp_path / f"{index}.npy")
            dataset.add_sample(fiftyone.Sample(str(path), ground_truth=label, probabilities=file, index=index))
        if names:
            dataset.default_mask_targets = names
        return dataset

    return make


def worst_of(dataset: Any) -> Any:
    dataset.reload()
    return dataset.exists("lq_quality").sort_by("lq_quality").first()


KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "values": ({}, "3 classes from the dataset's default mask targets: ground, roof, tree."),
    "16 bits": (
        {"write": of_values(0, 1000, 40000, dtype=np.uint16), "names": {0: "ground", 1000: "roof", 40000: "tree"}},
        "3 classes from the dataset's default mask targets: ground, roof, tree.",
    ),
    "palette": ({"write": with_palette}, "3 classes from the dataset's default mask targets: ground, roof, tree."),
    "binary, 255": (
        {"write": of_values(0, 255), "names": None, "classes": 2},
        "The dataset has no mask targets: its masks will be scanned, and every value in them becomes a class.",
    ),
    "one bit": (
        {
            "write": lambda labels, path: Image.fromarray(labels * 255).convert("1").save(path),
            "names": None,
            "classes": 2,
        },
        "The dataset has no mask targets: its masks will be scanned, and every value in them becomes a class.",
    ),
    "colours": (
        {
            "write": lambda labels, path: cv2.imwrite(
                str(path), np.array([(0, 0, 0), (0, 200, 0), (0, 0, 200)], np.uint8)[labels]
            ),
            "names": {"#000000": "ground", "#00c800": "roof", "#c80000": "tree"},
        },
        "3 classes from the dataset's default mask targets: ground, roof, tree.",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_masks(make: Any, kind: str) -> None:
    parts, said = KINDS[kind]
    dataset = make(**parts)
    notices = CALLS.submit(dataset, **WITH_FILES)
    assert any(one.startswith(said) for one in notices)
    found = worst_of(dataset)
    assert found.index == WRONG
    pairs = {(one.given, one.suggested) for one in found.lq_suspects.detections}
    # Of the object on the wrong side either end may be suspect
    ends = ("background", "object") if parts.get("classes") == 2 else ("ground", "roof")
    assert ends in pairs and (len(pairs) == 1 or ends[::-1] in pairs)


def turned(pixels: np.ndarray, path: Path) -> Path:
    """A photo that lies on its side in the file, as EXIF says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = path.with_suffix(".jpg")
    Image.fromarray(pixels).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    return path


def of_16_bits(pixels: np.ndarray, path: Path) -> Path:
    cv2.imwrite(str(path), pixels[..., 0].astype(np.uint16) * 200)
    return path


def of_channels(number: int) -> Callable[[np.ndarray, Path], Path]:
    """Writes a TIFF of that many channels."""

    def write(pixels: np.ndarray, path: Path) -> Path:
        import tifffile

        channels = np.concatenate([pixels] * 3, axis=2)[..., :number]
        extra = {"photometric": "rgb", "extrasamples": ["unassalpha"]} if number == 4 else {"photometric": "minisblack"}
        tifffile.imwrite(path.with_suffix(".tif"), channels, planarconfig="contig", **extra)
        return path.with_suffix(".tif")

    return write


@pytest.mark.parametrize("picture", [turned, of_16_bits, of_channels(4)])
def test_images(make: Any, picture: Any) -> None:
    dataset = make(picture=picture)
    CALLS.submit(dataset, **WITH_FILES)
    assert worst_of(dataset).index == WRONG
    assert dataset.count("lq_quality") == COUNT


@pytest.mark.parametrize("kind", ["mask", "mask_path", "polylines"])
def test_instances(make_dataset: Any, tmp_path: Path, kind: str) -> None:
    dataset = fill(make_dataset(count=0, targets=None, label_field="unused"), tmp_path, kind)
    notices = CALLS.submit(dataset, **WITH_FILES, label_field="objects")
    assert "3 classes from the labels in 'objects': background, bus, car." in notices
    assert worst_of(dataset).index in (0, 1)


@pytest.fixture
def grouped(fiftyone: Any, make: Any, make_dataset: Any) -> Any:
    """The images as the right slices of groups, whose left ones have no masks."""
    flat, dataset = make(), make_dataset(count=0, targets=None)
    dataset.add_group_field("scene", default="left")
    for sample in flat:
        group = fiftyone.Group()
        dataset.add_sample(fiftyone.Sample(sample.filepath, scene=group.element("left"), index=sample.index))
        made = fiftyone.Sample(sample.filepath, scene=group.element("right"), index=sample.index)
        made["ground_truth"], made["probabilities"] = sample.ground_truth.copy(), sample.probabilities
        dataset.add_sample(made)
    dataset.default_mask_targets = NAMES
    return dataset


def test_a_slice_of_groups(grouped: Any) -> None:
    refused = errors(CALLS.form(grouped, **WITH_FILES))
    assert "`dataset.select_group_slices(['left', 'right'])`" in refused["error_dataset"]
    view = grouped.select_group_slices("right")
    CALLS.submit(grouped, view, **WITH_FILES)
    grouped.reload()
    right = grouped.select_group_slices("right").sort_by("lq_quality")
    assert right.first().index == WRONG and right.count("lq_quality") == COUNT
    assert grouped.select_group_slices("left").count("lq_quality") == 0


@pytest.fixture
def frames(fiftyone: Any, make: Any, make_dataset: Any, tmp_path: Path) -> Iterator[Any]:
    """Two videos whose frames are the images, and a copy of these frames, which is deleted afterwards."""
    flat, videos = make(), make_dataset(count=0, targets=None)
    for number in range(2):
        video = fiftyone.Sample(str(tmp_path / f"{number}.mp4"))
        for place, sample in enumerate(flat.skip(number * COUNT // 2).limit(COUNT // 2), start=1):
            label = sample.ground_truth.copy()
            parts = {"ground_truth": label, "probabilities": sample.probabilities, "index": sample.index}
            video.frames[place] = fiftyone.Frame(filepath=sample.filepath, **parts)
        drive = fiftyone.TemporalDetection(label="drive", support=[1, 2])
        video["events"] = fiftyone.TemporalDetections(detections=[drive])
        videos.add_sample(video)
    videos.default_mask_targets = NAMES
    copy = videos.to_frames().clone()
    yield videos, copy
    drop_datasets([copy.name])


def test_frames_of_videos(frames: Any) -> None:
    videos, copy = frames
    for shown in (None, videos.to_clips("events"), videos.to_frames()):
        request = {} if shown is None else {"view": shown._serialize()}
        (refused,) = errors(CALLS.form(videos, request, **WITH_FILES)).values()
        assert "to_frames(sample_frames=True)" in refused or "Use a copy, `view.clone" in refused
    CALLS.submit(copy, **WITH_FILES)
    assert worst_of(copy).index == WRONG


def test_patches(fiftyone: Any, make: Any) -> None:
    dataset = make()
    boxes = fiftyone.Detections(detections=[fiftyone.Detection(label="roof", bounding_box=[0, 0, 0.5, 0.5])])
    dataset.set_values("boxes", [boxes.copy() for _ in range(COUNT)])
    request = {"view": dataset.to_patches("boxes")._serialize()}
    (refused,) = errors(CALLS.form(dataset, request, **WITH_FILES)).values()
    assert "shows patches, which" in refused and "`dataset.select(view.distinct" in refused


def test_multispectral_images(make: Any) -> None:
    dataset = make(picture=of_channels(6))
    with pytest.raises(Refused, match=r"TIFF of 6 channels of 8 bits, .*Store the three channels that are to be seen"):
        CALLS.submit(dataset, source="cross_validation", preset="fast", folds=2, epochs=1, weights="none", device="cpu")
    assert "lq_quality" not in dataset.get_field_schema()


def test_slices_of_volumes(make: Any) -> None:
    dataset = make()
    dataset.set_values("patient", [f"patient {index // 2}" for index in range(COUNT)])
    training = {"preset": "fast", "folds": 3, "epochs": 1, "weights": "none", "input_size": 64, "device": "cpu"}
    CALLS.submit(dataset, source="cross_validation", advanced=True, group_field="patient", **training)
    dataset.reload()
    folds = dict(zip(*dataset.values(["patient", "lq_fold"]), strict=True))
    assert dataset.values("lq_fold") == [folds[one] for one in dataset.values("patient")]
    assert sorted(folds.values()) == [0, 1, 2]
