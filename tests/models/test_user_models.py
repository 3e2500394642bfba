"""Models in every format that users have them in: saved here for real, loaded, and compared with the model itself."""

from __future__ import annotations

import copy
import json
import os
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.types import Prediction
from label_quality.plugin.labels.class_table import ClassTable
from label_quality.plugin.models.config import ModelSource
from label_quality.plugin.models.huggingface import processed_normalisation, processed_size
from label_quality.plugin.models.networks import IMAGENET_MEAN, IMAGENET_STD
from label_quality.plugin.models.user_models import UserModel, load_model, torch_device
from label_quality.plugin.pixels.resample import to_probabilities
from torch import nn

TABLE = ClassTable.from_targets({0: "road", 1: "sky", 5: "car"})
ENCODER = "tu-mobilenetv3_small_050"
PIXEL = [[4.0, 0.0, -4.0], [0.0, 3.0, 0.0], [-2.0, 0.0, 5.0]]

pytestmark = pytest.mark.usefixtures("one_thread")


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours, which resizing keeps."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 40
    waves = [np.sin(x * generator.uniform(0.5, 2) + y * generator.uniform(0.5, 2) + phase) for phase in range(3)]
    return np.uint8(127 + 120 * np.stack(waves, -1))


class PixelModel(nn.Module):
    """Scores that depend on the colour of the pixel alone, given in the form that ``wrap`` makes."""

    def __init__(self, wrap: Any = lambda scores: scores, classes: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, classes, 1)
        self.wrap = wrap
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor(PIXEL[:classes])[:, :, None, None])
            self.conv.bias.zero_()

    def forward(self, inputs: torch.Tensor) -> Any:
        return self.wrap(self.conv(inputs))


