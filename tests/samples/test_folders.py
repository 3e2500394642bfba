"""Datasets from folders of images and masks, and predictions from a folder of files."""

from __future__ import annotations

import os
import signal
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from ..conftest import Forked
from ..deletion import drop_datasets

CLASSES = {0: "unlabelled", 1: "road", 2: "car"}
NAME = "from-folders"


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".npy":
            np.save(path, np.full((3, 4, 6), 1 / 3, np.float32))
        else:
            cv2.imwrite(str(path), np.ones((4, 6), np.uint8))


def pairs(root: Path, images: str = "images", masks: str = "masks") -> dict[str, str | None]:
    from label_quality.plugin.samples.folders import pair_files

    found = pair_files(root / images, root / masks)
    return {
        image.relative_to(root / images).as_posix(): mask and mask.relative_to(root / masks).as_posix()
        for image, mask in found
    }


def refusal(root: Path, images: str = "images", masks: str = "masks") -> str:
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError) as caught:
        pairs(root, images, masks)
    return str(caught.value).replace(f"{root}/", "")


@pytest.fixture
def remove_datasets(fiftyone: Any) -> Iterator[None]:
    yield
    drop_datasets([NAME])


@pytest.fixture
def make(fiftyone: Any, remove_datasets: None, tmp_path: Path) -> Any:
    """Makes the dataset of ``tmp_path/images`` and ``tmp_path/masks``."""
    from label_quality.plugin.samples.folders import dataset_from_folders

    return lambda classes=CLASSES: dataset_from_folders(NAME, tmp_path / "images", tmp_path / "masks", classes)


def labelled(dataset: Any) -> dict[str, str | None]:
    paths = zip(*dataset.values(["filepath", "ground_truth.mask_path"]), strict=True)
    return {os.path.basename(image): mask and os.path.basename(mask) for image, mask in paths}


def test_masks_are_found_by_name_in_subfolders_whatever_the_suffix(tmp_path: Path) -> None:
    write(tmp_path / "images", "b/1.jpg", "a/1.png", "2.JPEG", "frame.001.png", "3.webp")
    write(tmp_path / "masks", "a/1.png", "b/1.tif", "2.png", "frame.001.bmp")
    assert pairs(tmp_path) == {
        "2.JPEG": "2.png",
        "3.webp": None,
        "a/1.png": "a/1.png",
        "b/1.jpg": "b/1.tif",
        "frame.001.png": "frame.001.bmp",
    }


