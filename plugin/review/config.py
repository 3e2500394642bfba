"""What the export of a clean dataset is asked, and the loading of corrections."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.config import Config
from ..base.errors import LabelQualityError
from ..base.foreign_files import check_path
from ..base.parameters import DIR, parameter, require
from ..runs.request import Request

#: What becomes of suspects that nobody has reviewed
KEEP, IGNORE, DROP = "keep", "ignore", "drop"
#: FiftyOne's types of datasets in which masks come out as they are, pixel by pixel
MASK_FOLDERS, COCO = "ImageSegmentationDirectory", "COCODetectionDataset"
#: How the images come along, and what FiftyOne calls that
EXPORT_MEDIA: dict[str, bool | str] = {"copy": True, "symlink": "symlink", "manifest": "manifest", "none": False}
#: What corrected masks are loaded from
ANY, FOLDER, FIELD, DATASET, ANNOTATION = "any", "folder", "field", "dataset", "annotation"


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


@dataclass(frozen=True)
class CorrectionRequest(Config):
    """What the loading of corrected masks is asked."""

    key: str = parameter(Request.key, "Run", "The run whose suspects were corrected")
    source: str = parameter(
        "",
        "Corrected masks",
        "A folder of masks, a field, another dataset, or the name that images were sent to annotation under",
        unit="SOURCE",
    )
    source_kind: str = parameter(
        ANY,
        "What that is",
        "What the corrected masks are loaded from",
        choices={
            ANY: "What there is of that name",
            FOLDER: "A folder of masks, each called like its image",
            FIELD: "Another field of this dataset",
            DATASET: "Another dataset, of the same samples or images",
            ANNOTATION: "An annotation service",
        },
    )
    source_field: str | None = parameter(
        None, "Field of the other dataset", "Its field with the corrected masks", empty="called like the given masks'"
    )
    reviewed: bool = parameter(
        False, "Whole images were reviewed", "Suspects that the corrections leave as they were are rejected"
    )
    reviewer: str | None = parameter(
        None, "Who has corrected", "Kept with each suspect", empty="the user of this computer"
    )
    skip_failures: bool = parameter(
        False, "Leave out corrected masks that cannot be used", "They are listed in the run's record"
    )

    def validate(self) -> None:
        if not self.source:
            raise LabelQualityError(
                "Say where the corrected masks are: a folder, a field, a dataset or an annotation run."
            )
