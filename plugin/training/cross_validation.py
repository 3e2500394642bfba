"""Out-of-sample predictions: every sample is predicted by a network that never saw it or its fold."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..base.errors import LabelQualityError, SampleError
from ..base.progress import Progress, silent
from ..base.types import Prediction, SampleInput
from ..engine.engine import current_engine, map_samples
from ..store.containers import make_folder, write_bytes
from .config import CrossValidation
from .fold_work import FORMAT, Encoding, FoldWork, Job, Predicting, Samples, Training, Write, noted_steps
from .folds import held_out_slice
from .presets import estimate_seconds, resolve_preset
from .sample_cache import CachedSample, Item
from .together import Together

__all__ = ["cross_validate", "estimate_seconds", "resolve_preset"]


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
    write: Write | None = None,
    mirrored: bool = False,
    sided: bool = False,
) -> Iterator[tuple[str, int, Prediction | None]]:
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
        write: called with each sample's id, fold and prediction where that is made: in another thread, or on another
            machine
        mirrored: with preset ``fast``, whether predictions are means over the image and its mirror image. A fold whose
            network is there already is predicted as it was to be when that was trained
        sided: with preset ``paper``, whether classes tell left from right, so that networks learn from no mirror images

    Yields:
        sample id, fold, prediction: float16 logits at the network's own resolution, or with tiles uint8 probabilities;
        None where ``write`` has it

    Raises:
        LabelQualityError: one class only, nothing to train on, ``directory`` belongs to another config, weights that
            cannot be had, or a file that cannot be written
        SampleError: a sample cannot be read and there is no ``on_failure``
    """
    resolved, folds = resolve_preset(config), np.asarray(fold_of)
    work = FoldWork(resolved, classes, directory, features, mirrored, sided)
    run = _Run(samples, folds, work, progress, on_failure, groups)
    run.open()
    pending = run.pending(done)
    threads = torch.get_num_threads()
    try:
        run.prepare(pending)
        run.train([fold for fold in pending if not work.checkpoint(fold).is_file()])
        yield from run.predict(pending, write)
    finally:
        # Light networks have one each
        torch.set_num_threads(threads)
    if run.everything_predicted(done, pending):
        work.cache.clear()