class TraceableModel(nn.Module):
    """The same without ``wrap``, which a trace or a pickle cannot hold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = PixelModel().conv

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.conv(inputs)


def normalised(picture: np.ndarray, mean: Any = IMAGENET_MEAN, std: Any = IMAGENET_STD) -> torch.Tensor:
    values = (picture / 255 - np.array(mean)) / np.array(std)
    return torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32))


def expected_probabilities(module: nn.Module, picture: np.ndarray, **normalisation: Any) -> np.ndarray:
    with torch.inference_mode():
        return module.eval()(normalised(picture, **normalisation)).softmax(1)[0].numpy()


def probabilities(model: UserModel, picture: np.ndarray) -> np.ndarray:
    prediction = model.predict([picture])[0]
    assert prediction.values.dtype == np.float16
    return to_probabilities(prediction, picture.shape[:2])


def source(path: object, **params: Any) -> ModelSource:
    return ModelSource(model=str(path), **params)


def load(module: nn.Module, table: ClassTable = TABLE, **params: Any) -> UserModel:
    return load_model(ModelSource(model="passed", **params), table, model=module)


@pytest.fixture(scope="module")
def smp_model() -> nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    model = smp.create_model("FPN", ENCODER, encoder_weights=None, classes=3).eval()
    with torch.no_grad():
        model.segmentation_head[0].weight.mul_(20)
    return model


@pytest.fixture(scope="module")
def smp_folder(smp_model: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smp")
    smp_model.save_pretrained(folder)
    return folder


SMP = {"architecture": "fpn", "encoder": ENCODER}
PICTURE = image(64, 96)


@pytest.mark.parametrize("nesting", ["plain", "lightning", "data parallel", "with other parts"])
def test_smp_weights_of_training_frameworks(smp_model: nn.Module, tmp_path: Path, nesting: str) -> None:
    weights = smp_model.state_dict()
    content: dict[str, Any] = {
        "plain": weights,
        "lightning": {"state_dict": {f"model.{k}": v for k, v in weights.items()}, "epoch": 3},
        "data parallel": {"model_state_dict": {f"module.{k}": v for k, v in weights.items()}},
        "with other parts": {**{f"net.{k}": v for k, v in weights.items()}, "loss.weight": torch.ones(3)},
    }
    torch.save(content[nesting], tmp_path / "model.pth")
    model = load_model(source(tmp_path / "model.pth", **SMP), TABLE)
    expected = expected_probabilities(smp_model, PICTURE)
    np.testing.assert_allclose(probabilities(model, PICTURE), expected, atol=4e-3)
    assert expected.max() - expected.min() > 0.2


def test_smp_gives_its_logits_at_a_quarter(smp_model: nn.Module, smp_folder: Path) -> None:
    model = load_model(source(smp_folder), TABLE)
    prediction = model.predict([image(50, 90)])[0]
    assert prediction.values.shape == (3, 16, 24) and prediction.kind == "logits"
    assert prediction.geometry.input_size == (64, 96) and prediction.geometry.valid == (50, 90)
    assert prediction.geometry.align_corners
    np.testing.assert_allclose(probabilities(model, PICTURE), expected_probabilities(smp_model, PICTURE), atol=4e-3)


def test_smp_file_beside_its_config_and_a_safetensors_file(smp_folder: Path) -> None:
    by_config = load_model(source(smp_folder / "model.safetensors"), TABLE)
    by_name = load_model(source(smp_folder / "model.safetensors", kind="smp", **SMP), TABLE)
    np.testing.assert_array_equal(by_config.predict([PICTURE])[0].values, by_name.predict([PICTURE])[0].values)
    described = by_name.description
    assert described["kind"] == "smp" and described["classes"] == ["0", "1", "2"]
    assert described["file"] == str(smp_folder / "model.safetensors") and len(described["sha256"]) == 64
    assert described["parameters"] > 100_000
    assert described["sha256"] == load_model(source(smp_folder), TABLE).description["sha256"]
    json.dumps(described)


def test_padding_does_not_reach_far_into_the_image() -> None:
    """A per-pixel model on a size that must be padded says the same everywhere, up to the last pixel."""
    picture = image(37, 53)
    np.testing.assert_allclose(
        probabilities(load(PixelModel()), picture), expected_probabilities(PixelModel(), picture), atol=3e-3
    )


def test_images_of_different_sizes_keep_their_order() -> None:
    sizes = []
    model = load(PixelModel(lambda scores: (sizes.append(tuple(scores.shape)), scores)[1]), batch_size=2)
    sizes.clear()
    pictures = [image(40, 60, 1), image(70, 30, 2), image(64, 64, 3), image(33, 64, 4), image(50, 50, 5)]
    predictions = model.predict(pictures)
    assert sizes == [(2, 3, 64, 64), (2, 3, 64, 64), (1, 3, 96, 32)]
    for picture, prediction in zip(pictures, predictions, strict=True):
        np.testing.assert_allclose(
            to_probabilities(prediction, picture.shape[:2]), expected_probabilities(PixelModel(), picture), atol=3e-3
        )


def test_input_size_and_given_normalisation() -> None:
    normalisation = {"mean": (0.5, 0.4, 0.3), "std": (0.5, 0.25, 1.0)}
    model = load(PixelModel(), input_size=64, **normalisation)
    picture = image(64, 128)
    prediction = model.predict([picture])[0]
    assert prediction.geometry.valid == (32, 64)
    expected = expected_probabilities(PixelModel(), picture, **normalisation)
    np.testing.assert_allclose(probabilities(model, picture)[:, 4:-4, 4:-4], expected[:, 4:-4, 4:-4], atol=0.05)


def test_tiles_give_what_the_whole_image_gives() -> None:
    picture = image(150, 201)
    prediction = load(PixelModel(), tile=64, batch_size=3).predict([picture])[0]
    assert prediction.kind == "probabilities" and prediction.geometry.valid == (150, 201)
    np.testing.assert_allclose(prediction.values, expected_probabilities(PixelModel(), picture), atol=3e-3)


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_torchscript_needs_trust(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.jit.save(torch.jit.trace(TraceableModel(), torch.zeros(1, 3, 64, 64)), str(path))
    with pytest.raises(LabelQualityError, match=r"is a TorchScript archive: .* load it with trust=True"):
        load_model(source(path), TABLE)
    model = load_model(source(path, trust=True), TABLE)
    assert model.description["kind"] == "torchscript" and model.description["trusted"]
    np.testing.assert_allclose(
        probabilities(model, PICTURE), expected_probabilities(TraceableModel(), PICTURE), atol=3e-3
    )


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits(tmp_path: Path, segformer: Any, half: torch.dtype) -> None:
    """Of a checkpoint that is stored in 16 bits transformers makes such a module; images are float32."""
    copy.deepcopy(segformer).to(half).save_pretrained(tmp_path / "folder")
    torch.save(TraceableModel().to(half), tmp_path / "module.pt")
    torch.jit.save(torch.jit.script(TraceableModel().to(half)), str(tmp_path / "script.pt"))
    for name in ("folder", "module.pt", "script.pt"):
        assert np.isfinite(load_model(source(tmp_path / name, trust=True), TABLE).predict([PICTURE])[0].values).all()
    module = load_model(source(tmp_path / "module.pt", trust=True), TABLE)
    np.testing.assert_allclose(
        probabilities(module, PICTURE), expected_probabilities(TraceableModel(), PICTURE), atol=2e-2
    )


class Payload:
    """Unpickling it calls a function."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.call[0], self.call[1:])


