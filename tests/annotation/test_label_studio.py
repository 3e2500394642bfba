"""Sending images to a real Label Studio server, and getting the corrections back: ``make test-label-studio``.

Label Studio is a gigabyte and needs other versions of packages: it has an environment of its own, the folder that
LABEL_QUALITY_LABEL_STUDIO names, with FiftyOne's client of it in the folder ``sdk`` and the server's data in ``data``.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from .. import suspect_run
from ..conftest import TARGETS

HOME = Path(os.environ.get("LABEL_QUALITY_LABEL_STUDIO", "/nowhere"))
pytestmark = pytest.mark.skipif(
    not (HOME / "bin" / "label-studio").exists(), reason="Label Studio is not installed: make test-label-studio"
)
#: Seconds in which the server starts; the first time it makes its database
_PATIENCE = 600
#: By which the tests log in
TOKEN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a server that takes at most four images at a time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(HOME / "data"),
        "LABEL_STUDIO_USERNAME": "tests@example.com",
        "LABEL_STUDIO_PASSWORD": secrets.token_hex(8),
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "DATA_UPLOAD_MAX_NUMBER_FILES": "4",
        **dict.fromkeys(("COLLECT_ANALYTICS", "LATEST_VERSION_CHECK", "latest_version_check"), "0"),
        **dict.fromkeys(("SENTRY_DSN", "FRONTEND_SENTRY_DSN"), ""),
    }
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [HOME / "bin" / "label-studio", "start", "--no-browser", "--enable-legacy-api-token"]
    command += ["--internal-host", "127.0.0.1", "--port", str(port)]
    (HOME / "data").mkdir(exist_ok=True)
    with open(HOME / "data" / "server.log", "wb") as log:
        server = subprocess.Popen(command, env={**own, **settings}, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    raise RuntimeError(f"Label Studio did not start:\n{(HOME / 'data' / 'server.log').read_text()[-2000:]}")


@pytest.fixture
def server(url: str, fiftyone: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The server, for which FiftyOne is set up; its client comes after the environment's own packages."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(HOME / "sdk")])
    settings = fiftyone.annotation_config.backends["labelstudio"]
    before = dict(settings)
    settings.update(url=url, api_key=TOKEN)
    yield url
    settings.clear()
    settings.update(before)


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    return suspect_run.add_run(make_dataset(count=6), tmp_path)


def get(server: str, path: str) -> Any:
    response = requests.get(f"{server}/api/{path}", headers={"Authorization": f"Token {TOKEN}"}, timeout=60)
    response.raise_for_status()
    return response.json()


def projects(server: str) -> set[int]:
    return {project["id"] for project in get(server, "projects?page_size=1000")["results"]}


def send(dataset: Any, worst: int, **options: Any) -> Any:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.review.choose_images import Choice, choose

    chosen = choose(dataset, Choice("worst", worst=worst))
    return annotation.send_to_annotation(chosen, "ground_truth", backend="labelstudio", options=options)


def refusal(dataset: Any, worst: int, **options: Any) -> str:
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError) as error:
        send(dataset, worst, **options)
    dataset.reload()
    assert dataset.list_annotation_runs() == []
    return str(error.value)


def submit(server: str, task: dict[str, Any], result: list[dict[str, Any]]) -> None:
    """What an annotator does who changes the prediction of a task, and submits it."""
    response = requests.post(
        f"{server}/api/tasks/{task['id']}/annotations",
        json={"result": result},
        headers={"Authorization": f"Token {TOKEN}"},
        timeout=60,
    )
    response.raise_for_status()


def delete(server: str, path: str) -> None:
    headers = {"Authorization": f"Token {TOKEN}"}
    requests.delete(f"{server}/api/{path}", headers=headers, timeout=60).raise_for_status()


def tasks_of(dataset: Any, server: str, project: int) -> dict[int, dict[str, Any]]:
    """By the index of the sample: its task, with its predictions."""
    results = dataset.load_annotation_results("relabel")
    indices = dict(zip(*dataset.values(["id", "index"]), strict=True))
    tasks = {one["id"]: one for one in get(server, f"tasks?project={project}&fields=all")["tasks"]}
    return {indices[sample]: tasks[task] for task, sample in results.uploaded_tasks.items()}


def opacity_of(item: dict[str, Any]) -> np.ndarray:
    from label_studio_sdk.converter import brush

    size = item["original_height"], item["original_width"], 4
    return np.array(brush.decode_rle(item["value"]["rle"]).reshape(size)[..., 3])


def with_opacity(item: dict[str, Any], opacity: np.ndarray) -> dict[str, Any]:
    from label_studio_sdk.converter import brush

    return {**item, "value": {**item["value"], "rle": brush.mask2rle(opacity)}}


def brushes(task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The brush labels of a task's one prediction, by class."""
    (prediction,) = task["predictions"]
    return {one["value"]["brushlabels"][0]: one for one in prediction["result"] if one["type"] == "brushlabels"}


