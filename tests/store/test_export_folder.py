"""Folders that exports fill: as a whole or not at all, with nothing of anybody else's touched."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path

import pytest
from label_quality.plugin.base.errors import LabelQualityError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_comes_up_at_the_end(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir, filled

    root = check_export_dir(tmp_path / "new" / "out")
    with filled(root) as folder:
        (folder / "data").mkdir()
        (folder / "data" / "1.png").write_bytes(b"1")
        (folder / "list.json").write_bytes(b"2")
        assert names(root) == [".unfinished"]
    assert names(root) == ["data", "list.json"] and (root / "data" / "1.png").read_bytes() == b"1"


def test_what_was_moved_when_a_kill_came_is_taken_back(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir, filled

    root = tmp_path / "out"
    (root / ".unfinished" / "content" / "labels").mkdir(parents=True)
    (root / ".unfinished" / "moving.json").write_text(json.dumps(["data", "labels", "../mine"]))
    (root / "data").mkdir()
    (root / "data" / "old").write_bytes(b"")
    (tmp_path / "mine").write_bytes(b"mine")
    with filled(check_export_dir(root)) as folder:
        assert names(folder) == [] and not (root / "data").exists()
        (folder / "data").write_bytes(b"new")
    assert names(root) == ["data"] and (root / "data").read_bytes() == b"new"
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_the_lock_of_an_export_that_was_killed_when_all_was_done_is_removed(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir
    from label_quality.plugin.store.locks import locked

    root = tmp_path / "out"
    (root / ".unfinished").mkdir(parents=True)
    (root / "data").write_bytes(b"done")
    stale = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": 0.0}
    (root / ".unfinished" / ".lock").write_text(json.dumps(stale))
    with pytest.raises(LabelQualityError, match="There are other files in"):
        check_export_dir(root)
    assert names(root) == ["data"] and (root / "data").read_bytes() == b"done"
    # One that is held stays
    with locked(root / ".unfinished"):
        with pytest.raises(LabelQualityError, match="There are other files in"):
            check_export_dir(root)
        assert names(root / ".unfinished") == [".lock"]


@pytest.mark.parametrize("place", ["mine", "data/mine", ".unfinished", ".unfinished/mine"])
def test_other_files_are_left_alone(fiftyone: object, tmp_path: Path, place: str) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir

    mine = tmp_path / "out" / place
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_bytes(b"mine")
    text = f"There are other files in {tmp_path / 'out'}. Give another `export_dir`, such as an empty one."
    with pytest.raises(LabelQualityError, match=text):
        check_export_dir(tmp_path / "out")
    assert mine.read_bytes() == b"mine"


def test_what_comes_into_the_folder_meanwhile_stays(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir, filled

    root = check_export_dir(tmp_path / "out")
    with pytest.raises(LabelQualityError, match="There are other files in"), filled(root) as folder:
        (folder / "data").write_bytes(b"new")
        (root / "data").write_bytes(b"mine")
    assert names(root) == ["data"] and (root / "data").read_bytes() == b"mine"


def test_links_are_removed_and_not_what_they_lead_to(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir, filled

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "1.png").write_bytes(b"mine")
    root = check_export_dir(tmp_path / "out")
    with pytest.raises(KeyError), filled(root) as folder:
        (folder / "data").symlink_to(mine)
        (folder / "1.png").symlink_to(mine / "1.png")
        raise KeyError
    assert not root.exists() and (mine / "1.png").read_bytes() == b"mine"


def test_one_process_at_a_time(fiftyone: object, tmp_path: Path) -> None:
    from label_quality.plugin.store.export_folder import check_export_dir, filled

    root = check_export_dir(tmp_path / "out")
    refused: list[str] = []

    def second() -> None:
        try:
            with filled(check_export_dir(root)):
                pass
        except LabelQualityError as error:
            refused.append(str(error))

    with filled(root) as folder:
        (folder / "1").write_bytes(b"")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refused) == 1 and refused[0].startswith(f"Another run is using {root / '.unfinished'}: process ")
    assert names(root) == ["1"]


def test_a_disk_that_is_full_is_said(fiftyone: object, tmp_path: Path) -> None:
    import errno

    from label_quality.plugin.store.export_folder import check_export_dir, filled

    root = check_export_dir(tmp_path / "out")
    with pytest.raises(LabelQualityError) as caught, filled(root) as folder:
        (folder / "1").write_bytes(b"")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(caught.value) == (
        f"The dataset cannot be written to {root}: No space left on device. Free some space, or give another "
        "`export_dir`."
    )
    assert not root.exists()
