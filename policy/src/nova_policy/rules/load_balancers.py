"""Rules about application load balancers."""

from collections.abc import Iterable

from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule
from nova_policy.values import UNKNOWN, at, each, is_certainly, is_set, may_be

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"
_POLICIES = ("ELBSecurityPolicy-TLS13-1-2", "ELBSecurityPolicy-TLS13-1-3", "ELBSecurityPolicy-FS-1-2")
"""Starts of the names of policies without TLS 1.0 and 1.1 (ELB user guide, "Security policies")."""
_OLDER_TOO = ("-Ext1-", "-Ext2-")
"""Of these, variants with ciphers that are kept for old clients."""


def _is_application(balancer: Resource) -> bool:
    kind = balancer.at("loadBalancerType")
    return kind is None or may_be(kind, "application")


@resource_rule(
    "elb-loadbalancer-requests",
    severity=Severity.MEDIUM,
    types=(BALANCER,),
    controls=(41,),
    references=("ELB.4", "ELB.12"),
    description="A load balancer hands on no request that two servers may read in two ways.",
    remediation="Set dropInvalidHeaderFields, and desyncMitigationMode to defensive or strictest.",
)
def requests(balancer: Resource, _options: Options) -> Iterable[str]:
    """AWS hands invalid headers on unless told not to; its mode is defensive unless told otherwise."""
    if not _is_application(balancer):
        return
    if not may_be(balancer.at("dropInvalidHeaderFields"), True):
        yield "invalid headers are handed on"
    if is_certainly(balancer.at("desyncMitigationMode"), "monitor"):
        yield "ambiguous requests are counted and handed on"


@resource_rule(
    "elb-loadbalancer-deletion-protection",
    severity=Severity.MEDIUM,
    types=(BALANCER,),
    controls=(41,),
    references=("ELB.6",),
    description="A production load balancer is protected from deletion.",
    remediation="Set enableDeletionProtection.",
    production=True,
)
def deletion_protection(balancer: Resource, _options: Options) -> Iterable[str]:
    """Keep what its name in the DNS is gone with."""
    if not may_be(balancer.at("enableDeletionProtection"), True):
        yield "AWS would delete it when asked"


@resource_rule(
    "elb-loadbalancer-access-logs",
    severity=Severity.MEDIUM,
    types=(BALANCER,),
    controls=(41,),
    references=("ELB.5",),
    description="A load balancer logs who asked for what.",
    remediation="Set accessLogs with a bucket, and enabled.",
)
def access_logs(balancer: Resource, _options: Options) -> Iterable[str]:
    """Look at the switch: a bucket alone is not enough."""
    if not may_be(balancer.at("accessLogs", "enabled"), True):
        yield "requests are not logged"


@resource_rule(
    "elb-listener-https",
    severity=Severity.HIGH,
    types=(LISTENER,),
    controls=(42,),
    references=("ELB.1",),
    description="A listener of production speaks HTTPS, or sends people where HTTPS is spoken.",
    remediation="Set protocol to HTTPS, or make the default action a redirect to HTTPS.",
    production=True,
)
def https(listener: Resource, _options: Options) -> Iterable[str]:
    """Inside of a network too: what is between there and the client is not the program's to know."""
    if is_certainly(listener.at("protocol"), "HTTP") and not _redirects(listener.at("defaultActions")):
        yield "it takes requests in plain HTTP"


def _redirects(actions: object) -> bool:
    return actions is UNKNOWN or any(
        action is UNKNOWN or may_be(at(action, "redirect", "protocol"), "HTTPS") for action in each(actions)
    )


@resource_rule(
    "elb-listener-tls",
    severity=Severity.HIGH,
    types=(LISTENER,),
    controls=(42,),
    references=("ELB.17",),
    description="A listener with TLS admits TLS 1.2 and 1.3 alone.",
    remediation="Set sslPolicy to ELBSecurityPolicy-TLS13-1-2-Res-2021-06.",
)
def tls(listener: Resource, _options: Options) -> Iterable[str]:
    """Refuse what AWS takes for a listener that names none, too: it admits TLS 1.0."""
    policy = listener.at("sslPolicy")
    if not is_set(policy):
        if is_certainly(listener.at("protocol"), "HTTPS", "TLS"):
            yield "it has AWS's oldest policy, with TLS 1.0"
    elif isinstance(policy, str) and (
        not policy.startswith(_POLICIES) or any(variant in policy for variant in _OLDER_TOO)
    ):
        yield "its policy admits old versions or ciphers"
