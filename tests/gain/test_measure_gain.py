"""What clean masks are worth, on a real database: against a plain reference, after a kill, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.gain.config import CLEAN, GIVEN, UNSUSPECTED

from ..predicted import IDS

KEY = "lq"
#: Two seconds a training: no weights, so that the encoder is drawn by the seed
TRAINING: dict[str, Any] = {
    "preset": "fast",
    "folds": 2,
    "epochs": 1,
    "weights": None,
    "input_size": 64,
    "device": "cpu",
    "seed": 5,
    "repeats": 2,
    "resamples": 100,
}
#: In these images cars and roads are given for one another
WRONG = (0, 1, 4, 5, 6)


@pytest.fixture
def audited(make_dataset: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Eight images with a run: five masks are wrong, as the predictions say, and right in the field ``true``."""
    from label_quality import audit_labels
    from label_quality.plugin.training.frozen_features import FrozenFeatures

    monkeypatch.setattr(FrozenFeatures, "least_steps", 4)
    dataset = make_dataset(count=8, sizes=((48, 64),))
    import fiftyone as fo

    for index, sample in enumerate(dataset):
        true = sample.ground_truth.get_mask()
        file = tmp_path / f"true-{index}.png"
        cv2.imwrite(str(file), true)
        sample["true"] = fo.Segmentation(mask_path=str(file))
        sample["probabilities"] = str(tmp_path / f"{index}.npy")
        np.save(tmp_path / f"{index}.npy", np.stack([np.where(true == value, 0.85, 0.05) for value in IDS]))
        if index in WRONG:
            given = np.where(true == 7, 3, np.where(true == 3, 7, true))
            cv2.imwrite(sample.ground_truth.mask_path, given.astype(np.uint8))
        sample.save()
    audit_labels(dataset, "ground_truth", source="files", field="probabilities", min_probability=0.0, key=KEY)
    dataset.reload()
    return dataset


def measure(dataset: Any, **changes: Any) -> Any:
    from label_quality import measure_gain

    return measure_gain(dataset, KEY, **{**TRAINING, **changes})


def confirm_all(dataset: Any) -> None:
    from label_quality import set_verdict

    set_verdict(dataset, KEY, dataset.values(f"{KEY}_suspects.detections.id", unwind=True), "confirmed")
    dataset.reload()


def given_bytes(dataset: Any) -> list[bytes]:
    return [Path(path).read_bytes() for path in dataset.values("ground_truth.mask_path")]


def plain(found: Any) -> dict[str, Any]:
    return {**dataclasses.asdict(found), "seconds": 0, "created": ""}


@pytest.mark.slow
def test_it_is_what_a_plain_reference_says_and_goes_on_after_a_kill(audited: Any) -> None:
    from label_quality import delete_run, load_record
    from label_quality.plugin.store.run_folder import RunFolder

    before = given_bytes(audited)
    found = measure(audited, clean_field="true", verified_field="true")
    assert found == load_record(audited, KEY).gain and given_bytes(audited) == before
    assert (found.trained, found.judged, found.repeats, found.notes) == (8, 8, 2, [])
    for masks, score in reference(audited).items():
        mine = next(one for one in found.scores if one.masks == masks)
        assert (mine.miou.value, mine.accuracy.value) == pytest.approx(score)
        assert mine.miou.low <= mine.miou.value <= mine.miou.high
    given, unsuspected, clean = found.scores
    assert given.changed == 0 and 0 < unsuspected.changed <= clean.changed + 0.05
    assert given.miou_gain is None and clean.miou_gain is not None
    assert clean.miou_gain.value == pytest.approx(clean.miou.value - given.miou.value)
    assert {one.name for one in clean.classes} == {"unlabelled", "road", "car", "tree"}

    # The same again trains nothing
    stages: list[str] = []
    assert plain(measure(audited, clean_field="true", verified_field="true", progress=watched(stages))) == plain(found)
    assert not any("Training" in stage for stage in stages)

    # Killed in the fourth of six trainings, it goes on with that
    class Killed(BaseException):
        pass

    def kill(stage: str, done: int, total: int) -> None:
        if stage.startswith("Given masks (4 of 6): Predicting"):
            raise Killed

    again = {"clean_field": "true", "verified_field": "true", "overwrite": True}
    with pytest.raises(Killed):
        measure(audited, **again, progress=kill)
    folder = RunFolder(load_record(audited, KEY).folder)
    assert [one.kind for one in folder.sets()].count("gain") == 1
    stages.clear()
    assert plain(measure(audited, **again, progress=watched(stages))) == plain(found)
    trained = {stage.partition(":")[0] for stage in stages if ": " in stage}
    assert trained == {"Given masks (4 of 6)", "Without suspects (5 of 6)", "Clean masks (6 of 6)"}
    assert "gain" not in [one.kind for one in folder.sets()]
    assert delete_run(audited, KEY) == []


