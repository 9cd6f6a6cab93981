"""Rules about CloudFront."""

from collections.abc import Iterable, Iterator
from typing import Any

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, at_least, each, is_certainly, is_set, may_be, texts

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
DELIVERY = "aws:cloudwatch/logDeliverySource:LogDeliverySource"
_TLS = ("TLSv1.2_2021", "TLSv1.2_2025", "TLSv1.3_2025")
_YEAR_SECONDS = 31_536_000


@resource_rule(
    "cloudfront-distribution-viewer-tls",
    severity=Severity.HIGH,
    types=(DISTRIBUTION,),
    controls=(47,),
    references=("CloudFront.7", "CloudFront.15"),
    description="Browsers speak TLS 1.2 or newer with a production distribution.",
    remediation="Give viewerCertificate a certificate, and minimumProtocolVersion TLSv1.2_2021 or newer.",
    production=True,
)
def viewer_tls(distribution: Resource, _options: Options) -> Iterable[str]:
    """With CloudFront's own certificate AWS decides, and that is TLS 1.0."""
    if not may_be(distribution.at("viewerCertificate", "minimumProtocolVersion"), *_TLS):
        yield "it admits versions of TLS before 1.2"


@resource_rule(
    "cloudfront-distribution-https",
    severity=Severity.HIGH,
    types=(DISTRIBUTION,),
    controls=(47,),
    references=("CloudFront.3",),
    description="Nothing of a distribution is sent in plain HTTP.",
    remediation="Set viewerProtocolPolicy of each behavior to https-only or redirect-to-https.",
)
def https(distribution: Resource, _options: Options) -> Iterable[str]:
    """Look at each behavior: one that forgets is enough."""
    for behavior in _behaviors(distribution):
        if not may_be(at(behavior, "viewerProtocolPolicy"), "https-only", "redirect-to-https"):
            yield "a behavior admits plain HTTP"


def _behaviors(distribution: Resource) -> Iterator[Any]:
    default = distribution.at("defaultCacheBehavior")
    if default is not None and default is not UNKNOWN:
        yield default
    for behavior in each(distribution.at("orderedCacheBehaviors")):
        if behavior is not UNKNOWN:
            yield behavior


def _origins(distribution: Resource) -> Iterator[Any]:
    yield from (origin for origin in each(distribution.at("origins")) if origin is not UNKNOWN)


@resource_rule(
    "cloudfront-distribution-origin-tls",
    severity=Severity.HIGH,
    types=(DISTRIBUTION,),
    controls=(47,),
    references=("CloudFront.9", "CloudFront.10"),
    description="A distribution asks its origins by HTTPS, with TLS 1.2.",
    remediation="Set originProtocolPolicy to https-only and originSslProtocols to TLSv1.2 alone.",
)
def origin_tls(distribution: Resource, _options: Options) -> Iterable[str]:
    """Leave out origins inside of a VPC, whose way leads through no network of others."""
    for origin in _origins(distribution):
        config = at(origin, "customOriginConfig")
        if config is None:
            continue
        if not may_be(at(config, "originProtocolPolicy"), "https-only"):
            yield "an origin may be asked in plain HTTP"
        if set(texts(at(config, "originSslProtocols"))) - {"TLSv1.2"}:
            yield "an origin may be asked with versions of TLS before 1.2"


