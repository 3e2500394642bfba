"""All of the loop in the App: audit, review, learn, redraw, estimate, load corrections, compare, export, report.

The dataset is the demo's, of generated street scenes with planted errors, with files of probabilities in place of
training; who judges knows the scenes as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..deletion import drop_datasets
from ..predicted import add_exact_predictions
from .pages import forget_painted_tiles
from .test_redraw_in_app import Annotating
from .test_region_in_app import Beside
from .test_walk_in_app import Walk

pytestmark = pytest.mark.app

_IMAGES, _SEED = 36, 1
_REVIEWED, _PLACES = 6, 10
#: Images whose corrected masks come from a folder
_CORRECTED = ("0003.png", "0009.png")


@pytest.fixture
def scenes(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """The demo's dataset, with the probabilities of a model that sees each scene as it is, and a run of before."""
    from label_quality import audit_labels
    from label_quality.plugin.scenes.demo_dataset import demo_dataset

    dataset = demo_dataset(tmp_path, _IMAGES, _SEED, name="loop-in-the-app")
    add_exact_predictions(dataset, tmp_path)
    given = {"source": "files", "field": "probabilities"}
    audit_labels(dataset, "ground_truth", key="before", scores=["softmin", "evidence"], displaced_edges=False, **given)
    dataset.reload()
    yield dataset
    drop_datasets([dataset.name])


class Loop(Walk):
    """The steps' common parts, and what the scenes' masks truly are."""

    def __init__(self, page: Any, dataset: Any) -> None:
        super().__init__(page)
        self.dataset = dataset
        self.modal = page.locator("[data-cy=modal]")
        self.output = page.locator("[data-cy=operators-prompt-view-modal]")
        #: Id of each suspect to how probable it was before any verdict
        self.before: dict[str, float] = {}

    def open_first(self) -> None:
        """Opens the first tile of the grid, in the tab that was chosen last."""
        self.click_first()
        self.modal.wait_for()

    def open_form(self, operator: str) -> Any:
        open_operator(self.page, operator)
        return self.form

    def fill(self, label: str, value: object) -> None:
        """Fills an input of the form."""
        input_of(self.form, label).fill(str(value))

    def done(self, text: str) -> None:
        """Waits until an operator's output holds a text, and closes it."""
        self.output.get_by_text(text).first.wait_for()
        self.output.get_by_role("button", name="Done").click()
        self.output.wait_for(state="detached")

    def values(self, name: str) -> list[Any]:
        """A value of each of the run's suspects, those that are rejected among them."""
        self.dataset.reload()
        fields = [field for field in ("lq_suspects", "lq_rejected") if self.dataset.has_sample_field(field)]
        rows = [row for field in fields for row in self.dataset.values(f"{field}.detections.{name}")]
        return [one for row in rows for one in row or []]

    def of(self, name: str, region_id: str) -> Any:
        """A value of one of them."""
        return self.values(name)[self.values("id").index(region_id)]

    def left(self) -> Any:
        """The suspects that nobody has reviewed, the most probable first."""
        from label_quality import order_suspects

        self.dataset.reload()
        return order_suspects(self.dataset, "lq", "probable")

    def judge(self, unit: dict[str, Any]) -> None:
        """Gives what was drawn the verdict that is true, by keys."""
        right = self.right(unit)
        if right is None:
            self.page.keyboard.press("n")
        elif right in (unit.get("suggested"), "an error"):
            self.page.keyboard.press("y")
        else:
            self.page.keyboard.press("o" if unit.get("suggested") else "y")
            self.name(right)

    def name(self, right: str) -> None:
        """Types the class that is asked for."""
        self.line("It should be")
        self.page.keyboard.type(right)
        self.page.keyboard.press("Enter")

    def right(self, unit: dict[str, Any]) -> str | None:
        """The true class of a place whose given class is wrong, or "an error" in an image; None where all is right."""
        from label_quality import load_record
        from label_quality.plugin.scenes.scenes import SCENE_CLASSES

        sample = self.dataset[unit["sample"]]
        exact, given = sample["exact_mask"].get_mask(), sample["ground_truth"].get_mask()
        if unit["unit"] == "image":
            return "an error" if (exact != given).mean() >= 0.001 else None
        drawn = load_record(self.dataset, "lq").sample.places
        number = int(unit["number"])
        name = SCENE_CLASSES[int(exact[drawn.rows[number], drawn.columns[number]])]
        return name if name != unit["given"] else None


def input_of(form: Any, label: str) -> Any:
    """The input below a label, which the App ties to it by nothing else."""
    return form.locator(f"xpath=.//p[normalize-space()='{label}']/following::input[1]")


