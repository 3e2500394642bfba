"""Everything that is in a database and in folders, as values that are equal where a user would see no difference.

Ids and times that are new since the beginning, the digests in names of folders, and what says how long something took,
differ from run to run: they get one name each. All else is compared, files byte by byte, but for names in containers,
JSON and pages, likewise.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bson import DBRef, ObjectId, decode

from .faults_world import Snapshot, World

#: What says when, how long, or in which order something was made
_VOLATILE = {
    *("created", "created_at", "last_modified_at", "last_loaded_at", "last_deletion_at", "uploadDate", "timestamp"),
    *("reviewed_at", "timings", "seconds", "_rand", "md5", "length", "chunkSize", "sample_collection_name"),
}
_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(-\d+)?(?![0-9a-f])")
_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])")
#: As pages for people say it
_SAID = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4}, \d\d:\d\d UTC")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00|Z)?")
#: Names of FiftyOne's temporary datasets
_GENERATED = re.compile(r"\d{4}\.\d\d\.\d\d\.\d\d\.\d\d\.\d\d(\.\d+)?(-\w+)?")

State = dict[str, Any]


class States:
    """Describes states of a world.

    Args:
        world: the world
        base: the state before anything of the plugin's: what it has keeps its ids and times
    """

    def __init__(self, world: World, base: Snapshot) -> None:
        self._world = world
        self._known = set(_ids(decode(one) for documents in base.documents.values() for one in documents))

    def describe(self) -> State:
        """The state now: ``given`` and ``files``, ``datasets``, ``stores``, and ``left``, what no dataset refers to."""
        world = self._world
        world.settle()
        documents = {name: [decode(one) for one in world.documents(name)] for name in world.collections()}
        indexes = {name: world.index_keys(name) for name in documents}
        found = _Database(documents, indexes, self._plain)
        return {
            "given": {str(path.relative_to(world.mine)): _stamp(path) for path in _files(world.mine)},
            "files": self._run_files(world.runs),
            "folders": sorted({self._name(str(one.relative_to(world.runs))) for one in world.runs.rglob("*/")}),
            "datasets": found.datasets(),
            "stores": {name: _sorted(map(self._plain, documents[name])) for name in documents if "store" in name},
            "left": found.left(),
        }

    def _run_files(self, folder: Path) -> dict[str, list[str]]:
        files: dict[str, list[str]] = {}
        for path in _files(folder):
            files.setdefault(self._name(str(path.relative_to(folder))), []).append(self._content(path))
        return {name: sorted(contents) for name, contents in sorted(files.items())}

    def _content(self, path: Path) -> str:
        data = path.read_bytes()
        if path.suffix == ".json":
            # Half written, where a kill has ended it
            with contextlib.suppress(ValueError):
                return json.dumps(self._plain(json.loads(data)), sort_keys=True)
        if path.suffix == ".lq":
            with contextlib.suppress(ValueError):
                return _short_hash(self._name(json.dumps(_unpacked(data), sort_keys=True, default=_array_text)))
        if path.suffix == ".html":
            return _short_hash(self._name(_SAID.sub("<time>", data.decode())))
        return hashlib.sha256(data).hexdigest()[:16]

    def _plain(self, value: Any, key: str = "") -> Any:
        """A value of the database as JSON, with one name for all that is new."""
        if isinstance(value, Mapping):
            label = "_cls" in value and "_id" in value
            items = {name: one for name, one in value.items() if name not in _VOLATILE}
            if label and str(items.get("_id")) not in self._known:
                items.pop("_id")
            return {self._name(str(name)): self._plain(one, str(name)) for name, one in sorted(items.items())}
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        if isinstance(value, ObjectId | DBRef):
            text = str(value.id if isinstance(value, DBRef) else value)
            return text if text in self._known else "<id>"
        if isinstance(value, datetime):
            return "<time>"
        if isinstance(value, bytes):
            return self._bytes(value)
        if isinstance(value, str):
            return self._text(value)
        return value

    def _text(self, text: str) -> Any:
        if text[:1] in "{[":
            try:
                return self._plain(json.loads(text))
            except ValueError:
                pass
        return self._name(text)

    def _bytes(self, data: bytes) -> Any:
        try:
            return self._text(data.decode())
        except UnicodeDecodeError:
            return base64.b64encode(hashlib.sha256(data).digest()).decode()

    def _name(self, text: str) -> str:
        text = _ID.sub(lambda match: match[0] if match[0] in self._known else "<id>", text)
        return _TIME.sub("<time>", _GENERATED.sub("<generated>", _DIGEST.sub("<digest>", text)))


class _Database:
    """The documents of FiftyOne's database by the datasets that they belong to."""

    def __init__(self, documents: Mapping[str, list[dict[str, Any]]], indexes: Mapping[str, Any], plain: Any) -> None:
        self._documents, self._indexes, self._plain = documents, indexes, plain
        self._by_id = {
            name: {one["_id"]: one for one in documents.get(name, [])} for name in ("views", "runs", "fs.files")
        }
        self._used: dict[str, set[Any]] = {name: set() for name in (*self._by_id, "datasets", "samples")}
        self._all = {one["name"]: one for one in documents.get("datasets", [])}

    def datasets(self) -> dict[str, Any]:
        """Persistent datasets by name, with their samples, saved views and runs."""
        own = {name: one for name, one in self._all.items() if one.get("persistent") and not _GENERATED.fullmatch(name)}
        return {str(self._plain(name)): self._dataset(one) for name, one in own.items()}

    def left(self) -> dict[str, int]:
        """The numbers of documents and collections that nothing refers to; call it last."""
        left = {name: len(self._by_id[name].keys() - self._used[name]) for name in self._by_id}
        left["datasets"] = len(self._all.keys() - self._used["datasets"])
        samples = {name for name in self._documents if name.startswith(("samples.", "patches.", "frames."))}
        left["samples"] = len(samples - self._used["samples"])
        return {name: count for name, count in left.items() if count}

    def _dataset(self, document: Mapping[str, Any]) -> dict[str, Any]:
        self._used["datasets"].add(document["name"])
        collection = document["sample_collection_name"]
        self._used["samples"].add(collection)
        rest = {name: value for name, value in document.items() if name not in ("saved_views", "runs", "_id")}
        return {
            "document": self._plain(rest),
            "samples": [self._plain(one) for one in self._documents.get(collection, [])],
            "indexes": self._indexes.get(collection, []),
            "views": self._views(document.get("saved_views") or []),
            "runs": {str(key): self._run(one) for key, one in sorted((document.get("runs") or {}).items())},
        }

    def _views(self, references: Iterable[Any]) -> dict[str, Any]:
        views: dict[str, Any] = {}
        for reference in references:
            view = self._by_id["views"].get(_target(reference))
            if view is None:
                views[f"dangling {len(views)}"] = None
                continue
            self._used["views"].add(view["_id"])
            rest = {name: value for name, value in view.items() if name not in ("_id", "dataset_id")}
            views[view["name"]] = {**self._plain(rest), "patches": [self._patches(one) for one in _states(view)]}
        return views

    def _patches(self, name: str) -> Any:
        generated = self._all.get(name)
        if generated is None:
            return "missing"
        found = self._dataset(generated)
        return {"samples": _sorted(found["samples"]), "indexes": found["indexes"]}

    def _run(self, reference: Any) -> Any:
        run = self._by_id["runs"].get(_target(reference))
        if run is None:
            return "dangling"
        self._used["runs"].add(run["_id"])
        file = self._by_id["fs.files"].get(run.get("results"))
        if file is not None:
            self._used["fs.files"].add(file["_id"])
        chunks = [one for one in self._documents.get("fs.chunks", []) if file and one["files_id"] == file["_id"]]
        data = b"".join(one["data"] for one in sorted(chunks, key=lambda one: one["n"]))
        rest = {name: value for name, value in run.items() if name not in ("_id", "dataset_id", "results")}
        return {**self._plain(rest), "results": self._plain(data)}


