"""What daily use of the App needs, in both themes and at both usual widths of a page."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..predicted import WITH_FILES, add_swapped_predictions
from .clicks import click_until
from .looks import THEMES, WIDTHS, look_at
from .test_review_in_app import line
from .test_walk_in_app import Walk

pytestmark = pytest.mark.app

_SUSPECT = "car given as road"
#: The colour of swaps, RGB
_SWAP = (204, 121, 167)


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images with a run; the predictions see road and car the other way round in the third."""
    from label_quality import audit_labels

    made = make_dataset(count=6, sizes=((96, 128),))
    add_swapped_predictions(made, tmp_path)
    audit_labels(made, "ground_truth", key="one", **WITH_FILES)
    made.reload()
    return made


class Day(Walk):
    """The steps of a day."""

    def __init__(self, page: Any) -> None:
        super().__init__(page)
        self.sidebar = page.locator("[data-cy=sidebar]")
        self.output = page.locator("[data-cy=operators-prompt-view-modal]")

    def drawn(self) -> list[str]:
        """The fields whose boxes are ticked."""
        ticked = "all => all.filter(one => one.parentElement.querySelector('input:checked')).map(one => one.dataset.cy)"
        found = self.sidebar.locator("[data-cy^=sidebar-field-container-]").evaluate_all(ticked)
        return [str(one).removeprefix("sidebar-field-container-") for one in found]

    def fields(self, key: str) -> list[str]:
        """A run's fields in the sidebar."""
        group = self.sidebar.locator(f"[data-cy^=sidebar-field-container-{key}_]")
        return [str(one.get_attribute("data-cy")).removeprefix("sidebar-field-container-") for one in group.all()]

    def until(self, holds: Callable[[], bool], tries: int = 300) -> None:
        """Waits until something is so."""
        for _ in range(tries):
            if holds():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"{self.drawn()} are drawn, of the fields {self.fields('one')}, {self.fields('two')}.")

    def is_coloured(self, key: str) -> None:
        """Waits until the grid has a run's numbers in one colour, and its swaps in theirs.

        FiftyOne's grid cannot paint two things at once: of a tile that is given other fields while it is painted, it
        shows a mark in place of the image, until it is another view's.
        """
        self.until(lambda: len(self.number_colours(key)) == 1)
        for view in ("swap-suspects", "worst-first", "swap-suspects", "worst-first"):
            with contextlib.suppress(AssertionError):
                return self.until(self.shows_swaps, 50)
            self.choose_view(f"{key}-{view}")
            self.sees("1 sample" if view == "swap-suspects" else "6 samples")
        self.until(self.shows_swaps)

    def number_colours(self, key: str) -> set[str]:
        """The colours of a run's qualities on the tiles."""
        tags = self.page.locator(f"[data-cy=fo-grid] div[title^='{key}_quality: ']")
        return set(tags.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)"))

    def shows_swaps(self) -> bool:
        """Whether the grid draws something in the colour that means a swap."""
        data = self.page.locator("[data-cy=fo-grid]").screenshot()
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
        return int((np.abs(shown - _SWAP).max(axis=2) < 12).sum()) > 100


