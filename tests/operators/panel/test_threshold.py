"""The panel's slider: it says and sets what is drawn of the chosen run's heatmaps, and of no other's."""

from __future__ import annotations

from typing import Any

from . import test_run_cards
from .test_panel import Call, requests, shown
from .test_run_cards import opened

call, dataset, two_runs = test_run_cards.call, test_run_cards.dataset, test_run_cards.two_runs


def test_it_sets_what_is_drawn_of_the_runs_heatmaps(call: Call, dataset: Any, fiftyone: Any) -> None:
    first = opened(call)
    assert "Heatmap where the given class is < 75 % probable" in shown(first)
    assert first.panel.get_state("page.controls.below_row.below") == 75
    moved = call("choose_threshold", first.panel.state._data, value=30)
    assert requests(moved, "reload_dataset") and not requests(moved, "notify")
    dataset.reload()
    assert dataset.values("two_heatmap.range") == [[179, 255]] * 6
    assert dataset.values("one_heatmap.range") == [[64, 255]] * 6
    # Another page, and another day, finds the slider where it was
    again = opened(call)
    assert "is < 30 % probable" in shown(again) and again.panel.get_state("page.controls.below_row.below") == 30
    (told,) = requests(call("choose_threshold", again.panel.state._data, value=0), "notify")
    assert told["message"] == "Expected parameter `probability` to be in (0, 1], but got 0.0."
    dataset.app_config.color_scheme = fiftyone.ColorScheme(color_by="field")
    dataset.save()
    (told,) = requests(call("choose_threshold", again.panel.state._data, value=50), "notify")
    assert told["message"].startswith("This dataset's labels are coloured by field, so that all of the heatmap is")


def test_a_run_without_heatmaps_has_none(call: Call, dataset: Any) -> None:
    dataset.delete_sample_field("two_heatmap")
    assert "Heatmap where" not in shown(opened(call))
