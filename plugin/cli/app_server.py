"""The FiftyOne App on a dataset, worst images first, the panel beside them, until the user ends it."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import fiftyone as fo
import psutil
from fiftyone.core.service import ServiceListenTimeout
from fiftyone.service.util import get_listening_tcp_ports

from ..base.errors import LabelQualityError
from ..dataset.views import WORST_FIRST, view_name, worst_first
from ..documents.saved_views import listed
from ..samples.private_fiftyone import is_connected

_ADDRESS = "127.0.0.1"
_PLUGIN, _PANEL = "@label-quality/segmentation", "label_quality_panel"
_START_SECONDS, _END_SECONDS = 120.0, 5.0


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
    try:
        with _quiet():
            session = fo.launch_app(dataset, view=view, spaces=layout(), remote=True, address=_ADDRESS, port=port)
    except ServiceListenTimeout:
        raise LabelQualityError(
            f"The App's server has not taken port {port} in time; the machine may be too busy. Try it again."
        ) from None
    try:
        with _quiet():
            _wait_until_served(port, session)
        # Not the address of the dataset: at the root the App shows what the session does, which is the view
        print(f"\nThe App is at http://{_ADDRESS}:{port}  (Ctrl-C ends it)", flush=True)
        session.wait(-1)
    except KeyboardInterrupt:
        print("\nThe App is closed.", flush=True)
    finally:
        _close(session, port)


def _close(session: Any, port: int) -> None:
    """Closes the App, and ends its server where that waits too long.

    On Python 3.12 it waits until nobody listens to its events any more, which this session and open pages do for ever.
    """
    servers = [one for one in psutil.Process().children(recursive=True) if _listens(one, port)]
    closing = threading.Thread(target=session.close, daemon=True)
    closing.start()
    closing.join(_END_SECONDS)
    if closing.is_alive():
        for one in servers:
            with contextlib.suppress(psutil.Error):
                one.kill()
        closing.join()


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return port in get_listening_tcp_ports(process)
    except psutil.Error:
        return False


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


def layout() -> fo.Space | None:
    """The grid with the panel beside it, so that nobody has to look for it; None where the plugin is not installed."""
    from fiftyone.plugins import list_plugins

    if not any(one.name == _PLUGIN for one in list_plugins()):
        return None
    panels = (fo.Panel(type="Samples", pinned=True), fo.Panel(type=_PANEL))
    tabs = [fo.Space(children=[panel], active_child=panel.component_id) for panel in panels]
    return fo.Space(children=tabs, orientation="horizontal")


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
    """Keeps back FiftyOne's advice on how to reach the App from other machines, and its complaints until it is up."""
    logger = logging.getLogger("fiftyone")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _wait_until_served(port: int, session: Any) -> None:
    # launch_app returns before the server listens; until the session has told it of the dataset, a page shows none
    until = time.monotonic() + _START_SECONDS
    while not (_served(port) and is_connected(session)):
        if time.monotonic() > until:
            raise LabelQualityError(f"The App did not start on port {port} in {_START_SECONDS:.0f} s.")
        time.sleep(0.2)


def _served(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{_ADDRESS}:{port}/fiftyone", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
