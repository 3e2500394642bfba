"""Errors of each kind, planted into clean masks: all are found, where they are and with a reason, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.words import percent
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.given_masks import GivenMasks
from label_quality.plugin.lint.config import LintConfig
from label_quality.plugin.lint.findings import GAP, KINDS, OUTLIER
from label_quality.plugin.lint.mask_report import report_mask

from benchmarks.lint_plants import PLANTS, Known

from ..conftest import write_png
from .masks import HEIGHT, NAMES, TABLE, WIDTH, clean_masks, linted, photo, written

KNOWN = Known(classes=(1, 2, 3, 4), unlabelled=0, rare=5, stranger=77)
#: In so many masks something is planted
PLANTED = 3


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> GivenMasks:
    return written(tmp_path_factory.mktemp("clean"), clean_masks())


def test_nothing_is_found_in_clean_masks(clean: GivenMasks) -> None:
    found = linted(clean)
    assert found.findings == [] and found.counts == {}
    assert found.notes == ["No mask has the class boat."]
    assert (found.sizes == (HEIGHT, WIDTH)).all()


def planted(folder: Path, changes: dict[int, Callable[[np.ndarray], Any]]) -> tuple[GivenMasks, dict[int, Any]]:
    """Clean masks with some that are changed, and what the changes give."""
    masks = clean_masks()
    given = {index: change(masks[index]) for index, change in changes.items()}
    return written(folder, masks), given


@pytest.mark.parametrize("kind", [one for one in PLANTS if not one.startswith(("rare", "outlier"))])
def test_what_is_planted_is_found_and_nothing_else(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    masks, boxes = clean_masks(), {}
    for index, mask in enumerate(masks):
        # Not every mask has room
        if len(boxes) < PLANTED and (box := PLANTS[kind](mask, KNOWN, rng)) is not None:
            boxes[index] = box
    assert len(boxes) == PLANTED
    found = linted(written(tmp_path, masks), few_pixels=9).findings
    assert [(one.kind, one.sample, one.box) for one in found] == [(kind, index, box) for index, box in boxes.items()]
    assert all(one.reason.endswith(".") and one.pixels > 0 for one in found)


def at(mask: np.ndarray, left: int, top: int, width: int, height: int, value: int) -> None:
    mask[top : top + height, left : left + width] = value


def test_a_stray_component_says_how_unusual_it_is(tmp_path: Path) -> None:
    samples, _ = planted(tmp_path, {0: lambda mask: at(mask, 0, 118, 2, 1, 1)})
    (one,) = linted(samples).findings
    assert (one.kind, one.given, one.pixels, one.box, one.centre) == ("stray", "sky", 2, (0, 118, 2, 1), (0.5, 118.0))
    areas = [int((mask == 1).sum()) for mask in clean_masks()]
    assert one.reason == (
        "A component of 2 pixels of 'sky' beside 'road': those of at most this size are 4.0 % of the components of "
        f"'sky' and hold < 0.01 % of its pixels, half of which are in components of at least {_typical(areas):,}."
    )


def _typical(areas: list[int]) -> int:
    ordered = sorted([2, *areas])
    held = np.cumsum(ordered)
    return ordered[int(np.searchsorted(held, held[-1] / 2))]


def test_a_hole_names_what_it_is_in(tmp_path: Path) -> None:
    samples, _ = planted(
        tmp_path, {0: lambda mask: at(mask, 80, 10, 2, 2, 2), 1: lambda mask: at(mask, 80, 10, 1, 2, 0)}
    )
    road, unlabelled = linted(samples).findings
    assert road.reason.startswith(
        "4 pixels of 'road' inside a component of 'sky': those of at most this size are 4.0 %"
    )
    assert unlabelled.reason == (
        "2 pixels of 'unlabelled' inside a component of 'sky': there are 1 such part of 'unlabelled' of at most this "
        "size in all masks, with < 0.01 % of all pixels."
    )
    assert [road.kind, unlabelled.kind] == ["hole", "hole"]


def test_small_objects_are_not_strays_where_objects_are_small(tmp_path: Path) -> None:
    masks, rng = clean_masks(), np.random.default_rng(1)
    for mask in masks:
        mask[mask == 3], mask[mask == 4] = 1, 2
        for x, y in zip(rng.permutation(30)[:12] * 5 + 4, rng.permutation(16)[:12] * 3, strict=True):
            at(mask, int(x), int(y), int(rng.integers(1, 3)), int(rng.integers(1, 3)), 3)
    samples = written(tmp_path, masks)
    assert linted(samples).findings == []
    # Without that rule they would be, if not all masks had them
    usual = "Usual here: 100 % of the masks have findings of the kind 'hole'. Not reported are the 2"
    assert any(note.startswith(usual) for note in linted(samples, rare_share=1.0).notes)


def test_unlabelled_pixels_that_are_everywhere_are_told_once(tmp_path: Path) -> None:
    masks = clean_masks()
    for mask in masks:
        for x in range(5, 155, 4):
            at(mask, x, 5, 1, 1, 0)
    found = linted(written(tmp_path, masks))
    assert found.findings == []
    assert found.notes[0] == (
        f"{24 * 38} parts of 'unlabelled' of a few pixels are not reported: there are so many of them that they are "
        "usual here."
    )


def test_thin_objects_are_no_slivers_where_the_class_is_thin(tmp_path: Path) -> None:
    masks = clean_masks()
    for mask in masks:
        mask[mask == 4] = 2
        at(mask, 78, 20, 2, 80, 4)
    assert linted(written(tmp_path, masks)).findings == []


def parted(mask: np.ndarray) -> None:
    """An unlabelled line of a pixel's width through the road, from the horizon down."""
    mask[mask == 4] = 2
    at(mask, 84, int(np.flatnonzero(mask[:, 84] == 2)[0]), 1, HEIGHT, 0)


