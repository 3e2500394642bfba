"""The part of a form that says where out-of-sample predictions come from."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

import fiftyone as fo

from ...plugin.base.errors import LabelQualityError
from ...plugin.dataset.run_record import RunRecord
from ...plugin.models.config import ModelSource
from ...plugin.predictions.config import PREDICTION_SOURCES, FilesSource
from ...plugin.samples.checks import segmentation_fields
from ...plugin.training.config import CrossValidation
from .estimates import describe_cross_validation, describe_model, describe_scoring
from .forms import Form, fields_of, when

SOURCES = {
    CrossValidation.source: "Train models on this dataset (cross-validation)",
    ModelSource.source: "Use a model I have",
    FilesSource.source: "Use predictions I have stored",
}
DEFAULT = CrossValidation.source
_PRESETS = {
    "auto": "Automatic: paper where a GPU is, else fast",
    "fast": "Fast: frozen encoder, a light decoder for each fold",
    "paper": "Paper: full fine-tuning, the most accurate, wants a GPU",
}
_ARCHITECTURES = {
    "auto": "Of segmentation-models-pytorch; empty for the preset's own",
    "fast": "Of the decoder: FPN or DeepLabV3Plus; empty for a light pyramid",
    "paper": "Of segmentation-models-pytorch; empty for DeepLabV3Plus",
}
_KINDS = {
    "auto": "Tell by the file",
    "smp": "segmentation-models-pytorch checkpoint",
    "torchscript": "TorchScript file",
    "fiftyone": "FiftyOne zoo model",
    "huggingface": "Hugging Face model",
}


def source(form: Form) -> str:
    """The choice of the source; an unknown one is an error in the form."""
    return form.choice("source", "Predictions", SOURCES, "What the given masks are compared with", DEFAULT, radio=True)


def essentials(form: Form, chosen: str, samples: Any, label_field: str) -> None:
    """The inputs of a source that cannot do without an answer."""
    if chosen == ModelSource.source:
        _model(form)
    elif chosen == FilesSource.source:
        _files(form, samples, label_field)


def stored(form: Form, runs: list[RunRecord]) -> None:
    """The choice of the run whose stored predictions are scored."""
    labels = {run.key: f"{run.key} (of {run.label_field}, {when(run)})" for run in runs}
    waiting = [run.key for run in runs if run.status == "predicted"]
    default = next(reversed(waiting or list(labels)), None)
    key = form.choice("predictions", "Predictions of run", labels, default=default, check=False)
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
        form.choice("content", "The arrays hold", ("auto", "probabilities", "logits"), default="auto")
        form.text("class_map", "Class map", "Channel to class, as '0: road, 1: car'; empty where they are the same")


def cross_validation(form: Form, samples: Any, several: bool = False) -> None:
    """The inputs of cross-validation.

    Args:
        form: the form
        samples: the dataset or view to work on
        several: whether the predictions of several architectures are asked for
    """
    _folds(form, samples)
    _training(form, several)


def check(form: Form, chosen: str, samples: Any, images: int) -> None:
    """Checks the source's inputs together, and says what will happen if nothing is wrong."""
    if chosen not in PREDICTION_SOURCES:
        return
    config = form.config(PREDICTION_SOURCES[chosen], fallback="source")
    if isinstance(config, CrossValidation):
        check_folds(form, config, samples, images)
    if not form.valid:
        return
    try:
        form.notice("plan", _plan(config, images))
    except LabelQualityError as error:
        form.fail_as(error, fallback="device")


def _plan(config: Any, images: int) -> str:
    if isinstance(config, CrossValidation):
        return describe_cross_validation(config, images)
    return describe_model(config, images) if isinstance(config, ModelSource) else describe_scoring(images)


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
    model = form.text(
        "model", "Model", "A checkpoint's path, a FiftyOne zoo model's name, or a Hugging Face model's name or folder"
    )
    if not model:
        form.fail("model", "Enter the path or the name of the model.")
    elif _looks_like_file(model):
        form.existing_path("model")
    out_of_sample = form.flag("out_of_sample", "The model has never seen these samples in its training")
    if not out_of_sample:
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
    kind = form.choice("kind", "Kind of model", _KINDS, default="auto")
    if kind == "huggingface" and importlib.util.find_spec("transformers") is None:
        form.fail("kind", "Hugging Face models need the package transformers: pip install transformers")
    form.text(
        "architecture", "Architecture", "Of segmentation-models-pytorch, for a checkpoint that holds only weights"
    )
    form.text("encoder", "Encoder", "Likewise, such as resnet34")
    form.text("class_map", "Class map", "The model's class to the dataset's, as '0: road, 1: car'; empty matches names")
    _sizes(form)
    form.text("mean", "Mean", "Per channel, as '0.485, 0.456, 0.406'", half=True)
    form.text("std", "Standard deviation", "Likewise", half=True)
    form.flag("trust", "Run code from the model's file", "Some files can only be loaded so; say yes to files you trust")


