"""The formats of a clean dataset, written by FiftyOne's own exporters, an image at a time."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import fiftyone as fo
import fiftyone.utils.coco as fouc
import fiftyone.utils.data as foud
import numpy as np

from ..base.types import IGNORED
from ..labels.class_table import ClassTable
from ..regions.reviewed import Region, as_png, box_of, pixels_of
from .config import COCO, EXPORT_MEDIA, MASK_FOLDERS, CleanRequest
from .image_names import ImageNames

_MASKS = "labels"
#: A mask on its way
_SCRATCH = ".mask.png"
CLASSES = "classes.json"


class ExportFormat(ABC):
    """One export; a context that ends what the exporter has begun.

    Args:
        exporter: FiftyOne's
        names: of the files, which the exporter finds in the same way
    """

    #: How it says which pixels are ignored, for the manifest
    ignored_as: ClassVar[str]

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

    def add(
        self, image_path: str, mask: np.ndarray, labels: np.ndarray, sample_id: str, left_open: Sequence[Region] = ()
    ) -> tuple[str, str | None]:
        """Exports an image and its mask.

        Args:
            image_path: the image's file
            mask: (H, W) values or (H, W, 3) RGB
            labels: (H, W) int16, the same as indices of the classes, `IGNORED` where ignored
            sample_id: named in errors
            left_open: suspects whose pixels are ignored, as nobody has reviewed them

        Returns:
            the image's name in the export, and the path of its mask's file there, None where it has none of its own

        Raises:
            SampleError: the mask cannot be written as it is
            OSError: nothing can be written there
        """
        height, width = labels.shape
        metadata = fo.ImageMetadata(width=width, height=height, num_channels=3)
        label = self._label(mask, labels, sample_id, left_open)
        self._exporter.export_sample(image_path, label, metadata=metadata)
        return self._names.image(image_path), self._mask_file(image_path)

    @abstractmethod
    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str, left_open: Sequence[Region]) -> fo.Label:
        """The mask as the exporter takes it."""

    def _mask_file(self, image_path: str) -> str | None:
        return None


class MaskFolders(ExportFormat):
    """Images in ``data`` and masks, PNG files of the classes' values, in ``labels``; ``classes.json`` has the names."""

    ignored_as = "pixels of these values"

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

    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str, left_open: Sequence[Region]) -> fo.Label:
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

    Masks are run lengths, which have them pixel by pixel. COCO has no pixels that are ignored: as in its own images,
    those that the masks ignore have no object. What nobody has reviewed is a crowd of the given and one of the
    suggested class, of which an evaluation counts neither what is found nor what is not, and which trainers leave out.
    """

    ignored_as = (
        "pixels without an object; those of suspects that nobody has reviewed are crowds of the given class and of "
        "the suggested one"
    )

    def __init__(self, folder: Path, request: CleanRequest, table: ClassTable, image_paths: Sequence[str]) -> None:
        names = ImageNames(image_paths, request.media, extensions=True)
        self._names_of = list(table.names)
        self._unlabelled = table.unlabelled
        shown = [name for index, name in enumerate(table.names) if index != table.unlabelled]
        exporter = fouc.COCODetectionDatasetExporter(
            export_dir=str(folder),
            export_media=EXPORT_MEDIA[request.media],
            data_path=names.data_path,
            rel_dir=names.rel_dir,
            categories=[
                {"id": number, "name": name, "supercategory": None} for number, name in enumerate(shown, start=1)
            ],
            info={},
            extra_attrs=False,
            num_decimals=1,
        )
        super().__init__(exporter, names)

    def _label(self, mask: np.ndarray, labels: np.ndarray, sample_id: str, left_open: Sequence[Region]) -> fo.Label:
        found = [int(index) for index in np.unique(labels) if index not in (self._unlabelled, IGNORED)]
        objects = [self._object(labels == index, index, crowd=False) for index in found]
        doubted = self._doubted(labels == IGNORED, left_open, sample_id)
        crowds = [self._object(inside, index, crowd=True) for index, inside in sorted(doubted.items())]
        return fo.Detections(detections=[*objects, *crowds])

    def _doubted(self, ignored: np.ndarray, left_open: Sequence[Region], sample_id: str) -> dict[int, np.ndarray]:
        """(H, W) bool by class: the ignored pixels of suspects that are given as it, or look like it."""
        found: dict[int, np.ndarray] = {}
        for region in left_open:
            inside = pixels_of(region, ignored.shape, sample_id) & ignored
            names = (region.get("given"), region.get("suggested"))
            for index in (index for index, name in enumerate(self._names_of) if name in names and inside.any()):
                if index != self._unlabelled:
                    found[index] = found.get(index, False) | inside
        return found

    def _object(self, inside: np.ndarray, index: int, crowd: bool) -> fo.Detection:
        left, top, across, down = box_of(inside)
        height, width = inside.shape
        # FiftyOne cuts what is left of a pixel off: a thousandth more is the same box, and never one before it
        box = [(left + 1e-3) / width, (top + 1e-3) / height, across / width, down / height]
        mask = inside[top : top + down, left : left + across]
        # FiftyOne writes run lengths of crowds, and polygons that are not exact of others. A half counts as true
        # there, and as 0 where it is written
        return fo.Detection(label=self._names_of[index], bounding_box=box, mask=mask, iscrowd=1 if crowd else 0.5)


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
