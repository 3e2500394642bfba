"""Datasets with finished runs that several tests start from: each gets all as it was, however the others left it.

What an audit takes a second or two for is put back in a tenth: a module makes it once, takes a `Snapshot`, and puts it
back before each test, so that a test may change what it likes and finds the same whether it runs alone or not.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Snapshot:
    """A dataset with its views, runs, indexes and what operators remember, its views' patches, and folders of files.

    Args:
        dataset: the dataset
        folders: of its images, masks and predictions; that of its runs is known. What is in one of them that was not
            there is removed again
    """

    def __init__(self, dataset: Any, *folders: Path) -> None:
        self.dataset, self._name = dataset, dataset.name
        self._folders, self._own = folders, f"*-{dataset._doc.id}"
        self._there = set(self._found())
        self._files = {path: (path.read_bytes(), _state(path)) for path in self._there if path.is_file()}
        self._documents = [(name, query, list(_database()[name].find(query))) for name, query in self._queries()]
        names = [dataset._sample_collection_name, *(name for name in self._collections() if name.startswith("patches"))]
        self._indexes = {name: list(_database()[name].list_indexes()) for name in names}

    def put_back(self) -> Any:
        """Puts all of it back, and returns the dataset."""
        self._put_back_files()
        database, runs = _database(), {"_dataset_id": self.dataset._doc.id}
        results = [one["results"] for one in database.runs.find(runs) if one.get("results")]
        database["fs.files"].delete_many({"_id": {"$in": results}})
        database["fs.chunks"].delete_many({"files_id": {"$in": results}})
        for name, query, documents in self._documents:
            database[name].delete_many(query)
            if documents:
                database[name].insert_many(documents)
        for name, indexes in self._indexes.items():
            have, wanted = set(database[name].index_information()), {one["name"]: one for one in indexes}
            for one in have - wanted.keys():
                database[name].drop_index(one)
            for one in wanted.keys() - have:
                database[name].create_index(list(wanted[one]["key"].items()), name=one)
        self.dataset = self._loaded()
        return self.dataset

    def _loaded(self) -> Any:
        """The dataset as the database has it: to load one that is there saves what a test has set and not saved."""
        import fiftyone as fo

        # Else a test has deleted or renamed it
        with contextlib.suppress(ValueError):
            if self.dataset.name == self._name:
                self.dataset.reload()
                return self.dataset
        dataset = fo.load_dataset(self._name)
        dataset.reload()
        return dataset

    def _put_back_files(self) -> None:
        for path in sorted(self._found(), reverse=True):
            # Also what has become of a file: a folder or a pipe in its place
            if path not in self._there or (path in self._files and not path.is_file()):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in sorted(self._there - self._files.keys()):
            path.mkdir(exist_ok=True)
        for path, (content, state) in self._files.items():
            if not path.is_file() or _state(path) != state:
                path.unlink(missing_ok=True)
                path.write_bytes(content)
                os.utime(path, ns=(state[0], state[0]))

    def _found(self) -> Iterator[Path]:
        from label_quality.plugin.runs.housekeeping import default_parent

        # Of its runs, whatever it was called then
        for folder in (*self._folders, *default_parent().glob(self._own)):
            if folder.exists():
                yield from (folder, *folder.rglob("*"))

    def _queries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """What the dataset consists of: names of collections, and which of their documents."""
        document, database = self.dataset._doc, _database()
        of = {"_dataset_id": document.id}
        results = [one["results"] for one in database.runs.find(of) if one.get("results")]
        yield "datasets", {"_id": document.id}
        yield from ((name, of) for name in ("views", "runs"))
        # What operators remember, such as the tagging to undo
        yield "execution_store", {"dataset_id": document.id}
        yield "delegated_ops", {"dataset_id": document.id}
        yield "fs.files", {"_id": {"$in": results}}
        yield "fs.chunks", {"files_id": {"$in": results}}
        yield self.dataset._sample_collection_name, {}
        for name in self._copies():
            copy = database.datasets.find_one({"name": name})
            yield "datasets", {"_id": copy["_id"]}
            yield copy["sample_collection_name"], {}

    def _collections(self) -> list[str]:
        return [name for name, _, _ in self._documents]

    def _copies(self) -> list[str]:
        """The datasets that FiftyOne has made for views of patches."""
        from label_quality.plugin.documents import saved_views

        return sorted(set().union(*(saved_views.copies(one) for one in saved_views.listed(self.dataset))))


class Pool:
    """Datasets for tests, one for each: what a test leaves is put back for the next that wants the same.

    That takes a quarter of the time in which one is made and deleted.

    Args:
        make: makes a dataset; its files lie in a folder of its name
        folder: where the datasets' folders are
    """

    def __init__(self, make: Callable[..., Any], folder: Path) -> None:
        self._make, self._folder = make, folder
        self._free: dict[str, list[Snapshot]] = defaultdict(list)
        self._taken: list[tuple[str, Snapshot]] = []

    def take(self, *args: Any, **parameters: Any) -> Any:
        """A dataset as it was made of these parameters, which no other test has until `give_back`."""
        key = repr((args, parameters))
        if self._free[key]:
            snapshot = self._free[key].pop()
            dataset = snapshot.put_back()
        else:
            dataset = self._make(*args, **parameters)
            snapshot = Snapshot(dataset, self._folder / dataset.name)
        self._taken.append((key, snapshot))
        return dataset

    def give_back(self) -> None:
        """Lets others have what was taken."""
        for key, snapshot in self._taken:
            self._free[key].append(snapshot)
        self._taken.clear()


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _database() -> Any:
    import fiftyone.core.odm as odm

    return odm.get_db_conn()
