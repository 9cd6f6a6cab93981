"""What is watched of what callers meet, from distribution to user pool (pure, no resources)."""

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs
from ..metrics import Expression
from ..severity import Severity
from .source import AlarmSet, Source, rate, total


def target_alarms(load_balancer: pulumi.Input[str], target_group: pulumi.Input[str]) -> AlarmSet:
    """Watch what the load balancer sees of a service; both are the suffixes of their ARNs."""
    source = Source(
        namespace="AWS/ApplicationELB",
        dimensions={"LoadBalancer": load_balancer, "TargetGroup": target_group},
    )
    return {
        "unhealthy": AlarmArgs(
            description="A task does not answer its health check and gets no requests.",
            runbook="service-unhealthy",
            severity=Severity.URGENT,
            metric=source.metric("UnHealthyHostCount", "Maximum", 60),
            threshold=0,
            periods=thresholds.UNHEALTHY_MINUTES,
        ),
        "errors": AlarmArgs(
            description="More than one in a hundred requests fails in the service.",
            runbook="service-errors",
            severity=Severity.URGENT,
            metric=rate(source.metric("HTTPCode_Target_5XX_Count"), source.metric("RequestCount")),
            threshold=thresholds.ERROR_RATE_PERCENT,
        ),
        "latency": AlarmArgs(
            description="One in twenty requests waits long for its answer to begin.",
            runbook="service-latency",
            severity=Severity.NOTICE,
            metric=source.metric("TargetResponseTime", "p95"),
            threshold=thresholds.LATENCY_SECONDS,
            periods=3,
        ),
    }


def load_balancer_alarms(load_balancer: pulumi.Input[str]) -> AlarmSet:
    """Watch what the load balancer, the suffix of its ARN, refuses by itself."""
    source = Source(namespace="AWS/ApplicationELB", dimensions={"LoadBalancer": load_balancer})
    return {
        "errors": AlarmArgs(
            description="The load balancer answers errors of its own: it finds no task, or none answers.",
            runbook="load-balancer",
            severity=Severity.URGENT,
            metric=source.metric("HTTPCode_ELB_5XX_Count"),
            threshold=thresholds.BALANCER_ERRORS,
        ),
        "rejected": AlarmArgs(
            description="The load balancer has all the connections that it can hold and rejects more.",
            runbook="load-balancer",
            severity=Severity.URGENT,
            metric=source.metric("RejectedConnectionCount"),
            threshold=0,
        ),
    }


def api_alarms(api: pulumi.Input[str], stage: pulumi.Input[str]) -> AlarmSet:
    """Watch a stage of a REST API.

    How long answers take is watched at the services: here a streamed answer counts until its end.
    """
    source = Source(namespace="AWS/ApiGateway", dimensions={"ApiName": api, "Stage": stage})
    return {
        "errors": AlarmArgs(
            description="More than one in a hundred calls of the public API fails.",
            runbook="api-errors",
            severity=Severity.URGENT,
            metric=rate(source.metric("5XXError"), source.metric("Count")),
            threshold=thresholds.ERROR_RATE_PERCENT,
        ),
        "refusals": AlarmArgs(
            description="The public API refuses an unusual share of calls.",
            runbook="api-refusals",
            severity=Severity.NOTICE,
            metric=rate(source.metric("4XXError"), source.metric("Count"), thresholds.REFUSALS_IGNORED),
            threshold=thresholds.REFUSAL_RATE_PERCENT,
            periods=3,
        ),
        "latency": AlarmArgs(
            description="The public API itself, apart from the services behind it, takes long.",
            runbook="api-latency",
            severity=Severity.NOTICE,
            metric=Expression(
                formula="whole - behind",
                metrics={
                    "whole": source.metric("Latency", "Average"),
                    "behind": source.metric("IntegrationLatency", "Average"),
                },
            ),
            threshold=thresholds.GATEWAY_LATENCY_MS,
            periods=3,
        ),
    }


def distribution_alarms(distribution: pulumi.Input[str], region: str) -> AlarmSet:
    """Watch a distribution; ``region`` is where CloudFront reports all of its metrics."""
    source = Source(
        namespace="AWS/CloudFront", dimensions={"DistributionId": distribution, "Region": "Global"}
    )
    return {
        "server-errors": AlarmArgs(
            description="More than one in twenty requests is answered with a server's error.",
            runbook="site-server-errors",
            severity=Severity.URGENT,
            metric=source.metric("5xxErrorRate", "Average"),
            threshold=thresholds.SITE_ERROR_RATE_PERCENT,
            periods=2,
            region=region,
        ),
    }


def site_acl_alarms(metric: str, region: str) -> AlarmSet:
    """Watch the web ACL of a distribution; ``region`` is where WAF reports its metrics."""
    source = Source(namespace="AWS/WAFV2", dimensions={"WebACL": metric, "Rule": "ALL"})
    return {
        "refusals": AlarmArgs(
            description="The distribution's web ACL refuses many requests: an attack, or a rule that errs.",
            runbook="web-acl",
            severity=Severity.NOTICE,
            metric=source.metric("BlockedRequests"),
            threshold=thresholds.WEB_ACL_REFUSALS,
            region=region,
        ),
    }


def api_acl_alarms(metric: str, region: str) -> AlarmSet:
    """Watch the web ACL of the REST API in ``region``."""
    source = Source(namespace="AWS/WAFV2", dimensions={"WebACL": metric, "Rule": "ALL", "Region": region})
    return {
        "unproven": AlarmArgs(
            description="Many calls lack the distribution's proof: it sends another one, or is passed by.",
            runbook="unproven-calls",
            severity=Severity.URGENT,
            metric=source.metric("BlockedRequests"),
            threshold=thresholds.UNPROVEN_CALLS,
        ),
    }


def user_pool_alarms(pool_id: pulumi.Input[str], client_id: pulumi.Input[str]) -> AlarmSet:
    """Watch the sign-ins of one client of a user pool."""
    source = Source(namespace="AWS/Cognito", dimensions={"UserPool": pool_id, "UserPoolClient": client_id})
    return {
        "throttles": AlarmArgs(
            description="Cognito refuses sign-ins or renewals of tokens, because there are too many.",
            runbook="sign-in",
            severity=Severity.URGENT,
            metric=total(
                {
                    "sign_ins": source.metric("SignInThrottles"),
                    "renewals": source.metric("TokenRefreshThrottles"),
                }
            ),
            threshold=0,
        ),
        "failures": AlarmArgs(
            description="Many sign-ins fail: somebody guesses passwords, or a client is broken.",
            runbook="sign-in",
            severity=Severity.NOTICE,
            metric=Expression(
                formula="attempts - successes",
                metrics={
                    "attempts": source.metric("SignInSuccesses", "SampleCount"),
                    "successes": source.metric("SignInSuccesses"),
                },
            ),
            threshold=thresholds.SIGN_IN_FAILURES,
        ),
    }
