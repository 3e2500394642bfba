import io
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from label_quality.plugin.base.errors import LabelQualityError, SampleError
from label_quality.plugin.base.types import Appearance, Geometry, Prediction
from label_quality.plugin.pixels.resample import to_probabilities
from label_quality.plugin.store.containers import read_container
from label_quality.plugin.store.encoding import encode_png
from label_quality.plugin.store.run_folder import PredictionSet, RunFolder, ScoreSet, SuspectSet, content_digest
from PIL import Image

GEOMETRY = Geometry((24, 32), (20, 32), True)
IDS = [f"64f0c0ffee0000000000{number:04x}" for number in range(6)]


def logits(seed: int = 0, dtype: str = "float16") -> Prediction:
    values = (np.random.default_rng(seed).normal(size=(3, 6, 8)) * 8).astype(dtype)
    return Prediction(values, "logits", GEOMETRY)


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


# Predictions


def meta_of(predictions: PredictionSet, sample_id: str) -> dict[str, Any]:
    return read_container(predictions.file("values", sample_id), sample_id)["meta"]


def test_half_precision_logits_come_back_bit_for_bit(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "lq") as folder:
        predictions = folder.open_predictions("ab12")
        predictions.write(IDS[0], logits(), {"fold": 3})
        found = predictions.read(IDS[0])
    assert found.values.dtype == np.float16 and found.values.tobytes() == logits().values.tobytes()
    assert (found.kind, found.geometry) == ("logits", GEOMETRY)
    assert meta_of(predictions, IDS[0]) == {"fold": 3}
    assert tree(tmp_path / "lq") == ["predictions-ab12/manifest.json", f"predictions-ab12/values/00/{IDS[0]}.lq"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wider_logits_lose_nothing_that_a_softmax_sees(tmp_path: Path, dtype: str) -> None:
    prediction = logits(dtype=dtype)
    prediction = Prediction(prediction.values + 1e5, "logits", GEOMETRY)
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("ab12")
        predictions.write("s1", prediction)
        found = predictions.read("s1")
    assert found.values.dtype == np.float16
    expected = to_probabilities(Prediction(prediction.values - 1e5, "logits", GEOMETRY), (20, 32))
    np.testing.assert_allclose(to_probabilities(found, (20, 32)), expected, atol=3e-3)


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
def test_probabilities_are_kept_in_steps_of_a_255th(tmp_path: Path, dtype: str) -> None:
    values = to_probabilities(logits(), (9, 7))
    given = np.round(values * 255).astype(np.uint8) if dtype == "uint8" else values.astype(dtype)
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("ab12")
        predictions.write("s1", Prediction(given, "probabilities", Geometry((9, 7), (9, 7))))
        found = predictions.read("s1")
    assert (found.values.dtype, found.kind) == (np.uint8, "probabilities")
    assert np.abs(found.values / 255 - values).max() <= 0.5 / 255 + 5e-4


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_predictions_that_are_not_finite_are_refused(tmp_path: Path, bad: float, dtype: str) -> None:
    prediction = logits(dtype=dtype)
    prediction.values[1, 2, 3] = bad
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("ab12")
        with pytest.raises(SampleError) as caught:
            predictions.write("s1", prediction)
    assert str(caught.value) == (
        "sample s1: Expected finite predictions, but the model gave NaN or infinite values; check the model."
    )
    assert predictions.ids() == set()


def test_a_damaged_prediction_is_named(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("ab12")
        predictions.write(IDS[0], logits())
        path = predictions.file("values", IDS[0])
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        with pytest.raises(SampleError) as caught:
            predictions.read(IDS[0])
    assert str(caught.value) == (
        f"sample {IDS[0]} ({path}): Expected a whole file of this run, but it is damaged (its checksum does not match "
        "its content); delete it and run again, with overwrite=True if the run was finished."
    )


def test_ids_that_are_no_file_names_are_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder, pytest.raises(ValueError, match=r"Expected an id"):
        folder.open_predictions("ab12").write("../../etc", logits())


# Scores


def test_images_come_back_as_they_were(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    heatmap = random.integers(0, 256, (13, 17), dtype=np.uint8)
    mask = random.integers(0, 65536, (13, 17), dtype=np.uint16)
    flags = random.random((13, 17)) < 0.5
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("ab12")
        written = [
            scores.write_heatmap("s1", heatmap),
            scores.write_mask("s1", mask),
            scores.write_flags("s1", flags),
        ]
    for path, expected in zip(written, (heatmap, mask, flags * np.uint8(255)), strict=True):
        found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
        with Image.open(path) as image:
            # Pillow 10.0 gives 16 bits as "I"
            modes = {"I;16", "I"} if expected.dtype == np.uint16 else {"L"}
            assert image.mode in modes, "one channel, no palette"
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        f"scores-ab12/{part}/s1/s1.png" for part in ("heatmaps", "masks", "flags")
    ]


@pytest.mark.parametrize("filters", [True, False], ids=["filters", "OpenCV before 4.12"])
@pytest.mark.parametrize("size", [(1, 1), (360, 480), (5, 1)])
def test_png_files_hold_the_values_exactly(
    size: tuple[int, int], filters: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not filters:
        monkeypatch.delattr(cv2, "IMWRITE_PNG_FILTER", raising=False)
    random = np.random.default_rng(0)
    steps = (random.random(size) * np.linspace(0, 255, size[1])).astype(np.uint8)
    colours = random.integers(0, 256, (*size, 3), dtype=np.uint8)
    for values in (steps, np.zeros(size, np.uint8), steps.astype(np.uint16) * 257, colours, steps[::-1, ::-1]):
        with Image.open(io.BytesIO(encode_png(values))) as image:
            image.verify()
        with Image.open(io.BytesIO(encode_png(values))) as image:
            np.testing.assert_array_equal(np.asarray(image), values)


def test_images_of_another_kind_are_refused(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder, pytest.raises(ValueError, match=r"Expected \(H, W\) uint8 or uint16"):
        folder.open_scores("ab12").write_heatmap("s1", np.zeros((3, 4), np.float32))


def test_masks_of_regions_are_spread_over_folders_by_their_sample(tmp_path: Path) -> None:
    mask = np.array([[True, False], [True, True]])
    with RunFolder(tmp_path) as folder:
        suspects = folder.open_suspects("c1")
        path = suspects.write_region(IDS[3], 7, mask)
        files = [str(suspects.mask_file(one, number)) for one, number in ((IDS[3], 7), (IDS[0], 123))]
        assert suspects.mask_files([IDS[3], IDS[0]], [7, 123]) == files
        assert path == suspects.mask_file(IDS[3], 7) == suspects.path / "masks" / "03" / f"07-{IDS[3]}.png"
        suspects.finish()
        assert folder.open_suspects("c1").path == suspects.path
        assert folder.open_suspects("c1", overwrite=True).path.name == "suspects-c1-2"
        assert folder.latest(SuspectSet).path == suspects.path and folder.latest(ScoreSet) is None
    np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), [[255, 0], [255, 255]])


def test_compact_arrays_keep_small_probabilities_apart(tmp_path: Path) -> None:
    probabilities = np.array([0, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.25, 0.5, 0.9994, 1], np.float32).reshape(5, 1, 2)
    labels = np.array([[-1, 300]], np.int16)
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("a")
        scores.write_compact("s1", probabilities, labels)
        found, found_labels = scores.read_compact("s1")
    assert found.dtype == np.float32 and found_labels.dtype == np.int16
    np.testing.assert_array_equal(found_labels, labels)
    exact = [
        np.rint(255 * np.sqrt(value)) ** 2 / 255**2 for value in probabilities.ravel().astype(np.float16).astype(float)
    ]
    np.testing.assert_allclose(found.ravel(), exact, rtol=1e-6)
    assert np.abs(found - probabilities).max() <= 0.004
    np.testing.assert_allclose(found.ravel()[3:], probabilities.ravel()[3:], rtol=0.4)


def test_every_half_precision_probability_is_0_004_off_at_most(tmp_path: Path) -> None:
    probabilities = np.arange(0x3C01, dtype=np.uint16).view(np.float16).astype(np.float32)[:, None, None]
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("a")
        scores.write_compact("s1", probabilities, np.zeros((1, 1), np.int16))
        found = scores.read_compact("s1")[0]
    assert np.abs(found - probabilities).max() <= 0.004 and (np.diff(found.ravel()) >= 0).all()


def test_what_an_image_looks_like_is_kept_in_a_byte_a_feature(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32) * np.array([1, 100, 0])[:, None, None]
    values[2] = 7
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("a")
        scores.write_appearance("s1", Appearance(values, (3.5, 5.0)), 4)
        scores.write_appearance("s2", Appearance(values, (4.0, 5.0)), None)
        kept = scores.read_appearance("s1")
        assert scores.read_appearance("s2")[1] is None and scores.read_appearance("s3") is None
    assert kept is not None and kept[1] == 4 and kept[0].extent == (3.5, 5.0)
    assert kept[0].values.dtype == np.float32
    # Half of the 255th part of a channel's range, and exact where there is none
    half_step = np.ptp(values, axis=(1, 2)) / 510
    assert (np.abs(kept[0].values - values).max(axis=(1, 2)) <= half_step * 1.001).all()


def test_a_prediction_keeps_what_its_image_looks_like(tmp_path: Path) -> None:
    looks = Appearance(np.arange(12, dtype=np.float32).reshape(1, 3, 4), (2.5, 4.0))
    geometry = Geometry((48, 64), (40, 64))
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("a")
        predictions.write("s1", Prediction(logits().values.astype(np.float16), "logits", geometry, looks))
        predictions.write("s2", Prediction(logits().values.astype(np.float16), "logits", geometry))
        kept = predictions.read("s1").appearance
        assert predictions.read("s2").appearance is None
    assert kept is not None and kept.extent == (2.5, 4.0)
    np.testing.assert_allclose(kept.values, looks.values, atol=11 / 510 * 1.001)


def test_pooled_arrays_come_back_at_half_precision(tmp_path: Path) -> None:
    probabilities = to_probabilities(logits(), (5, 6))
    labels = np.arange(-1, 29).reshape(5, 6)
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("ab12")
        scores.write_pooled("s1", probabilities, labels)
        found, found_labels = scores.read_pooled("s1")
    assert (found.dtype, found_labels.dtype) == (np.float32, np.int16)
    np.testing.assert_array_equal(found, probabilities.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(found_labels, labels)


def test_a_shards_results_come_back_bit_for_bit(tmp_path: Path) -> None:
    payload = [{"id": "s1", "ccp": 0.1 + 0.2, "cil": float("nan"), "sums": np.array([1 / 3, np.nan])}]
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("ab12")
        assert not scores.shard_done("pass1", 7)
        scores.write_shard("pass1", 7, payload)
        assert scores.shard_done("pass1", 7) and not scores.shard_done("pass2", 7)
        (found,) = scores.read_shard("pass1", 7)
        scores.discard_shard("pass1", 7)
        assert not scores.shard_done("pass1", 7)
    assert (found["id"], found["ccp"]) == ("s1", 0.1 + 0.2)
    assert np.isnan(found["cil"])
    assert found["sums"].tobytes() == payload[0]["sums"].tobytes()


# Sets: to begin, to continue, to do again


def test_a_set_says_what_it_is(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        folder.open_predictions("ab12", {"seed": 51}).update(seconds=1.5)
        folder.open_predictions("ab12").finish(samples=3)
    (found,) = RunFolder(tmp_path).sets()
    assert isinstance(found, PredictionSet)
    assert (found.digest, found.content, found.complete) == ("ab12", {"seed": 51}, True)
    assert found.results == {"seconds": 1.5, "samples": 3}


def test_an_unfinished_set_is_continued_also_when_overwriting(tmp_path: Path) -> None:
    for overwrite in (False, True):
        with RunFolder(tmp_path) as folder:
            predictions = folder.open_predictions("ab12", {"seed": 51}, overwrite=overwrite)
            predictions.write(IDS[overwrite], logits())
    assert predictions.ids() == set(IDS[:2])
    assert not predictions.complete


def test_another_digest_or_kind_is_another_set(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        paths = [folder.open_predictions("a").path, folder.open_predictions("b").path, folder.open_scores("a").path]
    assert [path.name for path in paths] == ["predictions-a", "predictions-b", "scores-a"]


def test_a_finished_set_is_given_again_or_done_again_beside_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        first = folder.open_scores("ab12")
        first.write_heatmap("s1", np.zeros((2, 2), np.uint8))
        first.finish()
        assert folder.open_scores("ab12").path == first.path
        second = folder.open_scores("ab12", overwrite=True)
        assert (second.path.name, second.attempt, second.complete) == ("scores-ab12-2", 2, False)
        assert folder.open_scores("ab12", overwrite=True).path == second.path
        assert folder.open_scores("ab12").path == first.path
        assert folder.latest(ScoreSet).path == first.path
        second.finish()
        assert folder.latest(ScoreSet).path == second.path
        assert folder.latest(PredictionSet) is None
        assert folder.remove_sets(keep=[second]) == []
    assert tree(tmp_path) == ["scores-ab12-2/manifest.json"]


def test_an_empty_folder_without_manifest_is_used_and_a_users_is_not(tmp_path: Path) -> None:
    (tmp_path / "scores-a").mkdir()
    (tmp_path / "scores-b").mkdir()
    (tmp_path / "scores-b" / "mine.txt").write_text("mine")
    with RunFolder(tmp_path) as folder:
        assert folder.open_scores("a").path.name == "scores-a"
        assert folder.open_scores("b").path.name == "scores-b-2"


def test_a_manifest_that_a_kill_left_half_written_is_cleaned_up(tmp_path: Path) -> None:
    left = tmp_path / "suspects-ab12" / ".manifest.json.4711-3.tmp"
    left.parent.mkdir()
    left.write_bytes(b"{")
    with RunFolder(tmp_path) as folder:
        folder.open_suspects("ab12").finish()
    assert tree(tmp_path) == ["suspects-ab12/manifest.json"]


def test_what_a_kill_left_half_written_is_cleaned_up(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        predictions = folder.open_predictions("ab12")
        predictions.write(IDS[0], logits())
        half = predictions.file("values", IDS[0]).with_name(f".{IDS[1]}.lq.77-1.tmp")
        half.write_bytes(b"half")
        assert predictions.ids() == {IDS[0]}
        assert folder.open_predictions("ab12").ids() == {IDS[0]}
        assert not half.exists()


def test_writing_needs_the_lock_and_two_runs_exclude_each_other(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with pytest.raises(RuntimeError, match="Enter the RunFolder"):
        folder.open_scores("ab12")
    with folder, pytest.raises(LabelQualityError, match=r"Another run is using .*use another `key`"):
        RunFolder(tmp_path).__enter__()


def test_a_digest_changes_with_content_and_not_with_order() -> None:
    digest = content_digest({"a": 1, "b": [1, 2]}, "x")
    assert len(digest) == 12
    assert digest == content_digest({"b": [1, 2], "a": 1}, "x")
    assert len({digest, content_digest({"a": 1, "b": [2, 1]}, "x"), content_digest({"a": 1, "b": [1, 2]})}) == 3


# Deletion


def fill(folder: RunFolder) -> None:
    predictions, scores = folder.open_predictions("a"), folder.open_scores("b")
    (predictions.work / "fold_0").mkdir()
    (predictions.work / "fold_0" / "weights.pt").write_bytes(b"w")
    for sample_id in IDS:
        predictions.write(sample_id, logits())
        scores.write_heatmap(sample_id, np.zeros((2, 2), np.uint8))
        scores.write_mask(sample_id, np.zeros((2, 2), np.uint8))
        scores.write_flags(sample_id, np.zeros((2, 2), bool))
        scores.write_pooled(sample_id, np.ones((1, 2, 2), np.float32), np.zeros((2, 2)))
    scores.write_shard("pass1", 0, [])
    suspects = folder.open_suspects("c")
    suspects.write_region(IDS[0], 0, np.ones((2, 2), bool))
    suspects.write_shard("regions", 0, [])
    scores.file("masks", IDS[0]).with_name(f".{IDS[0]}.png.77-1.tmp").write_bytes(b"half")


def test_deleting_leaves_nothing_of_the_run(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "lq") as folder:
        fill(folder)
    assert RunFolder(tmp_path / "lq").delete() == []
    assert list(tmp_path.iterdir()) == []
    assert RunFolder(tmp_path / "lq").delete() == []


def test_deleting_leaves_a_users_files_and_names_them(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{IDS[0]}.lq").write_text("mine")
    root = tmp_path / "lq"
    with RunFolder(root) as folder:
        fill(folder)
    mine = [
        root / "notes.txt",
        root / "predictions-a" / "notes.txt",
        root / "predictions-a" / "values" / "notes.lq",
        root / "predictions-a" / "values" / "00" / f"{IDS[1]}.lq",
        root / "scores-b" / "heatmaps" / "corrected.png",
        root / "scores-b" / "shards" / "notes.lq",
        root / "scores-c" / "manifest.json",
    ]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    link = root / "scores-b" / "masks" / "outside"
    link.symlink_to(outside, target_is_directory=True)
    assert RunFolder(root).delete() == sorted([*mine, link])
    assert all(path.read_text() == "mine" for path in mine)
    assert (outside / f"{IDS[0]}.lq").read_text() == "mine"


def test_a_folder_that_is_no_set_is_never_removed(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        scores = folder.open_scores("ab12")
    (scores.path / "manifest.json").write_text("{}")
    with pytest.raises(LabelQualityError) as caught:
        scores.remove()
    assert str(caught.value) == (
        f"Expected {scores.path} to be a folder of a run, with its own manifest.json, but it is not; nothing was "
        "removed. Delete it yourself if it is not needed."
    )


def test_parts_can_be_discarded(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        fill(folder)
        scores, predictions = folder.open_scores("b"), folder.open_predictions("a")
        scores.discard("pooled")
        scores.discard("shards")
        predictions.discard("work")
    assert sorted(path.name for path in scores.path.iterdir()) == ["flags", "heatmaps", "manifest.json", "masks"]
    assert sorted(path.name for path in predictions.path.iterdir()) == ["manifest.json", "values"]
    assert scores.ids("heatmaps") == set(IDS)


# The environment fails

#: Makes the package known without running its ``__init__``, which would import FiftyOne for seconds
BARE_PACKAGE = f"""
import sys, types
package = sys.modules["label_quality"] = types.ModuleType("label_quality")
package.__path__ = [{str(Path(__file__).resolve().parents[2])!r}]
"""

WRITE = (
    BARE_PACKAGE
    + """
import os, resource, sys
import numpy as np
from label_quality.plugin.store.run_folder import RunFolder
from label_quality.plugin.store.encoding import encode_png
from label_quality.plugin.base.types import Appearance, Geometry, Prediction

mode, root = sys.argv[1:]
if mode == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
if mode == "nobody" and os.geteuid() == 0:
    os.setuid(65534)
try:
    with RunFolder(root) as folder:
        predictions = folder.open_predictions("ab12")
        number = 0
        while mode != "nobody":
            random = np.random.default_rng(number)
            side = 20 if mode == "forever" or number < 3 else 200
            values = random.normal(size=(2, side, side)).astype(np.float16)
            prediction = Prediction(values, "logits", Geometry((side, side), (side, side)))
            predictions.write(f"s{number:05d}", prediction, {"number": number})
            number += 1
            print(number, flush=True)
except Exception as error:
    print(type(error).__name__, error)
"""
)


def written_by(mode: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WRITE, mode, str(root)], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()[-1]


def check_all_whole(root: Path) -> int:
    """Opens the set again, reads every file back and compares it; returns how many there are."""
    with RunFolder(root) as folder:
        predictions = folder.open_predictions("ab12")
        for sample_id in predictions.ids():
            number = int(sample_id[1:])
            values = predictions.read(sample_id).values
            expected = np.random.default_rng(number).normal(size=values.shape).astype(np.float16)
            assert values.tobytes() == expected.tobytes()
            assert meta_of(predictions, sample_id) == {"number": number}
        assert not list(root.rglob("*.tmp"))
        return len(predictions.ids())


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that may be read and not written to; not below ``tmp_path``, which only its owner may enter at all."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_an_unwritable_folder_is_named(closed_folder: Path) -> None:
    assert written_by("nobody", closed_folder) == (
        f"LabelQualityError Expected to be able to write to the output folder {closed_folder}, but got 'Permission "
        "denied'. Make it writable or give another `output_dir`; a run that was under way continues from where it was."
    )


def test_at_a_limit_of_file_sizes_what_was_written_stays(tmp_path: Path) -> None:
    message = written_by("limit", tmp_path)
    assert message.startswith(
        "LabelQualityError The disk is full or a limit on file sizes is reached while writing to "
        f"{tmp_path / 'predictions-ab12' / 'values' / '03'} (File too large; "
    )
    assert message.endswith(
        " MiB free). Everything finished so far is kept: free some space and run again with the same parameters to "
        "continue from there, or give another `output_dir`."
    )
    assert check_all_whole(tmp_path) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run([mount, *options], capture_output=True).returncode:
        pytest.skip("only root may mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_what_was_written_stays(small_disk: Path) -> None:
    message = written_by("full", small_disk)
    assert message.startswith(
        "LabelQualityError The disk is full or a limit on file sizes is reached while writing to "
        f"{small_disk / 'predictions-ab12' / 'values'}/"
    )
    assert "(No space left on device; 0." in message
    assert check_all_whole(small_disk) == 4


def test_a_kill_at_any_moment_leaves_only_whole_files(tmp_path: Path) -> None:
    counts = []
    for delay in (0, 0.005, 0.03):
        command = [sys.executable, "-c", WRITE, "forever", str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        while process.stdout.readline().strip() not in ("20", ""):
            pass
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        counts.append(check_all_whole(tmp_path))
    assert counts[0] >= 20 and counts == sorted(counts)


def test_files_that_cannot_be_removed_are_explained(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
import numpy as np
from benchmarks.faults_cases import obey_permissions
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.store.run_folder import RunFolder

obey_permissions()
try:
    with RunFolder(sys.argv[1]) as folder:
        path = folder.open_scores("ab").write_heatmap("64f0c0ffee00000000000000", np.zeros((2, 2), np.uint8))
        path.parent.chmod(0o555)
        folder.remove_sets()
except LabelQualityError as error:
    print(error)
path.parent.chmod(0o755)
with RunFolder(sys.argv[1]) as folder:
    print(folder.remove_sets())
"""
    code = f"{BARE_PACKAGE}sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})\n{script}"
    root = tmp_path / "lq"
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=False)
    told, removed = done.stdout.splitlines()
    assert told.startswith(f"Expected to be able to write to the output folder {root}/scores-ab/heatmaps/00, but got")
    assert "Make it writable or give another `output_dir`; a run that was under way continues" in told
    assert removed == "[]" and not root.exists()