@pytest.mark.slow
def test_a_day(
    open_app: Callable[..., Any], screenshot: Callable[[Any, str], Path], dataset: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.cli.app_server import layout

    day = Day(open_app(dataset, spaces=layout()))
    day.panel.get_by_text("Run “one”").wait_for()
    day.until(lambda: len(day.number_colours("one")) == 1)
    another_run(day)
    screenshot(day.page, "day-audited")
    # By turns, so that there is another one to choose; what depends on the theme does not on the width
    for key, theme, width in zip(("one", "two"), THEMES, WIDTHS, strict=True):
        look_at(day.page, theme, width, 1000)
        look = f"{theme}-{width}"
        one_run_at_a_time(day, key)
        the_view_is_no_business_of_the_panels(day, key)
        patches_and_back(day, key)
        day.is_coloured(key)
        screenshot(day.page, f"day-1-after-patches-{look}")
        progress(day)
        screenshot(day.page, f"day-2-done-{look}")
        the_panel_is_plain(day)
        forms_refuse_what_cannot_be(day, tmp_path)
        the_worst_are_tagged_first(day)
        screenshot(day.page, f"day-3-tag-{look}")
        day.form.get_by_role("button", name="Cancel").click()
        a_class_that_there_is_not(day)
        screenshot(day.page, f"day-4-class-{look}")
        day.close()
        back_to_all(day, key)


def another_run(day: Day) -> None:
    """An audit in the open App: its suspects have the colour of their kind, and its numbers one colour."""
    day.panel.get_by_role("button", name="Run audit…").click()
    day.form.get_by_text("Use predictions I have stored").click()
    day.form.get_by_text("Choose the field that holds the predictions.").wait_for()
    day.form.locator("[role=combobox]").nth(1).click()
    day.page.get_by_role("option", name="probabilities").click()
    day.form.get_by_text("6 images will be scored with the stored predictions").wait_for()
    day.form.locator("input[value=lq]").fill("two")
    day.execute("Execute")
    day.output.get_by_text("Scored 6 images; the worst is 002.png").wait_for()
    day.output.get_by_role("button", name="Done").click()
    day.panel.get_by_text("Run “two”").wait_for()
    day.until(lambda: day.drawn() == ["two_quality", "two_suspects", "two_heatmap"])
    day.is_coloured("two")


def one_run_at_a_time(day: Day, key: str) -> None:
    """The panel's choice of a run is what the grid draws.

    A page that still changes to another view may lose which fields it was asked for: then it is asked again.
    """
    other, wanted = "two" if key == "one" else "one", [f"{key}_quality", f"{key}_suspects", f"{key}_heatmap"]
    choose(day, key)
    try:
        day.until(lambda: day.drawn() == wanted, 100)
    except AssertionError:
        choose(day, other)
        choose(day, key)
        day.until(lambda: day.drawn() == wanted)
    day.until(lambda: len(day.number_colours(key)) == 1 and not day.number_colours(other))


def choose(day: Day, key: str) -> None:
    day.panel.locator("[role=combobox]").first.click()
    day.page.get_by_role("option", name=f"Run “{key}”").click()
    day.panel.get_by_text(f"Run “{key}”").first.wait_for()


def the_view_is_no_business_of_the_panels(day: Day, key: str) -> None:
    """A change of the view asks the server for nothing of the panel's, which does not follow it."""
    asked: list[str] = []

    def note(request: Any) -> None:
        if request.url.endswith("/operators/execute"):
            asked.append(request.post_data or "")

    day.page.on("request", note)
    for view, count in (("swap-suspects", "1 sample"), ("worst-first", "6 samples")):
        day.choose_view(f"{key}-{view}")
        day.sees(count)
    day.page.remove_listener("request", note)
    assert not [one for one in asked if "label_quality_panel" in one]


def patches_and_back(day: Day, key: str) -> None:
    """After a view of patches the sidebar is as it was, and suspects are drawn on the heatmap."""
    before = day.fields("one"), day.fields("two")
    day.panel.get_by_text(_SUSPECT, exact=True).first.click()
    day.page.locator("[data-cy=entry-counts]").get_by_text("patch").wait_for()
    back_to_all(day, key)
    day.until(lambda: (day.fields("one"), day.fields("two")) == before)


def back_to_all(day: Day, key: str) -> None:
    """All images again, with the run's fields; the App draws the first on top."""
    day.panel.get_by_role("button", name="Show all in the grid, worst first").click()
    day.sees("6 samples")
    day.until(lambda: day.drawn() == [f"{key}_quality", f"{key}_suspects", f"{key}_heatmap"])


def progress(day: Day) -> None:
    """A run is done once it is done."""
    call = "([uri, params]) => window.__foo__.executeOperator(uri, params)"
    day.page.evaluate(call, ["set_progress", {"label": "Finding suspects: 2 of 8", "progress": 0.25}])
    done = day.output.get_by_role("button", name="Done")
    done.wait_for()
    day.page.evaluate(call, ["@label-quality/segmentation/mark_progress", {}])
    done.wait_for(state="hidden")
    note = "getComputedStyle(document.querySelector('[role=dialog] .MuiDialogActions-root'), '::after').content"
    assert "Still running." in day.page.evaluate(note)
    output = {"type": {"name": "Object", "properties": {}}}
    day.page.evaluate(call, ["show_output", {"outputs": output, "results": {}}])
    done.click()
    day.output.wait_for(state="detached")


def the_panel_is_plain(day: Day) -> None:
    """It says how much there is to look at, without terms of art; a click on a title folds its section."""
    for words in (
        "Images with suspects",
        "of them are probably mistakes",
        "the share of wrong pixels with its 95 % int",
    ):
        day.panel.get_by_text(words).first.wait_for()
    shown = day.panel.inner_text()
    assert not [one for one in ("Mean quality", "onfident learning", "mistakes that repeat") if one in shown]
    title = day.panel.get_by_role("button", name="How good the masks are")
    for icon in ("chevron_right", "expand_more"):
        click_until(title, title.get_by_text(icon))


def forms_refuse_what_cannot_be(day: Day, folder: Path) -> None:
    """A folder that nobody can write to is refused before the work."""
    day.panel.get_by_role("button", name="Export clean dataset…").click()
    target = day.form.locator("input[value*='-clean']")
    target.fill("/proc/x")
    day.form.get_by_text("to be a folder that can be written to, but got /proc/x").first.wait_for()
    day.form.get_by_role("button", name="Cancel").click()
    day.form.wait_for(state="detached")
    assert not list(folder.glob("*-clean"))


def the_worst_are_tagged_first(day: Day) -> None:
    """The form begins with the worst and not with all; a tag that MongoDB would take for a field is refused."""
    day.panel.get_by_role("button", name="Tag for relabelling…").click()
    day.form.get_by_text("Tags 6 images as 'relabel'").wait_for()
    day.form.get_by_text("The worst", exact=True).wait_for()
    assert day.form.locator("input[value='10']").count() == 1
    day.form.locator("input[value=relabel]").fill("$x")
    day.form.get_by_text("Expected “Tag” to be a name that does not begin with '$', but got '$x'.").first.wait_for()


def a_class_that_there_is_not(day: Day) -> None:
    """Where no class has the letters that are typed, the line says so and offers none."""
    day.panel.get_by_role("button", name="Review suspects").click()
    line(day.page, "looks like")
    day.page.keyboard.press("o")
    line(day.page, "It should be")
    # As the panel behind it and the image do, whenever they are drawn
    for taker in (day.panel.locator("[role=combobox]").first, day.page.locator("[data-cy=modal] [data-cy=looker]")):
        taker.evaluate("one => one.focus()")
        day.page.keyboard.type("z")
    day.page.evaluate("document.activeElement.blur()")
    day.page.keyboard.type("y")
    typed = day.page.get_by_role("textbox", name="The right class")
    assert typed.input_value() == "zzy"
    line(day.page, "No class is called so, Esc goes back")
    day.page.keyboard.press("Enter")
    line(day.page, "No class is called so, Esc goes back")
    day.page.evaluate("document.activeElement.blur()")
    day.page.keyboard.press("Escape")
    line(day.page, "0 of ")
