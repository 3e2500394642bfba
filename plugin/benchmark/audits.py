"""The audits of a benchmark: datasets of its own, runs on them, and what their scores and suspects say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np

from ..audit import audit_labels, list_runs, score_label_quality
from ..base.errors import LabelQualityError
from ..base.progress import Progress, silent
from ..documents.ownership import field_name
from ..runs.housekeeping import dataset_folder, tidy
from ..samples.folders import LABEL_FIELD
from ..samples.inputs import SegmentationSamples, open_samples
from ..scores.config import SCORES
from ..store.run_folder import RunFolder, content_digest
from ..suspects.regions import Region
from .assess import assess_suspects, evaluate_scores, lowest, score_curves, summarise_findings
from .config import BenchmarkConfig
from .noisy_dataset import NoisyMask
from .records import RUNS

#: The planted error of a sample: its kind, or None
TRUTH_FIELD = "planted_error"
_FILLED = "label_quality_benchmark"


@dataclass(frozen=True)
class Scored:
    """The scores of some images, in their order.

    Args:
        quality: (n,) the quality that images are ranked by, NaN where an image has none
        scores: name to (n,), likewise
        missing: score to the reason why no image has it
        seconds: how long the audit took
    """

    quality: np.ndarray
    scores: dict[str, np.ndarray]
    missing: dict[str, str]
    seconds: float

    @property
    def usable(self) -> np.ndarray:
        """(n,) bool, whether an image has all scores."""
        return np.isfinite(np.stack([self.quality, *self.scores.values()])).all(axis=0)


@dataclass(frozen=True)
class Audits:
    """How a benchmark audits.

    Args:
        samples: the user's
        config: what is measured
        folder: the benchmark's
        prefix: of the names of its datasets
        skip_failures: leave bad samples out
    """

    samples: SegmentationSamples
    config: BenchmarkConfig
    folder: Path
    prefix: str
    skip_failures: bool

    def dataset(self, name: str, planted: Mapping[int, NoisyMask]) -> fo.Dataset:
        """The benchmark's dataset of a name: the user's images and masks in their order, but for the planted ones."""
        name = f"{self.prefix}{name}"
        if fo.dataset_exists(name):
            dataset = fo.load_dataset(name)
            if dataset.info.get(_FILLED):
                return dataset
            fo.delete_dataset(name)
        dataset = fo.Dataset(name, persistent=True)
        dataset.mask_targets = {LABEL_FIELD: self.samples.class_table.mask_targets()}
        dataset.add_sample_field(TRUTH_FIELD, fo.StringField)
        dataset.add_samples(self._samples(planted), progress=False, num_samples=len(self.samples))
        dataset.info[_FILLED] = True
        dataset.save()
        return dataset

    def audit(self, dataset: fo.Dataset, architecture: str | None, progress: Progress, rescore: bool) -> Scored:
        """Audits what is not audited yet; scores a finished run again, from the predictions that it has, if asked to.

        Args:
            dataset: as `dataset` gave it
            architecture: of the networks
            progress: told how far each stage is
            rescore: score again
        """
        key, config = self.key(architecture), self.config
        chosen = {
            "key": key,
            "progress": progress,
            "suspects": config.suspects,
            "output_dir": str(self.folder / RUNS),
            "skip_failures": self.skip_failures,
            **self.classes,
            **config.scores,
        }
        finished = any(record.key == key and record.status == "complete" for record in list_runs(dataset))
        if rescore and finished:
            score_label_quality(dataset, LABEL_FIELD, overwrite=True, **chosen)
        audit_labels(
            dataset, LABEL_FIELD, **chosen, **{**self._predictions, "architecture": architecture, "seed": config.seed}
        )
        return scored(dataset, dataset.values, key)

    def judge(
        self,
        kind: str,
        architecture: str | None,
        is_error: np.ndarray,
        found: Scored,
        judged: np.ndarray | None = None,
        progress: Progress = silent,
    ) -> dict[str, Any]:
        """A result of the record: how well each score ranks the images that are wrong.

        Args:
            kind: of the errors
            architecture: of the networks
            is_error: (n,) bool, whether an image is mislabelled
            found: the scores
            judged: (n,) bool, the images that count; by default all
            progress: told after every score

        Raises:
            LabelQualityError: not one score, or no error or no correct image among those that have scores
        """
        usable = found.usable if judged is None else found.usable & judged
        flags = is_error[usable]
        scores = {name: values[usable] for name, values in found.scores.items()}
        estimates = evaluate_scores(
            flags, scores, resamples=self.config.resamples, seed=self.config.seed, progress=progress
        )
        return {
            "kind": kind,
            "architecture": architecture,
            "errors": int(flags.sum()),
            "images": int(usable.sum()),
            "seconds": found.seconds,
            "scores": {
                name: {metric: dataclasses.asdict(one) for metric, one in metrics.items()}
                for name, metrics in estimates.items()
            },
            "curves": score_curves(flags, scores),
        }

    def judge_suspects(
        self, dataset: fo.Dataset, architecture: str | None, planted: Mapping[int, NoisyMask], found: Scored
    ) -> dict[str, Any]:
        """What the suspects of the mislabelled images say: of those that rank ``worst``, and of ``all``.

        Returns:
            each as `assess.summarise_findings` returns it; empty where suspects were not looked for
        """
        key = self.key(architecture)
        if not dataset.has_sample_field(field_name(key, "suspects")):
            return {}
        given = open_samples(dataset, LABEL_FIELD, **self.classes)
        names = self.samples.class_table.names
        findings = {}
        for position in np.flatnonzero(found.usable).tolist():
            if position not in planted:
                continue
            clean, noisy = self.samples.load_labels(position), given.load_labels(position)
            sample = dataset[given.ids[position]]
            regions = found_regions(sample, key, names, (clean.shape[0], clean.shape[1]))
            kind, error_type = planted[position].error.kind, sample[field_name(key, "error_type")]
            findings[position] = assess_suspects(kind, clean, noisy, regions, error_type)
        worst = set(lowest(found.quality, len(planted)).tolist())
        return {
            "worst": summarise_findings([one for position, one in findings.items() if position in worst]),
            "all": summarise_findings(list(findings.values())),
        }

    def discard(self, name: str) -> None:
        """Deletes the benchmark's dataset of a name, if it is there, and the files of its runs."""
        if not fo.dataset_exists(f"{self.prefix}{name}"):
            return
        dataset = fo.load_dataset(f"{self.prefix}{name}")
        parent = self.folder / RUNS
        # The second is of version 0.1.0; the names of these datasets are those of no others
        runs = [run for folder in (dataset_folder(dataset, parent), parent / dataset.slug) for run in folder.glob("*")]
        fo.delete_dataset(dataset.name)
        for run in sorted(runs):
            RunFolder(run).delete()
            tidy(run)

    def key(self, architecture: str | None) -> str:
        """Of the run of an architecture, the same for the same predictions."""
        return f"run_{content_digest(self.config.cross_validation(architecture).digest())}"

    @property
    def classes(self) -> dict[str, Any]:
        """The samples' class table as parameters of a run on a dataset of the same masks."""
        table = self.samples.class_table
        values = table.ids if table.colors is None else table.colors
        return {
            "classes": table.mask_targets(),
            "ignored": table.ignored if table.colors is None else table.ignored_colors,
            "unlabelled": None if table.unlabelled is None else values[table.unlabelled],
            "unknown": self.samples.unknown,
        }

    @property
    def _predictions(self) -> dict[str, Any]:
        """The parameters of the predictions, with the fields that the benchmark's datasets have."""
        return {**self.config.predictions, **{name: _own_field(field) for name, field in self._fields.items()}}

    @property
    def _fields(self) -> dict[str, str]:
        """The user's fields that group or order the samples, by parameter; a path is as good in a copy."""
        given = {name: self.config.predictions.get(name) for name in ("group_field", "order_field")}
        return {name: field for name, field in given.items() if field and field != "filepath"}

    def _samples(self, planted: Mapping[int, NoisyMask]) -> Iterator[fo.Sample]:
        columns = {_own_field(field): self.samples.values(field) for field in self._fields.values()}
        for position, image in enumerate(self.samples.image_paths):
            noisy = planted.get(position)
            path = self.samples.mask_paths[position] if noisy is None else str(noisy.path)
            # A mask that is in the user's database has no file that could be referred to
            mask = self.samples.load_mask(position) if path is None else None
            label = fo.Segmentation(mask_path=path) if mask is None else fo.Segmentation(mask=mask)
            values = {name: column[position] for name, column in columns.items()}
            truth = {TRUTH_FIELD: None if noisy is None else noisy.error.kind}
            yield fo.Sample(image, **{LABEL_FIELD: label}, **truth, **values)


