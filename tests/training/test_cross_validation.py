from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.types import IGNORED, Prediction, SampleInput
from label_quality.plugin.pixels.resample import to_probabilities
from label_quality.plugin.training.config import CrossValidation
from label_quality.plugin.training.cross_validation import cross_validate, estimate_seconds, resolve_preset
from label_quality.plugin.training.fine_tuning import FineTuning
from label_quality.plugin.training.fold_work import FoldWork, Job, half_precision
from label_quality.plugin.training.folds import held_out_slice
from label_quality.plugin.training.frozen_features import FrozenFeatures

FAST = CrossValidation(folds=2, preset="fast", input_size=64, epochs=2, device="cpu")
PAPER = CrossValidation(
    folds=2,
    preset="paper",
    architecture="FPN",
    encoder="mobilenet_v2",
    weights=None,
    epochs=1,
    batch_size=2,
    device="cpu",
)
COLORS = np.array([[40, 40, 160], [200, 120, 40], [60, 180, 60]], np.uint8)


@pytest.fixture(scope="module", autouse=True)
def small_scale() -> Iterator[None]:
    """Few steps an epoch, and one thread: more only wait for one another on images this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenFeatures, "least_steps", 6)
        patch.setattr(FineTuning, "least_steps", 2)
        yield
    torch.set_num_threads(threads)


def scene(number: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Noisy colour patches whose classes are their colours; sizes differ."""
    rng = np.random.default_rng(number)
    patches = rng.integers(0, classes, (2, 3))
    labels = np.repeat(np.repeat(patches, 20 + number % 2 * 4, 0), 20, 1).astype(np.int16)
    image = COLORS[labels].astype(np.int16) + rng.integers(-20, 21, (*labels.shape, 3))
    return image.clip(0, 255).astype(np.uint8), labels


def scenes(count: int = 8) -> list[SampleInput]:
    pairs = [scene(number) for number in range(count)]
    return [
        SampleInput(f"s{n}", f"{n}.png", lambda pair=pair: pair[1], lambda pair=pair: pair[0])
        for n, pair in enumerate(pairs)
    ]


def unreadable(sample: SampleInput) -> SampleInput:
    def load() -> np.ndarray:
        raise SampleError("The image file is truncated.", sample_id=sample.sample_id, path=sample.image_path)

    return dataclasses.replace(sample, load_image=load)


def alternating(count: int) -> np.ndarray:
    return np.arange(count) % 2


def run(samples: list[SampleInput], config: CrossValidation, folder: Path, **kwargs: object) -> dict[str, Prediction]:
    stream = cross_validate(samples, alternating(len(samples)), 3, config, folder, **kwargs)  # type: ignore[arg-type]
    found = {}
    for sample_id, fold, prediction in stream:
        assert fold == int(sample_id[1:]) % 2
        found[sample_id] = prediction
    return found


def same(first: dict[str, Prediction], second: dict[str, Prediction]) -> bool:
    return first.keys() == second.keys() and all(
        np.array_equal(first[key].values, second[key].values) and first[key].geometry == second[key].geometry
        for key in first
    )


class Killed(Exception):
    pass


class Recorder:
    """Remembers progress, and stops the run at a given report."""

    def __init__(self, stop: tuple[str, int] | None = None) -> None:
        self.stop, self.reports = stop, list[tuple[str, int, int]]()

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.reports.append((stage, done, total))
        if (stage, done) == self.stop:
            raise Killed

    def stages(self) -> list[str]:
        return list(dict.fromkeys(stage for stage, _, _ in self.reports))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prediction]:
    return run(scenes(), FAST, tmp_path_factory.mktemp("undisturbed"))


