"""The public API.

Creates: a regional REST API with a resource for each path segment, a method and integration for each route, a
Cognito authorizer, problem documents for the gateway's own errors, a VPC link to the load balancer with its
security group, a deployment, the stage `api` with JSON access logs and tracing, and its throttling.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.edge.load_balancer import LISTENER_PORT, LoadBalancer
from components.edge.routes import Route, path_label, resource_paths, sorted_routes
from components.edge.user_pool import UserPool
from components.network.vpc import Vpc
from components.observe.logs import LogPolicy

STAGE = "api"
"""The stage's name is the first segment of every public path, and of the path that services see."""
SCOPE = "aws.cognito.signin.user.admin"
"""The scope in access tokens of users who signed in with the pool's own API; without one the authorizer takes
identity tokens instead."""

_ACCESS_LOG_FIELDS = {
    "request_id": "$context.requestId",
    "trace_id": "$context.xrayTraceId",
    "time": "$context.requestTime",
    "source_ip": "$context.identity.sourceIp",
    "user": "$context.authorizer.claims.sub",
    "method": "$context.httpMethod",
    "resource_path": "$context.resourcePath",
    "path": "$context.path",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_status": "$context.integration.status",
    "integration_latency_ms": "$context.integration.latency",
    "error": "$context.error.message",
    "response_length": "$context.responseLength",
}

