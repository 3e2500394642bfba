"""How long the stages of a run took, as their own progress tells."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from .progress import Progress, expect

_FOLDS = re.compile(r" \d+ folds?| fold \d+ of \d+")


def stage_name(stage: str) -> str:
    """A stage's name without its folds: of "Training 5 folds", "Training"."""
    return _FOLDS.sub("", stage)


class StageTimes:
    """A `Progress` that keeps the seconds of each stage, and passes on what it is told; never backwards within a stage.

    The time since the last report counts for the stage that reports next; the folds of a stage count together.

    Args:
        progress: whom to tell
    """

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._since = time.monotonic()
        self._done: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.count(stage)
        self._done[stage] = max(done, self._done.get(stage, 0))
        self._progress(stage, self._done[stage], total)

    def expect(self, seconds: Mapping[str, float]) -> None:
        """Passes on which stages come."""
        expect(self._progress, seconds)

    def count(self, stage: str) -> None:
        """Counts the time since the last report for a stage, without reporting progress."""
        now = time.monotonic()
        name = stage_name(stage)
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now

    def recall(self, seconds: Mapping[str, float]) -> None:
        """Takes over the seconds of stages that an earlier call has finished."""
        self.seconds = {**seconds, **self.seconds}
