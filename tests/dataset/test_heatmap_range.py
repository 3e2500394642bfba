"""From which probability on a heatmap is drawn: of the run's field alone, in one step, and never of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..predicted import WITH_FILES, add_predictions
from ..snapshots import Snapshot


@pytest.fixture(scope="module")
def run(make_module_dataset: Any, module_folder: Path) -> Snapshot:
    from label_quality.plugin.audit import audit_labels

    dataset = make_module_dataset(count=6)
    add_predictions(dataset, module_folder / dataset.name)
    audit_labels(dataset.limit(5), "ground_truth", **WITH_FILES)
    return Snapshot(dataset, module_folder / dataset.name)


@pytest.fixture
def audited(run: Snapshot) -> Any:
    """Six images, five of which have been audited."""
    return run.put_back()


def ranges(dataset: Any) -> list[list[int] | None]:
    return list(dataset.values("lq_heatmap.range"))


def test_only_the_range_of_the_runs_own_field_changes(audited: Any) -> None:
    from label_quality.plugin.dataset.heatmap_range import show_below, shown_below

    others = [name for name in audited.get_field_schema() if name not in ("lq_heatmap", "last_modified_at")]
    before = [audited.values(name) for name in others]
    paths = [one for one in audited.values("lq_heatmap.map_path") if one]
    files = [Path(path).read_bytes() for path in paths]
    assert len(paths) == 5
    held = audited.first()
    assert shown_below(audited, "lq") == pytest.approx(0.75, abs=0.002)
    # Of 255 * (1 - p): a pixel of exactly that probability is drawn
    for probability, low in ((0.5, 128), (0.05, 243), (1.0, 0), (0.8, 51), (0.75, 64)):
        show_below(audited, "lq", probability)
        assert ranges(audited) == [[low, 255]] * 5 + [None]
        assert held.lq_heatmap.range == [low, 255]
        assert round(100 * shown_below(audited, "lq")) == round(100 * probability)
    assert [audited.values(name) for name in others] == before
    assert [Path(path).read_bytes() for path in paths] == files


def test_scoring_again_draws_as_at_first(audited: Any) -> None:
    from label_quality.plugin.audit import audit_labels
    from label_quality.plugin.dataset.heatmap_range import show_below, shown_below

    show_below(audited, "lq", 0.3)
    audit_labels(audited.limit(5), "ground_truth", overwrite=True, **WITH_FILES)
    audited.reload()
    assert shown_below(audited, "lq") == pytest.approx(0.75, abs=0.002)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(audited: Any, probability: float) -> None:
    from label_quality import LabelQualityError
    from label_quality.plugin.dataset.heatmap_range import show_below

    text = rf"Expected parameter `probability` to be in \(0, 1\], but got {probability}\."
    with pytest.raises(LabelQualityError, match=text):
        show_below(audited, "lq", probability)
    assert ranges(audited) == [[64, 255]] * 5 + [None]


def test_a_run_without_heatmaps_says_so(audited: Any) -> None:
    from label_quality import LabelQualityError
    from label_quality.plugin.dataset.heatmap_range import show_below

    with pytest.raises(LabelQualityError, match="Run 'other' has no heatmaps"):
        show_below(audited, "other", 0.5)
