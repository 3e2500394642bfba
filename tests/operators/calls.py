"""An operator as the App and Python code call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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

    def context(self, dataset: Any, **params: Any) -> Any:
        """What the App sends on opening the form with these parameters."""
        from fiftyone.operators.executor import ExecutionContext, Executor

        request = {"dataset_name": dataset.name, "params": params, "prompt_id": "a prompt"}
        return ExecutionContext(request, executor=Executor(), operator_uri=self.uri)

    def form(self, dataset: Any, **params: Any) -> dict[str, Any]:
        """The form's properties by name; it can be sent to the App."""
        prop = self.operator().resolve_type(self.context(dataset, **params), "inputs")
        prop.to_json()
        return prop.type.properties


def errors(properties: dict[str, Any]) -> dict[str, str]:
    """The messages of a form's properties that are invalid."""
    return {name: prop.error_message for name, prop in properties.items() if prop.invalid}