def test_gaps_that_part_objects_of_a_class_are_told_once(tmp_path: Path) -> None:
    samples, _ = planted(tmp_path / "few", {0: parted, 1: parted})
    found = linted(samples)
    assert [(one.kind, one.sample, one.given) for one in found.findings] == [
        (GAP, 0, "unlabelled"),
        (GAP, 1, "unlabelled"),
    ]
    assert "1.0 wide, between 'road' and 'road': an unlabelled gap where the two" in found.findings[0].reason
    samples, _ = planted(tmp_path / "some", dict.fromkeys(range(6), parted))
    found = linted(samples)
    # Its halves are not where roads are
    assert GAP not in found.counts and OUTLIER in found.counts
    assert found.notes[0] == (
        "6 gaps between components of 'road' are not reported: they are taken for the way in which its objects are "
        "told apart."
    )
    samples, _ = planted(tmp_path / "all", dict.fromkeys(range(24), parted))
    assert GAP not in linted(samples).counts
    assert linted(samples).notes[0].startswith("Thin unlabelled or ignored strips between objects hold 0.3")


def test_a_frame_says_which_side_it_is_on(tmp_path: Path) -> None:
    def framed(mask: np.ndarray) -> None:
        mask[0] = mask[-1] = 0
        mask[:, :2] = mask[:, -1:] = 0

    samples, _ = planted(tmp_path, {5: framed})
    found = linted(samples).findings
    assert {one.kind for one in found} == {"frame"} and {one.given for one in found} == {"unlabelled"}
    assert [one.box for one in found] == [(0, 0, 2, 120), (0, 0, 160, 1), (0, 119, 160, 1), (159, 0, 1, 120)]
    assert found[0].reason == (
        "At the left the 2 outermost columns are 'unlabelled', but 100 % of the pixels next to it are of another "
        "class: a frame that export or resizing has left."
    )
    assert linted(samples, frame_width=1).counts["frame"] == 3


def test_a_class_that_occurs_once_is_rare(tmp_path: Path) -> None:
    samples, _ = planted(tmp_path, {4: lambda mask: at(mask, 70, 100, 12, 6, 5)})
    (one,) = linted(samples).findings
    assert (one.kind, one.given, one.pixels, one.box) == ("rare_class", "boat", 72, (70, 100, 12, 6))
    assert one.reason == (
        "'boat' occurs in this mask alone, of 24, with 72 pixels in all: is it a class that is meant to be there?"
    )


def test_a_class_with_a_few_pixels_in_all_is_rare(tmp_path: Path) -> None:
    boats = {4: lambda mask: at(mask, 70, 100, 2, 1, 5), 6: lambda mask: at(mask, 70, 100, 2, 1, 5)}
    samples, _ = planted(tmp_path, boats)
    found = linted(samples).findings
    assert [(one.kind, one.sample) for one in found] == [("rare_class", 4), ("rare_class", 6)]
    assert found[0].reason.startswith("'boat' occurs in 2 of 24 masks, with 4 pixels in all")


