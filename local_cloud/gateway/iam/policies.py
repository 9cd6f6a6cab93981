"""Policy documents, and how statements and layers of them decide.

Source: IAM user guide, "Policy evaluation logic". An explicit deny anywhere wins; without an allow
everything is denied; a permissions boundary and session policies limit what identity policies allow;
within one account a resource policy that names the principal allows by itself, one that names the account
only delegates to identity policies; a key policy has to allow in any case.

Corrects of MiniStack's evaluator: variables and ARN patterns (iam_patterns), conditions (iam_conditions),
NotPrincipal (its Deny is ignored there), principals with wildcards or of another case, the caller's root
as any service, and the reason that a refusal names.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from local_cloud.documents import Document
from local_cloud.gateway.iam import conditions as iam_conditions
from local_cloud.gateway.iam import patterns as iam_patterns
from local_cloud.gateway.iam.requests import Keys

WITH_VARIABLES = "2012-10-17"
ACCOUNT_PRINCIPAL = re.compile(r"(?:arn:aws:iam::)?(\d{12})(?::root)?")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy."""

    effect: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principal: object
    not_principal: object
    conditions: Mapping[str, Mapping[str, object]]
    variables: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the ARN that a session or user has, its role's ARN, or a service."""

    arn: str
    account: str
    role_arn: str = ""
    service: str = ""
    provider: str = ""
    """Identity provider of a web identity."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: may this caller do this with that, under these circumstances."""

    caller: Caller
    action: str
    resource: str
    keys: Keys = field(default_factory=dict[str, str | list[str]])


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may, and the words with which AWS says why not."""

    allowed: bool
    reason: str = ""
    explicit: bool = False


def _texts(value: object) -> tuple[str, ...]:
    found = cast("list[object]", value) if isinstance(value, list) else [value]
    return tuple(str(item) for item in found if item not in (None, ""))


def _statement(statement: Document, variables: bool) -> Statement:
    return Statement(
        effect=statement["Effect"],
        actions=_texts(statement.get("Action")),
        not_actions=_texts(statement.get("NotAction")),
        resources=_texts(statement.get("Resource")),
        not_resources=_texts(statement.get("NotResource")),
        principal=statement.get("Principal"),
        not_principal=statement.get("NotPrincipal"),
        conditions=statement.get("Condition") or {},
        variables=variables,
    )


@functools.lru_cache(1024)
def _parsed(text: str) -> tuple[Statement, ...]:
    try:
        document: object = json.loads(text)
    except ValueError:
        return ()
    if not isinstance(document, dict):
        return ()
    policy: Document = cast("Document", document)
    statements: Any = policy.get("Statement", [])
    listed: list[Any] = cast("list[Any]", statements) if isinstance(statements, list) else [statements]
    return tuple(
        _statement(cast("Document", entry), policy.get("Version") == WITH_VARIABLES)
        for entry in listed
        if isinstance(entry, dict) and cast("Document", entry).get("Effect") in ("Allow", "Deny")
    )


def parse(document: str | Document | None) -> tuple[Statement, ...]:
    """Return the statements of a policy document; none of what is not one."""
    if not document:
        return ()
    return _parsed(document if isinstance(document, str) else json.dumps(document))


def _covers(statement: Statement, question: Question) -> bool:
    """Whether action and resource of a statement cover a question."""
    action, resource, keys = question.action, question.resource, question.keys
    by_action = any(iam_patterns.matches_action(action, pattern) for pattern in statement.actions) or (
        bool(statement.not_actions)
        and not any(iam_patterns.matches_action(action, pattern) for pattern in statement.not_actions)
    )
    if not by_action:
        return False

    def named(patterns: tuple[str, ...]) -> bool:
        resolved = [iam_patterns.resolve(text, keys) if statement.variables else text for text in patterns]
        return any(iam_patterns.matches_arn(resource, pattern) for pattern in resolved)

    if statement.resources:
        return named(statement.resources)
    return not statement.not_resources or not named(statement.not_resources)


def matches(statement: Statement, question: Question) -> bool:
    """Whether a statement applies; one with an unknown condition operator applies if it denies."""
    try:
        return _covers(statement, question) and iam_conditions.met(
            statement.conditions, question.keys, statement.variables
        )
    except iam_patterns.UnresolvedError:
        return False
    except iam_conditions.UnknownOperatorError:
        return statement.effect == "Deny"


def _any(statements: Iterable[Statement], effect: str, question: Question) -> bool:
    return any(statement.effect == effect and matches(statement, question) for statement in statements)


def _names(principal: object, caller: Caller) -> str:
    """Return how a Principal names a caller: "itself", "role", "everyone", "account" or "" for not at all."""
    if principal == "*":
        return "everyone"
    if not isinstance(principal, dict):
        return ""
    members: Mapping[str, object] = cast("Document", principal)
    names = _texts(members.get("AWS"))
    services = {name.lower() for name in _texts(members.get("Service"))}
    providers = _texts(members.get("Federated"))
    accounts = {found[1] for name in names if (found := ACCOUNT_PRINCIPAL.fullmatch(name))}
    ways = {
        "itself": caller.service.lower() in services or caller.provider in providers or caller.arn in names,
        "role": caller.role_arn in names,
        "everyone": "*" in names,
        "account": caller.account in accounts,
    }
    return next((way for way, applies in ways.items() if applies), "")


def _how_named(statement: Statement, caller: Caller) -> str:
    """Return how a statement of a resource policy applies to a caller.

    NotPrincipal applies to everybody whom it does not name; a session is named when its role and its account
    are ("IAM JSON policy elements: NotPrincipal").
    """
    if statement.not_principal is not None:
        return "" if _names(statement.not_principal, caller) else "everyone"
    return _names(statement.principal, caller)


@dataclass(frozen=True, slots=True)
class ResourceVerdict:
    """What a resource policy says: an explicit deny, or by which kind of naming it allows."""

    denied: bool
    allowed_as: frozenset[str]


def ask_resource(statements: Sequence[Statement], question: Question) -> ResourceVerdict:
    """Return what a resource policy says about a question."""
    found: set[str] = set()
    for statement in statements:
        how = _how_named(statement, question.caller)
        if how and matches(statement, question):
            if statement.effect == "Deny":
                return ResourceVerdict(denied=True, allowed_as=frozenset())
            found.add(how)
    return ResourceVerdict(denied=False, allowed_as=frozenset(found))


def _denied(kind: str) -> Decision:
    return Decision(allowed=False, reason=f"with an explicit deny in {kind}", explicit=True)


def _lacks(kind: str, action: str) -> Decision:
    return Decision(allowed=False, reason=f"because no {kind} allows the {action} action")


IDENTITY, RESOURCE = "an identity-based policy", "a resource-based policy"

type Layer = tuple[str, Sequence[Statement]]
"""What limits the identity policies ("permissions boundary", "session policy") and its statements."""


def decide(
    question: Question,
    identity: Sequence[Statement],
    limits: Sequence[Layer],
    resource: Sequence[Statement] | None,
    *,
    same_account: bool = True,
    policy_required: bool = False,
) -> Decision:
    """Decide a question.

    `resource` is the resource's own policy (None: it has none), `policy_required` says that it must allow
    even the owner's account (keys).
    """
    verdict = ask_resource(resource or (), question)
    denying = [
        *([IDENTITY] if _any(identity, "Deny", question) else []),
        *(f"a {kind}" for kind, statements in limits if _any(statements, "Deny", question)),
        *([RESOURCE] if verdict.denied else []),
    ]
    if denying:
        return _denied(denying[0])
    if same_account and "itself" in verdict.allowed_as:
        return Decision(allowed=True)
    by_identity = _any(identity, "Allow", question)
    if same_account and not policy_required:
        allowed = by_identity or bool(verdict.allowed_as - {"account"})
    else:
        by_resource = bool(verdict.allowed_as - {"account"}) if same_account else False
        allowed = by_resource or (by_identity and bool(verdict.allowed_as))
    if not allowed:
        return _lacks("resource-based policy" if by_identity else "identity-based policy", question.action)
    for kind, statements in limits:
        if not _any(statements, "Allow", question):
            return _lacks(kind, question.action)
    return Decision(allowed=True)


def is_administrator(identity: Iterable[Statement], limits: Sequence[Layer]) -> bool:
    """Whether identity policies allow everything and nothing limits them."""
    return not limits and any(
        statement.effect == "Allow" and "*" in statement.actions and "*" in statement.resources
        and not statement.conditions
        for statement in identity
    )  # fmt: skip


def asks_for(statements: Iterable[Statement], prefix: str) -> bool:
    """Whether a condition or a variable of these statements uses a key with this prefix (lower case)."""
    return any(
        iam_conditions.names(statement.conditions.values(), prefix)
        or any("${" + prefix in text.lower() for text in (*statement.resources, *statement.not_resources))
        for statement in statements
    )
