"""The files of a run: predictions, heatmaps, masks, flags, suspects, objects, corrections; the state of a killed run.

One folder a key, given by the caller, and in it one folder a *set*, whose manifest says for which dataset it was made::

    <root>/.lock                             held while a run works here
    <root>/predictions-<digest>/manifest.json
                               /values/ab/<id>.lq      one `Prediction` and its metadata, a container
                               work/                   checkpoints and feature caches of whoever predicts
    <root>/scores-<digest>/manifest.json
                          /heatmaps/ab/<id>.png  /masks/ab/<id>.png  /flags/ab/<id>.png
                          /pooled/ab/<id>.lq     pooled probabilities (float16) and labels (int16), during the run
                          /compact/ab/<id>.lq    the same in a byte a probability, for the search for suspects
                          /shards/<stage>-000012.lq    what a pass found for one shard of samples
    <root>/suspects-<digest>/manifest.json
                            /masks/ab/<n>-<id>.png     the sample's n-th suspect, inside its box
                            /shards/…
    <root>/objects-<digest>/manifest.json
                           /shards/…                   scores of the annotated objects of a shard of samples
    <root>/gain-<digest>/manifest.json
                        work/                          checkpoints and caches, while a gain is being measured
                        /shards/…                      sums of each training that is done
    <root>/corrections-<digest>/manifest.json
                               /masks/ab/<id>.png      corrected masks that were loaded
                               /regions/ab/<n>-<id>.png   suspects in them, inside their boxes
                               /shards/…               what differs in a shard of samples

``ab`` are the last two characters of the sample's id. A set is made for a *digest* (of everything that its content
depends on); one that is unfinished is continued, and one that is finished is never changed: to do it again makes
``scores-<digest>-2``, so that fields which refer to the old files stay intact until the new ones are written.
A run on one key is::

    with RunFolder(root) as folder:                               # the lock
        predictions = folder.open_predictions(digest, content, overwrite=False)
        for sample_id in set(ids) - predictions.ids():
            predictions.write(sample_id, prediction, {"fold": 3})
        predictions.finish()
        scores = folder.open_scores(digest, content, overwrite=False)
        ...                                                       # write_heatmap, write_shard, ...
        scores.finish()                                           # after the dataset's fields are written
        folder.remove_sets(keep=[predictions, scores])

Reading needs no lock: ``RunFolder(root).sets()``. Files are containers (see ``containers.py``) or 8/16-bit PNGs.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from .containers import writing_error
from .locks import LOCK_NAME, locked
from .sets import AnySet, CorrectionSet, GainSet, ObjectSet, PredictionSet, ScoreSet, SuspectSet, load_set
from .stored_set import FORMAT, MADE_BY, SET_NAME, StoredSet, files_under, is_temporary

S = TypeVar("S", bound=StoredSet)


def content_digest(*parts: Any) -> str:
    """Twelve hex digits over JSON-serialisable values: of what a set's content depends on.

    Args:
        parts: strings, numbers, dicts and lists; the order of a dict's keys does not matter
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Owner:
    """Whose sets in a folder are meant. Those of version 0.1.0 do not say for which dataset they were made.

    Args:
        dataset: id of the dataset
        has_samples: whether the dataset has any of these samples, which are given by their ids
        recorded: names of the sets that the record of its run in this folder names
    """

    dataset: str
    has_samples: Callable[[Iterable[str]], bool]
    recorded: frozenset[str] = frozenset()

    def owns(self, one: StoredSet) -> bool:
        """Whether a set was made for the dataset."""
        if one.dataset is not None:
            return one.dataset == self.dataset
        return one.path.name in self.recorded or self.has_samples(one.samples())


