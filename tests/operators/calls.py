"""An operator as the App and Python code call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class Refused(Exception):
    """What the App shows of a run that has failed."""


@dataclass(frozen=True)
class Calls:
    """Calls of one operator.

    Args:
        uri: of the operator
    """

    uri: str

    def operator(self, uri: str | None = None) -> Any:
        """The operator, or another one."""
        import fiftyone.operators as foo

        return foo.get_operator(uri or self.uri)

    def context(self, dataset: Any, request: dict[str, Any] | None = None, **params: Any) -> Any:
        """What the App sends on opening the form with these parameters, and with what else is of its request."""
        from fiftyone.operators.executor import ExecutionContext, Executor

        request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt", **(request or {})}
        return ExecutionContext(request, executor=Executor(), operator_uri=self.uri)

    def form(self, dataset: Any, request: dict[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """The form's properties by name; it can be sent to the App."""
        prop = self.operator().resolve_type(self.context(dataset, request, **params), "inputs")
        prop.to_json()
        return prop.type.properties

    def submit(self, dataset: Any, view: Any = None, **params: Any) -> list[str]:
        """Fills in a form that has no errors and sends it, as the App does; the form's notices.

        Args:
            dataset: the dataset that is open
            view: of it, where the grid shows one
            **params: what the user says; all else is as the form proposes

        Raises:
            Refused: with the text that the App shows, where the run fails
        """
        shown = {} if view is None else {"view": view._serialize()}
        properties = self.form(dataset, request=shown, **params)
        assert errors(properties) == {}
        proposed = {name: one.default for name, one in properties.items() if one.default is not None}
        for message in self.operator().execute(self.context(dataset, request=shown, **proposed | params)):
            problem = message.to_json().get("error")
            if problem:
                raise Refused(problem)
        return [one.view.label for name, one in properties.items() if name.startswith("notice_")]


def errors(properties: dict[str, Any]) -> dict[str, str]:
    """The messages of a form's properties that are invalid."""
    return {name: prop.error_message for name, prop in properties.items() if prop.invalid}
