"""What is done for the folds, wherever the work runs: images encoded, networks trained, samples predicted.

All of it goes from files to files, so that it can be sent to another machine that sees the same folder.
"""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from ..base.errors import LabelQualityError, SampleError
from ..base.types import Prediction, SampleInput
from ..base.words import count
from ..labels.given_masks import GivenMasks, Window
from ..models.encoders import LogitWriter
from ..models.networks import SMALLER, within_gpu_memory
from ..models.user_models import torch_device
from ..store.containers import write_bytes
from .config import CrossValidation
from .fine_tuning import FineTuning
from .fit import FitResult, Schedule, fit, save_tensors
from .frozen_features import FrozenFeatures
from .sample_cache import CachedSample, Item, SampleCache

#: Version of what the work folder holds
FORMAT = 2
#: Called for a sample's id, its fold and its prediction, where that is made
Write: TypeAlias = Callable[[str, int, Prediction], None]
Preset: TypeAlias = "FrozenFeatures | FineTuning"
#: Seconds between two notes of how far a training is
_NOTED = 1.0


@dataclasses.dataclass(frozen=True)
class FoldWork:
    """The networks of a call of `cross_validate`: how they are made, and where what they leave is.

    Args:
        config: resolved
        classes: number of classes K
        directory: checkpoints, and the cached inputs
        features: a folder for what a frozen encoder gives of the images, see `cross_validate`
        mirrored: whether networks that are trained now are to predict mirror images too
        sided: whether classes tell left from right, so that networks learn from no mirror images
    """

    config: CrossValidation
    classes: int
    directory: Path
    features: Path | None
    mirrored: bool
    sided: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the networks that are built already: they are built where they are needed
        return FoldWork, (self.config, self.classes, self.directory, self.features, self.mirrored, self.sided)

    @cached_property
    def device(self) -> torch.device:
        """Where networks run, of the machine that this is."""
        return torch_device(self.config.device)

    @cached_property
    def cache(self) -> SampleCache:
        """What is computed once a sample."""
        return SampleCache(self.directory / "features")

    @cached_property
    def preset(self) -> Preset:
        """Feeds and builds the networks."""
        given = self.config, self.classes, self.cache, self.device
        if self.config.preset != "fast":
            return FineTuning(*given, mirrors=not self.sided)
        # Read once a call: nothing of it needs to stay in memory
        return FrozenFeatures(*given, SampleCache(self.features, memory=0) if self.features is not None else None)

    @property
    def light(self) -> bool:
        """Whether networks are so light that each core trains one of its own."""
        return self.config.preset == "fast" and self.device.type == "cpu"

    def checkpoint(self, fold: int) -> Path:
        """Where a finished fold's network is."""
        return self.directory / f"fold-{fold}.pt"

    def steps(self, fold: int) -> Path:
        """Where a training on another machine notes how far it is."""
        return self.directory / f"fold-{fold}.steps"

    def encode(self, sample: SampleInput) -> CachedSample:
        """Caches what the networks need of a sample; raises `SampleError` where it cannot be read."""
        labels, image = sample.load_labels(), sample.load_image()
        with within_gpu_memory("an image for the encoder", SMALLER):
            self.preset.encode(sample, image, labels)
        return self.cache.summary(sample.sample_id)

    def train(self, job: Job, report: Callable[[int, int], None]) -> None:
        """Trains a fold's network and leaves its checkpoint; goes on where a killed training was.

        Args:
            job: the network and what it learns from
            report: told of every step, and how many there are
        """
        job.model.to(self.device)
        state_file = self.directory / f"fold-{job.fold}.part.pt"
        seed = (self.config.seed, job.fold)
        schedule = self._schedule(len(job.training))
        result = fit(job.model, self.preset, job.training, job.validation, schedule, seed, state_file, report)
        meta = self._meta(job, result)
        save_tensors(self.checkpoint(job.fold), {"weights": job.model.state_dict(), "meta": json.dumps(meta)})
        state_file.unlink(missing_ok=True)
        self.steps(job.fold).unlink(missing_ok=True)

    def load(self, fold: int) -> Trained:
        """A finished fold's network; raises `LabelQualityError` where its checkpoint cannot be read."""
        path = self.checkpoint(fold)
        try:
            with within_gpu_memory(
                "a fold's network", "Have other programs leave some of it; what is finished is kept."
            ):
                content = torch.load(path, map_location=self.device, weights_only=True)
                with torch.random.fork_rng(devices=[]):
                    model = self.preset.build(pretrained=False)
                model.load_state_dict(content["weights"])
            meta = json.loads(content["meta"])
            seen = np.array(meta["seen"], bool)
        except LabelQualityError:
            raise
        except Exception as error:
            raise LabelQualityError(
                f"The checkpoint {path} of a finished fold cannot be read ({type(error).__name__}). Delete it "
                "to train the fold again."
            ) from error
        # Without it in those of earlier versions, whose folds are predicted to their end as they were begun
        return Trained(model.eval(), LogitWriter(seen), meta.get("mirrored", False))

    def batches(self, samples: Sequence[SampleInput]) -> Iterator[list[SampleInput]]:
        """Neighbours of one size. On a CPU one at a time: what else is in a batch changes the last bits."""
        most = self.config.batch_size or 1 if self.device.type == "cuda" else 1
        for _, run in groupby(samples, key=lambda one: self.cache.summary(one.sample_id).items[0].size):
            same = list(run)
            yield from (same[start : start + most] for start in range(0, len(same), most))

    def predict(self, trained: Trained, batch: Sequence[SampleInput]) -> list[Prediction | SampleError]:
        """Predicts samples of one size; where one of them cannot be predicted, each on its own, to know which."""
        try:
            with within_gpu_memory(f"{count(len(batch), 'image')} to predict", SMALLER):
                if isinstance(self.preset, FrozenFeatures):
                    return list(self.preset.predict(trained.network, batch, trained.writer, trained.mirrored))
                return list(self.preset.predict(trained.network, batch, trained.writer))
        except SampleError as error:
            if len(batch) == 1:
                return [error]
            return [outcome for one in batch for outcome in self.predict(trained, [one])]

    def _schedule(self, pieces: int) -> Schedule:
        mixed = self.device.type == "cuda" and self.config.preset == "paper" and self.config.mixed_precision
        assert self.config.epochs and self.config.batch_size and self.config.learning_rate
        return Schedule(
            self.config.epochs,
            self.config.batch_size,
            self.config.learning_rate,
            self.preset.steps_at_least(self.config.epochs, math.ceil(pieces / self.config.batch_size)),
            patience=max(3, self.config.epochs // 5),
            half_precision=half_precision(self.device) if mixed else None,
        )

    def _meta(self, job: Job, result: FitResult) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "fold": job.fold,
            "classes": self.classes,
            "seen": job.seen.tolist(),
            "mirrored": self.mirrored,
            "training_samples": job.samples[0],
            "validation_samples": job.samples[1],
            "config": self.config.to_dict(),
            "torch": torch.__version__,
            **dataclasses.asdict(result),
        }


