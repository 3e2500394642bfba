"""The annotation services that FiftyOne can send images to, which of them are set up, and how to set one up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

import fiftyone as fo

from ..base.errors import LabelQualityError


@dataclass(frozen=True)
class Service:
    """An annotation service that FiftyOne comes with.

    Args:
        title: its name
        needed: settings without which it cannot be used
        example: a value of each of them
        package: the Python module that it needs, or None
        install: shell commands that install that
        server: what the service's own server needs, as Markdown
        hints: what to do where a refusal has these words
    """

    title: str
    needed: tuple[str, ...]
    example: tuple[str, ...]
    package: str | None = None
    install: tuple[str, ...] = ()
    server: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)


#: Label Studio's client would take NumPy and OpenCV of its environment back to older versions. A folder in a .pth file
#: comes after the environment's own packages, so that those are used
_CLIENT_APART = (
    "pip install --target ~/label-studio-sdk label-studio-sdk",
    'echo ~/label-studio-sdk > "$(python -c \'import sysconfig; print(sysconfig.get_path("purelib"))\')'
    '/label-studio-sdk.pth"',
)
_LEGACY_TOKENS = (
    "FiftyOne needs a legacy token: start the server with --enable-legacy-api-token the first time, or turn legacy "
    "tokens on later under Organization, API Tokens Settings; the token is under Account & Settings."
)
_LABEL_STUDIO_SERVER = f"""{_LEGACY_TOKENS} It takes 100 images at a time unless it is told otherwise. In an \
environment of its own:

```sh
DATA_UPLOAD_MAX_NUMBER_FILES=10000 label-studio start --enable-legacy-api-token
```

To have it read the images from the disk, in place of an upload, set these for it and for FiftyOne; the images have to \
be in a folder below that one:

```sh
export LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true
export LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT=/data
```"""

SERVICES = {
    "cvat": Service("CVAT", ("username", "password"), ("…", "…")),
    "labelstudio": Service(
        *("Label Studio", ("url", "api_key"), ("http://localhost:8080", "…")),
        package="label_studio_sdk",
        install=_CLIENT_APART,
        server=_LABEL_STUDIO_SERVER,
        hints={
            "Invalid token": _LEGACY_TOKENS,
            "legacy token authentication": _LEGACY_TOKENS,
            "DATA_UPLOAD_MAX_NUMBER_FILES": "Send fewer images at a time, or start the server with "
            "DATA_UPLOAD_MAX_NUMBER_FILES=10000.",
        },
    ),
    "labelbox": Service("Labelbox", ("api_key",), ("…",), package="labelbox", install=("pip install labelbox",)),
}


def title_of(backend: str) -> str:
    """The backend's name for people."""
    return SERVICES[backend].title if backend in SERVICES else backend


def configured() -> list[str]:
    """The backends that are set up: their settings are there, and the package that they need; the default one first."""
    names = [name for name in fo.annotation_config.backends if not problem(name)]
    return sorted(names, key=lambda name: (name != fo.annotation_config.default_backend, name))


def problem(backend: str) -> str | None:
    """What is missing for a backend to be used and how to add it, or None where nothing is."""
    settings = fo.annotation_config.backends.get(backend)
    if settings is None:
        known = ", ".join(sorted(fo.annotation_config.backends)) or "none"
        return f"FiftyOne has no annotation backend '{backend}'. Its backends are: {known}."
    service = SERVICES.get(backend)
    if service is None:
        return None
    missing = [name for name in service.needed if not settings.get(name)]
    if missing:
        return f"{service.title} is not set up: {how_to_set_up(backend)}"
    if service.package is not None and find_spec(service.package) is None:
        return f"{service.title} needs a package that is not installed: {_commands(service)}"
    return None


def how_to_set_up(backend: str) -> str:
    """Which settings one of `SERVICES` needs and where they go."""
    service = SERVICES[backend]
    example = dict(zip(service.needed, service.example, strict=True))
    variables = " ".join(f"{_variable(backend, name)}={value}" for name, value in example.items())
    entry = ", ".join(f'"{name}": "{value}"' for name, value in example.items())
    own = f", and {_variable(backend, 'url')} for a server of your own" if "url" not in service.needed else ""
    package = f" It also needs: {_commands(service)}" if service.install else ""
    return (
        f"set {variables} in the environment that FiftyOne starts in{own}; or put "
        f'{{"backends": {{"{backend}": {{{entry}}}}}}} into {_config_path()}. Then start FiftyOne again.{package}'
    )


def instructions(backend: str) -> str:
    """The same as Markdown, to copy from."""
    service = SERVICES[backend]
    example = dict(zip(service.needed, service.example, strict=True))
    lines = list(service.install)
    lines += [f"export {_variable(backend, name)}={value}" for name, value in example.items()]
    if "url" not in service.needed:
        lines.append(f"export {_variable(backend, 'url')}=…  # for a server of your own")
    entry = ", ".join(f'"{name}": "{value}"' for name, value in example.items())
    return (
        f"**{service.title}**: in the shell that FiftyOne starts from\n\n```sh\n" + "\n".join(lines) + "\n```\n\n"
        f'or in `{_config_path()}`\n\n```json\n{{"backends": {{"{backend}":\n  {{{entry}}}}}}}\n```'
        + (f"\n\n{service.server}" if service.server else "")
    )


def hint(backend: str, refusal: str) -> str:
    """What to do about a refusal, where the service is known to refuse for that; else empty."""
    hints = SERVICES[backend].hints if backend in SERVICES else {}
    return " ".join(advice for sign, advice in hints.items() if sign in refusal)


def check(backend: str | None) -> str:
    """The backend, by default the first that is set up.

    Raises:
        LabelQualityError: it is not set up, or none is; the message says how to do that
    """
    if backend is not None:
        missing = problem(backend)
        if missing:
            raise LabelQualityError(missing)
        return backend
    ready = configured()
    if not ready:
        raise LabelQualityError(none_is_set_up())
    return ready[0]


def none_is_set_up() -> str:
    """How to set up one of the two services that can be installed anywhere."""
    ways = " ".join(f"For {SERVICES[name].title}: {how_to_set_up(name)}" for name in ("cvat", "labelstudio"))
    return f"No annotation service is set up. {ways}"


def _commands(service: Service) -> str:
    return " && ".join(service.install)


def _variable(backend: str, setting: str) -> str:
    return f"FIFTYONE_{backend.upper()}_{setting.upper()}"


def _config_path() -> str:
    from fiftyone.core.config import locate_annotation_config

    return str(locate_annotation_config())
