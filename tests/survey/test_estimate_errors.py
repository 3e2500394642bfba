"""How many errors there are: drawn, judged and estimated on a real run, and taken away with it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..predicted import add_predictions
from ..snapshots import Snapshot
from ..turns import while_another_writes

NAMES = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}


@pytest.fixture(scope="module")
def twelve(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels

    dataset = make_module_dataset(count=12)
    add_predictions(dataset, module_folder / dataset.name)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(twelve: Snapshot) -> Any:
    """Twelve images whose predictions contradict each third mask, audited; true masks are the others' as given."""
    return twelve.put_back()


def true_masks(dataset: Any) -> dict[str, np.ndarray]:
    """Sample id to what is seen in it: the given mask, in each third image moved as the predictions are."""
    found = {}
    for number, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask()
        found[sample.id] = np.roll(mask, 6 * (number % 3 == 0), axis=1)
    return found


def units(dataset: Any, kind: str = "place") -> list[dict[str, Any]]:
    from label_quality.plugin.dataset.sample_fields import read_units

    return [one for one in read_units(dataset, "lq") if one["unit"] == kind]


def judge(dataset: Any, kind: str = "place", most: int | None = None) -> None:
    """Gives what was drawn the verdict that is true."""
    from label_quality import load_record, set_verdict

    true, drawn = true_masks(dataset), getattr(load_record(dataset, "lq").sample, f"{kind}s")
    found = defaultdict[tuple[str, str | None], list[str]](list)
    for unit in units(dataset, kind)[:most]:
        number = int(unit["number"]) % 1_000_000
        seen = true[unit["sample"]]
        if kind == "place":
            right = NAMES[int(seen[drawn.rows[number], drawn.columns[number]])]
            wrong = right != unit["given"]
        elif kind == "image":
            right, wrong = None, bool((seen != dataset[unit["sample"]].ground_truth.get_mask()).any())
        else:
            left, top, width, height = unit["bounding_box"]
            middle = seen[int((top + height / 2) * 24), int((left + width / 2) * 32)]
            right, wrong = None, NAMES[int(middle)] != unit["given"]
        corrected = right if wrong and kind == "place" and right != unit.get("suggested") else None
        verdict = "confirmed" if wrong else "rejected"
        found[verdict, corrected].append(str(unit["_id"]))
    for (verdict, corrected), ids in found.items():
        set_verdict(dataset, "lq", ids, verdict, corrected_to=corrected, reviewer="ann")


def true_share(dataset: Any) -> float:
    true = true_masks(dataset)
    wrong = [(true[one.id] != one.ground_truth.get_mask()).mean() for one in dataset]
    return float(np.mean(wrong))


def test_what_is_drawn_and_judged_estimates_the_errors_and_is_deleted_with_the_run(audited: Any) -> None:
    from fiftyone.core.state import serialize_fields
    from label_quality import delete_run, estimate_errors, list_runs, load_record

    before = audited.get_field_schema().keys() - {name for name in audited.get_field_schema() if name.startswith("lq")}
    first = estimate_errors(audited, key="lq", verdicts=150, suspects=4, images=8)
    assert (first.places.shown, first.places.judged, first.wrong_pixels) == (150, 0, None)
    assert first.notes[0].startswith("Too few of the places are judged for an estimate: judge the first ")
    assert first.pixels == 12 * 24 * 32
    view = audited.load_saved_view("lq: places to judge")
    assert len(view) == 150 + first.suspects.shown + first.images.shown
    # What a session sends to the App of the dataset object at hand
    sent = {one.path: asdict(one) for one in serialize_fields(audited.get_field_schema(flat=True))}
    assert sent["lq_sample"]["info"]["label_quality"]["key"] == "lq"
    for kind in ("place", "image", "suspect"):
        judge(audited, kind)
    found = estimate_errors(audited, key="lq")
    # As many as before, where nothing is said
    shown = (found.places.shown, found.suspects.shown, found.images.shown)
    assert shown == (150, first.suspects.shown, first.images.shown)
    found = estimate_errors(audited, key="lq", verdicts=200)
    assert (found.places.shown, found.places.judged, found.places.counted) == (200, 150, 150)
    truth = true_share(audited)
    assert found.wrong_pixels.low <= truth <= found.wrong_pixels.high < 0.3
    assert found.wrong_pixels.low > 0.02
    assert found.label_miou.low < found.label_miou.value < found.label_miou.high < 1
    assert {one.name for one in found.classes} == set(NAMES.values())
    assert found.wrong_images.low <= 4 <= found.wrong_images.high and found.all_images == 12
    assert found.unfound_pixels.high <= found.pixels
    assert 0 <= found.real_suspects.low <= found.real_suspects.high <= found.open_suspects
    # The verdict on a drawn suspect is the suspect's
    verdicts = [one for image in audited.values("lq_suspects.detections.verdict") for one in image or []]
    assert "confirmed" in verdicts
    record = load_record(audited, "lq")
    assert "lq_sample" in record.fields and "lq: places to judge" in record.views
    left = len(audited.load_saved_view("lq: places to judge"))
    assert left == 50 + found.suspects.shown - found.suspects.judged + found.images.shown - found.images.judged
    delete_run(audited, "lq")
    audited.reload()
    assert audited.get_field_schema().keys() == before
    assert audited.list_saved_views() == [] and list_runs(audited) == []


