"""An isolated FiftyOne (own MongoDB, plugins and files in a temporary folder) and small real datasets on disk.

The environment is set when this file is imported, before anything imports FiftyOne. MongoDB starts with the first
import of FiftyOne; numeric tests never start it. It is a server of the tests' own: FiftyOne attaches to any server that
another FiftyOne process of the same user has started, whatever its database folder.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import settings

from scripts.mongod import Mongod, surroundings

from .deletion import drop_datasets
from .snapshots import Pool, Snapshot
from .suspect_run import add_run

if TYPE_CHECKING:
    import fiftyone as fo

REPOSITORY = Path(__file__).resolve().parent.parent
#: Bytes that databases and files of runs of several processes take at most
_ROOM = 6 * 2**30


def _isolate_fiftyone() -> Path:
    """Points every FiftyOne folder at a fresh temporary one, and FiftyOne at a server that starts when it is needed."""
    if "fiftyone" in sys.modules:
        raise RuntimeError("FiftyOne was imported before tests/conftest.py: the tests would use the user's database.")
    home = Path(tempfile.mkdtemp(prefix="label-quality-tests-", dir=_memory()))
    plugins = home / "plugins"
    plugins.mkdir()
    (plugins / "label-quality").symlink_to(REPOSITORY, target_is_directory=True)
    # MongoDB would note figures of itself once a second, a third of what it takes where nothing is asked of it
    server = Mongod(home / "database", ["--setParameter", "diagnosticDataCollectionEnabled=false"], remove=home)
    os.environ.update(surroundings(home, server.uri), FIFTYONE_SHOW_PROGRESS_BARS="false")
    # Else each request of the App, and each operator that a test asks for, reads and registers all plugins anew
    os.environ["FIFTYONE_PLUGINS_CACHE_ENABLED"] = "true"
    sys.meta_path.insert(0, _MongoStarter(server))
    return home


def _memory() -> Path | None:
    """Where files are in memory, if there is room: on a disk MongoDB takes a third more CPU time, and waits for it."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM:
        return memory
    return None


class _MongoStarter(MetaPathFinder):
    """Starts MongoDB when FiftyOne is first imported; finds no module itself."""

    def __init__(self, server: Mongod) -> None:
        self.server = server
        atexit.register(self._end)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
        if fullname == "fiftyone":
            sys.meta_path.remove(self)
            self.server.start()

    def _end(self) -> None:
        # Where it was started, the folder is removed after it
        if not self.server.running:
            shutil.rmtree(self.server.folder.parent, ignore_errors=True)


FIFTYONE_HOME = _isolate_fiftyone()

# FiftyOne and PyTorch are a million objects that stay: to look through them for garbage after each 700 new ones takes a
# tenth of the CPU time of tests of datasets
gc.set_threshold(20_000)
#: How many modules there were when what they hold was last left out of that
_frozen = 0
#: So many more are worth to leave out as well, for which all is looked through once more
_MANY_MODULES = 100

# How long an example takes says how busy the machine is, not whether the code is right
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

#: Mask value to name of the datasets that `make_dataset` makes; the values have gaps
TARGETS = {0: "unlabelled", 3: "road", 7: "car", 20: "tree"}
#: RGB of each mask value, in images and in RGB masks
COLORS = {0: (0, 0, 0), 3: (128, 64, 128), 7: (0, 0, 142), 20: (107, 142, 35)}


def blocky_mask(rng: np.random.Generator, size: tuple[int, int], values: Sequence[int]) -> np.ndarray:
    """An (H, W) mask of four vertical bands, each of a value drawn at random; every value is equally likely."""
    bands = rng.choice(np.asarray(values), size=4)
    edges = np.arange(size[1]) * 4 // size[1]
    return np.broadcast_to(bands[edges], size).copy()


