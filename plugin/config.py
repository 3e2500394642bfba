"""What a run is asked to do: the parameters of predictions and scores, validated before any work starts."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from .errors import LabelQualityError
from .foreign_files import check_path

#: The seven methods of the paper, in its order, and class-pair evidence; each is the field ``<key>_<name>``
SCORES = ("ccp", "tccp", "cil", "clc", "iou", "coco", "softmin", "evidence")
#: The scores that need no probabilities, only a predicted class per pixel
LABEL_ONLY_SCORES = ("ccp", "iou")
#: The scores that are also given per given class
PER_CLASS_SCORES = ("ccp", "cil", "softmin", "iou")
DEFAULT_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))

C = TypeVar("C", bound="Config")


@dataclass(frozen=True)
class Config:
    """Base of the parameter groups: built from keyword arguments, hashed by content."""

    #: Parameters that say where and how fast the work runs, not what it computes: no part of the digest
    execution_only: ClassVar[tuple[str, ...]] = ()

    def validate(self) -> None:
        """Raises `LabelQualityError` naming the first parameter that is out of range."""

    def __post_init__(self) -> None:
        self.validate()

    @classmethod
    def from_params(cls: type[C], params: Mapping[str, Any]) -> C:
        """Builds the config; raises `LabelQualityError` for a parameter it does not know."""
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(params) - names)
        if unknown:
            raise LabelQualityError(
                f"Unknown parameter {', '.join(map(repr, unknown))}; expected one of {', '.join(sorted(names))}."
            )
        return cls(**{name: _hashable(value) for name, value in params.items()})

    def to_dict(self) -> dict[str, Any]:
        """The parameters as JSON-serialisable values."""
        return json.loads(json.dumps(dataclasses.asdict(self), default=str))

    def digest(self) -> str:
        """Twelve hex digits that change exactly when a parameter that affects the results does."""
        content = {name: value for name, value in self.to_dict().items() if name not in self.execution_only}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class CrossValidation(Config):
    """Out-of-sample predictions by K-fold cross-validation.

    Args:
        folds: number of folds K, at least 2
        seed: seed of the fold assignment, the initial weights and the batches
        group_field: samples with the same value of this field stay in one fold (patient, scene, video)
        blocks: the samples are frames in order; blocks of consecutive frames stay in one fold
        block_size: frames a block; by default a block is a quarter of a fold
        order_field: the field that orders the frames
        preset: ``fast`` (frozen encoder, cached features, a light decoder a fold), ``paper`` (full fine-tuning), or
            ``auto`` (``paper`` where a GPU is, else ``fast``)
        architecture: decoder of segmentation-models-pytorch, ``DeepLabV3Plus`` or ``FPN`` for ``fast``, or None for the
            preset's own: a light pyramid for ``fast``, ``DeepLabV3Plus`` for ``paper``
        encoder: encoder name of segmentation-models-pytorch, or None for the preset's own
        weights: ``imagenet``, a weights file, or None for random initialisation
        input_size: longest side of an image as the model sees it, in pixels, or None for the preset's own
        tile: side of the tiles that larger images are cut into, in pixels, or None for no tiling
        epochs: most epochs a fold trains, or None for the preset's own
        batch_size: images a training step, or None for the preset's own
        learning_rate: peak learning rate, or None for the preset's own
        augment: random flips, crops and photometric changes while training; only for ``paper``
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
        only_folds: train and predict these folds now and leave the others for a later call
    """

    source: ClassVar[str] = "cross_validation"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "only_folds")

    folds: int = 5
    seed: int = 51
    group_field: str | None = None
    blocks: bool = False
    block_size: int | None = None
    order_field: str = "filepath"
    preset: str = "auto"
    architecture: str | None = None
    encoder: str | None = None
    weights: str | None = "imagenet"
    input_size: int | None = None
    tile: int | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    augment: bool = True
    device: str = "auto"
    only_folds: tuple[int, ...] | None = None

    def validate(self) -> None:
        _require(self.folds >= 2, "folds", "at least 2", self.folds)
        _require(self.preset in ("auto", "fast", "paper"), "preset", "'auto', 'fast' or 'paper'", self.preset)
        _require(not (self.blocks and self.group_field), "blocks", "False where group_field is given", self.blocks)
        for name, least in (("block_size", 1), ("input_size", 32), ("tile", 64), ("epochs", 1), ("batch_size", 1)):
            value = getattr(self, name)
            _require(value is None or value >= least, name, f"at least {least}", value)
        _require(self.learning_rate is None or self.learning_rate > 0, "learning_rate", "positive", self.learning_rate)
        check_path(self.weights, "weights")
        folds = self.only_folds or ()
        _require(all(0 <= f < self.folds for f in folds), "only_folds", f"folds of 0..{self.folds - 1}", folds)


@dataclass(frozen=True)
class ModelSource(Config):
    """Predictions of a model that the user has.

    Args:
        model: a checkpoint's path, a FiftyOne zoo model's name, or a Hugging Face model's name or folder
        kind: ``smp``, ``torchscript``, ``fiftyone``, ``huggingface``, or ``auto`` to tell by the file
        architecture: of segmentation-models-pytorch, for a checkpoint that holds only weights
        encoder: likewise
        class_map: the model's class (name or output index, as a string) to a class name or mask value of the dataset;
            None maps equal names, or index to index where the model has no names and as many outputs as classes
        mean: per-channel mean of the model's input, for pixel values in [0, 1]; None for the model's own or ImageNet's
        std: likewise the standard deviation
        input_size: longest side of an image as the model sees it, or None for the image's own size
        tile: side of the tiles that larger images are cut into, or None for no tiling
        batch_size: images a forward pass
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``
        out_of_sample: the user's word that the model was not trained on these samples
        trust: allow files that run code when they are loaded
    """

    source: ClassVar[str] = "model"
    execution_only: ClassVar[tuple[str, ...]] = ("device", "batch_size")

    model: str = ""
    kind: str = "auto"
    architecture: str | None = None
    encoder: str | None = None
    class_map: Mapping[str, str | int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_size: int | None = None
    tile: int | None = None
    batch_size: int = 8
    device: str = "auto"
    out_of_sample: bool = False
    trust: bool = False

    def validate(self) -> None:
        kinds = ("auto", "smp", "torchscript", "fiftyone", "huggingface")
        _require(bool(self.model), "model", "a path or a name", self.model)
        check_path(self.model, "model")
        _require(self.kind in kinds, "kind", f"one of {', '.join(kinds)}", self.kind)
        for name, least in (("input_size", 32), ("tile", 64), ("batch_size", 1)):
            value = getattr(self, name)
            _require(value is None or value >= least, name, f"at least {least}", value)


@dataclass(frozen=True)
class FilesSource(Config):
    """Predictions that the user has stored.

    Args:
        field: a string field with the path of each sample's ``.npy`` / ``.npz`` array (K, H, W), or a segmentation
            field with predicted masks
        content: ``probabilities``, ``logits``, or ``auto`` to tell by the values
        class_map: as in `ModelSource`, from the file's channel index
        out_of_sample: the user's word that no prediction comes from a model trained on that same sample
    """

    source: ClassVar[str] = "files"

    field: str = ""
    content: str = "auto"
    class_map: Mapping[str, str | int] | None = None
    out_of_sample: bool = True

    def validate(self) -> None:
        _require(bool(self.field), "field", "the name of a field", self.field)
        contents = ("auto", "probabilities", "logits")
        _require(self.content in contents, "content", f"one of {', '.join(contents)}", self.content)


PredictionConfig = CrossValidation | ModelSource | FilesSource
PREDICTION_SOURCES: dict[str, type[CrossValidation] | type[ModelSource] | type[FilesSource]] = {
    source.source: source for source in (CrossValidation, ModelSource, FilesSource)
}


@dataclass(frozen=True)
class ScoreConfig(Config):
    """Which scores, and the choices that the paper leaves open.

    Args:
        scores: any subset of `SCORES`
        temperature: of softmin; smaller is closer to the minimum
        thresholds: of thresholded CCP, each in (0, 1)
        pooling: side of the blocks that CLC and CoCo pool over; 1 for full resolution
        clc_rule: which pixels confident learning flags: ``cleanlab`` (as many of the lowest as are confidently of
            another class, which ranks images better by AUROC and AUPRC for all three kinds of injected errors) or
            ``joint`` (off-diagonal of the confident joint)
        coco_average: ``components``, or ``classes`` to average within each given class first
        per_class: also write CCP, CIL, softmin and IoU per given class
        workers: threads that decode, score and write; None for one a core
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    scores: tuple[str, ...] = SCORES
    temperature: float = 0.1
    thresholds: tuple[float, ...] = DEFAULT_THRESHOLDS
    pooling: int = 4
    clc_rule: str = "cleanlab"
    coco_average: str = "components"
    per_class: bool = True
    workers: int | None = None

    def validate(self) -> None:
        unknown = [score for score in self.scores if score not in SCORES]
        _require(bool(self.scores) and not unknown, "scores", f"some of {', '.join(SCORES)}", list(self.scores))
        _require(self.temperature > 0, "temperature", "positive", self.temperature)
        thresholds = list(self.thresholds)
        _require(bool(thresholds) and all(0 < t < 1 for t in thresholds), "thresholds", "each in (0, 1)", thresholds)
        _require(self.pooling >= 1, "pooling", "at least 1", self.pooling)
        _require(self.clc_rule in ("joint", "cleanlab"), "clc_rule", "'joint' or 'cleanlab'", self.clc_rule)
        averages = ("components", "classes")
        _require(self.coco_average in averages, "coco_average", "'components' or 'classes'", self.coco_average)
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)


