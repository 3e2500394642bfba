"""How the App shows a run: sidebar group, active fields, colours, mask targets; the user's own settings stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import fiftyone as fo

from .ownership import field_name, owner

#: Of single-colour drawing (the App's colour by field), where opacity is suspicion
_SUSPICIOUS = "#ff2a00"
#: Of suspects and of the images' leading type: apart also for colour-blind eyes, and from the heatmaps' red
ERROR_COLORS = {"drop": "#e69f00", "swap": "#cc79a7", "shift": "#56b4e9", "other": "#b0b0b0"}
#: The group's first fields, what is looked at and switched most; of masks and boxes the App draws the first on top
_LEADING = ("quality", "error_type", "suspects", "objects", "heatmap", "prediction", "flags")
#: By value, each class of a mask has a colour of its own
_COLOR_BY = "value"


def group_name(key: str) -> str:
    """The name of a run's group in the App's sidebar."""
    return f"Label quality ({key})"


def state(dataset: fo.Dataset) -> dict[str, Any]:
    """Which settings the user has not made, and a first run therefore makes; JSON values.

    Args:
        dataset: the dataset, before any run
    """
    app = dataset.app_config
    return {
        "groups": app.sidebar_groups is None,
        "active": app.active_fields is None,
        "colors": app.color_scheme is None,
    }


def show(dataset: fo.Dataset, key: str, fields: Sequence[str], targets: Mapping[Any, str] | None) -> None:
    """Makes a run's fields easy to find and read in the App; doing it again changes nothing.

    Args:
        dataset: the dataset
        key: the run's key
        fields: its fields
        targets: mask targets of the predicted masks, or None where there are none
    """
    if targets is not None:
        dataset.mask_targets = {**dataset.mask_targets, f"{key}_prediction": dict(targets)}
    _add_group(dataset, key, fields)
    heatmaps = [name for name in (f"{key}_heatmap", f"{key}_flags") if name in fields]
    # Not the given masks as well: the App draws masks over heatmaps, which hides where the suspicion lies
    _activate(dataset, key, [f"{key}_quality", *heatmaps[:1]], fields)
    _color(dataset, heatmaps, fieldColor=_SUSPICIOUS)
    dataset.save()


def show_suspects(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """Makes a run's suspects visible, in the colour of their type of error; doing it again changes nothing.

    Args:
        dataset: the dataset
        key: the run's key
        fields: all of the run's fields
    """
    suspects, error_type = f"{key}_suspects", f"{key}_error_type"
    _add_group(dataset, key, fields)
    _activate(dataset, key, [suspects], fields)
    colors = [{"value": kind, "color": color} for kind, color in ERROR_COLORS.items()]
    _color(dataset, [suspects], colorByAttribute="error_type", valueColors=colors)
    _color(dataset, [error_type], valueColors=colors)
    dataset.save()


def show_corrections(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """Lists corrected masks with a run's other fields, not drawn until asked for; suspects in them have colours.

    Args:
        dataset: the dataset
        key: the run's key
        fields: all of the run's fields
    """
    _add_group(dataset, key, fields)
    colors = [{"value": kind, "color": color} for kind, color in ERROR_COLORS.items()]
    _color(dataset, [f"{key}_newly_wrong"], colorByAttribute="error_type", valueColors=colors)
    dataset.save()


def show_objects(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """Lists a run's objects with its other fields, not drawn until asked for: each image has many.

    Args:
        dataset: the dataset
        key: the run's key
        fields: all of the run's fields
    """
    _add_group(dataset, key, fields)
    dataset.save()


def show_lint(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """Makes findings in masks visible; doing it again changes nothing.

    Args:
        dataset: the dataset
        key: the prefix of the fields
        fields: all fields of that key
    """
    _add_group(dataset, key, fields)
    _activate(dataset, key, [f"{key}_lint"], fields)
    dataset.save()


def show_sample(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """Makes what is to be judged visible; doing it again changes nothing.

    Args:
        dataset: the dataset
        key: the run's key
        fields: all of the run's fields
    """
    _add_group(dataset, key, fields)
    _activate(dataset, key, [f"{key}_sample"], fields)
    dataset.save()


def active_for(dataset: fo.Dataset, key: str, active: Sequence[str]) -> list[str]:
    """The fields to be active once a run is chosen: those of other runs make way for the same ones of this run.

    Args:
        dataset: the dataset
        key: the run's key
        active: the fields that are active, in the App's order

    Returns:
        names of fields, in the same order; the same where no other run has an active field
    """
    found: list[str] = []
    for path in active:
        other = owner(dataset, _root(path))
        own = path if other in (None, key) else field_name(key, path.removeprefix(f"{other}_"))
        if own not in found and (own == path or _exists(dataset, own)):
            found.append(own)
    return found


def usual_for(dataset: fo.Dataset, key: str) -> list[str]:
    """The fields that a page begins with where a run is chosen; of a dataset that does not list them, none.

    Args:
        dataset: the dataset
        key: the run's key

    Returns:
        names of fields, the run's in the order of their group: runs of earlier versions have heatmaps before suspects
    """
    usual = dataset.app_config.active_fields
    # Where those are listed that are not drawn, nothing says in which order the others are
    paths = [] if usual is None or usual.exclude else active_for(dataset, key, usual.paths)
    own = [path for path in paths if owner(dataset, _root(path)) == key]
    return [*(path for path in paths if path not in own), *_in_order(key, own)]


def is_missing(dataset: fo.Dataset, key: str, field: str) -> bool:
    """Whether a field of the run is in no group of the sidebar, though the run has one: what a kill leaves."""
    groups = dataset.app_config.sidebar_groups or []
    has_group = any(group.name == group_name(key) for group in groups)
    return has_group and not any(field in group.paths for group in groups)


def hide(
    dataset: fo.Dataset, key: str, fields: Sequence[str], before: Mapping[str, Any], successor: str | None = None
) -> None:
    """Takes back what `show` did.

    Args:
        dataset: the dataset
        key: the run's key
        fields: its fields
        before: the `state` before any run, where no other run is left; empty otherwise
        successor: the run whose fields are shown in place of these, if any
    """
    app, own = dataset.app_config, set(fields)
    dataset.mask_targets = {name: targets for name, targets in dataset.mask_targets.items() if name not in own}
    if app.sidebar_groups is not None:
        app.sidebar_groups = [group for group in app.sidebar_groups if group.name != group_name(key)]
    if app.active_fields is not None:
        paths = app.active_fields.paths
        paths = active_for(dataset, successor, paths) if successor else paths
        app.active_fields.paths = [path for path in paths if path not in own]
    if app.color_scheme is not None:
        scheme = app.color_scheme
        for name in ("fields", "colorscales"):
            scheme[name] = [entry for entry in scheme[name] or [] if entry["path"] not in own] or None
    _restore(dataset, own, before)
    dataset.save()


def _add_group(dataset: fo.Dataset, key: str, fields: Sequence[str]) -> None:
    """A group of the run's fields; one that is there keeps its place and order, and gains those that it lacks.

    FiftyOne's own groups have each new field; what a user has put into another group stays there.
    """
    app, defaults = dataset.app_config, fo.DatasetAppConfig.default_sidebar_groups(dataset)
    by_fiftyone = {group.name for group in defaults}
    groups = defaults if app.sidebar_groups is None else app.sidebar_groups
    own = next((group for group in groups if group.name == group_name(key)), None)
    if own is None:
        own = fo.SidebarGroupDocument(name=group_name(key), paths=[], expanded=True)
        place = next((i + 1 for i, group in enumerate(groups) if group.name == "labels"), len(groups))
        groups.insert(place, own)
    elsewhere: set[str] = set()
    for group in groups:
        if group.name in by_fiftyone:
            group.paths = [path for path in group.paths if path not in fields]
        elif group is not own:
            elsewhere |= set(group.paths)
    there = [path for path in own.paths if path in fields or owner(dataset, _root(path)) != key]
    own.paths = _with(key, there, [path for path in fields if path not in elsewhere], fields)
    app.sidebar_groups = groups


def _with(key: str, there: Sequence[str], new: Sequence[str], fields: Sequence[str]) -> list[str]:
    """Paths that are there, in their order, and new ones, each beside that of the run's fields that is listed next."""
    paths, ordered = list(there), _in_order(key, fields)
    for number, path in enumerate(ordered):
        if path in new and path not in paths:
            before = next((paths.index(one) + 1 for one in reversed(ordered[:number]) if one in paths), None)
            after = next((paths.index(one) for one in ordered[number:] if one in paths), len(paths))
            paths.insert(after if before is None else before, path)
    return paths