def users_own(state: State, keys: Iterable[str] = ("lq", "lq_benchmark")) -> State:
    """Of a state, what no operation on runs of these keys may change: at no moment, also in the midst of it.

    Args:
        state: as `States.describe` gives it
        keys: of runs and benchmarks
    """
    prefixes = tuple(f"{key}_" for key in keys)
    datasets = {}
    for name, dataset in state["datasets"].items():
        if name.startswith("lq-benchmark"):
            continue
        fields = [one for one in dataset["document"]["sample_fields"] if not one["name"].startswith(prefixes)]
        views = {view: one for view, one in dataset["views"].items() if not _of_run(one)}
        datasets[name] = {
            "fields": sorted((one["name"], one.get("ftype"), one.get("description")) for one in fields),
            "mask_targets": dataset["document"].get("mask_targets", {}).get("ground_truth"),
            "info": dataset["document"].get("info"),
            "samples": [_own_values(one, prefixes) for one in dataset["samples"]],
            "views": views,
            "runs": {key: one for key, one in dataset["runs"].items() if key not in keys},
        }
    return {"given": state["given"], "datasets": datasets}


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two values differ, as paths with both sides."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in sorted({*expected, *found}, key=str)
            for line in differences(expected.get(key, "absent"), found.get(key, "absent"), f"{path}/{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for place, (one, other) in pairs for line in differences(one, other, f"{path}/{place}")]
    if expected == found and type(expected) is type(found):
        return []
    return [f"{path}: expected {_short(expected)}, found {_short(found)}"]


def _own_values(sample: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    own = {name: value for name, value in sample.items() if not name.startswith(prefixes)}
    return {**own, "tags": [tag for tag in own.get("tags", []) if tag == "mine"]}


def _of_run(view: Mapping[str, Any] | None) -> bool:
    return view is None or "(Label quality run" in str(view.get("description"))


def _states(view: Mapping[str, Any]) -> Iterator[str]:
    """The names of the datasets that FiftyOne has made for a view's stages."""
    for stage in view.get("view_stages") or []:
        state = dict(json.loads(stage)["kwargs"]).get("_state")
        if state:
            yield state["name"]


def _target(reference: Any) -> Any:
    return reference.id if isinstance(reference, DBRef) else reference


def _ids(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, ObjectId):
            yield str(value)
        elif isinstance(value, Mapping):
            yield from _ids(value.values())
        elif isinstance(value, list):
            yield from _ids(value)


def _unpacked(data: bytes) -> Any:
    """The value of a container, which may have paths in it; raises `ValueError` if it is half written."""
    from label_quality.plugin.store.containers import unpack

    return unpack(data)


def _array_text(array: Any) -> str:
    return f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())


def _stamp(path: Path) -> str:
    return f"{hashlib.sha256(path.read_bytes()).hexdigest()[:16]} {path.stat().st_mtime_ns}"


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda value: json.dumps(value, sort_keys=True, default=str))


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, sort_keys=True)
    return text if len(text) < 160 else f"{text[:150]} … ({len(text)} characters)"
