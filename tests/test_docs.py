import dataclasses
import inspect
import re
from pathlib import Path

import label_quality
import pytest
from label_quality.plugin.benchmark.config import BenchmarkConfig
from label_quality.plugin.predictions.config import PREDICTION_SOURCES
from label_quality.plugin.runs.request import Request
from label_quality.plugin.scores.config import ScoreConfig
from label_quality.plugin.suspects.config import SuspectConfig

ROOT = Path(__file__).parents[1]
REFERENCE = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
PARAMETERS = (Request, *PREDICTION_SOURCES.values(), ScoreConfig, SuspectConfig, BenchmarkConfig)


def test_the_reference_has_every_public_name_and_every_group_of_parameters_once() -> None:
    classes = [f"{one.__module__}.{one.__qualname__}" for one in PARAMETERS]
    public = [f"label_quality.{name}" for name in label_quality.__all__]
    assert len(set(REFERENCE)) == len(REFERENCE)
    assert set(public + classes) <= set(REFERENCE)


@pytest.mark.parametrize("name", label_quality.__all__)
def test_every_public_name_says_what_it_is(name: str) -> None:
    text = inspect.getdoc(getattr(label_quality, name)) or ""
    assert text.partition("\n")[0].endswith((".", ":"))


@pytest.mark.parametrize("group", PARAMETERS)
def test_every_parameter_is_described_where_the_reference_takes_it_from(group: type) -> None:
    arguments = (inspect.getdoc(group) or "").partition("Args:\n")[2].partition("\n\n")[0]
    described = re.findall(r"^    (\w+): ", arguments, re.MULTILINE)
    assert [field.name for field in dataclasses.fields(group)] == described


def test_every_page_is_on_the_site() -> None:
    """That the links between them are right is for ``make docs``, which is a part of ``make test``."""
    listed = set(re.findall(r": ((?:docs/)?\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