def open_operator(page: Any, operator: str) -> None:
    page.keyboard.press("`")
    page.fill("[data-cy=operators-browser-search]", operator)
    page.locator("[data-cy=operators-browser]").get_by_text(operator, exact=True).click()


# All that the operators of the loop do, one after another
@pytest.mark.timeout(900)
@pytest.mark.slow
def test_the_whole_loop(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    browser: Any,
    scenes: Any,
    tmp_path: Path,
) -> None:
    loop = Loop(open_app(scenes), scenes)
    loop.open_panel()
    audit(loop)
    screenshot(loop.page, "loop-1-audited")
    review(loop, grid, screenshot)
    learnt(loop, grid, screenshot)
    redraw(loop, screenshot)
    draw(loop, grid, screenshot)
    judge(loop, screenshot)
    estimate(loop, screenshot)
    correct(loop, tmp_path, screenshot)
    compare(loop, screenshot)
    export(loop, tmp_path / "clean", screenshot)
    report(loop, tmp_path / "report.html", screenshot)
    check_report(browser, tmp_path / "report.html", loop.values("verdict"), screenshot)


def audit(loop: Loop) -> None:
    loop.panel.get_by_role("button", name="Run audit…").click()
    loop.form.get_by_text("Use predictions I have stored").click()
    loop.form.get_by_text("Choose the field that holds the predictions.").wait_for()
    loop.form.locator("[role=combobox]").nth(1).click()
    loop.page.get_by_role("option", name="probabilities").click()
    loop.form.get_by_text(f"{_IMAGES} images will be scored with the stored predictions").wait_for()
    loop.execute("Execute")
    loop.done(f"Scored {_IMAGES} images; the worst is")
    loop.panel.get_by_text("Run “lq”").wait_for()
    # Also in a page that was open before, with the groups of an earlier run
    named = "one => one.value.toLowerCase() === 'label quality (lq)'"
    loop.page.wait_for_function(f"[...document.querySelectorAll('[data-cy=sidebar] input')].some({named})")
    loop.panel.locator(".js-plotly-plot .main-svg").first.wait_for()


def probable(view: Any) -> dict[str, float]:
    """Id of each suspect of a view to its probability, in order."""
    return dict(zip(*view.values(["id", "lq_suspects.probability"]), strict=True))


def review(loop: Loop, grid: Callable[[Any, int], None], screenshot: Callable[[Any, str], Path]) -> None:
    """Some suspects by keys, beside their pictures: what is left out is wrong, all else is said to be right."""
    loop.before = probable(loop.left())
    total = len(loop.before)
    forget_painted_tiles(loop.page)
    loop.choose_view("lq-suspect-regions")
    loop.sees(f"{total} patches")
    grid(loop.page, 12)
    loop.open_first()
    beside = Beside(loop.page)
    beside.open()
    for done in range(_REVIEWED):
        loop.line(f"{done} of {total} reviewed")
        beside.says(f"{done} of {total} reviewed")
        line = loop.page.locator("[data-cy=label-quality-review]").inner_text()
        loop.page.keyboard.press("y" if "Given as unlabelled" in line else "n")
    loop.line(f"{_REVIEWED} of {total} reviewed")
    beside.says(f"{_REVIEWED} of {total} reviewed")
    screenshot(loop.page, "loop-2-reviewed")
    loop.close()


def learnt(loop: Loop, grid: Callable[[Any, int], None], screenshot: Callable[[Any, str], Path]) -> None:
    """What is left is as probable as the verdicts have taught, and the grid shows the most probable first."""
    after = loop.left()
    now = probable(after)
    assert len(now) == len(loop.before) - _REVIEWED
    assert any(value != loop.before[one] for one, value in now.items())
    assert list(now.values()) == sorted(now.values(), reverse=True)
    loop.open_form("Order suspects for review").get_by_text("The most probable first").click()
    forget_painted_tiles(loop.page)
    loop.execute("Show")
    loop.sees(f"{len(now)} patches")
    grid(loop.page, 12)
    screenshot(loop.page, "loop-3-learnt")
    loop.open_first()
    first = after.first()["lq_suspects"]
    loop.line(f"Given as {first.given}, looks like {first.suggested}")
    Beside(loop.page).says(
        f"Given as {first.given}, looks like {first.suggested}, {first.probability:.0%}".replace("%", " %")
    )
    screenshot(loop.page, "loop-4-first-left")
    loop.close()


