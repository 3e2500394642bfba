"""A file that is taken out of the dataset: where it can be written, and written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from .containers import remove_half_written, write_bytes


def check_new_file(path: Any, endings: Sequence[str], overwrite: bool = False) -> Path:
    """The absolute path of a file, if it can be written there.

    Args:
        path: what was asked for; a leading ``~`` is the home folder
        endings: with one of which its name must end, in lower case, as ``.csv``
        overwrite: replace the file if it is there

    Raises:
        LabelQualityError: no path, another ending, a file that is there, or a folder that cannot be written to
    """
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    target = Path(os.path.abspath(os.path.expanduser(text.strip())))
    if not text.strip() or target.suffix.lower() not in endings:
        raise LabelQualityError(f"Expected parameter `path` to end in {' or '.join(endings)}, but got {path!r}.")
    if target.is_dir():
        raise LabelQualityError(f"Expected parameter `path` to be a file, but {target} is a folder.")
    if target.exists() and not overwrite:
        raise LabelQualityError(
            f"There is a file {target} already. Give another `path`, or replace it with overwrite=True."
        )
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise LabelQualityError(
            f"Expected parameter `path` to be in a folder that can be written to, but got {target}."
        )
    return target


def write_new_file(target: Path, text: str, what: str) -> None:
    """Writes a text as UTF-8, as a whole or not at all; what an earlier call left of it that was killed is removed.

    Args:
        target: what `check_new_file` gave
        text: its content
        what: what the content is, as errors say

    Raises:
        LabelQualityError: it cannot be written
    """
    try:
        write_bytes(target, text.encode())
    except LabelQualityError as error:
        reason = getattr(error.__cause__, "strerror", None) or error.__cause__ or error
        raise LabelQualityError(f"The {what} cannot be written to {target}: {reason}. Give another `path`.") from error
    # Of a folder that cannot be listed it stays
    with contextlib.suppress(OSError):
        remove_half_written(target.parent, {target.name})
