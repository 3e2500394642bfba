"""The skill: FiftyOne finds it, what it names is there, and its steps work in their order."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from label_quality.plugin.parameters import PARAMETERS
from label_quality.plugin.review.choose_images import Choice

from ..predicted import add_swapped_predictions

ROOT = Path(__file__).parents[2]
SKILL = (ROOT / "skills" / "find-wrong-masks" / "SKILL.md").read_text()
PLUGIN = "@label-quality/segmentation"
MANIFEST = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
#: What a call from Python says besides an operator's parameters
CALL = {"self", "sample_collection", "delegate", "progress", "params"}
SECTIONS = {
    tuple(re.findall(r"`(\w+)`", title)): text
    for title, text in re.findall(r"^## \d\. (.+)$((?:\n(?!## ).*)*)", SKILL, re.MULTILINE)
}
STEPS = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SKILL, re.DOTALL)]


def parameters_of(name: str) -> set[str]:
    """The parameters that an operator takes."""
    import fiftyone.operators as foo

    called = inspect.signature(type(foo.get_operator(f"{PLUGIN}/{name}")).__call__).parameters
    chosen = set(Choice.names()) if "choose" in called else set()
    # The box that a form has the user tick
    asked = {"confirm"} if name == "delete_run" else set()
    return (set(called) - CALL) | set(PARAMETERS.get(name, ())) | chosen | asked


def test_fiftyone_lists_the_skill(fiftyone: Any) -> None:
    import fiftyone.plugins as fop

    (found,) = fop.list_skills(plugin=PLUGIN)
    assert (found.name, found.category) == ("find-wrong-masks", "Curation")
    assert found.name == Path(found.path).parent.name and found.content == SKILL
    # As the specification of skills asks for it
    assert re.fullmatch(r"[a-z0-9-]{1,64}", found.name) and 0 < len(found.description) <= 1024


def test_the_skill_names_operators_that_there_are() -> None:
    named = {name for names in SECTIONS for name in names} | {step["operator"].rpartition("/")[2] for step in STEPS}
    assert len(SECTIONS) == 7 and {"audit_labels", "review_suspects", "export_clean_dataset"} <= named
    assert named <= set(MANIFEST["operators"])
    assert {step["operator"].rpartition("/")[0] for step in STEPS} == {PLUGIN}


@pytest.mark.parametrize("names", SECTIONS, ids=lambda names: names[0])
def test_every_parameter_that_it_names_is_one_of_the_operators(fiftyone: Any, names: tuple[str, ...]) -> None:
    described = re.findall(r"^- `(\w+)`:", SECTIONS[names], re.MULTILINE)
    known = {name: parameters_of(name) for name in names}
    assert len(described) == len(set(described))
    for one in described:
        assert any(one in parameters for parameters in known.values()), one
    used = {name for step in STEPS if step["operator"].rpartition("/")[2] in names for name in step["params"]}
    assert used <= set(described)
    for step in STEPS:
        name = step["operator"].rpartition("/")[2]
        if name in names:
            assert set(step["params"]) <= known[name], step


def test_its_steps_work_in_their_order(fiftyone: Any, make_dataset: Any, tmp_path: Path) -> None:
    import fiftyone.operators as foo

    dataset = make_dataset(count=6, sizes=((96, 128),))
    add_swapped_predictions(dataset, tmp_path)
    dataset.clone_sample_field("ground_truth", "corrected")
    swapped = list(dataset)[2]
    exact = np.load(swapped["probabilities"]).argmax(axis=0)
    # What was made elsewhere: no models are trained here, and the corrections are those of the one wrong mask
    swapped["corrected"] = fiftyone.Segmentation(mask=np.array([0, 3, 7, 20], np.uint8)[exact])
    swapped.save()
    paths = {"FILE.csv": "queue.csv", "FILE.html": "page.html", "DIR": "clean"}
    for step in STEPS:
        params = dict(step["params"])
        for name, value in params.items():
            params[name] = str(tmp_path / paths[value]) if str(value) in paths else value
            if value == ["ID"]:
                params[name] = dataset.values("lq_suspects.detections.id", unwind=True)[:1]
        if step["operator"].endswith("audit_labels"):
            params |= {"source": "files", "field": "probabilities"}
        result = foo.execute_operator(step["operator"], {"dataset": dataset}, params=params)
        result.raise_exceptions()
        dataset.reload()
    assert set(dataset.values("lq_suspects.detections.verdict", unwind=True)) >= {"confirmed"}
    assert dataset.count_sample_tags() == {"relabel": 2}
    assert (tmp_path / "queue.csv").is_file() and (tmp_path / "page.html").is_file()
    assert (tmp_path / "clean" / "manifest.json").is_file()
    assert dataset.list_evaluations() == ["lq_evaluation"]
    assert {"lq_corrections", "lq_corrected", "lq_sample"} <= dataset.get_field_schema().keys()
