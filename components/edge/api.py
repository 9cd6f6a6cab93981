"""The public API.

Creates: a regional REST API with a resource for each path segment, a method and integration for each route, a
Cognito authorizer, a request validator, problem documents for the gateway's own errors, a VPC link to the
load balancer with its security group, a deployment, the stage `api` with JSON access logs, execution logs,
tracing and alarms, and its throttling.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Required, TypedDict

import pulumi
import pulumi_aws as aws

from ..account import Account
from ..compute.function import Function
from ..joined import joined
from ..network.vpc import Vpc
from ..observe.alarms import Alerts
from ..observe.logs import LogPolicy
from ..observe.sets.edge import api_alarms
from ..observe.sets.traffic import api_calls
from .listener_rules import ListenerName
from .load_balancer import LoadBalancer
from .origin_proof import PROOF_HEADER
from .plan import EdgePlan
from .problems import ACCESS_LOG_FORMAT, PROBLEMS, problem_template
from .routes import STAGE, Route, path_label, resource_paths, sorted_routes
from .user_pool import UserPool

TLS_POLICY = "SecurityPolicy_TLS13_1_2_2021_06"
"""TLS 1.2 and later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiArgs:
    """What the API exposes, to whom, and how much of it."""

    account: Account
    routes: Sequence[Route]
    user_pool: UserPool
    load_balancer: LoadBalancer
    vpc: Vpc
    logs: LogPolicy
    alerts: Alerts
    plan: EdgePlan
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])
    """Functions that answer routes, by the labels that the routes name."""
    asleep: bool = False
    """Whether there is its log alone, for when there is an API again."""

    def __post_init__(self) -> None:
        """Check that there is something to expose, once each, and somebody to answer."""
        if not self.routes:
            raise ValueError("routes: give at least one")
        sorted_routes(self.routes)
        if unknown := {route.function for route in self.routes if route.function} - self.functions.keys():
            raise ValueError(f"functions: routes name {', '.join(sorted(unknown))}, which is not given")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backend:
    """What every integration points to."""

    link_id: pulumi.Output[str]
    authorizer_id: pulumi.Output[str]
    validator_id: pulumi.Output[str]
    scope: str
    balancer: LoadBalancer
    functions: Mapping[str, Function]

    @property
    def headers(self) -> tuple[str, ...]:
        """Headers of requests that the load balancer asks for, beside what every request has."""
        return (PROOF_HEADER,) if self.balancer.asks_proof else ()


class _Authorization(TypedDict, total=False):
    """What a method says of who may call it."""

    authorization: Required[str]
    authorizer_id: pulumi.Output[str]
    authorization_scopes: list[str]


