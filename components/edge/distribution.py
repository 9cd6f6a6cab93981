"""The distribution: the one address of the platform.

Creates: a CloudFront distribution with the REST API and, through a VPC origin, the load balancer's `site`
listener behind it; the policies of what the site sees of a request, and of its response headers; the delivery
of its access logs; with a domain its records; its alarms. While the stack sleeps, the
function that answers instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..data.access_logs import AccessLogs
from ..joined import joined
from ..names import stack_name
from ..observe.alarms import Alerts
from ..observe.sets.edge import distribution_alarms
from ..observe.sets.traffic import site_requests
from .behaviors import FORWARDING_HEADERS, Behavior, Origin, RequestPolicy, behaviors
from .certificates import DISTRIBUTION_REGION
from .listener_rules import ListenerName
from .load_balancer import LoadBalancer
from .origin_proof import PROOF_HEADER, OriginProof
from .plan import SiteDomain
from .resting import resting_behavior, resting_origin
from .routes import API_PREFIX

READ_SECONDS = 60
"""How long an origin may say nothing: four times the 15 s between two heartbeats of a stream, and twice what
API Gateway gives an answer that is not streamed."""
KEEP_ALIVE_SECONDS = 60
VIEWER_TLS = "TLSv1.2_2021"
HSTS_SECONDS = 63_072_000
"""Two years, what browsers' preload lists ask for at least twice over."""

LOG_FIELDS = (
    "timestamp(ms)",
    "DistributionId",
    "x-edge-location",
    "x-edge-request-id",
    "c-ip",
    "c-country",
    "x-forwarded-for",
    "x-host-header",
    "cs-protocol",
    "cs-protocol-version",
    "ssl-protocol",
    "ssl-cipher",
    "cs-method",
    "cs-uri-stem",
    "cs(User-Agent)",
    "cs-bytes",
    "sc-status",
    "sc-bytes",
    "sc-content-type",
    "x-edge-result-type",
    "x-edge-detailed-result-type",
    "time-taken",
    "time-to-first-byte",
    "origin-fbl",
)
"""What is logged of a request. Not its cookies, query and referer, which can hold what signs people in."""