@pytest.mark.parametrize("function", [Path.touch, os.mkdir])
def test_code_in_a_pickle_does_not_run(tmp_path: Path, function: Any) -> None:
    path, proof = tmp_path / "model.pth", tmp_path / "proof"
    torch.save({"state_dict": {}, "extra": Payload(function, proof)}, path)
    for kind in ("auto", "smp"):
        with pytest.raises(
            LabelQualityError, match=r"reading it would run code that is in the file, so it was refused"
        ):
            load_model(source(path, kind=kind, **SMP), TABLE)
    assert not proof.exists()
    with pytest.raises(LabelQualityError, match="to hold the weights of a segmentation-models-pytorch model"):
        load_model(source(path, trust=True, **SMP), TABLE)
    assert proof.exists()


def test_whole_pickled_module_needs_trust(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"model": TraceableModel()}, path)
    with pytest.raises(LabelQualityError, match=r"more than weights.*trust=True"):
        load_model(source(path), TABLE)
    model = load_model(source(path, trust=True), TABLE)
    assert model.description["kind"] == "module"
    np.testing.assert_allclose(
        probabilities(model, PICTURE), expected_probabilities(TraceableModel(), PICTURE), atol=3e-3
    )


def test_old_bin_weights_in_a_huggingface_folder_need_trust(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "segformer"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(LabelQualityError, match=r"has no \.safetensors file; .*trust=True"):
        load_model(source(tmp_path), TABLE)


@pytest.fixture(scope="module")
def segformer() -> Any:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    names = {0: "Car", 1: "road", 2: "SKY", 3: "pole"}
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=16,
        id2label=names,
        label2id={name: index for index, name in names.items()},
    )
    model = transformers.SegformerForSemanticSegmentation(config).eval()
    with torch.no_grad():
        model.decode_head.classifier.weight.mul_(1000)
    return model


def test_huggingface_folder(segformer: Any, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    segformer.save_pretrained(tmp_path)
    mean, std = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]
    transformers.SegformerImageProcessor(
        size={"height": 64, "width": 96}, image_mean=mean, image_std=std
    ).save_pretrained(tmp_path)
    model = load_model(source(tmp_path), TABLE)
    prediction = model.predict([image(100, 200)])[0]
    assert prediction.kind == "logits" and prediction.values.shape == (3, 16, 24)
    assert prediction.geometry.input_size == prediction.geometry.valid == (64, 96)
    assert not prediction.geometry.align_corners
    assert model.mapping.channels == (2, 0, 1, -1) and model.mapping.dropped == ("pole",)
    with torch.inference_mode():
        logits = segformer(normalised(PICTURE, mean, std)).logits[:, [1, 2, 0]]
    expected = nn.functional.interpolate(logits, size=(64, 96), mode="bilinear", align_corners=False).softmax(1)[0]
    np.testing.assert_allclose(probabilities(model, PICTURE), expected, atol=4e-3)
    assert float(expected.max() - expected.min()) > 0.2


def test_huggingface_model_of_another_task(tmp_path: Path, segformer: Any) -> None:
    transformers = pytest.importorskip("transformers")
    transformers.SegformerForImageClassification(segformer.config).save_pretrained(tmp_path)
    with pytest.raises(LabelQualityError, match=r"lacks \d+ of the weights .*decode_head.*trained for another task"):
        load_model(source(tmp_path), TABLE)


def test_huggingface_without_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "segformer"}')
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(LabelQualityError, match=r"pip install 'fiftyone-label-quality\[huggingface\]'"):
        load_model(source(tmp_path), TABLE)


