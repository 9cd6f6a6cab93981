"""What the public API answers: a resource for each path segment, a method and an integration by route."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Required, TypedDict

import pulumi
import pulumi_aws as aws

from ..compute.function import Function
from ..joined import joined
from .listener_rules import ListenerName
from .load_balancer import LoadBalancer
from .origin_proof import PROOF_HEADER
from .routes import STAGE, Route, path_label, resource_paths, sorted_routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
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

    def describe(self, routes: Sequence[Route]) -> dict[str, Any]:
        """Return what methods of these routes consist of, as JSON: where it changes they do."""
        return {
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
            "scope": self.scope,
            "headers": self.headers,
            "door": [self.balancer.scheme, self.balancer.port(ListenerName.API)],
        }


class _Authorization(TypedDict, total=False):
    """What a method says of who may call it."""

    authorization: Required[str]
    authorizer_id: pulumi.Output[str]
    authorization_scopes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiMethods:
    """Makes the methods of one REST API."""

    label: str
    """Begins the names of all resources."""
    api: aws.apigateway.RestApi
    backend: Backend
    opts: pulumi.ResourceOptions

    def define(self, routes: Sequence[Route]) -> list[pulumi.Resource]:
        """Make what answers ``routes``; returns methods and integrations, which a deployment copies."""
        resource_ids: dict[tuple[str, ...], pulumi.Output[str]] = {(): self.api.root_resource_id}
        for path in resource_paths(routes):
            resource = aws.apigateway.Resource(
                f"{self.label}-{path_label(path)}",
                rest_api=self.api.id,
                parent_id=resource_ids[path[:-1]],
                path_part=path[-1],
                opts=self.opts,
            )
            resource_ids[path] = resource.id
        made: list[pulumi.Resource] = []
        for route in sorted_routes(routes):
            resource_id = resource_ids[route.segments]
            method = self._method(route, resource_id)
            answer = self._call if route.function else self._forward
            made += [method, answer(route, resource_id, method.http_method)]
        return made

    def _method(self, route: Route, resource_id: pulumi.Output[str]) -> aws.apigateway.Method:
        return aws.apigateway.Method(
            f"{self.label}-{route_label(route)}-method",
            rest_api=self.api.id,
            resource_id=resource_id,
            http_method=route.method,
            **_authorization(route, self.backend),
            request_validator_id=self.backend.validator_id,
            request_parameters={
                **{f"method.request.path.{parameter}": True for parameter in route.parameters},
                **{f"method.request.header.{header}": False for header in self.backend.headers},
            },
            opts=self.opts,
        )

    def _forward(
        self, route: Route, resource_id: pulumi.Output[str], http_method: pulumi.Output[str]
    ) -> aws.apigateway.Integration:
        """Have the load balancer answer."""
        backend = self.backend
        return aws.apigateway.Integration(
            f"{self.label}-{route_label(route)}-integration",
            rest_api=self.api.id,
            resource_id=resource_id,
            http_method=http_method,
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
            opts=self.opts,
        )

    def _call(
        self, route: Route, resource_id: pulumi.Output[str], http_method: pulumi.Output[str]
    ) -> aws.apigateway.Integration:
        """Have a function answer."""
        return aws.apigateway.Integration(
            f"{self.label}-{route_label(route)}-integration",
            rest_api=self.api.id,
            resource_id=resource_id,
            http_method=http_method,
            type="AWS_PROXY",
            # Functions are called by POST, whatever the caller's method.
            integration_http_method="POST",
            uri=self.backend.functions[route.function].invoke_arn,
            response_transfer_mode=_transfer_mode(route),
            timeout_milliseconds=route.timeout_seconds * 1000,
            opts=self.opts,
        )


def route_label(route: Route) -> str:
    """Return what names of resources for a route have in common."""
    return f"{path_label(route.segments)}-{route.method.lower()}"


def _authorization(route: Route, backend: Backend) -> _Authorization:
    if route.public_rate is not None:
        return {"authorization": "NONE"}
    return {
        "authorization": "COGNITO_USER_POOLS",
        "authorizer_id": backend.authorizer_id,
        # Without a scope the authorizer would take identity tokens instead.
        "authorization_scopes": [backend.scope],
    }


def _transfer_mode(route: Route) -> str:
    return "STREAM" if route.streams else "BUFFERED"
