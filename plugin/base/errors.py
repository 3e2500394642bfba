"""The errors a user can cause and mend; every message says what was found and what to do."""

from __future__ import annotations

from typing import Any


class LabelQualityError(Exception):
    """Something about the request, the dataset or its environment keeps a run from going on."""


class SampleError(LabelQualityError):
    """One sample cannot be processed; with ``skip_failures`` the rest of the dataset still is.

    Args:
        problem: what was expected and what was found, and what to do about it, in one or two sentences
        sample_id: the sample's id, or None where only the file is known yet
        path: the offending file, if there is one
    """

    def __init__(self, problem: str, *, sample_id: str | None = None, path: str | None = None) -> None:
        self.problem = problem
        self.sample_id = sample_id
        self.path = path
        where = [part for part in (f"sample {sample_id}" if sample_id else "", path or "") if part]
        super().__init__(f"{' ('.join(where)}{')' if len(where) == 2 else ''}: {problem}" if where else problem)

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.problem, self.sample_id, self.path)


def _restored(kind: type[SampleError], problem: str, sample_id: str | None, path: str | None) -> SampleError:
    """The error that was sent from another process."""
    return kind(problem, sample_id=sample_id, path=path)
