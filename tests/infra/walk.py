"""Follows a request from the distribution to a target, over what a deployment declares.

Distribution, web ACL, REST API and listeners are read as AWS reads them (CloudFront developer guide, "Cache
behavior settings"; WAF developer guide, "Rule statements"; ELB user guide, "Condition types for listener
rules"): only the kinds of behavior, statement and condition that are in use; anything else is an error.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from evaluation.program import Deployment
from evaluation.recorder import Recorded
from evaluation.secrecy import plain

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
INTEGRATION = "aws:apigateway/integration:Integration"
LISTENER = "aws:lb/listener:Listener"
METHOD = "aws:apigateway/method:Method"
RESOURCE = "aws:apigateway/resource:Resource"
RULE = "aws:lb/listenerRule:ListenerRule"
STAGE = "aws:apigateway/stage:Stage"
TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
VPC_ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"
WEB_ACL = "aws:wafv2/webAcl:WebAcl"
WEB_ACL_ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is looked at of a request; header names in lower case."""

    method: str = "GET"
    path: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    labels: frozenset[str] = frozenset()
    """What managed rules found in it."""

    def with_headers(self, headers: Mapping[str, str]) -> "Request":
        """The same with more headers; a header that is there is replaced, as CloudFront does."""
        return replace(self, headers={**self.headers, **headers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nobody takes the request."""

    by: str
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A target takes the request."""

    targets: frozenset[str]
    """Names of target groups."""
    door: str
    """``api`` or ``site``: the listener that it came in by."""


type End = Refused | Reached


class Walk:
    """The ways into one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def from_the_internet(self, request: Request) -> End:
        """Ask the distribution."""
        config = self._distribution
        if any(blocks(plain(acl.inputs), request) for acl in self._acls_of_the_distribution()):
            return Refused(by="web ACL", status=403)
        behavior = next(
            (
                found
                for found in config.get("orderedCacheBehaviors", [])
                if _matches(f"/{found['pathPattern'].removeprefix('/')}", request.path)
            ),
            config["defaultCacheBehavior"],
        )
        if request.method not in behavior["allowedMethods"]:
            return Refused(by="distribution", status=403)
        (origin,) = [found for found in config["origins"] if found["originId"] == behavior["targetOriginId"]]
        sent = {header["name"].lower(): header["value"] for header in origin.get("customHeaders", [])}
        onward = request.with_headers(sent)
        if "vpcOriginConfig" in origin:
            return self.at_port(self._port_of_the_vpc_origin(origin), onward)
        return self.at_the_api(onward)

    def at_the_api(self, request: Request) -> End:
        """Ask the REST API, whose address anybody can find out."""
        (stage,) = self._deployment.of_type(STAGE)
        if any(blocks(plain(acl.inputs), request) for acl in self._acls_of(stage)):
            return Refused(by="web ACL", status=403)
        prefix = f"/{stage.inputs['stageName']}"
        if not request.path.startswith(f"{prefix}/"):
            return Refused(by="API", status=403)
        integration = self._integration(request.method, request.path.removeprefix(prefix))
        if integration is None:
            return Refused(by="API", status=404)
        declared = plain(integration.inputs)
        address = urlsplit(str(declared["uri"]))
        assert address.port is not None
        path = re.sub(r"\{[a-z_]+\}", "x", address.path)
        # What has no mapping is not relied on to be passed on.
        mapped = {
            target.rpartition(".")[2].lower(): request.headers.get(source.rpartition(".")[2].lower())
            for target, source in declared["requestParameters"].items()
            if target.startswith("integration.request.header.")
        }
        headers = {name: value for name, value in mapped.items() if value is not None}
        return self.at_port(
            address.port, Request(method=declared["integrationHttpMethod"], path=path, headers=headers)
        )

    def at_port(self, port: int, request: Request) -> End:
        """Ask the load balancer."""
        (listener,) = [found for found in self._deployment.of_type(LISTENER) if found.inputs["port"] == port]
        door = "site" if listener.name.endswith("-site-listener") else "api"
        rules = [
            rule for rule in self._deployment.of_type(RULE) if listener.urn in rule.references["listenerArn"]
        ]
        for rule in sorted(rules, key=lambda rule: rule.inputs["priority"]):
            if all(_meets(condition, request) for condition in plain(rule.inputs["conditions"])):
                groups = [self._deployment.resources[urn] for urn in rule.references["actions"]]
                names = {group.name for group in groups if group.type == TARGET_GROUP}
                return Reached(targets=frozenset(names), door=door)
        (action,) = listener.inputs["defaultActions"]
        assert action["type"] == "fixed-response", listener.name
        return Refused(by=f"{door} listener", status=int(action["fixedResponse"]["statusCode"]))

    def port(self, listener: str) -> int:
        """The port of the listener ``api`` or ``site``."""
        return int(self._deployment.one(LISTENER, f"nova-balancer-{listener}-listener").inputs["port"])

    def public_requests(self) -> Iterator[Request]:
        """One request for each method of the REST API that goes to a service, as a browser would send it.

        What goes to a function does not come by here: see `function_methods`.
        """
        (stage,) = self._deployment.of_type(STAGE)
        of_functions = function_methods(self._deployment)
        for method in self._deployment.of_type(METHOD):
            if method.name in of_functions:
                continue
            (urn,) = method.references["resourceId"]
            path = re.sub(r"\{[a-z_]+\}", "0123456789", self._path_of(self._deployment.resources[urn]))
            yield Request(method=method.inputs["httpMethod"], path=f"/{stage.inputs['stageName']}{path}")

    @cached_property
    def _distribution(self) -> dict[str, Any]:
        (distribution,) = self._deployment.of_type(DISTRIBUTION)
        return plain(distribution.inputs)

    def _port_of_the_vpc_origin(self, origin: dict[str, Any]) -> int:
        (found,) = self._deployment.of_type(VPC_ORIGIN)
        (balancer,) = self._deployment.of_type(BALANCER)
        config = found.inputs["vpcOriginEndpointConfig"]
        assert origin["vpcOriginConfig"]["vpcOriginId"] == "vo_0123456789abcdefghijkl"
        assert balancer.urn in found.references["vpcOriginEndpointConfig"]
        return int(config["httpsPort" if config["originProtocolPolicy"] == "https-only" else "httpPort"])

    def _acls_of_the_distribution(self) -> list[Recorded]:
        (distribution,) = self._deployment.of_type(DISTRIBUTION)
        urns = distribution.references.get("webAclId", frozenset())
        return [
            self._deployment.resources[urn] for urn in urns if self._deployment.resources[urn].type == WEB_ACL
        ]

    def _acls_of(self, stage: Recorded) -> list[Recorded]:
        return [
            self._deployment.resources[urn]
            for association in self._deployment.of_type(WEB_ACL_ASSOCIATION)
            if stage.urn in association.references["resourceArn"]
            for urn in association.references["webAclArn"]
            if self._deployment.resources[urn].type == WEB_ACL
        ]

    def _path_of(self, resource: Recorded) -> str:
        parents = [
            self._deployment.resources[urn]
            for urn in resource.references["parentId"]
            if self._deployment.resources[urn].type == RESOURCE
        ]
        return "".join(self._path_of(parent) for parent in parents) + f"/{resource.inputs['pathPart']}"

    def _integration(self, method: str, path: str) -> Recorded | None:
        found = [
            integration
            for integration in self._deployment.of_type(INTEGRATION)
            for urn in integration.references["resourceId"]
            if integration.inputs["httpMethod"] == method
            and re.fullmatch(
                re.sub(r"\{[a-z_]+\}", "[^/]+", self._path_of(self._deployment.resources[urn])), path
            )
        ]
        return found[0] if found else None


def _matches(pattern: str, text: str) -> bool:
    """Compare as CloudFront and load balancers do: ``*`` is any characters, ``?`` one."""
    written = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(written, text, re.DOTALL) is not None


def _meets(condition: dict[str, Any], request: Request) -> bool:
    ((kind, wanted),) = condition.items()
    match kind:
        case "pathPattern":
            return any(_matches(pattern, request.path) for pattern in wanted["values"])
        case "httpRequestMethod":
            return request.method in wanted["values"]
        case "httpHeader":
            value = request.headers.get(wanted["httpHeaderName"].lower())
            return value is not None and any(
                _matches(pattern.lower(), value.lower()) for pattern in wanted["values"]
            )
        case _:
            raise NotImplementedError(kind)


def blocks(acl: dict[str, Any], request: Request) -> bool:
    """Whether a web ACL refuses a request by a rule of its own.

    What managed rules find is given by the request's labels; nobody is too fast.
    """
    for rule in sorted(acl.get("rules", []), key=lambda rule: rule["priority"]):
        if "action" in rule and _holds(rule["statement"], request):
            return "block" in rule["action"]
    return "block" in acl["defaultAction"]


def _holds(statement: dict[str, Any], request: Request) -> bool:
    ((kind, wanted),) = statement.items()
    match kind:
        case "notStatement":
            return not _holds(wanted["statement"], request)
        case "orStatement" | "andStatement":
            every = all if kind == "andStatement" else any
            return every(_holds(part, request) for part in wanted["statements"])
        case "byteMatchStatement":
            return _compares(wanted, request)
        case "labelMatchStatement":
            assert wanted["scope"] == "LABEL"
            return wanted["key"] in request.labels
        case "rateBasedStatement":
            return False
        case _:
            raise NotImplementedError(kind)


def _compares(wanted: dict[str, Any], request: Request) -> bool:
    assert [found["type"] for found in wanted["textTransformations"]] == ["NONE"]
    ((place, part),) = wanted["fieldToMatch"].items()
    text = request.path if place == "uriPath" else request.headers.get(part["name"])
    match wanted["positionalConstraint"]:
        case "STARTS_WITH":
            return text is not None and text.startswith(wanted["searchString"])
        case "EXACTLY":
            return text == wanted["searchString"]
        case constraint:
            raise NotImplementedError(constraint)


def function_methods(deployment: Deployment) -> set[str]:
    """Names of the methods that functions answer: each by an integration of its name."""
    return {
        found.name.replace("-integration", "-method")
        for found in deployment.of_type("aws:apigateway/integration:Integration")
        if found.inputs["type"] == "AWS_PROXY"
    }