def given(dataset: Any, index: int) -> np.ndarray:
    return np.array(dataset.match({"index": index}).first().ground_truth.get_mask())


def sent_project(dataset: Any, server: str, worst: int) -> int:
    before = projects(server)
    send(dataset, worst, project_name="streets")
    dataset.reload()
    (project,) = projects(server) - before
    return project


def test_masks_and_suspects_go_out_in_one_prediction(dataset: Any, server: str) -> None:
    before = projects(server)
    sent = send(dataset, 2, project_name="streets")
    assert (sent.images, sent.regions, sent.field) == (2, 3, "ground_truth_relabelled")
    dataset.reload()
    (project,) = projects(server) - before
    tasks = tasks_of(dataset, server, project)
    assert sorted(tasks) == [1, 3]
    for index, task in tasks.items():
        mask = given(dataset, index)
        found = brushes(task)
        # What is unlabelled has no region: it is what nothing else is
        assert set(found) == {TARGETS[value] for value in np.unique(mask).tolist() if value}
        for value, name in TARGETS.items():
            if name in found:
                assert np.array_equal(opacity_of(found[name]), np.where(mask == value, 255, 0))
        boxes = [one for one in task["predictions"][0]["result"] if one["type"] == "rectanglelabels"]
        regions = dataset.match({"index": index}).first().lq_suspects.detections
        assert [one["value"]["rectanglelabels"] for one in boxes] == [[one.label] for one in regions]
        assert [one["meta"]["text"] for one in boxes] == [[f"given as {one.given}"] for one in regions]
        one, region = boxes[0]["value"], regions[0].bounding_box
        assert [one["x"], one["y"], one["width"], one["height"]] == pytest.approx([100 * part for part in region])
    dataset.delete_annotation_run("relabel")
    delete(server, f"projects/{project}")


def test_what_an_annotator_changes_comes_back_and_the_rest_is_the_same(dataset: Any, server: str) -> None:
    from label_quality import load_corrections

    masks = {path: Path(path).read_bytes() for path in dataset.values("ground_truth.mask_path")}
    project = sent_project(dataset, server, 3)
    tasks = tasks_of(dataset, server, project)
    # 1 is submitted as it is; in 3 a car is drawn over what is there, with soft edges, and some of the road is erased;
    # 2 is not submitted
    submit(server, tasks[1], tasks[1]["predictions"][0]["result"])
    mask, result = given(dataset, 3), list(tasks[3]["predictions"][0]["result"])
    expected = mask.copy()
    drawn = np.zeros(mask.shape, np.uint8)
    drawn[4:14, 6:20] = 255
    drawn[3, 6:20], drawn[14, 6:20] = 127, 128
    name = next(one for one in brushes(tasks[3]) if one != "car")
    erased = opacity_of(brushes(tasks[3])[name])
    value = next(value for value, one in TARGETS.items() if one == name)
    erased[20:] = 0
    expected[20:][mask[20:] == value] = 0
    expected[4:15, 6:20] = 7
    result = [with_opacity(one, erased) if one == brushes(tasks[3])[name] else one for one in result]
    car = {**brushes(tasks[3])[name], "id": "new", "value": {"format": "rle", "brushlabels": ["car"]}}
    submit(server, tasks[3], [*result, with_opacity(car, drawn)])
    made = load_corrections(dataset, "relabel", reviewer="ann")
    dataset.reload()
    assert (made.images, made.changed, made.source) == (2, 1, "annotation run 'relabel'")
    assert np.array_equal(dataset.match({"index": 3}).first().lq_corrections.get_mask(), expected)
    assert made.pixels == np.count_nonzero(expected != mask)
    untouched = dataset.match({"index": 1}).first()
    assert untouched.lq_corrections.pixels == 0
    assert np.array_equal(untouched.ground_truth_relabelled.mask, given(dataset, 1))
    assert dataset.match({"index": 2}).first().lq_corrections is None
    assert {path: Path(path).read_bytes() for path in masks} == masks
    # The latest of what was submitted counts
    submit(server, tasks[3], tasks[3]["predictions"][0]["result"])
    assert load_corrections(dataset, "relabel").changed == 0
    delete(server, f"projects/{project}")