def image_of(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An (H, W, 3) uint8 RGB image whose colours show the mask's values, with noise: a model can learn it."""
    image = np.zeros((*mask.shape, 3), dtype=np.int16)
    for value, color in COLORS.items():
        image[mask == value] = color
    return np.clip(image + rng.integers(-20, 21, image.shape), 0, 255).astype(np.uint8)


def write_png(path: Path, array: np.ndarray) -> str:
    """Writes (H, W) or RGB (H, W, 3) as PNG, uint8 or uint16, and returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), array[..., ::-1] if array.ndim == 3 else array):
        raise OSError(f"cannot write {path}")
    return str(path)


def colorize(mask: np.ndarray) -> np.ndarray:
    """The RGB mask (H, W, 3) of a mask of values."""
    rgb = np.zeros((*mask.shape, 3), dtype=np.uint8)
    for value, color in COLORS.items():
        rgb[mask == value] = color
    return rgb


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """PyTorch in one thread: on small inputs more only wait for one another."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def fiftyone() -> Any:
    """The FiftyOne module, on its isolated database."""
    import fiftyone as fo

    return fo


@pytest.fixture(scope="session")
def plugins_dir() -> Path:
    """The isolated plugins folder; this repository is linked in it, so FiftyOne loads the plugin."""
    return Path(os.environ["FIFTYONE_PLUGINS_DIR"])


MakeDataset = Callable[..., "fo.Dataset"]


@pytest.fixture(scope="session")
def _datasets(fiftyone: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("datasets")
    with making_datasets(fiftyone, folder) as make:
        yield Pool(make, folder)


@pytest.fixture
def make_dataset(_datasets: Pool) -> Iterator[MakeDataset]:
    """A factory of small datasets with images and masks on disk, the test's own until it ends.

    ``make_dataset(count=4, sizes=((24, 32),), storage="disk", dtype="uint8", rgb=False, targets=TARGETS,
    label_field="ground_truth", seed=0)``: ``sizes`` are (height, width), used in turn; ``storage`` is ``"disk"``
    (``mask_path``) or ``"database"`` (``mask``); ``rgb`` writes colour masks with hex mask targets; ``targets=None``
    leaves the mask targets unset. Each sample also has an ``index`` field. Files: ``images/000.png`` and
    ``masks/000.png`` in a folder of the dataset's name.
    """
    yield _datasets.take
    _datasets.give_back()


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all tests of a module."""
    return tmp_path_factory.mktemp("module")


@pytest.fixture(scope="module")
def make_module_dataset(fiftyone: Any, module_folder: Path) -> Iterator[MakeDataset]:
    """As `make_dataset`, for what all tests of a module start from, see `snapshots`; under ``module_folder``."""
    with making_datasets(fiftyone, module_folder) as make:
        yield make


@pytest.fixture
def unrated_run(_suspect_runs: Callable[[bool], Snapshot]) -> fo.Dataset:
    """The dataset of `suspect_run`, as it is before any test."""
    return _suspect_runs(False).put_back()


@pytest.fixture
def rated_run(_suspect_runs: Callable[[bool], Snapshot]) -> fo.Dataset:
    """The dataset of `suspect_run` with probabilities of its suspects, as it is before any test."""
    return _suspect_runs(True).put_back()


@pytest.fixture(scope="session")
def _suspect_runs(fiftyone: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bool], Snapshot]]:
    made: dict[bool, Snapshot] = {}

    def snapshot(rated: bool) -> Snapshot:
        if rated not in made:
            folder = tmp_path_factory.mktemp("suspects")
            make = making.enter_context(making_datasets(fiftyone, folder))
            made[rated] = Snapshot(add_run(make(count=6), folder, rated=rated), folder)
        return made[rated]

    with contextlib.ExitStack() as making:
        yield snapshot


Interrupt = Callable[..., Any]
#: A script and the arguments of each process that runs it, all at once, to how they have ended and what they have said
Forked = Callable[..., list[tuple[int, str]]]


@pytest.fixture(scope="session")
def forks() -> Iterator[Callable[[dict[str, Any]], Any]]:
    """Sends a request to ``interrupted_runs.py``, and returns its answer.

    The process that forks is one for all tests, as it takes longer to start than most of what they have it do.
    """
    command = [sys.executable, str(REPOSITORY / "tests" / "interrupted_runs.py")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def ask(request: dict[str, Any]) -> Any:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@pytest.fixture(scope="session")
def interrupt(fiftyone: Any, forks: Callable[[dict[str, Any]], Any]) -> Interrupt:
    """``interrupt(dataset, function="audit_labels", kill_at=None, largest_file=None, **parameters)``, in a process.

    What ``interrupted_runs.py`` answers. With ``keys``, for each of them at once, in as many processes, with a list of
    answers.
    """

    def ask(
        dataset: Any, function: str = "audit_labels", kill_at: Any = None, largest_file: Any = None, **rest: Any
    ) -> Any:
        several = {"keys": rest.pop("keys")} if "keys" in rest else {}
        request = {"dataset": dataset.name, "function": function, "parameters": rest, **several}
        answer = forks({**request, "kill_at": kill_at, "largest_file": largest_file})
        dataset.reload()
        return answer

    return ask


@pytest.fixture(scope="session")
def forked(fiftyone: Any, forks: Callable[[dict[str, Any]], Any]) -> Forked:
    """``forked(script, ["one.png"], ["two.png"])``: as ``python -c`` in two processes, which have FiftyOne at once.

    They are connected to the tests' database. Returns exit status, negative where a signal has ended it, and output.
    """

    def run(script: str, *arguments: Sequence[str]) -> list[tuple[int, str]]:
        ended = forks({"script": script, "arguments": [[str(one) for one in several] for several in arguments]})
        return [(one["status"], one["output"]) for one in ended]

    return run


@contextlib.contextmanager
def making_datasets(fiftyone: Any, root: Path) -> Iterator[MakeDataset]:
    made: list[str] = []

    def make(
        count: int = 4,
        sizes: Sequence[tuple[int, int]] = ((24, 32),),
        storage: str = "disk",
        dtype: str = "uint8",
        rgb: bool = False,
        targets: dict[int, str] | None = TARGETS,
        label_field: str = "ground_truth",
        seed: int = 0,
    ) -> fo.Dataset:
        rng = np.random.default_rng(seed)
        dataset = fiftyone.Dataset()
        made.append(dataset.name)
        folder = root / dataset.name
        samples = []
        for index in range(count):
            values = blocky_mask(rng, sizes[index % len(sizes)], list(COLORS))
            image_path = write_png(folder / "images" / f"{index:03d}.png", image_of(values, rng))
            mask = colorize(values) if rgb else values.astype(dtype)
            if storage == "disk":
                label = fiftyone.Segmentation(mask_path=write_png(folder / "masks" / f"{index:03d}.png", mask))
            else:
                label = fiftyone.Segmentation(mask=mask)
            samples.append(fiftyone.Sample(filepath=image_path, index=index, **{label_field: label}))
        dataset.add_samples(samples, progress=False)
        if targets is not None:
            dataset.mask_targets = {label_field: _targets(targets, rgb)}
            dataset.save()
        return dataset

    try:
        yield make
    finally:
        drop_datasets(made)


@pytest.fixture
def dataset(make_dataset: MakeDataset) -> fo.Dataset:
    """Four samples of 24x32 pixels, uint8 masks on disk in the field ``ground_truth``, mask targets `TARGETS`."""
    return make_dataset()


def _targets(targets: dict[int, str], rgb: bool) -> dict[Any, str]:
    if not rgb:
        return dict(targets)
    return {"#{:02X}{:02X}{:02X}".format(*COLORS[value]): name for value, name in targets.items()}


#: Groups that take longest, the longest first: at the end, one process would be at them long after the others
LONGEST = (
    *("app", "forking", "tests/engine/test_ray.py", "tests/cli/test_main.py"),
    *("tests/training/test_cross_validation.py", "tests/scores/test_image_scores.py", "tests/test_package.py"),
)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Leaves what was imported out of what is looked through for garbage: most of it comes with the tests that use it.

    Before a test, as what it makes is to be found afterwards.
    """
    global _frozen
    if len(sys.modules) - _frozen > _MANY_MODULES:
        _frozen = len(sys.modules)
        gc.collect()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a file's tests in one process, those that share one of their own too, and all that drive a browser.

    Two browsers at once starve each other.
    """
    forking = {item.path for item in items if "forks" in getattr(item, "fixturenames", ())}
    places: dict[pytest.Item, int] = {}
    for item in items:
        path = item.path
        name = "forking" if path in forking else str(path.relative_to(REPOSITORY))
        name = "app" if path.parent.name == "app" else name
        item.add_marker(pytest.mark.xdist_group(name))
        places[item] = LONGEST.index(name) if name in LONGEST else len(LONGEST)
    items.sort(key=places.__getitem__)
