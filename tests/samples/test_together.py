"""Frames of videos and images of groups: how they come in, and that folds keep them together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..operators.calls import Calls

CV = {"preset": "fast", "folds": 2, "epochs": 1, "weights": None, "input_size": 64, "device": "cpu"}


@pytest.fixture
def inputs(fiftyone: Any) -> Any:
    from label_quality.plugin.samples import inputs

    return inputs


@pytest.fixture
def make_videos(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> Any:
    """A dataset of videos of so many frames, whose frames have images of 24 x 32 pixels and masks of 0 and 1."""

    def make(*lengths: int) -> Any:
        dataset = make_dataset(count=0, targets=None)
        rng = np.random.default_rng(0)
        for number, length in enumerate(lengths):
            video = fiftyone.Sample(filepath=str(tmp_path / f"{number}.mp4"))
            for frame in range(1, length + 1):
                path = str(tmp_path / f"{number}-{frame}.png")
                cv2.imwrite(path, rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
                mask = np.zeros((24, 32), np.uint8)
                mask[4:12, 4 + number : 20] = 1
                video.frames[frame] = fiftyone.Frame(filepath=path, masks=fiftyone.Segmentation(mask=mask))
            dataset.add_sample(video)
        return dataset

    return make


@pytest.fixture
def make_frames(make_videos: Any) -> Any:
    """A copy of the frames of videos as `make_videos` makes them, deleted afterwards."""
    made = []

    def make(*lengths: int) -> Any:
        made.append(make_videos(*lengths).to_frames().clone())
        return made[-1]

    yield make
    for dataset in made:
        dataset.delete()


@pytest.fixture
def grouped(fiftyone: Any, make_dataset: Any) -> Any:
    """Four groups of a left and a right image, of which the last has no right one, and a point cloud."""
    flat, dataset = make_dataset(), make_dataset(count=0, targets=None)
    dataset.add_group_field("scene", default="left")
    for index, sample in enumerate(flat):
        group, mask = fiftyone.Group(), sample.ground_truth.get_mask()
        for name in ("left", "right")[: 1 if index == 3 else 2]:
            label = fiftyone.Segmentation(mask=mask)
            dataset.add_sample(fiftyone.Sample(sample.filepath, scene=group.element(name), ground_truth=label))
        dataset.add_sample(fiftyone.Sample("/cloud.pcd", scene=group.element("cloud")))
    return dataset


def test_videos_clips_and_views_of_frames_say_what_to_use(inputs: Any, fiftyone: Any, make_videos: Any) -> None:
    videos = make_videos(3)
    clips = fiftyone.TemporalDetection(label="drive", support=[1, 2])
    videos.set_values("events", [fiftyone.TemporalDetections(detections=[clips])])
    for collection in (videos, videos.to_clips("events")):
        with pytest.raises(inputs.LabelQualityError, match=r"media type 'video', .*`dataset\.to_frames\(sample_frames"):
            inputs.open_samples(collection, "masks")
    with pytest.raises(inputs.LabelQualityError, match=r"shows frames, to which .*\. Use a copy, `view\.clone"):
        inputs.open_samples(videos.to_frames(), "masks")
    frames = videos.to_frames().clone()
    assert len(inputs.open_samples(frames, "masks")) == 3
    frames.delete()


def test_frames_of_a_video_stay_in_one_fold(inputs: Any, make_frames: Any) -> None:
    from label_quality.plugin.audit import compute_predictions

    frames = make_frames(4, 2, 3)
    summary = compute_predictions(frames, "masks", **CV)
    assert "The samples are frames of a video, of 3 in all: each was kept in one fold." in summary.note
    folds: dict[str, set[int]] = {}
    for video, fold in zip(*frames.values(["sample_id", "lq_fold"]), strict=True):
        folds.setdefault(video, set()).add(fold)
    assert [len(found) for found in folds.values()] == [1, 1, 1]
    assert len(set.union(*folds.values())) == 2


def test_the_form_says_that_frames_stay_together(make_frames: Any) -> None:
    frames, call = make_frames(2, 2), Calls("@label-quality/segmentation/audit_labels")
    properties = call.form(frames, source="cross_validation", advanced=True, folds=2)
    assert properties["notice_frames"].view.label == (
        "These images are frames of videos: the frames of a video stay in one fold."
    )
    assert "notice_frames" not in call.form(frames, advanced=True, folds=2, group_field="frame_number")


def test_frames_of_fewer_videos_than_folds_stay_together_in_blocks(inputs: Any, make_frames: Any) -> None:
    from label_quality.plugin.predictions.from_folds import fold_groups
    from label_quality.plugin.training.config import CrossValidation

    samples = inputs.open_samples(make_frames(6, 2).sort_by("frame_number"), "masks")
    numbers, videos = samples.values("frame_number"), samples.values("sample_id")
    assert numbers[:4] == [1, 1, 2, 2]
    groups = fold_groups(samples, CrossValidation(folds=4, block_size=2))
    assert groups is not None
    first, second = sorted(set(videos))
    found = {tuple(sorted((videos[i], numbers[i]) for i in range(8) if groups[i] == one)) for one in groups}
    assert found == {((first, n), (first, n + 1)) for n in (1, 3, 5)} | {((second, 1), (second, 2))}
    assert fold_groups(samples, CrossValidation(folds=2)) == [str(video) for video in videos]
    named = fold_groups(samples, CrossValidation(folds=2, group_field="frame_number"))
    assert named == numbers


def test_images_of_a_group_stay_together_and_those_of_one_slice_stand_alone(inputs: Any, grouped: Any) -> None:
    from label_quality.plugin.predictions.from_folds import fold_groups
    from label_quality.plugin.training.config import CrossValidation

    names = dict.fromkeys((0, 3, 7, 20), "x")
    with pytest.raises(inputs.LabelQualityError, match=r"`dataset\.select_group_slices\(\['left', 'right'\]\)`: f"):
        inputs.open_samples(grouped, "ground_truth")
    with pytest.raises(inputs.LabelQualityError, match="media type 'point-cloud', which is not supported"):
        inputs.open_samples(grouped.select_group_slices("cloud"), "ground_truth")
    both = inputs.open_samples(grouped.select_group_slices(["left", "right"]), "ground_truth", classes=names)
    groups = fold_groups(both, CrossValidation())
    assert groups is not None and sorted(map(groups.count, set(groups))) == [1, 2, 2, 2]
    assert groups == [str(one) for one in both.values("scene.id")]
    right = inputs.open_samples(grouped.select_group_slices("right"), "ground_truth", classes=names)
    assert len(right) == 3
    assert fold_groups(right, CrossValidation()) is None


def test_groups_without_images_say_so(inputs: Any, fiftyone: Any, make_dataset: Any) -> None:
    dataset = make_dataset(count=0, targets=None)
    dataset.add_group_field("scene", default="cloud")
    dataset.add_sample(fiftyone.Sample("/cloud.pcd", scene=fiftyone.Group().element("cloud")))
    with pytest.raises(inputs.LabelQualityError, match=r"None of its slices holds images\. Use a dataset whose"):
        inputs.open_samples(dataset, "ground_truth")
