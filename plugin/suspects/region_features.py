"""What tells a mistake of the mask from one of the model: measures of a suspect, from predictions, mask and picture.

None depends on the number of classes, on the size of the image or on how often a pair of classes is confused in the
dataset: what is learnt of them in some datasets holds in others, and a mistake that an annotator repeats is as
suspicious as one that is made once.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .picture import Picture
from .regions import DROP, SHIFT, SWAP, Region
from .seen_image import SeenImage

#: The columns of `region_features`, in order
FEATURES = (
    # Logarithms of the evidence, by pixel that takes part and by pixel of the region, and of the region's share of them
    "evidence",
    "pixel_evidence",
    "area",
    # Means over the region: probability of the suggested class, of the given one, entropy in nats; lower quartile of
    # the first less the second
    "suggested_probability",
    "given_probability",
    "entropy",
    "margin",
    # How much of the given object is seen as the suggested class, and of the region's outline adjoins that class
    "object_share",
    "contact",
    # Logarithms of widths, of the region and of the object that is seen there, in widths of the image; and of how many
    # times longer than wide the region is
    "width",
    "seen_width",
    "length",
    # Around the region: mean probability of the suggested class, and of the given class where that is given
    "suggested_around",
    "given_around",
    # Of the object that is seen there: the share that the mask contradicts, the logarithm of its size
    "seen_contradicted",
    "seen_size",
    # Share of the region along the image's border
    "border",
    # Mean probability of the given class in all of the image that is given it
    "class_confirmed",
    "drop",
    "swap",
    "shift",
    "from_unlabelled",
    # Of the picture, see `Picture.contrasts`
    "given_edge",
    "has_given_edge",
    "seen_edge",
    "given_colour",
    "suggested_colour",
    "has_suggested_colour",
    "texture",
)
#: Nats a pixel; less counts as this, as where both classes are equally improbable
_LEAST_EVIDENCE = 1e-6
#: Blocks around a region that count as its surroundings
_AROUND = 2


def region_features(
    image: SeenImage, regions: Sequence[Region], given: np.ndarray, picture: Picture, unlabelled: int | None
) -> np.ndarray:
    """Measures the regions of one image.

    Args:
        image: what is given and seen in it
        regions: as `find_regions` gives them
        given: (H, W) int16 given class of each pixel, negative where ignored
        picture: the image itself
        unlabelled: index of the unlabelled class; None where there is none

    Returns:
        (n, F) float64, finite: a row a region, the columns of `FEATURES`
    """
    if not regions:
        return np.zeros((0, len(FEATURES)))
    measures = _Measures(image, int(np.count_nonzero(given >= 0)))
    rows = [[*measures.of(region), region.given == unlabelled, *picture.contrasts(region, given)] for region in regions]
    return np.array(rows, np.float64)


def region_blocks(region: Region, image: SeenImage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and share of the region of each of its m blocks, (m,) each."""
    left, top, _, _ = region.box
    rows, columns = np.nonzero(region.mask)
    width = image.labels.shape[1]
    flat = (rows + top) // image.factor * width + (columns + left) // image.factor
    blocks, counts = np.unique(flat, return_counts=True)
    return blocks // width, blocks % width, counts / counts.sum()


class _Measures:
    """Measures regions by what is given and seen.

    Args:
        image: what is given and seen
        pixels: of the image that take part
    """

    def __init__(self, image: SeenImage, pixels: int) -> None:
        self.image = image
        self.pixels = pixels
        probabilities = image.probabilities
        self.entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-4))).sum(axis=0)
        takes_part = image.labels >= 0
        objects = image.objects.ravel()
        self.sizes = np.bincount(objects)
        self.contradicted = np.bincount(objects, (takes_part & (image.seen != image.labels)).ravel())
        labels = image.labels[takes_part]
        sums = np.bincount(labels, image.given_probability[takes_part], image.classes)
        self.confirmed = sums / np.maximum(np.bincount(labels, minlength=image.classes), 1)

    def of(self, region: Region) -> list[float]:
        """The measures up to the type, in the order of `FEATURES`."""
        image, shapes, index = self.image, self.image.shapes, region.number - 1
        rows, columns, weights = region_blocks(region, image)
        suggested, given = (image.probabilities[of][rows, columns] for of in (region.suggested, region.given))
        width, side = 2 * shapes.half_width[index], float(np.sqrt(self.pixels)) / image.factor
        seen = image.objects[rows[0], columns[0]]
        height, length = image.labels.shape
        at_border = (rows == 0) | (columns == 0) | (rows == height - 1) | (columns == length - 1)
        return [
            np.log(max(region.evidence / self.pixels, _LEAST_EVIDENCE)),
            np.log(max(region.evidence / region.area, _LEAST_EVIDENCE)),
            np.log(region.area / self.pixels),
            float(suggested @ weights),
            float(given @ weights),
            float(self.entropy[rows, columns] @ weights),
            float(np.quantile(suggested - given, 0.25)),
            shapes.share[index],
            shapes.contact[index],
            np.log(width / side),
            np.log(2 * shapes.object_half_width[index] / side),
            np.log(shapes.blocks[index] / width**2 + 0.25),
            *self._around(region, rows, columns),
            self.contradicted[seen] / self.sizes[seen],
            np.log(self.sizes[seen] / side**2),
            float(at_border.mean()),
            self.confirmed[region.given],
            *(region.kind == kind for kind in (DROP, SWAP, SHIFT)),
        ]

    def _around(self, region: Region, rows: np.ndarray, columns: np.ndarray) -> tuple[float, float]:
        image = self.image
        top, left = max(0, rows.min() - _AROUND), max(0, columns.min() - _AROUND)
        window = slice(top, rows.max() + _AROUND + 1), slice(left, columns.max() + _AROUND + 1)
        labels = image.labels[window]
        inside = np.zeros(labels.shape, np.uint8)
        inside[rows - top, columns - left] = 1
        spread = cv2.dilate(inside, np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8))
        around = (spread > inside) & (labels >= 0)
        given = around & (labels == region.given)
        suggested = image.probabilities[region.suggested][window]
        return (
            float(suggested[around].mean()) if around.any() else 0.0,
            float(image.given_probability[window][given].mean()) if given.any() else 0.5,
        )