def test_names_may_have_the_usual_endings(tmp_path: Path) -> None:
    write(tmp_path / "images", "1.jpg", "2_L.jpg", "2.jpg", "3_leftImg8bit.png", "4_rgb.png", "5_image.png")
    write(tmp_path / "masks", "1_mask.png", "2_L.png", "2_gt.png", "3_gtFine_labelIds.png", "4_rgb.png", "5.png")
    assert pairs(tmp_path) == {
        "1.jpg": "1_mask.png",
        "2.jpg": "2_gt.png",
        "2_L.jpg": "2_L.png",
        "3_leftImg8bit.png": "3_gtFine_labelIds.png",
        "4_rgb.png": "4_rgb.png",
        "5_image.png": "5.png",
    }


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_may_be_stored_in_another_way(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    """macOS packs letters and their accents apart."""
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    image, flat = (unicodedata.normalize(form, name) for name in ("Café/é 1.png", "ü.png"))
    mask, moved = (unicodedata.normalize(other, name) for name in ("Café/é 1.png", "ü.png"))
    write(tmp_path, f"images/{image}", f"masks/{mask}", f"more/a/{flat}", f"flat/{moved}")
    assert pairs(tmp_path) == {image: mask}
    assert pairs(tmp_path, "more", "flat") == {f"a/{flat}": moved}


def test_subfolders_on_one_side_only_do_not_matter(tmp_path: Path) -> None:
    write(tmp_path / "images", "train/1.jpg", "val/2.jpg")
    write(tmp_path / "masks", "1.png", "2_mask.png")
    assert pairs(tmp_path) == {"train/1.jpg": "1.png", "val/2.jpg": "2_mask.png"}


def test_one_folder_may_be_inside_the_other(tmp_path: Path) -> None:
    write(tmp_path / "data", "1.png", "masks/1.png", "2.png", "masks/2.png")
    assert pairs(tmp_path, "data", "data/masks") == {"1.png": "1.png", "2.png": "2.png"}
    assert pairs(tmp_path, "data/masks", "data") == {"1.png": "1.png", "2.png": "2.png"}


def test_one_folder_may_have_both(tmp_path: Path) -> None:
    write(tmp_path / "data", "a/1.jpg", "a/1_mask.png", "a/2_L.png", "b/1.png", "b/1_L.png", "b/3_mask.png")
    assert pairs(tmp_path, "data", "data") == {
        "a/1.jpg": "a/1_mask.png",
        "a/2_L.png": None,
        "b/1.png": "b/1_L.png",
        "b/3_mask.png": None,
    }


def test_masks_beside_the_images_are_no_images(tmp_path: Path) -> None:
    write(tmp_path / "images", "1.png", "1_mask.png", "2.png", "2_mask.png", "3.png")
    write(tmp_path / "masks", "1_mask.png", "2_mask.png")
    assert pairs(tmp_path) == {"1.png": "1_mask.png", "2.png": "2_mask.png", "3.png": None}


def test_folders_may_be_strings_and_classes_a_list_of_names(remove_datasets: None, tmp_path: Path) -> None:
    from label_quality.plugin.samples.folders import attach_predictions, dataset_from_folders

    write(tmp_path, "images/1.jpg", "masks/1.png", "soft/1.npy")
    images, masks, soft = (str(tmp_path / part) for part in ("images", "masks", "soft"))
    dataset = dataset_from_folders(NAME, images, masks, ["unlabelled", "road", "car"])
    assert dataset.mask_targets["ground_truth"] == CLASSES
    assert labelled(dataset_from_folders(NAME, images, masks)) == {"1.jpg": "1.png"}
    assert dataset.mask_targets["ground_truth"] == CLASSES
    assert attach_predictions(dataset, soft, images=images) == "prediction_file"
    assert dataset.values("prediction_file") == [f"{soft}/1.npy"]


def test_linked_subfolders_count_once(tmp_path: Path) -> None:
    write(tmp_path / "set", "images/a/1.png", "images/b/2.png", "masks/a/1.png", "masks/b/2.png")
    write(tmp_path / "other", "images/3.png", "masks/3.png")
    for what in ("images", "masks"):
        folder = tmp_path / "set" / what
        (folder / "c").symlink_to(tmp_path / "other" / what)
        # Neither is anything new
        (folder / "0-latest").symlink_to(folder / "b")
        (folder / "a" / "up").symlink_to(folder)
        (folder / "c-again").symlink_to(tmp_path / "other" / what)
        (tmp_path / "other" / what / "back").symlink_to(tmp_path)
        (tmp_path / "third" / what).mkdir(parents=True)
        (tmp_path / "other" / what / "third").symlink_to(tmp_path / "third" / what)
        (tmp_path / "third" / what / "other").symlink_to(tmp_path / "other" / what)
        (folder / "d").symlink_to(tmp_path / "nowhere")
    assert pairs(tmp_path / "set") == {"a/1.png": "a/1.png", "b/2.png": "b/2.png", "c/3.png": "c/3.png"}


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "images", "1.jpg", ".thumbnails/9.jpg", "._2.jpg")
    write(tmp_path / "masks", "1.png", "._1.png", ".ipynb_checkpoints/1.png")
    assert pairs(tmp_path) == {"1.jpg": "1.png"}


def test_two_masks_of_an_image_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "images", "1.jpg")
    write(tmp_path / "masks", "1.png", "1.tif")
    assert refusal(tmp_path) == ("Two files fit the image '1': masks/1.png and masks/1.tif. Keep one of them there.")


def test_two_images_of_a_mask_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "images", "1.jpg", "1.png")
    write(tmp_path / "masks", "1.png")
    assert (
        refusal(tmp_path)
        == "Two images fit the mask masks/1.png: images/1.jpg and images/1.png. Rename or remove one of them."
    )


def test_folders_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "images", "sub/1.jpg")
    assert refusal(tmp_path) == "The mask folder masks does not exist."
    write(tmp_path / "masks", "1.npy")
    expected = "expected files ending in .bmp, .png, .tif, .tiff."
    assert refusal(tmp_path) == f"The mask folder masks holds no mask; {expected}"
    write(tmp_path / "masks", "2.jpg")
    lossy = "JPEG files hold no masks, as it changes their values: store them as PNG."
    assert refusal(tmp_path) == f"The mask folder masks holds no mask; {expected} {lossy}"
    write(tmp_path / "masks", "2.png")
    assert refusal(tmp_path) == (
        "None of the 1 images in images has a mask in masks. A mask is found by its image's name: for sub/1.jpg it "
        "would be sub/1.png or sub/1_mask.png, in the same subfolder or with no subfolders at all."
    )
    assert refusal(tmp_path, "images", "images") == (
        "The images and the masks are in the same folder, images, where they cannot be told apart: no file is called "
        "like another one with _mask, _masks, _label or the like added. Move the masks to a folder of their own."
    )


