"""Recorded values without the wrappers of secrets (pure)."""

from typing import Any, cast

# How the SDK marks a value and says that it is secret (pulumi.runtime.rpc); spelled out here, so that a tool
# can read a recording without loading the SDK.
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def is_secret(value: object) -> bool:
    """Whether ``value`` wears the wrapper of a secret."""
    return isinstance(value, dict) and cast("dict[str, Any]", value).get(_SIGNATURE) == _SECRET


def plain(value: Any) -> Any:  # noqa: ANN401 (a recorded value has any type)
    """Return ``value`` as the provider gets it."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if is_secret(members):
            return plain(members["value"])
        return {key: plain(member) for key, member in members.items()}
    if isinstance(value, list):
        return [plain(item) for item in cast("list[Any]", value)]
    return value
