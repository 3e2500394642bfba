"""A folder that an export fills as a whole or not at all, and in which nothing of anybody else's is touched.

The export is written to ``.unfinished/content`` in it; when all is there, it is moved up, which takes no time. What a
process that was killed has left is removed by the next export to the same folder, which begins anew.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..base.errors import LabelQualityError
from .containers import make_folder, write_bytes
from .locks import LOCK_NAME, locked, remove_stale
from .new_file import check_folder

_UNFINISHED = ".unfinished"
_CONTENT = "content"
#: In the unfinished part: the names of what is being moved up, as JSON
_MOVING = "moving.json"
_OWN = {_CONTENT, _MOVING}


def check_export_dir(export_dir: str | os.PathLike[str]) -> Path:
    """The absolute path of a folder, if it can be exported to.

    Args:
        export_dir: the folder; a leading ``~`` is the home folder

    Raises:
        LabelQualityError: it is a file, there are other files in it, or it cannot be written to
    """
    root = check_folder(export_dir, "export_dir")
    if root.exists():
        _end_finished(root)
        _check_others(root)
    return root


def in_home(name: str, ending: str) -> str:
    """A path in the home folder that is named after a dataset, for what people take out of it."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    return os.path.join(os.path.expanduser("~"), f"{plain}{ending}")


@contextlib.contextmanager
def filled(root: Path) -> Iterator[Path]:
    """An empty folder to write an export to, which goes to ``root`` at the end, unless there is an error.

    Args:
        root: from `check_export_dir`; made if it does not exist

    Raises:
        LabelQualityError: another process exports to it, other files have come into it, or it cannot be written to
    """
    new, unfinished = not root.exists(), root / _UNFINISHED
    try:
        with locked(unfinished):
            _check_others(root)
            with _left_clean(root):
                _begin_anew(root)
                make_folder(unfinished / _CONTENT)
                yield unfinished / _CONTENT
                _check_others(root)
                _move_up(root)
    finally:
        with contextlib.suppress(OSError):
            unfinished.rmdir()
            if new:
                # Not where there is an export in it
                root.rmdir()


@contextlib.contextmanager
def _left_clean(root: Path) -> Iterator[None]:
    """Leaves nothing of an export that ends in an error, which is told as this package does."""
    try:
        yield
    except OSError as error:
        raise LabelQualityError(
            f"The dataset cannot be written to {root}: {error.strerror or error}. Free some space, or give another "
            "`export_dir`."
        ) from error
    finally:
        # Where the folder cannot be written to any more, that is not to hide the first error
        with contextlib.suppress(OSError):
            _begin_anew(root)


def _end_finished(root: Path) -> None:
    """Removes what a kill has left of an export that had all done but that; nothing where one is under way."""
    unfinished = root / _UNFINISHED
    if not _being_moved(root) and any(path.name != _UNFINISHED for path in root.iterdir()):
        remove_stale(unfinished)
        with contextlib.suppress(OSError):
            unfinished.rmdir()


def _check_others(root: Path) -> None:
    """Raises `LabelQualityError` where something is in a folder that is not of an unfinished export."""
    found = {path.name for path in root.iterdir()} - {_UNFINISHED} - set(_being_moved(root))
    unfinished = root / _UNFINISHED
    strange = {path.name for path in unfinished.iterdir()} - _OWN if unfinished.is_dir() else set()
    # Of a lock there are more files than one while it is taken over, and so of what is written
    if found or any(not name.startswith(".") for name in strange) or unfinished.is_file():
        raise LabelQualityError(f"There are other files in {root}. Give another `export_dir`, such as an empty one.")


def _being_moved(root: Path) -> list[str]:
    """Names of what a process was moving up when it was killed."""
    try:
        names = json.loads((root / _UNFINISHED / _MOVING).read_text())
    except (OSError, ValueError):
        return []
    return [name for name in names if Path(name).name == name] if isinstance(names, list) else []


def _begin_anew(root: Path) -> None:
    """Removes what there is of an export that was not finished; one that is stays."""
    for name in _being_moved(root):
        _remove(root / name)
    unfinished = root / _UNFINISHED
    for path in unfinished.iterdir():
        # What a kill has left of a move is told by that one file, so it goes last
        if path.name != _MOVING and not path.name.startswith(LOCK_NAME):
            _remove(path)
    (unfinished / _MOVING).unlink(missing_ok=True)


def _move_up(root: Path) -> None:
    content = root / _UNFINISHED / _CONTENT
    names = sorted(path.name for path in content.iterdir())
    write_bytes(root / _UNFINISHED / _MOVING, json.dumps(names).encode(), durable=True)
    for name in names:
        os.replace(content / name, root / name)
    (root / _UNFINISHED / _MOVING).unlink()


def _remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it; nothing that a link leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