_CACHED_METHODS = ("GET", "HEAD")
_ORIGIN_NAME_LENGTH_MAX = 64
_BALANCER_ID_LENGTH = 16
"""Letters and digits at the end of a load balancer's ARN, which no two load balancers share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionDomain:
    """The site's own name, and the certificate for it."""

    domain: SiteDomain
    certificate_arn: pulumi.Output[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """What stands behind the distribution, and what it proves itself with."""

    api_host: pulumi.Output[str]
    load_balancer: LoadBalancer
    proof: OriginProof
    proof_accepted_by: Sequence[pulumi.Resource]
    """What has to know a new proof before it is sent."""
    static_paths: Sequence[str]
    """Patterns of files whose names change with their content, so that they may be kept."""
    web_acl_arn: pulumi.Output[str] | None
    """Nothing where every request passes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionArgs:
    """Whom the distribution asks, and under which name."""

    backends: Backends | None
    """Nothing while the stack sleeps: then the distribution itself answers that it does."""
    domain: DistributionDomain | None
    access_logs: AccessLogs
    alerts: Alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policies:
    """Ids of the distribution's own policies."""

    viewer: pulumi.Output[str]
    headers: pulumi.Output[str]

    def of(self, behavior: Behavior) -> pulumi.Input[str] | None:
        return self.viewer if behavior.request is RequestPolicy.VIEWER else behavior.request


class Distribution(pulumi.ComponentResource):
    """One name space of paths, none of them rewritten.

    ``/api/*`` goes to the REST API, all else to the load balancer's `site` listener. Only files whose names
    change with their content are kept at the edge. Asleep it keeps its name and answers everything with 503.
    """

    url: pulumi.Output[str]
    """The site's origin, as browsers understand the word: ``https://`` and a host."""
    api_url: pulumi.Output[str]

    def __init__(self, name: str, args: DistributionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:Distribution", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        distribution = self._distribution()
        host = distribution.domain_name if args.domain is None else self._records(distribution, args.domain)
        self.url = joined("https://", host)
        self.api_url = joined(self.url, API_PREFIX)
        self._log(distribution)
        args.alerts.watch(name, distribution_alarms(distribution.id, DISTRIBUTION_REGION), parent=self)
        args.alerts.show(*site_requests(name, distribution.id, DISTRIBUTION_REGION))
        self.register_outputs({"url": self.url, "api_url": self.api_url})

    def _distribution(self) -> aws.cloudfront.Distribution:
        policies = _Policies(viewer=self._viewer_policy().id, headers=self._response_headers().id)
        backends = self._args.backends
        if backends is None:
            return self._made([resting_origin()], [], resting_behavior(self._label, policies.headers, self))
        *ordered, default = behaviors(backends.static_paths)
        return self._made(
            [self._api_origin(backends), self._site_origin(backends.load_balancer)],
            [_ordered(behavior, policies) for behavior in ordered],
            _default(default, policies),
        )

    def _made(
        self,
        origins: list[aws.cloudfront.DistributionOriginArgs],
        ordered: list[aws.cloudfront.DistributionOrderedCacheBehaviorArgs],
        default: aws.cloudfront.DistributionDefaultCacheBehaviorArgs,
    ) -> aws.cloudfront.Distribution:
        backends = self._args.backends
        return aws.cloudfront.Distribution(
            f"{self._label}-distribution",
            enabled=True,
            comment=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            aliases=None if self._args.domain is None else [self._args.domain.domain.host],
            origins=origins,
            ordered_cache_behaviors=ordered,
            default_cache_behavior=default,
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_All",
            web_acl_id=backends.web_acl_arn if backends else None,
            restrictions=aws.cloudfront.DistributionRestrictionsArgs(
                geo_restriction=aws.cloudfront.DistributionRestrictionsGeoRestrictionArgs(
                    restriction_type="none"
                )
            ),
            viewer_certificate=self._viewer_certificate(),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=list(backends.proof_accepted_by) if backends else None
            ),
        )

    def _viewer_certificate(self) -> aws.cloudfront.DistributionViewerCertificateArgs:
        if self._args.domain is None:
            # CloudFront's own certificate comes with CloudFront's own minimum.
            return aws.cloudfront.DistributionViewerCertificateArgs(cloudfront_default_certificate=True)
        return aws.cloudfront.DistributionViewerCertificateArgs(
            acm_certificate_arn=self._args.domain.certificate_arn,
            minimum_protocol_version=VIEWER_TLS,
            ssl_support_method="sni-only",
        )

    def _api_origin(self, backends: Backends) -> aws.cloudfront.DistributionOriginArgs:
        return aws.cloudfront.DistributionOriginArgs(
            origin_id=Origin.API,
            domain_name=backends.api_host,
            custom_headers=[
                aws.cloudfront.DistributionOriginCustomHeaderArgs(
                    name=PROOF_HEADER, value=backends.proof.sent
                )
            ],
            custom_origin_config=aws.cloudfront.DistributionOriginCustomOriginConfigArgs(
                http_port=80,
                https_port=443,
                origin_protocol_policy="https-only",
                origin_ssl_protocols=["TLSv1.2"],
                origin_read_timeout=READ_SECONDS,
                origin_keepalive_timeout=KEEP_ALIVE_SECONDS,
            ),
        )

    def _site_origin(self, balancer: LoadBalancer) -> aws.cloudfront.DistributionOriginArgs:
        return aws.cloudfront.DistributionOriginArgs(
            origin_id=Origin.SITE,
            domain_name=balancer.host,
            vpc_origin_config=aws.cloudfront.DistributionOriginVpcOriginConfigArgs(
                vpc_origin_id=self._vpc_origin(balancer).id,
                origin_read_timeout=READ_SECONDS,
                origin_keepalive_timeout=KEEP_ALIVE_SECONDS,
            ),
        )

    def _vpc_origin(self, balancer: LoadBalancer) -> aws.cloudfront.VpcOrigin:
        encrypted = balancer.scheme == "https"
        port = balancer.port(ListenerName.SITE)
        return aws.cloudfront.VpcOrigin(
            f"{self._label}-origin",
            vpc_origin_endpoint_config=aws.cloudfront.VpcOriginVpcOriginEndpointConfigArgs(
                # Of two origins that stand side by side while one takes the other's place, each has its own.
                name=joined(
                    stack_name(f"site-{balancer.scheme}", _ORIGIN_NAME_LENGTH_MAX - _BALANCER_ID_LENGTH - 1),
                    "-",
                    balancer.arn.apply(lambda arn: arn.rpartition("/")[2]),
                ),
                arn=balancer.arn,
                http_port=80 if encrypted else port,
                https_port=port if encrypted else 443,
                origin_protocol_policy="https-only" if encrypted else "http-only",
                origin_ssl_protocols=aws.cloudfront.VpcOriginVpcOriginEndpointConfigOriginSslProtocolsArgs(
                    items=["TLSv1.2"], quantity=1
                ),
            ),
            # CloudFront changes none that a distribution uses (terraform-provider-aws 40905): a new one is
            # made, the distribution goes over to it, and the old one is removed.
            opts=pulumi.ResourceOptions(parent=self, replace_on_changes=["vpc_origin_endpoint_config"]),
        )

    def _viewer_policy(self) -> aws.cloudfront.OriginRequestPolicy:
        return aws.cloudfront.OriginRequestPolicy(
            f"{self._label}-viewer",
            comment="All that the viewer sent, but what only proxies know",
            cookies_config=aws.cloudfront.OriginRequestPolicyCookiesConfigArgs(cookie_behavior="all"),
            query_strings_config=aws.cloudfront.OriginRequestPolicyQueryStringsConfigArgs(
                query_string_behavior="all"
            ),
            headers_config=aws.cloudfront.OriginRequestPolicyHeadersConfigArgs(
                header_behavior="allExcept",
                headers=aws.cloudfront.OriginRequestPolicyHeadersConfigHeadersArgs(
                    items=list(FORWARDING_HEADERS)
                ),
            ),
            opts=self._child,
        )

    def _response_headers(self) -> aws.cloudfront.ResponseHeadersPolicy:
        return aws.cloudfront.ResponseHeadersPolicy(
            f"{self._label}-headers",
            comment="What a browser must not do with answers",
            security_headers_config=aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigArgs(
                strict_transport_security=aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigStrictTransportSecurityArgs(
                    access_control_max_age_sec=HSTS_SECONDS, include_subdomains=True, override=True
                ),
                content_type_options=aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigContentTypeOptionsArgs(
                    override=True
                ),
                frame_options=aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigFrameOptionsArgs(
                    frame_option="DENY", override=True
                ),
                referrer_policy=aws.cloudfront.ResponseHeadersPolicySecurityHeadersConfigReferrerPolicyArgs(
                    referrer_policy="strict-origin-when-cross-origin", override=True
                ),
            ),
            opts=self._child,
        )

    def _records(self, distribution: aws.cloudfront.Distribution, named: DistributionDomain) -> str:
        for kind in ("A", "AAAA"):
            aws.route53.Record(
                f"{self._label}-record-{kind.lower()}",
                zone_id=named.domain.zone_id,
                name=named.domain.host,
                type=kind,
                aliases=[
                    aws.route53.RecordAliasArgs(
                        name=distribution.domain_name,
                        zone_id=distribution.hosted_zone_id,
                        evaluate_target_health=False,
                    )
                ],
                opts=self._child,
            )
        return named.domain.host

    def _log(self, distribution: aws.cloudfront.Distribution) -> None:
        source = aws.cloudwatch.LogDeliverySource(
            f"{self._label}-access",
            region=DISTRIBUTION_REGION,
            log_type="ACCESS_LOGS",
            resource_arn=distribution.arn,
            opts=self._child,
        )
        destination = aws.cloudwatch.LogDeliveryDestination(
            f"{self._label}-access-bucket",
            region=DISTRIBUTION_REGION,
            output_format="json",
            delivery_destination_configuration=aws.cloudwatch.LogDeliveryDestinationDeliveryDestinationConfigurationArgs(
                destination_resource_arn=self._args.access_logs.arn
            ),
            opts=self._child,
        )
        aws.cloudwatch.LogDelivery(
            f"{self._label}-access-delivery",
            region=DISTRIBUTION_REGION,
            delivery_source_name=source.name,
            delivery_destination_arn=destination.arn,
            record_fields=list(LOG_FIELDS),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.access_logs.policy]),
        )