@stack_rule(
    "cloudfront-distribution-access-logs",
    severity=Severity.MEDIUM,
    types=(DISTRIBUTION,),
    controls=(47,),
    references=("CloudFront.5",),
    description="A production distribution logs who asked for what.",
    remediation="Deliver its access logs with a LogDeliverySource, or set loggingConfig.",
    production=True,
)
def access_logs(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Know both ways: the bucket that the distribution names, and deliveries of CloudWatch."""
    for distribution in graph.of_type(DISTRIBUTION):
        delivered = graph.referring_to(distribution, DELIVERY, by="resourceArn")
        if not delivered and not is_set(distribution.at("loggingConfig")):
            yield Finding(distribution, "requests are not logged")


@resource_rule(
    "cloudfront-distribution-root-object",
    severity=Severity.HIGH,
    types=(DISTRIBUTION,),
    controls=(47,),
    references=("CloudFront.1",),
    description="A distribution of a bucket has a page for its root, and never the bucket's list of objects.",
    remediation="Set defaultRootObject.",
)
def root_object(distribution: Resource, _options: Options) -> Iterable[str]:
    """Only buckets answer / with what is in them."""
    target = distribution.at("defaultCacheBehavior", "targetOriginId")
    for origin in _origins(distribution):
        if (
            _is_bucket(origin)
            and is_certainly(target, at(origin, "originId"))
            and not is_set(distribution.at("defaultRootObject"))
        ):
            yield "its root shows what is in the bucket"


def _is_bucket(origin: Any) -> bool:
    domain = at(origin, "domainName")
    return is_set(at(origin, "s3OriginConfig")) or (
        isinstance(domain, str) and ".s3" in domain and domain.endswith(".amazonaws.com")
    )


@resource_rule(
    "cloudfront-distribution-waf",
    severity=Severity.MEDIUM,
    types=(DISTRIBUTION,),
    controls=(48,),
    references=("CloudFront.6",),
    description="A production distribution has a web ACL.",
    remediation="Set webAclId.",
    production=True,
)
def waf(distribution: Resource, _options: Options) -> Iterable[str]:
    """Ask for it where everybody comes in."""
    if not is_set(distribution.at("webAclId")):
        yield "no web ACL stands before it"


@resource_rule(
    "cloudfront-distribution-headers",
    severity=Severity.MEDIUM,
    types=(DISTRIBUTION,),
    controls=(48,),
    description="Every answer of a distribution tells browsers what they must not do.",
    remediation="Set responseHeadersPolicyId of each behavior.",
)
def headers(distribution: Resource, _options: Options) -> Iterable[str]:
    """Do not rely on the origin's own headers: CloudFront's error pages are answers, too."""
    for behavior in _behaviors(distribution):
        if not is_set(at(behavior, "responseHeadersPolicyId")):
            yield "a behavior adds no headers"


@resource_rule(
    "cloudfront-responseheaderspolicy-hsts",
    severity=Severity.MEDIUM,
    types=(HEADERS,),
    controls=(48,),
    description="Browsers are told to use HTTPS alone, for a year or more.",
    remediation="Set strictTransportSecurity with accessControlMaxAgeSec of 31536000 at least, and override.",
)
def hsts(policy: Resource, _options: Options) -> Iterable[str]:
    """Ask for the override, too: an origin may say less."""
    security = policy.at("securityHeadersConfig", "strictTransportSecurity")
    if not at_least(at(security, "accessControlMaxAgeSec"), _YEAR_SECONDS):
        yield "browsers may go back to plain HTTP within a year"
    elif not may_be(at(security, "override"), True):
        yield "an origin may say otherwise"


@resource_rule(
    "cloudfront-distribution-origin-access",
    severity=Severity.MEDIUM,
    types=(DISTRIBUTION,),
    controls=(49,),
    references=("CloudFront.13", "CloudFront.16"),
    description="Buckets and functions behind a distribution are asked with its own signature.",
    remediation="Set originAccessControlId of the origin, and let the bucket or the function admit it alone.",
)
def origin_access(distribution: Resource, _options: Options) -> Iterable[str]:
    """Otherwise they have to be open to everybody for the distribution to reach them."""
    for origin in _origins(distribution):
        domain = at(origin, "domainName")
        is_function = isinstance(domain, str) and ".lambda-url." in domain
        if (_is_bucket(origin) or is_function) and not is_set(at(origin, "originAccessControlId")):
            yield "an origin has to be open for it"