def test_huggingface_folder_of_an_unknown_model(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text('{"model_type": "no-such-model"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(LabelQualityError, match=f"Hugging Face model {tmp_path} cannot be loaded: .*no-such-model"):
        load_model(source(tmp_path), TABLE)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, None),
        ({"do_resize": False, "size": {"height": 5, "width": 6}}, None),
        ({"size": {"height": 5, "width": 6, "shortest_edge": None}}, (5, 6)),
        ({"size": {"shortest_edge": 50}}, (50, 100)),
        ({"size": {"shortest_edge": 50, "longest_edge": 80}}, (40, 80)),
        ({"size": {"longest_edge": 20}}, (10, 20)),
    ],
)
def test_size_of_an_image_processor(settings: dict[str, Any], expected: tuple[int, int] | None) -> None:
    rule = processed_size(settings)
    assert (rule((200, 400)) if rule else None) == expected


def test_normalisation_of_an_image_processor() -> None:
    assert processed_normalisation({"do_normalize": False}) == ((0, 0, 0), (1, 1, 1))
    mean, std = processed_normalisation({"do_rescale": False, "image_mean": [51] * 3, "image_std": [255] * 3})
    assert mean == (0.2,) * 3 and std == (1.0,) * 3
    # A processor that rescales to [0, 2] and subtracts 1
    mean, std = processed_normalisation({"rescale_factor": 2 / 255, "image_mean": [1] * 3, "image_std": [1] * 3})
    np.testing.assert_allclose([*mean, *std], 0.5)


def fiftyone_model(**config: Any) -> Any:
    from fiftyone.utils.torch import SemanticSegmenterOutputProcessor, TorchImageModel, TorchImageModelConfig

    params: dict[str, Any] = {
        "model": PixelModel(lambda scores: OrderedDict(out=scores)),
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "output_processor_cls": SemanticSegmenterOutputProcessor,
        "output_processor_args": {"has_softmax_out": False},
        "device": "cpu",
    }
    return TorchImageModel(TorchImageModelConfig({**params, **config}))


@pytest.mark.usefixtures("fiftyone")
def test_fiftyone_model_with_classes() -> None:
    inner = fiftyone_model(classes=["sky", "Road", "car"])
    processor = inner._output_processor
    model = load_model(ModelSource(model="mine", kind="fiftyone"), TABLE, model=inner)
    assert model.mapping.channels == (1, 0, 2) and inner._output_processor is processor
    assert model.description["kind"] == "fiftyone" and model.description["parameters"] == 12
    expected = expected_probabilities(PixelModel(), PICTURE, mean=[0.5] * 3, std=[0.5] * 3)
    found = probabilities(model, PICTURE)
    np.testing.assert_allclose(found, expected[[1, 0, 2]], atol=3e-3)
    labels = inner.predict(PICTURE).mask
    np.testing.assert_array_equal(labels, expected.argmax(0))


@pytest.mark.usefixtures("fiftyone")
def test_fiftyone_model_that_resizes_and_has_mask_targets() -> None:
    inner = fiftyone_model(mask_targets={"1": "road", "2": "sky", "3": "car"}, image_size=[48, 64])
    inner._output_processor.no_background_cls = True
    model = load_model(ModelSource(model="mine"), TABLE, model=inner)
    assert model.mapping.channel_names == ("road", "sky", "car")
    predictions = model.predict([image(60, 80), image(90, 40)])
    assert [prediction.values.shape for prediction in predictions] == [(3, 48, 64)] * 2
    expected = expected_probabilities(PixelModel(), image(60, 80), mean=[0.5] * 3, std=[0.5] * 3)
    np.testing.assert_allclose(to_probabilities(predictions[0], (60, 80)), expected, atol=0.2)


@pytest.mark.usefixtures("fiftyone")
def test_fiftyone_model_errors() -> None:
    boxes = fiftyone_model(model=PixelModel(lambda scores: [{"boxes": scores, "labels": scores}]))
    with pytest.raises(LabelQualityError, match="it gave a list of 1 that begins with a dictionary of boxes, labels"):
        load_model(ModelSource(model="mine"), TABLE, model=boxes)
    with pytest.raises(LabelQualityError, match="mean and std cannot be given for a FiftyOne model"):
        load_model(ModelSource(model="mine", mean=(0, 0, 0)), TABLE, model=fiftyone_model())
    with pytest.raises(LabelQualityError, match=r"Expected a FiftyOne torch model .* but got a dict"):
        load_model(ModelSource(model="mine"), TABLE, model={})
    with pytest.raises(LabelQualityError, match="model zoo has no model 'nobody/nothing'"):
        load_model(ModelSource(model="nobody/nothing", kind="fiftyone"), TABLE)


