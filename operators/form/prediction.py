"""The part of a form that says where out-of-sample predictions come from."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import fiftyone as fo

from ...plugin.base.errors import LabelQualityError
from ...plugin.base.parameters import table
from ...plugin.benchmark.config import BenchmarkConfig
from ...plugin.models.config import ModelSource
from ...plugin.predictions.config import PREDICTION_SOURCES, FilesSource
from ...plugin.records.run_record import RunRecord
from ...plugin.runs.request import Stages
from ...plugin.samples.checks import label_fields
from ...plugin.samples.together import is_of_frames
from ...plugin.training.config import OF_AUDITS, CrossValidation
from .estimates import describe_cross_validation, describe_model, describe_scoring, engine, size_of
from .forms import Form, fields_of, run_labels

_SIZES = ("input_size", "tile", "batch_size", "device")


def source(form: Form) -> str:
    """The choice of the source; an unknown one is an error in the form."""
    one = table(Stages)["source"]
    return form.choice("source", one.label, one.choices, one.help, one.default, radio=True)


def essentials(form: Form, chosen: str, samples: Any, label_field: str) -> None:
    """The inputs of a source that cannot do without an answer."""
    if chosen == ModelSource.source:
        _model(form)
    elif chosen == FilesSource.source:
        _files(form, samples, label_field)


def stored(form: Form, runs: list[RunRecord]) -> None:
    """The choice of the run whose stored predictions are scored."""
    labels = run_labels(runs)
    waiting = [run.key for run in runs if run.status == "predicted"]
    default = next(reversed(waiting or list(labels)), None)
    one = table(Stages)["predictions"]
    key = form.choice("predictions", one.label, labels, default=default, check=False)
    if not labels:
        form.fail("predictions", "There are no stored predictions yet: compute them first, or audit the dataset.")
    elif key not in labels:
        form.fail("predictions", f"There is no run '{key}'. Choose one of {', '.join(labels)}.")


def advanced(form: Form, chosen: str, samples: Any) -> None:
    """The inputs of a source that have a good default."""
    if chosen == CrossValidation.source:
        cross_validation(form, samples)
    elif chosen == ModelSource.source:
        _model_details(form)
    elif chosen == FilesSource.source:
        form.ask(FilesSource, "content", "class_map")


def cross_validation(form: Form, samples: Any, several: bool = False) -> None:
    """The inputs of cross-validation.

    Args:
        form: the form
        samples: the dataset or view to work on
        several: whether the predictions of several architectures are asked for
    """
    _folds(form, samples)
    if not several:
        form.ask(CrossValidation, *OF_AUDITS)
    _training(form, several)


def check(form: Form, chosen: str, samples: Any, images: int, scored: bool = True) -> None:
    """Checks the source's inputs together, and says what will happen if nothing is wrong.

    Args:
        form: the form
        chosen: the source
        samples: the dataset or view to work on
        images: how many of them have a mask
        scored: whether the run scores them too
    """
    if chosen not in PREDICTION_SOURCES:
        return
    config = form.config(PREDICTION_SOURCES[chosen], fallback="source")
    if isinstance(config, CrossValidation):
        check_folds(form, config, samples, images)
    if config is None or not form.valid:
        return
    try:
        if (form.value("encoder") or form.value("architecture")) and engine() is not None:
            config.check()
        form.notice("plan", _plan(config, images, size_of(samples), scored))
    except LabelQualityError as error:
        form.fail_as(error, fallback="device")


def _plan(config: Any, images: int, size: tuple[int, int], scored: bool) -> str:
    if isinstance(config, CrossValidation):
        return describe_cross_validation(config, images, size, scored)
    if isinstance(config, ModelSource):
        return describe_model(config, images, size, scored)
    return describe_scoring(images, size)


def check_folds(form: Form, config: CrossValidation, samples: Any, images: int) -> None:
    """Marks what of the folds and the weights does not fit the samples."""
    if images < config.folds:
        form.fail(
            "folds", f"Expected at most as many folds as images with a mask, but got {config.folds} folds for {images}."
        )
    if config.group_field is not None and samples.has_field(config.group_field):
        groups = len(samples.distinct(config.group_field))
        if groups < config.folds:
            form.fail(
                "folds",
                f"Expected at most as many folds as groups, but got {config.folds} folds for the {groups} "
                f"values of '{config.group_field}'.",
            )
    if config.weights not in (None, "imagenet"):
        form.existing_path("weights")


def _model(form: Form) -> None:
    model = form.ask(ModelSource, "model")
    if not model:
        form.fail("model", "Enter the path or the name of the model.")
    elif _looks_like_file(model):
        form.existing_path("model")
    if not form.ask(ModelSource, "out_of_sample"):
        form.warning(
            "out_of_sample",
            "A model that was trained on these samples has learned their errors, and finds fewer of them. Unless you "
            "confirm that it was not, the run is marked as maybe not out-of-sample.",
        )


def _looks_like_file(model: str) -> bool:
    # A Hugging Face name has one slash and no suffix, "org/name"; anything else with a separator is meant as a path
    suffixes = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".ts", ".torchscript")
    return model.endswith(suffixes) or model.startswith((os.sep, "~", ".")) or model.count("/") > 1


def _model_details(form: Form) -> None:
    kind = form.ask(ModelSource, "kind")
    if kind == "huggingface" and importlib.util.find_spec("transformers") is None:
        form.fail("kind", "Hugging Face models need the package transformers: pip install transformers")
    form.ask(ModelSource, "architecture", "encoder", "class_map", *_SIZES, "mean", "std", "trust")


def _files(form: Form, samples: Any, label_field: str) -> None:
    paths = [name for name in fields_of(samples, fo.StringField) if name != "filepath"]
    masks = {name: words for name, words in label_fields(samples).items() if name != label_field}
    labels = {name: f"{name} (paths of .npy or .npz files)" for name in paths}
    labels |= {name: f"{name} (predicted masks)" if words == name else words for name, words in masks.items()}
    one = table(FilesSource)["field"]
    name = form.choice("field", one.label, labels, one.help, check=False)
    if not labels:
        form.fail("field", "The dataset has no string field with paths and no second segmentation field.")
    elif name is None:
        form.fail("field", "Choose the field that holds the predictions.")
    elif name not in labels:
        form.fail("field", _field_problem(samples, name, label_field, list(labels)))
    elif name in masks:
        form.notice("masks", "Predicted masks without probabilities give two of the scores: CCP and IoU.")
    else:
        _check_first_file(form, samples, name)
    if not form.ask(FilesSource, "out_of_sample"):
        form.warning("out_of_sample", "The run will be marked as maybe not out-of-sample.")


def _field_problem(samples: Any, name: str, label_field: str, expected: list[str]) -> str:
    if name == label_field:
        return f"The predictions cannot be the given masks '{name}' themselves."
    if not samples.has_field(name):
        return f"The dataset has no field '{name}'. Choose one of {', '.join(expected)}."
    return f"Expected field '{name}' to hold paths (strings) or predicted masks (Segmentation labels or instances)."


def _check_first_file(form: Form, samples: Any, name: str) -> None:
    """Opens the first file: a wrong folder or format shows before the run starts."""
    from ...plugin.predictions.files import channels_of
    from ...plugin.predictions.readers import file_path

    first = samples.exists(name).limit(1).values(["id", "filepath", name])
    if not first[0]:
        form.fail("field", f"The field '{name}' is empty on all samples.")
        return
    sample_id, image_path, value = (column[0] for column in first)
    try:
        channels_of(file_path(value, image_path, name, sample_id), sample_id)
    except LabelQualityError as error:
        form.fail("field", str(error))


def _folds(form: Form, samples: Any) -> None:
    form.heading("folds", "Cross-validation")
    form.ask(CrossValidation, "folds", "seed")
    if form.ask(CrossValidation, "blocks"):
        order = form.ask(CrossValidation, "block_size", "order_field")
        if not samples.has_field(order):
            form.fail("order_field", f"The dataset has no field '{order}'.")
    else:
        kinds = (fo.StringField, fo.IntField, fo.BooleanField, fo.ObjectIdField)
        fields = [name for name in fields_of(samples, *kinds) if name != "filepath"]
        if not _group_field(form, samples, fields) and is_of_frames(samples):
            form.notice("frames", "These images are frames of videos: the frames of a video stay in one fold.")


def _group_field(form: Form, samples: Any, fields: list[str]) -> Any:
    """The field to group by, or None."""
    name = form.value("group_field")
    known = name is not None and samples.has_field(name)
    one = table(CrossValidation)["group_field"]
    offered = [*fields, name] if known and name not in fields else fields
    form.choice("group_field", one.label, offered, one.help, check=False)
    if name is not None and not known:
        form.fail("group_field", f"The dataset has no field '{name}'. Group by one of {', '.join(fields) or 'none'}.")
    return name


def _training(form: Form, several: bool) -> None:
    form.heading("training", "Training")
    preset = form.ask(CrossValidation, "preset")
    form.ask(*((BenchmarkConfig, "architectures") if several else (CrossValidation, "architecture")))
    form.ask(CrossValidation, "encoder", "weights", *_SIZES, "epochs", "learning_rate")
    if preset != "fast":
        form.ask(CrossValidation, "augment", "mixed_precision")
    if preset != "paper":
        form.ask(CrossValidation, "mirror")
