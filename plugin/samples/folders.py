"""A FiftyOne dataset from a folder of images and a folder of masks; predictions from a folder of files."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fiftyone as fo

from ..base.errors import LabelQualityError
from ..base.foreign_files import check_path
from ..labels.class_table import ClassTable
from .checks import Classes, named_targets
from .private_fiftyone import root_of
from .slices import images_of

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})
MASK_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
_LOSSY = frozenset({".jpg", ".jpeg"})
ARRAY_SUFFIXES = frozenset({".npy", ".npz"})
#: Endings that data sets add to an image's name but not to its mask's
IMAGE_ENDINGS = ("_leftImg8bit", "_image", "_img", "_rgb", "_sat")
#: Endings that data sets add to a mask's name but not to its image's
MASK_ENDINGS = (
    *("_mask", "_masks", "_label", "_labels", "_labelIds", "_L", "_gt", "_seg", "_segmentation", "_annotation"),
    *("_gtFine_labelIds", "_gtCoarse_labelIds"),
)
#: Endings that programs add to a prediction's name
PREDICTION_ENDINGS = (*MASK_ENDINGS, "_pred", "_prediction", "_prob", "_probs", "_logits")
#: The field that holds the given masks of a dataset made here
LABEL_FIELD = "ground_truth"
#: Default fields of predictions that are attached here: paths of probability files, or masks
ARRAY_FIELD, MASK_FIELD = "prediction_file", "predicted_mask"

_MADE_FROM = "label_quality_folders"
_ATTACHED = "label_quality_predictions"


def pair_files(images: Path, masks: Path) -> list[tuple[Path, Path | None]]:
    """Pairs every image with the mask of the same relative name, whatever its suffix.

    Args:
        images: folder of images, searched with its subfolders
        masks: folder of masks; a mask is called like its image, or with one of `MASK_ENDINGS` added. It may be a
            subfolder of ``images`` or the other way round, or the same folder if all masks have such an ending

    Returns:
        Pairs sorted by image path; None where an image has no mask. Copies of masks beside the images are no images.

    Raises:
        LabelQualityError: a folder is missing or empty, both are the same and no name tells masks from images, no image
            has a mask, two images share a name, or two masks fit one image
    """
    check_path(images, "images")
    check_path(masks, "masks")
    if images.resolve() == masks.resolve():
        image_files, mask_files = _told_apart(images)
    else:
        image_files = _files(images, IMAGE_SUFFIXES, "image", without=masks)
        mask_files = _files(masks, MASK_SUFFIXES, "mask", without=images)
    names = _below(images, image_files)
    found = match_files(names, masks, mask_files, MASK_ENDINGS)
    stray = _masks_among(names, found)
    if stray:
        image_files = [path for path, name in zip(image_files, names, strict=True) if name not in stray]
        names = _below(images, image_files)
        found = match_files(names, masks, mask_files, MASK_ENDINGS)
    if not any(found):
        raise LabelQualityError(
            f"None of the {len(names)} images in {images} has a mask in {masks}. A mask is found by its image's name: "
            f"for {image_files[0].relative_to(images)} it would be {names[0]}.png or {names[0]}_mask.png, in the same "
            "subfolder or with no subfolders at all."
        )
    pairs = list(zip(image_files, found, strict=True))
    _check_shared(pairs)
    return pairs


def match_files(names: Sequence[str], folder: Path, files: Sequence[Path], endings: Iterable[str]) -> list[Path | None]:
    """Finds the file of each image: the same name before one with an ending; where no subfolder fits, without them.

    Args:
        names: relative paths of the images without suffix
        folder: the folder that the files' names are relative to
        files: the files
        endings: what a file's name may have beyond the image's

    Returns:
        for each name its file, or None

    Raises:
        LabelQualityError: two files fit one name
    """
    found = _match_all(names, _below(folder, files), files, endings)
    flat_names = [name.rpartition("/")[2] for name in names]
    if any(found) or len(set(flat_names)) < len(names):
        return found
    return _match_all(flat_names, [_called(Path(path.name)) for path in files], files, endings)


def dataset_from_folders(name: str, images: str | Path, masks: str | Path, classes: Classes | None = None) -> Any:
    """Makes the persistent dataset `name`, or opens it where it was made from the same folders before.

    Images and masks that are new since then are added; nothing is removed.

    Args:
        name: the dataset's name
        images: folder of images
        masks: folder of masks
        classes: mask value, or hex colour such as ``#ff0000``, to class name, or the names of the values 0, 1, 2, …;
            empty or None to keep what the dataset has

    Returns:
        A `fiftyone.Dataset` with the given masks in `LABEL_FIELD`; an image without a mask has no label.

    Raises:
        LabelQualityError: as `pair_files`, bad classes, no name of a dataset, or one of that name was made from
            something else.
    """
    images, masks = Path(images), Path(masks)
    # First of all: a mistake in the folders or classes must not leave an empty dataset behind
    pairs = pair_files(images, masks)
    targets = named_targets(classes) if classes else {}
    if targets:
        ClassTable.from_targets(targets)
    dataset = _open(name, {"images": str(images.resolve()), "masks": str(masks.resolve())})
    if targets:
        dataset.mask_targets = {**dataset.mask_targets, LABEL_FIELD: targets}
    dataset.save()
    _add_missing(dataset, pairs)
    return dataset


def attach_predictions(
    dataset: Any, directory: str | Path, *, images: str | Path | None = None, field: str | None = None
) -> str:
    """Notes for every sample which file of a folder holds its prediction.

    Args:
        dataset: a `fiftyone.Dataset`
        directory: folder of ``.npy`` / ``.npz`` probabilities or logits, or where there are none, of predicted masks;
            each called like its image, or with one of `PREDICTION_ENDINGS` added
        images: folder that the images' names are relative to; by default the one that all of them are in
        field: the field to write; by default `ARRAY_FIELD` or `MASK_FIELD`

    Returns:
        the name of the field, for the source ``files``

    Raises:
        LabelQualityError: no such folder, no image, no file, none fits an image or one fits two, or the field is the
            user's own
    """
    dataset, directory = root_of(dataset), Path(directory)
    check_path(directory, "predictions")
    if not directory.is_dir():
        raise LabelQualityError(f"The prediction folder {directory} does not exist.")
    files = _listed(directory, ARRAY_SUFFIXES)
    arrays = bool(files)
    files = files or _files(directory, ARRAY_SUFFIXES | MASK_SUFFIXES, "prediction")
    samples = images_of(dataset)
    paths = samples.values("filepath")
    if not paths:
        raise LabelQualityError(f"Dataset '{dataset.name}' has no images that the files of {directory} could be for.")
    names = _names_of(paths, images)
    found = match_files(names, directory, files, PREDICTION_ENDINGS)
    if not any(found):
        raise LabelQualityError(
            f"None of the {len(names)} images has a prediction in {directory}. It is found by its image's name: for "
            f"{paths[0]} it would be {names[0]}{'.npy' if arrays else '.png'}."
        )
    _check_shared(list(zip(map(Path, paths), found, strict=True)), "prediction")
    field = field or (ARRAY_FIELD if arrays else MASK_FIELD)
    _make_field(dataset, field, directory, arrays)
    absolute = [None if path is None else os.path.abspath(path) for path in found]
    values = absolute if arrays else [path and fo.Segmentation(mask_path=path) for path in absolute]
    samples.set_values(field, values)
    return field


def masks_of_images(paths: Sequence[str], folder: Path) -> tuple[list[Path | None], list[Path]]:
    """Finds the masks of images in a folder, as `attach_predictions` finds predictions.

    Args:
        paths: of the images
        folder: of masks; each is called like its image, or with one of `MASK_ENDINGS` added

    Returns:
        for each image its mask, or None; and the masks that fit no image

    Raises:
        LabelQualityError: no such folder, no mask in it, none that fits an image, or two that fit one
    """
    check_path(folder, "source")
    files, names = _files(folder, MASK_SUFFIXES, "mask"), _names_of(paths)
    found = match_files(names, folder, files, MASK_ENDINGS)
    if not any(found):
        raise LabelQualityError(
            f"None of the {len(names)} images has a mask in {folder}. It is found by its image's name: for {paths[0]} "
            f"it would be {names[0]}.png."
        )
    _check_shared(list(zip(map(Path, paths), found, strict=True)))
    fitting = set(found)
    return found, [path for path in files if path not in fitting]


def _names_of(paths: Sequence[str], images: str | Path | None = None) -> list[str]:
    """What images are called below a folder, by default the one that all of them are in; without suffixes."""
    root = os.path.abspath(images) if images else os.path.commonpath([os.path.dirname(path) for path in paths])
    return [_called(Path(os.path.relpath(path, root))) for path in paths]


def _open(name: str, made_from: dict[str, str]) -> Any:
    if not fo.dataset_exists(name):
        dataset = _made(name)
    else:
        dataset = fo.load_dataset(name)
        # An empty one without a note is what is left where a first run was killed between making it and noting this
        if dataset.info.get(_MADE_FROM, made_from if not len(dataset) else None) != made_from:
            raise LabelQualityError(
                f"A dataset named '{name}' exists and was not made from these folders. Choose another --name, or audit "
                f"the existing one with --dataset {name}."
            )
    dataset.info[_MADE_FROM] = made_from
    if not dataset.has_sample_field(LABEL_FIELD):
        dataset.add_sample_field(LABEL_FIELD, fo.EmbeddedDocumentField, embedded_doc_type=fo.Segmentation)
    return dataset


def _made(name: str) -> Any:
    try:
        return fo.Dataset(name, persistent=True)
    # It makes addresses of names, of Latin letters and digits in them alone
    except ValueError as error:
        raise LabelQualityError(
            f"FiftyOne cannot have a dataset of the name '{name}' ({error}). Choose another --name, with Latin letters "
            "or digits in it."
        ) from error


def _add_missing(dataset: Any, pairs: list[tuple[Path, Path | None]]) -> None:
    labels = dict(zip(*dataset.values(["filepath", f"{LABEL_FIELD}.mask_path"]), strict=True))
    samples, new_masks = [], {}
    for image, mask in pairs:
        path = os.path.abspath(image)
        label = fo.Segmentation(mask_path=os.path.abspath(mask)) if mask else None
        if path not in labels:
            samples.append(fo.Sample(filepath=path, **{LABEL_FIELD: label}))
        elif label is not None and labels[path] is None:
            new_masks[path] = label
    if samples:
        dataset.add_samples(samples, progress=False)
    if new_masks:
        dataset.set_values(LABEL_FIELD, new_masks, key_field="filepath")


def _make_field(dataset: Any, field: str, directory: Path, arrays: bool) -> None:
    existing = dataset.get_field(field)
    if existing is not None and _ATTACHED not in (existing.info or {}):
        raise LabelQualityError(
            f"Dataset '{dataset.name}' already has a field '{field}' that would be overwritten with the files of "
            f"{directory}. Choose another --field, or leave --predictions out to use what the field holds."
        )
    if existing is not None and isinstance(existing, fo.StringField) != arrays:
        dataset.delete_sample_field(field)
        existing = None
    if existing is None:
        kind: dict[str, Any] = (
            {"ftype": fo.StringField}
            if arrays
            else {"ftype": fo.EmbeddedDocumentField, "embedded_doc_type": fo.Segmentation}
        )
        text = "What a model predicted, from a folder of the user's"
        dataset.add_sample_field(field, **kind, description=text, info={_ATTACHED: os.path.abspath(directory)})


def _match_all(
    names: Sequence[str], file_names: Sequence[str], files: Sequence[Path], endings: Iterable[str]
) -> list[Path | None]:
    """The file of each name: one called so, else one with endings added or taken away that no other name is called."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for file_name, path in zip(file_names, files, strict=True):
        by_name[file_name].append(path)
    exact = {name: _only(name, by_name[name]) for name in names if name in by_name}
    for name in exact:
        del by_name[name]
    return [exact[name] if name in exact else _only(name, _similar(name, by_name, endings)) for name in names]


