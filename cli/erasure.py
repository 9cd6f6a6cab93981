"""Erasing a person: the user pool lets them in no more, slices remove what they hold, the pool forgets them.

In this order, because whoever is interrupted has to find the person again: by the name that the pool deletes
last, or by the id, which is all that is left of a person anywhere.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli import jobs
from cli.errors import NovaError
from cli.target import Target

JOB_SUFFIX = "-erase"
"""What the names of the slices' jobs end with (components/erasure.py)."""

FORGOTTEN = "--forgotten"
"""Argument of a job for a person whom the user pool does not know (nova_common.erasure)."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNKNOWN = frozenset({"UserNotFoundException", "InvalidParameterException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody to be erased."""

    id: str
    """The subject of their tokens, which all that they have is kept under."""
    username: str | None
    """Their name in the user pool; None when that does not know them (any more)."""

    @property
    def described(self) -> str:
        """How a person is named before anything happens to them."""
        return f"{self.username} ({self.id})" if self.username else f"{self.id}, whom the user pool forgot"


def find_person(target: Target, name: str) -> Person:
    """Return who is meant by a user name, an e-mail address or an id; NovaError when that is nobody."""
    cognito, pool_id = target.client("cognito-idp"), str(target.output("user_pool_id"))
    try:
        found = _by_name(cognito, pool_id, name) or _by_email(cognito, pool_id, name)
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the user pool cannot be asked: {error}") from error
    if found is not None:
        return found
    if _ID.fullmatch(name):
        return Person(id=name, username=None)
    raise NovaError(
        f"nobody is called {name} in the user pool; nothing was changed. "
        "Somebody who was erased before is known by their id alone"
    )


def erase(target: Target, person: Person, progress: Callable[[str], None]) -> Mapping[str, int]:
    """Remove a person from everywhere and return how much of what that was.

    Raises NovaError when something is left; repeated, it goes on with that.
    """
    slices = sorted(name for name in target.output("jobs") if name.endswith(JOB_SUFFIX))
    if not slices:
        raise NovaError("the stack has no jobs that erase: bring it up with this version of the program")
    arguments = [person.id] if person.username else [person.id, FORGOTTEN]
    if person.username:
        _pool(target, "shut out", person.username, ("admin_disable_user", "admin_user_global_sign_out"))
    removed: Counter[str] = Counter()
    for report in jobs.run_jobs(target, slices, arguments, progress).values():
        removed.update(report["removed"])
    if person.username:
        _pool(target, "deleted", person.username, ("admin_delete_user",))
        removed["user of the pool"] = 1
    return {kind: count for kind, count in sorted(removed.items()) if count}


def _pool(target: Target, done: str, username: str, calls: tuple[str, ...]) -> None:
    cognito, pool_id = target.client("cognito-idp"), str(target.output("user_pool_id"))
    try:
        for call in calls:
            getattr(cognito, call)(UserPoolId=pool_id, Username=username)
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the user of the pool cannot be {done}: {error}") from error


def _by_name(cognito: Any, pool_id: str, name: str) -> Person | None:  # noqa: ANN401 (a boto3 client)
    """Return the user of that name or id."""
    try:
        user = cognito.admin_get_user(UserPoolId=pool_id, Username=name)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in _UNKNOWN:
            return None
        raise
    return _person(user["Username"], user["UserAttributes"])


def _by_email(cognito: Any, pool_id: str, name: str) -> Person | None:  # noqa: ANN401 (as above)
    # A quotation mark would end the value in the filter.
    if "@" not in name or '"' in name or "\\" in name:
        return None
    users = cognito.list_users(UserPoolId=pool_id, Filter=f'email = "{name}"')["Users"]
    if len(users) > 1:
        names = ", ".join(sorted(str(user["Username"]) for user in users))
        raise NovaError(f"{len(users)} users have the address {name}: {names}; say which one")
    return _person(users[0]["Username"], users[0]["Attributes"]) if users else None


def _person(username: str, attributes: list[dict[str, str]]) -> Person:
    subject = next((found["Value"] for found in attributes if found["Name"] == "sub"), "")
    if not subject:
        raise NovaError(f"the user pool names no id for {username}; nothing was changed")
    return Person(id=subject, username=username)