def scored(dataset: fo.Dataset, values: Callable[[str], list[Any]], key: str) -> Scored:
    """The scores that a run has given.

    Args:
        dataset: the dataset, whole
        values: the name of a field to its values, in the order that the scores are to have
        key: of the run

    Raises:
        LabelQualityError: the run has no scores
    """
    record = next(one for one in list_runs(dataset) if one.key == key)
    names = [name for name in SCORES if dataset.has_sample_field(field_name(key, name))]
    if record.status != "complete" or not names or not dataset.has_sample_field(field_name(key, "quality")):
        raise LabelQualityError(
            f"Run '{key}' of dataset '{dataset.name}' has no scores to judge (its status is '{record.status}'). "
            "Compute them with `score_label_quality`, or audit again."
        )
    quality, *columns = (values(field_name(key, name)) for name in ("quality", *names))
    scores = {name: np.array(column, dtype=float) for name, column in zip(names, columns, strict=True)}
    return Scored(np.array(quality, dtype=float), scores, record.scores_missing, sum(record.timings.values()))


def found_regions(sample: Any, key: str, names: tuple[str, ...], size: tuple[int, int]) -> list[Region]:
    """The suspects of a sample.

    Args:
        sample: a `fiftyone.Sample`
        key: of the run
        names: of the classes, by class index
        size: (H, W) of the masks

    Returns:
        the regions with their masks
    """
    suspects = sample[field_name(key, "suspects")]
    return [_region(one, names, size) for one in suspects.detections] if suspects is not None else []


def _region(detection: Any, names: tuple[str, ...], size: tuple[int, int]) -> Region:
    height, width = size
    left, top, box_width, box_height = detection.bounding_box
    box = round(left * width), round(top * height), round(box_width * width), round(box_height * height)
    return Region(
        given=names.index(detection.given),
        suggested=names.index(detection.suggested),
        kind=detection.error_type,
        evidence=detection.evidence,
        area=detection.area,
        confidence=detection.confidence,
        box=box,
        mask=np.asarray(detection.get_mask()) > 0,
        probability=detection["probability"] if detection.has_field("probability") else None,
    )


def _own_field(field: str) -> str:
    return f"benchmark_{field.replace('.', '_')}"
