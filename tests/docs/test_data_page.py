"""The lines for a dataset of FiftyOne's zoo, on objects as it loads them: nothing is downloaded."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..conftest import write_png
from ..deletion import drop_datasets

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
SECTION = re.search(r"^## A public dataset of FiftyOne's zoo\n(.*?)^## ", PAGE, re.MULTILINE | re.DOTALL)
LINES = textwrap.dedent("\n".join(re.findall(r"^(?: {4}.*)?$", SECTION[1] if SECTION else "", re.MULTILINE)))
COUNT, HEIGHT, WIDTH = 6, 96, 128


def zoo_call() -> ast.Call:
    """The call that downloads the dataset."""
    calls = [node for node in ast.walk(ast.parse(LINES)) if isinstance(node, ast.Call)]
    return next(one for one in calls if ast.unparse(one.func) == "foz.load_zoo_dataset")


@pytest.fixture
def coco(fiftyone: Any, tmp_path: Path) -> Iterator[Any]:
    """Six images with a car on a road in each, as FiftyOne loads COCO's objects."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(COUNT):
        image, objects = np.full((HEIGHT, WIDTH, 3), 200), []
        for label, (x, y, width, height), color in (
            ("road", (0, 64, 128, 32), 90),
            ("car", (16 + 8 * number, 48, 32, 16), 20),
        ):
            image[y : y + height, x : x + width] = color
            box, mask = [x / WIDTH, y / HEIGHT, width / WIDTH, height / HEIGHT], np.ones((height, width), bool)
            objects.append(fiftyone.Detection(label=label, bounding_box=box, mask=mask))
        noisy = np.clip(image + rng.integers(-9, 10, image.shape), 0, 255).astype(np.uint8)
        path = write_png(tmp_path / "data" / f"{number:03d}.png", noisy)
        samples.append(fiftyone.Sample(path, ground_truth=fiftyone.Detections(detections=objects)))
    dataset = fiftyone.Dataset()
    dataset.add_samples(samples, progress=False)
    yield dataset
    drop_datasets([dataset.name])


def test_the_zoo_has_what_the_lines_ask_for(fiftyone: Any) -> None:
    import fiftyone.zoo as foz

    call = zoo_call()
    asked = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
    zoo = foz.get_zoo_dataset(ast.literal_eval(call.args[0]))
    assert zoo.has_split(asked["split"]) and asked["label_types"] == ["segmentations"]
    assert {"segmentation", "image"} <= set(zoo.tags) and not zoo.requires_manual_download
    named = set(re.findall(r"`([a-z]+[a-z0-9-]*)`", SECTION[1] if SECTION else "")) - {"pycocotools"}
    assert {"coco-2017", "sama-coco", "open-images-v7"} <= named <= {*foz.list_zoo_datasets()}


def test_the_lines_audit_masks_of_objects(coco: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality import load_record

    monkeypatch.chdir(tmp_path)
    code = LINES.replace(ast.get_source_segment(LINES, zoo_call()) or "", "coco")
    exec(code.replace('key="coco"', 'key="coco", preset="fast", folds=2, epochs=1'), {"coco": coco})
    record = load_record(coco, "coco")
    assert (record.status, record.scored, record.class_table["ids"]) == ("complete", COUNT, [0, 1, 2])
    assert record.class_table["names"] == ["background", "car", "road"] and record.class_table["unlabelled"] == 0
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[64:], expected[48:64, 16:48] = 2, 1
    first = coco.first().masks.get_mask()
    assert np.array_equal(first, expected)
