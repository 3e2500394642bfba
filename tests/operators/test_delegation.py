"""Delegated runs: whether a worker is there, how one is started, and what the panel says until a run is over."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PLUGIN = "@label-quality/segmentation"
#: Seconds to wait for a worker: it imports FiftyOne first
_PATIENCE = 300


@pytest.fixture
def predicted(make_dataset: Any, tmp_path: Path) -> Any:
    """Six samples with files of probabilities that agree with the masks, but for two classes swapped in image 002."""
    dataset = make_dataset(count=6)
    for index, sample in enumerate(dataset):
        mask = sample.ground_truth.get_mask().copy()
        if index == 2:
            mask = np.where(mask == 7, 3, np.where(mask == 3, 7, mask))
        path = tmp_path / f"{index}.npy"
        np.save(path, np.stack([np.where(mask == value, 0.85, 0.05) for value in (0, 3, 7, 20)]).astype(np.float32))
        sample["probabilities"] = str(path)
        sample.save()
    return dataset


@pytest.fixture
def service(fiftyone: Any, predicted: Any) -> Iterator[Any]:
    """FiftyOne's service of delegated operations; those on ``predicted`` are deleted afterwards."""
    from fiftyone.operators.delegated import DelegatedOperationService

    found = DelegatedOperationService()
    yield found
    for operation in found.list_operations(dataset_id=predicted._doc.id):
        found.delete_operation(operation.id)


@pytest.fixture
def queue(predicted: Any, service: Any) -> Callable[..., Any]:
    """Queues an audit with stored predictions and returns FiftyOne's operation."""
    import fiftyone.operators as foo

    def queued(**params: Any) -> Any:
        audit = foo.get_operator(f"{PLUGIN}/audit_labels")
        assert audit(
            predicted, "ground_truth", source="files", field="probabilities", delegate=True, **params
        ).delegated
        (operation,) = service.list_operations(dataset_id=predicted._doc.id, run_state="queued")
        return operation

    return queued


@pytest.fixture
def call(predicted: Any) -> Callable[..., dict[str, Any]]:
    """Calls a method of the panel on ``predicted``; returns what it asks of the App: parameters by operator."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor

    def asked(method: str, state: dict[str, Any] | None = None) -> dict[str, Any]:
        uri = f"{PLUGIN}/label_quality_panel"
        params = {"panel_id": "panel", "panel_state": state or {}, "__method__": method}
        request = {"dataset_id": str(predicted._doc.id), "view": [], "params": params}
        context = ExecutionContext(request, executor=Executor(), operator_uri=uri)
        foo.get_operator(uri).execute(context)
        return {one.operator_uri: one.params for one in context.executor._requests}

    return asked


@pytest.fixture
def panel(call: Any) -> Callable[[], str]:
    """All that the panel shows on ``predicted``, as the JSON that the App gets."""
    return lambda: json.dumps(call("on_load")["show_panel_output"], ensure_ascii=False)


@pytest.fixture
def delegates_first(predicted: Any) -> Callable[..., bool]:
    """Whether the audit's form offers to delegate before it offers to run now."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext

    def default(**params: Any) -> bool:
        options = foo.get_operator(f"{PLUGIN}/audit_labels").resolve_execution_options(
            ExecutionContext({"dataset_name": predicted.name, "params": params})
        )
        assert (options.allow_immediate_execution, options.allow_delegated_execution) == (True, True)
        return options.default_choice_to_delegated

    return default


def workers_module() -> Any:
    """The module of workers, as FiftyOne has loaded it with the plugin."""
    import fiftyone.operators as foo

    package = type(foo.get_operator(f"{PLUGIN}/audit_labels")).__module__.rpartition(".")[0]
    return sys.modules[f"{package}.panel.workers"]


def command_of(text: str) -> str:
    """The command that the panel shows."""
    (found,) = re.findall(r'"title": ("[^"]* delegated launch")', text)
    return str(json.loads(found))


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_panels_command_starts_a_worker_in_a_fresh_shell(
    queue: Any, service: Any, panel: Any, delegates_first: Any, predicted: Any, tmp_path: Path
) -> None:
    assert not delegates_first()
    operation = queue()
    text = panel()
    assert "The first audit waits for a worker" in text
    fresh = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    worker = subprocess.Popen(
        ["sh", "-c", f"exec env {command_of(text)}"], env=fresh, cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: service.get(operation.id).run_state in ("completed", "failed"))
        done = service.get(operation.id)
        assert done.run_state == "completed", done.result
        assert done.result.result["worst"][0]["image"] == "002.png"
        predicted.reload()
        assert predicted.has_saved_view("lq: worst first")
        assert (delegates_first(), delegates_first(source="files")) == (True, False)
        os.kill(worker.pid, signal.SIGSTOP)
        queue(key="next")
        assert "Waiting for the worker, which does one after another." in panel()
    finally:
        worker.kill()
        worker.wait(timeout=30)
    assert not delegates_first()
    assert "none was found on this machine" in panel()


