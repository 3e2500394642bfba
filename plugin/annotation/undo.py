"""What a call made at an annotation service, which goes where the service then refuses the rest, and why it refused.

FiftyOne's backends make a project or tasks first and upload images and labels to it afterwards; when an upload is
refused they leave it there, and the server's reason in a response that nobody reads.
"""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import fiftyone as fo

from ..samples.private_fiftyone import web_session

logger = logging.getLogger(__name__)

#: Where CVAT and Label Studio make a project or a task; the second group says which
_MADE_AT = re.compile(r".*/api/(v1/)?(projects|tasks)/?")
_LONGEST_REASON = 600
#: Parts of Label Studio's errors that say nothing about the reason
_ABOUT_THE_ANSWER = ("id", "status_code", "version", "exc_info")


class Made:
    """Notes what one call makes at a service, by the answers to its own requests."""

    def __init__(self) -> None:
        self.projects: list[int] = []
        self.tasks: list[int] = []
        self._api: Any = None

    def config_of(self, backend: str) -> Callable[..., Any]:
        """What `view.annotate` takes as ``config_cls``: the backend's own configuration, and this watches."""
        kind = fo.annotation_config.backends[backend]["config_cls"]
        if isinstance(kind, str):
            module, _, name = kind.rpartition(".")
            kind = getattr(import_module(module), name)
        watched: Callable[..., Any] = type(kind.__name__, (_Watched, kind), {"made": self, "kind": kind})
        return watched

    def watch(self, api: Any) -> None:
        """Notes what is made through the connection of a backend; one without web requests is left alone."""
        self._api = api
        session = web_session(api)
        if session is not None:
            session.hooks["response"].append(self._note)

    def _note(self, response: Any, *_: Any, **__: Any) -> None:
        made = _MADE_AT.fullmatch(urlsplit(response.url).path)
        if made and response.request.method == "POST" and response.ok:
            (self.projects if made[2] == "projects" else self.tasks).append(response.json()["id"])

    def delete(self) -> str:
        """Deletes all of it at the service.

        Returns:
            what is still there, such as ``"project 7"``; empty where nothing is
        """
        left = []
        for name, made, delete in (
            ("task", self.tasks, lambda task: self._api.delete_tasks([task])),
            ("project", self.projects, lambda project: self._api.delete_project(project)),
        ):
            for one in made:
                try:
                    delete(one)
                except Exception:
                    logger.warning("%s %d could not be deleted", name, one, exc_info=True)
                    left.append(f"{name} {one}")
        return ", ".join(left)


class _Watched:
    """A backend's configuration whose backend is watched; FiftyOne keeps it as if it were the backend's own."""

    made: Made
    kind: type

    @property
    def cls(self) -> str:
        """The name of the backend's own configuration, by which FiftyOne loads the run again."""
        return f"{self.kind.__module__}.{self.kind.__name__}"

    def build(self) -> Any:
        """The backend, connected."""
        backend = super().build()  # type: ignore[misc]
        backend.ensure_requirements()
        self.made.watch(backend.connect_to_api())
        return backend


def reason(error: BaseException) -> str:
    """What a server said when it refused, else the error's own text.

    Args:
        error: as the backend raised it
    """
    refused = _refused(error)
    own = str(refused or error).strip() or type(error).__name__
    said = words_of(refused.response.text) if refused is not None else ""
    return f"{own}: {said}" if said else own


def _refused(error: BaseException | None) -> Any:
    """The error with the server's response: this one, or one behind it; None where there is none."""
    while error is not None and getattr(error, "response", None) is None:
        error = error.__cause__ or error.__context__
    return error


def words_of(text: str) -> str:
    """The sentences of an answer in JSON, HTML or plain text."""
    try:
        content = json.loads(text)
    except ValueError:
        without_code = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", " ", text)
        words = html.unescape(re.sub(r"<[^>]*>", " ", without_code))
    else:
        words = _sentences(content)
    words = " ".join(words.split())
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]}…"


def _sentences(content: Any) -> str:
    """The texts of a JSON answer; Django REST framework nests them by the name of what is wrong."""
    if isinstance(content, dict):
        named = {name: _sentences(one) for name, one in content.items() if name not in _ABOUT_THE_ANSWER}
        plain = ("detail", "non_field_errors")
        return "; ".join(text if name in plain else f"{name}: {text}" for name, text in named.items() if text)
    if isinstance(content, list):
        return "; ".join(filter(None, map(_sentences, content)))
    return "" if content is None else str(content)
