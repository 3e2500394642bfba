"""The part of a run's record on what has changed from another run to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone


@dataclass(frozen=True)
class ChangedImage:
    """An image whose quality has changed much.

    Args:
        sample_id: the sample
        filepath: the image
        before: its quality in the run before, in [0, 1]
        after: in the run after
    """

    sample_id: str
    filepath: str
    before: float
    after: float


@dataclass(frozen=True)
class IssueChange:
    """A pair of classes in both runs.

    Args:
        title: such as "car given as road"
        before: suspects in the run before
        after: in the run after
        rejected: of these, suspects that were rejected in the run before
    """

    title: str
    before: int
    after: int
    rejected: int = 0

    @property
    def left(self) -> int:
        """Suspects in the run after that nobody has rejected in the run before."""
        return self.after - self.rejected


@dataclass(frozen=True)
class ClassChange:
    """A class in both runs.

    Args:
        name: of the class
        before: IoU of the given masks with the suggested ones in the run before; None where nothing was looked for, or
            the class is neither given nor suggested
        after: likewise in the run after
        masks: IoU of the masks of the one run with those of the other; None where both have the same field, or neither
            has the class
    """

    name: str
    before: float | None
    after: float | None
    masks: float | None = None


@dataclass
class Comparison:
    """What has changed from one run to another.

    Args:
        before: key of the run before
        after: key of the run after
        images: that both have scored
        only_before: images that the run before alone has scored
        only_after: those that the run after alone has
        better: images of a higher quality than before
        worse: images of a lower one
        mean_change: of the quality, in [-1, 1]
        gained: the images whose quality grew most
        lost: those whose quality fell most
        suspects_before: in these images, rejected ones left out
        suspects_after: likewise
        gone: suspects of before that are none any more
        new: suspects that were none before
        rejected_before: suspects that were rejected in the run before, or deleted there in the App, and are found
            again: they are not new
        issues: by title, those that have changed most first
        classes: in the order of the class table
        miou_before: mean IoU of the given masks with the suggested ones; None where nothing was looked for
        miou_after: likewise
        changed_pixels: share of the pixels that the masks of both runs have otherwise; None where both have one field
        masks_miou: mean IoU of the masks of the one run with those of the other; None likewise
        notes: sentences that the user must know
        views: names of the saved views of what changed
        created: UTC time, ISO 8601
        searched: name of the set of files with the suspects of the run after; None where it has none
    """

    before: str
    after: str
    images: int = 0
    only_before: int = 0
    only_after: int = 0
    better: int = 0
    worse: int = 0
    mean_change: float = 0.0
    gained: list[ChangedImage] = field(default_factory=list)
    lost: list[ChangedImage] = field(default_factory=list)
    suspects_before: int = 0
    suspects_after: int = 0
    gone: int = 0
    new: int = 0
    rejected_before: int = 0
    issues: list[IssueChange] = field(default_factory=list)
    classes: list[ClassChange] = field(default_factory=list)
    miou_before: float | None = None
    miou_after: float | None = None
    changed_pixels: float | None = None
    masks_miou: float | None = None
    notes: list[str] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    searched: str | None = None
