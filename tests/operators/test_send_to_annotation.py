"""Sending images to an annotation service and getting corrected masks back, with a small service of the tests' own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .calls import Calls, errors

URI = "@label-quality/segmentation/send_to_annotation"
CALLS = Calls(URI)
operator, context, form = CALLS.operator, CALLS.context, CALLS.form
FIELD = "ground_truth_relabelled"


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def backends(fiftyone: Any) -> Iterator[dict[str, Any]]:
    """FiftyOne's settings of its annotation services; they are put back afterwards."""
    settings = fiftyone.annotation_config.backends
    before = {name: dict(values) for name, values in settings.items()}
    yield settings
    settings.clear()
    settings.update(before)


@pytest.fixture
def service(backends: dict[str, Any], tmp_path: Path) -> Path:
    """The folder of the tests' own service, which is the only one set up."""
    from .. import annotation_backend

    folder = tmp_path / "service"
    folder.mkdir()
    backends["folder"] = {
        "config_cls": f"{annotation_backend.__name__}.FolderBackendConfig",
        "folder": str(folder),
    }
    return folder


def send(collection: Any, *args: Any, **params: Any) -> Any:
    return operator()(collection, *args, progress=False, **params).result


def given_masks(dataset: Any) -> list[Any]:
    return [(label.mask_path, Path(label.mask_path).read_bytes()) for label in dataset.values("ground_truth")]


def test_masks_go_out_with_the_suspects_and_come_back_corrected(dataset: Any, service: Path) -> None:
    before = given_masks(dataset)
    assert send(dataset, "worst", worst=2, options={"project_name": "streets"}) == {
        "anno_key": "relabel",
        "backend": "folder",
        "images": 2,
        "regions": 3,
        "field": FIELD,
    }
    sent = json.loads((service / "tasks.json").read_text())
    worst, second = sent["tasks"]
    assert (sent["key"], sent["project"]) == ("relabel", "streets")
    assert worst["image"].endswith("003.png") and worst["size"] == [32, 24]
    swap = ["car", [0.25, 0.25, 0.25, 0.25], {"given": "road", "suggested": "car", "error_type": "swap"}]
    assert worst["boxes"] == [swap]
    assert [box[0] for box in second["boxes"]] == ["car", "tree"]
    schema = sent["schema"]
    assert schema[FIELD]["mask_targets"] == {"0": "unlabelled", "3": "road", "7": "car", "20": "tree"}
    assert schema["lq_suspects"]["classes"] == ["car", "tree"]
    assert not any(value for name, value in schema["lq_suspects"].items() if name.startswith("allow_"))

    dataset.reload()
    sample = dataset.match({"index": 3}).first()
    corrected = np.load(service / f"{sample.id}.npy")
    assert np.array_equal(corrected, sample.ground_truth.get_mask())
    corrected[6:12, 8:16] = 7
    np.save(service / f"{sample.id}.npy", corrected)
    dataset.load_annotations("relabel")
    dataset.reload()
    assert np.array_equal(dataset[sample.id][FIELD].get_mask(), corrected)
    assert dataset.exists(FIELD).count() == 2
    assert given_masks(dataset) == before
    assert dataset.values("lq_suspects.detections.label")[3] == ["car"]
    assert dataset.mask_targets[FIELD] == dataset.mask_targets["ground_truth"]


def test_sending_more_keeps_what_was_corrected(dataset: Any, service: Path) -> None:
    send(dataset, "worst", worst=1)
    dataset.reload()
    sample = dataset.exists(FIELD).first()
    sample[FIELD].mask = np.full((24, 32), 20, np.uint8)
    sample.save()
    with pytest.raises(Exception, match=r"Images were sent as 'relabel' already\. Give another `anno_key`, or delete"):
        send(dataset, "worst", worst=2)
    assert send(dataset, "worst", worst=2, anno_key="more", regions=False)["regions"] == 0
    dataset.reload()
    assert np.unique(dataset[sample.id][FIELD].mask).tolist() == [20]
    assert dataset.exists(FIELD).count() == 2
    assert "lq_suspects" not in json.loads((service / "tasks.json").read_text())["schema"]


def test_colour_masks_stay_colour_masks(make_dataset: Any, service: Path) -> None:
    dataset = make_dataset(count=2, rgb=True)
    assert send(dataset, "view") == {
        "anno_key": "relabel",
        "backend": "folder",
        "images": 2,
        "regions": 0,
        "field": FIELD,
    }
    dataset.reload()
    sample = dataset.first()
    assert np.array_equal(sample[FIELD].mask, sample.ground_truth.get_mask())
    assert dataset.mask_targets[FIELD]["#804080"] == "road"


def test_a_refusal_is_told_and_leaves_no_annotation_run(dataset: Any, service: Path) -> None:
    with pytest.raises(Exception, match="folder did not take the images: the disk is on fire"):
        send(dataset, "worst", worst=1, options={"refuse": "the disk is on fire"})
    assert dataset.list_annotation_runs() == []
    assert send(dataset, "worst", worst=1)["images"] == 1


