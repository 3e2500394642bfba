import inspect
import re
from pathlib import Path

import label_quality
import pytest
from label_quality.plugin.base.parameters import table
from label_quality.plugin.benchmark.config import BenchmarkConfig, BenchmarkRequest
from label_quality.plugin.clean.config import CleanRequest
from label_quality.plugin.estimate.config import EstimateConfig
from label_quality.plugin.evaluation.config import EvaluationRequest
from label_quality.plugin.lint.config import LintConfig
from label_quality.plugin.objects.config import ObjectConfig
from label_quality.plugin.predictions.config import PREDICTION_SOURCES
from label_quality.plugin.runs.request import (
    EstimateRequest,
    LintRequest,
    ObjectRequest,
    Request,
    Stages,
    SuspectRequest,
)
from label_quality.plugin.scores.config import ScoreConfig
from label_quality.plugin.suspects.config import SuspectConfig

from scripts.docs_parameters import on_page_markdown

ROOT = Path(__file__).parents[1]
REFERENCE = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
PARAMETERS = (
    *(Stages, Request, *PREDICTION_SOURCES.values(), ScoreConfig, SuspectConfig, SuspectRequest),
    *(ObjectConfig, ObjectRequest, EstimateConfig, EstimateRequest),
    *(BenchmarkRequest, BenchmarkConfig, CleanRequest, EvaluationRequest),
    *(LintConfig, LintRequest),
)


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
def test_the_reference_has_the_table_of_every_group_of_parameters(group: type) -> None:
    page = on_page_markdown(f"::: {group.__module__}.{group.__qualname__}\n")
    rows = re.findall(r"^\| `(\w+)` +\| (.+?) +\| .*\|$", page, re.MULTILINE)
    described = table(group)
    assert [name for name, _ in rows] == list(described) != []
    assert all(text.startswith(f"{described[name].sentence}.") for name, text in rows)


def test_every_page_is_on_the_site() -> None:
    """That the links between them are right is for ``make docs``, which is a part of ``make test``."""
    listed = set(re.findall(r": ((?:docs/)?\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {str(page.relative_to(ROOT)) for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))}
