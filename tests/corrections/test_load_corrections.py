"""Corrected masks that are loaded: what they change, what that says of suspects, and that given masks stay."""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from .. import suspect_run
from ..conftest import COLORS, TARGETS, Interrupt, write_png
from ..snapshots import Snapshot

VALUES = {name: value for value, name in TARGETS.items()}
#: Of `suspect_run`: where the suspects of the images are, as rows and columns
SWAP_3, SWAP_1, DROP_1 = np.s_[6:12, 8:16], np.s_[4:10, 4:12], np.s_[12:24, 16:20]


def make_run(make_dataset: Any, folder: Path, **kind: Any) -> Any:
    """The run of `suspect_run`, on masks that have the class there that its suspects are given as."""
    dataset = make_dataset(count=6, **kind)
    for index, regions in suspect_run.REGIONS.items():
        sample = dataset.match({"index": index}).first()
        mask = np.array(sample.ground_truth.get_mask())
        for given, *_, (left, top, width, height) in regions:
            value = COLORS[VALUES[given]] if kind.get("rgb") else VALUES[given]
            mask[top : top + height, left : left + width] = value
        if sample.ground_truth.mask_path:
            write_png(Path(sample.ground_truth.mask_path), mask)
        else:
            sample.ground_truth.mask = mask
            sample.save()
    return suspect_run.add_run(dataset, folder, rated=True)


@pytest.fixture(scope="module")
def with_run(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    return Snapshot(make_run(make_module_dataset, module_folder), module_folder)


@pytest.fixture
def dataset(with_run: Snapshot) -> Any:
    return with_run.put_back()


@pytest.fixture
def load(fiftyone: Any) -> Any:
    from label_quality import load_corrections

    return load_corrections


def masks_of(dataset: Any) -> list[np.ndarray]:
    return [np.array(label.get_mask()) for label in dataset.values("ground_truth")]


def corrected_masks(dataset: Any) -> dict[int, np.ndarray]:
    """By index: the swap of 3 is resolved as suggested; of 1 the drop, with another class; 0 is as given."""
    masks = masks_of(dataset)
    masks[3][SWAP_3] = 7
    masks[1][DROP_1] = 3
    return {index: masks[index] for index in (0, 1, 3)}


def write_folder(folder: Path, masks: dict[int, np.ndarray]) -> Path:
    for index, mask in masks.items():
        write_png(folder / f"{index:03d}.png", mask)
    return folder


def digests(dataset: Any) -> dict[str, str]:
    paths = dataset.values("ground_truth.mask_path") + dataset.values("filepath")
    return {path: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def sample_of(dataset: Any, index: int) -> Any:
    return dataset.match({"index": index}).first()


def said_of(dataset: Any, index: int) -> dict[str, tuple[Any, ...]]:
    """By the suggested class: outcome, verdict, label, corrected_to and reviewed_by of an image's suspects."""
    dataset.reload()
    sample = sample_of(dataset, index)
    fields = [name for name in ("lq_suspects", "lq_rejected") if dataset.has_sample_field(name) and sample[name]]
    names = ("outcome", "verdict", "label", "corrected_to", "reviewed_by")
    return {
        one.suggested: tuple(one.get_attribute_value(name, None) for name in names)
        for field in fields
        for one in sample[field].detections
    }


def run_files(dataset: Any) -> list[str]:
    from label_quality import load_record

    root = Path(load_record(dataset, "lq").folder)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def state(dataset: Any) -> Any:
    """All that a load may change: documents, fields, views, the record and the files of the run."""
    from label_quality import load_record

    dataset.reload()
    documents = [sample.to_json() for sample in dataset]
    record = load_record(dataset, "lq").to_dict()
    return (
        documents,
        sorted(dataset.get_field_schema(flat=True)),
        dataset.list_saved_views(),
        record,
        run_files(dataset),
    )


def test_a_folder_is_loaded_beside_the_given_masks(dataset: Any, load: Any, tmp_path: Path) -> None:
    before, given = digests(dataset), masks_of(dataset)
    corrected = corrected_masks(dataset)
    made = load(dataset, write_folder(tmp_path / "mended", corrected), reviewer="ann")
    dataset.reload()
    for index, mask in corrected.items():
        label = sample_of(dataset, index).lq_corrections
        assert np.array_equal(label.get_mask(), mask)
        assert label.pixels == np.count_nonzero(mask != given[index])
    assert sample_of(dataset, 2).lq_corrections is None
    # Of an image that is as it was, no file is written
    assert sample_of(dataset, 0).lq_corrections.mask_path == sample_of(dataset, 0).ground_truth.mask_path
    assert digests(dataset) == before
    assert [(one.given, one.became, one.pixels, one.images) for one in made.pairs] == [
        ("unlabelled", "road", 48, 1),
        ("road", "car", 48, 1),
    ]
    assert (made.source, made.reviewer) == (f"the folder {tmp_path / 'mended'}", "ann")
    assert (made.images, made.changed, made.pixels) == (3, 2, 96)
    assert (made.resolved, made.as_suggested, made.still_suspect, made.rejected) == (2, 1, 1, 0)
    assert made.newly_wrong is None
    assert made.notes == [
        "The run keeps no predictions to look for suspects in the corrected masks with: what is newly wrong is not "
        "known."
    ]
    assert dataset.mask_targets["lq_corrections"] == dataset.mask_targets["ground_truth"]


def test_a_resolved_suspect_has_a_verdict_and_one_that_was_left_has_none(
    dataset: Any, load: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.review.decide import progress

    load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)), reviewer="ann")
    assert said_of(dataset, 3) == {"car": ("resolved", "confirmed", "car", None, "ann")}
    assert said_of(dataset, 1) == {
        "tree": ("resolved", "confirmed", "road", "road", "ann"),
        "car": ("still suspect", None, "car", None, None),
    }
    assert said_of(dataset, 2) == {"car": (None, None, "car", None, None)}
    reviewed = progress(dataset, "lq")
    assert (reviewed.total, reviewed.confirmed, reviewed.rejected) == (5, 2, 0)
    assert sample_of(dataset, 3).lq_suspects.detections[0].reviewed_at is not None


