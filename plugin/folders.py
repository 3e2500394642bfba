"""A FiftyOne dataset from a folder of images and a folder of masks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fiftyone as fo

from .errors import LabelQualityError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
#: Endings that data sets add to a mask's name but not to its image's
MASK_ENDINGS = ("_mask", "_label", "_labels", "_L", "_gt", "_seg")
#: The field that holds the given masks of a dataset made here
LABEL_FIELD = "ground_truth"


def pair_files(images: Path, masks: Path) -> list[tuple[Path, Path | None]]:
    """Pairs every image with the mask of the same relative name, whatever its suffix.

    Args:
        images: folder of images, searched with its subfolders
        masks: folder of masks; a mask may be called like its image or have one of `MASK_ENDINGS` added

    Returns:
        Pairs sorted by image path; None where an image has no mask.

    Raises:
        LabelQualityError: a folder is missing, holds no image, no image has a mask, or two masks fit one image.
    """
    image_files = _files(images, IMAGE_SUFFIXES, "image")
    by_name: dict[str, Path] = {}
    for mask in _files(masks, MASK_SUFFIXES, "mask"):
        for name in _image_names(mask.relative_to(masks)):
            if name in by_name:
                raise LabelQualityError(
                    f"Two masks fit the image '{name}': {by_name[name]} and {mask}. Keep one of them in {masks}."
                )
            by_name[name] = mask
    pairs = [(image, by_name.get(image.relative_to(images).with_suffix("").as_posix())) for image in image_files]
    if not any(mask for _, mask in pairs):
        raise LabelQualityError(
            f"None of the {len(pairs)} images in {images} has a mask in {masks}. A mask is found by its image's name: "
            f"for {image_files[0].name} it would be {image_files[0].stem}.png."
        )
    return pairs


def dataset_from_folders(name: str, images: Path, masks: Path, classes: Mapping[Any, str]) -> Any:
    """Makes the persistent dataset `name`, or opens it where it was made from the same folders before.

    Args:
        name: the dataset's name
        images: folder of images
        masks: folder of masks
        classes: mask value, or hex colour such as ``#ff0000``, to class name

    Returns:
        A `fiftyone.Dataset` with the given masks in `LABEL_FIELD`; an image without a mask has no label.

    Raises:
        LabelQualityError: as `pair_files`, or a dataset of that name was made from something else.
    """
    made_from = {"images": str(images.resolve()), "masks": str(masks.resolve())}
    if fo.dataset_exists(name):
        dataset = fo.load_dataset(name)
        if dataset.info.get("label_quality_folders") != made_from:
            raise LabelQualityError(
                f"A dataset named '{name}' exists and was not made from these folders. Choose another --name, or audit "
                f"the existing one with --dataset {name}."
            )
    else:
        pair_files(images, masks)  # a mistake in the folders must not leave an empty dataset behind
        dataset = fo.Dataset(name, persistent=True)
        dataset.info["label_quality_folders"] = made_from
    dataset.mask_targets = {**dataset.mask_targets, LABEL_FIELD: dict(classes)}
    dataset.save()
    _add_missing(dataset, pair_files(images, masks))
    return dataset


def _add_missing(dataset: Any, pairs: list[tuple[Path, Path | None]]) -> None:
    known = set(dataset.values("filepath"))
    samples = []
    for image, mask in pairs:
        if str(image.resolve()) in known:
            continue
        label = fo.Segmentation(mask_path=str(mask.resolve())) if mask else None
        samples.append(fo.Sample(filepath=str(image.resolve()), **{LABEL_FIELD: label}))
    if samples:
        dataset.add_samples(samples, progress=False)


def _files(folder: Path, suffixes: frozenset[str], what: str) -> list[Path]:
    if not folder.is_dir():
        raise LabelQualityError(f"The {what} folder {folder} does not exist.")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not files:
        expected = ", ".join(sorted(suffixes))
        raise LabelQualityError(f"The {what} folder {folder} holds no {what}; expected files ending in {expected}.")
    return files


def _image_names(mask: Path) -> list[str]:
    name = mask.with_suffix("").as_posix()
    return [name, *(name.removesuffix(ending) for ending in MASK_ENDINGS if name.endswith(ending))]
