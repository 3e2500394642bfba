"""What an attack is made on: small datasets with all that a user may have put there, which can be put back."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from scripts.mongod import Mongod, surroundings

#: Values of the masks, which have gaps, and their names
TARGETS = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}
#: The datasets: images with files of probabilities, over several shards; and few, for what trains
LARGE, SMALL, OTHER = "faults-large", "faults-small", "faults-other"
SIZES = {LARGE: 40, SMALL: 8, OTHER: 3}
LABELS, PROBABILITIES = "ground_truth", "probabilities"
_HEIGHT, _WIDTH = 24, 32


@dataclass(frozen=True)
class Snapshot:
    """The state of a world.

    Args:
        documents: collection to its documents, as bytes
        indexes: collection to the description of its indexes
        folder: with a copy of the runs' files
    """

    documents: Mapping[str, list[bytes]]
    indexes: Mapping[str, Mapping[str, Any]]
    folder: Path


class World:
    """A database, the user's files, and the folder of the runs' files.

    Args:
        home: where everything is
    """

    def __init__(self, home: Path) -> None:
        self.home, self.mine, self.runs = home, home / "mine", home / "datasets"
        self.server = Mongod(home / "database")
        self.connect(self.uri_of(""))
        self._snapshots = 0

    def uri_of(self, login: str) -> str:
        """The database's URI with a login, or none, for clients that wait 2 s for it."""
        return f"{self.server.uri_of(login)}?serverSelectionTimeoutMS=2000"

    def connect(self, uri: str) -> None:
        """Uses this URI for this process's own connection."""
        self.client: MongoClient[RawBSONDocument] = MongoClient(uri, document_class=RawBSONDocument, connect=False)

    def flush(self) -> None:
        """Has the database write all to the disk that it has been told so far."""
        self.client.admin.command("fsync")

    def start(self) -> None:
        """Starts the database, and points FiftyOne, not yet imported, at it."""
        for folder in (self.mine, self.runs, self.home / "plugins"):
            folder.mkdir(parents=True)
        self.server.start()
        os.environ.update(
            surroundings(self.home, self.uri_of("")),
            FIFTYONE_DATABASE_NAME="fiftyone",
            FIFTYONE_SHOW_PROGRESS_BARS="false",
        )

    @property
    def database(self) -> Any:
        """FiftyOne's database, by this process's own connection."""
        return self.client["fiftyone"]

    def collections(self) -> list[str]:
        """The names of its collections."""
        return sorted(name for name in self.database.list_collection_names() if not name.startswith("system."))

    def snapshot(self) -> Snapshot:
        """The state as it is now."""
        self._snapshots += 1
        folder = self.home / "snapshots" / str(self._snapshots)
        shutil.copytree(self.runs, folder, symlinks=True)
        names = self.collections()
        return Snapshot(
            {name: self.documents(name) for name in names}, {name: self._indexes(name) for name in names}, folder
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Puts a state back; the user's files, which nothing may change, are left as they are."""
        self.settle()
        for name in set(self.collections()) - set(snapshot.documents):
            self.database.drop_collection(name)
        for name, documents in snapshot.documents.items():
            if self._indexes(name) != snapshot.indexes[name]:
                self.database.drop_collection(name)
                self._create(name, snapshot.indexes[name])
            if self.documents(name) != documents:
                self.database[name].delete_many({})
                if documents:
                    self.database[name].insert_many([RawBSONDocument(one) for one in documents])
        empty(self.runs)
        shutil.copytree(snapshot.folder, self.runs, symlinks=True, dirs_exist_ok=True)

    def settle(self) -> None:
        """Waits until the database has ended what killed processes had asked it for."""
        for _ in range(100):
            running = self.client.admin.aggregate([{"$currentOp": {}}, {"$match": {"ns": {"$regex": "^fiftyone"}}}])
            if not any(one.get("active") for one in running):
                return
            time.sleep(0.02)

    def documents(self, name: str) -> list[bytes]:
        """A collection's documents."""
        return [one.raw for one in self.database[name].find({})]

    def _indexes(self, name: str) -> dict[str, Any]:
        options: CodecOptions[dict[str, Any]] = CodecOptions(dict)
        found = self.database[name].with_options(options).index_information()
        return {index: dict(one) for index, one in found.items()}

    def index_keys(self, name: str) -> list[Any]:
        """What a collection's indexes are on, in the order of their names."""
        return [str(one["key"]) for _, one in sorted(self._indexes(name).items())]

    def _create(self, name: str, indexes: Mapping[str, Any]) -> None:
        self.database.create_collection(name)
        for index, description in indexes.items():
            if index != "_id_":
                options = {option: value for option, value in description.items() if option not in ("key", "v", "ns")}
                self.database[name].create_index(description["key"], name=index, **options)


def empty(folder: Path) -> None:
    """Removes all that is in a folder, which may be one that a file system is mounted at."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_files(mine: Path) -> None:
    """Writes the images, masks and probabilities of all datasets below a folder.

    Args:
        mine: the user's folder; each dataset has a folder ``<name>`` with ``images``, ``masks`` and ``probabilities``
    """
    for number, (name, count) in enumerate(SIZES.items()):
        rng = np.random.default_rng(number)
        for part in ("images", "masks", "probabilities"):
            (mine / name / part).mkdir(parents=True)
        for index in range(count):
            values = rng.choice(list(TARGETS), size=4)[np.arange(_WIDTH) * 4 // _WIDTH]
            truth = np.broadcast_to(values, (_HEIGHT, _WIDTH)).astype(np.uint8)
            given = np.roll(truth, 5 * (index % 3 == 0), axis=1)
            soft = np.stack([truth == value for value in TARGETS]) + 0.4 * rng.random((len(TARGETS), *truth.shape))
            image = np.clip(truth[..., None] * 10 + rng.integers(0, 40, (*truth.shape, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(mine / name / "images" / f"{index:03d}.png"), image)
            cv2.imwrite(str(mine / name / "masks" / f"{index:03d}.png"), given)
            np.save(mine / name / "probabilities" / f"{index:03d}.npy", (soft / soft.sum(axis=0)).astype(np.float32))


def make_datasets(mine: Path) -> None:
    """Makes the datasets of `write_files` in FiftyOne, each with fields, labels, tags, views and runs of the user's."""
    for name in SIZES:
        _make_dataset(name, mine / name)


def _make_dataset(name: str, folder: Path) -> None:
    import fiftyone as fo
    from fiftyone import ViewField as F

    samples = []
    for index, path in enumerate(sorted((folder / "images").iterdir())):
        box = fo.Detection(label="car", bounding_box=[0.1, 0.2, 0.3, 0.4], confidence=0.5)
        samples.append(
            fo.Sample(
                str(path),
                tags=["mine"] if index % 2 else [],
                **{LABELS: fo.Segmentation(mask_path=str(folder / "masks" / path.name))},
                **{PROBABILITIES: str(folder / "probabilities" / f"{path.stem}.npy")},
                note=f"note {index}",
                rank=float(index),
                boxes=fo.Detections(detections=[box]),
            )
        )
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples(samples, progress=False)
    dataset.mask_targets = {LABELS: dict(TARGETS)}
    dataset.info = {"owner": "me"}
    dataset.app_config.grid_media_field = "filepath"
    dataset.save()
    dataset.create_index("rank")
    dataset.save_view("lq: mine", dataset.match(F("rank") > 1), description="Of my own")
    dataset.save_view("my boxes", dataset.to_patches("boxes"))
    dataset.register_run("mine", dataset.init_run(method="my_method", answer=42))
    results = dataset.init_run_results("mine", values=[1, 2, 3])
    dataset.save_run_results("mine", results, cache=False)