def test_saved_views_show_what_was_corrected(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality.plugin.records.run_record import load_record

    load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)))
    dataset.reload()
    images = dataset.load_saved_view("lq: corrected images")
    assert sorted(images.values("index")) == [1, 3]
    resolved = dataset.load_saved_view("lq: resolved suspects").values("lq_suspects")
    assert sorted((one.given, one.suggested, one.outcome) for one in resolved) == [
        ("road", "car", "resolved"),
        ("unlabelled", "tree", "resolved"),
    ]
    left = dataset.load_saved_view("lq: still suspect").values("lq_suspects")
    assert [(one.given, one.suggested) for one in left] == [("road", "car")]
    names = {"lq: corrected images", "lq: resolved suspects", "lq: still suspect"}
    assert names <= set(load_record(dataset, "lq").views) and names <= set(dataset.list_saved_views())


def test_what_a_person_has_said_stays(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality.plugin.review.decide import set_verdict

    swap, drop = sample_of(dataset, 3).lq_suspects.detections[0], sample_of(dataset, 1).lq_suspects.detections[0]
    set_verdict(dataset, "lq", [swap.id], "rejected", reviewer="bob")
    set_verdict(dataset, "lq", [drop.id], "confirmed", corrected_to="car", reviewer="bob")
    made = load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)), reviewed=True, reviewer="ann")
    assert said_of(dataset, 3) == {"car": ("resolved", "rejected", "car", None, "bob")}
    assert said_of(dataset, 1)["tree"] == ("resolved", "confirmed", "car", "car", "bob")
    assert said_of(dataset, 1)["car"] == ("still suspect", "rejected", "car", None, "ann")
    assert (made.resolved, made.still_suspect, made.rejected) == (2, 1, 1)
    # And what is decided afterwards counts as a person's
    rest = sample_of(dataset, 1).lq_rejected.detections[0]
    set_verdict(dataset, "lq", [rest.id], "confirmed", reviewer="cat")
    load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)), reviewer="ann")
    assert said_of(dataset, 1)["car"] == ("still suspect", "confirmed", "car", None, "cat")