def redraw(loop: Loop, screenshot: Callable[[Any, str], Path]) -> None:
    """The first suspect that is left, with the brush: it is reviewed by that."""
    region = loop.left().first()["lq_suspects"]
    loop.open_first()
    loop.modal.get_by_text("Sample", exact=True).first.click()
    tab = Annotating(loop.page)
    # A patch has its one suspect open at once
    tab.modal.get_by_text(region.id).first.wait_for()
    box = tab.canvas()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    stroke = middle, (middle[0] + 120, middle[1])
    tab.stroke(*stroke)
    tab.until(lambda: loop.of("mask_path", region.id) is None, lambda: tab.stroke(*stroke))
    screenshot(loop.page, "loop-5-redrawn")
    tab.modal.locator("[data-cy=explore]").click()
    loop.page.keyboard.press("ArrowRight")
    loop.line(f"{_REVIEWED + 1} of {len(loop.before)} reviewed")
    assert loop.of("verdict", region.id) == "edited"
    loop.close()


def draw(loop: Loop, grid: Callable[[Any, int], None], screenshot: Callable[[Any, str], Path]) -> None:
    """What is to be judged is drawn; before and after it the panel says how to go on."""
    loop.panel.get_by_text("Not known yet. “Estimate errors…” draws places at random").wait_for()
    loop.panel.get_by_role("button", name="Estimate errors…").click()
    for label, number in (("Places to judge", _PLACES), ("Suspects to judge", 0), ("Images to judge", 1)):
        loop.fill(label, number)
    screenshot(loop.page, "loop-6-draw")
    forget_painted_tiles(loop.page)
    loop.execute("Estimate")
    loop.done(f"Judged: 0 of {_PLACES} places, 0 of 1 images.")
    loop.sees(f"{_PLACES + 1} patches")
    loop.panel.get_by_text("Judge the saved view “lq: places to judge” from its beginning").wait_for()
    grid(loop.page, _PLACES + 1)


def judge(loop: Loop, screenshot: Callable[[Any, str], Path]) -> None:
    """By keys, as the scenes truly are."""
    from label_quality.plugin.dataset.sample_fields import read_units

    loop.open_first()
    beside = Beside(loop.page)
    beside.open(pictures=2)
    beside.says(f"0 of {_PLACES + 1} reviewed")
    loop.line("in the ring: is that wrong?")
    screenshot(loop.page, "loop-7-judge")
    assert loop.page.get_by_text("To redraw it").count() == 0
    units = read_units(loop.dataset, "lq")
    unseen = next(one for one in units if one["unit"] == "place" and not one.get("suggested"))
    for done, unit in enumerate(units):
        loop.line(f"{done} of {_PLACES + 1} reviewed")
        if unit is unseen:
            # Where nothing is suggested, it is asked what it should be; and that is taken back
            loop.page.keyboard.press("y")
            loop.name("car" if unit["given"] != "car" else "tree")
            loop.line(f"{done + 1} of {_PLACES + 1} reviewed")
            loop.page.keyboard.press("u")
            loop.line(f"{done} of {_PLACES + 1} reviewed")
        if unit["unit"] == "image":
            loop.line("Is there an error in this mask, of at least 0.10 % of its pixels?")
            screenshot(loop.page, "loop-8-judge-image")
        loop.judge(unit)
    loop.line(f"{_PLACES + 1} of {_PLACES + 1} reviewed")
    loop.close()
    judged = read_units(loop.dataset, "lq")
    assert [one["verdict"] for one in judged] == ["confirmed" if loop.right(one) else "rejected" for one in judged]


def estimate(loop: Loop, screenshot: Callable[[Any, str], Path]) -> None:
    """The result, with intervals, in the panel as well."""
    loop.panel.get_by_role("button", name="Estimate errors…").click()
    loop.execute("Estimate")
    loop.output.get_by_text("By class, with 95 % intervals").wait_for()
    screenshot(loop.page, "loop-9-estimate")
    loop.done(f"Judged: {_PLACES} of {_PLACES} places, 1 of 1 images.")
    loop.sees(f"{_IMAGES} samples")
    loop.panel.get_by_text("Wrong pixels not found yet", exact=True).wait_for()
    loop.panel.get_by_text(f"From {_PLACES + 1} verdicts, ").wait_for()
    loop.panel.get_by_text("Wrong pixels", exact=True).scroll_into_view_if_needed()
    screenshot(loop.page, "loop-10-estimate-in-panel")


