"""To a real Label Studio and back by the App's forms: tag, send, correct there, load, export, report.

As `tests.annotation.test_label_studio`, with a server of its own: ``make test-label-studio``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..annotation import test_label_studio as label_studio
from ..annotation.test_label_studio import HOME, brushes, given, submit, tasks_of, with_opacity
from ..predicted import WITH_FILES, add_swapped_predictions
from .conftest import serve_app
from .test_loop_in_app import Loop

pytestmark = [pytest.mark.app, label_studio.pytestmark]

url, server = label_studio.url, label_studio.server
#: The image in which road and car are swapped
_SWAPPED = 2


@pytest.fixture(scope="module")
def app_session(url: str, fiftyone: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An App whose server knows Label Studio; its client comes after the environment's own packages, as is advised."""
    site = tmp_path_factory.mktemp("site")
    (site / "sitecustomize.py").write_text(f"import sys\nsys.path.append({str(HOME / 'sdk')!r})\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIFTYONE_LABELSTUDIO_URL", url)
        patch.setenv("FIFTYONE_LABELSTUDIO_API_KEY", label_studio.TOKEN)
        patch.setenv("PYTHONPATH", str(site), prepend=":")
        yield from serve_app(fiftyone)


@pytest.fixture
def dataset(make_dataset: Any, tmp_path: Path) -> Any:
    """Six images with a run; in the third, road and car are swapped in the given mask, or so its predictions say."""
    from label_quality import audit_labels

    made = make_dataset(count=6, sizes=((48, 64),))
    add_swapped_predictions(made, tmp_path)
    audit_labels(made, "ground_truth", **WITH_FILES)
    made.reload()
    return made


def test_corrections_come_back_from_label_studio(
    open_app: Callable[[Any], Any],
    screenshot: Callable[[Any, str], Path],
    server: str,
    dataset: Any,
    tmp_path: Path,
) -> None:
    masks = {path: Path(path).read_bytes() for path in dataset.values("ground_truth.mask_path")}
    before = label_studio.projects(server)
    loop = Loop(open_app(dataset), dataset)
    loop.open_panel()
    loop.panel.get_by_role("button", name="Tag for relabelling…").click()
    loop.fill("How many", 3)
    loop.form.get_by_text("Tags 3 images as 'relabel'").wait_for()
    loop.execute("Tag")
    loop.page.get_by_text("Tagged 3 images as 'relabel'").wait_for()
    dataset.reload()
    tagged = dataset.match_tags("relabel")
    right, left_open = (one for one in tagged.values("index") if one != _SWAPPED)
    send(loop, tagged.count("lq_suspects.detections"), screenshot)
    dataset.reload()
    (project,) = label_studio.projects(server) - before
    expected = correct(dataset, server, project, right)
    load(loop, screenshot)
    dataset.reload()
    assert np.array_equal(of(dataset, _SWAPPED).lq_corrections.get_mask(), expected)
    assert of(dataset, right).lq_corrections.pixels == 0
    # Not submitted
    assert of(dataset, left_open).lq_corrections is None
    export(loop, tmp_path / "clean", of(dataset, _SWAPPED).filepath, expected)
    report(loop, tmp_path / "report.html", loop.values("verdict").count("confirmed"))
    assert {path: Path(path).read_bytes() for path in masks} == masks
    label_studio.delete(server, f"projects/{project}")


def of(dataset: Any, index: int) -> Any:
    return dataset.match({"index": index}).first()


def send(loop: Loop, suspects: int, screenshot: Callable[[Any, str], Path]) -> None:
    """What is tagged, which the form offers first."""
    form = loop.open_form("Send to annotation")
    plan = "Sends 3 images to Label Studio. Corrections will come back to 'ground_truth_relabelled'"
    form.get_by_text(plan).wait_for()
    screenshot(loop.page, "label-studio-1-send")
    loop.execute("Send")
    loop.output.get_by_text("When the annotators are done: Load corrections, from 'relabel'.").wait_for()
    screenshot(loop.page, "label-studio-2-sent")
    loop.done(f"Sent 3 images with {suspects} suspect")


def correct(dataset: Any, server: str, project: int, right: int) -> np.ndarray:
    """An annotator draws a car over a road, and submits that image and one that is right; the mask that is to come."""
    tasks = tasks_of(dataset, server, project)
    submit(server, tasks[right], tasks[right]["predictions"][0]["result"])
    result = tasks[_SWAPPED]["predictions"][0]["result"]
    expected = given(dataset, _SWAPPED)
    drawn = np.where(expected == 3, 255, 0).astype(np.uint8)
    assert drawn.any()
    any_brush = next(iter(brushes(tasks[_SWAPPED]).values()))
    car = {**any_brush, "id": "new", "value": {"format": "rle", "brushlabels": ["car"]}}
    submit(server, tasks[_SWAPPED], [*result, with_opacity(car, drawn)])
    expected[drawn > 0] = 7
    return expected


def load(loop: Loop, screenshot: Callable[[Any, str], Path]) -> None:
    """By the name that they were sent under; the grid then shows what is changed."""
    form = loop.open_form("Load corrections")
    loop.fill("Corrected masks", "relabel")
    form.get_by_text("into 'lq_corrections'. The given masks stay.").wait_for()
    screenshot(loop.page, "label-studio-3-load")
    loop.execute("Load")
    loop.output.get_by_text("The given masks are as they were.").wait_for()
    screenshot(loop.page, "label-studio-4-loaded")
    loop.done("Loaded 2 corrected masks: 1 image changed, 1 suspect resolved")
    loop.choose_view("lq-corrected-images")
    loop.sees("1 sample")
    loop.page.wait_for_timeout(1500)
    screenshot(loop.page, "label-studio-5-corrected-images")


def export(loop: Loop, folder: Path, filepath: str, expected: np.ndarray) -> None:
    loop.open_form("Export clean dataset")
    loop.form.locator("input[value*='-clean']").fill(str(folder))
    loop.form.get_by_text("The given masks stay.").wait_for()
    loop.execute("Export")
    loop.done("Exported 6 images with")
    written = cv2.imread(str(folder / "labels" / f"{Path(filepath).stem}.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(written, expected)
    changed = json.loads((folder / "manifest.json").read_text())
    assert "annotation run 'relabel'" in json.dumps(changed)


def report(loop: Loop, target: Path, confirmed: int) -> None:
    loop.open_form("Write report")
    loop.form.locator("input[value$='.html']").fill(str(target))
    loop.form.get_by_text(f"to {target}.").wait_for()
    loop.execute("Write")
    loop.done(f"to {target}.")
    assert confirmed and f"{confirmed} confirmed (the mask is wrong there)" in target.read_text()
