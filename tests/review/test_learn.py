"""Verdicts that teach, on a real run: what was decided on some suspects changes the probabilities of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.conftest import image_of, write_png

from ..snapshots import Snapshot

pytest.importorskip("fiftyone")

KEY = "lq"
IDS = [0, 3, 7, 20]
SIZE = (48, 64)
#: Left, top, width and height of what is in each image: a car on the right, a tree on the left
CAR, TREE = (44, 20, 16, 16), (4, 20, 16, 16)
COUNT = 24


def drawn(*patches: tuple[tuple[int, int, int, int], int]) -> np.ndarray:
    mask = np.full(SIZE, 3, np.uint8)
    for (left, top, width, height), value in patches:
        mask[top : top + height, left : left + width] = value
    return mask


@pytest.fixture(scope="module")
def audited(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels

    dataset = make_module_dataset(count=COUNT, sizes=(SIZE,))
    seen, given = drawn((CAR, 7), (TREE, 20)), drawn((TREE, 0))
    rng = np.random.default_rng(51)
    paths = []
    for number, sample in enumerate(dataset):
        cv2.imwrite(sample.ground_truth.mask_path, given)
        write_png(Path(sample.filepath), image_of(seen, rng))
        sure = rng.uniform(0.6, 0.9)
        shares = np.full((4, *SIZE), (1 - sure) / 3, np.float32)
        for index, value in enumerate(IDS):
            shares[index][seen == value] = sure
        paths.append(str(module_folder / f"{number}.npy"))
        np.save(paths[-1], shares)
    dataset.set_values("probabilities", paths)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    return Snapshot(dataset, module_folder)


@pytest.fixture
def run(audited: Snapshot) -> Any:
    """24 images with two suspects each: a car that is given as road, and a tree that is given as unlabelled."""
    return audited.put_back()


def suspects(dataset: Any, suggested: str) -> list[Any]:
    """Those of one class, in order of their images."""
    dataset.reload()
    return [one for sample in dataset for one in sample["lq_suspects"].detections if one.suggested == suggested]


def probability(dataset: Any, suggested: str) -> np.ndarray:
    return np.array([one.probability for one in suspects(dataset, suggested)])


def decide(dataset: Any, regions: list[Any], verdict: str | None) -> None:
    from label_quality.plugin.review.decide import set_verdict

    set_verdict(dataset, KEY, [one.id for one in regions], verdict)


def learn(dataset: Any, **parameters: Any) -> Any:
    from label_quality.plugin.review.learn import learn_from_verdicts

    return learn_from_verdicts(dataset, KEY, **parameters)


def test_confirmed_and_rejected_suspects_change_what_is_like_them(run: Any) -> None:
    cars, trees = suspects(run, "car"), suspects(run, "tree")
    assert len(cars) == len(trees) == COUNT
    before = probability(run, "car"), probability(run, "tree")
    decide(run, trees[:6], "confirmed")
    found = learn(run)
    assert (found.confirmed, found.rejected, found.rated) == (6, 0, 42)
    assert (probability(run, "tree")[6:] > before[1][6:]).all()
    decide(run, cars[:6], "rejected")
    found = learn(run)
    assert (found.confirmed, found.rejected, found.rated) == (6, 6, 36)
    after = probability(run, "car"), probability(run, "tree")
    assert len(after[0]) == COUNT - 6 and (after[0] < before[0][6:]).all()
    # A verdict was given on the probability that there was then
    assert (after[1][:6] == before[1][:6]).all()
    for sample in run:
        values = [one.probability for one in sample["lq_suspects"].detections]
        assert values == sorted(values, reverse=True)
    # Where the car was first, the tree is now what the image is led by
    assert run.values("lq_error_type")[6:] == ["drop"] * (COUNT - 6)


def test_what_is_taken_back_is_unlearnt_to_the_bit(run: Any) -> None:
    before = probability(run, "car"), probability(run, "tree")
    cars, trees = suspects(run, "car"), suspects(run, "tree")
    decide(run, trees[:3], "confirmed")
    learn(run)
    once = probability(run, "tree")
    decide(run, cars[:3], "rejected")
    learn(run)
    assert (probability(run, "tree") != once).any()
    decide(run, cars[:3], None)
    learn(run)
    assert (probability(run, "tree") == once).all()
    decide(run, trees[:3], None)
    found = learn(run)
    assert (found.confirmed, found.rejected, found.rated) == (0, 0, 2 * COUNT)
    assert (probability(run, "car") == before[0]).all() and (probability(run, "tree") == before[1]).all()


def test_a_verdict_given_while_others_are_learnt_from_is_kept(run: Any) -> None:
    from label_quality.plugin.review.decide import update_probabilities

    car = suspects(run, "car")[0]
    decide(run, [car], "confirmed")
    before = suspects(run, "car")[0]
    # What a slower colleague has computed before the verdict
    update_probabilities(run, KEY, {run.first().id: {car.mask_path: 0.01}})
    after = suspects(run, "car")[0]
    assert (after.verdict, after.probability) == ("confirmed", before.probability)


def test_patches_on_show_and_of_saved_views_have_the_new_probabilities(run: Any) -> None:
    name = "lq: suspect regions"
    saved, shown = run.load_saved_view(name), run.to_patches("lq_suspects")
    before = dict(zip(shown.values("id"), shown.values("lq_suspects.probability"), strict=True))
    cars = suspects(run, "car")
    decide(run, cars[:5], "confirmed")
    learn(run, view=shown)
    now = {one.id: one.probability for one in [*suspects(run, "car"), *suspects(run, "tree")]}
    assert now != before
    for view in (shown, run.load_saved_view(name)):
        assert dict(zip(view.values("id"), view.values("lq_suspects.probability"), strict=True)) == now
    assert len(saved) == 2 * COUNT


def test_a_region_drawn_by_hand_or_found_by_an_earlier_search_teaches_nothing(run: Any) -> None:
    import fiftyone as fo

    car = suspects(run, "car")[0]
    decide(run, [car], "confirmed")
    sample = run.first()
    (moved,) = (one for one in sample["lq_suspects"].detections if one.id == car.id)
    moved.mask, moved.mask_path = np.ones((4, 4), np.uint8), None
    sample["lq_suspects"].detections.append(
        fo.Detection(label="car", bounding_box=[0, 0, 0.1, 0.1], verdict="confirmed")
    )
    sample.save()
    found = learn(run)
    assert (found.confirmed, found.rejected) == (0, 0)
    assert found.rated == 2 * COUNT


def test_suspects_without_a_probability_say_what_to_do(run: Any) -> None:
    from label_quality.plugin.audit import find_suspects
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.review.learn import can_learn

    assert can_learn(run, KEY)
    find_suspects(run, key=KEY, probability=False)
    assert not can_learn(run, KEY)
    with pytest.raises(
        LabelQualityError, match=r"Expected suspects of run 'lq' that have a probability.*probability=True"
    ):
        learn(run)
    with pytest.raises(LabelQualityError, match=r"has no label quality run 'other'\. Its runs are: lq"):
        from label_quality.plugin.review.learn import learn_from_verdicts

        learn_from_verdicts(run, "other")


def test_files_that_are_gone_are_named(run: Any) -> None:
    import shutil

    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.records.run_record import load_record

    record = load_record(run, KEY)
    shutil.rmtree(Path(record.folder) / record.suspects.set)
    with pytest.raises(
        LabelQualityError, match=r"The files of the suspects of run 'lq' are no longer in .*Find suspects ag"
    ):
        learn(run)
