"""The file of ``--json``: what a command prints, as numbers for other programs.

A command may be started again, after it was stopped or once there are more verdicts, and then writes its file anew. So
a file that is there is replaced where the same command has written it of the same; any other is refused before the work
begins. There is no option to replace it: ``--overwrite`` of these commands begins their work anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.errors import LabelQualityError


@dataclass(frozen=True)
class JsonFile:
    """A file to write, which can be written as far as is known.

    Args:
        path: what was asked for
        what: what it tells, as errors say
        about: values by which what an earlier call has written is known
    """

    path: Path
    what: str
    about: Mapping[str, str]

    def check(self) -> None:
        """Raises `LabelQualityError` if it cannot be written, or if another file would be lost."""
        # Not above: help and wrong options are answered without NumPy
        from ..store.new_file import check_new_file

        if self._is_stream():
            return
        target = check_new_file(self.path, (), overwrite=True, name="json")
        if target.exists() and not self._was_written_before(target):
            raise LabelQualityError(
                f"There is a file {target} already, which is not what this command has written of {self.what}. Give "
                "another --json, or remove the file."
            )

    def write(self, record: Mapping[str, Any]) -> None:
        """Writes values, as a whole or not at all; raises `LabelQualityError` if they cannot be written."""
        from ..store.new_file import write_new_file

        text = json.dumps({**self.about, **record}, indent=1) + "\n"
        try:
            if self._is_stream():
                self.path.write_text(text, encoding="utf-8")
            else:
                self.check()
                write_new_file(Path(os.path.abspath(self.path.expanduser())), text, "record")
        except OSError as error:
            raise LabelQualityError(f"Cannot write {self.path}: {error.strerror}. Give another --json.") from None

    def _is_stream(self) -> bool:
        """Whether it is no file to replace, such as ``/dev/stdout``."""
        return self.path.exists() and not self.path.is_file() and not self.path.is_dir()

    def _was_written_before(self, target: Path) -> bool:
        try:
            content = json.loads(target.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(content, dict) and self.about.items() <= content.items()
