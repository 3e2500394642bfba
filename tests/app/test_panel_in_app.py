"""The panel in the App: it is empty, an audit fills it, and clicks lead to images, regions, a sample and forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .looks import LOOKS, look_at
from .pages import forget_painted_tiles

pytestmark = pytest.mark.app


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Eight images with files of probabilities; in the sixth, road and car are swapped in the given mask."""
    dataset = make_dataset(count=8, sizes=((96, 128),))
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask().copy()
        if index == 5:
            mask = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
        path = tmp_path / f"{index}.npy"
        np.save(path, np.stack([np.where(mask == value, 0.85, 0.05) for value in (0, 3, 7, 20)]).astype(np.float32))
        sample["probabilities"] = str(path)
        sample.save()
    return dataset


def audit(page: Any, panel: Any) -> None:
    """Audits with the stored predictions, from the panel's button."""
    panel.get_by_role("button", name="Run audit…").click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("Use predictions I have stored").click()
    form.get_by_text("Choose the field that holds the predictions.").wait_for()
    form.locator("[role=combobox]").nth(1).click()
    page.get_by_role("option", name="probabilities").click()
    form.get_by_text("8 images will be scored with the stored predictions").wait_for()
    form.get_by_role("button", name="Execute").click()
    output = page.locator("[data-cy=operators-prompt-view-modal]")
    output.get_by_text("Scored 8 images; the worst is 005.png").wait_for()
    output.get_by_role("button", name="Done").click()


def test_from_an_empty_panel_to_the_images_the_regions_and_a_sample(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], predicted: Any
) -> None:
    page = open_app(predicted)
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
    panel = page.locator("[data-cy=panel-content-label_quality_panel]")
    panel.get_by_text("Find the masks that are wrong").wait_for()
    screenshot(page, "panel-empty")

    audit(page, panel)
    panel.locator(".js-plotly-plot .main-svg").first.wait_for()
    for words in ("Images checked", "Images with suspects", "Which classes are affected", "Swap: a wrong class"):
        panel.get_by_text(words, exact=True).first.wait_for()
    screenshot(page, "panel")

    counts = page.locator("[data-cy=entry-counts]")
    swaps = panel.locator(".js-plotly-plot").nth(1).locator(".bars path").nth(1)
    swaps.click(force=True)
    counts.get_by_text("1 sample").wait_for()
    panel.get_by_text("car given as road", exact=True).first.click()
    counts.get_by_text("patch").wait_for()
    screenshot(page, "panel-group")

    panel.get_by_role("button", name="Delete run…").click()
    form = page.locator("[data-cy=operators-prompt-modal]")
    form.get_by_text("Delete run 'lq'").wait_for()
    form.get_by_role("button", name="Cancel").click()

    panel.get_by_text("005.png", exact=True).click()
    page.locator("[data-cy=modal] [data-cy=modal-looker-container] canvas[canvas-loaded=true]").wait_for()
    page.locator("[data-cy=modal]").get_by_text("005.png").first.wait_for()
    # The fields of the image, not of the patches that were shown before
    fields = page.locator("[data-cy=modal] [data-cy=sidebar-column]")
    for name in ("lq_suspects", "lq_heatmap"):
        fields.get_by_text(name, exact=True).wait_for()
    screenshot(page, "panel-worst-image")

    # Also where the pointer is not over the image, which then hears no keys
    page.mouse.move(3, 3)
    page.keyboard.press("Escape")
    page.locator("[data-cy=modal]").wait_for(state="detached")