def _in_order(key: str, fields: Sequence[str]) -> list[str]:
    """A run's fields as they are listed, and drawn on each other where they are active."""
    leading = [f"{key}_{name}" for name in _LEADING if f"{key}_{name}" in fields]
    return [*leading, *(path for path in fields if path not in leading)]


def _activate(dataset: fo.Dataset, key: str, wanted: Sequence[str], fields: Sequence[str]) -> None:
    """Makes these fields visible from the start: FiftyOne hides masks and heatmaps until they are active."""
    app = dataset.app_config
    if app.active_fields is None:
        app.active_fields = fo.DatasetAppConfig.default_active_fields(dataset)
        app.active_fields.paths = [path for path in app.active_fields.paths if path not in fields]
    paths = app.active_fields.paths
    if not app.active_fields.exclude:
        # One run at a time: with those of several, the heatmap of one lies over the suspects of another
        kept = [path for path in paths if path in fields or owner(dataset, _root(path)) is None]
        new = [path for path in wanted if path in fields and _exists(dataset, path)]
        app.active_fields.paths = _with(key, kept, new, fields)


def _color(dataset: fo.Dataset, paths: Sequence[str], **setting: Any) -> None:
    """Colours for these fields; a colour scheme of the user's only gains entries for those that it lacks."""
    app = dataset.app_config
    if app.color_scheme is None:
        app.color_scheme = fo.ColorScheme(color_by=_COLOR_BY)
    scheme = app.color_scheme
    there = {entry["path"] for entry in scheme.fields or []}
    scheme.fields = [*(scheme.fields or []), *({"path": path, **setting} for path in paths if path not in there)]