def test_a_field_of_the_user_is_not_used(dataset: Any, service: Path, fiftyone: Any) -> None:
    dataset.add_sample_field(FIELD, fiftyone.StringField)
    text = f"already has a field '{FIELD}', where the corrected masks would go, and it was not made for that"
    with pytest.raises(Exception, match=text):
        send(dataset, "worst", worst=1)
    assert text in errors(form(dataset))["choose"]


@pytest.mark.parametrize("key", ["", "a b", "1a", "x" * 65])
def test_a_key_that_cannot_be_is_explained(dataset: Any, fiftyone: Any, key: str) -> None:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError, match="Expected parameter `anno_key` to be a letter followed by up to 63"):
        annotation.check_key(dataset, key)


def test_without_a_service_the_form_says_how_to_set_one_up(dataset: Any, backends: dict[str, Any]) -> None:
    properties = form(dataset)
    assert errors(properties) == {
        "error_backend": "No annotation service is set up. Set one up as follows, then start FiftyOne again."
    }
    text = properties["how_cvat"].default
    assert text.startswith(
        "**CVAT**: in the shell that FiftyOne starts from\n\n```sh\nexport FIFTYONE_CVAT_USERNAME=…\n"
    )
    assert text.endswith('```json\n{"backends": {"cvat":\n  {"username": "…", "password": "…"}}}\n```')
    text = properties["how_labelstudio"].default
    assert "```sh\npip install --target ~/label-studio-sdk label-studio-sdk\necho ~/label-studio-sdk > " in text
    assert "\nDATA_UPLOAD_MAX_NUMBER_FILES=10000 label-studio start --enable-legacy-api-token\n" in text
    assert "\nexport LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=/data\n" in text


def test_without_a_service_a_python_call_says_how_to_set_one_up(dataset: Any, backends: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="No annotation service is set up") as error:
        send(dataset, "worst")
    text = str(error.value)
    assert "For CVAT: set FIFTYONE_CVAT_USERNAME=… FIFTYONE_CVAT_PASSWORD=… in the environment that FiftyOne" in text
    assert '{"backends": {"cvat": {"username": "…", "password": "…"}}} into ' in text
    assert "annotation_config.json. Then start FiftyOne again. For Label Studio: set FIFTYONE_LABELSTUDIO_URL=" in text
    assert "It also needs: pip install --target ~/label-studio-sdk label-studio-sdk && echo " in text


def test_settings_decide_which_services_are_set_up(backends: dict[str, Any], fiftyone: Any) -> None:
    from importlib.util import find_spec

    from label_quality.plugin.annotation import backends as services

    assert services.configured() == []
    assert services.problem("labelbox").startswith("Labelbox is not set up: set FIFTYONE_LABELBOX_API_KEY=… in the")
    assert services.problem("none") == (
        "FiftyOne has no annotation backend 'none'. Its backends are: cvat, labelbox, labelstudio."
    )
    backends["cvat"] |= {"username": "me", "password": "secret"}
    backends["another"] = {"config_cls": "some.where.Config"}
    assert services.configured() == ["cvat", "another"]
    backends["labelstudio"] |= {"url": "http://localhost:8080", "api_key": "secret"}
    if find_spec("label_studio_sdk") is None:
        text = "Label Studio needs a package that is not installed: pip install --target ~/label-studio-sdk label"
        assert services.problem("labelstudio").startswith(text)


def test_the_form_offers_the_services_that_are_set_up(dataset: Any, service: Path, backends: dict[str, Any]) -> None:
    backends["cvat"] |= {"username": "me", "password": "secret"}
    dataset.limit(1).tag_samples("relabel")
    properties = form(dataset)
    assert errors(properties) == {}
    assert list(properties) == ["choose", "tag", "backend", "advanced", "notice_plan"]
    assert [choice.label for choice in properties["backend"].view.choices] == ["CVAT", "folder"]
    assert properties["notice_plan"].view.label == (
        f"Sends 1 image to CVAT. Corrections will come back to '{FIELD}'; the given masks stay."
    )
    properties = form(dataset, advanced=True, anno_key="a b")
    assert list(errors(properties)) == ["anno_key"]
    assert {"project_name", "regions"} <= set(properties)
    assert "Labelbox is not set up" in errors(form(dataset, backend="labelbox"))["backend"]
    assert errors(form(dataset, choose="tagged", tag="x")) == {"choose": "There are none: the images tagged 'x'."}


def test_the_app_is_told_how_the_corrections_come_back(dataset: Any, service: Path) -> None:
    messages = [json.loads(m.to_json_line()) for m in operator().execute(context(dataset, choose="worst", worst=1))]
    called = [message["body"]["operator_uri"] for message in messages]
    assert called[-2:] == ["notify", "show_output"]
    assert messages[-2]["body"]["params"]["message"] == "Sent 1 image with 1 suspect to folder as 'relabel'."
    assert "When the annotators are done: Load corrections, from 'relabel'." in json.dumps(messages[-1])