@pytest.mark.usefixtures("fiftyone")
def test_name_that_is_nothing() -> None:
    with pytest.raises(LabelQualityError, match="model='my-model' is neither a file or folder, nor a model of"):
        load_model(ModelSource(model="my-model"), TABLE)


WRAPPED = {
    "out": lambda scores: {"aux": scores[:, :1], "out": scores},
    "logits": lambda scores: OrderedDict(loss=scores.mean(), logits=scores),
    "tuple": lambda scores: (scores, scores.mean()),
    "softmax": lambda scores: scores.softmax(1),
    "log softmax": lambda scores: scores.log_softmax(1),
    "large": lambda scores: scores + 1e5,
}


@pytest.mark.parametrize("form", WRAPPED)
def test_forms_of_output(form: str) -> None:
    model = load(PixelModel(WRAPPED[form]))
    assert model.predict([PICTURE])[0].kind == ("probabilities" if form == "softmax" else "logits")
    atol = 2e-2 if form == "large" else 3e-3
    np.testing.assert_allclose(probabilities(model, PICTURE), expected_probabilities(PixelModel(), PICTURE), atol=atol)


@pytest.mark.parametrize("sigmoid", [False, True])
def test_one_output_is_the_second_of_two_classes(sigmoid: bool) -> None:
    table = ClassTable.from_targets({0: "background", 255: "crack"})
    model = load(PixelModel(torch.sigmoid if sigmoid else (lambda scores: scores), classes=1), table)
    with torch.inference_mode():
        expected = torch.sigmoid(PixelModel(classes=1)(normalised(PICTURE)))[0, 0].numpy()
    np.testing.assert_allclose(probabilities(model, PICTURE)[1], expected, atol=3e-3)


def test_merged_and_missing_classes() -> None:
    table = ClassTable.from_targets({1: "ground", 2: "car", 3: "boat"})
    model = load(PixelModel(), table, class_map={"0": "ground", "1": "ground", "2": 2})
    assert model.mapping.missing == ("boat",) and model.description["mapping"]["missing"] == ["boat"]
    expected = expected_probabilities(PixelModel(), PICTURE)
    found = probabilities(model, PICTURE)
    np.testing.assert_allclose(found[0], expected[0] + expected[1], atol=3e-3)
    assert found[2].max() < 1e-30


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda scores: scores.argmax(1), r"gave a int64 tensor of shape \(1, 256, 256\)\. It seems to give class ids"),
        (
            lambda scores: scores.mean((2, 3)),
            r"of shape \(1, classes, height, width\), but it gave a float32 tensor of",
        ),
        (lambda scores: scores[:, :, :0], r"gave a float32 tensor of shape \(1, 3, 0, 256\)"),
        (lambda scores: {"masks": scores}, "gave a dictionary of masks, without 'out' or 'logits'"),
        (lambda scores: None, "gave a NoneType"),
        (lambda scores: scores.no_such_thing, r"failed on an input of 1×3×256×256 .*no attribute 'no_such_thing'"),
    ],
)
def test_outputs_that_are_no_class_scores(wrap: Any, message: str) -> None:
    with pytest.raises(LabelQualityError, match=message):
        load(PixelModel(wrap))


def test_output_that_is_not_a_number() -> None:
    def poisoned(scores: torch.Tensor) -> torch.Tensor:
        return torch.where(scores[:, :1] > 8, torch.nan, scores)

    white = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    model = load_model(ModelSource(model="passed"), TABLE, model=PixelModel(poisoned), example=np.zeros_like(white))
    with pytest.raises(SampleError, match=r"image of 32×32 pixels .* is not a number at 1024 of 1024 places"):
        model.predict([white])


def test_model_of_a_fixed_size_with_tiles() -> None:
    def fixed(scores: torch.Tensor) -> torch.Tensor:
        return scores + torch.zeros(1, 1, 64, 64)

    with pytest.raises(LabelQualityError, match=r"traced at one size needs that size: give it as tile"):
        load(PixelModel(fixed))
    model = load(PixelModel(fixed), tile=64)
    picture = image(40, 100)
    np.testing.assert_allclose(probabilities(model, picture), expected_probabilities(PixelModel(), picture), atol=3e-3)


