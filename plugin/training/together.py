"""The progress of trainings that run side by side."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..base.progress import Progress


class Together:
    """The progress of trainings that run side by side, as one; each is as long as the longest known."""

    def __init__(self, stage: str, folds: Sequence[int], progress: Progress) -> None:
        self._stage, self._progress = stage, progress
        self._done = dict.fromkeys(folds, 0)
        self._longest = 0
        self._lock = threading.Lock()

    def __call__(self, fold: int, step: int, total: int) -> None:
        with self._lock:
            self._done[fold] = step
            self._longest = max(self._longest, total)
            self._progress(self._stage, sum(self._done.values()), self._longest * len(self._done))
