"""What is found in one mask by itself, and what is kept of it until all masks of the dataset are seen."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..base.errors import LabelQualityError, SampleError
from ..base.types import IGNORED
from ..base.words import count
from ..labels.class_table import ClassTable, hex_color
from ..labels.file_doubts import LOSSY, check_size
from ..labels.given_masks import GivenMasks
from ..labels.images import image_header, is_jpeg
from ..labels.masks import MaskValueError, encode
from . import reasons
from .config import LintConfig
from .findings import EMPTY, FRAME, IMAGE, MISSING, SIZE, UNKNOWN_VALUE, UNREADABLE, Finding
from .frames import Band, find_bands
from .image_hashes import image_hash
from .mask_components import ROW, mask_components
from .usual import few_pixels

#: Values outside the class table that have a finding each
_LISTED_VALUES = 10
#: Components of a mask that are kept: of noise, or of a mask that was compressed with loss, there are as many as pixels
MOST_COMPONENTS = 5000


@dataclass(frozen=True)
class MaskReport:
    """What one mask gives.

    Args:
        findings: of the mask by itself
        size: (height, width); (0, 0) where it cannot be read
        components: (n,) rows of `mask_components.ROW`
        checksum: of its class indices; None where it cannot be read
        fingerprint: hash of its image, see `image_hashes`; None where that cannot be read
        void: whether all of it is unlabelled or ignored, but not ignored alone
        scattered: whether it has more components than are kept
    """

    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    components: np.ndarray = field(default_factory=lambda: np.zeros(0, ROW))
    checksum: int | None = None
    fingerprint: int | None = None
    void: bool = False
    scattered: bool = False


def report_mask(samples: GivenMasks, index: int, config: LintConfig) -> MaskReport:
    """Reads a mask and its image once each, and looks for what can be seen without the others.

    Args:
        samples: the dataset's
        index: position of the sample
        config: the thresholds
    """
    findings = list(_image_findings(samples, index))
    fingerprint = None
    if config.compare_images and not findings:
        fingerprint = image_hash(samples.image_paths[index])
    try:
        mask = samples.load_mask(index)
    except SampleError as error:
        path = samples.mask_paths[index]
        kind = MISSING if path is None or not os.path.exists(path) else UNREADABLE
        return MaskReport([*findings, Finding(kind, index, error.problem)], fingerprint=fingerprint)
    size = (mask.shape[0], mask.shape[1])
    if not any(one.kind == IMAGE for one in findings):
        findings += _size_findings(samples, index, size)
    try:
        labels, strangers = _encoded(mask, samples, index)
    except LabelQualityError as error:
        return MaskReport([*findings, Finding(UNREADABLE, index, str(error))], size, fingerprint=fingerprint)
    findings += strangers
    table, bands = samples.class_table, find_bands(labels, config.frame_width)
    findings += [_frame(band, index, size, table) for band in bands]
    void = _is_void(labels, table)
    if not (labels != IGNORED).any():
        findings.append(Finding(EMPTY, index, "All pixels of the mask are ignored.", pixels=labels.size))
        void = False
    few = few_pixels(labels.size, config.few_pixels)
    components = mask_components(labels, index, table.unlabelled, bands, few)
    checksum = zlib.crc32(np.ascontiguousarray(labels).tobytes())
    scattered = len(components) > MOST_COMPONENTS
    if scattered:
        largest = np.argsort(-components["area"], kind="stable")[:MOST_COMPONENTS]
        components = components[np.sort(largest)]
    return MaskReport(findings, size, components, checksum, fingerprint, void, scattered)


def load_labels(samples: GivenMasks, index: int) -> np.ndarray:
    """(H, W) int16 class indices of a mask, `IGNORED` also where it holds a value outside the table.

    Raises:
        LabelQualityError: it cannot be read
    """
    return encode(samples.load_mask(index), samples.class_table, "ignore")


def _image_findings(samples: GivenMasks, index: int) -> Iterator[Finding]:
    try:
        image_header(samples.image_paths[index])
    except SampleError as error:
        yield Finding(IMAGE, index, f"{error.problem} Only the mask was looked at.")


def _size_findings(samples: GivenMasks, index: int, size: tuple[int, int]) -> Iterator[Finding]:
    image_path, sample_id = samples.image_paths[index], samples.ids[index]
    header = image_header(image_path)
    try:
        check_size(size, header, image_path, sample_id, samples.mask_paths[index])
    except SampleError as error:
        text = error.problem[0].upper() + error.problem[1:]
        yield Finding(SIZE, index, text, pixels=size[0] * size[1])


def _encoded(mask: np.ndarray, samples: GivenMasks, index: int) -> tuple[np.ndarray, list[Finding]]:
    """The class indices, and the values that are outside the table, the most frequent first."""
    table = samples.class_table
    try:
        return encode(mask, table), []
    except MaskValueError as error:
        counts = error.counts
    path = samples.mask_paths[index]
    hint = LOSSY if path is not None and is_jpeg(path) else ""
    strangers = sorted(counts, key=lambda value: -counts[value])
    listed, rest = strangers[:_LISTED_VALUES], strangers[_LISTED_VALUES:]
    values = [int(value[1:], 16) if isinstance(value, str) else value for value in listed]
    numbers = encode(mask, _with_values(table, values), "ignore")
    findings = [_stranger(str(value), numbers == table.size + place, index, hint) for place, value in enumerate(listed)]
    if rest:
        pixels = sum(counts[value] for value in rest)
        text = f"The mask holds {count(len(rest), 'more value')} outside the class table, in {count(pixels, 'pixel')}."
        findings.append(Finding(UNKNOWN_VALUE, index, text + hint, pixels=pixels))
    numbers[numbers >= table.size] = IGNORED
    return numbers, findings


def _with_values(table: ClassTable, values: list[int]) -> ClassTable:
    """The table with more classes behind its own."""
    names = (*table.names, *(str(value) for value in values))
    colors = None if table.colors is None else (*table.colors, *map(hex_color, values))
    return replace(table, ids=(*table.ids, *values), names=names, colors=colors)


def _stranger(value: str, where: np.ndarray, index: int, hint: str) -> Finding:
    rows, columns = np.nonzero(where)
    left, top = int(columns.min()), int(rows.min())
    box = (left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
    pixels = count(len(rows), "pixel")
    text = (
        f"{pixels[0].upper()}{pixels[1:]} of the value {value}, which is not in the class table. Add it to the classes "
        "or list it as ignored, if it is meant to be there." + hint
    )
    centre = float(columns.mean()), float(rows.mean())
    return Finding(UNKNOWN_VALUE, index, text, value, len(rows), box, centre, strength=float(len(rows)))


def _frame(band: Band, index: int, size: tuple[int, int], table: ClassTable) -> Finding:
    rows, columns = band.window(size)
    left, right, _ = columns.indices(size[1])
    top, bottom, _ = rows.indices(size[0])
    box = (left, top, right - left, bottom - top)
    name = "" if band.label == IGNORED else table.names[band.label]
    centre = (left + right - 1) / 2, (top + bottom - 1) / 2
    return Finding(
        FRAME, index, reasons.frame(band, name), name, box[2] * box[3], box, centre, strength=float(box[2] * box[3])
    )


def _is_void(labels: np.ndarray, table: ClassTable) -> bool:
    shown = labels[labels != IGNORED]
    return table.unlabelled is not None and bool((shown == table.unlabelled).all())
