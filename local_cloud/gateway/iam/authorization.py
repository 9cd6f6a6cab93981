"""Every call is authorized: the request path's questions to MiniStack's authorization are answered here.

Corrects: MiniStack authorizes one action and one resource for most calls, lets pass what it finds no
action for, and names neither the resource nor the limiting policy in its refusals (core/iam_actions.py,
app.py `_dispatch_service_request`). Here a request is read once (iam_requests), mapped to all rights that
it needs (iam_mapping), each is decided (iam_decisions), and a refusal is worded (iam_errors) and recorded
(iam_refusals). The request path looks MiniStack's functions up anew for every request, so that replacing
them is enough.
"""

import contextvars
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_cloud.gateway.iam import decisions as iam_decisions
from local_cloud.gateway.iam import mapping as iam_mapping
from local_cloud.gateway.iam import policies as iam_policies
from local_cloud.gateway.iam import requests as iam_requests
from local_cloud.gateway.iam import s3 as iam_s3
from local_cloud.gateway.iam import trust as iam_trust
from local_cloud.gateway.iam.policies import Decision, Question
from local_cloud.gateway.iam.requests import Call, Keys, Need, NotMappedError

ALWAYS_ALLOWED = frozenset(("sts:GetCallerIdentity", "sts:GetSessionToken"))
"""Actions that take no permission (API reference of STS)."""
SERVED_UNSIGNED = frozenset(("cognito-idp", "sts", "sns"))
"""Services with operations that everybody may call: sign-in, web identities, links in messages."""
UNMAPPED = Decision(allowed=False, reason="because the local cloud has no mapping of this operation to IAM: ")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A need that was not met."""

    principal: str
    action: str
    resource: str
    reason: str
    explicit: bool


@dataclass(slots=True)
class Pending:
    """A request on its way: what it needs, and what was decided."""

    call: Call
    action: str
    needs: list[Need] = field(default_factory=list[Need])
    unmapped: str = ""
    access_key: str = ""
    decided: bool = False
    refusal: Refusal | None = None


PENDING: contextvars.ContextVar[Pending | None] = contextvars.ContextVar("pending", default=None)


def _read(call: Call, action: str | None) -> Pending:
    """Return a call with its needs; `action` is MiniStack's, for services that this platform does not use."""
    if not iam_mapping.is_known(call.service):
        pending = Pending(call, action or f"{call.service}:{call.operation or 'Unknown'}")
        pending.unmapped = "the service is not one of the platform's"
        if action:
            pending.needs = [Need(action, "*")]
        return pending
    pending = Pending(call, f"{iam_mapping.namespace_of(call.service)}:{call.operation or 'Unknown'}")
    try:
        pending.needs = iam_mapping.needs(call)
        pending.action = pending.needs[0].action
    except NotMappedError as error:
        pending.unmapped = str(error)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        pending.unmapped = f"the request is malformed ({error!r})"
    if pending.unmapped and call.operation:
        pending.needs = [Need(pending.action, "*")]
    return pending


def _shared(context: Mapping[str, Any] | None) -> Keys:
    """Return the condition keys that hold for all needs of a request: the tags that it names."""
    return {
        name.lower(): value for name, value in (context or {}).items()
        if name.lower().startswith("aws:") and value is not None
    }  # fmt: skip


def _decide_all(pending: Pending, principal: iam_decisions.Principal, shared: Keys) -> Refusal | None:
    """Return the first need of a request that is not met."""
    arn = principal.caller.arn
    if pending.unmapped and not (pending.needs and principal.administrator):
        return Refusal(arn, pending.action, "*", UNMAPPED.reason + pending.unmapped, explicit=False)
    for need in pending.needs:
        decision = iam_decisions.decide(principal, need, shared)
        if not decision.allowed:
            return Refusal(arn, need.action, need.resource, decision.reason, decision.explicit)
    return None


