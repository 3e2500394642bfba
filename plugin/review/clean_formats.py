"""The formats of a clean dataset, written by FiftyOne's own exporters, an image at a time."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import fiftyone as fo
import fiftyone.utils.coco as fouc
import fiftyone.utils.data as foud
import numpy as np

from ..base.types import IGNORED
from ..labels.class_table import ClassTable
from .config import COCO, EXPORT_MEDIA, MASK_FOLDERS, CleanRequest
from .corrections import as_png, box_of
from .image_names import ImageNames

_MASKS = "labels"
#: A mask on its way
_SCRATCH = ".mask.png"
CLASSES = "classes.json"
#: The name of COCO's class of what is ignored
_IGNORED_NAME = "ignored"


class ExportFormat(ABC):
    """One export; a context that ends what the exporter has begun.

    Args:
        exporter: FiftyOne's
        names: of the files, which the exporter finds in the same way
    """

    def __init__(self, exporter: foud.LabeledImageDatasetExporter, names: ImageNames) -> None:
        self._exporter = exporter
        self._names = names

    def __enter__(self) -> ExportFormat:
        self._exporter.setup()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # FiftyOne's exporters close after an error, too, which would write files of half a dataset
        if kind is None:
            self._exporter.close()

    def add(self, image_path: str, mask: np.ndarray, labels: np.ndarray, sample_id: str) -> tuple[str, str | None]:
        """Exports an image and its mask.

        Args:
            image_path: the image's file
            mask: (H, W) values or (H, W, 3) RGB
            labels: (H, W) int16, the same as indices of the classes, `IGNORED` where ignored
            sample_id: named in errors

        Returns:
            the image's name in the export, and the path of its mask's file there, None where it has none of its own

        Raises:
            SampleError: the mask cannot be written as it is
            OSError: nothing can be written there
        """
        height, width = labels.shape
        metadata = fo.ImageMetadata(width=width, height=height, num_channels=3)
        self._exporter.export_sample(image_path, self._label(mask, labels, sample_id), metadata=metadata)
        return self._names.image(image_path), self._mask_file(image_path)

    @abstractmethod
    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str) -> fo.Label:
        """The mask as the exporter takes it."""

    def _mask_file(self, image_path: str) -> str | None:
        return None


class MaskFolders(ExportFormat):
    """Images in ``data`` and masks, PNG files of the classes' values, in ``labels``; ``classes.json`` has the names."""

    def __init__(self, folder: Path, request: CleanRequest, table: ClassTable, image_paths: Sequence[str]) -> None:
        names = ImageNames(image_paths, request.media, extensions=False)
        exporter = foud.ImageSegmentationDirectoryExporter(
            export_dir=str(folder),
            export_media=EXPORT_MEDIA[request.media],
            data_path=names.data_path,
            rel_dir=names.rel_dir,
        )
        super().__init__(exporter, names)
        self._scratch = folder / _SCRATCH
        classes = {str(value): name for value, name in table.mask_targets().items()}
        text = json.dumps(classes, indent=2, ensure_ascii=False) + "\n"
        (folder / CLASSES).write_text(text, encoding="utf-8")

    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str) -> fo.Label:
        # In a file that the exporter copies: where it writes an array itself, it does not notice a disk that is full
        self._scratch.write_bytes(as_png(mask, sample_id))
        return fo.Segmentation(mask_path=str(self._scratch))

    def _mask_file(self, image_path: str) -> str:
        return f"{_MASKS}/{self._names.stem(image_path)}.png"

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._scratch.unlink(missing_ok=True)


class Coco(ExportFormat):
    """Images in ``data``, and ``labels.json`` with an object for each class but the unlabelled one that an image has.

    Masks are run lengths, which have them pixel by pixel; what is ignored is a crowd of the class ``ignored``.
    """

    def __init__(self, folder: Path, request: CleanRequest, table: ClassTable, image_paths: Sequence[str]) -> None:
        names = ImageNames(image_paths, request.media, extensions=True)
        self._names_of = list(table.names)
        self._unlabelled = table.unlabelled
        ignored = next(name for name in (_IGNORED_NAME, f"{_IGNORED_NAME} pixels") if name not in table.names)
        self._ignored_name = ignored
        shown = [name for index, name in enumerate(table.names) if index != table.unlabelled]
        exporter = fouc.COCODetectionDatasetExporter(
            export_dir=str(folder),
            export_media=EXPORT_MEDIA[request.media],
            data_path=names.data_path,
            rel_dir=names.rel_dir,
            categories=[
                {"id": number, "name": name, "supercategory": None}
                for number, name in enumerate([*shown, ignored], start=1)
            ],
            info={},
            extra_attrs=False,
            num_decimals=1,
        )
        super().__init__(exporter, names)

    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str) -> fo.Label:
        found = [int(index) for index in np.unique(labels) if index != self._unlabelled]
        return fo.Detections(detections=[self._object(labels == index, index) for index in found])

    def _object(self, inside: np.ndarray, index: int) -> fo.Detection:
        left, top, across, down = box_of(inside)
        height, width = inside.shape
        # FiftyOne cuts what is left of a pixel off: a thousandth more is the same box, and never one before it
        box = [(left + 1e-3) / width, (top + 1e-3) / height, across / width, down / height]
        name = self._ignored_name if index == IGNORED else self._names_of[index]
        # FiftyOne writes run lengths of crowds, and polygons that are not exact of others. A half counts as true
        # there, and as 0 where it is written
        crowd = 1 if index == IGNORED else 0.5
        mask = inside[top : top + down, left : left + across]
        return fo.Detection(label=name, bounding_box=box, mask=mask, iscrowd=crowd)


FORMATS: dict[str, Any] = {MASK_FOLDERS: MaskFolders, COCO: Coco}


def open_format(folder: Path, request: CleanRequest, table: ClassTable, image_paths: Sequence[str]) -> ExportFormat:
    """The export of a request.

    Args:
        folder: an empty folder
        request: what was asked for
        table: the classes, with all values that are ignored
        image_paths: of all images, in the order of the export

    Raises:
        LabelQualityError: two images would be called the same
    """
    made: ExportFormat = FORMATS[request.dataset_type](folder, request, table, image_paths)
    return made
