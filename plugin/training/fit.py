"""Fits one network: one-cycle AdamW, early stopping on held-out pieces, and a state that survives a kill."""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..base.errors import LabelQualityError
from ..base.types import IGNORED
from ..models.networks import SMALLER, within_gpu_memory
from ..store.containers import write_bytes
from .sample_cache import Item

#: Seconds of training that a kill may lose
SAVE_EVERY = 60.0
_WARM_UP = 0.25
_WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Batch:
    """What a network sees at once.

    Args:
        inputs: tensors that the preset's network takes
        labels: (N, h, w) class indices, `IGNORED` where none
    """

    inputs: list[torch.Tensor]
    labels: torch.Tensor


class Trainee(Protocol):
    """How a preset feeds its network."""

    def batch(self, items: Sequence[Item], rng: np.random.Generator | None) -> Batch:
        """Reads pieces, randomly changed if ``rng`` is given; called from another thread."""

    def logits(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """(N, K, h, w) logits at the labels' resolution."""

    def parameter_groups(self, model: nn.Module) -> list[tuple[list[nn.Parameter], float]]:
        """What is trained, and its learning rate as a multiple of the schedule's."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained.

    Args:
        epochs: most epochs
        batch_size: pieces a step, at least 2, as the networks standardise over the batch
        learning_rate: at the peak
        least_steps: steps an epoch has at least, so that a small dataset is passed over several times
        patience: epochs without a lower loss on the held-out pieces after which training stops
        half_precision: the type that a GPU computes in, or None for float32
    """

    epochs: int
    batch_size: int
    learning_rate: float
    least_steps: int = 40
    patience: int = 3
    half_precision: torch.dtype | None = None

    def steps(self, pieces: int) -> int:
        """Steps an epoch."""
        return max(math.ceil(pieces / self.batch_size), self.least_steps)

    def rate(self, step: int, total: int) -> float:
        """Learning rate of a step: up linearly over the first quarter, then down along a cosine.

        References:
            Smith, Topin: Super-convergence. 2019 (one-cycle); Loshchilov, Hutter: SGDR. ICLR 2017 (cosine).
        """
        warm = max(1, round(total * _WARM_UP))
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))


@dataclass(frozen=True)
class FitResult:
    """How a training went.

    Args:
        epochs: epochs trained
        best_epoch: the epoch whose weights were kept, from 1
        validation_loss: its mean cross-entropy on the held-out pieces, or None where none were held out
    """

    epochs: int
    best_epoch: int
    validation_loss: float | None


def fit(
    model: nn.Module,
    trainee: Trainee,
    training: Sequence[Item],
    validation: Sequence[Item],
    schedule: Schedule,
    seed: Sequence[int],
    state_file: Path,
    report: Callable[[int, int], None],
) -> FitResult:
    """Trains a network in place and leaves it with the weights of its best epoch, in evaluation mode.

    Noisy labels are learnt last, so the loss on held-out pieces is lowest before they are memorised. Every random
    choice depends on ``seed`` and the step alone: on a CPU the weights are the same whether training ran through or was
    killed and went on from ``state_file``.

    Args:
        model: on its device
        trainee: how it is fed
        training: the pieces to learn from, at least one, each with a label
        validation: the pieces to stop by; may be empty, then all epochs are trained and the last is kept
        schedule: how long and how fast
        seed: any integers
        state_file: where a half-trained network is kept
        report: called with the steps done and their total

    Returns:
        how it went

    Raises:
        LabelQualityError: the loss is no longer a number, or the GPU's memory does not suffice
    """
    run = _Fit(model, trainee, schedule, seed, schedule.steps(len(training)))
    run.resume(state_file)
    saved = time.monotonic()
    total = schedule.epochs * run.steps
    while run.epoch < schedule.epochs and run.epoch - run.best_epoch < schedule.patience:
        run.train_epoch(training, lambda step: report(step, total))
        run.judge(validation)
        if time.monotonic() - saved > SAVE_EVERY:
            run.save(state_file)
            saved = time.monotonic()
    report(total, total)
    if not run.best_epoch:
        raise run.diverged(run.loss, "on the held-out pieces after every epoch")
    model.load_state_dict(run.best_weights)
    model.eval()
    loss = run.best_loss if validation else None
    return FitResult(run.epoch, run.best_epoch, loss)


