"""Brings what a released version left back: to the tests' database, and to the folder where it was."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gridfs
from bson import ObjectId, json_util

from .deletion import drop_datasets

RELEASED = Path(__file__).resolve().parent / "released"
#: As in ``released/make_runs.py``: a run knows its images and masks by absolute path
FOLDER = Path("/tmp/label-quality-released")


@contextlib.contextmanager
def restored(version: str) -> Iterator[Any]:
    """The dataset that ``make_runs.py`` made with a version, with its runs, views and files in `FOLDER`.

    Args:
        version: such as ``0.1.0``

    Yields:
        the `fiftyone.Dataset` "released", which is deleted afterwards with all files
    """
    import fiftyone as fo

    # One suite at a time: the folder is the same for all
    with open(f"{FOLDER}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(FOLDER, ignore_errors=True)
        with zipfile.ZipFile(RELEASED / f"runs-{version}.zip") as archive:
            _restore_files(archive)
            dataset = fo.load_dataset(_restore_documents(json_util.loads(archive.read("documents.json"))))
        try:
            yield dataset
        finally:
            drop_datasets([dataset.name])
            shutil.rmtree(FOLDER)


def _restore_files(archive: zipfile.ZipFile) -> None:
    for name, time in json.loads(archive.read("times.json")).items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.read(f"files/{name}"))
        os.utime(path, ns=(time, time))


def _restore_documents(content: dict[str, Any]) -> str:
    import fiftyone.core.odm as foo

    database: Any = foo.get_db_conn()
    stored = gridfs.GridFS(database)
    for result, text in content["results"].items():
        stored.put(text.encode(), _id=ObjectId(result))
    database[content["dataset"]["sample_collection_name"]].insert_many(content["samples"])
    for name in ("runs", "views"):
        database[name].insert_many(content[name])
    database.datasets.insert_one(content["dataset"])
    return str(content["dataset"]["name"])
