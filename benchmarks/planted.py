"""Errors planted in copies of masks, audited by FiftyOne runs, and what the scores and suspects make of them.

To be imported when FiftyOne's settings are in place.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fiftyone as fo
import numpy as np
from label_quality.plugin.audit import audit_labels, list_runs, score_label_quality
from label_quality.plugin.benchmark import (
    Finding,
    assess_suspects,
    evaluate_scores,
    lowest,
    summarise_findings,
)
from label_quality.plugin.class_files import load_classes
from label_quality.plugin.config import SCORES, CrossValidation
from label_quality.plugin.fields import field_name
from label_quality.plugin.folders import LABEL_FIELD, dataset_from_folders
from label_quality.plugin.injection import DROP, ERROR_KINDS
from label_quality.plugin.inputs import SegmentationSamples, open_samples
from label_quality.plugin.noisy_masks import NoisyMask, plant_errors
from label_quality.plugin.presets import resolve_preset
from label_quality.plugin.progress import Progress
from label_quality.plugin.regions import Region
from label_quality.plugin.store import content_digest

#: The planted error of a sample: its kind, or None
TRUTH_FIELD = "planted_error"
_COMPLETE = "label_quality_benchmark"


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Args:
        images: folder of images
        masks: folder of masks, taken for the truth
        classes: file of class names, or None to name them by their values
        rates: kind of error to the share of the images that gets one
        architectures: decoders; None is the preset's own
        audit: parameters of `config.CrossValidation` besides ``architecture`` and ``seed``
        ignored: mask values or names that take part in nothing
        unlabelled: class that dropped objects get, or None to find it by its name
        seed: of errors, folds, training and bootstrap
        resamples: of the bootstrap
        rescore: score finished runs again
    """

    images: Path
    masks: Path
    classes: Path | None
    rates: Mapping[str, float]
    architectures: tuple[str | None, ...]
    audit: Mapping[str, Any]
    ignored: tuple[str, ...] = ()
    unlabelled: str | None = None
    seed: int = 51
    resamples: int = 1000
    rescore: bool = False

    def predictions(self, architecture: str | None) -> dict[str, Any]:
        """The parameters of `config.CrossValidation`."""
        return {**self.audit, "architecture": architecture, "seed": self.seed}


def measure(settings: Settings, work: Path, progress: Progress) -> dict[str, Any]:
    """Plants, audits and judges; what an earlier call has done with the same settings is used.

    Args:
        settings: what to measure
        work: folder for the copies of masks
        progress: told how far each stage is

    Returns:
        JSON-serialisable: ``images``, ``classes``, ``unlabelled``, ``settings``, ``left_out`` (kind to the reason),
        ``results`` (one for each kind and architecture: see `_judge`) and ``suspects`` (architecture to ``worst`` and
        ``all``, each as `benchmark.summarise_findings` returns it; only where runs have suspects)

    Raises:
        LabelQualityError: bad input
    """
    for architecture in settings.architectures:
        resolve_preset(CrossValidation.from_params(settings.predictions(architecture)))
    samples = _true_samples(settings)
    left_out = _left_out(settings, samples)
    kinds = [kind for kind in ERROR_KINDS if kind in settings.rates and kind not in left_out]
    # All of them before the first audit: a rate that cannot be met is said in seconds, not after hours
    planted = {
        kind: plant_errors(
            samples, kind, settings.rates[kind], work / "masks", seed=_seed(settings, kind), progress=progress
        )
        for kind in kinds
    }
    judged = [
        _judge(samples, kind, architecture, planted[kind], settings, progress)
        for kind in kinds
        for architecture in settings.architectures
    ]
    table = samples.class_table
    return {
        "images": len(samples),
        "classes": list(table.names),
        "unlabelled": None if table.unlabelled is None else table.names[table.unlabelled],
        "settings": _described(settings),
        "left_out": left_out,
        "results": [result for result, _ in judged],
        "suspects": _suspects(judged),
    }


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


def _true_samples(settings: Settings) -> SegmentationSamples:
    """The user's images and masks, in a dataset of the benchmark's own."""
    classes = load_classes(settings.classes) if settings.classes else {}
    name = f"true-{content_digest(str(settings.images.resolve()), str(settings.masks.resolve()))}"
    dataset = dataset_from_folders(name, settings.images, settings.masks, classes)
    return _open(dataset.exists(LABEL_FIELD), settings)


def _open(collection: Any, settings: Settings) -> SegmentationSamples:
    return open_samples(collection, LABEL_FIELD, ignored=settings.ignored, unlabelled=settings.unlabelled)


def _left_out(settings: Settings, samples: SegmentationSamples) -> dict[str, str]:
    """The kinds of errors that are asked for and that this dataset cannot have."""
    if DROP not in settings.rates or samples.class_table.unlabelled is not None:
        return {}
    reason = "no class is unlabelled, so nothing can be dropped to it; name it with --unlabelled"
    return {DROP: reason}


def _seed(settings: Settings, kind: str) -> int:
    """Another seed for each kind, so that they do not get the same images."""
    return settings.seed + ERROR_KINDS.index(kind)