def true_suspects(dataset: Any) -> dict[tuple[str, str], list[bool]]:
    """Given and suggested class to whether each suspect that nobody has reviewed is real, as `judge` says it."""
    true, found = true_masks(dataset), defaultdict[tuple[str, str], list[bool]](list)
    dataset.reload()
    for sample in dataset:
        for one in sample.lq_suspects.detections:
            left, top, width, height = one.bounding_box
            middle = true[sample.id][int((top + height / 2) * 24), int((left + width / 2) * 32)]
            if not one.has_attribute("verdict") or one.verdict is None:
                found[one.given, one.suggested].append(NAMES[int(middle)] != one.given)
    return found


def test_suspects_are_drawn_of_all_issues_and_estimated_issue_by_issue(audited: Any) -> None:
    from label_quality import estimate_errors, load_record

    drawn = {"key": "lq", "verdicts": 10, "images": 0}
    before = true_suspects(audited)
    total = sum(len(one) for one in before.values())
    estimate_errors(audited, **drawn, suspects=total // 2)
    strata = load_record(audited, "lq").sample.suspects.strata
    counted = Counter[tuple[str, str]]()
    for one in (issue for stratum in strata for issue in stratum.issues):
        counted[one.given, one.suggested] += one.size
    assert counted == {name: len(one) for name, one in before.items()}
    # As many of each issue as it is due, but for one or two: the levels are two circles
    shown = Counter((unit["given"], unit["suggested"]) for unit in units(audited, "suspect"))
    for name, size in counted.items():
        assert abs(shown[name] - size / 2) <= 2.5, (name, shown[name], size)
    assert estimate_errors(audited, **drawn, suspects=total // 2).issues == ()
    judge(audited, "suspect")
    found = estimate_errors(audited, **drawn, suspects=total // 2)
    left = true_suspects(audited)
    assert {(one.given, one.suggested): one.judged for one in found.issues if one.judged} == shown
    for one in found.issues:
        real = left[one.given, one.suggested]
        assert one.suspects == len(real)
        assert 0 <= one.real.low <= sum(real) <= one.real.high <= one.suspects
    assert [one.real.value for one in found.issues] == sorted((one.real.value for one in found.issues), reverse=True)
    assert sum(one.suspects for one in found.issues) == found.open_suspects
    # All of them judged: nothing is open, and nothing is left that may be real
    estimate_errors(audited, **drawn, suspects=total)
    judge(audited, "suspect")
    every = estimate_errors(audited, **drawn, suspects=total)
    assert {(one.suspects, one.real.low, one.real.high) for one in every.issues} == {(0, 0, 0)}
    assert {(one.given, one.suggested): one.judged for one in every.issues} == counted


def test_a_sample_of_an_earlier_version_has_no_estimates_of_issues(audited: Any) -> None:
    from dataclasses import replace

    from label_quality import estimate_errors, load_record
    from label_quality.plugin.records.run_record import save_record

    drawn = {"key": "lq", "verdicts": 10, "images": 0, "suspects": 10}
    estimate_errors(audited, **drawn)
    record = load_record(audited, "lq")
    record.sample.suspects.strata = [replace(one, issues=[]) for one in record.sample.suspects.strata]
    save_record(audited, record)
    judge(audited, "suspect")
    found = estimate_errors(audited, **drawn)
    assert found.issues == () and found.real_suspects is not None


def test_a_second_call_neither_draws_again_nor_loses_a_verdict(audited: Any) -> None:
    from label_quality import estimate_errors

    estimate_errors(audited, key="lq", verdicts=60, suspects=0, images=0)
    drawn = [str(one["_id"]) for one in units(audited)]
    judge(audited, most=50)
    first = estimate_errors(audited, key="lq", verdicts=60, suspects=0, images=0)
    assert estimate_errors(audited, key="lq", verdicts=10, suspects=0, images=0) == first
    assert first.places == type(first.places)(60, 50, 50)
    assert first.suspects.shown == first.images.shown == 0
    assert first.real_suspects is None and first.wrong_images is None
    more = estimate_errors(audited, key="lq", verdicts=90, suspects=0, images=0)
    assert [str(one["_id"]) for one in units(audited)][:60] == drawn
    assert more.places == type(first.places)(90, 50, 50) and more.wrong_pixels == first.wrong_pixels
    with pytest.raises(Exception, match="Expected parameter `seed` to be 51, with which the sample of run 'lq' was"):
        estimate_errors(audited, key="lq", seed=52)
    most = estimate_errors(audited, key="lq", verdicts=2500, suspects=0, images=0)
    assert most.places == type(first.places)(2000, 50, 50)
    assert most.notes[-1].startswith("2,000 places were drawn beforehand, so that no more can be judged. Draw anew for")
    anew = estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0, seed=52, overwrite=True)
    assert anew.places == type(first.places)(40, 0, 0)


def test_verdicts_count_up_to_the_first_place_of_a_stratum_without_one(audited: Any) -> None:
    from label_quality import estimate_errors, set_verdict

    estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    judge(audited)
    every = estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    assert every.places.counted == 40 and every.notes == ()
    first = str(units(audited)[0]["_id"])
    set_verdict(audited, "lq", [first], None)
    found = estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    assert found.places.judged == 39 and found.places.counted < 39 and found.wrong_pixels is None
    assert found.notes[0].startswith("Too few of the places are judged for an estimate: judge the first 1 at least")
    assert f"{39 - found.places.counted} verdicts on places do not count yet" in found.notes[1]
    # As it was before
    assert units(audited)[0].get("verdict") is None and units(audited)[0].get("reviewed_by") is None


def test_how_many_an_estimate_takes_is_told_where_fewer_are_drawn(audited: Any) -> None:
    from label_quality import estimate_errors

    drawn = {"key": "lq", "verdicts": 40, "suspects": 0}
    estimate_errors(audited, **drawn, images=1)
    judge(audited, "image")
    found = estimate_errors(audited, **drawn, images=1)
    text = r"Too few images are drawn for an estimate: ask for (\d+) at least, in place of 1\."
    least = next(int(told[1]) for told in (re.fullmatch(text, one) for one in found.notes) if told)
    assert found.wrong_images is None and 1 < least < 12
    estimate_errors(audited, **drawn, images=least)
    judge(audited, "image")
    assert estimate_errors(audited, **drawn, images=least).wrong_images is not None


def test_places_stay_when_suspects_are_searched_anew_and_when_the_run_is_scored_again(audited: Any) -> None:
    from label_quality import estimate_errors, find_suspects, score_label_quality

    estimate_errors(audited, key="lq", verdicts=40, suspects=3, images=4)
    for kind in ("place", "suspect", "image"):
        judge(audited, kind)
    before = estimate_errors(audited, key="lq", verdicts=40, suspects=3, images=4)
    find_suspects(audited, key="lq", min_area=0.01, min_probability=0.1)
    after = estimate_errors(audited, key="lq", verdicts=40, suspects=3, images=4)
    assert (after.places, after.wrong_pixels, after.label_miou) == (
        before.places,
        before.wrong_pixels,
        before.label_miou,
    )
    assert after.suspects.judged == before.suspects.judged
    score_label_quality(audited, "ground_truth", key="lq", overwrite=True, scores=("softmin", "evidence"))
    audited.reload()
    again = estimate_errors(audited, key="lq", verdicts=40, suspects=3, images=4)
    assert (again.places, again.wrong_pixels, again.wrong_images) == (
        before.places,
        before.wrong_pixels,
        before.wrong_images,
    )
    assert "lq: places to judge" in audited.list_saved_views()


def test_samples_that_are_gone_and_masks_that_have_changed_are_told(audited: Any) -> None:
    from label_quality import estimate_errors

    estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    judge(audited)
    sample_id = units(audited)[0]["sample"]
    gone = sum(one["sample"] == sample_id for one in units(audited))
    other = next(one["sample"] for one in units(audited) if one["sample"] != sample_id)
    audited.delete_samples([sample_id])
    found = estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    assert found.places.judged == found.places.counted == 40 - gone
    are = "places are" if gone != 1 else "places is"
    assert found.notes[0].startswith(f"{gone} of the drawn {are} no longer in the dataset.")
    Path(audited[other].ground_truth.mask_path).touch()
    notes = estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0).notes
    assert notes[1].startswith("The images or masks of 1 of the drawn samples have changed since the draw.")


def test_what_was_confirmed_before_the_draw_is_found_and_what_is_confirmed_after_it_too(audited: Any) -> None:
    from label_quality import estimate_errors, load_record, set_verdict

    ids = [one for image in audited.values("lq_suspects.detections.id") for one in image or []]
    set_verdict(audited, "lq", ids[:2], "confirmed")
    set_verdict(audited, "lq", ids[2:3], "rejected")
    estimate_errors(audited, key="lq", verdicts=100, suspects=30, images=12)
    sample = load_record(audited, "lq").sample
    sizes = {one.name: one.size for one in sample.places.strata}
    assert sizes["confirmed"] > 0 and sizes["rejected"] > 0 and sum(sizes.values()) == 12 * 24 * 32
    assert not set(ids[:3]) & set(sample.suspects.regions) and len(sample.suspects.regions) == len(ids) - 3
    # Confirmed suspects make their images wrong, so that those need no verdict
    assert sample.images.strata[0].size == len(set(_holders(audited, ids[:2])))
    for kind in ("place", "image", "suspect"):
        judge(audited, kind)
    found = estimate_errors(audited, key="lq", verdicts=100, suspects=30, images=12)
    # All suspects are reviewed by now
    assert found.open_suspects == 0 and found.real_suspects.high == 0
    assert found.wrong_images.low == found.wrong_images.high == 4
    assert found.unfound_pixels.low < found.wrong_pixels.value * found.pixels


def _holders(dataset: Any, ids: list[str]) -> list[str]:
    found = zip(dataset.values("id"), dataset.values("lq_suspects.detections.id"), strict=True)
    return [sample_id for sample_id, regions in found for one in regions or [] if one in ids]


def test_what_a_kill_has_left_is_completed(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality import estimate_errors
    from label_quality.plugin.survey import estimate_errors as module

    monkeypatch.setattr(module, "_PORTION", 10)
    added, done = module.add_units, []

    def killed(*arguments: Any) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments)
        added(*arguments)

    monkeypatch.setattr(module, "add_units", killed)
    with pytest.raises(KeyboardInterrupt):
        estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    there = [str(one["_id"]) for one in units(audited)]
    assert len(there) == 20
    monkeypatch.setattr(module, "add_units", added)
    estimate_errors(audited, key="lq", verdicts=40, suspects=0, images=0)
    assert [int(one["number"]) for one in units(audited)] == list(range(40))
    assert [str(one["_id"]) for one in units(audited)][:20] == there


def test_places_and_suspects_are_not_judged_together(audited: Any) -> None:
    from label_quality import estimate_errors, set_verdict

    estimate_errors(audited, key="lq", verdicts=20, suspects=2, images=2)
    suspect = next(one for image in audited.values("lq_suspects.detections.id") for one in image or [])
    place = units(audited)[0]
    with pytest.raises(Exception, match="Choose either suspects or places that were drawn to be judged, not both"):
        set_verdict(audited, "lq", [suspect, str(place["_id"])], "confirmed")
    with pytest.raises(Exception, match="is the given class: reject the suspect instead"):
        set_verdict(audited, "lq", [str(place["_id"])], "confirmed", corrected_to=place["given"])


def test_a_ring_marks_the_pixel_and_images_have_an_empty_mask(audited: Any) -> None:
    from label_quality import estimate_errors, load_record
    from label_quality.plugin.regions.pictures import draw_region
    from label_quality.plugin.samples.private_fiftyone import stored_samples

    estimate_errors(audited, key="lq", verdicts=30, suspects=2, images=2)
    record, seen = load_record(audited, "lq"), set()
    for stored in stored_samples(audited).find({"lq_sample": {"$exists": True}}):
        for one in stored["lq_sample"]["detections"]:
            pictures = draw_region(audited, record, str(stored["_id"]), one)
            assert pictures.image.startswith("data:image/svg+xml")
            seen.add((one["unit"], pictures.suggested is not None))
    assert {("place", False), ("image", False), ("suspect", True)} <= seen
    drawn = record.sample.places
    for label in (one for sample in audited for one in (sample.lq_sample or {"detections": []})["detections"]):
        if label.unit != "place":
            continue
        row, column = drawn.rows[label.number], drawn.columns[label.number]
        left, top = label.bounding_box[:2]
        rows, columns = np.nonzero(label.mask)
        far = np.hypot(rows + round(top * 24) - row, columns + round(left * 32) - column)
        assert far.min() >= 2 and (not label.mask.all())
        assert NAMES[int(audited[label_sample(audited, label)].ground_truth.get_mask()[row, column])] == label.given


def label_sample(dataset: Any, label: Any) -> str:
    return next(one["sample"] for one in units(dataset) if str(one["_id"]) == label.id)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"verdicts": 5}, r"Expected parameter `verdicts` to be in \[10, 10000\], but got 5"),
        ({"key": "other"}, "has no label quality run 'other'"),
        ({"nonsense": 1}, "Unknown parameter 'nonsense'; expected some of "),
    ],
)
def test_bad_input_is_explained(audited: Any, given: dict[str, Any], text: str) -> None:
    from label_quality import LabelQualityError, estimate_errors

    with pytest.raises(LabelQualityError, match=text):
        estimate_errors(audited, **given)