def _similar(name: str, by_name: Mapping[str, list[Path]], endings: Iterable[str]) -> list[Path]:
    bare = [name.removesuffix(ending) for ending in IMAGE_ENDINGS if name.endswith(ending)]
    called = [*bare, *(stem + ending for stem in (name, *bare) for ending in endings)]
    return [path for file_name in called for path in by_name.get(file_name, ())]


def _only(name: str, files: Sequence[Path]) -> Path | None:
    if len(files) > 1:
        raise LabelQualityError(f"Two files fit the image '{name}': {files[0]} and {files[1]}. Keep one of them there.")
    return files[0] if files else None


def _check_shared(pairs: Sequence[tuple[Path, Path | None]], what: str = "mask") -> None:
    """Raises `LabelQualityError` where two images have one file."""
    image_of: dict[Path, Path] = {}
    for image, file in pairs:
        if file is not None and image_of.setdefault(file, image) != image:
            raise LabelQualityError(
                f"Two images fit the {what} {file}: {image_of[file]} and {image}. Rename or remove one of them."
            )


def _told_apart(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images and the masks of one folder: a mask is called like an image there, with an ending added."""
    files = _files(folder, IMAGE_SUFFIXES, "image")
    names = _below(folder, files)
    ended = _ended(names)
    masks = [
        path for path, name in zip(files, names, strict=True) if name in ended and path.suffix.lower() in MASK_SUFFIXES
    ]
    if not masks:
        raise LabelQualityError(
            f"The images and the masks are in the same folder, {folder}, where they cannot be told apart: no file is "
            f"called like another one with {', '.join(MASK_ENDINGS[:3])} or the like added. Move the masks to a folder "
            "of their own."
        )
    return [path for path in files if path not in set(masks)], masks


def _masks_among(names: Sequence[str], found: Sequence[Path | None]) -> set[str]:
    """Names of images that are masks of others: with an ending added to the name of an image that has no mask else."""
    mask_of = dict(zip(names, found, strict=True))
    return {name for name, image in _ended(names).items() if mask_of[name] is not None and mask_of[image] is None}


def _ended(names: Sequence[str]) -> dict[str, str]:
    """Of the names that are another one with one of `MASK_ENDINGS` added, that other one."""
    known = set(names)
    pairs = ((name, name.removesuffix(end)) for name in names for end in MASK_ENDINGS if name.endswith(end))
    return {name: bare for name, bare in pairs if bare in known}


def _below(folder: Path, files: Sequence[Path]) -> list[str]:
    """What the files are called below the folder, without suffixes."""
    return [_called(path.relative_to(folder)) for path in files]


def _called(path: Path) -> str:
    """A path without suffix as names are compared: macOS takes letters and their accents apart, others do not."""
    return unicodedata.normalize("NFC", path.with_suffix("").as_posix())


def _files(folder: Path, suffixes: frozenset[str], what: str, without: Path | None = None) -> list[Path]:
    if not folder.is_dir():
        raise LabelQualityError(f"The {what} folder {folder} does not exist.")
    files = _listed(folder, suffixes, without)
    if not files:
        expected = ", ".join(sorted(suffixes))
        lossy = not suffixes & _LOSSY and _listed(folder, _LOSSY, without)
        why = " JPEG files hold no masks, as it changes their values: store them as PNG." if lossy else ""
        raise LabelQualityError(
            f"The {what} folder {folder} holds no {what}; expected files ending in {expected}.{why}"
        )
    return files


def _below_or_linked(folder: Path) -> Iterator[Path]:
    """The files below a folder, also those of folders elsewhere that links in it lead to, each folder once."""
    known = {folder.resolve()}
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        links = {name: (here / name).resolve() for name in sorted(folders) if (here / name).is_symlink()}
        for name, target in links.items():
            if here.resolve().is_relative_to(target) or any(target.is_relative_to(one) for one in known):
                folders.remove(name)
            else:
                known.add(target)
        yield from (here / name for name in names)


def _listed(folder: Path, suffixes: frozenset[str], without: Path | None = None) -> list[Path]:
    """The files below a folder, sorted; not hidden ones, nor those of a subfolder ``without``."""
    skipped = without.resolve() if without is not None and folder.resolve() in without.resolve().parents else None
    return sorted(
        path
        for path in _below_or_linked(folder)
        if path.suffix.lower() in suffixes
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
        and (skipped is None or skipped not in path.resolve().parents)
    )
