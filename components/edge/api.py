"""The public API.

Creates: a regional REST API with a resource for each path segment, a method and integration for each route, a
Cognito authorizer, a request validator, problem documents for the gateway's own errors, a VPC link to the
load balancer with its security group, a deployment, the stage `api` with JSON access logs, execution logs,
tracing and alarms, and its throttling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from .api_methods import ApiMethods, Backend
from .api_stage import ApiStage
from .load_balancer import LoadBalancer
from .plan import EdgePlan
from .problems import PROBLEMS, problem_template
from .routes import STAGE, Route, sorted_routes
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
        backend = Backend(
            link_id=self._link(args),
            authorizer_id=authorizer.id,
            validator_id=validator.id,
            scope=args.plan.token_scope,
            balancer=args.load_balancer,
            functions=args.functions,
        )
        responses = self._problem_responses()
        methods = ApiMethods(label=name, api=self._api, backend=backend, opts=self._child).define(args.routes)
        for label, function in sorted(args.functions.items()):
            function.admit_api(label, self._api.execution_arn, STAGE)
        stage = ApiStage(label=name, api=self._api, logs=args.logs, plan=args.plan, parent=self).open(
            args.routes, backend, [*responses, *methods], self._log_group.arn
        )
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