def test_values_outside_the_table_are_told_one_by_one(tmp_path: Path) -> None:
    def strange(mask: np.ndarray) -> None:
        at(mask, 10, 10, 5, 4, 99)
        at(mask, 30, 12, 2, 2, 200)

    samples, _ = planted(tmp_path, {2: strange})
    found = linted(samples).findings
    assert [(one.given, one.pixels, one.box) for one in found if one.kind == "unknown_value"] == [
        ("99", 20, (10, 10, 5, 4)),
        ("200", 4, (30, 12, 2, 2)),
    ]
    assert found[0].reason.startswith("20 pixels of the value 99, which is not in the class table. Add it")


def test_many_values_outside_the_table_are_summed_up(tmp_path: Path) -> None:
    samples, _ = planted(tmp_path, {2: lambda mask: mask.__setitem__((50, slice(20, 40)), np.arange(100, 120))})
    found = linted(samples, only_kinds=["unknown_value"]).findings
    assert len(found) == 11
    assert found[-1].reason == "The mask holds 10 more values outside the class table, in 10 pixels."


def test_outliers_say_in_what(tmp_path: Path) -> None:
    def strange(mask: np.ndarray) -> None:
        at(mask, 60, 5, 30, 16, 4)

    samples, _ = planted(tmp_path, {8: strange})
    (one,) = linted(samples).findings
    assert (one.kind, one.given, one.box) == ("outlier", "car", (60, 5, 30, 16))
    assert one.reason.startswith("Its centre is 11 % of the height from the top; half of the components of 'car' are 7")
    assert one.reason.endswith("robust standard deviations from their median.")
    assert linted(samples, min_components=60).findings == []
    assert linted(samples, outlier=50).findings == []


@pytest.mark.parametrize("how", ["size", "shape"])
def test_outliers_of_size_and_shape(how: str, tmp_path: Path) -> None:
    def strange(mask: np.ndarray) -> None:
        mask[mask == 4] = 2
        at(mask, 5, 70, 150, 48, 4) if how == "size" else at(mask, 5, 95, 150, 4, 4)

    samples, _ = planted(tmp_path, {8: strange})
    (one,) = [one for one in linted(samples).findings if one.given == "car"]
    assert (one.kind, one.sample) == (OUTLIER, 8)
    assert one.reason.startswith("It covers 38 % of the mask" if how == "size" else "It is 37.5 times as long as wide")


def test_what_the_border_cuts_has_no_shape(tmp_path: Path) -> None:
    def cut(mask: np.ndarray, left: int) -> None:
        mask[mask == 4] = 2
        at(mask, left, 80, 3, 30, 4)

    samples, _ = planted(tmp_path, {8: lambda mask: cut(mask, 0), 9: lambda mask: cut(mask, 1)})
    (one,) = linted(samples).findings
    assert one.sample == 9 and one.reason.startswith(
        "It is 10.0 times as long as wide; half of the components of 'car'"
    )


def test_a_strip_between_unlabelled_pixels_is_no_sliver(tmp_path: Path) -> None:
    def strip(mask: np.ndarray, beside: int) -> None:
        at(mask, 60, 100, 30, 6, beside)
        at(mask, 60, 106, 30, 1, 3)
        at(mask, 60, 107, 30, 6, beside)

    void, _ = planted(tmp_path / "void", {0: lambda mask: strip(mask, 0)})
    cars, _ = planted(tmp_path / "cars", {0: lambda mask: strip(mask, 4)})
    assert linted(void, only_kinds=["sliver"]).findings == []
    (one,) = linted(cars, only_kinds=["sliver"]).findings
    assert (one.given, one.box) == ("tree", (60, 106, 30, 1))
    assert one.reason.startswith(
        "A strip of 'tree', some 30 pixels long and 1.0 wide, between 'car' and 'car': strips as"
    )


def test_masks_of_another_size_are_told_and_linted_all_the_same(clean: GivenMasks, tmp_path: Path) -> None:
    masks = clean_masks()
    samples = written(tmp_path, masks)
    at(masks[1], 80, 10, 2, 2, 2)
    cv2.imwrite(str(samples.mask_paths[1]), masks[1].T)
    cv2.imwrite(str(samples.mask_paths[2]), masks[2][:100])
    # Of the turned mask, all is where it never is
    turned, hole, cut = [one for one in linted(samples).findings if one.kind != OUTLIER]
    assert (turned.kind, hole.kind, cut.kind) == ("size", "hole", "size") and hole.box == (10, 80, 2, 2)
    assert turned.reason.startswith("The mask is 120x160 pixels but its image ")
    assert turned.reason.endswith(
        "Turn the mask as the image was turned (in Pillow: "
        "mask.transpose(Image.Transpose.ROTATE_90) or ROTATE_270); do not resize it."
    )
    assert "The mask is 160x100 pixels" in cut.reason and "turned" not in cut.reason


