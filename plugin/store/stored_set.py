"""What every set of a run's files is: a folder with a manifest, made for one digest, all at once or in shards."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base.errors import LabelQualityError
from .containers import TEMPORARY, make_folder, read_container, write_bytes, write_container
from .encoding import encode_png

FORMAT = 1
MADE_BY = "fiftyone-label-quality"
MANIFEST = "manifest.json"
SET_NAME = re.compile(
    r"(?P<kind>predictions|scores|suspects|objects|corrections|gain)-(?P<digest>[0-9a-f]+)(-(?P<attempt>\d+))?"
)
_SAMPLE_ID = re.compile(r"[0-9A-Za-z_-]+")


class StoredSet:
    """A folder of files that were made for one digest, with the manifest that says so.

    Attributes:
        path: the folder
    """

    kind = ""
    #: Sub-folder -> suffix of the files that it has one a sample
    parts: Mapping[str, str] = {}

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self._manifest = manifest

    @property
    def digest(self) -> str:
        """The digest that the set was opened with."""
        return self._manifest["digest"]

    @property
    def dataset(self) -> str | None:
        """Id of the dataset that it was made for; None where version 0.1.0 made it, or nobody said."""
        return self._manifest.get("dataset")

    @property
    def attempt(self) -> int:
        """1 for the first set of this digest, more after overwriting."""
        return _attempt(self.path)

    @property
    def complete(self) -> bool:
        """Whether `finish` was called."""
        return self._manifest["complete"]

    @property
    def created(self) -> str:
        """When the set was begun, UTC, ISO 8601."""
        return self._manifest["created"]

    @property
    def content(self) -> dict[str, Any]:
        """What the set was opened with: configuration, class table, fingerprint, versions."""
        return self._manifest["content"]

    @property
    def results(self) -> dict[str, Any]:
        """What `update` and `finish` have added."""
        return self._manifest["results"]

    def __getstate__(self) -> dict[str, Any]:
        # Sent to another machine without its results, which may be of every sample: there it is read and written only
        return {**vars(self), "_manifest": {**self._manifest, "results": {}}}

    def update(self, **results: Any) -> None:
        """Adds JSON-serialisable results to the manifest, at once and durably."""
        self._save({**self._manifest, "results": {**self.results, **results}})

    def finish(self, **results: Any) -> None:
        """Marks the set as complete: from now on nothing in it changes. Call it last."""
        self._save({**self._manifest, "complete": True, "results": {**self.results, **results}})

    def ids(self, part: str | None = None) -> set[str]:
        """The ids of the samples that have a file.

        Args:
            part: a name in `parts`; the first of them by default
        """
        part = part or next(iter(self.parts))
        suffix = self.parts[part]
        return {path.name[: -len(suffix)] for path in self._sample_files(part)}

    def samples(self) -> Iterator[str]:
        """Ids of samples that have a file, found as they are asked for: once for each file."""
        for part, suffix in self.parts.items():
            yield from (path.name[: -len(suffix)] for path in self._sample_files(part))

    def file(self, part: str, sample_id: str) -> Path:
        """Where the sample's file is, or would be."""
        if not _SAMPLE_ID.fullmatch(sample_id):
            raise ValueError(f"Expected an id of letters, digits, '-' and '_', but got {sample_id!r}")
        return self.path / part / sample_id[-2:] / f"{sample_id}{self.parts[part]}"

    def has(self, part: str, sample_id: str) -> bool:
        """Whether the sample's file is there."""
        return self.file(part, sample_id).is_file()

    def discard(self, part: str) -> None:
        """Removes one part's files, when nothing will need them any more."""
        for path in self._files_of(part):
            path.unlink(missing_ok=True)
        remove_empty_folders(self.path / part)

    def remove(self) -> list[Path]:
        """Removes the files that the store made, and the folders that are empty then.

        Returns:
            the files that were left alone because the store did not make them
        """
        _check_removable(self.path)
        for part in self._all_parts():
            self.discard(part)
        others = [path for path in files_under(self.path) if path.name != MANIFEST or path.parent != self.path]
        (self.path / MANIFEST).unlink(missing_ok=True)
        remove_empty_folders(self.path)
        return sorted(others)

    def clean(self) -> None:
        """Removes what a killed process left half written."""
        for path in files_under(self.path):
            if is_temporary(path):
                path.unlink(missing_ok=True)

    def _all_parts(self) -> Iterable[str]:
        return self.parts

    def _files_of(self, part: str) -> Iterator[Path]:
        yield from self._sample_files(part)
        yield from (path for path in files_under(self.path / part) if is_temporary(path))

    def _sample_files(self, part: str) -> Iterator[Path]:
        suffix = self.parts[part]
        for path in files_under(self.path / part):
            sample_id = path.name[: -len(suffix)]
            if path.name.endswith(suffix) and _SAMPLE_ID.fullmatch(sample_id) and path == self.file(part, sample_id):
                yield path

    def _save(self, manifest: dict[str, Any]) -> None:
        write_bytes(self.path / MANIFEST, json.dumps(manifest, indent=1).encode(), durable=True)
        self._manifest = manifest


