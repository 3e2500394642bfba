"""How the engine tells a terminal, the App or a delegated run how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Called often and cheaply; an implementation decides what to show and how often."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Reports that ``done`` of ``total`` steps of the stage, named for a user, are finished."""


def silent(stage: str, done: int, total: int) -> None:
    """Shows nothing: the default of every engine function."""


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