def test_the_users_field_and_view_are_not_overwritten(fiftyone: Any, audited: Any) -> None:
    from label_quality import LabelQualityError, estimate_errors, load_record

    audited.save_view("lq: places to judge", audited.limit(1))
    with pytest.raises(LabelQualityError, match="already has a saved view 'lq: places to judge' that no run"):
        estimate_errors(audited, key="lq")
    audited.delete_saved_view("lq: places to judge")
    audited.add_sample_field("lq_sample", fiftyone.StringField)
    with pytest.raises(LabelQualityError, match="already has a field 'lq_sample' that no run of this plugin"):
        estimate_errors(audited, key="lq")
    assert load_record(audited, "lq").sample is None


def test_a_run_without_suspects_is_drawn_from_by_the_heatmap(make_dataset: Any, tmp_path: Path) -> None:
    from label_quality import audit_labels, estimate_errors

    dataset = make_dataset(count=6)
    add_predictions(dataset, tmp_path)
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", suspects=False)
    found = estimate_errors(dataset, key="lq", verdicts=60, images=6)
    assert (found.places.shown, found.suspects.shown, found.images.shown) == (60, 0, 6)
    for kind in ("place", "image"):
        judge(dataset, kind)
    found = estimate_errors(dataset, key="lq", verdicts=60, images=6)
    assert found.wrong_pixels.low <= true_share(dataset) <= found.wrong_pixels.high
    assert found.real_suspects is None and found.open_suspects == 0
    assert found.wrong_images.value == 2


