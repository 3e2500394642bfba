"""A folder whose files outlive runs: which of them this plugin has written, so that it touches no others.

The folder's file `.label_quality` says whose it is in its first line of JSON; each further line has the name and the
SHA-256 of a file, and is there before the file is. A file that somebody has changed since, or put there, is not ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError
from .containers import make_folder, remove_half_written, write_bytes, writing_error
from .stored_set import is_temporary

MARKER = ".label_quality"


class WrittenFiles:
    """The files of one field in a folder. Make it with `opened`.

    Args:
        folder: the folder
        known: name of a file to the SHA-256 of each content that was written to it
    """

    def __init__(self, folder: Path, known: dict[str, set[str]]) -> None:
        self.folder = folder
        self._known = known

    @classmethod
    def opened(cls, output_dir: str | os.PathLike[str], field: str, dataset: str) -> WrittenFiles:
        """The folder, made and marked as the field's.

        Args:
            output_dir: the folder; a leading ``~`` is the home folder
            field: name of the field that shows the files
            dataset: id of its dataset

        Raises:
            LabelQualityError: files are in it that are not the field's, or it cannot be written to
        """
        folder = Path(os.path.abspath(os.path.expanduser(output_dir)))
        owner = {"field": field, "dataset": dataset}
        make_folder(folder)
        known = _read(folder, owner)
        remove_half_written(folder, {MARKER, *known})
        lines = [owner, *([name, digest] for name in sorted(known) for digest in sorted(known[name]))]
        write_bytes(folder / MARKER, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return cls(folder, known)

    def check(self, files: Sequence[Path]) -> None:
        """Raises `LabelQualityError` if one of these files is there and is not ours."""
        strange = [path for path in files if path.exists() and not self.owns(path)]
        if strange:
            more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
            raise LabelQualityError(
                f"{strange[0]}{more} would be overwritten, but this plugin did not write it as it is now. Move it "
                "away, or give another `output_dir`."
            )

    def owns(self, path: Path) -> bool:
        """Whether a file is in this folder, and as it was written."""
        digests = self._known.get(path.name) if path.parent == self.folder else None
        if not digests:
            return False
        with contextlib.suppress(OSError):
            return _digest(path.read_bytes()) in digests
        return False

    def write(self, path: Path, content: bytes) -> None:
        """Writes a file of the folder; raises `LabelQualityError` where that is impossible."""
        digest = _digest(content)
        if digest not in self._known.setdefault(path.name, set()):
            self._known[path.name].add(digest)
            try:
                with open(self.folder / MARKER, "a") as marker:
                    marker.write(json.dumps([path.name, digest]) + "\n")
            except OSError as error:
                raise writing_error(error, self.folder) from error
        write_bytes(path, content)

    def remove(self, path: Path) -> None:
        """Removes a file, if it is ours."""
        if self.owns(path):
            path.unlink(missing_ok=True)


def _read(folder: Path, owner: dict[str, str]) -> dict[str, set[str]]:
    """What was written to the folder, if it is the owner's.

    Raises:
        LabelQualityError: it is not, or other files are in it
    """
    others = any(path.name != MARKER and not is_temporary(path) for path in folder.iterdir())
    try:
        text = (folder / MARKER).read_text()
    except FileNotFoundError:
        text = ""
    if not text and others:
        raise LabelQualityError(f"There are other files in {folder}. Give another `output_dir`, such as an empty one.")
    lines: list[Any] = []
    # The last line may be half written
    with contextlib.suppress(ValueError):
        lines.extend(json.loads(line) for line in text.splitlines())
    if others and not (lines and isinstance(lines[0], dict)):
        raise LabelQualityError(
            f"Version 0.1.0 has written masks of '{text.strip()}' to {folder}, and did not note which files are its "
            "own. Give another `output_dir`, such as an empty one; the masks there stay."
        )
    if others and lines[0] != owner:
        dataset = "" if lines[0].get("dataset") == owner["dataset"] else " of another dataset"
        raise LabelQualityError(
            f"The masks of '{lines[0].get('field')}'{dataset} are in {folder}. Give another `output_dir`."
        )
    known: dict[str, set[str]] = {}
    for name, digest in lines[1:] if lines[:1] == [owner] else ():
        known.setdefault(name, set()).add(digest)
    return known


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
