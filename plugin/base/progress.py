"""How the engine tells a terminal, the App or a delegated run how far it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Protocol

from .errors import LabelQualityError


class Progress(Protocol):
    """A function that is told how far the work is, as ``progress(stage, done, total)``.

    It is called often and cheaply; it decides what to show and how often. ``done`` of ``total`` steps of the stage,
    which is named for a user, are finished; ``total`` is 0 where their number is not known.
    """

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Reports that ``done`` of ``total`` steps of the stage are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Shows nothing: the default of every engine function."""


@contextlib.contextmanager
def showing(progress: Progress | bool | None) -> Iterator[Progress]:
    """What a public function is given as ``progress``, made into what the engine tells; bars end with the block.

    Args:
        progress: True for bars in the terminal or notebook, False or None for nothing, or a function that is called

    Raises:
        LabelQualityError: it is none of these
    """
    if progress is None or progress is False:
        yield silent
    elif progress is True:
        # Imported here: what draws them is needed by nobody who does not ask for bars
        from .console import TerminalProgress

        bars = TerminalProgress()
        try:
            yield bars
        finally:
            bars.close()
    elif callable(progress):
        yield progress
    else:
        raise LabelQualityError(
            "Expected parameter `progress` to be True for progress bars, False or None for none, or a function that is "
            f"called as progress(stage, done, total), but got {progress!r}."
        )


def expect(progress: Progress, seconds: Mapping[str, float]) -> None:
    """Says which stages come, to a `Progress` that has a method ``expect``, so that it can show one share of all.

    Args:
        progress: whom to tell
        seconds: name of each stage to the seconds that it is expected to take, in their order
    """
    tell = getattr(progress, "expect", None)
    if tell is not None:
        tell(seconds)


def named(progress: Progress, name: str) -> Progress:
    """Tells of stages by a name that they get before their own, as one of several runs has them.

    Args:
        progress: told of "name: stage"
        name: of what the stages belong to
    """

    def report(stage: str, done: int, total: int) -> None:
        progress(f"{name}: {stage}", done, total)

    return report