@dataclass(frozen=True)
class SuspectConfig(Config):
    """Which regions of an image are suspects. Sizes are shares of the image, so that its resolution does not matter.

    Args:
        min_evidence: the least evidence of all of an image's regions of the same two classes, summed over their pixels,
            in nats per pixel of the image; each has at least a fifth of it. 0.0075 is 0.3 % of the image that the model
            contradicts by 90 to 5 percent, or 3.6 % of it by 60 to 30 percent
        min_area: the least share of the image's pixels that a region covers
        max_regions: at most so many of an image, those of the most evidence; None for all
        workers: threads that search; None for one a core
    """

    execution_only: ClassVar[tuple[str, ...]] = ("workers",)

    min_evidence: float = 0.0075
    min_area: float = 0.001
    max_regions: int | None = 50
    workers: int | None = None

    def validate(self) -> None:
        _require(self.min_evidence >= 0, "min_evidence", "at least 0", self.min_evidence)
        _require(0 <= self.min_area <= 1, "min_area", "in [0, 1]", self.min_area)
        some = self.max_regions is None or self.max_regions >= 1
        _require(some, "max_regions", "at least 1, or None for all", self.max_regions)
        _require(self.workers is None or self.workers >= 1, "workers", "at least 1", self.workers)


def _require(condition: bool, name: str, expected: str, found: object) -> None:
    if not condition:
        raise LabelQualityError(f"Expected parameter `{name}` to be {expected}, but got {found!r}.")


def _hashable(value: Any) -> Any:
    return tuple(_hashable(item) for item in value) if isinstance(value, list) else value
