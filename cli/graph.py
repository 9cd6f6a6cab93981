"""What a stack consists of, for people and for programs, without the engine and without a cloud."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from cli.errors import NovaError
from cli.home import CHECKOUT

if TYPE_CHECKING:
    from evaluation.program import Deployment
    from settings.settings import Settings

SECRET = "[secret]"  # noqa: S105 (what is printed in a secret's place)


def evaluated(stack: str, overrides: Mapping[str, str] | None = None) -> "Deployment":
    """Evaluate the program for ``stack``; ``overrides`` replace configuration by short key.

    Raises ``NovaError`` for a configuration that is refused.
    """
    # The SDK takes a second to load, which the other commands need not spend.
    from evaluation.program import evaluate  # noqa: PLC0415
    from settings.errors import SettingsError  # noqa: PLC0415

    try:
        return evaluate(stack, overrides=overrides)
    except SettingsError as error:
        raise NovaError(str(error)) from error


def configuration(stack: str) -> dict[str, str]:
    """Return the configuration of ``stack`` by full key; raises ``NovaError`` as ``evaluated`` does."""
    from settings.errors import SettingsError  # noqa: PLC0415
    from settings.project import stack_config  # noqa: PLC0415

    try:
        return stack_config(CHECKOUT, stack)
    except SettingsError as error:
        raise NovaError(str(error)) from error


def settings_of(stack: str, overrides: Mapping[str, str] | None = None) -> "Settings":
    """Return what the program reads from the configuration of ``stack``.

    ``overrides`` replace configuration by full key. Raises ``NovaError`` as ``evaluated`` does.
    """
    from settings.errors import SettingsError  # noqa: PLC0415
    from settings.settings import Settings  # noqa: PLC0415
    from settings.values import Values  # noqa: PLC0415

    try:
        return Settings.read(Values(project="nova", texts={**configuration(stack), **(overrides or {})}))
    except SettingsError as error:
        raise NovaError(str(error)) from error


def listing(stack: str, deployment: "Deployment") -> dict[str, Any]:
    """Return the stack as JSON values: each resource with its inputs and dependencies, secrets masked."""
    return {
        "stack": stack,
        "resources": [
            {
                "urn": found.urn,
                "type": found.type,
                "name": found.name,
                "parent": found.parent,
                "protect": found.protect,
                "retainOnDelete": found.retain_on_delete,
                "ignoreChanges": sorted(found.ignore_changes),
                "inputs": _masked(found.inputs),
                "dependencies": sorted(found.depends_on),
                "references": {key: sorted(urns) for key, urns in sorted(found.references.items())},
            }
            for found in sorted(deployment.resources.values(), key=lambda found: found.urn)
        ],
        "outputs": _masked(deployment.outputs),
    }


def _masked(value: Any) -> Any:  # noqa: ANN401 (an input has any type)
    from pulumi.runtime.rpc import is_rpc_secret  # noqa: PLC0415

    if is_rpc_secret(value):
        return SECRET
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {key: _masked(members[key]) for key in sorted(members)}
    if isinstance(value, list):
        return [_masked(item) for item in cast("list[Any]", value)]
    return value