def _files(form: Form, samples: Any, label_field: str) -> None:
    paths = [name for name in fields_of(samples, fo.StringField) if name != "filepath"]
    masks = [name for name in segmentation_fields(samples) if name != label_field]
    labels = {name: f"{name} (paths of .npy or .npz files)" for name in paths}
    labels |= {name: f"{name} (predicted masks)" for name in masks}
    name = form.choice(
        "field", "Field of the predictions", labels, "Paths of probability files, or predicted masks", check=False
    )
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
    if not form.flag("out_of_sample", "No prediction comes from a model trained on that same sample", default=True):
        form.warning("out_of_sample", "The run will be marked as maybe not out-of-sample.")


def _field_problem(samples: Any, name: str, label_field: str, expected: list[str]) -> str:
    if name == label_field:
        return f"The predictions cannot be the given masks '{name}' themselves."
    if not samples.has_field(name):
        return f"The dataset has no field '{name}'. Choose one of {', '.join(expected)}."
    return f"Expected field '{name}' to hold paths (strings) or predicted masks (Segmentation labels)."


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
    form.whole(
        "folds", "Folds", "Number of models; each predicts the part it was not trained on", CrossValidation.folds
    )
    form.whole("seed", "Seed", "The same seed gives the same folds and weights", CrossValidation.seed)
    blocks = form.flag("blocks", "The images are frames of a video", "Keeps neighbouring frames in one fold")
    if blocks:
        form.whole("block_size", "Frames a block", "Empty: a quarter of a fold")
        form.text("order_field", "Order of the frames", "The field that orders them", default="filepath")
        order = form.value("order_field", "filepath")
        if not samples.has_field(order):
            form.fail("order_field", f"The dataset has no field '{order}'.")
    else:
        kinds = (fo.StringField, fo.IntField, fo.BooleanField, fo.ObjectIdField)
        fields = [name for name in fields_of(samples, *kinds) if name != "filepath"]
        _group_field(form, samples, fields)


def _group_field(form: Form, samples: Any, fields: list[str]) -> None:
    name = form.value("group_field")
    known = name is not None and samples.has_field(name)
    form.choice(
        "group_field",
        "Group by",
        [*fields, name] if known and name not in fields else fields,
        "Samples with the same value (patient, scene, video) stay in one fold",
        check=False,
    )
    if name is not None and not known:
        form.fail("group_field", f"The dataset has no field '{name}'. Group by one of {', '.join(fields) or 'none'}.")


def _training(form: Form, several: bool) -> None:
    form.heading("training", "Training")
    preset = form.choice("preset", "Preset", _PRESETS, default="auto")
    which = _ARCHITECTURES.get(preset, _ARCHITECTURES["auto"])
    if several:
        form.text("architectures", "Architectures", f"Separated by commas. {which}")
    else:
        form.text("architecture", "Architecture", which, half=True)
    form.text("encoder", "Encoder", "Empty for the preset's own", half=True)
    form.text("weights", "Encoder weights", "imagenet, a weights file, or none", CrossValidation.weights)
    _sizes(form)
    form.whole("epochs", "Epochs at most", "Empty for the preset's own")
    form.number("learning_rate", "Learning rate", "Empty for the preset's own")
    if preset != "fast":
        form.flag("augment", "Augment the training images", default=True)


def _sizes(form: Form) -> None:
    form.whole("input_size", "Input size", "Longest side of an image as the model sees it, in pixels")
    form.whole("tile", "Tile size", "Side of the tiles that larger images are cut into; empty for none")
    form.whole("batch_size", "Batch size", "Images a step")
    form.text("device", "Device", "auto, cpu, cuda or cuda:N", "auto", half=True)