class Api(pulumi.ComponentResource):
    """The REST API in front of the load balancer.

    Every route demands a valid access token, unless it says to be public; those have a throttle of their own.
    """

    host: pulumi.Output[str]
    """Where API Gateway answers; the path begins with the stage. Nothing does while the stack sleeps."""
    stage_arn: pulumi.Output[str]
    traced_stage: pulumi.Output[str]
    """What traces call it."""
    access_log_group: pulumi.Output[str]
    """Name of the log group that has a line for each request."""

    def __init__(self, name: str, args: ApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:Api", name, None, opts)
        self._label = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._log_group = args.logs.group(f"{name}-access-logs", parent=self)
        self.access_log_group = self._log_group.name
        if not args.asleep:
            self._open(args)
            self.register_outputs({"host": self.host, "stage_arn": self.stage_arn})
            return
        self.register_outputs({})

    def _open(self, args: ApiArgs) -> None:
        name = self._label
        self._api = aws.apigateway.RestApi(
            f"{name}-rest",
            description="Public API",
            endpoint_configuration=aws.apigateway.RestApiEndpointConfigurationArgs(types="REGIONAL"),
            security_policy=TLS_POLICY,
            # The name that TLS was spoken for has to be the one that is asked.
            endpoint_access_mode="STRICT",
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
        validator = aws.apigateway.RequestValidator(
            f"{name}-validator",
            rest_api=self._api.id,
            validate_request_parameters=True,
            validate_request_body=False,
            opts=self._child,
        )
        backend = _Backend(
            link_id=self._link(args),
            authorizer_id=authorizer.id,
            validator_id=validator.id,
            scope=args.plan.token_scope,
            balancer=args.load_balancer,
            functions=args.functions,
        )
        responses = self._problem_responses()
        methods = self._routes(sorted_routes(args.routes), backend)
        for label, function in sorted(args.functions.items()):
            function.admit_api(label, self._api.execution_arn, STAGE)
        stage = self._stage(args, backend, [*responses, *methods])
        self.host = joined(self._api.id, ".", args.account.endpoint("execute-api"))
        self.stage_arn = stage.arn
        self.traced_stage = joined(self._api.name, "/", stage.stage_name)
        args.alerts.watch(name, api_alarms(self._api.name, stage.stage_name), parent=self)
        args.alerts.show(*api_calls(name, self._api.name, stage.stage_name))

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
        label = f"{self._label}-{_label(route)}"
        method = aws.apigateway.Method(
            f"{label}-method",
            rest_api=self._api.id,
            resource_id=resource_id,
            http_method=route.method,
            **_authorization(route, backend),
            request_validator_id=backend.validator_id,
            request_parameters={
                **{f"method.request.path.{parameter}": True for parameter in route.parameters},
                **{f"method.request.header.{header}": False for header in backend.headers},
            },
            opts=self._child,
        )
        if route.function:
            return method, self._call(route, resource_id, method, backend.functions[route.function])
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
            uri=joined(
                f"{backend.balancer.scheme}://",
                backend.balancer.host,
                f":{backend.balancer.port(ListenerName.API)}/{STAGE}{route.path}",
            ),
            request_parameters={
                f"integration.request.{place}": f"method.request.{place}"
                for place in (
                    *(f"path.{parameter}" for parameter in route.parameters),
                    *(f"header.{header}" for header in backend.headers),
                )
            },
            # Stated for both: AWS keeps the mode of an integration that no longer says any.
            response_transfer_mode=_transfer_mode(route),
            timeout_milliseconds=route.timeout_seconds * 1000,
            opts=self._child,
        )
        return method, integration

    def _call(
        self,
        route: Route,
        resource_id: pulumi.Output[str],
        method: aws.apigateway.Method,
        function: Function,
    ) -> aws.apigateway.Integration:
        return aws.apigateway.Integration(
            f"{self._label}-{_label(route)}-integration",
            rest_api=self._api.id,
            resource_id=resource_id,
            http_method=method.http_method,
            type="AWS_PROXY",
            # Functions are called by POST, whatever the caller's method.
            integration_http_method="POST",
            uri=function.invoke_arn,
            response_transfer_mode=_transfer_mode(route),
            timeout_milliseconds=route.timeout_seconds * 1000,
            opts=self._child,
        )

    def _problem_responses(self) -> list[pulumi.Resource]:
        return [
            aws.apigateway.Response(
                f"{self._label}-problem-{kind.lower().replace('_', '-')}",
                rest_api_id=self._api.id,
                response_type=kind,
                status_code=str(status),
                response_parameters={"gatewayresponse.header.Content-Type": "'application/problem+json'"},
                response_templates={"application/json": problem_template(kind)},
                opts=self._child,
            )
            for kind, (status, _) in sorted(PROBLEMS.items())
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
                "definition": _fingerprint(args.routes, backend),
                "backend": joined(backend.link_id, "/", backend.authorizer_id, "/", backend.validator_id),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(definitions)),
        )
        stage = aws.apigateway.Stage(
            f"{self._label}-stage",
            rest_api=self._api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings=aws.apigateway.StageAccessLogSettingsArgs(
                destination_arn=self._log_group.arn, format=ACCESS_LOG_FORMAT
            ),
            xray_tracing_enabled=True,
            opts=self._child,
        )
        # API Gateway would make the group itself, and keep everything in it for ever.
        execution_logs = args.logs.group(
            f"{self._label}-execution-logs",
            parent=self,
            physical_name=joined("API-Gateway-Execution-Logs_", self._api.id, "/", STAGE),
        )
        aws.apigateway.MethodSettings(
            f"{self._label}-throttling",
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=_method_settings(args.plan.throttle_rate, args.plan.throttle_burst),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[execution_logs]),
        )
        for route in sorted_routes(args.routes):
            if route.public_rate is not None:
                self._throttle(route, route.public_rate, stage)
        return stage

    def _throttle(self, route: Route, rate: int, stage: aws.apigateway.Stage) -> None:
        """Bound what everybody together may ask of a public route: its settings replace the stage's."""
        # Slashes of the path are written so, the one before the method is not (API Gateway, MethodSetting).
        path = route.path.replace("/", "~1")
        aws.apigateway.MethodSettings(
            f"{self._label}-throttling-{_label(route)}",
            rest_api=self._api.id,
            stage_name=stage.stage_name,
            method_path=f"{path}/{route.method}",
            settings=_method_settings(rate, rate),
            opts=self._child,
        )


def _label(route: Route) -> str:
    return f"{path_label(route.segments)}-{route.method.lower()}"


def _authorization(route: Route, backend: _Backend) -> _Authorization:
    if route.public_rate is not None:
        return {"authorization": "NONE"}
    return {
        "authorization": "COGNITO_USER_POOLS",
        "authorizer_id": backend.authorizer_id,
        # Without a scope the authorizer would take identity tokens instead.
        "authorization_scopes": [backend.scope],
    }


def _method_settings(rate: int, burst: int) -> aws.apigateway.MethodSettingsSettingsArgs:
    return aws.apigateway.MethodSettingsSettingsArgs(
        throttling_rate_limit=rate,
        throttling_burst_limit=burst,
        metrics_enabled=True,
        logging_level="ERROR",
        # Bodies and headers are nobody's business.
        data_trace_enabled=False,
    )


def _transfer_mode(route: Route) -> str:
    return "STREAM" if route.streams else "BUFFERED"


def _fingerprint(routes: Sequence[Route], backend: _Backend) -> str:
    definition = {
        "routes": [
            [
                route.method,
                route.path,
                _transfer_mode(route),
                route.timeout_seconds,
                route.public_rate,
                route.function,
            ]
            for route in sorted_routes(routes)
        ],
        "problems": {kind: problem_template(kind) for kind in PROBLEMS},
        "scope": backend.scope,
        "headers": backend.headers,
        "door": [backend.balancer.scheme, backend.balancer.port(ListenerName.API)],
    }
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
