"""Pure parts of pipes: paths into an event and input templates (EventBridge Pipes user guide)."""

import json
import re
from typing import Any, cast

from local_cloud.documents import Document

VARIABLE = re.compile(r"<(\$[^<>]*|aws\.pipes\.[a-z.-]+)>")


def lookup(event: object, path: str) -> Any:  # noqa: ANN401 (any JSON value)
    """Return what a JSON path like `$.dynamodb.Keys.pk.S` or `$.list[0]` leads to; None: nowhere."""
    value: Any = event
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path.removeprefix("$")):
        if name:
            value = cast("Document", value).get(name) if isinstance(value, dict) else None
        else:
            items = cast("list[Any]", value) if isinstance(value, list) else []
            value = items[int(index)] if int(index) < len(items) else None
    return value


def value_of(event: Document, parameter: str) -> str:
    """Return a target parameter: a path's value as text, anything else as it is."""
    if not parameter.startswith("$"):
        return parameter
    found = lookup(event, parameter)
    return found if isinstance(found, str) else ("" if found is None else json.dumps(found))


def render(template: str, event: Document, variables: dict[str, Any]) -> str:
    """Return an input template with its variables filled in.

    Inside quotes a variable is text (nothing where its path leads nowhere); outside it is a JSON value.
    """
    pieces: list[str] = []
    at, quoted = 0, False
    for match in VARIABLE.finditer(template):
        literal = template[at : match.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', literal)) % 2 == 1
        name = match[1]
        value = variables.get(name) if name.startswith("aws.") else lookup(event, name)
        if quoted:
            text = value if isinstance(value, str) else ("" if value is None else json.dumps(value))
            pieces += [literal, json.dumps(text)[1:-1]]
        else:
            pieces += [literal, json.dumps(value)]
        at = match.end()
    return "".join([*pieces, template[at:]])