class RunFolder:
    """The folder of one key. Enter it to hold its lock, which everything that writes needs.

    Args:
        root: the key's folder; made when it is entered
        owner: whose sets are seen here, and so changed or removed; None for all
    """

    def __init__(self, root: str | os.PathLike[str], owner: Owner | None = None) -> None:
        self.root = Path(root)
        self.owner = owner
        self._lock: contextlib.AbstractContextManager[None] | None = None

    def __enter__(self) -> RunFolder:
        lock = locked(self.root)
        lock.__enter__()
        self._lock = lock
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.__exit__(None, None, None)
        with contextlib.suppress(OSError):
            if self.root.is_dir() and not any(self.root.iterdir()):
                self.root.rmdir()
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError) and isinstance(error.filename, str):
            # Of a file that cannot be removed, say: what cannot be written is explained where it is written
            parent = Path(error.filename).parent
            if parent.is_relative_to(self.root):
                raise writing_error(error, parent) from error

    def open_predictions(
        self, digest: str, content: Mapping[str, Any] | None = None, *, overwrite: bool = False
    ) -> PredictionSet:
        """The set of predictions to read, to continue or to begin.

        Args:
            digest: hex digits over everything the predictions depend on, see `content_digest`
            content: JSON-serialisable description for the manifest of a set that is begun
            overwrite: begin anew beside a complete set; an unfinished one is still continued

        Returns:
            the complete set of this digest, unless ``overwrite``; else the unfinished one; else a new one
        """
        return self._open(PredictionSet, digest, content or {}, overwrite)

    def open_scores(
        self, digest: str, content: Mapping[str, Any] | None = None, *, overwrite: bool = False
    ) -> ScoreSet:
        """The set of scores to read, to continue or to begin; as `open_predictions`."""
        return self._open(ScoreSet, digest, content or {}, overwrite)

    def open_suspects(
        self, digest: str, content: Mapping[str, Any] | None = None, *, overwrite: bool = False
    ) -> SuspectSet:
        """The set of suspects to read, to continue or to begin; as `open_predictions`."""
        return self._open(SuspectSet, digest, content or {}, overwrite)

    def open_objects(
        self, digest: str, content: Mapping[str, Any] | None = None, *, overwrite: bool = False
    ) -> ObjectSet:
        """The set of scores of objects to read, to continue or to begin; as `open_predictions`."""
        return self._open(ObjectSet, digest, content or {}, overwrite)

    def open_gain(self, digest: str, content: Mapping[str, Any] | None = None) -> GainSet:
        """The set of what measures a gain, to continue or to begin; as `open_predictions`."""
        return self._open(GainSet, digest, content or {}, False)

    def open_corrections(
        self, digest: str, content: Mapping[str, Any] | None = None, *, overwrite: bool = False
    ) -> CorrectionSet:
        """The set of loaded corrections to read, to continue or to begin; as `open_predictions`."""
        return self._open(CorrectionSet, digest, content or {}, overwrite)

    def sets(self) -> list[AnySet]:
        """The owner's sets in this folder, oldest first; folders that the store did not make are passed over."""
        if not self.root.is_dir():
            return []
        found = [load_set(path) for path in self.root.iterdir() if SET_NAME.fullmatch(path.name)]
        mine = (one for one in found if one is not None and (self.owner is None or self.owner.owns(one)))
        return sorted(mine, key=lambda one: (one.created, one.attempt))

    def latest(self, kind: type[S]) -> S | None:
        """The newest complete set of a kind, or None; ``folder.latest(PredictionSet)``."""
        complete = [one for one in self.sets() if isinstance(one, kind) and one.complete]
        return complete[-1] if complete else None

    def remove_sets(self, keep: Iterable[StoredSet] = ()) -> list[Path]:
        """Removes every set of the owner's but these.

        Returns:
            files in the removed sets' folders that the store did not make and so left alone
        """
        self._require_lock()
        kept = {one.path for one in keep}
        return [path for one in self.sets() if one.path not in kept for path in one.remove()]

    def delete(self) -> list[Path]:
        """Removes all that the store made in this folder for its owner, and the folder itself if it is empty then.

        Returns:
            files that were left alone because the store did not make them, or made them for another dataset

        Raises:
            LabelQualityError: a run is using the folder
        """
        if not self.root.is_dir():
            return []
        with self:
            self.remove_sets()
            return sorted(path for path in files_under(self.root) if path != self.root / LOCK_NAME)

    def _open(self, kind: type[S], digest: str, content: Mapping[str, Any], overwrite: bool) -> S:
        self._require_lock()
        if not re.fullmatch("[0-9a-f]+", digest):
            raise ValueError(f"Expected a digest of hex digits, but got {digest!r}")
        mine = [one for one in self.sets() if isinstance(one, kind) and one.digest == digest]
        complete = [one for one in mine if one.complete]
        if complete and not overwrite:
            return complete[-1]
        unfinished = [one for one in mine if not one.complete]
        if unfinished:
            unfinished[-1].clean()
            return unfinished[-1]
        return self._begin(kind, digest, content)

    def _begin(self, kind: type[S], digest: str, content: Mapping[str, Any]) -> S:
        path = self.root / f"{kind.kind}-{digest}"
        attempt = 1
        # A folder without a manifest is either what a kill left before the manifest, then it is empty, or not ours
        while path.exists() and any(not is_temporary(entry) for entry in path.iterdir()):
            attempt += 1
            path = self.root / f"{kind.kind}-{digest}-{attempt}"
        begun = kind(path, {})
        begun.clean()
        begun._save(
            {
                "made_by": MADE_BY,
                "format": FORMAT,
                "kind": kind.kind,
                "dataset": self.owner.dataset if self.owner is not None else None,
                "digest": digest,
                "created": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                "complete": False,
                "content": json.loads(json.dumps(dict(content))),
                "results": {},
            }
        )
        return begun

    def _require_lock(self) -> None:
        if self._lock is None:
            raise RuntimeError("Enter the RunFolder (`with RunFolder(root) as folder:`) before writing to it")
