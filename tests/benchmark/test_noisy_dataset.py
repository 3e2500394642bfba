"""Noisy copies of masks: the planted error and nothing else, in the user's own values; repeatable and resumable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.noisy_dataset import NothingToPlant, noisy_mask, plant_errors
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.labels.images import read_mask
from label_quality.plugin.labels.masks import encode


def open_masks(dataset: Any, **options: Any) -> Any:
    from label_quality.plugin.samples.inputs import open_samples

    return open_samples(dataset, "ground_truth", **options)


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*.png"))}


@pytest.mark.parametrize("kind", ["drop", "swap", "shift"])
@pytest.mark.parametrize(("rgb", "dtype"), [(False, "uint8"), (False, "uint16"), (True, "uint8")])
def test_the_copies_differ_in_the_planted_error_only(
    make_dataset: Any, tmp_path: Path, kind: str, rgb: bool, dtype: str
) -> None:
    dataset = make_dataset(count=10, rgb=rgb, dtype=dtype)
    before = files_of(tmp_path)
    samples = open_masks(dataset)
    planted = plant_errors(samples, kind, 0.4, tmp_path / "noisy", seed=3)
    assert 1 <= len(planted) <= 4
    for position, noisy in planted.items():
        labels, changed = samples.load_labels(position), encode(read_mask(noisy.path), samples.class_table)
        assert noisy.error.kind == kind
        assert int((labels != changed).sum()) == noisy.error.pixels > 0
        assert read_mask(noisy.path).shape == samples.load_mask(position).shape
        if kind == "drop":
            assert set(changed[labels != changed]) == {samples.class_table.unlabelled}
            assert set(labels[labels != changed]) == set(noisy.error.classes)
    assert {path: files_of(tmp_path)[path] for path in before} == before


def test_masks_with_values_that_no_copy_has_are_refused(make_dataset: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=4, storage="database")
    for sample in dataset:
        sample.ground_truth.mask = sample.ground_truth.mask.astype(np.int32)
        sample.ground_truth.mask[0] = -9999
        sample.save()
    with pytest.raises(LabelQualityError, match=r"Its mask has the value -9999, which no file of masks can have. Give"):
        plant_errors(open_masks(dataset, ignored=[-9999]), "swap", 0.5, tmp_path / "noisy")


def test_ignored_and_colour_pixels_keep_their_value() -> None:
    table = ClassTable.from_targets({0: "unlabelled", 300: "road"}, ignored=[255])
    mask = np.array([[0, 300], [255, 300]], np.uint16)
    labels = encode(mask, table)
    noisy = np.array([[0, 0], [-1, 1]], np.int16)
    assert noisy_mask(mask, labels, noisy, table).tolist() == [[0, 0], [255, 300]]
    rgb = ClassTable.from_targets({"#000000": "unlabelled", "#ff0001": "road"}, ignored=["#ffffff"])
    colours = np.array([[[0, 0, 0, 9], [255, 0, 1, 9]], [[255, 255, 255, 9], [255, 0, 1, 9]]], np.uint8)
    expected = [[[0, 0, 0], [0, 0, 0]], [[255, 255, 255], [255, 0, 1]]]
    assert noisy_mask(colours, encode(colours, rgb), noisy, rgb).tolist() == expected
    # A gray mask of colours
    gray = ClassTable.from_targets({"#000000": "unlabelled", "#ffffff": "road"})
    black = np.array([[0, 255], [255, 0], [0, 0]], np.uint8)
    noisy_gray = np.array([[0, 1], [0, 0], [0, 1]], np.int16)
    changed = np.array([[0, 255], [0, 0], [0, 255]])
    assert (noisy_mask(black, encode(black, gray), noisy_gray, gray) == changed[..., None]).all()
    # A value that needs more bits than the mask has
    small = np.array([[0, 255], [0, 0]], np.uint8)
    swapped = np.array([[1, -1], [0, 0]], np.int16)
    assert noisy_mask(small, encode(small, table), swapped, table).tolist() == [[300, 255], [0, 0]]


def test_the_same_seed_plants_the_same_and_a_second_call_writes_nothing(make_dataset: Any, tmp_path: Path) -> None:
    samples = open_masks(make_dataset(count=8))
    first = plant_errors(samples, "swap", 0.5, tmp_path / "noisy", seed=1)
    written = files_of(tmp_path / "noisy")
    reports: list[str] = []
    again = plant_errors(
        samples, "swap", 0.5, tmp_path / "noisy", seed=1, progress=lambda stage, done, total: reports.append(stage)
    )
    assert again == first and files_of(tmp_path / "noisy") == written and not reports
    elsewhere = plant_errors(samples, "swap", 0.5, tmp_path / "elsewhere", seed=1)
    assert [one.error for one in elsewhere.values()] == [one.error for one in first.values()]
    assert [one.path.read_bytes() for one in elsewhere.values()] == [one.path.read_bytes() for one in first.values()]
    others = plant_errors(samples, "swap", 0.5, tmp_path / "noisy", seed=2)
    assert others != first and {one.path.parent for one in others.values()} != {
        one.path.parent for one in first.values()
    }


def test_what_a_kill_has_left_out_is_written(make_dataset: Any, tmp_path: Path) -> None:
    samples = open_masks(make_dataset(count=8))
    whole = plant_errors(samples, "swap", 0.5, tmp_path, seed=1)
    written = files_of(tmp_path)
    last = list(whole.values())[-1].path
    last.unlink()
    (last.parent / "errors.json").unlink()
    assert plant_errors(samples, "swap", 0.5, tmp_path, seed=1) == whole
    now = files_of(tmp_path)
    assert {path: content for path, (_, content) in now.items()} == {
        path: content for path, (_, content) in written.items()
    }
    assert all(now[path] == written[path] for path in written if path != str(last))


def test_a_changed_mask_gets_a_copy_of_its_own(make_dataset: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=4)
    first = plant_errors(open_masks(dataset), "swap", 0.5, tmp_path / "noisy", seed=1)
    mask = Path(dataset.first().ground_truth.mask_path)
    os.utime(mask, ns=(1, 1))
    second = plant_errors(open_masks(dataset), "swap", 0.5, tmp_path / "noisy", seed=1)
    assert {one.path.parent for one in first.values()}.isdisjoint(one.path.parent for one in second.values())


def test_bad_input_is_said(make_dataset: Any, tmp_path: Path) -> None:
    samples = open_masks(make_dataset(count=4))
    for rate in (0, 1, -0.2):
        with pytest.raises(LabelQualityError) as caught:
            plant_errors(samples, "drop", rate, tmp_path)
        assert str(caught.value) == f"Expected the rate of drop errors to be in (0, 1), but got {rate}."
    with pytest.raises(LabelQualityError) as caught:
        plant_errors(samples, "drop", 0.01, tmp_path)
    assert str(caught.value) == (
        "No drop error could be planted in 4 images at a rate of 0.01: too few images are chosen, or none of them "
        "shows a class that is large enough. Give a higher rate, or more images."
    )
    with pytest.raises(LabelQualityError, match=r"^Expected rates for drop, swap, shift, but got smear\.$"):
        plant_errors(samples, "smear", 0.5, tmp_path)
    unnamed = open_masks(make_dataset(count=2, targets={0: "sky", 3: "road", 7: "car", 20: "tree"}))
    with pytest.raises(LabelQualityError) as caught:
        plant_errors(unnamed, "drop", 0.5, tmp_path)
    assert str(caught.value) == (
        "Dropped objects become unlabelled, but none of the classes sky, road, car, tree is called so. Name the class "
        "of unlabelled pixels in `unlabelled`."
    )
    assert plant_errors(unnamed, "swap", 0.5, tmp_path)


def test_severity_and_the_least_size_decide_how_large_errors_are(make_dataset: Any, tmp_path: Path) -> None:
    samples = open_masks(make_dataset(count=10, sizes=((48, 64),)))
    folder = tmp_path / "noisy"
    slight, strong = (
        plant_errors(samples, "shift", 0.8, folder, severity=size, min_fraction=0.01) for size in (0.05, 0.6)
    )
    mean = [np.mean([one.error.pixels for one in planted.values()]) for planted in (slight, strong)]
    assert mean[1] > 2 * mean[0] and len(list(folder.iterdir())) == 2
    large = plant_errors(samples, "shift", 0.8, folder, severity=0.6, min_fraction=0.2)
    assert min(one.error.pixels for one in large.values()) >= 0.2 * 48 * 64 > slight[min(slight)].error.pixels


def test_errors_in_all_images_are_refused(make_dataset: Any, tmp_path: Path) -> None:
    samples = open_masks(make_dataset(count=6, targets={0: "zero", 3: "road", 7: "car", 20: "tree"}))
    with pytest.raises(NothingToPlant) as caught:
        plant_errors(samples, "swap", 0.95, tmp_path / "noisy", seed=1)
    assert str(caught.value) == (
        "All 6 images got a swap error at a rate of 0.95, so that no correct one is left to tell them from. Give a "
        "lower rate, or more images."
    )
