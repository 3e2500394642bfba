"""The command ``label-quality lint``: what is improbable in masks by themselves, without a model."""

from __future__ import annotations

import argparse

from ..base.parameters import table
from ..lint.config import LintConfig
from ..parameters import PARAMETERS
from .data import load_dataset, started_fiftyone
from .text import lint_text


def run(options: argparse.Namespace) -> None:
    """Lints, and prints what is found."""
    parameters = {name: value for name, value in vars(options).items() if name in PARAMETERS["lint_masks"]}
    LintConfig.from_params({name: value for name, value in parameters.items() if name in table(LintConfig)})
    if "classes" in parameters:
        from ..labels.class_files import parse_classes

        parameters["classes"] = parse_classes(parameters["classes"])
    with started_fiftyone():
        from ..lint_masks import lint_masks
        from ..samples.folders import LABEL_FIELD

        label_field = getattr(options, "label_field", LABEL_FIELD)
        found = lint_masks(load_dataset(options.dataset), label_field, progress=True, **parameters)
        print(lint_text(found))
