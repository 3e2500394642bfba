"""A first run that cannot be: said before the masks are read, and with nothing left behind; and the deletion of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from label_quality.plugin.base.errors import LabelQualityError

FAST = {"preset": "fast", "folds": 2, "epochs": 1, "input_size": 64, "device": "cpu"}


@pytest.fixture
def audit(fiftyone: Any) -> Any:
    from label_quality.plugin import audit

    return audit


@pytest.fixture
def folder(fiftyone: Any, dataset: Any) -> Path:
    from label_quality.plugin.runs.housekeeping import dataset_folder, default_parent

    return dataset_folder(dataset, default_parent()) / "lq"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (FAST | {"encoder": "foo"}, "Expected parameter `encoder` to be one of segmentation-models-pytorch, but got"),
        (FAST | {"encoder": "tu-foo"}, "Expected parameter `encoder` to be one of segmentation-models-pytorch, but"),
        (FAST | {"architecture": "Unet"}, "Expected parameter `architecture` to be DeepLabV3Plus or FPN with preset"),
        (FAST | {"preset": "paper", "architecture": "foo"}, "Expected parameter `architecture` to be one of Unet, "),
        (FAST | {"device": "cuda:99"}, "device='cuda:99' was asked for, but PyTorch finds "),
        ({"source": "model", "model": "/no/such.pt"}, "The model file /no/such.pt does not exist. Check the path."),
        ({"source": "model", "model": "foo"}, "model='foo' is neither a file or folder, nor a model of FiftyOne's zoo"),
    ],
)
def test_what_cannot_be_is_said_before_the_samples_are_opened(
    audit: Any, dataset: Any, folder: Path, parameters: dict[str, Any], expected: str
) -> None:
    stages: list[str] = []
    with pytest.raises(LabelQualityError) as caught:
        audit.audit_labels(dataset, "ground_truth", progress=lambda stage, *_: stages.append(stage), **parameters)
    assert str(caught.value).startswith(expected)
    assert stages == ["Loading PyTorch"]
    assert not folder.parent.exists()


def test_weights_that_are_not_there_are_said_before_the_masks_are_read(audit: Any, dataset: Any, folder: Path) -> None:
    stages: list[str] = []
    with pytest.raises(LabelQualityError, match=r"but there is no file /no/such\.pth\."):
        audit.audit_labels(
            dataset,
            "ground_truth",
            progress=lambda stage, *_: stages.append(stage),
            **FAST | {"weights": "/no/such.pth"},
        )
    assert "Checking masks" not in stages
    assert not folder.parent.exists()


def test_a_first_run_that_fails_leaves_no_folder_unless_it_can_go_on(audit: Any, dataset: Any, folder: Path) -> None:
    parameters = FAST | {"weights": None}
    path = Path(dataset.skip(1).first().ground_truth.mask_path)
    content = path.read_bytes()
    path.write_bytes(content[:20])
    with pytest.raises(LabelQualityError, match=path.name):
        audit.audit_labels(dataset, "ground_truth", **parameters)
    assert not folder.parent.exists()
    path.write_bytes(content)

    def stop(stage: str, done: int, total: int) -> None:
        if stage.startswith("Training"):
            raise LabelQualityError("stop")

    with pytest.raises(LabelQualityError, match="stop"):
        audit.audit_labels(dataset, "ground_truth", progress=stop, **parameters)
    assert folder.is_dir()
    assert audit.list_runs(dataset) == []
    assert audit.delete_run(dataset, "lq") == []
    assert not folder.parent.exists()
    with pytest.raises(LabelQualityError, match="has no label quality run 'lq'"):
        audit.delete_run(dataset, "lq")
