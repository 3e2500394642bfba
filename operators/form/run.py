"""The whole form of a run: what to work on, where predictions come from, how to score, and what will happen."""

from __future__ import annotations

from typing import Any

from ...plugin.records.run_record import list_records
from ...plugin.scores.config import ScoreConfig
from ...plugin.suspects.config import SuspectConfig
from . import forms
from . import prediction as prediction_form
from . import score as score_form
from .estimates import describe_scoring, size_of
from .forms import Form


def fill(form: Form, predict: bool, score: bool) -> None:
    """Adds the inputs of a run, the few that need an answer first, and checks them.

    Args:
        form: the form
        predict: whether the run makes predictions, or scores those of an earlier run
        score: whether the run scores
    """
    samples = forms.target(form, "Audit" if predict and score else ("Predict" if predict else "Score"))
    if samples is None:
        return
    runs = list_records(form.ctx.dataset)
    label_field = forms.label_field(form, samples)
    if label_field is None:
        return
    images = forms.images_with_masks(form, samples, label_field)
    source = prediction_form.source(form) if predict else None
    if source is not None:
        prediction_form.essentials(form, source, samples, label_field)
    else:
        prediction_form.stored(form, runs)
    forms.run_key(form, runs)
    if form.flag("advanced", "Advanced options"):
        _advanced(form, source, samples, score)
    score_form.describe_classes(form, label_field)
    if score:
        form.config(ScoreConfig, fallback="scores")
        form.config(SuspectConfig, fallback="suspects")
    if source is not None:
        prediction_form.check(form, source, samples, images, score)
    elif form.valid:
        form.notice("plan", describe_scoring(images, size_of(samples)))


def _advanced(form: Form, source: str | None, samples: Any, score: bool) -> None:
    if source is not None:
        prediction_form.advanced(form, source, samples)
    score_form.classes(form)
    if source is not None and score:
        score_form.lint(form)
    if score:
        score_form.scores(form)
        score_form.suspects(form)
    score_form.writing(form)