def test_what_a_run_writes_meanwhile_stays(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for another call to end its writing knows then what that has written to the run's record."""
    import contextlib

    from label_quality import estimate_errors, find_suspects, load_record
    from label_quality.plugin.survey import estimate_errors as module

    estimate_errors(audited, key="lq", verdicts=10, suspects=0, images=0)
    writing = module.writing

    @contextlib.contextmanager
    def waits(*arguments: Any) -> Any:
        find_suspects(audited, key="lq", min_probability=0.6)
        with writing(*arguments):
            yield

    monkeypatch.setattr(module, "writing", waits)
    found = estimate_errors(audited, key="lq", verdicts=20, suspects=0, images=0)
    assert found.places.shown == 20
    record = load_record(audited, "lq")
    assert (record.sample.places.shown, record.suspects.config["min_probability"]) == (20, 0.6)
    assert set(record.views) <= set(audited.list_saved_views())
    # It names the files that are there: a call that finds nothing to do
    find_suspects(audited, key="lq", min_probability=0.6)


@pytest.mark.parametrize("call", ["find_suspects", "score_objects", "load_corrections", "audit_labels"])
def test_what_is_drawn_further_while_a_run_goes_on_stays(audited: Any, tmp_path: Path, call: str) -> None:
    import label_quality
    from label_quality import estimate_errors, load_record

    estimate_errors(audited, key="lq", verdicts=10, suspects=0, images=0)
    done: list[int] = []

    def estimate_meanwhile(stage: str, *_: int) -> None:
        if not done:
            done.append(estimate_errors(audited, key="lq", verdicts=30, suspects=0, images=0).places.shown)

    if call == "load_corrections":
        mask = audited.first().ground_truth.get_mask().copy()
        mask[0, 0] = 20
        path = tmp_path / f"{Path(audited.first().filepath).stem}.png"
        cv2.imwrite(str(path), mask)
        label_quality.load_corrections(audited, tmp_path, progress=estimate_meanwhile)
    elif call == "audit_labels":
        parameters = {"source": "files", "field": "probabilities", "scores": ["softmin", "evidence"]}
        label_quality.audit_labels(
            audited, "ground_truth", overwrite=True, lint=False, progress=estimate_meanwhile, **parameters
        )
    else:
        parameters = {"min_probability": 0.6} if call == "find_suspects" else {}
        getattr(label_quality, call)(audited, key="lq", progress=estimate_meanwhile, **parameters)
    assert done == [30]
    assert load_record(audited, "lq").sample.places.shown == 30


def test_all_drawn_regions_are_looked_for_once(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for every portion of images: that would read all suspects of the run each time."""
    from label_quality import estimate_errors
    from label_quality.plugin.survey import draw_sample

    opened: list[Any] = []

    class Counted(draw_sample.Regions):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            opened.append(arguments)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(draw_sample, "Regions", Counted)
    monkeypatch.setattr(draw_sample, "_PORTION", 3)
    estimate_errors(audited, key="lq", verdicts=10, suspects=0, images=0)
    assert len(audited) > 3 and len(opened) == 1


def test_an_estimate_is_kept_when_its_turn_has_come(audited: Any) -> None:
    from label_quality import estimate_errors, load_record

    estimate_errors(audited, key="lq", verdicts=150, suspects=4, images=8)
    for kind in ("place", "image", "suspect"):
        judge(audited, kind)
    assert load_record(audited, "lq").sample.estimate is None
    record = while_another_writes(audited, "lq", lambda: estimate_errors(audited, key="lq"))
    assert record.sample.estimate is not None and record.sample.estimate.verdicts > 100
    # What is no news waits for nobody
    with pytest.raises(AssertionError, match="the call did not wait"):
        while_another_writes(audited, "lq", lambda: estimate_errors(audited, key="lq"))