class _Fit:
    """One training under way."""

    def __init__(self, model: nn.Module, trainee: Trainee, schedule: Schedule, seed: Sequence[int], steps: int) -> None:
        self.model, self.trainee, self.schedule, self.seed, self.steps = model, trainee, schedule, tuple(seed), steps
        self.device = next(model.parameters()).device
        groups = trainee.parameter_groups(model)
        self.scales = [scale for _, scale in groups]
        self.optimiser = torch.optim.AdamW(
            [{"params": parameters} for parameters, _ in groups], weight_decay=_WEIGHT_DECAY, fused=True
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=schedule.half_precision == torch.float16)
        self.epoch = self.best_epoch = 0
        self.loss = self.best_loss = math.inf
        self.best_weights = _copied(model)

    def train_epoch(self, items: Sequence[Item], report: Callable[[int], None]) -> None:
        self.model.train()
        batches = epoch_batches(items, self.schedule.batch_size, self.steps, self._rng(0))
        torch.manual_seed(int(self._rng(1).integers(2**62)))
        jobs = [partial(self._read, step, batch) for step, batch in enumerate(batches)]
        for step, batch in enumerate(_one_ahead(jobs), start=self.epoch * self.steps):
            self._step(step, batch)
            report(step + 1)
        self.epoch += 1

    def judge(self, items: Sequence[Item]) -> None:
        """Keeps the weights if they are the best so far; without held-out pieces the last are."""
        self.loss = self._validation_loss(items) if items else -float(self.epoch)
        if self.loss < self.best_loss:
            self.best_loss, self.best_epoch, self.best_weights = self.loss, self.epoch, _copied(self.model)

    def diverged(self, loss: float, where: str) -> LabelQualityError:
        """What is said of a loss that is no number."""
        return LabelQualityError(
            f"Training diverged: the loss is {loss} {where}. Train with a lower learning_rate than "
            f"{self.schedule.learning_rate:g}."
        )

    def save(self, path: Path) -> None:
        state = {
            "weights": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best_weights": self.best_weights,
            "numbers": [self.epoch, self.best_epoch, self.best_loss],
        }
        save_tensors(path, state)

    def resume(self, path: Path) -> None:
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        # Of a training that began on a device without one there is nothing to load
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.best_weights = state["best_weights"]
        self.epoch, self.best_epoch, self.best_loss = state["numbers"]

    def _step(self, step: int, batch: Batch) -> None:
        rate = self.schedule.rate(step, self.schedule.epochs * self.steps)
        for group, scale in zip(self.optimiser.param_groups, self.scales, strict=True):
            group["lr"] = rate * scale
        # The gradients, and in the first step what the optimiser keeps, take as much memory as the forward pass
        with _fits(batch):
            loss = self._loss(batch)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise self.diverged(value, f"at step {step + 1}")
            self.optimiser.zero_grad(set_to_none=True)
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimiser)
            self.scaler.update()

    def _loss(self, batch: Batch) -> torch.Tensor:
        """Mean cross-entropy over the pixels that take part; 0 where none do."""
        return self._sum_of_losses(batch) / max(1, int((batch.labels != IGNORED).sum()))

    def _sum_of_losses(self, batch: Batch) -> torch.Tensor:
        half = self.schedule.half_precision
        batch = Batch([tensor.to(self.device) for tensor in batch.inputs], batch.labels.to(self.device))
        with torch.autocast(self.device.type, half or torch.bfloat16, enabled=half is not None):
            logits = self.trainee.logits(self.model, batch)
        return functional.cross_entropy(logits.float(), batch.labels.long(), ignore_index=IGNORED, reduction="sum")

    @torch.no_grad()
    def _validation_loss(self, items: Sequence[Item]) -> float:
        self.model.eval()
        total, pixels = 0.0, 0
        size = self.schedule.batch_size
        ordered = sorted(items, key=lambda item: item.size)
        chunks = [ordered[start : start + size] for start in range(0, len(ordered), size)]
        for batch in _one_ahead([partial(self.trainee.batch, chunk, None) for chunk in chunks]):
            with _fits(batch):
                total += float(self._sum_of_losses(batch))
            pixels += int((batch.labels != IGNORED).sum())
        return total / max(1, pixels)

    def _read(self, step: int, items: Sequence[Item]) -> Batch:
        return self.trainee.batch(items, self._rng(2, step))

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng((*self.seed, self.epoch, *stream))


def epoch_batches(items: Sequence[Item], size: int, steps: int, rng: np.random.Generator) -> list[list[Item]]:
    """An epoch's batches: full ones, of pieces of like size, in random order.

    Args:
        items: the pieces, at least one
        size: pieces a batch
        steps: batches; the pieces are passed over again, in another order, until they are full
        rng: source of every choice
    """
    rounds = -(-steps * size // len(items))
    order = np.concatenate([rng.permutation(len(items)) for _ in range(rounds)])[: steps * size]
    chosen = sorted((items[index] for index in order.tolist()), key=lambda item: item.size)
    batches = [chosen[start : start + size] for start in range(0, len(chosen), size)]
    return [batches[index] for index in rng.permutation(len(batches)).tolist()]


def save_tensors(path: Path, content: dict[str, Any]) -> None:
    """Writes what ``torch.load(weights_only=True)`` reads; the file is whole or not there."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_bytes(path, buffer.getvalue(), durable=True)


def _fits(batch: Batch) -> AbstractContextManager[None]:
    images, height, width = batch.labels.shape
    return within_gpu_memory(f"a batch of {images} images of {height}×{width} labels", SMALLER)


def _one_ahead(jobs: Sequence[Callable[[], Batch]]) -> Iterator[Batch]:
    """Runs each job while the caller works on the result of the one before."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming = pool.submit(jobs[0]) if jobs else None
        for following in [*jobs[1:], None]:
            if upcoming is None:
                return
            batch = upcoming.result()
            upcoming = pool.submit(following) if following else None
            yield batch


def _copied(model: nn.Module) -> dict[str, torch.Tensor]:
    return copy.deepcopy(model.state_dict())