def test_masks_that_are_turned_by_exif_are_told(tmp_path: Path) -> None:
    from PIL import Image

    samples = written(tmp_path, clean_masks())
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo(clean_masks()[0], 0)).save(samples.image_paths[0], exif=exif)
    (one,) = linted(samples).findings
    assert one.kind == "size" and "EXIF orientation 6 says that it is turned by 90° clockwise" in one.reason


def test_equal_images_with_other_masks_are_told(tmp_path: Path) -> None:
    masks = clean_masks()
    copied, again, same = masks[2].copy(), masks[2].copy(), masks[3].copy()
    copied[copied == 4] = 2
    again[again == 4] = 2
    samples = written(tmp_path, [*masks, copied, again, same])
    image = cv2.imread(samples.image_paths[2])
    cv2.imwrite(samples.image_paths[24], image)
    small = str(tmp_path / "small.jpg")
    cv2.imwrite(small, cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))
    cv2.imwrite(str(samples.mask_paths[25]), cv2.resize(again, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_NEAREST))
    cv2.imwrite(samples.image_paths[26], cv2.imread(samples.image_paths[3]))
    paths = [*samples.image_paths[:25], small, samples.image_paths[26]]
    found = linted(GivenMasks(samples.ids, paths, samples.mask_paths, TABLE), only_kinds=["duplicate"]).findings
    assert [one.sample for one in found] == [2, 24, 25]
    share = (masks[2] == 4).mean()
    assert found[1].pixels == (masks[2] == 4).sum() and found[1].strength == pytest.approx(share)
    assert found[1].reason == (
        f"The image is equal to image-2.png, but {percent(share)} of the pixels have another class in its mask: at "
        "most one of both can be right."
    )
    assert found[2].reason.startswith("The image is nearly equal to image-2.png")
    assert linted(samples, only_kinds=["duplicate"], compare_images=False).findings == []
    assert linted(samples, only_kinds=["duplicate"], differing=0.5).findings == []


def test_images_that_show_nothing_are_equal_where_their_files_are(tmp_path: Path) -> None:
    masks = clean_masks(4)
    samples = written(tmp_path, masks)
    for index, shade in enumerate((9, 9, 11)):
        cv2.imwrite(samples.image_paths[index], np.full((HEIGHT, WIDTH, 3), shade, np.uint8))
    found = linted(samples, only_kinds=["duplicate"]).findings
    assert [one.sample for one in found] == [0, 1]
    assert found[0].reason.startswith("The image is equal to image-1.png, but ")


def test_masks_that_cannot_be_read_are_missing_or_empty_are_told(tmp_path: Path) -> None:
    masks = clean_masks()
    masks[3][:] = 0
    samples = written(tmp_path, masks, ClassTable.from_targets(NAMES, ignored=[255]))
    Path(str(samples.mask_paths[0])).write_bytes(Path(str(samples.mask_paths[0])).read_bytes()[:60])
    os.unlink(str(samples.mask_paths[1]))
    os.unlink(samples.image_paths[2])
    cv2.imwrite(str(samples.mask_paths[4]), np.full((HEIGHT, WIDTH), 255, np.uint8))
    cv2.imwrite(str(samples.mask_paths[5]), np.full((HEIGHT, WIDTH, 3), (1, 2, 3), np.uint8))
    at(masks[2], 80, 10, 2, 2, 2)
    cv2.imwrite(str(samples.mask_paths[2]), masks[2])
    found = linted(samples).findings
    assert [(one.sample, one.kind) for one in found] == [
        *((0, "unreadable"), (1, "missing"), (2, "image"), (2, "hole"), (3, "empty"), (4, "empty"), (5, "unreadable")),
    ]
    reasons = {one.sample: one.reason for one in found if one.kind != "hole"}
    assert "truncated or damaged" in reasons[0] and "The mask file does not exist." in reasons[1]
    assert reasons[2].startswith("The image file does not exist.") and reasons[2].endswith(
        "Only the mask was looked at."
    )
    assert reasons[3] == "The mask has nothing but unlabelled pixels: is there really nothing to see?"
    assert reasons[4] == "All pixels of the mask are ignored."
    assert reasons[5].startswith(
        "Expected a one-channel mask, as the class table holds integers, but got one with colours"
    )


