"""Where the public API goes live: its deployment and its stage, with logs, tracing and throttling."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..joined import joined
from ..observe.logs import LogPolicy
from .api_methods import Backend, route_label
from .plan import EdgePlan
from .problems import ACCESS_LOG_FORMAT, PROBLEMS, problem_template
from .routes import STAGE, Route, sorted_routes


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiStage:
    """Makes the one stage of a REST API, and what it is bound by."""

    label: str
    """Begins the names of all resources."""
    api: aws.apigateway.RestApi
    logs: LogPolicy
    plan: EdgePlan
    parent: pulumi.Resource

    def open(
        self,
        routes: Sequence[Route],
        backend: Backend,
        definitions: Sequence[pulumi.Resource],
        access_log_arn: pulumi.Output[str],
    ) -> aws.apigateway.Stage:
        """Deploy ``definitions``, which answer ``routes``; returns the stage."""
        opts = pulumi.ResourceOptions(parent=self.parent)
        deployment = aws.apigateway.Deployment(
            f"{self.label}-deployment",
            rest_api=self.api.id,
            # A deployment is a copy of the definitions: without a trigger a changed route would never go
            # live.
            triggers={
                "definition": _fingerprint(routes, backend),
                "backend": joined(backend.link_id, "/", backend.authorizer_id, "/", backend.validator_id),
            },
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=list(definitions)),
        )
        stage = aws.apigateway.Stage(
            f"{self.label}-stage",
            rest_api=self.api.id,
            deployment=deployment.id,
            stage_name=STAGE,
            access_log_settings=aws.apigateway.StageAccessLogSettingsArgs(
                destination_arn=access_log_arn, format=ACCESS_LOG_FORMAT
            ),
            xray_tracing_enabled=True,
            opts=opts,
        )
        # API Gateway would make the group itself, and keep everything in it for ever.
        execution_logs = self.logs.group(
            f"{self.label}-execution-logs",
            parent=self.parent,
            physical_name=joined("API-Gateway-Execution-Logs_", self.api.id, "/", STAGE),
        )
        aws.apigateway.MethodSettings(
            f"{self.label}-throttling",
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            method_path="*/*",
            settings=_method_settings(self.plan.throttle_rate, self.plan.throttle_burst),
            opts=pulumi.ResourceOptions(parent=self.parent, depends_on=[execution_logs]),
        )
        for route in sorted_routes(routes):
            if route.public_rate is not None:
                self._throttle(route, route.public_rate, stage)
        return stage

    def _throttle(self, route: Route, rate: int, stage: aws.apigateway.Stage) -> None:
        """Bound what everybody together may ask of a public route: its settings replace the stage's."""
        # Slashes of the path are written so, the one before the method is not (API Gateway, MethodSetting).
        path = route.path.replace("/", "~1")
        aws.apigateway.MethodSettings(
            f"{self.label}-throttling-{route_label(route)}",
            rest_api=self.api.id,
            stage_name=stage.stage_name,
            method_path=f"{path}/{route.method}",
            settings=_method_settings(rate, rate),
            opts=pulumi.ResourceOptions(parent=self.parent),
        )


def _method_settings(rate: int, burst: int) -> aws.apigateway.MethodSettingsSettingsArgs:
    return aws.apigateway.MethodSettingsSettingsArgs(
        throttling_rate_limit=rate,
        throttling_burst_limit=burst,
        metrics_enabled=True,
        logging_level="ERROR",
        # Bodies and headers are nobody's business.
        data_trace_enabled=False,
    )


def _fingerprint(routes: Sequence[Route], backend: Backend) -> str:
    definition = backend.describe(routes) | {"problems": {kind: problem_template(kind) for kind in PROBLEMS}}
    return hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()
