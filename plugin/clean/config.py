"""What the export of a clean dataset is asked."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.foreign_files import check_path
from ..base.parameters import DIR, parameter, require
from ..runs.request import Request

#: What becomes of suspects that nobody has reviewed
KEEP, IGNORE, DROP = "keep", "ignore", "drop"
#: FiftyOne's types of datasets in which masks come out as they are, pixel by pixel
MASK_FOLDERS, COCO = "ImageSegmentationDirectory", "COCODetectionDataset"
#: How the images come along, and what FiftyOne calls that
EXPORT_MEDIA: dict[str, bool | str] = {"copy": True, "symlink": "symlink", "manifest": "manifest", "none": False}


@dataclass(frozen=True)
class CleanRequest(Config):
    """What the export of a clean dataset is asked."""

    key: str = parameter(Request.key, "Run", "The run whose suspects were reviewed")
    export_dir: str = parameter("", "Folder", "A new or an empty folder, to export to", unit=DIR)
    dataset_type: str = parameter(
        MASK_FOLDERS,
        "Format",
        "The type of dataset, as FiftyOne calls it",
        choices={MASK_FOLDERS: "Images and masks in two folders", COCO: "COCO, an object for each class of an image"},
    )
    unreviewed: str = parameter(
        KEEP,
        "Suspects that nobody has reviewed",
        "What becomes of places that are suspect and that nobody has reviewed",
        choices={
            KEEP: "Keep their given class",
            IGNORE: "Give them a value that training ignores",
            DROP: "Leave out images that have any",
        },
    )
    media: str = parameter(
        "copy",
        "Images",
        "How the images come along, byte for byte as they are",
        choices={
            "copy": "Copy them",
            "symlink": "Make symbolic links to them",
            "manifest": "Write a list of where they are",
            "none": "Export no images",
        },
    )
    skip_failures: bool = parameter(
        False, "Leave out images that have changed since the run or cannot be read", "They are listed in the manifest"
    )

    def validate(self) -> None:
        require(bool(self.export_dir), "export_dir", "a new or an empty folder", self.export_dir)
        check_path(self.export_dir, "export_dir")
