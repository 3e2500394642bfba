"""The samples that a run leaves out, and why; or, where none may be left out, the error at the first of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

from ..base.errors import LabelQualityError, SampleError

_SHOWN_SAMPLES = 5


class LeftOut(TypedDict):
    """A sample that was left out, as JSON-serialisable values."""

    sample_id: str | None
    path: str | None
    problem: str


class Failures:
    """Bad samples as they are found, each once.

    Args:
        skip: leave bad samples out; otherwise each is raised
        asked: ids of all samples that the run was asked for, in order
        found: those that are known already
    """

    def __init__(self, skip: bool, asked: Sequence[str], found: Iterable[SampleError] = ()) -> None:
        self.skip = skip
        self.asked = asked
        self._by_id: dict[str | None, SampleError] = {error.sample_id: error for error in found}

    @property
    def ids(self) -> set[str | None]:
        """Ids of the samples that are left out."""
        return set(self._by_id)

    @property
    def handler(self) -> Callable[[SampleError], None] | None:
        """What to give to a function that takes an ``on_failure``: `add`, or None to have it raise."""
        return self.add if self.skip else None

    def add(self, error: SampleError) -> None:
        """Notes a bad sample; raises it unless bad samples are skipped."""
        if not self.skip:
            raise error
        self._by_id.setdefault(error.sample_id, error)

    def recall(self, noted: Iterable[Mapping[str, Any]]) -> None:
        """Adds what an earlier stage, or an earlier call, has kept with `to_dicts`."""
        for one in noted:
            self.add(SampleError(one["problem"], sample_id=one["sample_id"], path=one["path"]))

    def require(self, usable: int) -> None:
        """Raises `LabelQualityError` if no sample can be used; ``usable`` is how many are left."""
        if not usable:
            first = next((f" The first: {error}" for error in self._by_id.values()), "")
            raise LabelQualityError(f"None of the {len(self.asked)} samples can be used.{first}")

    def sentences(self) -> tuple[str, ...]:
        """What is wrong with each, in the order of the samples."""
        return tuple(str(self._by_id[sample_id]) for sample_id in self.asked if sample_id in self._by_id)

    def to_dicts(self) -> list[LeftOut]:
        """The failures as JSON-serialisable values, in the order of the samples, however they were found."""
        return [as_dict(self._by_id[sample_id]) for sample_id in self.asked if sample_id in self._by_id]


def as_dict(error: SampleError) -> LeftOut:
    """A failure as JSON-serialisable values: ``sample_id``, ``path`` and ``problem``."""
    return {"sample_id": error.sample_id, "path": error.path, "problem": error.problem}


def raise_together(failures: Sequence[SampleError], total: int) -> None:
    """Raises the one error that there is, or a `LabelQualityError` that lists the first of several."""
    if not failures:
        return
    if len(failures) == 1:
        raise failures[0]
    shown = "\n".join(f"- {failure}" for failure in failures[:_SHOWN_SAMPLES])
    more = len(failures) - _SHOWN_SAMPLES
    raise LabelQualityError(
        f"{len(failures)} of {total} samples cannot be used. Mend them, or run with skip_failures=True to leave them "
        f"out:\n{shown}" + (f"\n- and {more} more" if more > 0 else "")
    )