def watched(stages: list[str]) -> Any:
    def progress(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    return progress


def reference(dataset: Any) -> dict[str, tuple[float, float]]:
    """mIoU and accuracy by kind of masks: trained one by one, each image predicted, and all pixels pooled."""
    import tempfile

    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.pixels.resample import to_probabilities
    from label_quality.plugin.samples.inputs import open_samples
    from label_quality.plugin.training.config import CrossValidation
    from label_quality.plugin.training.cross_validation import cross_validate
    from label_quality.plugin.training.folds import assign_folds

    config = {name: value for name, value in TRAINING.items() if name not in ("repeats", "resamples")}
    samples = {
        name: open_samples(dataset, name, classes=dataset.mask_targets["ground_truth"])
        for name in ("ground_truth", "true")
    }
    table: ClassTable = samples["true"].class_table
    fold_of = assign_folds(samples["ground_truth"].presence(), 2, TRAINING["seed"])
    true = np.stack([samples["true"].load_labels(index) for index in range(8)])
    found = {}
    for masks, field in ((GIVEN, "ground_truth"), (CLEAN, "true")):
        scores = []
        for seed in (5, 6):
            own = CrossValidation.from_params({**config, "seed": seed})
            with tempfile.TemporaryDirectory() as folder:
                stream = cross_validate(samples[field], fold_of, table.size, own, Path(folder))
                by_id = {one: to_probabilities(prediction, (48, 64)).argmax(axis=0) for one, _, prediction in stream}
            predicted = np.stack([by_id[one] for one in samples["true"].ids])
            ious = [
                ((true == k) & (predicted == k)).sum() / ((true == k) | (predicted == k)).sum()
                for k in range(table.size)
            ]
            scores.append((np.mean(ious), (true == predicted).mean()))
        found[masks] = tuple(np.mean(scores, axis=0))
    return found


@pytest.mark.parametrize(("before", "after"), [("fast", "paper"), ("paper", "fast")])
def test_another_preset_has_its_own_parameters(fiftyone: Any, before: str, after: str) -> None:
    """And what was chosen for the audit, whatever its preset, as in the audit."""
    from label_quality.plugin.gain.measure import training_config
    from label_quality.plugin.records.run_record import RunRecord
    from label_quality.plugin.training.config import CrossValidation
    from label_quality.plugin.training.presets import resolve_preset

    asked = CrossValidation(preset=before, epochs=9, folds=3, mixed_precision=False)
    content = resolve_preset(asked).to_dict()
    record = RunRecord("lq", "ground_truth", source="cross_validation", config={"predictions": content})
    assert training_config(record, {}) == resolve_preset(asked)
    assert training_config(record, {"preset": before}) == resolve_preset(asked)
    assert training_config(record, {"preset": after}) == resolve_preset(dataclasses.replace(asked, preset=after))


def test_verdicts_make_the_clean_masks_and_say_which_images_are_verified(audited: Any) -> None:
    confirm_all(audited)
    reviewed = sum(map(bool, audited.values(f"{KEY}_suspects.detections.id")))
    found = measure(audited, repeats=1)
    assert found.judged == reviewed > 2 and found.trained == 8
    assert [one.masks for one in found.scores] == [GIVEN, UNSUSPECTED, CLEAN]
    assert found.scores[2].changed == pytest.approx(wrong_share(audited), abs=0.03)
    assert len(found.notes) == 2 and "whose suspects were all reviewed" in found.notes[0]
    # A verdict that is taken back makes it another measurement
    from label_quality import set_verdict

    one = audited.values(f"{KEY}_suspects.detections.id", unwind=True)[0]
    set_verdict(audited, KEY, [one], None)
    assert measure(audited, repeats=1).judged == reviewed - 1


def wrong_share(dataset: Any) -> float:
    pairs = [(sample.ground_truth.get_mask(), sample.true.get_mask()) for sample in dataset]
    return float(np.mean([(given != true).mean() for given, true in pairs]))


def test_what_cannot_be_measured_is_refused(audited: Any, dataset: Any) -> None:
    with pytest.raises(
        LabelQualityError, match=r"Expected images whose suspects are all reviewed, to judge by, but run"
    ):
        measure(audited)
    with pytest.raises(LabelQualityError, match=r"and the clean ones, those corrected by the verdicts, are the same"):
        measure(audited, verified_field="true")
    with pytest.raises(LabelQualityError, match="Unknown parameter 'only_folds'; expected some of architecture, "):
        measure(audited, only_folds=[0])
    with pytest.raises(LabelQualityError, match="Unknown parameter 'nonsense'"):
        measure(audited, nonsense=1)
    with pytest.raises(LabelQualityError, match="Expected parameter `repeats` to be at least 1, but got 0"):
        measure(audited, repeats=0)
    with pytest.raises(LabelQualityError, match="has no label quality run 'lq'"):
        measure(dataset)
    from label_quality import find_suspects, load_record

    # What a stopped measurement has left does not disturb other work on the run
    assert find_suspects(audited, key=KEY, min_probability=0.1).key == KEY
    assert load_record(audited, KEY).gain is None


def test_a_bad_clean_mask_names_the_sample_or_leaves_it_out(audited: Any) -> None:
    sample = audited.skip(2).first()
    cv2.imwrite(sample.true.mask_path, np.full((20, 20), 3, np.uint8))
    with pytest.raises(SampleError, match=r"sample .* 20") as caught:
        measure(audited, clean_field="true", verified_field="true", repeats=1)
    assert caught.value.sample_id == sample.id
    found = measure(audited, clean_field="true", verified_field="true", repeats=1, skip_failures=True)
    assert (found.trained, found.judged) == (7, 7) and [one["sample_id"] for one in found.failures] == [sample.id]
