"""The relabelling queue as a file: its text, the file's safety, the operator's form and Python calls."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from .. import suspect_run
from .calls import errors

URI = "@label-quality/segmentation/export_relabelling_queue"


@pytest.fixture
def dataset(unrated_run: Any) -> Any:
    return unrated_run


@pytest.fixture
def queue(fiftyone: Any) -> Any:
    from label_quality.plugin.review import queue as relabelling_queue

    return relabelling_queue


@pytest.fixture
def pick(fiftyone: Any) -> Any:
    from label_quality.plugin.review.choose_images import Choice, choose

    return lambda collection, **choice: choose(collection, Choice(**choice))


def operator() -> Any:
    import fiftyone.operators as foo

    return foo.get_operator(URI)


def form(dataset: Any, request: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
    from fiftyone.operators.executor import ExecutionContext, Executor

    request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt", **(request or {})}
    ctx = ExecutionContext(request, executor=Executor(), operator_uri=URI)
    prop = operator().resolve_type(ctx, "inputs")
    prop.to_json()
    return prop.type.properties


def test_csv_has_a_line_a_region_worst_images_first(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    path = tmp_path / "new" / "queue.csv"
    written = queue.export_queue(pick(dataset), path)
    assert written == queue.Exported(str(path), images=6, regions=5)
    names, ids = dataset.values("filepath"), dataset.values("id")
    heading = (
        "rank,filepath,quality,error_type,region,region_type,given,suggested,probability,evidence,confidence,area,"
    )
    heading += "left,top,width,height,relative_left,relative_top,relative_width,relative_height,sample_id"
    assert path.read_text().splitlines() == [
        heading,
        f"1,{names[3]},0.1,swap,1,swap,road,car,,50.0,0.75,48,8,6,8,6,0.25,0.25,0.25,0.25,{ids[3]}",
        f"2,{names[1]},0.2,swap,1,swap,road,car,,30.0,0.75,48,4,4,8,6,0.125,0.166667,0.25,0.25,{ids[1]}",
        f"2,{names[1]},0.2,swap,2,drop,unlabelled,tree,,10.0,0.75,48,16,12,4,12,0.5,0.5,0.125,0.5,{ids[1]}",
        f"3,{names[2]},0.5,drop,1,drop,unlabelled,car,,20.0,0.75,192,0,0,16,12,0.0,0.0,0.5,0.5,{ids[2]}",
        f"4,{names[5]},0.7,shift,1,shift,car,road,,5.0,0.75,24,31,0,1,24,0.96875,0.0,0.03125,1.0,{ids[5]}",
        f"5,{names[0]},0.9,none,,,,,,,,,,,,,,,,,{ids[0]}",
        f"6,{names[4]},,,,,,,,,,,,,,,,,,,{ids[4]}",
    ]


def test_json_has_an_object_an_image(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    path = tmp_path / "queue.json"
    queue.export_queue(pick(dataset, choose="worst", worst=1), path)
    sample = dataset.match({"index": 3}).first()
    assert json.loads(path.read_text()) == {
        "dataset": dataset.name,
        "run": "lq",
        "images": [
            {
                "rank": 1,
                "filepath": sample.filepath,
                "quality": 0.1,
                "error_type": "swap",
                "sample_id": sample.id,
                "regions": [
                    {
                        "error_type": "swap",
                        "given": "road",
                        "suggested": "car",
                        "probability": None,
                        "evidence": 50.0,
                        "confidence": 0.75,
                        "area": 48,
                        "left": 8,
                        "top": 6,
                        "width": 8,
                        "height": 6,
                        "bounding_box": [0.25, 0.25, 0.25, 0.25],
                    }
                ],
            }
        ],
    }


def test_rated_regions_have_their_probability(make_dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    rated = suspect_run.add_run(make_dataset(count=6), tmp_path, rated=True)
    queue.export_queue(pick(rated), tmp_path / "queue.csv")
    with (tmp_path / "queue.csv").open() as file:
        rows = [(one["region_type"], one["probability"]) for one in csv.DictReader(file) if one["region"]]
    # The images by quality, in each the most probable region first
    assert rows == [("swap", "0.9"), ("drop", "0.8"), ("swap", "0.6"), ("drop", "0.7"), ("shift", "0.55")]


def test_only_the_regions_that_are_meant_are_exported(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    sample = dataset.match({"index": 3}).first()
    sample.lq_suspects.detections[0]["verdict"] = "rejected"
    sample.save()
    (image,) = queue.queue(pick(dataset, choose="group", group="tree given as unlabelled"))
    assert [region["suggested"] for region in image["regions"]] == ["tree"]
    (worst,) = queue.queue(pick(dataset, choose="worst", worst=1))
    assert worst["regions"] == []


def test_what_a_person_corrected_goes_before_the_suggestion(dataset: Any, queue: Any, pick: Any, fiftyone: Any) -> None:
    dataset.add_sample_field("lq_suspects.detections.corrected_to", fiftyone.StringField)
    sample = dataset.match({"index": 1}).first()
    sample.lq_suspects.detections[0]["corrected_to"] = "tree"
    sample.save()
    found = queue.queue(pick(dataset, choose="worst", worst=2))
    assert [[region["suggested"] for region in image["regions"]] for image in found] == [["car"], ["tree", "tree"]]


def test_names_with_commas_and_other_letters_survive(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    sample = dataset.match({"index": 3}).first()
    region = sample.lq_suspects.detections[0]
    region["suggested"] = region.label = 'Straße, "nass"\nund kalt'
    sample.save()
    for name in ("queue.csv", "queue.JSON"):
        queue.export_queue(pick(dataset, choose="worst", worst=1), tmp_path / name)
    with open(tmp_path / "queue.csv", newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert line["suggested"] == 'Straße, "nass"\nund kalt'
    assert json.loads((tmp_path / "queue.JSON").read_text())["images"][0]["regions"][0]["suggested"].startswith("Straß")


def test_no_cell_is_a_formula_and_json_is_exact(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    from label_quality.plugin.review.spreadsheet_cells import from_cell

    formula = "=cmd|' /C calc'!A0"
    sample = dataset.match({"index": 3}).first()
    region = sample.lq_suspects.detections[0]
    region["given"], region["suggested"], region["evidence"] = formula, " +1+1", -0.5
    # As runs label them; another label is what somebody has renamed it to
    region.label = region["suggested"]
    renamed = sample.filepath.replace("003.png", "=3;@4.png")
    os.rename(sample.filepath, renamed)
    sample.filepath = renamed
    sample.save()
    for name in ("queue.csv", "queue.json"):
        queue.export_queue(pick(dataset, choose="worst", worst=1), tmp_path / name)
    with open(tmp_path / "queue.csv", newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert (line["given"], line["suggested"], line["evidence"]) == (f"'{formula}", "' +1+1", "-0.5")
    assert line["filepath"].endswith("/=3;'@4.png")
    assert from_cell(line["filepath"]) == sample.filepath
    (image,) = json.loads((tmp_path / "queue.json").read_text())["images"]
    assert image["filepath"] == sample.filepath
    assert [image["regions"][0][name] for name in ("given", "suggested")] == [formula, " +1+1"]


def test_boxes_are_in_pixels_of_the_image_whatever_its_metadata(dataset: Any, queue: Any, pick: Any) -> None:
    before = queue.queue(pick(dataset))
    dataset.limit(4).compute_metadata(num_workers=1, progress=False)
    assert queue.queue(pick(dataset)) == before


def test_a_missing_image_is_named(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import SampleError

    sample = dataset.match({"index": 3}).first()
    os.remove(sample.filepath)
    with pytest.raises(SampleError, match=f"sample {sample.id} .*{sample.filename}"):
        queue.export_queue(pick(dataset), tmp_path / "queue.csv")
    assert not (tmp_path / "queue.csv").exists()


def test_without_a_run_there_are_the_files_alone(make_dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    bare = make_dataset(count=1)
    queue.export_queue(pick(bare), tmp_path / "queue.csv")
    (_, line) = (tmp_path / "queue.csv").read_text().splitlines()
    assert line == f"1,{bare.first().filepath}" + "," * 19 + bare.first().id
    (image,) = queue.queue(pick(bare))
    assert (image["quality"], image["error_type"], image["regions"]) == (None, None, [])


def test_a_file_is_never_overwritten_unless_asked(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    path = tmp_path / "queue.csv"
    path.write_text("mine")
    text = f"There is a file {path} already. Give another `path`, or replace it with overwrite=True."
    with pytest.raises(LabelQualityError) as error:
        queue.export_queue(pick(dataset), path)
    assert (str(error.value), path.read_text()) == (text, "mine")
    queue.export_queue(pick(dataset), path, overwrite=True)
    assert path.read_text().startswith("rank,")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("", "Expected parameter `path` to end in .csv or .json, but got ''."),
        (None, "Expected parameter `path` to end in .csv or .json, but got None."),
        ("queue.txt", "Expected parameter `path` to end in .csv or .json, but got 'queue.txt'."),
        ("{folder}/a.csv", "Expected parameter `path` to be a file, but {folder}/a.csv is a folder."),
        ("{folder}/file/x.csv", "to be in a folder that can be written to, but got {folder}/file/x.csv."),
    ],
)
def test_a_path_that_cannot_be_is_explained(queue: Any, tmp_path: Path, path: str | None, text: str) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    (tmp_path / "a.csv").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelQualityError) as error:
        queue.check_path(path and path.format(folder=tmp_path))
    assert text.format(folder=tmp_path) in str(error.value)


def test_a_full_disk_is_explained(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    too_long = tmp_path / ("x" * 240 + ".csv")
    with pytest.raises(LabelQualityError, match=r"The queue cannot be written to .*: File name too long. Give another"):
        queue.export_queue(pick(dataset), too_long)


def test_nothing_to_export_is_an_error(dataset: Any, queue: Any, pick: Any, tmp_path: Path) -> None:
    from label_quality.plugin.base.errors import LabelQualityError

    with pytest.raises(LabelQualityError, match="nothing to export: no image is among the images tagged 'relabel'"):
        queue.export_queue(pick(dataset, choose="tagged"), tmp_path / "queue.csv")
    assert not (tmp_path / "queue.csv").exists()


def test_the_form_starts_with_the_tagged_images(dataset: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "queue.csv")
    assert form(dataset, path=path)["choose"].default == "worst"
    dataset.limit(2).tag_samples("relabel")
    properties = form(dataset, path=path)
    assert errors(properties) == {}
    assert list(properties) == ["choose", "tag", "path", "advanced", "notice_plan"]
    assert properties["choose"].default == "tagged"
    assert properties["notice_plan"].view.label == f"Writes 2 images, the worst first, to {path}."
    default = form(dataset)["path"].default
    assert default.startswith(os.path.expanduser("~/")) and default.endswith("-relabel.csv")


def test_the_form_marks_what_is_wrong(dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "queue.csv"
    path.write_text("mine")
    properties = form(dataset, path=str(path))
    assert errors(properties)["path"].startswith(f"There is a file {path} already")
    assert "overwrite" in properties
    assert errors(form(dataset, path=str(path), overwrite=True)) == {}
    assert "to end in .csv or .json" in errors(form(dataset, path="queue.xml"))["path"]
    found = errors(form(dataset, path=str(tmp_path / "new.csv"), choose="tagged", tag="none"))
    assert found == {"choose": "There are none: the images tagged 'none'."}
    assert "folder that can be written to, but got /proc/x.csv." in errors(form(dataset, path="/proc/x.csv"))["path"]
    text = "Expected “Tag” to be a name that does not begin with '$', but got '$x'."
    assert errors(form(dataset, path=str(tmp_path / "new.csv"), choose="tagged", tag="$x")) == {"tag": text}
    # Left of another choice, where nothing shows it
    assert errors(form(dataset, path=str(tmp_path / "new.csv"), choose="worst", tag="$x")) == {}


def test_a_python_call_writes_the_queue(dataset: Any, tmp_path: Path) -> None:
    dataset.match({"index": 1}).tag_samples("relabel")
    path = tmp_path / "queue.csv"
    result = operator()(dataset, path).result
    assert result == {
        "path": str(path),
        "images": 1,
        "regions": 2,
        "message": f"Wrote 1 image with 2 suspects to {path}.",
    }
    assert len(path.read_text().splitlines()) == 3
    with pytest.raises(Exception, match=r"There is a file .* already"):
        operator()(dataset, path, "worst", worst=1)
    assert operator()(dataset, path, "worst", worst=1, overwrite=True).result["images"] == 1
    patches = dataset.load_saved_view("lq: suspect regions")
    chosen = patches.values("id")[2:3]
    result = operator()(patches, tmp_path / "p.json", "selected", selected=chosen).result
    assert (result["images"], result["regions"]) == (1, 1)


def test_the_command_writes_the_queue(dataset: Any, tmp_path: Path, capsys: Any) -> None:
    from label_quality.plugin.cli.main import main

    path = tmp_path / "queue.csv"
    assert main(["queue", dataset.name, str(path), "--worst", "2"]) == 0
    assert capsys.readouterr().out == f"Wrote 2 images, the worst first, and 3 suspects to {path}.\n"
    assert len(path.read_text().splitlines()) == 4
    assert main(["queue", dataset.name, str(path), "--group", "car given as road"]) == 1
    assert "Give another FILE, or replace it with --overwrite." in capsys.readouterr().err
    assert main(["queue", dataset.name, str(path), "--error-type", "drop", "--overwrite"]) == 0
    assert main(["queue", dataset.name, str(tmp_path / "no.csv")]) == 1
    assert "no image is among the images tagged 'relabel'" in capsys.readouterr().err
    assert main(["queue", dataset.name, str(tmp_path / "no.csv"), "--below", "7"]) == 1
    assert "Expected --below to be a quality above 0 and at most 1, but got 7.0." in capsys.readouterr().err
