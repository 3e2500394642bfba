"""The App in Chromium: a page on a dataset, served by this FiftyOne."""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..conftest import MakeDataset, making_datasets
from .pages import CALM, STILL, chromium_path

ARTIFACTS = Path(__file__).resolve().parents[2] / "artifacts"
_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
#: Seconds to wait for anything at all: a slow machine is no failure
_PATIENCE = 120
_SIZE = {"width": 1400, "height": 900}
_FAILED = pytest.StashKey[bool]()
#: The browser, and what drives it
_RUNNING = contextlib.ExitStack()
#: Times that a page is opened within that patience
_ATTEMPTS = 4
#: Tiles of a grid that are in sight, and so painted
_IN_SIGHT = 12


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "app: drives the FiftyOne App in a browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium for all tests of this folder; skips where it or Playwright is missing."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    executable = chromium_path()
    if executable is None:
        pytest.skip("no Chromium found: install it, or set LABEL_QUALITY_CHROMIUM to its path")
    running = _RUNNING.enter_context(playwright.sync_playwright())
    found = running.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
    _RUNNING.callback(found.close)
    yield found
    _RUNNING.close()


class Tab:
    """A page that tests open the App in, one after another, as a person does in a tab.

    What it has compiled of the App's scripts stays in its process, which is two fifths of the CPU time in which the App
    opens. What a test has left in it, is removed.

    Args:
        browser: of Playwright
    """

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._page: Any = None

    def take(self) -> Any:
        """The page, which is empty."""
        if self._page is None:
            context = self._browser.new_context()
            context.add_init_script("localStorage['fiftyone-enterprise-tooltip-seen'] = 'true'")
            context.add_init_script(STILL)
            context.add_init_script(CALM)
            self._page = context.new_page()
            self._page.set_default_timeout(_PATIENCE * 1000)
        self._page.set_viewport_size(_SIZE)
        return self._page

    def give_back(self) -> None:
        """Leaves the App, with all that it keeps in the browser.

        The page itself goes on to the empty one: sent there from outside, it would go on in another process.
        """
        self._page.evaluate("localStorage.clear(); sessionStorage.clear(); location.replace('about:blank')")
        self._page.wait_for_url("about:blank")

    def close(self) -> None:
        """Closes the page: the next is another one."""
        self._page.context.close()
        self._page = None


@pytest.fixture(scope="session")
def tab(browser: Any) -> Tab:
    """The page that tests share."""
    return Tab(browser)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Ends the browser after the last test of this folder: the fixture ends with the session.

    Playwright keeps an event loop running in this thread, and in one FiftyOne's operators give tasks in place of
    results.
    """
    if nextitem is None or nextitem.path.parent != item.path.parent:
        _RUNNING.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
def make_dataset(fiftyone: Any, tmp_path: Path) -> Iterator[MakeDataset]:
    """As that of all tests, with new ones: the App's server remembers what it has shown."""
    with making_datasets(fiftyone, tmp_path) as make:
        yield make


@pytest.fixture(scope="session")
def app_session(fiftyone: Any) -> Iterator[Any]:
    """The App's session, without a dataset: all tests share its server, which takes longer to start than they do."""
    yield from serve_app(fiftyone)


def serve_app(fiftyone: Any) -> Iterator[Any]:
    """A session whose App has no dataset, with a server of its own."""
    session = fiftyone.launch_app(remote=True, address="127.0.0.1", port=_free_port())
    _wait_for(session.server_port)
    _wait_until_connected(session)
    yield session
    session.close()


@pytest.fixture
def open_app(request: pytest.FixtureRequest, tab: Tab, app_session: Any) -> Iterator[Callable[..., Any]]:
    """A function that serves a dataset and returns the page with its grid painted; a failure leaves a picture of it.

    It also takes a ``view`` and ``spaces``, as the session does, which the page shows from its start.
    """
    pages: list[Any] = []

    def open_page(dataset: Any, **shown: Any) -> Any:
        app_session.dataset = dataset
        for name, value in shown.items():
            setattr(app_session, name, value)
        page = tab.take()
        pages.append(page)
        _open(page, f"http://127.0.0.1:{app_session.server_port}/", min(len(dataset), _IN_SIGHT))
        return page

    yield open_page
    if pages and request.node.stash.get(_FAILED, False):
        _save_screenshot(pages[0], f"failed-{request.node.name}")
        tab.close()
    elif pages:
        tab.give_back()
    app_session.clear_dataset()


@pytest.fixture
def grid() -> Callable[[Any, int], None]:
    """Waits until a page's grid has painted that many tiles."""
    return _wait_for_grid


@pytest.fixture
def screenshot() -> Callable[[Any, str], Path]:
    """Saves what a page shows under ``artifacts/``, for people to look at."""
    return _save_screenshot


def _wait_for_grid(page: Any, tiles: int, timeout: float = _PATIENCE * 1000) -> None:
    painted = page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]")
    painted.nth(tiles - 1).wait_for(state="attached", timeout=timeout)


def _open(page: Any, address: str, tiles: int) -> None:
    """Opens the session's page, again where it shows no dataset.

    A new session tells the server of its dataset up to ten seconds after the server answers; until then a page shows
    none. The dataset's own address is no way around it: there the server takes the dataset's slug for its name.
    """
    from playwright.sync_api import TimeoutError as NotPainted

    for attempt in range(1, _ATTEMPTS + 1):
        page.goto(address)
        try:
            _wait_for_grid(page, tiles, _PATIENCE * 1000 / _ATTEMPTS)
            return
        except NotPainted:
            _save_screenshot(page, f"not-painted-{attempt}")
    _wait_for_grid(page, tiles)


def _save_screenshot(page: Any, name: str) -> Path:
    ARTIFACTS.mkdir(exist_ok=True)
    path = ARTIFACTS / f"{name}.png"
    page.screenshot(path=str(path))
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_until_connected(session: Any) -> None:
    """Waits until a session can tell the server what to show: it tries every ten seconds, and else refuses."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            session.clear_dataset()
            return
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
