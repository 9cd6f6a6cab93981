"""ElastiCache replication groups with a server behind them, and their users' passwords.

Corrects: MiniStack runs caches through Docker, and without it answers with a server that is none
(services/elasticache.py `_spawn_redis_container`); it ignores AuthenticationMode and keeps no password
(`_create_user`). Records of groups, users and user groups stay MiniStack's.
"""

from collections.abc import Callable
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from local_cloud.documents import Document
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, Handler
from local_cloud.runtime.caches import DECLARED_PORT, Caches, endpoint
from local_cloud.runtime.redis_acl import CONTROL_USER, access_error, digest

PASSWORDS_MOST, PASSWORD_SHORTEST, PASSWORD_LONGEST = 2, 16, 128
"""ElastiCache guide, "Authenticating with passwords"."""
READS = ("Describe", "List")

type Form = dict[str, str]


def error_answer(error: AwsError) -> Answer:
    """Return an error as a response of the query protocol."""
    body = (
        '<ErrorResponse xmlns="http://elasticache.amazonaws.com/doc/2015-02-02/"><Error><Type>Sender</Type>'
        f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error></ErrorResponse>"
    )
    return error.status, {"Content-Type": "application/xml"}, body.encode()


def _passwords(form: Form) -> list[str]:
    """Return the passwords of a request, given in either of the two ways."""
    return [
        value
        for name, value in sorted(form.items())
        if name.startswith(("Passwords.member.", "AuthenticationMode.Passwords.member."))
    ]


def authentication(form: Form) -> Document | None:
    """Return what a request says about a user's authentication, None for nothing: digests of passwords.

    Raises:
        AwsError: what ElastiCache refuses, or is not served here.

    """
    passwords = _passwords(form)
    kind = form.get("AuthenticationMode.Type") or ("password" if passwords else "")
    if form.get("NoPasswordRequired") == "true":
        kind = kind or "no-password-required"
    if not kind:
        return None
    if kind == "iam":
        raise AwsError("InvalidParameterValue", "the local cloud's caches have no IAM authentication")
    if kind == "no-password-required":
        if passwords:
            raise AwsError("InvalidParameterCombination", "a user without password cannot have passwords")
        return {"open": True, "digests": []}
    if kind != "password" or not 1 <= len(passwords) <= PASSWORDS_MOST:
        raise AwsError("InvalidParameterValue", "a user with passwords needs one or two of them")
    if any(not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST for password in passwords):
        raise AwsError("InvalidParameterValue", "Passwords length must be between 16-128 characters.")
    return {"open": False, "digests": [digest(password) for password in passwords]}


def check_user(form: Form) -> None:
    """Raise AwsError for a name or an access string that ElastiCache refuses."""
    name, access = form.get("UserName", ""), form.get("AccessString", "")
    if any(character.isspace() for character in name) or name == CONTROL_USER:
        raise AwsError("InvalidParameterValue", f"{name!r} is no name for a user")
    if access and (problem := access_error(access)):
        raise AwsError("InvalidParameterValue", f"Invalid Access String {access!r}: {problem}")


def check_group(form: Form) -> None:
    """Raise AwsError for a group that the local cloud has no server for."""
    unserved = {
        "groups without encryption in transit": form.get("TransitEncryptionEnabled") != "true",
        "AUTH tokens (declare users)": "AuthToken" in form,
        "cluster mode": int(form.get("NumNodeGroups", 1)) > 1 or form.get("ClusterMode") == "enabled",
        f"ports other than {DECLARED_PORT}": int(form.get("Port", DECLARED_PORT)) != DECLARED_PORT,
        "optional encryption in transit": form.get("TransitEncryptionMode") == "preferred",
    }
    for what, asked_for in unserved.items():
        if asked_for:
            raise AwsError("InvalidParameterCombination", f"the local cloud does not serve {what}")


def name_endpoints(group: Document) -> None:
    """Give the nodes of a group endpoints as AWS names them."""
    region = group["ARN"].split(":")[3]
    primary, reader = (
        {"Address": endpoint(role, group["ReplicationGroupId"], region), "Port": DECLARED_PORT}
        for role in ("master", "replica")
    )
    for shard in group["NodeGroups"]:
        shard.update(PrimaryEndpoint=primary, ReaderEndpoint=reader)
        for member in shard["NodeGroupMembers"]:
            member["ReadEndpoint"] = primary if member["CurrentRole"] == "primary" else reader


class ElastiCacheService:
    """The handler in front of MiniStack's ElastiCache; `passwords` holds digests by user, and is kept."""

    def __init__(
        self,
        passwords: dict[str, Document],
        touch: Callable[[], None],
        ministack: MiniStack,
        caches: Caches,
        otherwise: Handler,
    ) -> None:
        self._passwords = passwords
        self._touch = touch
        self._ministack = ministack
        self._caches = caches
        self._otherwise = otherwise

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        given = {**query, **parse_qs(body.decode("utf-8", "replace"))}
        form = {name: values[0] for name, values in given.items()}
        operation = form.get("Action", "")
        try:
            known = self._check(operation, form)
            if operation == "DescribeReplicationGroups":
                for group in self._ministack.cache_groups():
                    group["Status"] = await self._caches.state(group["ReplicationGroupId"])
            answer = await self._otherwise(method, path, headers, body, query)
        except AwsError as error:
            return error_answer(error)
        if answer[0] >= 300 or operation.startswith(READS):  # noqa: PLR2004 (HTTP: errors start there)
            return answer
        answer = self._changed(operation, form, known) or answer
        await self._caches.follow()
        return answer

    def _check(self, operation: str, form: Form) -> Document | None:
        """Refuse what AWS refuses or is not served; return what is said of a user's authentication."""
        if operation == "CreateReplicationGroup":
            check_group(form)
        if operation not in ("CreateUser", "ModifyUser"):
            return None
        check_user(form)
        known = authentication(form)
        if known is None and operation == "CreateUser":
            raise AwsError("InvalidParameterValue", "a user needs passwords, or NoPasswordRequired")
        return known

    def _changed(self, operation: str, form: Form, known: Document | None) -> Answer | None:
        """Note what MiniStack does not; return the answer where it has to say more than MiniStack's."""
        if operation in ("CreateUser", "ModifyUser"):
            if known is not None:
                self._passwords[form["UserId"]] = known
                self._touch()
                kind = "no-password" if known["open"] else "password"
                count = {"Type": kind, "PasswordCount": len(known["digests"])}
                self._ministack.cache_user(form["UserId"])["Authentication"] = count
            return self._ministack.cache_user_answer(operation, form["UserId"])
        if operation == "DeleteUser" and self._passwords.pop(form["UserId"], None):
            self._touch()
        if operation in ("CreateReplicationGroup", "IncreaseReplicaCount"):
            record = self._ministack.cache_group(form["ReplicationGroupId"])
            name_endpoints(record)
            if operation == "CreateReplicationGroup":
                record["Status"] = "creating"  # until its server answers
            return self._ministack.cache_group_answer(operation, form["ReplicationGroupId"])
        return None