def test_every_sample_is_predicted_once_at_the_networks_resolution(undisturbed: dict[str, Prediction]) -> None:
    assert sorted(undisturbed) == [f"s{n}" for n in range(8)]
    for prediction in undisturbed.values():
        assert prediction.values.dtype == np.float16 and prediction.kind == "logits"
        assert prediction.values.shape == (3, prediction.geometry.input_size[0] // 4, 16)


def test_a_separable_task_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenFeatures, "least_steps", 30)
    samples = scenes(12)
    found = run(samples, dataclasses.replace(FAST, input_size=96), tmp_path)
    right = [
        (to_probabilities(found[s.sample_id], s.load_labels().shape).argmax(0) == s.load_labels()).mean()
        for s in samples
    ]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("architecture", ["FPN", "deeplabv3plus"])
def test_decoders_of_smp_learn_on_frozen_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str
) -> None:
    monkeypatch.setattr(FrozenFeatures, "least_steps", 20)
    samples = scenes(12)
    found = run(samples, dataclasses.replace(FAST, architecture=architecture, input_size=96), tmp_path)
    right = []
    for sample in samples:
        prediction, labels = found[sample.sample_id], sample.load_labels()
        assert prediction.values.shape == (3, prediction.geometry.input_size[0] // 4, 24)
        assert not prediction.geometry.align_corners
        right.append((to_probabilities(prediction, labels.shape).argmax(0) == labels).mean())
    assert np.mean(right) > 0.75  # the largest class alone has 0.4


@pytest.mark.parametrize("architecture", ["FPN", "DeepLabV3Plus"])
def test_decoders_of_smp_are_repeatable_though_folds_train_at_once(tmp_path: Path, architecture: str) -> None:
    # Both folds' threads share one random generator, so what is drawn from it while they train would differ
    config = dataclasses.replace(FAST, architecture=architecture, epochs=1)
    assert same(run(scenes(4), config, tmp_path / "first"), run(scenes(4), config, tmp_path / "second"))


@pytest.mark.parametrize("architecture", ["Unet", "VNet"])
def test_an_architecture_that_frozen_features_do_not_suffice_for_is_refused(tmp_path: Path, architecture: str) -> None:
    config = dataclasses.replace(FAST, architecture=architecture)
    with pytest.raises(
        LabelQualityError, match="`architecture` to be DeepLabV3Plus or FPN with preset 'fast'"
    ) as caught:
        run(scenes(), config, tmp_path / "work")
    assert f"but got {architecture!r}" in str(caught.value) and "preset='paper'" in str(caught.value)
    assert not (tmp_path / "work").exists()


def test_a_folder_of_another_architecture_is_not_continued(tmp_path: Path) -> None:
    run(scenes(), dataclasses.replace(FAST, only_folds=(0,)), tmp_path)
    with pytest.raises(LabelQualityError, match=r"other parameters \(architecture=None\)"):
        run(scenes(), dataclasses.replace(FAST, architecture="FPN"), tmp_path)


@pytest.mark.parametrize(
    "stop",
    [("Encoding images", 3), ("Training 2 folds", 7), ("Training 2 folds", 20), ("Predicting", 2), ("Predicting", 6)],
)
def test_a_killed_run_goes_on_to_the_same_predictions(
    tmp_path: Path, undisturbed: dict[str, Prediction], stop: tuple[str, int]
) -> None:
    found: dict[str, Prediction] = {}
    with pytest.raises(Killed):
        for sample_id, _, prediction in cross_validate(
            scenes(), alternating(8), 3, FAST, tmp_path, progress=Recorder(stop)
        ):
            found[sample_id] = prediction
    torch.rand(3)  # what else happens in the process does not matter
    found |= run(scenes(), FAST, tmp_path, done=set(found))
    assert same(found, undisturbed)


def test_an_abandoned_run_trains_no_finished_fold_again(tmp_path: Path, undisturbed: dict[str, Prediction]) -> None:
    stream = cross_validate(scenes(), alternating(8), 3, FAST, tmp_path)
    first, _, prediction = next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert (tmp_path / "features").is_dir()
    recorder = Recorder()
    rest = run(scenes(), FAST, tmp_path, done={first}, progress=recorder)
    assert same({first: prediction, **rest}, undisturbed)
    assert recorder.stages() == ["Predicting"]
    assert recorder.reports[-1] == ("Predicting", 8, 8)


def test_a_fold_is_predicted_to_its_end_as_it_was_begun(tmp_path: Path, undisturbed: dict[str, Prediction]) -> None:
    mirrored = run(scenes(), FAST, tmp_path / "mirrored", mirrored=True)
    assert not any(np.array_equal(mirrored[name].values, undisturbed[name].values) for name in undisturbed)
    # Killed after the first prediction of a fold, and started again
    folder = tmp_path / "killed"
    stream = cross_validate(scenes(), alternating(8), 3, FAST, folder, mirrored=True)
    first, _, prediction = next(iter(stream))
    stream.close()  # type: ignore[attr-defined]
    assert prediction is not None
    rest = run(scenes(), FAST, folder, mirrored=True, done={first})
    assert same({first: prediction, **rest}, mirrored)
    # An earlier version has trained the first fold; it knew nothing of mirror images
    checkpoint = folder / "fold-0.pt"
    content = torch.load(checkpoint, weights_only=True)
    meta = json.loads(content["meta"])
    assert meta.pop("mirrored") is True
    torch.save({**content, "meta": json.dumps(meta)}, checkpoint)
    even, odd = ({name for name in mirrored if int(name[1:]) % 2 == fold} for fold in (0, 1))
    found = run(scenes(), FAST, folder, mirrored=True)
    assert same({name: found[name] for name in even}, {name: undisturbed[name] for name in even})
    assert same({name: found[name] for name in odd}, {name: mirrored[name] for name in odd})


def test_what_is_left_when_all_is_predicted(tmp_path: Path, undisturbed: dict[str, Prediction]) -> None:
    run(scenes(), FAST, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "fold-0.pt", "fold-1.pt"]
    meta = json.loads(torch.load(tmp_path / "fold-0.pt", weights_only=True)["meta"])
    assert meta["fold"] == 0 and meta["training_samples"] == 4 and meta["seen"] == [True] * 3
    recorder = Recorder()
    assert run(scenes(), FAST, tmp_path, done=set(undisturbed), progress=recorder) == {}
    assert recorder.reports == []
    # One lost prediction is made again from the checkpoint, without training
    again = run(scenes(), FAST, tmp_path, done=set(undisturbed) - {"s3"}, progress=recorder)
    assert same(again, {"s3": undisturbed["s3"]})
    assert recorder.stages() == ["Encoding images", "Predicting"]


@pytest.mark.parametrize("tile", [None, 64])
def test_other_labels_are_trained_on_features_that_are_there(
    tmp_path: Path, tile: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(FAST, tile=tile, input_size=None if tile else 64, epochs=1)
    others = [dataclasses.replace(one, load_labels=lambda one=one: one.load_labels()[::-1]) for one in scenes()]
    encoded: list[int] = []
    maps = FrozenFeatures._maps
    monkeypatch.setattr(FrozenFeatures, "_maps", lambda self, padded: encoded.append(1) or maps(self, padded))

    def predictions(samples: list[SampleInput], seed: int, name: str, features: Path | None) -> dict[str, np.ndarray]:
        own = dataclasses.replace(config, seed=seed)
        stream = cross_validate(samples, np.arange(8) % 2, 3, own, tmp_path / name, features=features)
        return {sample_id: prediction.values for sample_id, _, prediction in stream}

    alone = [predictions(scenes(), 51, "a", None), predictions(others, 52, "b", None)]
    computed = len(encoded)
    shared = tmp_path / "shared"
    together = [predictions(scenes(), 51, "c", shared), predictions(others, 52, "d", shared)]
    assert len(encoded) == computed + computed // 2
    for one, other in zip(alone, together, strict=True):
        for sample_id, values in one.items():
            np.testing.assert_array_equal(values, other[sample_id])


def test_folds_one_at_a_time_give_what_all_at_once_give(tmp_path: Path, undisturbed: dict[str, Prediction]) -> None:
    second = run(scenes(), dataclasses.replace(FAST, only_folds=(1,)), tmp_path)
    assert sorted(second) == ["s1", "s3", "s5", "s7"] and (tmp_path / "features").is_dir()
    first = run(scenes(), dataclasses.replace(FAST, only_folds=(0,)), tmp_path, done=set(second))
    assert same({**first, **second}, undisturbed) and not (tmp_path / "features").exists()


def test_folds_that_would_be_left_over_are_trained_beside_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    all_three, train = threading.Barrier(3), FoldWork.train

    def together(work: FoldWork, job: Job, report: Callable[[int, int], None]) -> None:
        # Broken where no more than two are trained at once, as there are cores
        all_three.wait(timeout=20)
        train(work, job, report)

    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(FoldWork, "train", together)
    folds = np.arange(9) % 3
    found = cross_validate(scenes(9), folds, 3, dataclasses.replace(FAST, folds=3), tmp_path)
    assert {(sample_id, fold) for sample_id, fold, _ in found} == {(f"s{n}", n % 3) for n in range(9)}


def test_the_fold_that_is_predicted_is_never_trained_on(tmp_path: Path, undisturbed: dict[str, Prediction]) -> None:
    changed = scenes()
    changed[0] = dataclasses.replace(changed[0], load_labels=lambda: np.zeros_like(scene(0)[1]))
    found = run(changed, FAST, tmp_path)
    # Sample 0 is in fold 0, whose network sees fold 1 only
    assert all(np.array_equal(found[f"s{n}"].values, undisturbed[f"s{n}"].values) for n in (0, 2, 4, 6))
    assert not any(np.array_equal(found[f"s{n}"].values, undisturbed[f"s{n}"].values) for n in (1, 3, 5, 7))


def test_a_sample_that_cannot_be_read_is_left_out_everywhere(tmp_path: Path) -> None:
    samples = scenes()
    samples[2] = unreadable(samples[2])
    failures: list[SampleError] = []
    found = run(samples, FAST, tmp_path, on_failure=failures.append)
    assert sorted(found) == ["s0", "s1", "s3", "s4", "s5", "s6", "s7"]
    assert [str(error) for error in failures] == ["sample s2 (2.png): The image file is truncated."]
    meta = json.loads(torch.load(tmp_path / "fold-1.pt", weights_only=True)["meta"])
    assert meta["training_samples"] == 3
    assert not (tmp_path / "features").exists()


def test_without_a_handler_the_first_unreadable_sample_ends_the_run(tmp_path: Path) -> None:
    samples = scenes()
    samples[2] = unreadable(samples[2])
    with pytest.raises(SampleError, match=r"sample s2 \(2\.png\): The image file is truncated"):
        run(samples, FAST, tmp_path)


def test_a_class_that_no_training_sample_has_gets_no_probability(tmp_path: Path) -> None:
    samples = [
        dataclasses.replace(sample, load_labels=lambda n=n: np.minimum(scene(n)[1], 1 + n % 2))
        for n, sample in enumerate(scenes())
    ]
    found = run(samples, FAST, tmp_path)  # class 2 is in fold 1 only, so fold 1's network never saw it
    assert to_probabilities(found["s1"], (48, 60))[2].max() < 1e-30
    assert to_probabilities(found["s0"], (40, 60))[2].max() > 1e-3


def test_one_class_only_is_an_error(tmp_path: Path) -> None:
    samples = [dataclasses.replace(s, load_labels=lambda n=n: scene(n)[1] * 0) for n, s in enumerate(scenes())]
    with pytest.raises(LabelQualityError, match="at least two classes to train on, but they have 1"):
        run(samples, FAST, tmp_path)


def test_a_fold_with_nothing_to_learn_from_is_an_error(tmp_path: Path) -> None:
    samples = scenes()
    for n in (1, 3, 5, 7):
        samples[n] = dataclasses.replace(samples[n], load_labels=lambda n=n: np.full_like(scene(n)[1], IGNORED))
    with pytest.raises(LabelQualityError, match="No sample outside fold 0 can be trained on"):
        run(samples, FAST, tmp_path)


def test_a_folder_of_other_parameters_is_not_continued(tmp_path: Path) -> None:
    run(scenes(), dataclasses.replace(FAST, only_folds=(0,)), tmp_path)
    with pytest.raises(LabelQualityError, match=r"other parameters \(seed=51\)") as caught:
        run(scenes(), dataclasses.replace(FAST, seed=1), tmp_path)
    assert "overwrite=True" in str(caught.value)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    run(scenes(), FAST, tmp_path)
    (tmp_path / "fold-1.pt").write_bytes(b"PK")
    with pytest.raises(LabelQualityError, match=r"fold-1\.pt of a finished fold cannot be read .*Delete it"):
        run(scenes(), FAST, tmp_path)


@pytest.mark.parametrize(
    ("method", "what"),
    [("build", "a fold's network"), ("predict", "1 image to predict"), ("encode", "an image for the")],
)
def test_what_a_gpu_does_not_hold_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, what: str
) -> None:
    """A checkpoint is not called damaged, and the work can go on."""
    if method == "build":
        run(scenes(), FAST, tmp_path)

    def full(*args: object, **options: object) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    with monkeypatch.context() as patch:
        patch.setattr(FrozenFeatures, method, full)
        with pytest.raises(LabelQualityError, match=rf"^The GPU's memory does not hold {what}.* is finished is kept\."):
            run(scenes(), FAST, tmp_path)
    assert len(run(scenes(), FAST, tmp_path)) == 8


def test_mixed_precision_is_that_of_the_gpu_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two GPUs, of which the first has bfloat16 and the second has not."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: {0: (8, 0), 1: (7, 5)}[device.index])
    monkeypatch.setattr(torch.version, "hip", None)
    found = [half_precision(torch.device("cuda", index)) for index in range(2)]
    assert found == [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("tile", [None, 64])
def test_full_training_predicts_every_sample_and_is_repeatable(tmp_path: Path, tile: int | None) -> None:
    config = dataclasses.replace(PAPER, tile=tile)
    first = run(scenes(4), config, tmp_path / "first")
    assert sorted(first) == ["s0", "s1", "s2", "s3"]
    for n in range(4):
        size = scene(n)[1].shape
        prediction = first[f"s{n}"]
        if tile is None:
            assert prediction.values.shape == (3, 16, 16) and prediction.values.dtype == np.float16
            assert prediction.geometry.valid == size and prediction.geometry.align_corners
        else:
            assert prediction.values.shape == (3, *size) and prediction.values.dtype == np.uint8
    if tile is None:
        assert same(first, run(scenes(4), config, tmp_path / "second"))


def test_a_slice_to_stop_by_has_whole_groups_of_training_samples_only() -> None:
    fold_of = np.repeat(np.arange(20) % 5, 5)
    for fold in range(5):
        training = np.flatnonzero(fold_of != fold)
        chosen = held_out_slice(fold_of, None, training, seed=fold)
        assert 8 <= len(chosen) <= 24 and set(chosen) <= set(training.tolist())
        assert set(np.bincount(chosen // 5)) <= {0, 5}  # blocks of 5 frames stay whole
    groups = ["a", "b"] * 50
    assert len(held_out_slice(np.zeros(100), groups, np.arange(100), 0)) == 0  # either group is half of everything
    assert len(held_out_slice(np.arange(19) % 2, None, np.arange(19), 0)) == 0


@pytest.mark.parametrize(("epochs", "held_out"), [(8, 0), (9, 3)])
def test_only_a_long_training_has_samples_held_out_to_stop_it_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int, held_out: int
) -> None:
    monkeypatch.setattr(FrozenFeatures, "least_steps", 1)
    run(scenes(44), dataclasses.replace(FAST, epochs=epochs, input_size=32, only_folds=(0,)), tmp_path)
    meta = json.loads(torch.load(tmp_path / "fold-0.pt", weights_only=True)["meta"])
    assert (meta["training_samples"], meta["validation_samples"]) == (22 - held_out, held_out)
    assert (meta["validation_loss"] is None) == (held_out == 0)


def test_presets_fill_in_what_is_not_given() -> None:
    fast = resolve_preset(CrossValidation(device="cpu"))
    assert fast.architecture is None
    assert resolve_preset(dataclasses.replace(fast, architecture="fpn")).architecture == "FPN"
    assert (fast.preset, fast.encoder, fast.input_size) == ("fast", "tu-tf_efficientnet_lite0", 384)
    assert fast.epochs and fast.batch_size and fast.learning_rate
    paper = resolve_preset(CrossValidation(preset="paper", device="cpu", epochs=3, batch_size=1))
    assert (paper.architecture, paper.encoder, paper.input_size) == ("DeepLabV3Plus", "se_resnext50_32x4d", None)
    assert (paper.epochs, paper.batch_size) == (3, 2)
    assert resolve_preset(CrossValidation(device="cpu", tile=256)).input_size is None
    assert resolve_preset(fast) == fast


@pytest.mark.parametrize(
    ("epochs", "pass_steps", "steps"),
    [(1, 50, 40), (5, 50, 40), (6, 50, 100), (6, 34, 100), (6, 20, 60), (6, 5, 40), (12, 50, 50), (40, 50, 40)],
)
def test_a_few_hundred_images_are_trained_on_for_600_steps_unless_fewer_epochs_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, epochs: int, pass_steps: int, steps: int
) -> None:
    monkeypatch.setattr(FrozenFeatures, "least_steps", 40)
    assert FrozenFeatures.steps_at_least(epochs, pass_steps) == steps
    assert FineTuning.steps_at_least(epochs, pass_steps) == FineTuning.least_steps


def test_an_epoch_passes_over_a_few_images_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenFeatures, "least_steps", 1)
    recorder = Recorder()
    run(scenes(), dataclasses.replace(FAST, epochs=None, batch_size=2), tmp_path, progress=recorder)
    # Two folds, each of four images and six epochs
    assert {total for stage, _, total in recorder.reports if stage == "Training 2 folds"} == {2 * 6 * 3 * 2}


def test_estimates_grow_with_the_work() -> None:
    small, large = (estimate_seconds(CrossValidation(preset="fast"), images, "cpu") for images in (2000, 8000))
    assert 3 < large / small < 5
    paper = estimate_seconds(CrossValidation(preset="paper"), 2000, "cpu")
    assert paper > 20 * small
    assert estimate_seconds(CrossValidation(preset="fast", only_folds=(0,)), 2000, "cpu") < small


def test_a_random_encoder_is_the_one_of_the_seed(tmp_path: Path) -> None:
    config = dataclasses.replace(FAST, weights=None, epochs=1)
    found = []
    for own, name in ((1, "first"), (2, "second")):
        torch.manual_seed(own)
        state = torch.random.get_rng_state()
        found.append(run(scenes(), config, tmp_path / name))
        assert torch.equal(torch.random.get_rng_state(), state), "the process's own generator was used"
    assert same(*found)
    torch.manual_seed(3)
    with pytest.raises(Killed):
        run(scenes(), config, tmp_path / "killed", progress=Recorder(("Encoding images", 5)))
    torch.manual_seed(4)
    assert same(run(scenes(), config, tmp_path / "killed"), found[0])
    assert not same(run(scenes(), dataclasses.replace(config, seed=52), tmp_path / "other"), found[0])