@dataclasses.dataclass(frozen=True)
class Job:
    """A fold's network before its training.

    Args:
        fold: its number
        model: with the weights that it begins with
        training: the pieces that it learns from
        validation: those that its training is stopped by
        seen: (K,) bool, the classes that the training samples show
        samples: number of samples that these pieces are of: training, validation
    """

    fold: int
    model: nn.Module
    training: Sequence[Item]
    validation: Sequence[Item]
    seen: np.ndarray
    samples: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Trained:
    """A fold's network after its training.

    Args:
        network: in evaluation mode
        writer: of its predictions
        mirrored: whether these are means over the image and its mirror image
    """

    network: nn.Module
    writer: LogitWriter
    mirrored: bool


@dataclasses.dataclass(frozen=True)
class Training:
    """Trains folds, as the function of an engine.

    Args:
        work: how
        report: told of fold, step and number of steps; None where another process does the work, which notes them
    """

    work: FoldWork
    report: Callable[[int, int, int], None] | None

    def __call__(self, job: Job) -> None:
        report = partial(self.report, job.fold) if self.report is not None else _Noted(self.work.steps(job.fold))
        _in_one_thread(self.work)
        self.work.train(job, report)


@dataclasses.dataclass(frozen=True)
class Samples:
    """The samples of a call of `cross_validate`, as an `engine.Job`.

    Args:
        samples: images and masks
        folds: the fold that holds each of them out; empty where that does not matter
    """

    samples: Sequence[SampleInput]
    folds: Sequence[int] = ()

    def of(self, indices: Sequence[int]) -> Samples:
        """These samples alone, in this order."""
        folds = [self.folds[index] for index in indices] if len(self.folds) else ()
        if isinstance(self.samples, GivenMasks):
            return Samples(self.samples.subset(indices), folds)
        return Samples([self.samples[index] for index in indices], folds)

    def window(self, positions: range) -> Samples:
        """What is needed for these samples, at the positions that they have here."""
        folds = Window.of(self.folds, positions) if len(self.folds) else ()
        if isinstance(self.samples, GivenMasks):
            return Samples(self.samples.window(positions), folds)
        return Samples(Window.of(self.samples, positions), folds)

    def refused(self, reasons: Mapping[int, str]) -> Samples:
        """The same, but that these samples raise a `SampleError`."""
        if isinstance(self.samples, GivenMasks):
            return Samples(self.samples.refused(reasons), self.folds)
        raise LabelQualityError(next(iter(reasons.values()), "A portion of the samples could not be worked on."))