def test_what_is_gone_at_the_server_is_told(dataset: Any, server: str, fiftyone: Any) -> None:
    from label_quality import LabelQualityError, SampleError, load_corrections

    project = sent_project(dataset, server, 2)
    tasks = tasks_of(dataset, server, project)
    fields = set(dataset.get_field_schema())
    with pytest.raises(LabelQualityError, match="None of the 2 images of 'relabel' has been submitted in Label Studio"):
        load_corrections(dataset, "relabel")
    submit(server, tasks[1], tasks[1]["predictions"][0]["result"])
    delete(server, f"tasks/{tasks[3]['id']}")
    text = f"its task {tasks[3]['id']} of 'relabel' is no longer in Label Studio at {server}: it has been deleted there"
    with pytest.raises(SampleError, match=text) as caught:
        load_corrections(dataset, "relabel")
    assert caught.value.sample_id == dataset.match({"index": 3}).first().id
    dataset.reload()
    assert set(dataset.get_field_schema()) == fields
    made = load_corrections(dataset, "relabel", skip_failures=True)
    assert made.images == 1 and [one["sample_id"] for one in made.failures] == [caught.value.sample_id]
    delete(server, f"projects/{project}")
    with pytest.raises(LabelQualityError, match=f"The project {project} of 'relabel' is no longer in Label Studio"):
        load_corrections(dataset, "relabel")


def test_a_server_that_is_gone_is_told(dataset: Any, server: str, fiftyone: Any) -> None:
    from label_quality import LabelQualityError, load_corrections

    project = sent_project(dataset, server, 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    fiftyone.annotation_config.backends["labelstudio"]["url"] = gone
    with pytest.raises(LabelQualityError, match=f"Label Studio does not answer at {gone}: .*refused"):
        load_corrections(dataset, "relabel")
    delete(server, f"projects/{project}")


def test_a_prediction_that_is_refused_leaves_no_project(
    dataset: Any, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.annotation import label_studio

    # Of a task that there is not
    before, post = projects(server), label_studio.Server.post
    monkeypatch.setattr(label_studio.Server, "post", lambda self, path, sent: post(self, path, {**sent, "task": 0}))
    text = refusal(dataset, 1)
    assert text.startswith(f"Label Studio did not take the images: Label Studio at {server} refused predictions/ (400)")
    assert "task: " in text
    assert projects(server) == before


def test_too_many_images_leave_no_project_and_the_limit_is_told(dataset: Any, server: str) -> None:
    before = projects(server)
    text = refusal(dataset, 5)
    assert "The number of files exceeded settings.DATA_UPLOAD_MAX_NUMBER_FILES" in text
    assert text.endswith("or start the server with DATA_UPLOAD_MAX_NUMBER_FILES=10000.")
    assert projects(server) == before


def test_a_token_that_is_none_is_told(dataset: Any, server: str) -> None:
    text = refusal(dataset, 1, api_key="0" * 40)
    assert ": Invalid token. FiftyOne needs a legacy token: start the server with --enable-legacy-api-token" in text


def test_a_name_that_is_too_short_is_told(dataset: Any, server: str) -> None:
    before = projects(server)
    assert "title: Ensure this field has at least 3 characters." in refusal(dataset, 1, project_name="a")
    assert projects(server) == before
