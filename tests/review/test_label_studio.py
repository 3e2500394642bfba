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

import pytest
import requests

from .. import suspect_run

HOME = Path(os.environ.get("LABEL_QUALITY_LABEL_STUDIO", "/nowhere"))
pytestmark = pytest.mark.skipif(
    not (HOME / "bin" / "label-studio").exists(), reason="Label Studio is not installed: make test-label-studio"
)
#: Seconds in which the server starts; the first time it makes its database
_PATIENCE = 600
_TOKEN = "0123456789abcdef0123456789abcdef01234567"


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
        "LABEL_STUDIO_USER_TOKEN": _TOKEN,
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
    settings.update(url=url, api_key=_TOKEN)
    yield url
    settings.clear()
    settings.update(before)


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    return suspect_run.add_run(make_dataset(count=6), tmp_path)


def get(server: str, path: str) -> Any:
    response = requests.get(f"{server}/api/{path}", headers={"Authorization": f"Token {_TOKEN}"}, timeout=60)
    response.raise_for_status()
    return response.json()


def projects(server: str) -> set[int]:
    return {project["id"] for project in get(server, "projects?page_size=1000")["results"]}


def send(dataset: Any, worst: int, **options: Any) -> Any:
    from label_quality.plugin.review import annotation
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


def test_images_go_out_with_their_suspects_and_polygons_come_back(dataset: Any, server: str) -> None:
    before = projects(server)
    sent = send(dataset, 2, project_name="streets")
    assert (sent.images, sent.regions, sent.field) == (2, 3, "ground_truth_polygons")
    (project,) = projects(server) - before
    tasks = get(server, f"tasks?project={project}&fields=all")["tasks"]
    shown = [sum(len(prediction["result"]) for prediction in task["predictions"]) for task in tasks]
    assert sorted(shown) == [1, 2]
    polygon = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["car"]}
    result = {"from_name": sent.field, "to_name": "image", "type": "polygonlabels", "value": polygon}
    result |= {"original_width": 32, "original_height": 24}
    requests.post(
        f"{server}/api/tasks/{tasks[0]['id']}/annotations",
        json={"result": [result]},
        headers={"Authorization": f"Token {_TOKEN}"},
        timeout=60,
    ).raise_for_status()
    dataset.reload()
    dataset.load_annotations("relabel", cleanup=True)
    dataset.reload()
    (shapes,) = dataset.exists(sent.field).values(sent.field)
    assert [(shape.label, shape.points[0][1]) for shape in shapes.polylines] == [("car", [0.5, 0])]
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