def _restore(dataset: fo.Dataset, own: set[str], before: Mapping[str, Any]) -> None:
    """Unsets what was unset before the first run, unless the user has added to it since."""
    app = dataset.app_config
    if before.get("groups") and app.sidebar_groups is not None:
        defaults = fo.DatasetAppConfig.default_sidebar_groups(dataset)
        if _contents(app.sidebar_groups, own) == _contents(defaults, own):
            app.sidebar_groups = None
    if before.get("active") and app.active_fields is not None:
        defaults = fo.DatasetAppConfig.default_active_fields(dataset)
        if set(app.active_fields.paths) <= set(defaults.paths):
            app.active_fields = None
    scheme = app.color_scheme
    if before.get("colors") and scheme is not None and _settings(scheme) == {"color_by": _COLOR_BY}:
        app.color_scheme = None


def _contents(groups: Sequence[fo.SidebarGroupDocument], own: set[str]) -> dict[str, set[str]]:
    contents = {group.name: set(group.paths) - own for group in groups}
    return {name: paths for name, paths in contents.items() if paths}


def _settings(scheme: fo.ColorScheme) -> dict[str, Any]:
    return {name: value for name, value in scheme.to_dict().items() if value and not name.startswith("_")}


def _root(path: str) -> str:
    return path.split(".", 1)[0]


def _exists(dataset: fo.Dataset, path: str) -> bool:
    return dataset.get_field(path) is not None