@dataclasses.dataclass
class _Run:
    """One call of `cross_validate`."""

    samples: Sequence[SampleInput]
    fold_of: np.ndarray
    work: FoldWork
    progress: Progress
    on_failure: Callable[[SampleError], None] | None
    groups: Sequence[Hashable] | None

    def __post_init__(self) -> None:
        self.engine = current_engine()
        self.config = self.work.config
        self.known: dict[int, CachedSample] = {}
        self.failed: set[int] = set()
        # Made here, before threads ask for it at once
        self.preset = self.work.preset

    @property
    def workers(self) -> int | None:
        """How many networks work at once; None for one a core."""
        return None if self.work.light or self.engine.elsewhere else 1

    def open(self) -> None:
        """Checks that what the folder holds was made with this config, or marks the folder as this config's."""
        if self.work.classes < 2:
            raise _one_class(self.work.classes)
        make_folder(self.work.directory)
        marker = self.work.directory / "config.json"
        mine = {"format": FORMAT, "classes": self.work.classes, "digest": self.config.digest()}
        found = json.loads(marker.read_text()) if marker.is_file() else None
        if found is None:
            write_bytes(marker, json.dumps({**mine, "config": self.config.to_dict()}, indent=1).encode())
        elif any(found.get(name) != value for name, value in mine.items()):
            raise LabelQualityError(
                f"The folds in {self.work.directory} were begun with other parameters "
                f"({_differences(found, self.config)}). Continue with those (preset 'auto' depends on whether there is "
                "a GPU), or start over with overwrite=True."
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
        trains = [fold for fold in pending if not self.work.checkpoint(fold).is_file()]
        if trains:
            with torch.random.fork_rng(devices=[]):
                self.preset.check()
            needed = list(range(len(self.samples)))
        self._encode(needed)
        if trains:
            present = {klass for sample in self.known.values() for klass in sample.classes}
            if len(present) < 2:
                raise _one_class(len(present))

    def train(self, folds: Sequence[int]) -> None:
        """Trains the networks of these folds and leaves their checkpoints; light ones side by side, one a core."""
        if not folds:
            return
        devices = [self.work.device] if self.work.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            jobs: Iterable[Job] = (self._job(fold) for fold in folds)
            if self.work.light and not self.engine.elsewhere:
                # Weights are drawn before any training reseeds the one generator that all threads share
                jobs = list(jobs)
            report = Together(f"Training {len(folds)} fold{'s' if len(folds) > 1 else ''}", folds, self.progress)

            def look() -> None:
                for fold in folds:
                    steps = noted_steps(self.work.steps(fold))
                    if steps is not None:
                        report(fold, *steps)

            training = Training(self.work, None if self.engine.elsewhere else report)
            for _ in self.engine.map(
                training,
                jobs,
                workers=self.workers,
                share=self._share(len(folds)),
                gpus=self.engine.model_gpus,
                meanwhile=look,
            ):
                pass

    def _share(self, folds: int) -> float:
        """Of a core that a training takes: as many more begin at once as would be left over for the last round, in
        which cores would have nothing to do."""
        cores = self.engine.cores
        return cores / (cores + folds % cores) if self.work.light and folds > cores else 1.0

    def predict(
        self, pending: dict[int, list[int]], write: Write | None
    ) -> Iterator[tuple[str, int, Prediction | None]]:
        """Predicts the samples that have no prediction yet, each with the network of its fold."""
        total = sum(int((self.fold_of == fold).sum()) for fold in pending)
        finished = total - sum(map(len, pending.values()))
        needed = [index for indices in pending.values() for index in indices]
        usable = [index for index in needed if index not in self.failed]
        finished += len(needed) - len(usable)
        portions = list(self._portions(usable))
        predicting, job = Predicting(self.work, write), Samples(self.samples, self.fold_of.tolist()).of(usable)
        gpus = self.engine.model_gpus
        found = self.engine.map_portions(predicting, job, portions, workers=self.workers, gpus=gpus)
        for positions, outcomes in zip(portions, found, strict=True):
            for position, outcome in zip(positions, outcomes, strict=True):
                index = usable[position]
                if isinstance(outcome, SampleError):
                    self._fail(index, outcome)
                else:
                    yield self.samples[index].sample_id, int(self.fold_of[index]), outcome
            finished += len(positions)
            self.progress("Predicting", finished, total)

    def everything_predicted(self, done: Container[str], pending: dict[int, list[int]]) -> bool:
        """Whether no fold, asked for or not, needs the cache any more."""
        now = {index for indices in pending.values() for index in indices} | self.failed
        return all(i in now or self.samples[i].sample_id in done for i in range(len(self.samples)))

    def _portions(self, indices: Sequence[int]) -> Iterator[range]:
        """Places among these samples that are predicted together: whole batches, of one fold and size."""
        batch = self.config.batch_size or 1 if self.work.device.type == "cuda" or self.engine.has_gpus else 1
        most, start = max(batch, self.engine.portion // batch * batch), 0
        for _, run in groupby(indices, key=lambda index: (self.fold_of[index], self.known[index].items[0].size)):
            end = start + len(list(run))
            yield from (range(first, min(first + most, end)) for first in range(start, end, most))
            start = end

    def _encode(self, needed: list[int]) -> None:
        missing = []
        for index in needed:
            sample_id = self.samples[index].sample_id
            if self.work.cache.has(sample_id):
                self.known[index] = self.work.cache.summary(sample_id)
            else:
                missing.append(index)
        finished, job = len(needed) - len(missing), Samples(self.samples).of(missing)
        # A whole network sees images later
        gpus = self.engine.model_gpus if self.config.preset == "fast" else 0.0
        encoding = Encoding(self.work)
        outcomes = map_samples(encoding, job, len(missing), workers=self.workers, gpus=gpus)
        for index, outcome in zip(missing, outcomes, strict=True):
            if isinstance(outcome, SampleError):
                self._fail(index, outcome)
            else:
                self.known[index] = outcome
            finished += 1
            self.progress(self.preset.stage, finished, len(needed))

    def _fail(self, index: int, error: SampleError) -> None:
        if self.on_failure is None:
            raise error
        self.failed.add(index)
        self.on_failure(error)

    def _job(self, fold: int) -> Job:
        """What a fold is trained with; its weights are those of its seed."""
        readable = [i for i in np.flatnonzero(self.fold_of != fold).tolist() if self._is_labelled(i)]
        if not readable:
            raise LabelQualityError(
                f"No sample outside fold {fold} can be trained on: none can be read and has a pixel that is not "
                "ignored. Mend the samples, or ask for other folds."
            )
        everything = np.array(readable)
        validation = self._held_out(fold, everything)
        training = np.setdiff1d(everything, validation)
        torch.manual_seed(int(np.random.default_rng((self.config.seed, fold)).integers(2**62)))
        seen = np.zeros(self.work.classes, bool)
        seen[[klass for index in training.tolist() for klass in self.known[index].classes]] = True
        model, samples = self.preset.build(pretrained=True), (len(training), len(validation))
        return Job(fold, model, self._items(training), self._items(validation), seen, samples)

    def _held_out(self, fold: int, training: np.ndarray) -> np.ndarray:
        """The training samples that the fold's training is stopped by; none where it ends of itself soon enough."""
        assert self.config.epochs
        if self.config.epochs <= self.preset.unwatched_epochs:
            return np.empty(0, np.int64)
        return held_out_slice(self.fold_of, self.groups, training, self.config.seed + fold)

    def _is_labelled(self, index: int) -> bool:
        return index in self.known and bool(self.known[index].classes)

    def _items(self, indices: np.ndarray) -> list[Item]:
        return [item for index in indices.tolist() for item in self.known[index].items if item.labelled]


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
