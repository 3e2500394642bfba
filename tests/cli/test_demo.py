"""The demo: scenes on disk, planted errors with their truth, what a killed demo continues with, and the App."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ..deletion import drop_datasets

COUNT = 25
#: 8 % of 25 scenes get each kind of error
PLANTED = {"drop": 2, "swap": 2, "shift": 2}
NAME = "a-demo"


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo's scenes; tests that change it copy it."""
    from label_quality.plugin.scenes import demo_dataset as demo

    directory = tmp_path_factory.mktemp("demo") / "scenes"
    demo._render(directory, COUNT, 5, lambda stage, done, total: None)
    return directory


@pytest.fixture
def remove_demo(fiftyone: Any) -> Iterator[None]:
    yield
    drop_datasets(name for name in fiftyone.list_datasets() if name.startswith(NAME))


def make(directory: Path, count: int = COUNT, seed: int = 5, **options: Any) -> Any:
    from label_quality.plugin.scenes.demo_dataset import demo_dataset

    return demo_dataset(directory, count, seed, name=NAME, **options)


def files_of(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Time and content of every scene's files."""
    paths = sorted(directory.rglob("*.png"))
    return {path.relative_to(directory).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_the_truth_tells_the_given_masks_from_the_exact_ones(scenes: Path, remove_demo: None) -> None:
    dataset = make(scenes)
    assert len(dataset) == COUNT and dataset.persistent
    kinds = dataset.values("planted_error")
    assert {kind: kinds.count(kind) for kind in PLANTED} == PLANTED
    for sample in dataset:
        given, exact = (
            cv2.imread(sample[name].mask_path, cv2.IMREAD_UNCHANGED) for name in ("ground_truth", "exact_mask")
        )
        details = json.loads(sample.planted_error_details or "{}")
        assert details.get("kind") == sample.planted_error
        assert int((given != exact).sum()) == details.get("pixels", 0)
        assert cv2.imread(sample.filepath).shape[:2] == given.shape
        assert (sample.metadata.height, sample.metadata.width) == given.shape
    assert dataset.mask_targets["ground_truth"][3] == "road"


def test_a_finished_demo_is_used_as_it_is(scenes: Path, remove_demo: None) -> None:
    first = make(scenes)
    before, ids = files_of(scenes), first.values("id")
    reports: list[str] = []
    again = make(scenes, progress=lambda stage, done, total: reports.append(stage))
    assert again.values("id") == ids and files_of(scenes) == before and not reports


def test_what_is_missing_is_made_again_and_nothing_else(scenes: Path, remove_demo: None, tmp_path: Path) -> None:
    import shutil

    directory = tmp_path / "scenes"
    shutil.copytree(scenes, directory)
    whole = files_of(directory)
    # As a kill leaves it: of the last scenes nothing, of one an image without its masks
    for number in (20, 21, 22, 23, 24):
        for part in ("exact_masks", "masks", "images")[: 2 if number == 20 else 3]:
            (directory / part / f"{number:04d}.png").unlink()
    reports: list[tuple[str, int, int]] = []
    make(directory, progress=lambda *report: reports.append(report))
    assert reports[:5] == [("Making scenes", done, COUNT) for done in range(21, 26)]
    made = files_of(directory)
    assert {name: content for name, (_, content) in made.items()} == {
        name: content for name, (_, content) in whole.items()
    }
    assert all(made[name][0] == whole[name][0] for name in whole if name[-8:-4] < "0020")


def test_other_scenes_replace_those_of_another_recipe(remove_demo: None, tmp_path: Path, fiftyone: Any) -> None:
    first = make(tmp_path, count=3)
    images = [path.read_bytes() for path in sorted((tmp_path / "images").iterdir())]
    (tmp_path / "images" / "mine.png").write_bytes(b"")
    second = make(tmp_path, count=2, seed=6)
    assert len(second) == 2 and first.deleted
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == ["0000.png", "0001.png", "mine.png"]
    assert (tmp_path / "images" / "0000.png").read_bytes() != images[0]


def test_a_users_dataset_of_that_name_is_not_touched(remove_demo: None, tmp_path: Path, fiftyone: Any) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    dataset = fiftyone.Dataset(NAME, persistent=True)
    dataset.add_sample(fiftyone.Sample(filepath="/mine.png"))
    with pytest.raises(LabelQualityError) as caught:
        make(tmp_path / "scenes", count=2)
    assert str(caught.value) == (
        f"A dataset named '{NAME}' exists that is not the demo's. Choose another --name for the demo."
    )
    assert dataset.values("filepath") == ["/mine.png"] and not (tmp_path / "scenes").exists()


def test_a_dataset_that_was_not_finished_is_made_anew(scenes: Path, remove_demo: None, fiftyone: Any) -> None:
    half = fiftyone.Dataset(NAME, persistent=True)
    half.info["label_quality_demo"] = "unfinished"
    half.add_sample(fiftyone.Sample(filepath="/0000.png"))
    half.save()
    assert len(make(scenes)) == COUNT and half.deleted


def test_a_folder_that_cannot_be_written_to_is_named(remove_demo: None, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    (tmp_path / "taken").write_text("")
    with pytest.raises(LabelQualityError) as caught:
        make(tmp_path / "taken", count=1)
    assert str(caught.value) == (
        f"The scenes cannot be written to {tmp_path}/taken: Not a directory. Choose another --directory."
    )


@pytest.fixture
def audited(scenes: Path, remove_demo: None, tmp_path: Path) -> Any:
    """The demo's dataset with a run ``lq`` from blurred exact masks, which find every planted error."""
    from label_quality.plugin.audit import audit_labels

    dataset = make(scenes)
    paths = []
    for number, path in enumerate(dataset.values("exact_mask.mask_path")):
        exact = cv2.imread(path, cv2.IMREAD_UNCHANGED)
        share = np.stack([cv2.GaussianBlur((exact == k).astype(np.float32), (0, 0), 1) for k in range(10)]) + 0.01
        paths.append(str(tmp_path / f"{number}.npy"))
        np.save(paths[-1], share / share.sum(axis=0))
    dataset.set_values("soft", paths)
    audit_labels(dataset, "ground_truth", source="files", field="soft", scores=("softmin", "iou"))
    return dataset


def test_the_demo_says_how_many_planted_errors_are_ranked_worst(audited: Any) -> None:
    from label_quality.plugin.cli.demo import planted_errors_found
    from label_quality.plugin.dataset.views import worst_first

    told = planted_errors_found(audited, "lq")
    worst = worst_first(audited, "lq").values("planted_error")[:6]
    found = {kind: worst.count(kind) for kind in PLANTED}
    assert sum(found.values()) >= 5
    assert told == (
        f"{sum(found.values())} of the 6 planted errors are among the 6 worst-ranked images "
        f"(drop {found['drop']} of 2, swap {found['swap']} of 2, shift {found['shift']} of 2)."
    )


def test_the_app_shows_the_saved_view_and_the_truth(audited: Any) -> None:
    from label_quality.plugin.cli.app_server import ranking_view

    assert ranking_view(audited).name == "lq: worst first"
    assert ranking_view(audited, "lq").name == "lq: worst first"
    audited.delete_saved_view("lq: worst first")
    assert ranking_view(audited).name is None
    assert audited.app_config.active_fields.paths[:2] == ["lq_quality", "lq_heatmap"]


def test_the_app_of_a_dataset_without_runs_shows_it_all(scenes: Path, remove_demo: None) -> None:
    from label_quality.plugin.cli.app_server import ranking_view

    assert ranking_view(make(scenes)) is None


def test_the_app_has_the_panel_beside_the_grid_where_the_plugin_is_installed(
    fiftyone: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality.plugin.cli.app_server import layout

    beside = [one.children[0].type for one in layout().children]
    assert beside == ["Samples", "label_quality_panel"]
    monkeypatch.setattr(fiftyone.config, "plugins_dir", str(tmp_path))
    assert layout() is None


@pytest.mark.slow
def test_the_app_is_served_until_ctrl_c(audited: Any, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "label_quality.plugin.cli.main", "app", NAME, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    stop = threading.Timer(120, process.kill)
    stop.start()
    assert process.stdout is not None
    said = ""
    while "http://" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    # And nothing else, such as FiftyOne's tries to connect to a server that is not up yet
    assert said == f"\nThe App is at http://127.0.0.1:{port}  (Ctrl-C ends it)\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
        assert b"<html" in page.read()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    stop.cancel()
    assert (process.returncode, out.strip().splitlines()[-1]) == (0, "The App is closed."), err
    assert "Traceback" not in err
    time.sleep(0.2)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
