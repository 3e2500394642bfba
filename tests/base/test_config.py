"""Groups of parameters: which values they refuse, whatever computes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from label_quality.plugin.base.config import Config
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.benchmark.config import BenchmarkConfig
from label_quality.plugin.models.config import ModelSource
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


def test_a_parameter_that_was_added_changes_only_digests_of_other_values() -> None:
    # That of version 0.2.0, which did not have the parameter
    assert ScoreConfig().digest() == "a1275b5c8bad"
    assert ScoreConfig(displaced_edges=False).digest() != ScoreConfig().digest()
