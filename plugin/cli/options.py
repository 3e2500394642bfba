"""Options made from the table of parameters, and the types of those that are the command's own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..base.parameters import FLAG, LIST, NUMBER, WHOLE, Parameter, lower, table
from ..runs.request import Request

#: Parameters that say which classes there are
OF_CLASSES = ("classes", "ignored", "unlabelled", "unknown")


def data_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that name the dataset and its classes."""
    group = parser.add_argument_group("the dataset: two folders, or one that FiftyOne has")
    group.add_argument("--images", metavar="DIR", help="folder of images, with subfolders")
    group.add_argument("--masks", metavar="DIR", help="folder of masks, each called like its image")
    group.add_argument("--name", help="of the dataset to make (default: the folder above --images)")
    group.add_argument("--dataset", metavar="NAME", help="a dataset that FiftyOne has, instead of folders")
    group.add_argument("--label-field", metavar="FIELD", help="of given masks or instances (default: ground_truth)")
    add_parameters(group, table(Request), OF_CLASSES)


def add_parameters(
    group: Any, parameters: Mapping[str, Parameter], names: Collection[str] = (), without: Collection[str] = ()
) -> None:
    """Adds the options of parameters.

    Args:
        group: of the parser's options
        parameters: by name
        names: which of them; () for all
        without: which of them not
    """
    for name, one in parameters.items():
        if name not in without and (not names or name in names):
            add_parameter(group, one)


def add_of_sources(common: Any, groups: Mapping[str, Any], tables: Mapping[str, Mapping[str, Parameter]]) -> None:
    """Adds the options of all sources of predictions, each once.

    Args:
        common: the group of options that several sources have
        groups: source to the group of options that it alone has
        tables: source to its parameters
    """
    for source, parameters in tables.items():
        for name, one in parameters.items():
            having = {other: parameters[name] for other, parameters in tables.items() if name in parameters}
            if len(having) == 1:
                add_parameter(groups[source], one)
            elif source == next(iter(having)):
                add_parameter(common, one, _of_each(having))


def add_parameter(group: Any, one: Parameter, text: str = "", **changes: Any) -> None:
    """Adds a parameter's option.

    Args:
        group: of the parser's options
        one: the parameter
        text: its help, if not the table's
        **changes: what `add_argument` is given instead
    """
    name, text = f"--{one.name.replace('_', '-')}", (text or described(one)).replace("%", "%%")
    if one.kind == FLAG:
        switch(group, name, text)
        return
    options: dict[str, Any] = {"type": _reader(one), "help": text, "metavar": one.unit}
    if one.choices:
        options["choices"] = tuple(one.choices)
    elif one.item == WHOLE and not one.unit:
        options["metavar"] = "N"
    if one.kind == LIST:
        options["nargs"] = "+"
    group.add_argument(name, **options | changes)


def described(one: Parameter) -> str:
    """The sentence of a parameter, and its default."""
    return lower(one.sentence) + _in_brackets(_default(one))


def switch(group: Any, name: str, text: str) -> None:
    """Adds an option that is said or denied, as ``--suspects`` and ``--no-suspects``."""
    action = group.add_argument(name, action=argparse.BooleanOptionalAction)
    # Given at once, Python 3.10 would add the marker of a missing default to it
    action.help = text


def positive(text: str) -> int:
    """A whole number of at least 1."""
    return _integer(text, 1, "a whole number of at least 1")


def natural(text: str) -> int:
    """A whole number of at least 0."""
    return _integer(text, 0, "a whole number of at least 0")


def port(text: str) -> int:
    """A port's number."""
    number = _integer(text, 1, "a port in 1..65535")
    if number > 65535:
        raise argparse.ArgumentTypeError(f"expected a port in 1..65535, but got {text!r}")
    return number


def _of_each(having: Mapping[str, Parameter]) -> str:
    """The help of an option that several sources have; what differs is said of each."""
    first, *others = having.values()
    if all(one.sentence == first.sentence for one in others):
        return lower(first.sentence) + _in_brackets(_each({source: _default(one) for source, one in having.items()}))
    return _each({source: described(one) for source, one in having.items()})


def _each(texts: Mapping[str, str]) -> str:
    """The first source's text, and those of others that are not said yet."""
    said: dict[str, str] = {}
    for source, text in texts.items():
        said.setdefault(text, f"; --source {source}: {text}" if said else text)
    return "".join(said.values())


def _default(one: Parameter) -> str:
    value: Any = one.empty or one.default
    if one.kind == FLAG:
        value = "yes" if one.default else "no"
    return str(value) if value not in (None, "", ()) else ""


def _in_brackets(default: str) -> str:
    return f" (default: {default})" if default else ""


def _reader(one: Parameter) -> Callable[[str], Any]:
    """Reads the text of an option, or an item of a list."""

    def read(text: str) -> Any:
        if one.none and text.lower() in (one.none, str(one.stands_for_none)):
            return None
        if one.item == WHOLE:
            return _integer(text, None, "a whole number")
        if one.name == "class_map":
            from ..labels.class_files import parse_class_map

            return parse_class_map(text)
        return float(text) if one.item == NUMBER else text

    read.__name__ = one.item
    return read


def _integer(text: str, least: int | None, expected: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = None
    if number is None or (least is not None and number < least):
        raise argparse.ArgumentTypeError(f"expected {expected}, but got {text!r}")
    return number