def test_the_panel_says_what_a_delegated_run_is_at(
    queue: Any, service: Any, panel: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fiftyone.operators.executor import ExecutionContext

    seen: list[tuple[str, Any, str]] = []
    show = ExecutionContext.set_progress

    def watched(context: Any, progress: Any = None, label: Any = None) -> None:
        show(context, progress=progress, label=label)
        seen.append((label, progress, panel()))

    monkeypatch.setattr(ExecutionContext, "set_progress", watched)
    operation = queue()
    nothing_known = {"known": []}
    assert "reload_dataset" not in call("follow", nothing_known)
    service.execute_operation(operation)
    assert service.get(operation.id).run_state == "completed", service.get(operation.id).result
    assert len(seen) > 5
    for label, share, text in seen:
        assert f'"label": "{label}"' in text
        assert f'"default": {json.dumps(share)}' in text
        assert "interrupted" not in text
        assert "TimerView" in text
    written = [text for label, _, text in seen if label.startswith("Writing fields")]
    assert written
    assert all("The results of this run are being written to the dataset." in text for text in written)
    assert "The first audit is on its way" in seen[0][2]
    assert "Images checked" in panel()
    # An open page does not know of the run's fields yet, nor of their group
    followed = call("follow", nothing_known)
    assert "reload_dataset" in followed and "@label-quality/segmentation/mend_sidebar" in followed


def test_a_run_whose_worker_was_killed_is_interrupted(queue: Any, service: Any, panel: Any, predicted: Any) -> None:
    from fiftyone.operators.executor import ExecutionProgress

    operation = queue()
    service.set_running(operation.id)
    service.set_progress(operation.id, ExecutionProgress(1.0, "Scoring: 6 of 6"))
    assert "interrupted" not in panel()
    past = datetime.utcnow() - timedelta(minutes=2)
    times = {"started_at": past, "updated_at": past, "status.updated_at": past}
    service._repo._collection.update_one({"_id": operation.id}, {"$set": times})
    text = panel()
    assert (
        "Audit segmentation labels: ground_truth” was interrupted at “Scoring: 6 of 6”: its worker has ended." in text
    )
    assert "Start it again with the same name, and it continues where it was." in text
    assert "ProgressView" not in text
    assert "TimerView" not in text
    assert "Run audit…" in text


def test_a_record_that_is_being_written_is_told_from_one_that_was_interrupted(
    panel: Any, predicted: Any, tmp_path: Path
) -> None:
    from label_quality.plugin.records.run_record import RunRecord, save_record
    from label_quality.plugin.runs.publish import WRITING
    from label_quality.plugin.store.locks import locked

    save_record(predicted, RunRecord("lq", "ground_truth", "files", status=WRITING, folder=str(tmp_path / "lq")))
    with locked(tmp_path / "lq"):
        text = panel()
        assert "The results of this run are being written to the dataset." in text
        assert "interrupted" not in text
        assert "TimerView" in text
    text = panel()
    assert "This run was interrupted. Start it again with the same name" in text
    assert "TimerView" not in text


def test_a_run_that_is_busy_with_one_step_repeats_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    from label_quality.operators import execution

    monkeypatch.setattr(execution, "HEARTBEAT", 0.02)
    shown: list[tuple[str, float | None]] = []
    with execution.kept_alive(lambda label, share: shown.append((label, share))) as show:
        show("Scoring", 0.5)
        wait_until(lambda: len(shown) > 3)
    ended = len(shown)
    assert set(shown) == {("Scoring", 0.5)}
    time.sleep(0.1)
    assert len(shown) == ended


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://anna:secret@db.example.org/fiftyone",
        "mongodb+srv://anna:secret@db.example.org",
        "mongodb://anna:secret@one:27017,two:27017/?replicaSet=rs",
        "mongodb://db.example.org/?tlsCertificateKeyFilePassword=secret",
    ],
)
def test_the_command_shows_no_password(fiftyone: Any, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    workers = workers_module()
    assert not workers.hides_password()
    assert os.environ["FIFTYONE_DATABASE_URI"] in workers.launch_command()
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", address)
    assert workers.hides_password()
    assert "secret" not in workers.launch_command()
    assert "FIFTYONE_PLUGINS_DIR=" in workers.launch_command()


def test_the_panel_says_that_the_address_is_needed_where_it_holds_a_password(
    queue: Any, panel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue()
    assert "password" not in panel()
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://anna:secret@db.example.org/")
    text = panel()
    assert "Before it, set FIFTYONE_DATABASE_URI there to the address of this App's database." in text
    assert "secret" not in text


def test_paths_of_the_command_hold_in_any_folder(fiftyone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIFTYONE_PLUGINS_DIR", "my plugins")
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://[::1]:27017/?a=b&c=d")
    command = workers_module().launch_command()
    assert f"FIFTYONE_PLUGINS_DIR='{Path.cwd() / 'my plugins'}'" in command
    assert "FIFTYONE_DATABASE_URI='mongodb://[::1]:27017/?a=b&c=d'" in command