def test_empty_masks_are_told_once_where_they_are_usual(tmp_path: Path) -> None:
    masks = clean_masks()
    for mask in masks[:6]:
        mask[:] = 0
    found = linted(written(tmp_path, masks))
    assert found.findings == []
    assert found.notes[0].startswith("6 masks of 24 (25 %) have nothing but unlabelled pixels: that is usual here")


def test_colour_masks_are_linted(tmp_path: Path) -> None:
    colors = np.array([[0, 0, 0], [70, 130, 180], [128, 64, 128], [107, 142, 35], [0, 0, 142], [9, 9, 9]], np.uint8)
    targets = {"#{:02x}{:02x}{:02x}".format(*colors[value]): name for value, name in NAMES.items()}
    masks = clean_masks()
    at(masks[0], 80, 10, 2, 2, 2)
    samples = written(tmp_path, masks, ClassTable.from_targets(targets))
    for path, mask in zip(samples.mask_paths, masks, strict=True):
        cv2.imwrite(str(path), colors[mask][..., ::-1])
    strange = colors[masks[1]]
    strange[20:22, 30:33] = (200, 10, 10)
    cv2.imwrite(str(samples.mask_paths[1]), strange[..., ::-1])
    found = linted(samples).findings
    assert [(one.kind, one.given, one.box) for one in found] == [
        ("hole", "road", (80, 10, 2, 2)),
        ("unknown_value", "#c80a0a", (30, 20, 3, 2)),
    ]


def test_of_noise_the_largest_components_are_looked_at(tmp_path: Path) -> None:
    masks = clean_masks()
    masks[2] = np.random.default_rng(0).integers(1, 5, masks[2].shape).astype(np.uint8)
    masks[2] = np.where(np.indices(masks[2].shape).sum(axis=0) % 2, masks[2], 0)
    masks[2] = masks[2].repeat(2, axis=0).repeat(2, axis=1)
    samples = written(tmp_path, masks)
    found = linted(samples)
    assert found.notes[0] == (
        "1 mask in more than 5,000 components, of which the largest were looked at: noise, or a file that was "
        "compressed with loss? The first is that of sample s2."
    )
    assert sum(one.sample == 2 for one in found.findings) <= 5000


def test_only_the_kinds_that_are_asked_for_are_found(tmp_path: Path) -> None:
    def both(mask: np.ndarray) -> None:
        at(mask, 80, 10, 2, 2, 2)
        at(mask, 0, 118, 2, 1, 1)

    samples, _ = planted(tmp_path, {0: both})
    assert linted(samples).counts == {"hole": 1, "stray": 1}
    assert linted(samples, only_kinds=["stray"]).counts == {"stray": 1}
    assert linted(samples, few_pixels=3).counts == {"stray": 1}
    with pytest.raises(LabelQualityError, match="Expected parameter `only_kinds` to be some of missing, unreadable, "):
        LintConfig(only_kinds=("nonsense",))


def test_a_lint_is_the_same_with_any_number_of_threads(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    samples, _ = planted(tmp_path, {index: lambda mask: PLANTS["stray"](mask, KNOWN, rng) for index in range(12)})
    assert linted(samples, workers=1).findings == linted(samples, workers=3).findings != []


def test_findings_are_told_by_sample_and_kind(tmp_path: Path) -> None:
    def both(mask: np.ndarray) -> None:
        at(mask, 0, 118, 2, 1, 1)
        at(mask, 80, 10, 2, 2, 99)

    samples, _ = planted(tmp_path, {1: both, 0: both})
    found = linted(samples).findings
    assert [(one.sample, one.kind) for one in found if one.kind != "hole"] == [
        *((0, "unknown_value"), (0, "stray"), (1, "unknown_value"), (1, "stray")),
    ]
    assert set(linted(samples).counts) <= set(KINDS)


def test_a_mask_of_more_values_than_there_can_be_classes(tmp_path: Path) -> None:
    """A depth map in place of a mask: each value is none of the classes, and no component of one."""
    depth = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
    write_png(tmp_path / "mask.png", depth)
    write_png(tmp_path / "image.png", np.zeros((256, 256, 3), np.uint8))
    table = ClassTable.from_targets({0: "sky", 1: "road"})
    samples = GivenMasks(["one"], [str(tmp_path / "image.png")], [str(tmp_path / "mask.png")], table)
    report = report_mask(samples, 0, LintConfig())
    assert [one.pixels for one in report.findings] == [*[1] * 10, 65524]
    assert set(report.components["given"].tolist()) == {-1, 0, 1}
