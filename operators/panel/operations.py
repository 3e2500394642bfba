"""What the panel shows of delegated operations: the one that a worker is at, those that wait, one that broke off."""

from __future__ import annotations

from collections.abc import Sequence

import fiftyone.operators.types as types

from ..output.plain_text import plain
from . import layout
from .runs import Operation, any_running
from .workers import hides_password, launch_command, worker_found

_NEXT = "Waiting for the worker, which does one after another."
_NO_WORKER = "Waiting for a worker: none was found on this machine. Start one in a terminal:"
_PASSWORD = (
    "Before it, set FIFTYONE_DATABASE_URI there to the address of this App's database. It is not shown here because it "
    "holds a password."
)


def render_operations(page: types.Object, found: Sequence[Operation]) -> None:
    """Adds a card or a line for each.

    Args:
        page: what they go into
        found: the operations, the newest first
    """
    worker = any_running(found) or (any(one.state == "waiting" for one in found) and worker_found())
    for index, one in enumerate(found):
        if one.state == "failed":
            _alert(page, index, "error", f"“{one.title}” failed: {one.stage}")
        elif one.state == "interrupted":
            text = f"“{one.title}” was interrupted at “{one.stage}”: its worker has ended. "
            _alert(page, index, "warning", f"{text}Start it again with the same name, and it continues where it was.")
        else:
            block = layout.card(page, f"operation_{index}", one.title, wide=True)
            if one.state == "running":
                block.float("share", view=types.ProgressView(label=one.stage), default=one.share)
            elif worker:
                layout.text(block, "hint", _NEXT)
            else:
                _how_to_start(block)


def _alert(page: types.Object, index: int, severity: str, label: str) -> None:
    page.view(f"operation_{index}", types.AlertView(severity=severity, label=plain(label)))


def _how_to_start(block: types.Object) -> None:
    layout.text(block, "hint", _NO_WORKER)
    layout.command(block, "command", launch_command())
    if hides_password():
        layout.text(block, "password", _PASSWORD)
