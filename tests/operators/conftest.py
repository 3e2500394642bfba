"""Operators run as in the App's server."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def in_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says that this process is the App's server, in which FiftyOne does not note when a dataset was loaded last.

    An operator loads its dataset twice each time that it is called, and that note is a fourth of the time.
    """
    monkeypatch.setenv("FIFTYONE_SERVER", "1")
