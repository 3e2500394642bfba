import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from label_quality.plugin.base.errors import LabelQualityError
from label_quality.plugin.store.locks import LOCK_NAME, locked

#: Makes the package known without running its ``__init__``, which would import FiftyOne for seconds
BARE_PACKAGE = f"""
import sys, types
package = sys.modules["label_quality"] = types.ModuleType("label_quality")
package.__path__ = [{str(Path(__file__).resolve().parents[2])!r}]
"""

HOLD = (
    BARE_PACKAGE
    + """
import sys
from pathlib import Path
from label_quality.plugin.store.locks import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the folder's lock until it is killed or its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_is_gone_when_it_is_let_go(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with locked(folder):
        assert json.loads((folder / LOCK_NAME).read_text())["pid"] == os.getpid()
    assert list(folder.iterdir()) == []


def test_another_process_keeps_the_folder(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(LabelQualityError) as caught, locked(tmp_path):
        pass
    text = str(caught.value)
    assert text.startswith(f"Another run is using {tmp_path}: process {holder.pid} on {socket.gethostname()}, since 20")
    assert text.endswith(
        f"Wait for it to end or use another `key`; if it is no longer running, delete {tmp_path / LOCK_NAME}."
    )


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.kill()
    holder.wait()
    assert (tmp_path / LOCK_NAME).exists()
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK_NAME).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_process_number_given_to_another_process_is_no_holder(tmp_path: Path) -> None:
    started = psutil.Process().create_time() - 1000
    lock = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": started}
    (tmp_path / LOCK_NAME).write_text(json.dumps(lock))
    with locked(tmp_path):
        pass


def test_a_lock_of_another_host_is_respected(tmp_path: Path) -> None:
    lock = {"host": "elsewhere", "pid": 1, "process_started": 0.0, "since": "yesterday"}
    (tmp_path / LOCK_NAME).write_text(json.dumps(lock))
    with pytest.raises(LabelQualityError, match=r"process 1 on elsewhere, since yesterday"), locked(tmp_path):
        pass
    assert json.loads((tmp_path / LOCK_NAME).read_text()) == lock


def test_a_lock_of_another_machine_of_the_same_name_is_respected(tmp_path: Path) -> None:
    lock = {"host": socket.gethostname(), "machine": "another", "pid": os.getpid(), "process_started": 0.0}
    (tmp_path / LOCK_NAME).write_text(json.dumps(lock))
    with pytest.raises(LabelQualityError, match=r"if it is no longer running, delete "), locked(tmp_path):
        pass


def test_a_container_on_this_machine_keeps_the_folder_until_it_ends(tmp_path: Path) -> None:
    """With this machine's name, as under ``docker run --network host``, and process numbers of its own."""
    container = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if subprocess.run([*container, "true"], capture_output=True, check=False).returncode:
        pytest.skip("namespaces cannot be made here")
    command = [*container, sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(LabelQualityError, match=r"Another run is using .*: process 1 on "), locked(tmp_path):
            pass
        process.kill()
        # To its end: what runs in the container ends a moment after what holds it
        process.stdout.read()
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK_NAME).read_text())["pid"] == os.getpid()


def test_a_lock_that_cannot_be_removed_holds_nobody_up(tmp_path: Path) -> None:
    """A folder that may not be written to any more, which is told by what the run itself ends with."""
    script = """
import sys
from benchmarks.faults_cases import obey_permissions
obey_permissions()
folder = Path(sys.argv[1])
for _ in range(2):
    try:
        with locked(folder):
            folder.chmod(0o555)
            raise KeyError("of the run")
    except KeyError as error:
        print(error, [path.name for path in folder.iterdir()], flush=True)
    folder.chmod(0o755)
"""
    root = str(Path(__file__).resolve().parents[2])
    imports = "from pathlib import Path\nfrom label_quality.plugin.store.locks import locked\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{BARE_PACKAGE}sys.path.insert(0, {root!r})\n{imports}{script}", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["'of the run' ['.lock']"] * 2, done.stderr


def test_an_empty_lock_is_what_a_kill_left(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text("")
    with locked(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text()


def test_what_a_kill_during_a_takeover_left_is_no_obstacle(tmp_path: Path) -> None:
    stale = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": 0.0}
    (tmp_path / LOCK_NAME).write_text(json.dumps(stale))
    guard = tmp_path / ".lock-takeover.tmp"
    guard.write_text("")
    os.utime(guard, (0, 0))
    with locked(tmp_path):
        assert not guard.exists()


def test_of_many_threads_that_find_a_stale_lock_one_at_a_time_holds_it(tmp_path: Path) -> None:
    stale = {"host": socket.gethostname(), "pid": os.getpid(), "process_started": 0.0}
    (tmp_path / LOCK_NAME).write_text(json.dumps(stale))
    inside, most, refused = [0], [0], []

    def run() -> None:
        try:
            with locked(tmp_path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                release.wait(5)
                inside[0] -= 1
        except LabelQualityError as error:
            refused.append(error)
            if len(refused) == 7:
                release.set()

    release = threading.Event()
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most[0], len(refused)) == (1, 7)