def _judge(
    samples: SegmentationSamples,
    kind: str,
    architecture: str | None,
    planted: Mapping[int, NoisyMask],
    settings: Settings,
    progress: Progress,
) -> tuple[dict[str, Any], dict[str, list[Finding]]]:
    """One audit: its figures, and the findings on its mislabelled images, ``all`` and those that rank ``worst``."""
    began = time.monotonic()
    dataset, parameters = _noisy_dataset(samples, kind, planted), settings.predictions(architecture)
    key = f"run_{content_digest(parameters)}"
    print(f"{kind.capitalize()}, {architecture or 'own decoder'}: {len(planted)} errors", file=sys.stderr, flush=True)
    _audit(dataset, key, settings, parameters, progress)
    quality, scores = _scores(dataset, key)
    is_error = np.isin(np.arange(len(samples)), list(planted))
    result = {
        "kind": kind,
        "architecture": architecture,
        "errors": len(planted),
        "seconds": time.monotonic() - began,
        "dataset": dataset.name,
        "run": key,
        "scores": {
            name: {metric: dataclasses.asdict(estimate) for metric, estimate in metrics.items()}
            for name, metrics in evaluate_scores(
                is_error, scores, resamples=settings.resamples, seed=settings.seed
            ).items()
        },
        "is_error": is_error.tolist(),
        "values": {name: values.tolist() for name, values in scores.items()},
    }
    return result, _findings(samples, dataset, key, planted, lowest(quality, len(planted)), settings)


def _audit(dataset: Any, key: str, settings: Settings, parameters: Mapping[str, Any], progress: Progress) -> None:
    """Audits what is not audited yet; scores a finished run again, from the predictions that it has, if asked to."""
    chosen = {"key": key, "progress": progress, "ignored": settings.ignored, "unlabelled": settings.unlabelled}
    finished = any(record.key == key and record.status == "complete" for record in list_runs(dataset))
    if settings.rescore and finished:
        score_label_quality(dataset, LABEL_FIELD, overwrite=True, **chosen)
    audit_labels(dataset, LABEL_FIELD, **chosen, **parameters)


def _noisy_dataset(samples: SegmentationSamples, kind: str, planted: Mapping[int, NoisyMask]) -> Any:
    """The dataset whose masks are the user's own but for the planted ones, in the order of the samples."""
    folder = next(iter(planted.values())).path.parent
    if fo.dataset_exists(folder.name):
        dataset = fo.load_dataset(folder.name)
        if dataset.info.get(_COMPLETE):
            return dataset
        fo.delete_dataset(folder.name)
    dataset = fo.Dataset(folder.name, persistent=True)
    dataset.mask_targets = {LABEL_FIELD: samples.class_table.mask_targets()}
    dataset.add_sample_field(TRUTH_FIELD, fo.StringField)
    dataset.add_samples([_noisy_sample(samples, i, planted.get(i)) for i in range(len(samples))], progress=False)
    dataset.info[_COMPLETE] = True
    dataset.save()
    return dataset


def _noisy_sample(samples: SegmentationSamples, position: int, noisy: NoisyMask | None) -> fo.Sample:
    path = samples.mask_paths[position] if noisy is None else str(noisy.path)
    truth = {TRUTH_FIELD: None if noisy is None else noisy.error.kind}
    return fo.Sample(samples.image_paths[position], **{LABEL_FIELD: fo.Segmentation(mask_path=path)}, **truth)


def _scores(dataset: Any, key: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The quality and all scores that the run has, image by image; NaN where there is none."""
    names = [name for name in SCORES if dataset.has_sample_field(field_name(key, name))]
    quality, *columns = dataset.values([field_name(key, name) for name in ("quality", *names)])
    scores = [np.array(column, dtype=float) for column in columns]
    return np.array(quality, dtype=float), dict(zip(names, scores, strict=True))


def _findings(
    samples: SegmentationSamples,
    dataset: Any,
    key: str,
    planted: Mapping[int, NoisyMask],
    worst: np.ndarray,
    settings: Settings,
) -> dict[str, list[Finding]]:
    """Nothing where the run has no suspects."""
    if not dataset.has_sample_field(field_name(key, "suspects")):
        return {}
    noisy = _open(dataset, settings)
    findings = {
        position: _finding(samples, noisy, dataset[noisy.ids[position]], key, position, one.error.kind)
        for position, one in planted.items()
    }
    ranked_worst = set(worst.tolist())
    return {"worst": [one for i, one in findings.items() if i in ranked_worst], "all": list(findings.values())}


def _finding(
    samples: SegmentationSamples, noisy: SegmentationSamples, sample: Any, key: str, position: int, kind: str
) -> Finding:
    clean, given = samples.load_labels(position), noisy.load_labels(position)
    regions = found_regions(sample, key, samples.class_table.names, (clean.shape[0], clean.shape[1]))
    return assess_suspects(kind, clean, given, regions, sample[field_name(key, "error_type")])


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
    )


def _suspects(judged: list[tuple[dict[str, Any], dict[str, list[Finding]]]]) -> dict[str, dict[str, Any]]:
    """The findings of all kinds of errors together, for each architecture."""
    together: dict[str, dict[str, list[Finding]]] = {}
    for result, findings in judged:
        groups = together.setdefault(result["architecture"] or "default", {}) if findings else {}
        for name, some in findings.items():
            groups.setdefault(name, []).extend(some)
    return {
        architecture: {name: summarise_findings(some) for name, some in groups.items()}
        for architecture, groups in together.items()
    }


def _described(settings: Settings) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings), default=str))
    return described