@dataclasses.dataclass(frozen=True)
class Encoding:
    """Caches what the networks need of a sample, as the function of `engine.map_samples`."""

    work: FoldWork

    def __call__(self, job: Samples, index: int) -> CachedSample | SampleError:
        _in_one_thread(self.work)
        try:
            return self.work.encode(job.samples[index])
        except SampleError as error:
            return error


class Predicting:
    """Predicts samples, each with the network of its fold, as the work of an engine.

    Args:
        work: how
        write: where predictions go; without it they are returned
    """

    def __init__(self, work: FoldWork, write: Write | None) -> None:
        self.work, self.write = work, write
        self._networks: dict[int, Trained] = {}
        self._loading = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return Predicting, (self.work, self.write)

    def _trained(self, fold: int) -> Trained:
        """The network of a fold; the last two are kept, as samples come fold by fold."""
        with self._loading:
            if fold not in self._networks:
                self._networks = dict([*self._networks.items()][-1:])
                self._networks[fold] = self.work.load(fold)
            return self._networks[fold]

    def __call__(self, job: Samples, positions: range) -> list[Prediction | SampleError | None]:
        """The outcome for each sample of one fold: None where its prediction was written."""
        _in_one_thread(self.work)
        fold = job.folds[positions.start]
        outcomes: list[Prediction | SampleError | None] = []
        for batch in self.work.batches([job.samples[index] for index in positions]):
            for sample, outcome in zip(batch, self.work.predict(self._trained(fold), batch), strict=True):
                if self.write is not None and not isinstance(outcome, SampleError):
                    self.write(sample.sample_id, fold, outcome)
                    outcomes.append(None)
                else:
                    outcomes.append(outcome)
        return outcomes


class _Noted:
    """Notes now and then how far a training is, in a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._due = path, 0.0

    def __call__(self, step: int, total: int) -> None:
        if time.monotonic() >= self._due:
            write_bytes(self._path, f"{step} {total}".encode())
            self._due = time.monotonic() + _NOTED


def half_precision(device: torch.device) -> torch.dtype:
    """The type of 16 bits that a GPU computes in; whether it has bfloat16, PyTorch tells of the first one alone."""
    native = torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if native else torch.float16


def noted_steps(path: Path) -> tuple[int, int] | None:
    """The step and the number of steps that a training elsewhere has noted; None where it has not begun."""
    try:
        step, total = map(int, path.read_text().split())
    except (OSError, ValueError):
        return None
    return step, total


def _in_one_thread(work: FoldWork) -> None:
    """Threads of one operator wait for one another at every step, for milliseconds wherever another program has the
    core; networks, like images, do not."""
    if work.light and torch.get_num_threads() != 1:
        torch.set_num_threads(1)
