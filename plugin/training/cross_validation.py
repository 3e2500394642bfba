"""Out-of-sample predictions: every sample is predicted by a network that never saw it or its fold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from ..base.errors import LabelQualityError, SampleError
from ..base.executor import map_shards
from ..base.progress import Progress, silent
from ..base.types import Prediction, SampleInput
from ..models.encoders import LogitWriter
from ..models.user_models import torch_device
from ..store.containers import make_folder, write_bytes
from .config import CrossValidation
from .fine_tuning import FineTuning
from .fit import FitResult, Schedule, fit, save_tensors
from .folds import held_out_slice
from .frozen_features import FrozenFeatures
from .presets import estimate_seconds, resolve_preset
from .sample_cache import CachedSample, Item, SampleCache
from .together import Together

__all__ = ["cross_validate", "estimate_seconds", "resolve_preset"]

T = TypeVar("T")
R = TypeVar("R")

Preset = FrozenFeatures | FineTuning
#: Version of what the work folder holds
_FORMAT = 2


def cross_validate(
    samples: Sequence[SampleInput],
    fold_of: np.ndarray,
    classes: int,
    config: CrossValidation,
    directory: Path,
    *,
    done: Container[str] = frozenset(),
    progress: Progress = silent,
    on_failure: Callable[[SampleError], None] | None = None,
    groups: Sequence[Hashable] | None = None,
    features: Path | None = None,
) -> Iterator[tuple[str, int, Prediction]]:
    """Trains a network a fold on the other folds and predicts the fold it never saw.

    Everything finished is kept in ``directory``: a call with the same arguments after a kill goes on where the last one
    was, trains no finished fold again, and on a CPU gives the same predictions as an undisturbed run. A class that
    none of a fold's training samples has gets probability 0 in that fold: its network cannot know it.

    Args:
        samples: images and masks, read one at a time
        fold_of: (n,) int, the fold that holds each sample out
        classes: number of classes K
        config: how to train
        directory: checkpoints, and while folds are left the cached inputs; used by one call at a time
        done: ids of samples that need no prediction
        progress: told of every sample and step
        on_failure: called for each sample that cannot be read, which is then left out everywhere; without it the error
            is raised
        groups: (n,) samples of one value are alike, so training is not stopped by samples of a group it learns from;
            by default samples next to one another in the same fold are
        features: a folder, kept, for what a frozen encoder gives of the images, whatever the labels and the seed; for
            calls that differ in nothing else

    Yields:
        sample id, fold, prediction: float16 logits at the network's own resolution, or with tiles uint8 probabilities

    Raises:
        LabelQualityError: one class only, nothing to train on, ``directory`` belongs to another config, weights that
            cannot be had, or a file that cannot be written
        SampleError: a sample cannot be read and there is no ``on_failure``
    """
    resolved, folds = resolve_preset(config), np.asarray(fold_of)
    run = _Run(samples, folds, classes, resolved, directory, progress, on_failure, groups, features)
    run.open()
    pending = run.pending(done)
    run.prepare(pending)
    run.train([fold for fold in pending if not run.checkpoint(fold).is_file()])
    yield from run.predict(pending)
    if run.everything_predicted(done, pending):
        run.cache.clear()


@dataclasses.dataclass
class _Run:
    """One call of `cross_validate`."""

    samples: Sequence[SampleInput]
    fold_of: np.ndarray
    classes: int
    config: CrossValidation
    directory: Path
    progress: Progress
    on_failure: Callable[[SampleError], None] | None
    groups: Sequence[Hashable] | None
    features: Path | None

    def __post_init__(self) -> None:
        self.device = torch_device(self.config.device)
        self.cache = SampleCache(self.directory / "features")
        given = self.config, self.classes, self.cache, self.device
        # Read once a call: nothing of it needs to stay in memory
        shared = SampleCache(self.features, memory=0) if self.features is not None else None
        fast = self.config.preset == "fast"
        self.preset: Preset = FrozenFeatures(*given, shared) if fast else FineTuning(*given)
        self.known: dict[int, CachedSample] = {}
        self.failed: set[int] = set()

    def open(self) -> None:
        """Checks that what the folder holds was made with this config, or marks the folder as this config's."""
        if self.classes < 2:
            raise _one_class(self.classes)
        make_folder(self.directory)
        marker = self.directory / "config.json"
        mine = {"format": _FORMAT, "classes": self.classes, "digest": self.config.digest()}
        found = json.loads(marker.read_text()) if marker.is_file() else None
        if found is None:
            write_bytes(marker, json.dumps({**mine, "config": self.config.to_dict()}, indent=1).encode())
        elif any(found.get(name) != value for name, value in mine.items()):
            raise LabelQualityError(
                f"The folds in {self.directory} were begun with other parameters ({_differences(found, self.config)}). "
                "Continue with those (preset 'auto' depends on whether there is a GPU), or start over with "
                "overwrite=True."
            )

    def pending(self, done: Container[str]) -> dict[int, list[int]]:
        """By fold that is asked for: the positions of its samples that have no prediction yet."""
        asked = self.config.only_folds if self.config.only_folds is not None else np.unique(self.fold_of).tolist()
        pending = {
            int(fold): [
                i for i in np.flatnonzero(self.fold_of == fold).tolist() if self.samples[i].sample_id not in done
            ]
            for fold in sorted(asked)
        }
        return {fold: indices for fold, indices in pending.items() if indices}

    def prepare(self, pending: dict[int, list[int]]) -> None:
        """Fills the cache with what the folds that are left need, and learns which samples can be read."""
        needed = sorted({index for indices in pending.values() for index in indices})
        trains = [fold for fold in pending if not self.checkpoint(fold).is_file()]
        if trains:
            with torch.random.fork_rng(devices=[]):
                self.preset.check()
            needed = list(range(len(self.samples)))
        self._encode(needed)
        if trains:
            present = {klass for sample in self.known.values() for klass in sample.classes}
            if len(present) < 2:
                raise _one_class(len(present))

    def checkpoint(self, fold: int) -> Path:
        """Where a finished fold's network is."""
        return self.directory / f"fold-{fold}.pt"

    def train(self, folds: Sequence[int]) -> None:
        """Trains the networks of these folds and leaves their checkpoints; light ones side by side, one a core.

        Threads of one operator wait for one another at every step, for milliseconds wherever another program has the
        core; networks, like images, do not.
        """
        if not folds:
            return
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            jobs: Iterable[_Job] = (self._job(fold) for fold in folds)
            if self.side_by_side:
                # Weights are drawn before any training reseeds the one generator that all threads share
                jobs = list(jobs)
            report = Together(f"Training {len(folds)} fold{'s' if len(folds) > 1 else ''}", folds, self.progress)
            for _ in self._spread(partial(self._train, report=report), jobs):
                pass

    def predict(self, pending: dict[int, list[int]]) -> Iterator[tuple[str, int, Prediction]]:
        """Predicts the samples that have no prediction yet, each with the network of its fold."""
        total = sum(int((self.fold_of == fold).sum()) for fold in pending)
        finished = total - sum(map(len, pending.values()))
        for fold, indices in pending.items():
            trained = self._load(fold)
            finished += len(self.failed.intersection(indices))
            usable = [index for index in indices if index not in self.failed]
            batches = list(self._batches(usable))
            outcomes = self._spread(partial(self._predictions, trained), batches)
            for batch, found in zip(batches, outcomes, strict=True):
                for index, prediction in found:
                    yield self.samples[index].sample_id, fold, prediction
                finished += len(batch)
                self.progress("Predicting", finished, total)

    @property
    def side_by_side(self) -> bool:
        """Whether networks are so light that each core trains one of its own."""
        return self.config.preset == "fast" and self.device.type == "cpu"

    def _spread(self, work: Callable[[T], R], jobs: Iterable[T]) -> Iterator[R]:
        """Works on the jobs and gives the results in order; side by side, one a core, where the networks are light."""
        if not self.side_by_side:
            yield from map_shards(work, jobs, workers=1)
            return
        threads = torch.get_num_threads()

        def in_one_thread(job: T) -> R:
            torch.set_num_threads(1)
            return work(job)

        try:
            yield from map_shards(in_one_thread, jobs)
        finally:
            torch.set_num_threads(threads)

    def everything_predicted(self, done: Container[str], pending: dict[int, list[int]]) -> bool:
        """Whether no fold, asked for or not, needs the cache any more."""
        now = {index for indices in pending.values() for index in indices} | self.failed
        return all(i in now or self.samples[i].sample_id in done for i in range(len(self.samples)))

    def _encode(self, needed: list[int]) -> None:
        missing = []
        for index in needed:
            sample_id = self.samples[index].sample_id
            if self.cache.has(sample_id):
                self.known[index] = self.cache.summary(sample_id)
            else:
                missing.append(index)
        finished = len(needed) - len(missing)
        for index, outcome in zip(missing, self._spread(self._encoded, missing), strict=True):
            if isinstance(outcome, SampleError):
                self._fail(index, outcome)
            else:
                self.known[index] = outcome
            finished += 1
            self.progress(self.preset.stage, finished, len(needed))

    def _encoded(self, index: int) -> CachedSample | SampleError:
        sample = self.samples[index]
        try:
            self.preset.encode(sample, sample.load_image(), sample.load_labels())
        except SampleError as error:
            return error
        return self.cache.summary(sample.sample_id)

    def _fail(self, index: int, error: SampleError) -> None:
        if self.on_failure is None:
            raise error
        self.failed.add(index)
        self.on_failure(error)

    def _job(self, fold: int) -> _Job:
        """What a fold is trained with; its weights are those of its seed."""
        readable = [i for i in np.flatnonzero(self.fold_of != fold).tolist() if self._is_labelled(i)]
        if not readable:
            raise LabelQualityError(
                f"No sample outside fold {fold} can be trained on: none can be read and has a pixel that is not "
                "ignored. Mend the samples, or ask for other folds."
            )
        training = np.array(readable)
        validation = self._held_out(fold, training)
        torch.manual_seed(int(np.random.default_rng((self.config.seed, fold)).integers(2**62)))
        return _Job(fold, self.preset.build(pretrained=True), np.setdiff1d(training, validation), validation)

    def _held_out(self, fold: int, training: np.ndarray) -> np.ndarray:
        """The training samples that the fold's training is stopped by; none where it ends of itself soon enough."""
        assert self.config.epochs
        if self.config.epochs <= self.preset.unwatched_epochs:
            return np.empty(0, np.int64)
        return held_out_slice(self.fold_of, self.groups, training, self.config.seed + fold)

    def _train(self, job: _Job, report: Together) -> None:
        fold = job.fold
        seen = np.zeros(self.classes, bool)
        seen[[klass for index in job.training.tolist() for klass in self.known[index].classes]] = True
        state_file = self.directory / f"fold-{fold}.part.pt"
        result = fit(
            job.model,
            self.preset,
            self._items(job.training),
            self._items(job.validation),
            self._schedule(),
            (self.config.seed, fold),
            state_file,
            partial(report, fold),
        )
        meta = self._meta(fold, seen, result, len(job.training), len(job.validation))
        save_tensors(self.checkpoint(fold), {"weights": job.model.state_dict(), "meta": json.dumps(meta)})
        state_file.unlink(missing_ok=True)

    def _load(self, fold: int) -> tuple[nn.Module, LogitWriter]:
        path = self.checkpoint(fold)
        try:
            content = torch.load(path, map_location=self.device, weights_only=True)
            with torch.random.fork_rng(devices=[]):
                model = self.preset.build(pretrained=False)
            model.load_state_dict(content["weights"])
            seen = np.array(json.loads(content["meta"])["seen"], bool)
        except Exception as error:
            raise LabelQualityError(
                f"The checkpoint {path} of a finished fold cannot be read ({type(error).__name__}). Delete it "
                "to train the fold again."
            ) from error
        return model.eval(), LogitWriter(seen)

    def _schedule(self) -> Schedule:
        half = None
        if self.device.type == "cuda" and self.config.preset == "paper":
            native = torch.cuda.is_bf16_supported(including_emulation=False)
            half = torch.bfloat16 if native else torch.float16
        assert self.config.epochs and self.config.batch_size and self.config.learning_rate
        return Schedule(
            self.config.epochs,
            self.config.batch_size,
            self.config.learning_rate,
            self.preset.least_steps,
            patience=max(3, self.config.epochs // 5),
            half_precision=half,
        )

    def _meta(self, fold: int, seen: np.ndarray, result: FitResult, training: int, validation: int) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "fold": fold,
            "classes": self.classes,
            "seen": seen.tolist(),
            "training_samples": training,
            "validation_samples": validation,
            "config": self.config.to_dict(),
            "torch": torch.__version__,
            **dataclasses.asdict(result),
        }

    def _is_labelled(self, index: int) -> bool:
        return index in self.known and bool(self.known[index].classes)

    def _items(self, indices: np.ndarray) -> list[Item]:
        return [item for index in indices.tolist() for item in self.known[index].items if item.labelled]

    def _batches(self, indices: Sequence[int]) -> Iterator[list[int]]:
        """Neighbours of one size. On a CPU one at a time: what else is in a batch changes the last bits."""
        most = self.config.batch_size or 1 if self.device.type == "cuda" else 1
        for _, run in groupby(indices, key=lambda index: self.known[index].items[0].size):
            same = list(run)
            yield from (same[start : start + most] for start in range(0, len(same), most))

    def _predictions(self, trained: tuple[nn.Module, LogitWriter], batch: list[int]) -> list[tuple[int, Prediction]]:
        model, writer = trained
        try:
            predictions = self.preset.predict(model, [self.samples[index] for index in batch], writer)
        except SampleError as error:
            if len(batch) > 1:
                return [pair for index in batch for pair in self._predictions(trained, [index])]
            self._fail(batch[0], error)
            return []
        return list(zip(batch, predictions, strict=True))


@dataclasses.dataclass(frozen=True)
class _Job:
    """A fold's network before its training, and the positions of the samples it learns from and is stopped by."""

    fold: int
    model: nn.Module
    training: np.ndarray
    validation: np.ndarray


def _one_class(found: int) -> LabelQualityError:
    return LabelQualityError(
        f"Expected masks of at least two classes to train on, but they have {found}. A model of one class is right "
        "everywhere; add samples with other classes, or check which values are ignored."
    )


def _differences(found: dict[str, Any], config: CrossValidation) -> str:
    """The parameters that differ, as they were."""
    before, now = found.get("config", {}), config.to_dict()
    names = [name for name in now if name not in config.execution_only]
    changed = [f"{name}={before.get(name)!r}" for name in names if before.get(name) != now[name]]
    return ", ".join(changed) or "another version of the plugin, or another number of classes"
