"""Pictures of a suspect for its reviewer: what is in the image, what the given mask says, and what is suggested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fiftyone as fo
import fiftyone.core.utils as fou
import numpy as np
from PIL import ImageColor

from ..base.errors import LabelQualityError, SampleError
from ..labels.class_table import ClassTable, hex_color
from ..labels.file_doubts import check_size
from ..labels.images import image_header, read_image
from ..labels.masks import as_rgb
from ..labels.places import Place
from ..records.run_record import RunRecord
from ..samples.checks import class_targets, has_instances
from ..samples.inputs import SegmentationSamples, open_samples
from ..samples.slices import images_of
from .drawing import outline, picture, png
from .masks import place_region
from .views import Color, MaskColors, RegionViews, region_views


@dataclass(frozen=True)
class ClassShown:
    """A class in the pictures.

    Args:
        name: of the class
        color: '#rrggbb' that it has in them; None where the image shows through
    """

    name: str
    color: str | None


@dataclass(frozen=True)
class RegionPictures:
    """A region three times, each a data URI of an SVG.

    Args:
        image: the image
        given: with the given mask on it
        suggested: with the given mask in which the region has the class that it should be; None where that is no class
            of the run
        classes: what is in the masks, the largest first
    """

    image: str
    given: str
    suggested: str | None
    classes: tuple[ClassShown, ...]


def draw_region(
    dataset: fo.Dataset,
    record: RunRecord,
    sample_id: str,
    region: Mapping[str, Any],
    page_colors: Mapping[str, Any] | None = None,
) -> RegionPictures:
    """Draws a region of a run; reads its image and masks, and nothing of other images.

    Args:
        dataset: the dataset
        record: the run's
        sample_id: the region's image
        region: the region, as MongoDB keeps detections
        page_colors: how the App draws values just now: ``pool``, a list, and ``custom``, of single values; None for
            how the dataset says it

    Raises:
        LabelQualityError: the run's record names no classes
        SampleError: the image, the given mask or the region's mask is missing, cannot be read, or does not fit
    """
    return _drawn(read_region(dataset, record, sample_id, region, page_colors))


@dataclass(frozen=True)
class RegionRead:
    """A region and its surroundings, read.

    Args:
        views: as arrays
        colors: of the values of its masks
        names: of these values
    """

    views: RegionViews
    colors: MaskColors
    names: Mapping[int, str]

    def classes(self) -> tuple[ClassShown, ...]:
        """What is in the masks, the largest first."""
        return tuple(_shown(value, self.colors, self.names) for value in self.views.pixels())


def read_region(
    dataset: fo.Dataset,
    record: RunRecord,
    sample_id: str,
    region: Mapping[str, Any],
    page_colors: Mapping[str, Any] | None = None,
) -> RegionRead:
    """Reads what `draw_region` draws; arguments and errors are the same."""
    if not record.class_table:
        raise LabelQualityError(
            f"The record of run '{record.key}' does not name its classes, so that its suspects cannot be drawn. "
            "Audit anew."
        )
    table = ClassTable.from_dict(record.class_table)
    one = images_of(dataset).select(sample_id)
    samples = open_samples(one, record.label_field, classes=table.mask_targets(), unknown=record.unknown)
    mask = _given_mask(samples, table)
    image = read_image(samples.image_paths[0], sample_id)
    place = _place(region, mask.shape[:2], sample_id)
    label = region.get("label")
    suggested = table.ids[table.names.index(label)] if label in table.names else None
    targets = _targets(dataset, record.label_field, table)
    colors = _mask_colors(dataset, record.label_field, targets, table.colors is not None, page_colors)
    names = {**targets, **dict(zip(table.ids, table.names, strict=True))}
    return RegionRead(region_views(image, mask, place, suggested), colors, names)


def _drawn(read: RegionRead) -> RegionPictures:
    views, colors = read.views, read.colors
    size, image, path = (views.image.shape[0], views.image.shape[1]), png(views.image), outline(views.inside)
    given = picture(size, image, path, png(colors.paint(views.given)))
    suggested = None if views.suggested is None else picture(size, image, path, png(colors.paint(views.suggested)))
    return RegionPictures(picture(size, image, path), given, suggested, read.classes())


def _shown(value: int, colors: MaskColors, names: Mapping[int, str]) -> ClassShown:
    color = colors.of(value)
    as_written = hex_color(value) if colors.rgb else str(value)
    return ClassShown(names.get(value) or as_written, None if color is None else "#{:02x}{:02x}{:02x}".format(*color))


def _given_mask(samples: SegmentationSamples, table: ClassTable) -> np.ndarray:
    """The given mask, as large as its image: (H, W) values, or (H, W, 3) where masks are RGB."""
    sample_id, path = samples.ids[0], samples.image_paths[0]
    header = image_header(path, sample_id)
    # Masks of palette PNGs are read as colours where the classes are colours
    samples.class_table = table
    mask = np.asarray(samples.load_mask(0))
    check_size((mask.shape[0], mask.shape[1]), header, path, sample_id, samples.mask_paths[0])
    if table.colors is None:
        return mask if mask.ndim == 2 else mask[..., 0]
    return as_rgb(mask)


def _place(region: Mapping[str, Any], size: tuple[int, ...], sample_id: str) -> Place:
    mask = region.get("mask")
    if region.get("bounding_box") is None:
        raise SampleError(f"One of its suspects, '{region.get('label')}', has no box.", sample_id=sample_id)
    stored = None if mask is None else fou.deserialize_numpy_array(mask)
    return place_region({**region, "mask": stored}, size, sample_id)


def _targets(dataset: fo.Dataset, label_field: str, table: ClassTable) -> dict[int, str]:
    """The mask targets by which the App draws a field: value, or 0xRRGGBB, to name; of instances the run's own."""
    if has_instances(dataset, label_field):
        return dict(zip(table.ids, table.names, strict=True))
    targets = class_targets(dataset, label_field)[1] or {}
    return {int(key[1:], 16) if str(key).startswith("#") else int(key): name for key, name in targets.items()}


def _mask_colors(
    dataset: fo.Dataset,
    label_field: str,
    targets: Mapping[int, str],
    rgb: bool,
    page_colors: Mapping[str, Any] | None,
) -> MaskColors:
    """By value, whatever the App colours by: masks of one colour for all classes would not show what is wrong."""
    known = _dataset_colors(dataset, label_field) if page_colors is None else page_colors
    custom = {int(value): _rgb(color) for value, color in known["custom"].items()}
    return MaskColors([_rgb(color) for color in known["pool"]], custom, targets, rgb)


def _dataset_colors(dataset: fo.Dataset, label_field: str) -> dict[str, Any]:
    """The colours of the dataset's scheme. A page may begin elsewhere in the pool, by what it has drawn before."""
    scheme = dataset.app_config.color_scheme or fo.ColorScheme()
    own = [entry for entry in scheme.fields or [] if entry["path"] == label_field]
    single = [*(scheme.default_mask_targets_colors or []), *(own[0].get("maskTargetsColors") or [] if own else [])]
    custom = {one["intTarget"]: one["color"] for one in single}
    return {"pool": scheme.color_pool or fo.app_config.color_pool, "custom": custom}


def _rgb(color: str) -> Color:
    """A colour as CSS writes it; gray where PIL does not know how."""
    try:
        red, green, blue = ImageColor.getrgb(color)[:3]
    except ValueError:
        return 128, 128, 128
    return red, green, blue
