"""A process that forks calls which are killed, or run out of disk, on the way, and scripts; `forks` starts it.

It reads one JSON request a line, and answers each with a line of JSON::

    {"dataset": name, "function": "audit_labels", "parameters": {…}, "kill_at": ["Scoring", 16], "largest_file": null}
    {"signal": 9, "error": null, "reports": [["Scoring", 16, 40]], "writes": []}

    {"script": "import sys …", "arguments": [["one.png"], ["two.png"]]}
    [{"status": 0, "output": "…"}, {"status": -9, "output": ""}]

The audit runs in a fork, which sends itself the signal from its progress callback, at a stage that has got so far; or,
where ``kill_at`` is a number, instead of that write to the database, the first one being 1; or, where it is
``largest_file``, in the midst of a file that becomes as large as that. ``writes`` are all that were begun, as command
and collection.

A script runs in a fork for each list of arguments, all at once, as ``python -c`` would run it; it has `connect`
and `KillAtWrite`.

This process has imported and loaded before all that its forks use, which else each of them would do anew.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import fiftyone as fo
import fiftyone.core.odm as foo
import label_quality
import numpy as np
import pymongo.monitoring
import torch
from fiftyone.factory import repo_factory
from label_quality.plugin import audit
from label_quality.plugin.training import cross_validation  # noqa: F401  that it need not be imported in each fork

#: MongoDB's commands that change something; an aggregation does with a last stage that writes
WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes", "dropIndexes", "drop", "bulkWrite"}

WITH_MASKS = {"audit_labels", "compute_predictions", "lint_masks", "score_label_quality"}


class KillAtWrite(pymongo.monitoring.CommandListener):
    """Tells of every write to the database, and kills the process instead of the one of a number."""

    def __init__(self, number: int | None, tell: Callable[[str, Any], None]) -> None:
        self.number, self.tell, self.writes, self.listening = number, tell, 0, False

    def started(self, event: Any) -> None:
        """Before the command is sent."""
        pipeline = event.command.get("pipeline", [])
        if not self.listening:
            return
        if event.command_name not in WRITES and not any({"$merge", "$out"} & stage.keys() for stage in pipeline):
            return
        self.writes += 1
        self.tell("write", [event.command_name, str(event.command[event.command_name])])
        if self.writes == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def succeeded(self, event: Any) -> None:
        """Nothing to tell."""

    def failed(self, event: Any) -> None:
        """Nothing to tell."""


def perform(request: dict[str, Any], answer: int) -> None:
    """Runs the audit, in a fork; writes its progress, and its error if there is one, to a pipe."""
    kill_at = request.get("kill_at")
    stage, least = kill_at if isinstance(kill_at, list) else (None, 0)

    def tell(kind: str, content: Any) -> None:
        os.write(answer, (json.dumps([kind, content]) + "\n").encode())

    def progress(name: str, done: int, total: int) -> None:
        tell("report", [name, done, total])
        if stage and name.startswith(stage) and done >= least:
            os.kill(os.getpid(), signal.SIGKILL)

    listener = KillAtWrite(kill_at if isinstance(kill_at, int) else None, tell)
    pymongo.monitoring.register(listener)
    connect()
    dataset = fo.load_dataset(request["dataset"])
    if request.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))
        if kill_at == "largest_file":
            # Python ignores it, and has an error instead
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    # Only now: what opening a dataset writes is not the run's
    listener.listening = True
    function = request["function"]
    masks = ("ground_truth",) if function in WITH_MASKS else ()
    told = {} if function == "delete_run" else {"progress": progress}
    try:
        getattr(label_quality, function)(dataset, *masks, **told, **request["parameters"])
    except audit.LabelQualityError as error:
        tell("error", str(error))


def connect(uri: str | None = None) -> None:
    """Gives a fork a connection of its own to the database, or to another one, and a single thread."""
    foo.database._disconnect()
    fo.config.database_uri = uri or fo.config.database_uri
    foo.establish_db_conn(fo.config)
    # These keep the connection of before
    repo_factory._db = None
    repo_factory.RepositoryFactory.repos.clear()
    torch.set_num_threads(1)


def run_script(script: str, arguments: list[str], output: int) -> None:
    """Runs a script in a fork, with all that it says going to a pipe, and ends."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for one, standard in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(one, standard)
    status = 0
    try:
        connect()
        sys.argv, sys.path[0] = ["-c", *arguments], ""
        exec(
            compile(script, "<script>", "exec"),
            {"__name__": "__main__", "connect": connect, "KillAtWrite": KillAtWrite},
        )
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)


def start(work: Callable[[int], None]) -> tuple[int, int]:
    """Starts a fork that does the work with a pipe to write to; returns its number and the pipe to read from."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            work(writing)
        except BaseException as error:
            os.write(writing, (json.dumps(["error", repr(error)]) + "\n").encode())
        os._exit(0)
    os.close(writing)
    return child, reading


def finish(child: int, reading: int) -> dict[str, Any]:
    """Waits for a fork, and returns what it has told."""
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "error": next((content for kind, content in told if kind == "error"), None),
        "reports": [content for kind, content in told if kind == "report"],
        "writes": [content for kind, content in told if kind == "write"],
    }


def finish_script(child: int, reading: int) -> dict[str, Any]:
    """Waits for the fork of a script, and returns how it has ended and what it has said."""
    with os.fdopen(reading) as said:
        output = said.read()
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "output": output}


def answer(request: dict[str, Any]) -> dict[str, Any] | list[dict[str, Any]]:
    """Performs a request; one of several ``keys``, for each of them at once, with a list of answers."""
    if "script" in request:
        works = [functools.partial(run_script, request["script"], arguments) for arguments in request["arguments"]]
        return [finish_script(*one) for one in [start(work) for work in works]]
    if "keys" not in request:
        return finish(*start(functools.partial(perform, request)))
    requests = [{**request, "parameters": {**request["parameters"], "key": key}} for key in request["keys"]]
    return [finish(*one) for one in [start(functools.partial(perform, one)) for one in requests]]


def load_what_audits_use() -> None:
    """Audits two images, with few threads: those of a pool would be missing in a fork."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        samples = []
        for number in range(2):
            mask = np.repeat(np.arange(3, dtype=np.uint8), 8)[:, None].repeat(24, axis=1)
            path = str(Path(folder) / f"{number}.png")
            cv2.imwrite(path, mask[:: 1 - 2 * number])
            soft = np.where(mask == np.arange(3)[:, None, None], 0.8, 0.1).astype(np.float32)
            np.save(f"{path}.npy", soft)
            samples.append(fo.Sample(path, given=fo.Segmentation(mask_path=path), probabilities=f"{path}.npy"))
        dataset = fo.Dataset()
        dataset.add_samples(samples, progress=False)
        classes = {0: "a", 1: "b", 2: "c"}
        audit.audit_labels(dataset, "given", source="files", field="probabilities", classes=classes, output_dir=folder)
        audit.delete_run(dataset, "lq")
        dataset.delete()


if __name__ == "__main__":
    load_what_audits_use()
    for name in label_quality.__all__:
        # Else each fork would import what it is the first to use
        getattr(label_quality, name)
    # Else each fork would look through all that was imported for garbage, and get copies of its pages by that
    gc.freeze()
    gc.set_threshold(20_000)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
