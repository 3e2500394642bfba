"""Whose files are whose: datasets of one name, clones, and runs of version 0.1.0, whose files name no dataset."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..deletion import drop_datasets
from ..predicted import WITH_FILES, add_predictions, files_of, record_of

URI = "@label-quality/segmentation/delete_run"


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """A factory of datasets of 18 samples, two shards of them, with files of probabilities."""

    def make(name: str | None = None, seed: int = 0) -> Any:
        dataset = make_dataset(count=18, seed=seed)
        add_predictions(dataset, tmp_path / dataset.name, seed)
        dataset.name = name or dataset.name
        named.append(dataset)
        return dataset

    named: list[Any] = []
    yield make
    drop_datasets(dataset.name for dataset in named)


@pytest.fixture
def clone_of(fiftyone: Any) -> Iterator[Any]:
    made: list[Any] = []

    def clone(dataset: Any, name: str) -> Any:
        made.append(dataset.clone(name))
        return made[-1]

    yield clone
    drop_datasets(dataset.name for dataset in made)


def stored(dataset: Any) -> list[Path]:
    return sorted(Path(record_of(dataset).folder).iterdir())


def older(dataset: Any, key: str = "lq") -> Path:
    """Turns a run into one of version 0.1.0: its folder is named after the dataset alone, and no manifest names it."""
    from label_quality.plugin.records.run_record import save_record

    record = record_of(dataset, key)
    new = Path(record.folder)
    old = new.parent.parent / dataset.slug / key
    shutil.copytree(new, old, dirs_exist_ok=True)
    shutil.rmtree(new.parent)
    for path in old.glob("*/manifest.json"):
        path.write_text(
            json.dumps({name: one for name, one in json.loads(path.read_text()).items() if name != "dataset"})
        )
    for sample in dataset.iter_samples(autosave=True):
        for label, name in (("heatmap", "map_path"), ("flags", "map_path"), ("prediction", "mask_path")):
            one = sample[f"{key}_{label}"]
            one[name] = one[name].replace(str(new), str(old))
        for region in sample[f"{key}_suspects"].detections:
            region.mask_path = region.mask_path.replace(str(new), str(old))
    record.folder = str(old)
    save_record(dataset, record)
    return old


@pytest.mark.parametrize("output_dir", [False, True])
def test_a_dataset_of_the_same_name_has_its_own_files(
    predicted: Any, audit: Any, tmp_path: Path, output_dir: bool
) -> None:
    options = {**WITH_FILES, **({"output_dir": str(tmp_path / "out")} if output_dir else {})}
    first = predicted("street")
    audit.audit_labels(first, "ground_truth", **options)
    before = files_of(first)
    first.name = "street of before"
    second = predicted("street", seed=1)
    audit.audit_labels(second, "ground_truth", **options)
    audit.audit_labels(second, "ground_truth", **options, scores=("ccp", "clc", "softmin"), overwrite=True)
    assert files_of(first) == before
    third = files_of(second)
    assert not before.keys() & third.keys()
    # A renamed dataset's runs stay together, in the folder that it had
    audit.audit_labels(first, "ground_truth", key="b", **options)
    assert Path(record_of(first, "b").folder).parent == Path(record_of(first).folder).parent
    audit.delete_run(second, "lq")
    assert files_of(first) == before
    assert audit.delete_run(first, "lq") == [] and not Path(next(iter(before))).exists()


def test_a_folder_of_version_0_1_is_kept_and_goes_with_its_run(predicted: Any, audit: Any) -> None:
    dataset = predicted("street")
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    old = older(dataset)
    before, record, there = files_of(dataset), record_of(dataset), stored(dataset)
    stages: list[str] = []
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, progress=lambda stage, *_: stages.append(stage))
    assert stages == [] and (files_of(dataset), record_of(dataset), stored(dataset)) == (before, record, there)
    audit.find_suspects(dataset, max_regions=1)
    assert record_of(dataset).folder == str(old) and len(stored(dataset)) == 2
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, scores=("ccp", "clc", "softmin"), overwrite=True)
    assert files_of(dataset).keys().isdisjoint(before) and len(stored(dataset)) == 2
    parent = str(old.parent.parent)
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, scores=("ccp", "clc", "softmin"), output_dir=parent)
    assert record_of(dataset).folder == str(old)
    assert audit.delete_run(dataset, "lq") == [] and not old.parent.exists()


def test_a_folder_of_version_0_1_that_two_datasets_share(predicted: Any, audit: Any) -> None:
    first = predicted("street")
    audit.audit_labels(first, "ground_truth", **WITH_FILES)
    older(first)
    mine = files_of(first)
    first.name = "street of before"
    second = predicted("street", seed=1)
    audit.audit_labels(second, "ground_truth", **WITH_FILES)
    old = older(second)
    theirs = files_of(second)
    assert record_of(first).folder == record_of(second).folder == str(old)
    audit.find_suspects(first, max_regions=1)
    audit.audit_labels(second, "ground_truth", **WITH_FILES, scores=("ccp", "clc", "softmin"), overwrite=True)
    assert {path: Path(path).read_bytes() for path in mine if "/scores-" in path}.items() <= mine.items()
    assert not any(Path(path).exists() for path in theirs)
    with pytest.raises(audit.LabelQualityError, match="are shown by dataset 'street' too"):
        audit.delete_run(first, "lq")
    assert audit.delete_run(first, "lq", break_clones=True) != []
    assert len(files_of(second)) > 60 and not any(Path(path).exists() for path in mine)
    assert audit.delete_run(second, "lq") == [] and not old.parent.exists()


def test_an_interrupted_first_run_of_version_0_1_goes_on(predicted: Any, audit: Any) -> None:
    dataset = predicted("street")
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    old = older(dataset)
    for path in old.glob("scores-*/manifest.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "complete": False}))
    dataset.delete_run("lq")
    stages: list[str] = []
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES, progress=lambda stage, *_: stages.append(stage))
    assert "Scoring" not in stages and "Writing fields" in stages and record_of(dataset).folder == str(old)
    # Of another dataset of that name it is no beginning
    dataset.delete_run("lq")
    dataset.name = "street of before"
    other = predicted("street", seed=1)
    audit.audit_labels(other, "ground_truth", **WITH_FILES)
    assert Path(record_of(other).folder).parent.name == f"street-{other._doc.id}"


def test_deleting_a_run_whose_files_a_clone_shows(predicted: Any, audit: Any, clone_of: Any) -> None:
    dataset = predicted()
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    clone = clone_of(dataset, "the clone")
    with pytest.raises(audit.LabelQualityError) as caught:
        audit.delete_run(dataset, "lq")
    assert str(caught.value) == (
        f"The files of run 'lq' of dataset '{dataset.name}' are shown by dataset 'the clone' too, whose images would "
        "lose their heatmaps and masks. Delete the run there first, or pass break_clones=True to delete it all the "
        "same."
    )
    before = files_of(clone)
    assert before == files_of(dataset)
    audit.delete_run(clone, "lq")
    assert files_of(dataset) == before
    clone_of(dataset, "another clone")
    assert audit.delete_run(dataset, "lq", break_clones=True) == []
    assert not any(Path(path).exists() for path in before)


def test_replacing_a_run_whose_files_a_clone_shows(predicted: Any, audit: Any, clone_of: Any, tmp_path: Path) -> None:
    dataset = predicted()
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    clone, folder = clone_of(dataset, "the clone"), record_of(dataset).folder
    before, text = files_of(clone), f"Files of before are kept in {folder}, as they are shown by dataset 'the clone'."
    for _ in range(2):
        assert audit.find_suspects(dataset, max_regions=1).suspects.notes.count(text) == 1
    assert files_of(clone) == before and len(stored(dataset)) == 3
    other = {**WITH_FILES, "scores": ("ccp", "clc", "softmin"), "overwrite": True}
    assert text in audit.audit_labels(dataset, "ground_truth", **other).note
    assert files_of(clone) == before and len(stored(dataset)) == 4
    moved = audit.audit_labels(dataset, "ground_truth", **WITH_FILES, output_dir=str(tmp_path / "out"), overwrite=True)
    assert text in moved.note and files_of(clone) == before
    audit.delete_run(dataset, "lq")
    assert files_of(clone) == before


def test_the_form_and_the_command_ask_before_a_clone_loses_files(
    predicted: Any, audit: Any, clone_of: Any, capsys: Any
) -> None:
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor
    from label_quality.plugin.cli import main as cli

    dataset = predicted()
    audit.audit_labels(dataset, "ground_truth", **WITH_FILES)
    clone_of(dataset, "the clone")

    def form(**params: Any) -> Any:
        request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt"}
        context = ExecutionContext(request, executor=Executor(), operator_uri=URI)
        return foo.get_operator(URI).resolve_type(context, "inputs").type.properties

    shown = form(key="lq", confirm=True)
    assert shown["warning_clones"].view.label == (
        "The files of this run are shown by dataset 'the clone' too, whose images lose their heatmaps and masks with "
        "them."
    )
    assert shown["break_clones"].error_message == (
        "The files are shown by dataset 'the clone' too. Delete the run there first, or tick “Delete the files "
        "although they are shown by dataset 'the clone'”."
    )
    assert not any(one.invalid for one in form(key="lq", confirm=True, break_clones=True).values())
    with pytest.raises(Exception, match="are shown by dataset 'the clone' too"):
        foo.get_operator(URI)(dataset, "lq")
    assert cli.main(["delete", dataset.name, "lq"]) == 1
    assert "or pass --break-clones to delete it all the same" in capsys.readouterr().err
    assert cli.main(["delete", dataset.name, "lq", "--break-clones"]) == 0
    assert audit.list_runs(dataset) == []
