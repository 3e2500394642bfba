"""What ``--json`` writes, and which files it does not replace."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.cli.json_file import JsonFile

ABOUT = {"dataset": "street", "key": "lq"}


def of(path: Path) -> JsonFile:
    return JsonFile(path, "run 'lq' of dataset 'street'", ABOUT)


def test_what_was_written_of_the_same_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "new" / "estimate.json"
    for judged in (40, 50):
        of(path).check()
        of(path).write({"key": "lq", "judged": judged, "issues": [{"kind": "swap"}]})
    content = json.loads(path.read_text())
    assert content == {**ABOUT, "judged": 50, "issues": [{"kind": "swap"}]}
    assert [one.name for one in path.parent.iterdir()] == ["estimate.json"]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"key": "lq"}', b'{"dataset": "street", "key": "other"}', b"\xff\xfe", b"[" * 100_000],
    ids=["empty", "list", "unsaid", "other", "bytes", "deep"],
)
def test_any_other_file_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    for attempt in (of(path).check, lambda: of(path).write({})):
        with pytest.raises(LabelQualityError, match=r"There is a file .*mine\.json already, which is not what this"):
            attempt()
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_to_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LabelQualityError, match="Expected parameter `json` to be in a folder that can be written to"):
        of(tmp_path / "file" / "estimate.json").check()


def test_a_stream_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    of(tmp_path / "pipe").check()
    of(tmp_path / "pipe").write({"judged": 40})
    reader.join(10)
    assert json.loads(read[0]) == {**ABOUT, "judged": 40}