@pytest.mark.slow
def test_the_heatmap_is_drawn_below_a_probability(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    grid: Callable[[Any, int], None],
    predicted: Any,
) -> None:
    """Of given classes that are 85 % probable nothing is drawn at first; suspects stay drawn whatever is set."""
    from label_quality import audit_labels

    path = predicted.values("probabilities")[2]
    soft = np.load(path)
    # Half sure of what is given, so that it is in the heatmap, and no suspect lies on it
    soft[:, 72:] = np.where(soft[:, 72:] > 0.5, 0.5, 0.5 / 3)
    np.save(path, soft)
    audit_labels(predicted, "ground_truth", source="files", field="probabilities")
    files = {path: Path(path).read_bytes() for path in predicted.values("lq_heatmap.map_path")}
    predicted.reload()
    page = open_app(predicted)
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
    panel = page.locator("[data-cy=panel-content-label_quality_panel]")
    slider = panel.locator("input[type=range]")

    def says(percent: int) -> None:
        panel.get_by_text(f"Heatmap where the given class is < {percent} % probable").wait_for()

    def painted() -> list[np.ndarray]:
        """All tiles that are painted now, by their place, (H, W, 3) each."""
        grid(page, 8)
        page.mouse.move(5, 5)
        page.wait_for_timeout(1500)
        canvases = page.locator("[data-cy=fo-grid] canvas[canvas-loaded=true]")
        boxes = canvases.evaluate_all(
            "all => all.map(one => one.getBoundingClientRect()).map(({ y, x, height, width }) => [y, x, height, width])"
        )
        pixels = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR).astype(int)
        places = sorted([round(one) for one in box] for box in boxes)
        return [pixels[y : y + height, x : x + width] for y, x, height, width in places]

    def tiles() -> list[np.ndarray]:
        """All tiles, once nothing changes any more: a busy page paints them more than once."""
        before: list[np.ndarray] = []
        for _ in range(40):
            shown = painted()
            if len(shown) == len(before) == 8 and all(map(np.array_equal, shown, before)):
                return shown
            before = shown
        raise AssertionError(f"the grid does not come to rest; of 8 tiles it has painted {len(before)}")

    def press(key: str, percent: int) -> list[np.ndarray]:
        forget_painted_tiles(page)
        slider.press(key)
        says(percent)
        return tiles()

    says(75)
    before = tiles()
    everything = press("End", 100)
    screenshot(page, "panel-heatmap-everything")
    for place in range(8):
        assert np.abs(everything[place] - before[place]).max() > 40, place
    least = press("Home", 5)
    screenshot(page, "panel-heatmap-least")
    assert [place for place in range(8) if np.abs(least[place] - before[place]).max() > 40] == [2]
    for key, percent in (("End", 100), ("PageDown", 90), ("PageDown", 80)):
        slider.press(key)
        says(percent)
    after = press("ArrowLeft", 75)
    assert all(np.abs(one - other).max() <= 40 for one, other in zip(after, before, strict=True))
    assert {path: Path(path).read_bytes() for path in files} == files


#: What of a panel sticks out of what it is in, and which words have too little contrast with what is behind them:
#: colours of elements may be transparent, so that all of those around count
_LOOK = """panel => {
  const found = [];
  const area = panel.getBoundingClientRect();
  for (const one of panel.querySelectorAll("*")) {
    const box = one.getBoundingClientRect();
    const free = one.closest("svg") || getComputedStyle(one).position === "absolute";
    if (!free && box.width && box.right > area.right + 1) found.push(`sticks out: ${one.tagName} ${one.innerText}`);
    const cut = one.tagName === "TABLE" && box.width > one.parentElement.clientWidth + 1;
    if (cut) found.push(`cut: ${one.innerText}`);
  }
  const parsed = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
  const over = (top, below) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * below[i]);
  const behind = one => {
    const around = [];
    for (let at = one; at; at = at.parentElement) around.unshift(parsed(getComputedStyle(at).backgroundColor));
    return around.reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const light = color => color.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const walker = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
  let words = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    // Numbers of cells lie on these, and not on what is around the plot; buttons to press first are the App's own
    const skipped = one.closest("style, .annotation, .MuiButton-contained");
    if (!node.data.trim() || !one.getBoundingClientRect().width || skipped) continue;
    words += 1;
    const style = getComputedStyle(one);
    const ground = behind(one.closest("svg") ? one.closest("svg").parentElement : one);
    const [a, b] = [light(over(parsed(one.closest("svg") ? style.fill : style.color), ground)), light(ground)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`contrast ${contrast.toFixed(1)}: ${node.data}`);
  }
  return { found, words };
}"""


@pytest.mark.slow
def test_nothing_is_cut_in_either_theme_at_usual_widths(
    open_app: Callable[[Any], Any], screenshot: Callable[[Any, str], Path], predicted: Any
) -> None:
    from label_quality import audit_labels

    audit_labels(predicted, "ground_truth", source="files", field="probabilities")
    predicted.set_values("annotator", ["a person with a rather long name"] * 4 + [None] * 4)
    predicted.reload()
    page = open_app(predicted)
    page.locator("[data-cy=new-panel-btn]").first.click()
    page.locator("[data-cy=new-panel-option-label_quality_panel]").click()
    panel = page.locator("[data-cy=panel-content-label_quality_panel]")
    for plots, section in ((2, "Which classes are confused"), (3, "Which classes are affected")):
        panel.get_by_role("button", name=section).click()
        panel.locator(".js-plotly-plot .main-svg").nth(2 * plots).wait_for()
    panel.locator("[role=combobox]").last.click()
    page.get_by_role("option", name="annotator").click()
    panel.get_by_text("a person with a rather long name").wait_for()
    for theme, width in LOOKS:
        # As high as all of it, so that the picture has it all
        look_at(page, theme, width, 3200 if width < 1900 else 2400)
        page.wait_for_timeout(1000)
        screenshot(page, f"panel-{theme}-{width}")
        look = panel.evaluate(_LOOK)
        assert look["found"] == [], (theme, width)
        assert look["words"] > 100