def test_the_dataset_has_masks_and_classes_and_stays(tmp_path: Path, make: Any, fiftyone: Any) -> None:
    write(tmp_path / "images", "1.jpg", "2.jpg")
    write(tmp_path / "masks", "1.png")
    dataset = make()
    assert labelled(dataset) == {"1.jpg": "1.png", "2.jpg": None}
    assert dataset.persistent and dataset.mask_targets == {"ground_truth": CLASSES}
    assert dataset.values("filepath")[0] == str(tmp_path / "images" / "1.jpg")


def test_a_second_time_only_what_is_new_is_added(
    tmp_path: Path, make: Any, fiftyone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.samples.folders import dataset_from_folders

    write(tmp_path / "images", "1.jpg", "2.jpg")
    write(tmp_path / "masks", "1.png")
    dataset = make()
    dataset.set_values("tags", [["mine"], []])
    ids = dataset.values("id")
    write(tmp_path / "images", "0.jpg")
    write(tmp_path / "masks", "0.png", "2.png")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = dataset_from_folders(NAME, Path("../images"), Path("../masks"), {})
    assert labelled(again) == {"1.jpg": "1.png", "2.jpg": "2.png", "0.jpg": "0.png"}
    assert again.values("id")[:2] == ids and again.values("tags")[0] == ["mine"]
    assert again.mask_targets == {"ground_truth": CLASSES}


def test_a_dataset_of_something_else_is_not_touched(tmp_path: Path, make: Any, fiftyone: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    write(tmp_path / "images", "1.jpg")
    write(tmp_path / "masks", "1.png")
    other = fiftyone.Dataset(NAME, persistent=True)
    other.add_sample(fiftyone.Sample(filepath="/elsewhere.png"))
    with pytest.raises(LabelQualityError) as caught:
        make()
    assert str(caught.value) == (
        "A dataset named 'from-folders' exists and was not made from these folders. Choose another --name, or audit "
        "the existing one with --dataset from-folders."
    )
    assert other.values("filepath") == ["/elsewhere.png"] and not other.mask_targets


def test_a_mistake_leaves_no_dataset_behind(tmp_path: Path, make: Any, fiftyone: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    write(tmp_path / "images", "1.jpg")
    write(tmp_path / "masks", "2.png")
    with pytest.raises(LabelQualityError, match="None of the 1 images"):
        make()
    write(tmp_path / "masks", "1.png")
    with pytest.raises(LabelQualityError, match="Expected integers or '#rrggbb' colours as mask values, but got both"):
        make({0: "a", "#ff0000": "b"})
    assert not fiftyone.dataset_exists(NAME)


@pytest.mark.parametrize(("name", "why"), [("街道", "has invalid slug-friendly name"), ("from folders!", "in use")])
def test_names_that_fiftyone_does_not_take(tmp_path: Path, make: Any, fiftyone: Any, name: str, why: str) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.samples.folders import dataset_from_folders

    write(tmp_path, "images/1.jpg", "masks/1.png")
    make()
    message = rf"^FiftyOne cannot have a dataset of the name '{name}' \(.*{why}.*\). Choose another --name, with Latin"
    with pytest.raises(LabelQualityError, match=message):
        dataset_from_folders(name, tmp_path / "images", tmp_path / "masks")
    assert not fiftyone.dataset_exists(name)


KILLED = """
import os, signal, sys
from pathlib import Path
import fiftyone as fo
from label_quality.plugin.samples.folders import dataset_from_folders

if sys.argv[2] == "samples":
    add = fo.Dataset.add_samples
    def add_samples(self, samples, **options):
        add(self, samples[:2], **options)
        os.kill(os.getpid(), signal.SIGKILL)
    fo.Dataset.add_samples = add_samples
else:
    fo.Dataset.save = lambda self: os.kill(os.getpid(), signal.SIGKILL)
root = Path(sys.argv[1])
dataset_from_folders("from-folders", root / "images", root / "masks", {0: "unlabelled", 1: "road", 2: "car"})
"""


@pytest.mark.parametrize("moment", ["save", "samples"])
def test_a_killed_call_is_made_up_for(moment: str, tmp_path: Path, make: Any, fiftyone: Any, forked: Forked) -> None:
    write(tmp_path / "images", *(f"{i}.jpg" for i in range(5)))
    write(tmp_path / "masks", *(f"{i}.png" for i in range(5)))
    ((status, output),) = forked(KILLED, [str(tmp_path), moment])
    assert status == -signal.SIGKILL, output
    assert fiftyone.dataset_exists(NAME)
    dataset = make()
    assert labelled(dataset) == {f"{i}.jpg": f"{i}.png" for i in range(5)}
    assert dataset.mask_targets == {"ground_truth": CLASSES}


@pytest.fixture
def dataset(tmp_path: Path, make: Any) -> Any:
    write(tmp_path / "images", "a/1.jpg", "a/2.jpg", "b/1.jpg")
    write(tmp_path / "masks", "a/1.png", "a/2.png", "b/1.png")
    return make()


def test_prediction_files_become_paths_in_a_field(tmp_path: Path, dataset: Any) -> None:
    from label_quality.plugin.samples.folders import attach_predictions

    write(tmp_path / "soft", "a/1.npy", "b/1_probs.npy", "a/2.png")
    assert attach_predictions(dataset, tmp_path / "soft") == "prediction_file"
    soft = tmp_path / "soft"
    assert dataset.values("prediction_file") == [str(soft / "a" / "1.npy"), None, str(soft / "b" / "1_probs.npy")]
    write(tmp_path / "soft", "a/2.npy")
    attach_predictions(dataset, tmp_path / "soft", images=tmp_path / "images")
    assert dataset.values("prediction_file")[1] == str(soft / "a" / "2.npy")


def test_predicted_masks_become_segmentations(tmp_path: Path, dataset: Any) -> None:
    from label_quality.plugin.samples.folders import attach_predictions

    write(tmp_path / "hard", "a/1.png", "a/2_pred.png")
    assert attach_predictions(dataset, tmp_path / "hard") == "predicted_mask"
    hard = tmp_path / "hard" / "a"
    assert dataset.values("predicted_mask.mask_path") == [str(hard / "1.png"), str(hard / "2_pred.png"), None]


def test_a_field_of_predictions_can_be_filled_anew_with_another_kind(tmp_path: Path, dataset: Any) -> None:
    from label_quality.plugin.samples.folders import attach_predictions

    write(tmp_path / "soft", "a/1.npy")
    write(tmp_path / "hard", "a/1.png")
    attach_predictions(dataset, tmp_path / "soft", field="model")
    attach_predictions(dataset, tmp_path / "hard", field="model")
    assert dataset.values("model.mask_path") == [str(tmp_path / "hard" / "a" / "1.png"), None, None]


def test_predictions_of_all_slices_are_attached(remove_datasets: None, fiftyone: Any, tmp_path: Path) -> None:
    from label_quality.plugin.samples.folders import attach_predictions
    from label_quality.plugin.samples.slices import images_of

    write(tmp_path, "left/1.png", "right/1.png", "soft/left/1.npy", "soft/right/1.npy")
    dataset, group = fiftyone.Dataset(NAME), fiftyone.Group()
    dataset.add_group_field("group", default="left")
    sides = ("left", "right")
    dataset.add_samples([fiftyone.Sample(str(tmp_path / one / "1.png"), group=group.element(one)) for one in sides])
    attach_predictions(dataset, tmp_path / "soft")
    found = images_of(dataset).values("prediction_file")
    assert sorted(found) == [str(tmp_path / "soft" / one / "1.npy") for one in sides]


def test_two_images_of_a_prediction_are_refused(remove_datasets: None, fiftyone: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.samples.folders import attach_predictions

    write(tmp_path, "images/1.png", "images/1_rgb.png", "images/2.png", "soft/1_pred.npy")
    dataset = fiftyone.Dataset(NAME)
    dataset.add_samples([fiftyone.Sample(str(path)) for path in sorted((tmp_path / "images").iterdir())])
    with pytest.raises(
        LabelQualityError, match=r"Two images fit the prediction .*1_pred.npy: .*/1.png and .*/1_rgb.png."
    ):
        attach_predictions(dataset, tmp_path / "soft")
    assert not dataset.has_sample_field("prediction_file")


def test_predictions_that_cannot_be_attached_are_refused(tmp_path: Path, dataset: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.samples.folders import attach_predictions

    def problem(folder: str, field: str | None = None) -> str:
        with pytest.raises(LabelQualityError) as caught:
            attach_predictions(dataset, tmp_path / folder, field=field)
        return str(caught.value).replace(f"{tmp_path}/", "")

    assert problem("soft") == "The prediction folder soft does not exist."
    write(tmp_path / "soft", "x.txt.npy")
    assert problem("soft") == (
        "None of the 3 images has a prediction in soft. It is found by its image's name: for images/a/1.jpg it would "
        "be a/1.npy."
    )
    write(tmp_path / "soft", "a/1.npy")
    assert problem("soft", "ground_truth") == (
        "Dataset 'from-folders' already has a field 'ground_truth' that would be overwritten with the files of soft. "
        "Choose another --field, or leave --predictions out to use what the field holds."
    )
    assert labelled(dataset)["1.jpg"] == "1.png"
    dataset.delete_samples(dataset)
    assert problem("soft") == "Dataset 'from-folders' has no images that the files of soft could be for."