def test_loading_again_replaces_all_that_was_loaded_before(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality.plugin.review.decide import progress

    load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)), reviewed=True)
    assert progress(dataset, "lq").rejected == 1
    other = masks_of(dataset)[2]
    other[0:12, 0:16] = 7
    load(dataset, write_folder(tmp_path / "other", {2: other}), reviewer="bob")
    assert said_of(dataset, 3) == {"car": (None, None, "car", None, None)}
    assert said_of(dataset, 1) == {"tree": (None, None, "tree", None, None), "car": (None, None, "car", None, None)}
    assert said_of(dataset, 2) == {"car": ("resolved", "confirmed", "car", None, "bob")}
    reviewed = progress(dataset, "lq")
    assert (reviewed.total, reviewed.confirmed, reviewed.rejected) == (5, 1, 0)
    assert dataset.exists("lq_corrections").values("index") == [2]
    sets = {name.split("/")[0] for name in run_files(dataset) if name.startswith("corrections-")}
    assert len(sets) == 1 and sample_of(dataset, 2).lq_corrections.mask_path.split("/")[-4] in sets
    before = state(dataset)
    load(dataset, tmp_path / "other", reviewer="bob")
    after = state(dataset)
    assert after[1:3] == before[1:3] and said_of(dataset, 2)["car"][:2] == ("resolved", "confirmed")


def test_the_patches_on_show_follow(dataset: Any, load: Any, tmp_path: Path) -> None:
    shown = dataset.load_saved_view("lq: suspect regions")
    assert len(shown) == 5
    load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)), reviewed=True)
    dataset.reload()
    again = dataset.load_saved_view("lq: suspect regions")
    verdicts = [one.get_attribute_value("verdict", None) for one in again.values("lq_suspects")]
    assert sorted(map(str, verdicts)) == ["None", "None", "confirmed", "confirmed"]


@pytest.mark.parametrize("kind", ["field", "database", "clone", "dataset"])
def test_other_sources_give_what_a_folder_gives(
    fiftyone: Any, dataset: Any, load: Any, tmp_path: Path, kind: str
) -> None:
    corrected = corrected_masks(dataset)
    folder = write_folder(tmp_path / "mended", corrected)
    expected = load(dataset, folder)
    files = {sample_of(dataset, index).id: str(folder / f"{index:03d}.png") for index in corrected}
    labels = {one: fiftyone.Segmentation(mask_path=path) for one, path in files.items()}
    source: Any = "mended"
    if kind == "database":
        labels = {sample_of(dataset, i).id: fiftyone.Segmentation(mask=mask) for i, mask in corrected.items()}
    if kind in ("field", "database"):
        dataset.add_sample_field("mended", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Segmentation)
        dataset.set_values("mended", labels, key_field="id")
        words, more = "the field 'mended'", {}
    elif kind == "clone":
        source = dataset.select(list(files)).clone()
        source.set_values("ground_truth", labels, key_field="id")
        words, more = f"dataset '{source.name}'", {}
    else:
        source = fiftyone.Dataset()
        paths = dict(zip(*dataset.values(["id", "filepath"]), strict=True))
        source.add_samples([fiftyone.Sample(paths[one], theirs=label) for one, label in labels.items()], progress=False)
        words, more = f"dataset '{source.name}'", {"source_field": "theirs"}
    found = load(dataset, source, **more)
    assert found.source == words
    names = ("images", "changed", "pixels", "pairs", "resolved", "as_suggested", "still_suspect")
    assert [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]
    dataset.reload()
    for index, mask in corrected.items():
        assert np.array_equal(sample_of(dataset, index).lq_corrections.get_mask(), mask)
    if kind in ("clone", "dataset"):
        source.delete()


@pytest.mark.parametrize("kind", [{"rgb": True}, {"dtype": "uint16"}, {"storage": "database"}])
def test_masks_of_every_kind(make_dataset: Any, load: Any, tmp_path: Path, kind: dict[str, Any]) -> None:
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

    dataset = make_run(make_dataset, tmp_path, **kind)
    record = load_record(dataset, "lq")
    record.class_table = ClassTable.from_targets(dataset.mask_targets["ground_truth"]).to_dict()
    save_record(dataset, record)
    masks = masks_of(dataset)
    masks[3][SWAP_3] = COLORS[7] if kind.get("rgb") else 7
    made = load(dataset, write_folder(tmp_path / "mended", {0: masks[0], 3: masks[3]}))
    assert (made.images, made.changed, made.resolved, made.pixels) == (2, 1, 1, 48)
    dataset.reload()
    for index in (0, 3):
        assert np.array_equal(sample_of(dataset, index).lq_corrections.get_mask(), masks[index])


