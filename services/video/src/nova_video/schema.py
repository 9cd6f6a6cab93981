"""The JSON schema of a model's tool, as Amazon Nova takes it."""

from typing import Any, cast

from pydantic import BaseModel

DEPTH_MAX = 16
"""Deepest nesting of a schema: a model that contains itself has none."""


def tool_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of a model with all references resolved.

    Nova reads `type`, `properties` and `required` at the top alone, so that nothing can be looked up in
    `$defs` (Amazon Nova user guide, tool use: defining a tool). ValueError for a model that contains itself.
    """
    schema = model.model_json_schema()
    resolved = _resolved(schema, schema.get("$defs", {}), 0)
    return {name: resolved[name] for name in ("type", "properties", "required")}


def _resolved(node: Any, definitions: dict[str, Any], depth: int) -> Any:  # noqa: ANN401 - any JSON
    if depth > DEPTH_MAX:
        message = f"the schema is nested more than {DEPTH_MAX} levels deep"
        raise ValueError(message)
    if isinstance(node, list):
        return [_resolved(item, definitions, depth + 1) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    table = cast("dict[str, Any]", node)
    if "$ref" in table:
        target: dict[str, Any] = definitions[str(table["$ref"]).rpartition("/")[2]]
        table = target | {name: value for name, value in table.items() if name != "$ref"}
    return {
        name: _resolved(value, definitions, depth + 1)
        for name, value in table.items()
        # A title of pydantic's repeats the name; a property called so is no text but a schema.
        if not (name == "title" and isinstance(value, str))
    }