def _ordered(behavior: Behavior, policies: _Policies) -> aws.cloudfront.DistributionOrderedCacheBehaviorArgs:
    return aws.cloudfront.DistributionOrderedCacheBehaviorArgs(
        path_pattern=behavior.pattern,
        target_origin_id=behavior.origin,
        viewer_protocol_policy=_protocol_policy(behavior),
        allowed_methods=list(behavior.methods),
        cached_methods=list(_CACHED_METHODS),
        cache_policy_id=behavior.cache,
        origin_request_policy_id=policies.of(behavior),
        response_headers_policy_id=policies.headers,
        compress=behavior.compresses,
    )


def _default(behavior: Behavior, policies: _Policies) -> aws.cloudfront.DistributionDefaultCacheBehaviorArgs:
    return aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
        target_origin_id=behavior.origin,
        viewer_protocol_policy=_protocol_policy(behavior),
        allowed_methods=list(behavior.methods),
        cached_methods=list(_CACHED_METHODS),
        cache_policy_id=behavior.cache,
        origin_request_policy_id=policies.of(behavior),
        response_headers_policy_id=policies.headers,
        compress=behavior.compresses,
    )


def _protocol_policy(behavior: Behavior) -> str:
    return "redirect-to-https" if behavior.redirects else "https-only"
