"""Clean datasets: their masks and images, imported again; the manifest; and that given masks are never written to."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from .. import suspect_run

COLORS = {0: (0, 0, 0), 3: (128, 64, 128), 7: (0, 0, 142), 20: (107, 142, 35)}


@pytest.fixture
def dataset(rated_run: Any) -> Any:
    return rated_run


@pytest.fixture
def clean(fiftyone: Any) -> Any:
    from label_quality.plugin.clean import clean_dataset

    return clean_dataset


def judge(dataset: Any, index: int, number: int, verdict: str, corrected_to: str | None = None) -> None:
    from label_quality.plugin.review import decide

    region = dataset.match({"index": index}).first().lq_suspects.detections[number]
    decide.set_verdict(dataset, "lq", [region.id], verdict, corrected_to=corrected_to, reviewer="ann")


def review(dataset: Any) -> None:
    """Of the five suspects two are confirmed, one with another class, and one is rejected."""
    judge(dataset, 1, 0, "confirmed")
    judge(dataset, 3, 0, "confirmed", "tree")
    judge(dataset, 2, 0, "rejected")


def digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def originals(dataset: Any) -> dict[str, str]:
    """The digest of every given mask and of every image."""
    return {path: digest(path) for path in dataset.values("ground_truth.mask_path") + dataset.values("filepath")}


def masks_of(dataset: Any, field: str = "ground_truth") -> dict[str, np.ndarray]:
    return {Path(sample.filepath).stem: np.array(sample[field].get_mask()) for sample in dataset}


def reviewed_masks(dataset: Any) -> dict[str, np.ndarray]:
    masks = masks_of(dataset)
    # Rated: the more probable first, which is the drop of the second image
    masks["001"][12:24, 16:20] = 20
    masks["003"][6:12, 8:16] = 20
    return masks


def imported(fiftyone: Any, folder: Path, kind: str = "ImageSegmentationDirectory", **options: Any) -> Any:
    return fiftyone.Dataset.from_dir(dataset_dir=str(folder), dataset_type=getattr(fiftyone.types, kind), **options)


def manifest_of(folder: Path) -> dict[str, Any]:
    def refuse(number: str) -> Any:
        raise ValueError(number)

    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text(), parse_constant=refuse)
    return content


def equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[name], expected[name]) for name in expected)


def test_an_export_has_all_images_with_the_best_known_masks(
    fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path
) -> None:
    review(dataset)
    before, documents = originals(dataset), [sample.to_json() for sample in dataset]
    folder = tmp_path / "out"
    made = clean.export_clean_dataset(dataset, export_dir=folder)
    assert made == clean.ExportedDataset(
        *(str(folder), str(folder / "manifest.json")), images=6, changed=2, regions=2, pixels=96, unreviewed=2
    )
    back = imported(fiftyone, folder, label_field="ground_truth")
    assert equal(masks_of(back), reviewed_masks(dataset))
    images = {Path(path).name: digest(path) for path in dataset.values("filepath")}
    assert {path.name: digest(path) for path in (folder / "data").iterdir()} == images
    assert sorted(path.name for path in folder.iterdir()) == ["classes.json", "data", "labels", "manifest.json"]
    assert originals(dataset) == before and [sample.to_json() for sample in dataset] == documents


def test_the_manifest_says_what_was_changed_by_whom_and_why(dataset: Any, clean: Any, tmp_path: Path) -> None:
    review(dataset)
    folder = tmp_path / "out"
    clean.export_clean_dataset(dataset, export_dir=folder)
    content = manifest_of(folder)
    assert content["run"]["key"] == "lq" and content["run"]["label_field"] == "ground_truth"
    assert content["run"]["dataset"] == dataset.name and {"label_quality", "fiftyone"} <= set(content["versions"])
    assert content["export"]["unreviewed"] == "keep"
    assert content["classes"] == {"0": "unlabelled", "3": "road", "7": "car", "20": "tree"}
    assert (content["unlabelled"], content["ignored"]) == ("unlabelled", [])
    first, second = content["images"]
    sample = dataset.match({"index": 3}).first()
    region = sample.lq_suspects.detections[0]
    assert second == {
        "sample_id": sample.id,
        "filepath": sample.filepath,
        "outcome": "changed",
        "image": "data/003.png",
        "mask": "labels/003.png",
        "given": {"mask_path": sample.ground_truth.mask_path, "sha256": digest(sample.ground_truth.mask_path)},
        "written": {"sha256": digest(folder / "labels" / "003.png")},
        "pixels": 48,
        "regions": [
            {
                "id": region.id,
                "given": "road",
                "suggested": "car",
                "error_type": "swap",
                "probability": 0.9,
                "evidence": 50.0,
                "bounding_box": region.bounding_box,
                "verdict": "confirmed",
                "drawn": False,
                "corrected_to": "tree",
                "reviewed_by": "ann",
                "reviewed_at": f"{region.reviewed_at.replace(tzinfo=None).isoformat(timespec='seconds')}+00:00",
                "became": "tree",
                "box": [8, 6, 8, 6],
                "pixels": 48,
            }
        ],
    }
    assert [(one["given"], one["became"], one["box"]) for one in first["regions"]] == [
        ("unlabelled", "tree", [16, 12, 4, 12])
    ]
    counts = {"images": 6, "changed": 2, "regions": 2, "pixels": 96, "unreviewed": 2, "dropped": 0, "failures": 0}
    assert counts.items() <= content["counts"].items()


def test_what_nobody_has_reviewed_can_be_ignored(fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path) -> None:
    review(dataset)
    folder = tmp_path / "out"
    made = clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="ignore")
    expected = reviewed_masks(dataset)
    expected["001"][4:10, 4:12] = 255
    expected["005"][:, 31] = 255
    assert equal(masks_of(imported(fiftyone, folder, label_field="ground_truth")), expected)
    assert (made.images, made.changed, made.regions, made.ignored) == (6, 3, 2, 2)
    assert (made.ignored_pixels, made.pixels) == (48 + 24, 96 + 72)
    content = manifest_of(folder)
    assert content["ignored"] == ["255"]
    assert [(one["became"], one["verdict"]) for one in content["images"][0]["regions"]] == [
        ("ignored", None),
        ("tree", "confirmed"),
    ]


def test_images_with_what_nobody_has_reviewed_can_be_left_out(
    fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path
) -> None:
    review(dataset)
    folder = tmp_path / "out"
    made = clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="drop")
    expected = {name: mask for name, mask in reviewed_masks(dataset).items() if name not in ("001", "005")}
    assert equal(masks_of(imported(fiftyone, folder, label_field="ground_truth")), expected)
    assert sorted(path.name for path in (folder / "data").iterdir()) == [f"{name}.png" for name in sorted(expected)]
    assert (made.images, made.dropped, made.regions, made.unreviewed) == (4, 2, 1, 2)
    dropped = [one for one in manifest_of(folder)["images"] if one["outcome"] == "dropped"]
    assert [[(one["given"], one["suggested"]) for one in image["regions"]] for image in dropped] == [
        [("road", "car")],
        [("car", "road")],
    ]


def test_what_people_say_goes_over_what_nobody_has_looked_at(dataset: Any, clean: Any, tmp_path: Path) -> None:
    sample = dataset.match({"index": 1}).first()
    # Both regions in one place, of which the weaker is confirmed
    for region in sample.lq_suspects.detections:
        region.bounding_box = [4 / 32, 4 / 24, 8 / 32, 6 / 24]
        cv2.imwrite(region.mask_path, np.full((6, 8), 255, np.uint8))
    sample.save()
    judge(dataset, 1, 1, "confirmed")
    clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", unreviewed="ignore")
    expected = np.array(sample.ground_truth.get_mask())
    expected[4:10, 4:12] = 7
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "labels" / "001.png"), cv2.IMREAD_UNCHANGED), expected)


def test_what_was_drawn_in_the_app_counts_as_verified(dataset: Any, clean: Any, tmp_path: Path) -> None:
    import fiftyone as fo

    sample = dataset.match({"index": 3}).first()
    region = sample.lq_suspects.detections[0]
    region.mask, region.mask_path = np.ones((4, 4), np.uint8), None
    region.bounding_box = [0, 0, 4 / 32, 4 / 24]
    added = fo.Detection(label="road", bounding_box=[0.5, 0.5, 0.25, 0.5], mask=np.ones((5, 4), np.uint8))
    sample.lq_suspects.detections.append(added)
    sample.save()
    made = clean.export_clean_dataset(dataset.match({"index": 3}), export_dir=tmp_path / "out", unreviewed="drop")
    expected = np.array(sample.ground_truth.get_mask())
    expected[12:24, 16:24] = 3
    expected[0:4, 0:4] = 7
    assert np.array_equal(cv2.imread(str(tmp_path / "out" / "labels" / "003.png"), cv2.IMREAD_UNCHANGED), expected)
    assert (made.images, made.regions, made.dropped, made.unreviewed) == (1, 2, 0, 0)
    (image,) = manifest_of(tmp_path / "out")["images"]
    assert [(one["verdict"], one["drawn"], one["became"]) for one in image["regions"]] == [
        ("added", True, "road"),
        ("edited", True, "car"),
    ]


@pytest.mark.parametrize("kind", [{"rgb": True}, {"dtype": "uint16"}, {"storage": "database"}])
@pytest.mark.parametrize("dataset_type", ["ImageSegmentationDirectory", "COCODetectionDataset"])
def test_masks_of_every_kind(
    make_dataset: Any, clean: Any, tmp_path: Path, kind: dict[str, Any], dataset_type: str
) -> None:
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

    dataset = suspect_run.add_run(make_dataset(count=6, **kind), tmp_path)
    record = load_record(dataset, "lq")
    targets = dataset.mask_targets["ground_truth"]
    record.class_table = ClassTable.from_targets(targets, unlabelled="unlabelled").to_dict()
    save_record(dataset, record)
    judge(dataset, 3, 0, "confirmed")
    expected = masks_of(dataset)
    rgb = bool(kind.get("rgb"))
    expected["003"][6:12, 8:16] = COLORS[7] if rgb else 7
    for name, place in {"001": np.s_[4:10, 4:12], "002": np.s_[0:12, 0:16], "005": np.s_[:, 31]}.items():
        expected[name][place] = 255
    expected["001"][12:24, 16:20] = 255
    folder = tmp_path / "out"
    clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="ignore", dataset_type=dataset_type)
    if dataset_type == "COCODetectionDataset":
        assert equal(from_coco(folder, rgb), expected)
        return
    read = {
        path.stem: cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., :: -1 if rgb else 1]
        if rgb
        else cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in (folder / "labels").iterdir()
    }
    assert equal(read, expected)
    assert manifest_of(folder)["ignored"] == (["#ffffff"] if rgb else ["255"])


#: What identifies categories and images of a COCO file
PARTS = (("categories", "name"), ("images", "file_name"))


def from_coco(folder: Path, rgb: bool = False) -> dict[str, np.ndarray]:
    """The masks of a COCO file, decoded from its run lengths column by column as COCO defines them."""
    content = json.loads((folder / "labels.json").read_text())
    values = {"unlabelled": 0, "road": 3, "car": 7, "tree": 20}
    names = {one["id"]: one["name"] for one in content["categories"]}
    files = {one["id"]: one for one in content["images"]}
    depth = (3,) if rgb else ()
    masks = {one["file_name"][:-4]: np.zeros((one["height"], one["width"], *depth), int) for one in files.values()}
    for one in content["annotations"]:
        size = one["segmentation"]["size"]
        counts = one["segmentation"]["counts"]
        inside = np.repeat(np.arange(len(counts)) % 2, counts).reshape(size, order="F").astype(bool)
        left, top, width, height = (int(value) for value in one["bbox"])
        assert one["bbox"] == [left, top, width, height], "boxes end with pixels"
        outside = inside.copy()
        outside[top : top + height, left : left + width] = False
        assert not outside.any() and inside[top].any() and inside[:, left + width - 1].any()
        value = 255 if one["iscrowd"] else values[names[one["category_id"]]]
        masks[files[one["image_id"]]["file_name"][:-4]][inside] = COLORS.get(value, (255, 255, 255)) if rgb else value
    return masks


def test_coco_has_every_pixel(fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path) -> None:
    review(dataset)
    folder = tmp_path / "out"
    before = originals(dataset)
    clean.export_clean_dataset(dataset, export_dir=folder, dataset_type="COCODetectionDataset")
    assert equal(from_coco(folder), reviewed_masks(dataset))
    assert originals(dataset) == before
    content = json.loads((folder / "labels.json").read_text())
    assert [(one["id"], one["name"]) for one in content["categories"]] == [*((1, "road"), (2, "car"), (3, "tree"))]
    assert not any(one["iscrowd"] for one in content["annotations"])
    assert manifest_of(folder)["images"][0]["mask"] is None
    assert sorted(path.name for path in (folder / "data").iterdir()) == [f"{index:03d}.png" for index in range(6)]


def test_coco_has_crowds_of_what_nobody_has_reviewed_and_no_class_of_what_is_ignored(
    dataset: Any, clean: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

    record = load_record(dataset, "lq")
    targets = {value: name for value, name in dataset.mask_targets["ground_truth"].items() if name != "tree"}
    # The masks' own ignored pixels are those of trees
    table = ClassTable.from_targets(targets, ignored=[20], unlabelled="unlabelled")
    record.class_table = table.to_dict()
    save_record(dataset, record)
    judge(dataset, 3, 0, "confirmed")
    folder, coco = tmp_path / "masks", tmp_path / "coco"
    clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="ignore")
    clean.export_clean_dataset(dataset, export_dir=coco, dataset_type="COCODetectionDataset", unreviewed="ignore")
    content = json.loads((coco / "labels.json").read_text())
    assert [one["name"] for one in content["categories"]] == ["road", "car"]
    names, files = ({one["id"]: one[name] for one in content[part]} for part, name in PARTS)
    crowds = [
        (files[one["image_id"]], names[one["category_id"]], one["bbox"], one["area"])
        for one in content["annotations"]
        if one["iscrowd"]
    ]
    # Given as road, looks like car; given as unlabelled, looks like car; given as car, looks like road. Of the drop of
    # a tree, which is no class here, no class is in doubt
    assert sorted(crowds) == [
        ("001.png", "car", [4, 4, 8, 6], 48),
        ("001.png", "road", [4, 4, 8, 6], 48),
        ("002.png", "car", [0, 0, 16, 12], 192),
        ("005.png", "car", [31, 0, 1, 24], 24),
        ("005.png", "road", [31, 0, 1, 24], 24),
    ]
    # What is a class in the masks is an object of it, and nothing else is
    read = {path.stem: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in folder.glob("labels/*.png")}
    content["annotations"] = [one for one in content["annotations"] if not one["iscrowd"]]
    (coco / "labels.json").write_text(json.dumps(content))
    assert any((mask == 20).any() for mask in read.values())
    assert equal(from_coco(coco), {name: np.where(np.isin(mask, (3, 7)), mask, 0) for name, mask in read.items()})
    assert manifest_of(folder)["ignored_as"] == "pixels of these values"
    assert manifest_of(coco)["ignored_as"] == (
        "pixels without an object; those of suspects that nobody has reviewed are crowds of the given class and of the "
        "suggested one"
    )


def test_fiftyone_imports_coco_again(fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools", reason="FiftyOne reads masks of COCO with it, and does not bring it")
    review(dataset)
    clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", dataset_type="COCODetectionDataset")
    back = imported(fiftyone, tmp_path / "out", "COCODetectionDataset", label_types="segmentations")
    (field,) = back.get_field_schema(embedded_doc_type=fiftyone.Detections)
    values = {3: "road", 7: "car", 20: "tree"}
    for sample in back:
        found = sample[field].to_segmentation(frame_size=(32, 24), mask_targets=values)
        assert np.array_equal(found.mask, reviewed_masks(dataset)[Path(sample.filepath).stem])


@pytest.mark.parametrize("media", ["symlink", "manifest", "none"])
@pytest.mark.parametrize("dataset_type", ["ImageSegmentationDirectory", "COCODetectionDataset"])
def test_images_are_linked_or_listed_or_left_out(
    dataset: Any, clean: Any, tmp_path: Path, media: str, dataset_type: str
) -> None:
    folder = tmp_path / "out"
    clean.export_clean_dataset(dataset, export_dir=folder, media=media, dataset_type=dataset_type)
    paths = {Path(path).stem: path for path in dataset.values("filepath")}
    if media == "symlink":
        assert {link.stem: os.readlink(link) for link in (folder / "data").iterdir()} == paths
    elif media == "manifest":
        listed = json.loads((folder / "data.json").read_text())
        assert {Path(name).stem: path for name, path in listed.items()} == paths
    else:
        assert not (folder / "data").exists() and not (folder / "data.json").exists()
    found = from_coco(folder) if dataset_type.startswith("COCO") else {path.stem for path in folder.glob("labels/*")}
    assert set(found) == set(paths)


def test_images_of_one_name_keep_their_subfolders(make_dataset: Any, clean: Any, tmp_path: Path) -> None:
    dataset = make_dataset(count=6)
    paths = dataset.values("filepath")
    other = Path(paths[0]).parent / "more" / "001.png"
    other.parent.mkdir()
    other.write_bytes(Path(paths[3]).read_bytes())
    dataset.set_values("filepath", [*paths[:3], str(other), *paths[4:]])
    suspect_run.add_run(dataset, tmp_path)
    judge(dataset, 3, 0, "confirmed")
    clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    sample = dataset.match({"index": 3}).first()
    expected = np.array(sample.ground_truth.get_mask())
    expected[6:12, 8:16] = 7
    folder = tmp_path / "out"
    assert np.array_equal(cv2.imread(str(folder / "labels" / "more" / "001.png"), cv2.IMREAD_UNCHANGED), expected)
    assert digest(folder / "data" / "more" / "001.png") == digest(other)
    assert digest(folder / "data" / "001.png") == digest(paths[1])
    assert manifest_of(folder)["images"][0]["mask"] == "labels/more/001.png"


@pytest.mark.parametrize(
    ("media", "dataset_type", "folders"),
    [
        ("copy", "ImageSegmentationDirectory", True),
        ("symlink", "ImageSegmentationDirectory", False),
        ("manifest", "ImageSegmentationDirectory", True),
        ("none", "ImageSegmentationDirectory", False),
        ("copy", "COCODetectionDataset", True),
        ("manifest", "COCODetectionDataset", False),
    ],
)
def test_files_are_called_as_the_manifest_says(
    make_dataset: Any, clean: Any, tmp_path: Path, media: str, dataset_type: str, folders: bool
) -> None:
    dataset = make_dataset(count=6)
    names = ["a%b.png", "c.d.jpg", "x y.png", "ü.JPG", "more/e.png", "more/x y.png" if folders else "more/f.png"]
    paths = []
    for old, name in zip(dataset.values("filepath"), names, strict=True):
        new = tmp_path / "named" / name
        new.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(new.with_suffix(new.suffix.lower())), cv2.imread(old))
        new.with_suffix(new.suffix.lower()).rename(new)
        paths.append(str(new))
    dataset.set_values("filepath", paths)
    suspect_run.add_run(dataset, tmp_path)
    folder = tmp_path / "out"
    clean.export_clean_dataset(dataset, export_dir=folder, media=media, dataset_type=dataset_type, unreviewed="ignore")
    images = manifest_of(folder)["images"]
    assert [one["filepath"] for one in images] == [paths[index] for index in (1, 2, 3, 5)]
    for one in images:
        if media in ("copy", "symlink"):
            assert digest(folder / one["image"]) == digest(one["filepath"])
        else:
            assert one["image"] == one["filepath"]
        if dataset_type.startswith("COCO"):
            assert one["mask"] is None
        else:
            assert digest(folder / one["mask"]) == one["written"]["sha256"]
    if not dataset_type.startswith("COCO"):
        assert len([path for path in (folder / "labels").rglob("*") if path.is_file()]) == 6


def test_a_view_of_patches_means_their_images(dataset: Any, clean: Any, tmp_path: Path) -> None:
    made = clean.export_clean_dataset(dataset.to_patches("lq_suspects"), export_dir=tmp_path / "out")
    assert made.images == 4 and made.unreviewed == 5
    assert sorted(path.stem for path in (tmp_path / "out" / "labels").iterdir()) == ["001", "002", "003", "005"]


def test_names_that_would_be_the_same_are_an_error(make_dataset: Any, clean: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    dataset = make_dataset(count=6)
    paths = dataset.values("filepath")
    twin = paths[1][:-4] + ".tif"
    Path(twin).write_bytes(Path(paths[3]).read_bytes())
    dataset.set_values("filepath", [*paths[:3], twin, *paths[4:]])
    suspect_run.add_run(dataset, tmp_path)
    text = f"Two samples have images that would be called the same in the export: {paths[1]} and {twin}. Rename one of"
    with pytest.raises(LabelQualityError, match=text):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    # COCO has the extension in the names
    assert (
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", dataset_type="COCODetectionDataset").images
        == 6
    )


def test_a_mask_that_has_changed_since_the_run_is_said(dataset: Any, clean: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import SampleError

    review(dataset)
    sample = dataset.match({"index": 3}).first()
    mask = np.array(sample.ground_truth.get_mask())
    mask[0:2] = 7
    cv2.imwrite(sample.ground_truth.mask_path, mask)
    with pytest.raises(SampleError, match=rf"sample {sample.id} \(.*\): its given mask has changed since the run was"):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    made = clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", skip_failures=True)
    assert made.images == 5 and made.failures[0].startswith(f"sample {sample.id} (")
    left = [one for one in manifest_of(tmp_path / "out")["images"] if one["outcome"] == "left out"]
    assert [one["sample_id"] for one in left] == [sample.id]


def test_what_is_decided_during_an_export_is_for_the_next(
    dataset: Any, clean: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mask of the fourth image has changed since the run; no region in it is to be corrected when it begins."""
    from label_quality.plugin.base.errors import SampleError

    judge(dataset, 1, 0, "confirmed")
    changed = dataset.match({"index": 3}).first()
    given = changed.ground_truth.get_mask().copy()
    given[0, 0] = 20
    cv2.imwrite(changed.ground_truth.mask_path, given)
    # One image is read at a time, as if there were many
    monkeypatch.setattr(clean, "PORTION", 1)

    def decide_meanwhile(stage: str, done: int, total: int) -> None:
        if done == 1:
            judge(dataset, 3, 0, "confirmed")

    made = clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", progress=decide_meanwhile)
    assert (made.images, made.regions) == (6, 1)
    written = cv2.imread(str(tmp_path / "out" / "labels" / "003.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, given)
    with pytest.raises(SampleError, match="its given mask has changed since the run was scored"):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "next")


def test_what_is_decided_before_the_left_out_images_are_noted_is_for_the_next(
    dataset: Any, clean: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only suspect of an image that is to be left out is rejected while all files are looked at."""
    unchanged_samples = clean.unchanged_samples

    def reject_meanwhile(*arguments: Any) -> Any:
        judge(dataset, 3, 0, "rejected")
        return unchanged_samples(*arguments)

    monkeypatch.setattr(clean, "unchanged_samples", reject_meanwhile)
    made = clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", unreviewed="drop")
    assert (made.images, made.dropped) == (2, 4)
    dropped = [one for one in manifest_of(tmp_path / "out")["images"] if one["outcome"] == "dropped"]
    assert sorted(len(one["regions"]) for one in dropped) == [0, 1, 1, 2]


def test_a_mask_that_is_no_clean_one_is_said(dataset: Any, clean: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import SampleError

    # One that the run has not scored, which nobody has looked at
    sample = dataset.match({"index": 4}).first()
    mask = np.array(sample.ground_truth.get_mask())
    mask[0, :5] = 99
    cv2.imwrite(sample.ground_truth.mask_path, mask)
    with pytest.raises(SampleError, match=r"The mask holds values that are not in the class table: 99 \(5 pixels\)"):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    cv2.imwrite(sample.ground_truth.mask_path, mask[:8])
    with pytest.raises(SampleError, match="the mask is 32x8 pixels but its image"):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", skip_failures=True).images == 5


def test_images_without_a_mask_are_counted(dataset: Any, clean: Any, tmp_path: Path) -> None:
    sample = dataset.match({"index": 0}).first()
    sample.ground_truth = None
    sample.save()
    made = clean.export_clean_dataset(dataset, export_dir=tmp_path / "out")
    assert (made.images, made.without_mask) == (5, 1)


def test_what_cannot_be_is_explained(dataset: Any, clean: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    def refused(text: str, key: str = "lq", **parameters: Any) -> None:
        with pytest.raises(LabelQualityError) as caught:
            clean.export_clean_dataset(dataset, key, **({"export_dir": tmp_path / "out"} | parameters))
        assert text in str(caught.value)
        assert not (tmp_path / "out").exists()

    refused("has no label quality run 'no'", "no")
    refused(
        "parameter `dataset_type` to be one of ImageSegmentationDirectory, COCODetectionDataset, but got 'VOC'.",
        dataset_type="VOC",
    )
    refused("Expected parameter `unreviewed` to be one of keep, ignore, drop, but got 'some'.", unreviewed="some")
    refused("Expected parameter `media` to be one of copy, symlink, manifest, none, but got 'move'.", media="move")
    refused("Expected parameter `export_dir` to be a new or an empty folder, but got ''.", export_dir="")
    file = tmp_path / "a file"
    file.write_text("mine")
    refused(f"Expected parameter `export_dir` to be a folder, but {file} is a file.", export_dir=file)
    images = Path(dataset.first().filepath).parent
    text = f"There are other files in {images}. Give another `export_dir`, such as an empty one."
    refused(text, export_dir=images)
    review(dataset)
    with pytest.raises(
        LabelQualityError, match="There is nothing to export: all images have a suspect that nobody has"
    ):
        clean.export_clean_dataset(dataset.match({"index": 5}), export_dir=tmp_path / "out", unreviewed="drop")
    dataset.delete_sample_field("lq_suspects")
    refused("Run 'lq' has no suspects to correct: find suspects first.")


def test_nothing_is_overwritten(dataset: Any, clean: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    folder = tmp_path / "out"
    clean.export_clean_dataset(dataset, export_dir=folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(LabelQualityError, match=f"There are other files in {folder}. Give another `export_dir`, such"):
        clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="ignore")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_ignored_value_is_one_that_the_classes_ignore_or_a_free_one(clean: Any) -> None:
    from label_quality.plugin.labels.class_table import ClassTable

    def value(targets: dict[Any, str], ignored: tuple[Any, ...] = ()) -> int:
        return int(clean.ignored_value(ClassTable.from_targets(targets, ignored)))

    assert value({0: "a", 1: "b"}) == 255
    assert value({0: "a", 1: "b", 7: "void"}, (7,)) == 7
    assert value({0: "a", 7: "void"}, (7, 255)) == 255
    assert value({0: "a", 7: "void"}, (-1,)) == 255
    assert value({0: "a", 255: "b", 254: "c"}) == 253
    assert value({number: str(number) for number in range(256)}) == 256
    assert value({"#000000": "a", "#ffffff": "b"}) == 0xFFFFFE
    assert value({"#000000": "a", "#010203": "void"}, ("void",)) == 0x010203


class Killed(BaseException):
    pass


def kill(stage: str, done: int, total: int) -> None:
    if done == 3:
        raise Killed


def test_an_export_that_ends_early_leaves_nothing(dataset: Any, clean: Any, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "new", progress=kill)
    assert not (tmp_path / "new").exists()
    (tmp_path / "old").mkdir()
    with pytest.raises(Killed):
        clean.export_clean_dataset(dataset, export_dir=tmp_path / "old", progress=kill)
    assert list((tmp_path / "old").iterdir()) == []


def test_after_a_kill_the_same_call_begins_anew(fiftyone: Any, dataset: Any, clean: Any, tmp_path: Path) -> None:
    folder, before = tmp_path / "out", originals(dataset)
    pid = os.fork()
    if pid == 0:

        def die(stage: str, done: int, total: int) -> None:
            if done == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="ignore", progress=die)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert [path.name for path in folder.iterdir()] == [".unfinished"]
    assert len(list((folder / ".unfinished" / "content" / "labels").iterdir())) == 3
    review(dataset)
    made = clean.export_clean_dataset(dataset, export_dir=folder, unreviewed="drop")
    assert made.images == 4
    assert sorted(path.name for path in folder.iterdir()) == ["classes.json", "data", "labels", "manifest.json"]
    expected = {name: mask for name, mask in reviewed_masks(dataset).items() if name not in ("001", "005")}
    assert equal(masks_of(imported(fiftyone, folder, label_field="ground_truth")), expected)
    assert originals(dataset) == before


def test_memory_does_not_grow_with_the_number_of_images(
    make_dataset: Any, clean: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = suspect_run.add_run(make_dataset(count=6), tmp_path)
    sizes = []
    of = clean.Regions.of
    monkeypatch.setattr(clean, "PORTION", 2)
    monkeypatch.setattr(clean.Regions, "of", lambda self, ids: sizes.append(len(ids)) or of(self, ids))
    made = clean.export_clean_dataset(dataset, export_dir=tmp_path / "out", unreviewed="ignore")
    assert (made.images, made.ignored) == (6, 5) and set(sizes) == {2}


@given(
    st.sets(st.integers(0, 65535), min_size=1, max_size=40), st.sets(st.integers(-3, 65535), max_size=5), st.booleans()
)
def test_the_ignored_value_is_no_class(fiftyone: Any, ids: set[int], ignored: set[int], rgb: bool) -> None:
    from label_quality.plugin.clean.clean_dataset import ignored_value, with_ignored
    from label_quality.plugin.labels.class_table import ClassTable, hex_color

    left_out = {value for value in ignored - ids if value >= 0 or not rgb}
    name = hex_color if rgb else int
    table = ClassTable.from_targets({name(one): f"class {one}" for one in ids}, [name(one) for one in left_out])
    value = ignored_value(table)
    assert value not in ids and 0 <= value <= (0xFFFFFF if rgb else 65535)
    usable = {one for one in left_out if one >= 0}
    assert value in usable or not usable
    assert set(with_ignored(table, value).ignored) == left_out | {value}


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)))
def test_the_box_of_pixels(fiftyone: Any, inside: np.ndarray) -> None:
    from label_quality.plugin.regions.reviewed import box_of

    places = [(row, column) for row, column in np.ndindex(inside.shape) if inside[row, column]]
    if not places:
        assert box_of(inside) == (0, 0, 0, 0)
        return
    rows, columns = zip(*places, strict=True)
    left, top, width, height = box_of(inside)
    assert (left, top) == (min(columns), min(rows)) and (width, height) == (
        max(columns) - left + 1,
        max(rows) - top + 1,
    )