def smaller(folder: Path) -> None:
    write_png(folder / "003.png", np.zeros((12, 32), np.uint8))


def strange_value(folder: Path) -> None:
    mask = cv2.imread(str(folder / "003.png"), cv2.IMREAD_UNCHANGED)
    mask[0, :3] = 99
    write_png(folder / "003.png", mask)


def broken(folder: Path) -> None:
    (folder / "003.png").write_bytes(b"no picture")


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "size": (smaller, r"the mask is 32x12 pixels but its image .*003\.png is 32x24 \(width x height\)\. Resize"),
    "class": (strange_value, r"The mask holds values that are not in the class table: 99 \(3 pixels\)\. Add them"),
    "broken": (broken, r"003\.png\): .*"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_mask_that_cannot_be_used_is_named_and_nothing_is_written(
    dataset: Any, load: Any, tmp_path: Path, name: str
) -> None:
    from label_quality import SampleError

    damage, text = REFUSED[name]
    folder = write_folder(tmp_path / "mended", corrected_masks(dataset))
    damage(folder)
    before = state(dataset)
    with pytest.raises(SampleError, match=text) as caught:
        load(dataset, folder)
    assert caught.value.sample_id == sample_of(dataset, 3).id
    assert caught.value.path == str(folder / "003.png")
    assert state(dataset) == before
    made = load(dataset, folder, skip_failures=True)
    assert (made.images, made.changed) == (2, 1)
    assert [one["sample_id"] for one in made.failures] == [sample_of(dataset, 3).id]
    assert said_of(dataset, 3) == {"car": (None, None, "car", None, None)}


def test_several_masks_that_cannot_be_used_are_told_at_once(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality import LabelQualityError

    folder = write_folder(tmp_path / "mended", corrected_masks(dataset))
    smaller(folder)
    write_png(folder / "000.png", np.full((24, 32), 98, np.uint8))
    with pytest.raises(LabelQualityError, match=r"2 of 3 samples cannot be used\. Mend them, or run with") as caught:
        load(dataset, folder)
    for index in (0, 3):
        assert sample_of(dataset, index).id in str(caught.value)


def test_a_mask_of_no_image_and_a_folder_of_none_are_told(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality import LabelQualityError

    folder = write_folder(tmp_path / "mended", corrected_masks(dataset))
    (folder / "000.png").rename(folder / "strange.png")
    before = state(dataset)
    text = f"{folder / 'strange.png'} belongs to no image of dataset '{dataset.name}'"
    with pytest.raises(LabelQualityError, match=text):
        load(dataset, folder)
    assert load(dataset, folder, skip_failures=True).images == 2
    none = write_folder(tmp_path / "none", {77: masks_of(dataset)[0]})
    with pytest.raises(LabelQualityError, match=f"None of the 6 images has a mask in {none}"):
        load(dataset, none)
    assert before[0] != state(dataset)[0]


def test_a_missing_mask_and_one_that_has_changed_since_the_run_are_told(
    fiftyone: Any, dataset: Any, load: Any, tmp_path: Path
) -> None:
    from label_quality import SampleError

    folder = write_folder(tmp_path / "mended", corrected_masks(dataset))
    dataset.add_sample_field("mended", fiftyone.EmbeddedDocumentField, embedded_doc_type=fiftyone.Segmentation)
    sample = sample_of(dataset, 3)
    sample["mended"] = fiftyone.Segmentation()
    sample.save()
    with pytest.raises(SampleError, match="expected a mask in field 'mended', but 1 of 1 samples") as caught:
        load(dataset, "mended")
    assert caught.value.sample_id == sample.id
    sample["mended"] = fiftyone.Segmentation(mask_path=str(tmp_path / "gone.png"))
    sample.save()
    with pytest.raises(SampleError, match=r"gone\.png"):
        load(dataset, "mended")
    mask = sample.ground_truth.get_mask().copy()
    mask[0, 0] = 20
    write_png(Path(sample.ground_truth.mask_path), mask)
    with pytest.raises(SampleError, match="its given mask has changed since the run was scored") as caught:
        load(dataset, folder)
    assert caught.value.sample_id == sample.id


def test_a_source_that_is_none_or_several_is_told(
    fiftyone: Any, dataset: Any, load: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from label_quality import LabelQualityError

    text = "There is no folder, field, dataset or annotation run 'nothing' to load corrected masks from. Fields with "
    with pytest.raises(LabelQualityError, match=f"{text}masks here: ground_truth. Annotation runs: none."):
        load(dataset, "nothing")
    with pytest.raises(LabelQualityError, match="'ground_truth' has the given masks of run 'lq' themselves"):
        load(dataset, "ground_truth")
    with pytest.raises(LabelQualityError, match="Expected field 'lq_suspects' to hold Segmentation labels"):
        load(dataset, "lq_suspects")
    with pytest.raises(LabelQualityError, match=r"has no annotation run 'relabel'\. Annotation runs: none\."):
        load(dataset, "relabel", source_kind="annotation")
    with pytest.raises(LabelQualityError, match="FiftyOne has no dataset 'other' to load corrected masks from"):
        load(dataset, "other", source_kind="dataset")
    with pytest.raises(LabelQualityError, match="Say where the corrected masks are: a folder, a field"):
        load(dataset)
    write_folder(tmp_path / "mended", corrected_masks(dataset))
    dataset.clone_sample_field("ground_truth", "mended")
    monkeypatch.chdir(tmp_path)
    several = "'mended' is the name of several things: field and folder. Say which with `source_kind`."
    with pytest.raises(LabelQualityError, match=several):
        load(dataset, "mended")
    assert load(dataset, "mended", source_kind="folder").changed == 2
    assert load(dataset, "mended", source_kind="field").changed == 0
    with pytest.raises(LabelQualityError, match="The masks in 'lq_corrections' were made by run 'lq'"):
        load(dataset, "lq_corrections")


def test_a_field_of_the_users_is_not_written_to(fiftyone: Any, dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality import LabelQualityError

    dataset.add_sample_field("lq_corrections", fiftyone.StringField)
    with pytest.raises(LabelQualityError, match="already has a field 'lq_corrections' that no run of this plugin"):
        load(dataset, write_folder(tmp_path / "mended", corrected_masks(dataset)))


def test_deleting_the_run_deletes_what_was_loaded_and_nothing_of_the_source(
    dataset: Any, load: Any, tmp_path: Path
) -> None:
    from label_quality import delete_run, load_record

    folder = write_folder(tmp_path / "mended", corrected_masks(dataset))
    before, names = digests(dataset), dataset.get_field_schema().keys()
    load(dataset, folder)
    root = Path(load_record(dataset, "lq").folder)
    assert delete_run(dataset, "lq") == [] and not root.exists()
    dataset.reload()
    left = {name for name in names if not name.startswith("lq_")}
    assert set(dataset.get_field_schema()) == left and dataset.list_saved_views() == []
    assert "lq_corrections" not in dataset.mask_targets
    assert digests(dataset) == before and len(list(folder.iterdir())) == 3


@pytest.fixture
def killed(interrupt: Interrupt) -> Any:
    """``killed(dataset, kill_at, **parameters)``: loads in a process that is killed instead of a write; says if so."""

    def call(dataset: Any, kill_at: int | None, **parameters: Any) -> bool:
        answer = interrupt(dataset, "load_corrections", kill_at=kill_at, **parameters)
        assert answer["error"] is None
        return bool(answer["signal"] == signal.SIGKILL)

    return call


@pytest.mark.slow
def test_a_load_that_was_killed_at_any_write_is_finished_by_the_next(
    dataset: Any, load: Any, killed: Any, tmp_path: Path, module_folder: Path
) -> None:
    from label_quality import LabelQualityError, export_clean_dataset, load_record

    wanted = {"source": str(write_folder(tmp_path / "mended", corrected_masks(dataset))), "reviewed": True}
    other = masks_of(dataset)[2]
    other[0:12, 0:16] = 7
    load(dataset, write_folder(tmp_path / "other", {2: other}))
    assert not killed(dataset, None, reviewer="ann", **wanted)
    expected = {index: said_of(dataset, index) for index in (0, 1, 2, 3, 5)}
    assert expected[3]["car"][0] == "resolved" and expected[2]["car"][0] is None
    interrupted = 0
    load(dataset, tmp_path / "other")
    loaded = Snapshot(dataset, module_folder)
    for kill_at in count(2, 6):
        loaded.put_back()
        if not killed(dataset, kill_at, reviewer="ann", **wanted):
            break
        part = load_record(dataset, "lq").corrections
        if part is None or part.status != "complete":
            interrupted += 1
            with pytest.raises(LabelQualityError, match=r"were being loaded from the folder .* when that was stopped"):
                export_clean_dataset(dataset, "lq", export_dir=tmp_path / "out")
        made = load(dataset, reviewer="ann", **wanted)
        assert (made.images, made.changed, made.resolved, made.rejected) == (3, 2, 2, 1)
        assert {index: said_of(dataset, index) for index in (0, 1, 2, 3, 5)} == expected, kill_at
        assert len({one.split("/")[0] for one in run_files(dataset) if one.startswith("corrections-")}) == 1
        assert sorted(dataset.exists("lq_corrections").values("index")) == [0, 1, 3]
        assert sorted(load_record(dataset, "lq").views) == sorted(dataset.list_saved_views())
    assert interrupted > 2


def test_an_export_has_the_corrected_masks_and_says_from_where(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality import export_clean_dataset
    from label_quality.plugin.review.decide import set_verdict

    before = digests(dataset)
    corrected = corrected_masks(dataset)
    # Half of the swap's region is left: all of it is as in the corrected mask
    corrected[3][6:9, 8:16] = 3
    load(dataset, write_folder(tmp_path / "mended", corrected), reviewer="ann")
    set_verdict(dataset, "lq", [sample_of(dataset, 2).lq_suspects.detections[0].id], "confirmed")
    made = export_clean_dataset(dataset, "lq", export_dir=tmp_path / "out", unreviewed="ignore")
    expected = {**dict(enumerate(masks_of(dataset))), **corrected}
    expected[2][0:12, 0:16] = 7
    expected[1][SWAP_1] = 255
    expected[5][:, 31] = 255
    for index, mask in expected.items():
        found = cv2.imread(str(tmp_path / "out" / "labels" / f"{index:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(found, mask), index
    assert (made.images, made.corrections, made.regions, made.ignored) == (6, 2, 3, 2)
    assert digests(dataset) == before
    content = json.loads((tmp_path / "out" / "manifest.json").read_text())
    images = {Path(one["filepath"]).stem: one for one in content["images"]}
    (region,) = images["003"]["regions"]
    assert (region["verdict"], region["became"], region["reviewed_by"], region["pixels"]) == (
        "corrected",
        "car",
        "ann",
        24,
    )
    correction = images["003"]["correction"]
    assert (correction["source"], correction["corrected_by"]) == (f"the folder {tmp_path / 'mended'}", "ann")
    label = sample_of(dataset, 3).lq_corrections
    assert correction["pixels"] == 24
    assert correction["sha256"] == hashlib.sha256(Path(label.mask_path).read_bytes()).hexdigest()
    assert images["003"]["pixels"] == 24 and "correction" not in images["002"]
    assert content["counts"]["corrections"] == 2


def test_masks_that_are_written_are_as_corrected(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality import write_corrected_masks

    corrected = corrected_masks(dataset)
    corrected[3][6:9, 8:16] = 3
    corrected[3][0, 0] = 20
    load(dataset, write_folder(tmp_path / "mended", corrected))
    written = write_corrected_masks(dataset, "lq", output_dir=tmp_path / "out")
    assert written.images == 2
    for index in (1, 3):
        found = cv2.imread(str(tmp_path / "out" / f"{index:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(found, corrected[index])


def test_corrected_masks_to_ignored_pixels(dataset: Any, load: Any, tmp_path: Path) -> None:
    from label_quality.plugin.labels.class_table import ClassTable
    from label_quality.plugin.records.run_record import load_record, save_record

    record = load_record(dataset, "lq")
    record.class_table = ClassTable.from_targets(TARGETS, ignored=[255]).to_dict()
    save_record(dataset, record)
    masks = masks_of(dataset)
    masks[3][SWAP_3] = 255
    made = load(dataset, write_folder(tmp_path / "mended", {3: masks[3]}))
    assert [(one.given, one.became, one.pixels) for one in made.pairs] == [("road", "ignored", 48)]
    assert said_of(dataset, 3) == {"car": ("resolved", "confirmed", "car", None, made.reviewer)}