class WorkingSet(StoredSet):
    """A set with a folder for whatever is needed while it is being made."""

    @property
    def work(self) -> Path:
        """A folder for checkpoints and caches while the set is being made; everything in it belongs to the set."""
        make_folder(self.path / "work")
        return self.path / "work"

    def discard(self, part: str) -> None:
        """Removes one part's files; ``work`` is removed whole."""
        if part != "work":
            return super().discard(part)
        for path in files_under(self.path / "work"):
            path.unlink(missing_ok=True)
        remove_empty_folders(self.path / "work")

    def _all_parts(self) -> Iterable[str]:
        return [*super()._all_parts(), "work"]


class ShardedSet(StoredSet):
    """A set whose samples are worked on in shards, each of which leaves its results in one file."""

    def write_shard(self, stage: str, index: int, payload: Any) -> None:
        """Keeps the results of one shard of samples, so that a run which is started again skips it.

        Args:
            stage: lower-case letters and digits, such as ``pass1``
            index: the shard's position; the caller shards the same way each time
            payload: any value `containers.pack` takes: dicts, lists, numbers (bit for bit, NaN too), arrays
        """
        write_container(self._shard(stage, index), payload)

    def read_shard(self, stage: str, index: int) -> Any:
        """The payload given to `write_shard`; raises `SampleError` if the file is missing or damaged."""
        return read_container(self._shard(stage, index))

    def shard_done(self, stage: str, index: int) -> bool:
        """Whether the shard's results are there."""
        return self._shard(stage, index).is_file()

    def discard_shard(self, stage: str, index: int) -> None:
        """Removes a shard's results, to have them computed again."""
        self._shard(stage, index).unlink(missing_ok=True)

    def _shard(self, stage: str, index: int) -> Path:
        if not re.fullmatch("[a-z0-9_]+", stage):
            raise ValueError(f"Expected a stage of lower-case letters and digits, but got {stage!r}")
        return self.path / "shards" / f"{stage}-{index:06d}.lq"

    def _all_parts(self) -> Iterable[str]:
        return [*super()._all_parts(), "shards"]

    def _files_of(self, part: str) -> Iterator[Path]:
        if part != "shards":
            yield from super()._files_of(part)
            return
        for path in files_under(self.path / part):
            if re.fullmatch(r"[a-z0-9_]+-\d{6,}\.lq", path.name) or is_temporary(path):
                yield path

    def _write_png(self, part: str, sample_id: str, values: np.ndarray) -> Path:
        path = self.file(part, sample_id)
        write_bytes(path, encode_png(values))
        return path


def read_manifest(path: Path) -> dict[str, Any] | None:
    """The manifest of a set's folder, or None where the folder has none of ours."""
    try:
        manifest = json.loads((path / MANIFEST).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("made_by") != MADE_BY or manifest.get("format") != FORMAT:
        return None
    return manifest


def _check_removable(path: Path) -> None:
    if path.is_symlink() or read_manifest(path) is None:
        raise LabelQualityError(
            f"Expected {path} to be a folder of a run, with its own {MANIFEST}, but it is not; nothing was removed. "
            "Delete it yourself if it is not needed."
        )


def _attempt(path: Path) -> int:
    match = SET_NAME.fullmatch(path.name)
    return int(match["attempt"] or 1) if match else 1


def is_temporary(path: Path) -> bool:
    """Whether the file is what a killed process left half written."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def files_under(folder: Path) -> Iterator[Path]:
    """Every file below a folder, without following links out of it."""
    for parent, folders, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)
        yield from (Path(parent, name) for name in folders if os.path.islink(os.path.join(parent, name)))


def remove_empty_folders(folder: Path) -> None:
    """Removes the folder and those below it that have nothing in them."""
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(parent)
