"""Groups of parameters: which values they refuse, whatever computes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from label_quality.plugin.base.config import Config
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.config import BenchmarkConfig
from label_quality.plugin.models.config import ModelSource
from label_quality.plugin.predictions.config import FilesSource
from label_quality.plugin.scores.config import ScoreConfig
from label_quality.plugin.suspects.config import SuspectConfig
from label_quality.plugin.training.config import CrossValidation


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        (CrossValidation, "folds", 2.5),
        (CrossValidation, "epochs", 3.0),
        (CrossValidation, "seed", "51"),
        (CrossValidation, "batch_size", True),
        (ModelSource, "input_size", 320.5),
        (ScoreConfig, "pooling", 1.5),
        (ScoreConfig, "workers", 0.5),
        (SuspectConfig, "max_regions", 1e9),
        (BenchmarkConfig, "resamples", 10.5),
    ],
)
def test_whole_numbers_are_whole(config: type[Config], name: str, value: Any) -> None:
    with pytest.raises(LabelQualityError) as error:
        config.from_params({name: value})
    assert str(error.value) == f"Expected parameter `{name}` to be a whole number, but got {value!r}."


def test_whole_numbers_of_numpy_and_none_are_taken() -> None:
    config = CrossValidation.from_params({"folds": np.int64(3), "epochs": None})
    assert (config.folds, config.digest()) == (3, CrossValidation(folds=3).digest())


def test_values_of_numpy_are_those_of_python() -> None:
    scores = ScoreConfig.from_params(
        {"temperature": np.float32(0.5), "thresholds": np.array([0.25, 0.5], np.float32), "per_class": np.bool_(False)}
    )
    assert scores == ScoreConfig(temperature=0.5, thresholds=(0.25, 0.5), per_class=False)
    assert scores.to_dict() == ScoreConfig(temperature=0.5, thresholds=(0.25, 0.5), per_class=False).to_dict()
    assert ScoreConfig.from_params(scores.to_dict()) == scores
    # Whole numbers stay as they are, as do the digests of runs that were asked for with them
    assert ScoreConfig(temperature=1).to_dict()["temperature"] == 1
    files = FilesSource.from_params({"field": "soft", "class_map": {np.int64(0): "road", 1: np.uint8(7)}})
    assert files.to_dict()["class_map"] == {"0": "road", "1": 7}


def test_keys_that_are_one_in_the_record_are_an_error() -> None:
    with pytest.raises(LabelQualityError) as error:
        FilesSource(field="soft", class_map={0: "road", "0": "car"})
    assert str(error.value) == (
        "Expected parameter `class_map` to have each key once, but got 0 for 'road' and '0' for 'car'. Remove one of "
        "them."
    )
    assert FilesSource(field="soft", class_map={0: "road", "0": "road"}).to_dict()["class_map"] == {"0": "road"}


@pytest.mark.parametrize("value", ["no", 1, None])
def test_flags_are_true_or_false(value: Any) -> None:
    with pytest.raises(LabelQualityError) as error:
        ScoreConfig.from_params({"per_class": value})
    assert str(error.value) == f"Expected parameter `per_class` to be True or False, but got {value!r}."


def test_a_parameter_that_was_added_changes_only_digests_of_other_values() -> None:
    # That of version 0.2.0, which did not have the parameter
    assert ScoreConfig().digest() == "a1275b5c8bad"
    assert ScoreConfig(displaced_edges=False).digest() != ScoreConfig().digest()