def _aside(
    service: str, region: str, action: str, resource: str, context: Mapping[str, Any] | None
) -> Pending:
    """Return a question beside the request that is being served: of a handler, or on another's behalf."""
    keys = {name.lower(): value for name, value in (context or {}).items() if value is not None}
    path = f"/{resource.removeprefix(iam_s3.BUCKETS)}" if service == "s3" else "/"
    call = Call(service, action.partition(":")[2], region, "", path, {}, {}, b"", {})
    needs = [Need(action, resource, keys)]
    if service == "s3":
        needs += iam_s3.key_needs(call, needs[0], {})
    return Pending(call, action, needs)


class _Enforcement:
    """Takes the place of MiniStack's `enforce`."""

    def __init__(self) -> None:
        self._evaluator: Any = iam_decisions.evaluator()
        self._responses: Any = importlib.import_module("ministack.core.responses")
        self._unsigned = self._evaluator.enforce

    def __call__(
        self, key: str, action: str, service: str, region: str, resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 (MiniStack's EvalResult, AuthError or None)  # fmt: skip
        """Return None when a call is allowed, else MiniStack's record of the refusal."""
        if not key or self._evaluator._anonymous.get():
            return self._unsigned(
                key, action, service, region, resource_arn=resource_arn, service_context=service_context
            )
        pending = PENDING.get()
        own = pending is not None and pending.call.service == service and pending.access_key in ("", key)
        if pending is None or not own or (
            pending.decided and not any(need.action == action and need.resource == resource_arn
                                        for need in pending.needs) and not pending.unmapped
        ):  # fmt: skip
            pending = _aside(service, region, action, resource_arn, service_context)
        if not pending.decided:
            failure = self._decide(pending, key, service, service_context)
            if failure is not None:
                return failure
        return self._result(pending.refusal)

    def _decide(self, pending: Pending, key: str, service: str, context: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 (MiniStack's AuthError or None)
        """Authenticate the caller and decide; return what is wrong with its credentials."""
        account = self._responses.get_account_id()
        failure = self._evaluator._s3_scope_failure(service)
        checked = failure or self._evaluator.authenticate(key, account)
        if isinstance(checked, self._evaluator.AuthError):
            return checked
        pending.access_key, pending.decided = key, True
        if pending.action in ALWAYS_ALLOWED and not pending.unmapped:
            return None
        if service in SERVED_UNSIGNED and self._evaluator._served_unsigned(service, pending.action):
            return None
        resolved = self._evaluator.resolve_principal(key, account, checked)
        if isinstance(resolved, self._evaluator.AuthError):
            return resolved
        if resolved.policies is None:
            return None
        principal = iam_decisions.principal_of(resolved, pending.call.region)
        agent = {"aws:useragent": "user-agent", "aws:referer": "referer"}
        shared = {name: pending.call.headers[header] for name, header in agent.items()
                  if header in pending.call.headers} | _shared(context)  # fmt: skip
        pending.refusal = _decide_all(pending, principal, shared)
        return None

    def _result(self, refusal: Refusal | None) -> Any:  # noqa: ANN401 (MiniStack's EvalResult or None)
        if refusal is None:
            return None
        return self._evaluator.EvalResult("Deny" if refusal.explicit else "ImplicitDeny", refusal.principal)


def _question(context: Any, arn: str = "") -> Question:  # noqa: ANN401 (MiniStack's EvalContext)
    """Return MiniStack's evaluation context as a question."""
    caller = iam_decisions.caller_of(arn or context.principal_arn, context.principal_account)
    keys = iam_decisions.circumstances(caller, context.region)
    keys |= {name.lower(): value for name, value in context.principal_keys.items() if value is not None}
    keys |= {name.lower(): value for name, value in context.service_context.items() if value is not None}
    keys |= {f"aws:requesttag/{name}".lower(): value for name, value in context.request_tags.items()}
    if context.tag_keys:
        keys["aws:tagkeys"] = context.tag_keys
    return Question(caller, context.action, context.resource_arn, keys)


def _replace_evaluation(evaluator: Any) -> None:  # noqa: ANN401 (a MiniStack module)
    """Have MiniStack's services (trust, queue, topic and bucket policies) ask our evaluation."""
    boundary, session = evaluator._permissions_boundary, evaluator._session_policy_limits

    def layer(kind: str, limits: list[Any]) -> list[iam_policies.Layer]:
        return [(kind, [statement for document in limit for statement in document]) for limit in limits]

    def boundary_layer(*arguments: Any) -> list[iam_policies.Layer]:  # noqa: ANN401 (passed through)
        return layer("permissions boundary", boundary(*arguments))

    def session_layer(*arguments: Any) -> list[iam_policies.Layer]:  # noqa: ANN401 (passed through)
        return layer("session policy", session(*arguments))

    def evaluate(context: Any, policies: Any, *limits: iam_policies.Layer) -> Any:  # noqa: ANN401
        statements = [statement for document in policies for statement in document]
        decision = iam_policies.decide(_question(context), statements, limits, None)
        verdict = "Allow" if decision.allowed else "Deny" if decision.explicit else "ImplicitDeny"
        return evaluator.EvalResult(verdict, context.principal_arn, "", decision.reason)

    def evaluate_resource_policy(
        document: Any,  # noqa: ANN401 (passed through)
        context: Any,  # noqa: ANN401 (passed through)
        service: str | None = None,
        **_named: object,
    ) -> Any:  # noqa: ANN401
        question = _question(context)
        if service:
            caller = iam_policies.Caller("", "", service=service)
            question = Question(caller, question.action, question.resource, question.keys | {
                "aws:principalisawsservice": "true", "aws:securetransport": "true",
            })  # fmt: skip
        verdict = iam_policies.ask_resource(iam_policies.parse(document), question)
        allowed = "Allow" if verdict.allowed_as else "ImplicitDeny"
        return evaluator.EvalResult("Deny" if verdict.denied else allowed, context.principal_arn)

    def evaluate_trust_policy(document: Any, caller_arn: str, context: Any = None) -> bool:  # noqa: ANN401
        question = _question(context, caller_arn)
        if context.action == "sts:AssumeRoleWithWebIdentity":
            provider = iam_policies.Caller("", "", provider=caller_arn)
            question = Question(provider, question.action, question.resource, question.keys)
        return iam_trust.caller_may_assume(document, question)

    evaluator.parse_policy_document = iam_policies.parse
    evaluator._permissions_boundary = boundary_layer
    evaluator._session_policy_limits = session_layer
    evaluator.evaluate = evaluate
    evaluator.evaluate_resource_policy = evaluate_resource_policy
    evaluator.evaluate_trust_policy = evaluate_trust_policy


def _replace_mapping(actions: Any, responses: Any) -> None:  # noqa: ANN401 (MiniStack modules)
    """Have the request path take action and resource from our mapping."""
    extract_action, extract_resource = actions.extract_iam_action, actions.extract_resource_arn

    def iam_action(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> str:
        call = iam_requests.read(service, method, path, headers, body, query, responses.get_region())
        known = iam_mapping.is_known(service)
        pending = _read(call, None if known else extract_action(service, method, path, headers, body, query))
        PENDING.set(pending)
        return pending.action

    def resource_arn(service: str, *arguments: Any) -> str:  # noqa: ANN401 (passed through)
        pending = PENDING.get()
        if pending is not None and pending.call.service == service and pending.needs:
            return pending.needs[0].resource
        return "*" if service == "s3vectors" else extract_resource(service, *arguments)

    actions.extract_iam_action = iam_action
    actions.extract_resource_arn = resource_arn


def begin() -> None:
    """Forget the request that the same connection brought before."""
    PENDING.set(None)


def refusal() -> Refusal | None:
    """Return why the request that is being served was refused."""
    pending = PENDING.get()
    return pending.refusal if pending is not None else None


def install() -> None:
    """Put everything in place, after `anonymous.install()`: requests without a key stay with that."""
    application: Any = importlib.import_module("ministack.app")
    evaluator = iam_decisions.evaluator()
    _replace_evaluation(evaluator)
    evaluator.enforce = _Enforcement()
    _replace_mapping(
        importlib.import_module("ministack.core.iam_actions"),
        importlib.import_module("ministack.core.responses"),
    )
    pin = application.pin_request_origin

    def pin_request_origin(*arguments: Any) -> None:  # noqa: ANN401 (passed through)
        begin()
        pin(*arguments)

    application.pin_request_origin = pin_request_origin
