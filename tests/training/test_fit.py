from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.base.types import IGNORED
from label_quality.plugin.training import fit as training
from label_quality.plugin.training.augmentation import augmented, cropped
from label_quality.plugin.training.fit import Batch, Schedule, epoch_batches, fit
from label_quality.plugin.training.sample_cache import Item
from torch import nn

pytestmark = pytest.mark.usefixtures("one_thread")


class Stripes:
    """Pieces of two classes told apart by one noisy input channel; odd-numbered pieces may have wrong labels."""

    def __init__(self, noise: float = 0.5) -> None:
        self.noise = noise
        self.seen: list[list[int]] = []

    def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
        self.seen.append([item.number for item in items])
        labels = np.stack([np.random.default_rng(item.number).integers(0, 2, (4, 4)) for item in items])
        noise = np.stack([np.random.default_rng(item.number + 999).normal(0, self.noise, (4, 4)) for item in items])
        if rng is not None:
            noise += rng.normal(0, 0.1, noise.shape)
        inputs = torch.from_numpy(labels * 2 - 1 + noise).float()[:, None]
        return Batch([inputs], torch.from_numpy(labels.astype(np.int16)))

    def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return model(batch.inputs[0])

    def parameter_groups(self, model: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        return [(list(model.parameters()), 1.0)]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2), nn.Conv2d(4, 2, 1))


def pieces(count: int) -> list[Item]:
    return [Item(f"s{number}", number, (4, 4), True) for number in range(count)]


#: A GPU where there is one
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="No GPU here"))]
SCHEDULE = Schedule(epochs=4, batch_size=4, learning_rate=0.05, least_steps=2)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return list(model.state_dict().values())


def nothing(step: int, total: int) -> None:
    pass


def test_training_learns_and_reports_every_step(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    model = network()
    result = fit(model, Stripes(), pieces(12), pieces(4), SCHEDULE, (1, 2), tmp_path / "s", lambda *x: steps.append(x))
    assert result.validation_loss is not None and result.validation_loss < 0.5
    assert steps == [(step, 12) for step in range(1, 13)] + [(12, 12)]
    assert not model.training


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_training_in_mixed_precision_learns_as_much(tmp_path: Path, device: str, half: torch.dtype) -> None:
    class There(Stripes):
        def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
            seen.append((batch.inputs[0].device.type, model(batch.inputs[0]).dtype))
            return model(batch.inputs[0])

    seen: list[tuple[str, torch.dtype]] = []
    schedule = dataclasses.replace(SCHEDULE, half_precision=half)
    result = fit(network().to(device), There(), pieces(12), pieces(4), schedule, (1, 2), tmp_path / "s", nothing)
    assert result.validation_loss is not None and result.validation_loss < 0.5
    assert set(seen) == {(device, half)}


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = network()
    fit(whole, Stripes(), pieces(12), pieces(4), SCHEDULE, (1,), tmp_path / "whole", nothing)

    class Killed(Exception):
        pass

    def kill(step: int, total: int) -> None:
        if step == 8:  # in the middle of the third epoch
            raise Killed

    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    with pytest.raises(Killed):
        fit(network(), Stripes(), pieces(12), pieces(4), SCHEDULE, (1,), tmp_path / "state", kill)
    resumed, trainee = network(seed=5), Stripes()
    fit(resumed, trainee, pieces(12), pieces(4), SCHEDULE, (1,), tmp_path / "state", nothing)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(weights(resumed), weights(whole), strict=True))
    assert len(trainee.seen) == 2 * (3 + 1)  # two epochs were left, each of 3 steps and 1 held-out batch


