"""A run on slices of a grouped dataset, from the audit to its deletion; nothing is written to the other slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

IDS = [0, 3, 7, 20]
#: All suspects, whatever their probability: the pictures show nothing of what is contradicted
WITH_FILES = {"source": "files", "field": "probabilities", "min_probability": 0.0}


def operator(name: str) -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(f"@label-quality/segmentation/{name}")


def result_of(execution: Any) -> Any:
    execution.raise_exceptions()
    return execution.result


@pytest.fixture
def grouped(make_dataset: Any, fiftyone: Any, tmp_path: Path) -> Any:
    """Three groups of an image on the left, one on the right and a point cloud, whose predictions see a swap."""
    plain = make_dataset(count=6)
    paths, masks = plain.values(["filepath", "ground_truth.mask_path"])
    dataset = make_dataset(count=0, targets=None)
    dataset.add_group_field("group", default="left")
    samples = []
    for number in range(3):
        group = fiftyone.Group()
        for side, index in (("left", number), ("right", 3 + number)):
            labels = cv2.imread(masks[index], cv2.IMREAD_UNCHANGED)
            seen = labels.copy()
            seen[:12, :12] = 20 if labels[0, 0] != 20 else 7
            file = str(tmp_path / f"{number}-{side}.npy")
            np.save(file, np.stack([np.where(seen == value, 0.85, 0.05) for value in IDS]).astype(np.float32))
            label = fiftyone.Segmentation(mask_path=masks[index])
            place = {"filepath": paths[index], "group": group.element(side)}
            samples.append(fiftyone.Sample(**place, ground_truth=label, probabilities=file))
        cloud = tmp_path / f"{number}.pcd"
        cloud.touch()
        samples.append(fiftyone.Sample(filepath=str(cloud), group=group.element("cloud")))
    dataset.add_samples(samples, progress=False)
    dataset.mask_targets = {"ground_truth": {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}}
    dataset.save()
    return dataset


def with_values(dataset: Any, field: str) -> list[str]:
    """The slices whose samples have values in a field."""
    dataset.reload()
    slices = [dataset.select_group_slices(name) for name in dataset.group_slices]
    return [name for name, view in zip(dataset.group_slices, slices, strict=True) if len(view.exists(field))]


def test_a_run_on_one_slice(grouped: Any) -> None:
    from label_quality.operators.panel import image as panel_image
    from label_quality.plugin.audit import delete_run, find_suspects, list_runs, score_label_quality
    from label_quality.plugin.dataset.views import suspect_regions, worst_first

    before = sorted(grouped.get_field_schema())
    view = grouped.select_group_slices("right")
    right = view.values("id")
    summary = result_of(operator("audit_labels")(view, "ground_truth", progress=False, **WITH_FILES))
    assert summary["scored"] == 3
    fields = [name for name in grouped.get_field_schema() if name.startswith("lq_")]
    assert {"lq_quality", "lq_heatmap", "lq_suspects", "lq_error_type"} <= set(fields)
    assert all(with_values(grouped, name) == ["right"] for name in fields)
    (record,) = list_runs(grouped)
    assert record.slices == ["right"]
    # Whatever slice the App shows
    for shown in ("left", "cloud", "right"):
        grouped.group_slice = shown
        assert set(worst_first(grouped, "lq").values("id")) == set(right)
        assert set(grouped.load_saved_view("lq: worst first").values("id")) == set(right)
        regions = suspect_regions(grouped, "lq")
        assert set(regions.values("sample_id")) == set(right)
        seen = panel_image._scored(grouped, right[0])
        assert seen is not None and seen.header.key == "lq"
        assert seen.of("quality") is not None and seen.regions()
        assert result_of(operator("list_runs")(grouped))["runs"][0]["worst"] != "–"
    grouped.group_slice = "left"
    assert len(find_suspects(grouped, overwrite=True).failures) == 0
    assert with_values(grouped, "lq_suspects") == ["right"]
    assert score_label_quality(view, "ground_truth", overwrite=True).scored == 3
    assert with_values(grouped, "lq_quality") == ["right"]
    assert delete_run(grouped, "lq") == []
    assert sorted(grouped.get_field_schema()) == before and not grouped.list_saved_views()


def test_review_correction_and_tags_on_one_slice(grouped: Any, tmp_path: Path) -> None:
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.dataset.views import suspect_regions
    from label_quality.plugin.review.choose_images import Choice, choose

    audit_labels(grouped.select_group_slices("right"), "ground_truth", **WITH_FILES)
    regions = suspect_regions(grouped, "lq")
    first, *others = regions.values("id")
    review = operator("review_suspects")
    result_of(review(regions, [first], "reject"))
    assert first not in suspect_regions(grouped, "lq").values("id")
    assert with_values(grouped, "lq_rejected") == ["right"]
    result_of(review(regions, [first], "undo"))
    result_of(review(regions, others, "confirm"))
    again = suspect_regions(grouped, "lq")
    assert set(again.values("id")) == {first, *others}
    assert dict(zip(*again.values(["id", "lq_suspects.verdict"]), strict=True))[first] is None
    write = operator("write_corrected_masks")
    for complete, count in ((False, len(set(again.select(others).values("sample_id")))), (True, 6)):
        result_of(write(grouped, complete=complete, output_dir=str(tmp_path / "corrected"), progress=False))
        written = {side: grouped.select_group_slices(side).exists("lq_corrected") for side in ("left", "right")}
        assert sum(map(len, written.values())) == count
        assert with_values(grouped, "lq_corrected") == (["left", "right"] if complete else ["right"])
    tag = operator("tag_for_relabelling")
    assert result_of(tag(grouped, choose="worst", worst=2))["images"] == 2
    assert len(grouped.select_group_slices("right").match_tags("relabel")) == 2
    assert len(choose(grouped, Choice("tagged")).samples) == 2
    assert result_of(operator("untag_relabelling")(grouped))["images"] == 2
    assert not len(grouped.select_group_slices("right").match_tags("relabel"))


def test_a_run_on_all_slices_of_images(grouped: Any) -> None:
    from label_quality.plugin.audit import audit_labels, list_runs
    from label_quality.plugin.base.errors import LabelQualityError

    view = grouped.select_group_slices(["left", "right"])
    assert audit_labels(view, "ground_truth", **WITH_FILES).scored == 6
    assert with_values(grouped, "lq_quality") == ["left", "right"]
    assert list_runs(grouped)[0].slices == ["left", "right"]
    assert len(grouped.load_saved_view("lq: worst first")) == 6
    with pytest.raises(
        LabelQualityError, match=r"Select its slices of images with `dataset.select_group_slices\(\['left"
    ):
        audit_labels(grouped, "ground_truth", **WITH_FILES)
