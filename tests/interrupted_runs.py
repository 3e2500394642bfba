"""A process that forks audits which are killed, or run out of disk, on the way: started by ``test_resume.py``.

It reads one JSON request a line, and answers each with a line of JSON::

    {"dataset": name, "function": "audit_labels", "parameters": {…}, "kill_at": ["Scoring", 16], "largest_file": null}
    {"signal": 9, "error": null, "reports": [["Scoring", 16, 40]]}

The audit runs in a fork, which sends itself the signal from its progress callback: a stage that has got so far.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

import fiftyone as fo
import fiftyone.core.odm as foo
import torch
from label_quality.plugin import audit, cross_validation  # noqa: F401 (imported once, for all forks)


def perform(request: dict[str, Any], answer: int) -> None:
    """Runs the audit, in a fork; writes its progress, and its error if there is one, to a pipe."""
    foo.database._disconnect()
    foo.establish_db_conn(fo.config)
    torch.set_num_threads(1)

    def tell(kind: str, content: Any) -> None:
        os.write(answer, (json.dumps([kind, content]) + "\n").encode())

    def progress(stage: str, done: int, total: int) -> None:
        tell("report", [stage, done, total])
        if request.get("kill_at") and stage.startswith(request["kill_at"][0]) and done >= request["kill_at"][1]:
            os.kill(os.getpid(), signal.SIGKILL)

    dataset = fo.load_dataset(request["dataset"])
    if request.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["largest_file"], resource.RLIM_INFINITY))
    try:
        masks = () if request["function"] == "find_suspects" else ("ground_truth",)
        getattr(audit, request["function"])(dataset, *masks, progress=progress, **request["parameters"])
    except audit.LabelQualityError as error:
        tell("error", str(error))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            perform(request, writing)
        except BaseException as error:
            os.write(writing, (json.dumps(["error", repr(error)]) + "\n").encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [json.loads(line) for line in lines]
    _, status = os.waitpid(child, 0)
    return {
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "error": next((content for kind, content in told if kind == "error"), None),
        "reports": [content for kind, content in told if kind == "report"],
    }


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