def test_weights_that_do_not_fit(smp_model: nn.Module, tmp_path: Path) -> None:
    weights = smp_model.state_dict()
    del weights["segmentation_head.0.bias"]
    weights["decoder.extra"] = torch.zeros(2)
    weights["decoder.p5.weight"] = torch.zeros(256, 5, 1, 1)
    torch.save(weights, tmp_path / "model.pth")
    with pytest.raises(LabelQualityError) as caught:
        load_model(source(tmp_path / "model.pth", **SMP), TABLE)
    message = str(caught.value)
    assert "1 missing (segmentation_head.0.bias)" in message
    assert "1 unexpected (decoder.extra)" in message
    assert "1 of another shape (decoder.p5.weight (256, 5, 1, 1) for (256, 288, 1, 1))" in message


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, r"holds weights without saying of which model\. Give architecture and encoder"),
        ({"architecture": "Unett", "encoder": ENCODER}, "`architecture` to be one of Unet, .*, but got 'Unett'"),
        ({"architecture": "FPN", "encoder": "resnet1"}, "cannot build the model of .*Wrong encoder name `resnet1`"),
        ({"kind": "torchscript"}, "kind='torchscript' was asked for, but .* holds pickle content; use .* 'smp'"),
    ],
)
def test_smp_weights_that_say_too_little(
    smp_model: nn.Module, tmp_path: Path, params: dict[str, Any], message: str
) -> None:
    torch.save(smp_model.state_dict(), tmp_path / "model.pth")
    with pytest.raises(LabelQualityError, match=message):
        load_model(source(tmp_path / "model.pth", **params), TABLE)


def test_files_that_cannot_be_read(smp_model: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(LabelQualityError, match=r"model file .*gone\.pth does not exist"):
        load_model(source(tmp_path / "gone.pth"), TABLE)
    (tmp_path / "text.pth").write_text("weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    torch.save(smp_model.state_dict(), tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(content[: len(content) // 2])
    torch.save({"a": torch.zeros(99)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "old-cut.pth").write_bytes((tmp_path / "old.pth").read_bytes()[:150])
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    for name in ("text.pth", "empty.pth", "cut.pth", "old-cut.pth", "cut.safetensors"):
        with pytest.raises(LabelQualityError, match=rf"{name} cannot be read: .*Check that it was copied whole"):
            load_model(source(tmp_path / name, **SMP), TABLE)
    with pytest.raises(LabelQualityError, match=r"with names like 'segmentation_head.0.weight', but found a\."):
        load_model(source(tmp_path / "old.pth", **SMP), TABLE)
    (tmp_path / "folder").mkdir()
    with pytest.raises(LabelQualityError, match=r"with a config\.json that names the model, but found none"):
        load_model(source(tmp_path / "folder"), TABLE)


def test_model_files_that_are_no_files_of_weights(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "inflates.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("a/data/0", bytes(1 << 20))
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.json").write_text("[" * 100_000)
    for name, problem in (
        ("inflates.pth", r"its weights \(a/data/0\) are compressed, which those of torch.save never are"),
        ("pipe.pth", "this is a device, a pipe or a socket"),
        ("deep", "maximum recursion depth exceeded"),
    ):
        with pytest.raises(LabelQualityError, match=rf"The model file .*{name}.* cannot be read: .*{problem}"):
            load_model(source(tmp_path / name, **SMP), TABLE)
    with pytest.raises(LabelQualityError, match="No file or folder can have the path that `model` gives"):
        source(tmp_path / ("a" * 256))


def test_classes_that_do_not_match() -> None:
    with pytest.raises(LabelQualityError, match="The model's classes do not cover the dataset's"):
        load(PixelModel(), ClassTable.from_targets({0: "a", 1: "b"}))


def test_mean_of_the_wrong_length() -> None:
    with pytest.raises(LabelQualityError, match="Expected parameter `mean` to be three numbers"):
        load(PixelModel(), mean=(0.5,))


def test_devices() -> None:
    assert torch_device("cpu").type == "cpu"
    assert torch_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    for name in ("tpux", "meta", *([] if torch.xpu.is_available() else ["xpu"])):
        message = f"Expected device to be auto, cpu, cuda or cuda:N, but got '{name}'"
        with pytest.raises(LabelQualityError, match=message):
            torch_device(name)
    with pytest.raises(LabelQualityError, match=r"device='cuda:99' was asked for, but PyTorch finds \d+ CUDA devices"):
        torch_device("cuda:99")


def test_prediction_is_finite_and_ordered_like_the_table() -> None:
    prediction: Prediction = load(PixelModel()).predict([PICTURE])[0]
    assert np.isfinite(prediction.values).all() and prediction.values.max() == 0
