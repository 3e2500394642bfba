"""A process whose database is killed at each write, becomes read-only, and goes away: for ``test_database_errors.py``.

It prints one JSON object::

    {"saves": [what `load_record` gives after a save that was killed before its n-th write, n = 1, 2, …],
     "deletions": [[keys of the runs, whether all references lead somewhere] after a deletion, likewise],
     "read-only": {entry: [type of the error, its text]}, "gone": {entry: [type of the error, its text]}}
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymongo

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from scripts.mongod import Mongod  # noqa: E402

#: Writes that are killed one after another: more than a save or a deletion takes
MOST_WRITES = 12
PLUGIN = "@label-quality/segmentation"


def main(folder: Path) -> None:
    server = Mongod(folder / "database", ["--auth", "--setParameter", "enableLocalhostAuthBypass=true"])
    server.start()
    pymongo.MongoClient(server.uri).admin.command("createUser", "admin", pwd="secret", roles=["root"])
    admin = pymongo.MongoClient(server.uri_of("admin:secret@")).admin
    writing = [{"role": "readWrite", "db": "fiftyone"}]
    admin.command("createUser", "fiftyone", pwd="secret", roles=writing)
    os.environ["FIFTYONE_DATABASE_URI"] = f"{server.uri_of('fiftyone:secret@')}?serverSelectionTimeoutMS=200"
    os.environ["FIFTYONE_DEFAULT_DATASET_DIR"] = str(folder / "datasets")
    dataset = make(folder)
    answer: dict[str, Any] = {"saves": killed_saves(dataset.name), "deletions": killed_deletions(dataset.name)}
    dataset.reload()
    entries = {**readings(dataset), **writings(dataset)}
    admin.command("updateUser", "fiftyone", roles=[{"role": "read", "db": "fiftyone"}])
    answer["read-only"] = {name: error_of(entry) for name, entry in writings(dataset).items()}
    server.kill()
    answer["gone"] = {name: error_of(entry) for name, entry in entries.items()}
    print(json.dumps(answer), flush=True)
    # FiftyOne would wait for the database
    os._exit(0)


def make(folder: Path) -> Any:
    """A dataset with the run ``lq`` of `suspect_run`, and a finished benchmark."""
    import cv2
    import fiftyone as fo
    import numpy as np
    from label_quality.plugin.benchmark.records import save_benchmark
    from suspect_run import add_run

    samples = []
    for index in range(6):
        path = str(folder / f"{index}.png")
        cv2.imwrite(path, np.zeros((24, 32), np.uint8))
        samples.append(fo.Sample(path, ground_truth=fo.Segmentation(mask_path=path)))
    dataset = fo.Dataset("broken", persistent=True)
    dataset.add_samples(samples, progress=False)
    dataset.mask_targets = {"ground_truth": {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}}
    dataset.save()
    save_benchmark(dataset, "test", {"label_field": "ground_truth", "status": "complete", "created": "2026"})
    return add_run(dataset, folder)


def killed_saves(name: str) -> list[dict[str, Any]]:
    """What is read of the record ``old`` after each save of another one that was killed."""
    from label_quality.plugin.records.run_record import RunRecord, load_record, save_record

    def save(text: str) -> Callable[[], None]:
        record = RunRecord("old", "ground_truth", note=text, config={"text": text}, created="2026")
        return lambda: save_record(loaded(name), record)

    def read() -> dict[str, Any]:
        record = load_record(loaded(name), "old")
        return {"note": record.note, "text": record.config.get("text")}

    return list(after_each_kill(save("old"), save("new"), read))


def killed_deletions(name: str) -> list[Any]:
    """The runs and the state of the references after each deletion of the record ``old`` that was killed."""
    from label_quality.plugin.records.run_record import RunRecord, delete_record, save_record

    def save() -> None:
        save_record(loaded(name), RunRecord("old", "ground_truth"))

    def read() -> list[Any]:
        import fiftyone.core.odm as odm

        database = odm.get_db_conn()
        runs = database.datasets.find_one({"name": name})["runs"]
        whole = all(database.runs.find_one({"_id": reference}) for reference in runs.values())
        return [loaded(name).list_runs(), whole]

    return list(after_each_kill(save, lambda: delete_record(loaded(name), "old"), read))


def after_each_kill(before: Callable[[], Any], work: Callable[[], Any], read: Callable[[], Any]) -> Any:
    """Kills the work before its first, second, … write, until it takes no more."""
    from benchmarks.faults_forks import WRITE, Kill, fork

    for number in range(1, MOST_WRITES):
        made, killed = fork(before), fork(work, Kill(WRITE, number))
        if made.error or killed.error:
            raise RuntimeError(f"{made.error}, {killed.error}")
        found = fork(read)
        yield found.result if found.error is None else found.error
        if not killed.killed:
            return


def loaded(name: str) -> Any:
    """The dataset as the database has it: a fork has the one of the process before it."""
    import fiftyone as fo

    dataset = fo.load_dataset(name)
    dataset.reload()
    return dataset


def readings(dataset: Any) -> dict[str, Callable[[], Any]]:
    """What a user may do that only reads."""
    import fiftyone.operators as foo
    from fiftyone.operators.executor import ExecutionContext, Executor
    from label_quality.plugin import audit
    from label_quality.plugin.benchmark import records as benchmark_records
    from label_quality.plugin.clean import clean_dataset as clean
    from label_quality.plugin.cli import data as cli_data
    from label_quality.plugin.corrections import corrected_masks as corrections
    from label_quality.plugin.review import choose_images as choices
    from label_quality.plugin.review import decide as review
    from label_quality.plugin.review import tags as relabelling

    def operator(name: str, **params: Any) -> Any:
        request = {"dataset_id": str(dataset._doc.id), "view": [], "params": params}
        uri = f"{PLUGIN}/{name}"
        return foo.get_operator(uri), ExecutionContext(request, executor=Executor(), operator_uri=uri)

    list_runs, context = operator("list_runs")
    panel, shown = operator("label_quality_panel", panel_id="panel", panel_state={}, __method__="on_load")
    form, filled = operator("write_corrected_masks")

    def command_line() -> None:
        with cli_data.started_fiftyone():
            cli_data.load_dataset("broken")

    return {
        "list runs": lambda: audit.list_runs(dataset),
        "review progress": lambda: review.progress(dataset, "lq"),
        "last tagging": lambda: relabelling.last_tagging(dataset),
        "choose": lambda: choices.choose(dataset, choices.Choice("worst", key="lq")),
        "plan an export": lambda: clean.plan_export(dataset, "lq"),
        "count corrections": lambda: corrections.count(dataset, "lq"),
        "list benchmarks": lambda: benchmark_records.list_benchmarks(dataset),
        "command line": command_line,
        "operator": lambda: list_runs.execute(context),
        "form": lambda: form.resolve_input(filled),
        "panel": lambda: panel.execute(shown),
    }


def writings(dataset: Any) -> dict[str, Callable[[], Any]]:
    """What a user may do that also writes."""
    from label_quality.plugin import audit
    from label_quality.plugin.benchmark import records as benchmark_records
    from label_quality.plugin.corrections import corrected_masks as corrections
    from label_quality.plugin.review import choose_images as choices
    from label_quality.plugin.review import decide as review
    from label_quality.plugin.review import tags as relabelling

    region = dataset.values("lq_suspects.detections.id", unwind=True)[0]
    chosen = choices.choose(dataset, choices.Choice("worst", key="lq", worst=3))
    return {
        "review": lambda: review.set_verdict(dataset, "lq", [region], "rejected"),
        "tag": lambda: relabelling.tag_samples(chosen),
        "correct": lambda: corrections.write_corrected_masks(dataset, "lq", regions="all"),
        "delete run": lambda: audit.delete_run(dataset, "lq"),
        "delete benchmark": lambda: benchmark_records.delete_benchmark(dataset, "test"),
    }


def error_of(entry: Callable[[], Any]) -> list[str]:
    try:
        entry()
    except Exception as error:
        return [type(error).__name__, str(error)]
    return ["", "no error"]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
