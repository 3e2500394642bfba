"""What the images of an export, and the masks that are called like them, are called."""

from __future__ import annotations

import os
from collections.abc import Sequence

import fiftyone.core.utils as fou

from ..base.errors import LabelQualityError
from .config import EXPORT_MEDIA

_IMAGES = "data"


class ImageNames:
    """What the files of an export are called, as FiftyOne's exporters do it.

    They are called like the images; where two images have one name, after their common folder, with subfolders.

    Args:
        image_paths: of all images, in the order of the export
        media: one of `EXPORT_MEDIA`
        extensions: whether they are part of the name: not where each image has a mask's file

    Raises:
        LabelQualityError: two images would be called the same all the same
    """

    def __init__(self, image_paths: Sequence[str], media: str, extensions: bool) -> None:
        self._media = EXPORT_MEDIA[media]
        self._extensions = extensions
        self.rel_dir: str | None = None
        if self._clash(image_paths) is not None and len(set(image_paths)) > 1:
            self.rel_dir = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in image_paths])
        clash = self._clash(image_paths)
        if clash is not None:
            raise LabelQualityError(
                f"Two samples have images that would be called the same in the export: {clash[0]} and {clash[1]}. "
                "Rename one of the files, or export a view without one of them."
            )

    @property
    def data_path(self) -> str:
        """Where the images, or the list of them, go in the export: FiftyOne's own list would go elsewhere."""
        return f"{_IMAGES}.json" if self._media == "manifest" else _IMAGES

    def stem(self, image_path: str) -> str:
        """The image's name, without its extension unless that counts."""
        name = fou.safe_relpath(image_path, self.rel_dir) if self.rel_dir else os.path.basename(image_path)
        # As FiftyOne's UniqueFilenameMaker, which is of no use where files are not named by it: the list of images
        if self._media not in (False, "manifest"):
            stem, extension = os.path.splitext(name)
            name = stem.replace("%", "-") + extension
        return name if self._extensions else os.path.splitext(name)[0]

    def image(self, image_path: str) -> str:
        """What the image is called in the export: a file below its folder, or its own path where it is not in it."""
        if self._media in (False, "manifest"):
            return image_path
        extension = "" if self._extensions else os.path.splitext(image_path)[1]
        return f"{_IMAGES}/{self.stem(image_path)}{extension}"

    def _clash(self, image_paths: Sequence[str]) -> tuple[str, str] | None:
        """The first two images that would be called the same."""
        seen: dict[str, str] = {}
        for path in image_paths:
            name = self.stem(path)
            if name in seen:
                return seen[name], path
            seen[name] = path
        return None