@pytest.mark.parametrize(("before", "after"), [(None, torch.float16), (torch.float16, None)])
def test_a_killed_training_goes_on_in_another_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: torch.dtype | None, after: torch.dtype | None
) -> None:
    """As on another GPU, which is no part of what a run depends on."""

    def kill(step: int, total: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    begun, other = (dataclasses.replace(SCHEDULE, half_precision=one) for one in (before, after))
    with pytest.raises(KeyboardInterrupt):
        fit(network(), Stripes(), pieces(12), pieces(4), begun, (1,), tmp_path / "s", kill)
    result = fit(network(), Stripes(), pieces(12), pieces(4), other, (1,), tmp_path / "s", nothing)
    assert result.epochs == SCHEDULE.epochs and result.validation_loss is not None and result.validation_loss < 0.5


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    models = [network(), network()]
    for seed, model in enumerate(models):
        fit(model, Stripes(), pieces(12), [], SCHEDULE, (seed,), tmp_path / str(seed), nothing)
    assert not torch.equal(weights(models[0])[0], weights(models[1])[0])


def test_training_stops_when_held_out_pieces_get_worse_and_keeps_the_best(tmp_path: Path) -> None:
    class Misleading(Stripes):
        def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
            batch = super().batch(items, rng)
            # What is learnt is wrong for the held-out pieces, so their loss rises from the first epoch on
            return batch if rng is not None else Batch(batch.inputs, 1 - batch.labels)

    schedule = Schedule(epochs=50, batch_size=4, learning_rate=0.02, least_steps=4, patience=2)
    result = fit(network(), Misleading(), pieces(12), pieces(4), schedule, (1,), tmp_path / "s", nothing)
    assert result.epochs == result.best_epoch + 2 < 50


def test_without_held_out_pieces_the_last_epoch_is_kept(tmp_path: Path) -> None:
    result = fit(network(), Stripes(), pieces(3), [], SCHEDULE, (1,), tmp_path / "s", nothing)
    assert (result.epochs, result.best_epoch, result.validation_loss) == (4, 4, None)


def test_a_loss_that_is_no_number_says_what_to_do(tmp_path: Path) -> None:
    class Broken(Stripes):
        def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
            return model(batch.inputs[0]) * float("nan")

    with pytest.raises(
        LabelQualityError, match=r"diverged: the loss is nan at step 1\. Train with a lower learning_rate"
    ):
        fit(network(), Broken(), pieces(4), [], SCHEDULE, (1,), tmp_path / "s", nothing)


class Full(torch.autograd.Function):
    """What a GPU does whose memory does not hold the gradients."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: Any, gradients: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


def test_gradients_that_a_gpu_does_not_hold_say_what_to_do(tmp_path: Path) -> None:
    class Large(Stripes):
        def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
            return Full.apply(model(batch.inputs[0]))

    text = (
        r"memory does not hold a batch of 4 images of 4×4 labels\. Take a smaller batch_size .* is finished is kept\.$"
    )
    with pytest.raises(LabelQualityError, match=text):
        fit(network(), Large(), pieces(4), [], SCHEDULE, (1,), tmp_path / "s", nothing)


@pytest.mark.parametrize("epochs", [1, 20])
def test_a_network_that_is_never_judged_to_be_any_good_is_not_taken(tmp_path: Path, epochs: int) -> None:
    """What it was before the training would be left."""

    class Judged(Stripes):
        def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
            return model(batch.inputs[0]) * (1.0 if model.training else float("nan"))

    schedule = dataclasses.replace(SCHEDULE, epochs=epochs)
    with pytest.raises(
        LabelQualityError, match=r"the loss is nan on the held-out pieces after every epoch\. Train with"
    ):
        fit(network(), Judged(), pieces(4), pieces(2), schedule, (1,), tmp_path / "s", nothing)


def test_batches_that_are_all_ignored_teach_nothing(tmp_path: Path) -> None:
    class Ignored(Stripes):
        def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
            batch = super().batch(items, rng)
            return Batch(batch.inputs, torch.full_like(batch.labels, IGNORED))

    model = network()
    fit(model, Ignored(), pieces(4), [], SCHEDULE, (1,), tmp_path / "s", nothing)
    assert all(torch.isfinite(value).all() for value in weights(model))


def test_batches_are_full_of_like_sizes_and_use_every_piece() -> None:
    items = [Item(f"s{n}", n, (4, 4) if n % 2 else (8, 8), True) for n in range(16)]
    batches = epoch_batches(items, 4, 4, np.random.default_rng(0))
    assert all(len(batch) == 4 and len({item.size for item in batch}) == 1 for batch in batches)
    assert sorted(item.number for batch in batches for item in batch) == list(range(16))
    few = epoch_batches(items[:3], 4, 5, np.random.default_rng(0))
    counts = np.bincount([item.number for batch in few for item in batch])
    assert [len(batch) for batch in few] == [4] * 5 and counts.max() - counts.min() <= 1


def test_the_rate_rises_over_a_quarter_and_falls_to_nothing() -> None:
    rates = [SCHEDULE.rate(step, 40) for step in range(40)]
    assert np.argmax(rates) in (9, 10) and max(rates) == pytest.approx(0.05)
    assert rates[0] == pytest.approx(0.005) and rates[-1] < 0.001


def coloured() -> tuple[torch.Tensor, torch.Tensor]:
    """An image whose left part is black with class 0 and whose right part is white with class 1."""
    labels = torch.zeros(40, 60, dtype=torch.int16)
    labels[:, 25:] = 1
    return (labels * 255).to(torch.uint8).expand(3, -1, -1).contiguous(), labels


def test_augmented_labels_stay_on_their_pixels() -> None:
    image, labels = coloured()
    shown = set()
    for seed in range(20):
        pixels, mask = augmented(image, labels, (32, 64), np.random.default_rng(seed))
        assert pixels.shape == (3, 32, 64) and pixels.dtype == torch.uint8 and mask.shape == (32, 64)
        bright = (pixels.float().mean(0) > 100).to(torch.int16)
        agree = (bright == mask) | (mask == IGNORED)
        assert agree.float().mean() > 0.95
        shown.add(tuple(mask[0].tolist()))
    assert len(shown) > 10  # flips, scales and places differ


def test_augmentation_depends_on_the_generator_alone() -> None:
    image, labels = coloured()
    torch.manual_seed(1)
    first = augmented(image, labels, (32, 32), np.random.default_rng(3))
    torch.manual_seed(2)
    second = augmented(image, labels, (32, 32), np.random.default_rng(3))
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(first, second, strict=True))


def test_a_crop_larger_than_the_image_is_ignored_beyond_it() -> None:
    image, labels = coloured()
    pixels, mask = cropped(image, labels, (64, 64), None)
    assert torch.equal(mask[:40, :60], labels) and (mask[40:] == IGNORED).all() and (mask[:, 60:] == IGNORED).all()
    assert (pixels[:, :40, 60:] == 255).all()