# Where API Gateway's own message misleads: a path without a route is reported as a missing token.
_DETAILS = {"MISSING_AUTHENTICATION_TOKEN": "There is nothing here."}
# Response type of API Gateway -> status and title.
_PROBLEMS: dict[str, tuple[int, str]] = {
    "ACCESS_DENIED": (403, "Forbidden"),
    "AUTHORIZER_FAILURE": (500, "Internal Server Error"),
    "BAD_REQUEST_BODY": (400, "Bad Request"),
    "BAD_REQUEST_PARAMETERS": (400, "Bad Request"),
    "EXPIRED_TOKEN": (401, "Unauthorized"),
    "INTEGRATION_FAILURE": (502, "Bad Gateway"),
    "INTEGRATION_TIMEOUT": (504, "Gateway Timeout"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "Not Found"),
    "REQUEST_TOO_LARGE": (413, "Content Too Large"),
    "RESOURCE_NOT_FOUND": (404, "Not Found"),
    "THROTTLED": (429, "Too Many Requests"),
    "UNAUTHORIZED": (401, "Unauthorized"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiArgs:
    """What the API exposes, to whom, and how much of it."""

    routes: Sequence[Route]
    user_pool: UserPool
    load_balancer: LoadBalancer
    vpc: Vpc
    logs: LogPolicy
    throttle_rate: int
    """Requests a second, in the long run."""
    throttle_burst: int
    """Requests at once."""

    def __post_init__(self) -> None:
        """Check that there is something to expose, once each."""
        if not self.routes:
            raise ValueError("routes: give at least one")
        sorted_routes(self.routes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backend:
    """What every integration points to."""

    link_id: pulumi.Output[str]
    authorizer_id: pulumi.Output[str]
    balancer: LoadBalancer


class Api(pulumi.ComponentResource):
    """The REST API in front of the load balancer. Every route demands a valid access token."""

    url: pulumi.Output[str]
    """Address of the stage; it ends in ``/api``."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:Api", name, None, opts)
        self._label = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._api = aws.apigateway.RestApi(
            f"{name}-rest",
            description="Public API",
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            opts=self._child,
        )
        authorizer = aws.apigateway.Authorizer(
            f"{name}-authorizer",
            rest_api=self._api.id,
            type="COGNITO_USER_POOLS",
            provider_arns=[args.user_pool.arn],
            identity_source="method.request.header.Authorization",
            opts=self._child,
        )
        backend = _Backend(link_id=self._link(args), authorizer_id=authorizer.id, balancer=args.load_balancer)
        responses = self._problem_responses()
        methods = self._routes(sorted_routes(args.routes), backend)
        stage = self._stage(args, backend, [*responses, *methods])
        self.url = stage.invoke_url
        self.register_outputs({"url": self.url})

    def _link(self, args: ApiArgs) -> pulumi.Output[str]:
        group = aws.ec2.SecurityGroup(
            f"{self._label}-link-security-group",
            description="VPC link of the public API",
            vpc_id=args.vpc.vpc_id,
            opts=self._child,
        )
        args.load_balancer.admit("api-link", group.id)
        link = aws.apigatewayv2.VpcLink(
            f"{self._label}-link",
            subnet_ids=args.vpc.private_subnet_ids,
            security_group_ids=[group.id],
            opts=self._child,
        )
        return link.id

    def _routes(self, routes: Sequence[Route], backend: _Backend) -> list[pulumi.Resource]:
        resource_ids: dict[tuple[str, ...], pulumi.Output[str]] = {(): self._api.root_resource_id}
        for path in resource_paths(routes):
            resource = aws.apigateway.Resource(
                f"{self._label}-{path_label(path)}",
                rest_api=self._api.id,
                parent_id=resource_ids[path[:-1]],
                path_part=path[-1],
                opts=self._child,
            )
            resource_ids[path] = resource.id
        return [
            made for route in routes for made in self._route(route, resource_ids[route.segments], backend)
        ]

    def _route(
        self, route: Route, resource_id: pulumi.Output[str], backend: _Backend
    ) -> tuple[pulumi.Resource, pulumi.Resource]:
        label = f"{self._label}-{path_label(route.segments)}-{route.method.lower()}"
        method = aws.apigateway.Method(
            f"{label}-method",
            rest_api=self._api.id,
            resource_id=resource_id,
            http_method=route.method,
            authorization="COGNITO_USER_POOLS",
            authorizer_id=backend.authorizer_id,
            authorization_scopes=[SCOPE],
            request_parameters={f"method.request.path.{parameter}": True for parameter in route.parameters},
            opts=self._child,
        )
        integration = aws.apigateway.Integration(
            f"{label}-integration",
            rest_api=self._api.id,
            resource_id=resource_id,
            http_method=method.http_method,
            type="HTTP_PROXY",
            integration_http_method=route.method,
            connection_type="VPC_LINK",
            connection_id=backend.link_id,
            integration_target=backend.balancer.arn,
            uri=pulumi.Output.concat(
                "http://", backend.balancer.dns_name, f":{LISTENER_PORT}/{STAGE}{route.path}"
            ),
            request_parameters={
                f"integration.request.path.{parameter}": f"method.request.path.{parameter}"
                for parameter in route.parameters
            },
            # Stated for both: AWS keeps the mode of an integration that no longer says any.
            response_transfer_mode=_transfer_mode(route),
            timeout_milliseconds=route.timeout_seconds * 1000,
            opts=self._child,
        )
        return method, integration

    def _problem_responses(self) -> list[pulumi.Resource]:
        return [
            aws.apigateway.Response(
                f"{self._label}-problem-{kind.lower().replace('_', '-')}",
                rest_api_id=self._api.id,
                response_type=kind,
                status_code=str(status),
                response_parameters={"gatewayresponse.header.Content-Type": "'application/problem+json'"},
                response_templates={"application/json": _problem_template(kind, status, title)},
                opts=self._child,
            )
            for kind, (status, title) in sorted(_PROBLEMS.items())
        ]

    def _stage(
        self, args: ApiArgs, backend: _Backend, definitions: Sequence[pulumi.Resource]
    ) -> aws.apigateway.Stage:
        deployment = aws.apigateway.Deployment(
            f"{self._label}-deployment",
            rest_api=self._api.id,
            # A deployment is a copy of the definitions: without a trigger a changed route would never go
            # live.
            triggers={
                "definition": _fingerprint(args.routes),
                "backend": pulumi.Output.concat(backend.link_id, "/", backend.authorizer_id),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(definitions)),
        )
        log_group = args.logs.group(f"{self._label}-access-logs", parent=self)
        stage = aws.apigateway.Stage(
            f"{self._label}-stage",
            rest_api=self._api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings=aws.apigateway.StageAccessLogSettingsArgs(
                destination_arn=log_group.arn, format=json.dumps(_ACCESS_LOG_FIELDS)
            ),
            xray_tracing_enabled=True,
            opts=self._child,
        )
        aws.apigateway.MethodSettings(
            f"{self._label}-throttling",
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=aws.apigateway.MethodSettingsSettingsArgs(
                throttling_rate_limit=args.throttle_rate,
                throttling_burst_limit=args.throttle_burst,
                metrics_enabled=True,
                # Execution logs can show bodies; the access log has what is needed.
                logging_level="OFF",
            ),
            opts=self._child,
        )
        return stage


def _problem_template(kind: str, status: int, title: str) -> str:
    detail = _DETAILS.get(kind, "@detail@")
    fields = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    fields |= {"instance": "$context.path", "request_id": "$context.requestId"}
    # messageString is quoted by API Gateway itself.
    return json.dumps(fields).replace('"@detail@"', "$context.error.messageString")


def _transfer_mode(route: Route) -> str:
    return "STREAM" if route.streams else "BUFFERED"


def _fingerprint(routes: Sequence[Route]) -> str:
    definition = {
        "routes": [
            [route.method, route.path, _transfer_mode(route), route.timeout_seconds]
            for route in sorted_routes(routes)
        ],
        "problems": {kind: _problem_template(kind, *problem) for kind, problem in _PROBLEMS.items()},
        "scope": SCOPE,
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