def correct(loop: Loop, folder: Path, screenshot: Callable[[Any, str], Path]) -> None:
    """A folder that is none is refused in words; one with two masks is loaded, and its changes are shown."""
    masks = folder / "corrected"
    masks.mkdir()
    for name in _CORRECTED:
        shutil.copy(folder / "exact_masks" / name, masks / name)
    form = loop.open_form("Load corrections")
    form.get_by_text("Say where the corrected masks are").wait_for()
    loop.fill("Corrected masks", folder / "nowhere")
    form.get_by_text(f"There is no folder, field, dataset or annotation run '{folder / 'nowhere'}'").wait_for()
    screenshot(loop.page, "loop-11-corrections-refused")
    loop.fill("Corrected masks", masks)
    form.get_by_text("Loads from a folder of masks, each called like its image, into 'lq_corrections'.").wait_for()
    screenshot(loop.page, "loop-12-corrections")
    loop.execute("Load")
    loop.output.get_by_text("Changed pixels").wait_for()
    loop.output.get_by_text("25,515").wait_for()
    screenshot(loop.page, "loop-13-corrections-loaded")
    loop.done(f"Loaded {len(_CORRECTED)} corrected masks: {len(_CORRECTED)} images changed,")
    loop.dataset.reload()
    corrected = loop.dataset.exists("lq_corrections").values("filepath")
    assert sorted(Path(one).name for one in corrected) == list(_CORRECTED)


def compare(loop: Loop, screenshot: Callable[[Any, str], Path]) -> None:
    """The panel offers the earlier run, and says in short what the comparison did."""
    loop.panel.get_by_text("Run “before” is of the same masks.").wait_for()
    loop.panel.get_by_role("button", name="Compare runs…").click()
    loop.form.get_by_text("Each image's change of quality goes to the field 'lq_change'").wait_for()
    loop.execute("Compare")
    loop.output.get_by_text("Suspects by issue, the most changed first").wait_for()
    screenshot(loop.page, "loop-14-comparison")
    loop.done(f"Of {_IMAGES} images,")
    loop.panel.get_by_text("From run “before” to this one · compared ").wait_for()
    loop.panel.get_by_text(f"Of {_IMAGES} images, ").scroll_into_view_if_needed()
    screenshot(loop.page, "loop-15-comparison-in-panel")
    loop.panel.get_by_role("button", name="Show the images, most fallen first").click()
    loop.sees(f"{_IMAGES} samples")


def export(loop: Loop, folder: Path, screenshot: Callable[[Any, str], Path]) -> None:
    """Every image, with corrected masks where some were loaded, and by the verdicts elsewhere."""
    loop.panel.get_by_role("button", name="Export clean dataset…").click()
    loop.form.locator("input[value*='-clean']").fill(str(folder))
    loop.form.get_by_text("Masks drawn in the App count as confirmed. The given masks stay.").wait_for()
    screenshot(loop.page, "loop-16-export")
    loop.execute("Export")
    loop.done(f"Exported {_IMAGES} images with")
    assert len(list((folder / "labels").iterdir())) == _IMAGES
    for name in _CORRECTED:
        exact = cv2.imread(str(folder.parent / "exact_masks" / name), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(cv2.imread(str(folder / "labels" / name), cv2.IMREAD_UNCHANGED), exact)


def report(loop: Loop, target: Path, screenshot: Callable[[Any, str], Path]) -> None:
    loop.panel.get_by_role("button", name="Write report…").click()
    loop.form.locator("input[value$='.html']").fill(str(target))
    loop.form.get_by_text(f"Writes a page with the 20 worst images and 10 issues at most to {target}.").wait_for()
    screenshot(loop.page, "loop-17-report")
    loop.execute("Write")
    loop.done(f"to {target}.")


def check_report(
    browser: Any, target: Path, verdicts: list[str | None], screenshot: Callable[[Any, str], Path]
) -> None:
    """A report in both themes, on paper, and on a narrow screen: nothing is fetched, and nothing sticks out."""
    wrong, right = (sum(one in kinds for one in verdicts) for kinds in (("confirmed", "edited"), ("rejected",)))
    backgrounds = []
    for theme in ("light", "dark"):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=theme)
        requests: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request, seen=requests: seen.append(request.url))
        page.on("console", lambda message, seen=problems: seen.append(message.text))
        page.goto(target.as_uri())
        page.get_by_text(f"{wrong} confirmed (the mask is wrong there), {right} rejected").wait_for()
        page.get_by_text("Wrong pixels that are not found yet").wait_for()
        screenshot(page, f"loop-18-report-{theme}")
        backgrounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (1280, 420):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not [one for one in requests if not one.startswith(("file:", "data:"))] and problems == []
        assert page.locator("svg.picture").count() > 20
        assert page.pdf(format="A4")[:5] == b"%PDF-"
        page.close()
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(23, 23, 26)"]
