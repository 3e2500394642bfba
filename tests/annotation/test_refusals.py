"""A service that refuses: nothing of the call is left there, nothing in FiftyOne, and its reason is told.

FiftyOne's own CVAT backend talks to a stand-in for the server; `test_label_studio.py` has a real Label Studio.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from ..annotation_server import StandIn

ELSE = {1: "another's"}
UPLOAD = "POST /api/tasks/.*/data"


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def cvat(fiftyone: Any) -> Iterator[Callable[..., StandIn]]:
    """Starts a stand-in for CVAT, which FiftyOne is then set up for."""
    settings = fiftyone.annotation_config.backends["cvat"]
    before = dict(settings)
    with ExitStack() as stack:

        def start(*args: Any) -> StandIn:
            server = stack.enter_context(StandIn(*args).running())
            settings.update(url=server.url, username="me", password="secret")
            return server

        yield start
    settings.clear()
    settings.update(before)


def refusal(dataset: Any, **options: Any) -> str:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.base.errors import LabelQualityError
    from label_quality.plugin.review.choose_images import Choice, choose

    with pytest.raises(LabelQualityError) as error:
        annotation.send_to_annotation(choose(dataset, Choice("view")), "ground_truth", backend="cvat", options=options)
    dataset.reload()
    assert dataset.list_annotation_runs() == []
    return str(error.value)


@pytest.mark.parametrize("options", [{}, {"project_name": "streets"}])
def test_what_was_made_is_deleted_and_the_reason_is_told(dataset: Any, cvat: Any, options: dict[str, str]) -> None:
    server = cvat(UPLOAD, 400, '{"detail": "The disk quota is used up."}')
    assert refusal(dataset, **options) == (
        f"CVAT did not take the images: 400 Client Error: Bad Request for url: {server.url}/api/tasks/2/data: "
        "The disk quota is used up."
    )
    assert server.made == {"projects": ELSE, "tasks": ELSE}


def test_what_cannot_be_deleted_is_named(dataset: Any, cvat: Any) -> None:
    server = cvat(f"{UPLOAD}|DELETE .*", 503, "<head><title>x</title></head><body><h1>Back soon</h1>")
    text = refusal(dataset, project_name="streets")
    assert text.endswith(": Back soon. What was made there is still there, delete it: task 2, project 2.")
    assert server.made["projects"] == {**ELSE, 2: "streets"}


def test_nothing_is_made_where_the_login_fails(dataset: Any, cvat: Any) -> None:
    server = cvat("POST /api/auth/login", 400, '{"non_field_errors": ["Unable to log in."]}')
    assert refusal(dataset).endswith("/api/auth/login: Unable to log in.")
    assert server.made == {"projects": ELSE, "tasks": ELSE}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"id": "0f", "status_code": 400, "version": "1.23", "detail": "Bad", "exc_info": null}', "Bad"),
        ('{"detail": "Validation error", "validation_errors": {"title": ["Too long."]}}',
         "Validation error; validation_errors: title: Too long."),
        ("x" * 1000, "x" * 600 + "…"),
    ],
)  # fmt: skip
def test_the_servers_words_are_in_the_error(dataset: Any, cvat: Any, body: str, said: str) -> None:
    cvat(UPLOAD, 400, body)
    assert refusal(dataset).partition("/data: ")[2].removesuffix(".") == said.removesuffix(".")


def test_a_stopped_call_leaves_nothing_either(dataset: Any, cvat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.plugin.annotation import send as annotation
    from label_quality.plugin.review.choose_images import Choice, choose

    server = cvat("nothing")

    def stopped(method: str, path: str, content: Any) -> tuple[int, str]:
        if path.endswith("/data"):
            # To the thread that waits for the answer: raised in the server's own, it may come after the answer
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            interrupted.wait(60)
        return answer(method, path, content)

    answer, interrupted = server.answer, threading.Event()
    monkeypatch.setattr(server, "answer", stopped)
    # Where the tests run in the background, they would ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            annotation.send_to_annotation(choose(dataset, Choice("view")), "ground_truth", backend="cvat")
    finally:
        signal.signal(signal.SIGINT, before)
        interrupted.set()
    dataset.reload()
    assert (dataset.list_annotation_runs(), server.made) == ([], {"projects": ELSE, "tasks": ELSE})
