"""The FiftyOne App on a dataset, worst images first, until the user ends it."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import fiftyone as fo

from .errors import LabelQualityError
from .saved_views import listed
from .views import WORST_FIRST, view_name, worst_first

_ADDRESS = "127.0.0.1"
_START_SECONDS = 60.0


def open_app(dataset: Any, port: int, key: str | None = None) -> None:
    """Serves the App on this machine until Ctrl-C.

    Args:
        dataset: the dataset
        port: of the App
        key: the run whose ranking is shown; by default the latest run that has one

    Raises:
        LabelQualityError: the port is taken, or the App does not start
    """
    check_port(port)
    view = ranking_view(dataset, key)
    with _quiet():
        session = fo.launch_app(dataset, view=view, remote=True, address=_ADDRESS, port=port)
    try:
        _wait_until_served(port)
        # Not the address of the dataset: at the root the App shows what the session does, which is the view
        print(f"\nThe App is at http://{_ADDRESS}:{port}  (Ctrl-C ends it)", flush=True)
        session.wait(-1)
    except KeyboardInterrupt:
        print("\nThe App is closed.", flush=True)
    finally:
        session.close()


def ranking_view(dataset: Any, key: str | None = None) -> Any:
    """A run's saved view of the worst first, or the same view unsaved; None where no run has a ranking.

    Raises:
        LabelQualityError: the run named by ``key`` has no ranking
    """
    view = worst_first(dataset, key)
    if view is dataset:
        return None
    names = [one.name for one in listed(dataset) if one.name.endswith(view_name("", WORST_FIRST))]
    saved = [dataset.load_saved_view(name) for name in names]
    # The saved one has a name, which the App shows
    return next((one for one in saved if one == view), view)


def check_port(port: int) -> None:
    """Raises `LabelQualityError` if something listens on the port: FiftyOne would show that one's data, or nothing."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_ADDRESS, port))
        except OSError as error:
            raise LabelQualityError(
                f"The App cannot have port {port} ({error.strerror}): another App may be open. Choose another --port."
            ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back FiftyOne's advice on how to reach the App from other machines, which is not what was asked for."""
    logger = logging.getLogger("fiftyone")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _wait_until_served(port: int) -> None:
    # launch_app returns before the server listens
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{_ADDRESS}:{port}/fiftyone", timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > until:
                raise LabelQualityError(f"The App did not start on port {port} in {_START_SECONDS:.0f} s.") from None
            time.sleep(0.2)
