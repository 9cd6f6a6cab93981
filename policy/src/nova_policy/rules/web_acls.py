"""Rules about AWS WAF."""

from collections.abc import Iterable
from typing import Any

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import UNKNOWN, at, each, is_set, may_be

WEB_ACL = "aws:wafv2/webAcl:WebAcl"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"


@resource_rule(
    "wafv2-webacl-rules",
    severity=Severity.MEDIUM,
    types=(WEB_ACL,),
    controls=(51,),
    references=("WAF.10",),
    description="A web ACL knows bad inputs, and counts what one address asks.",
    remediation="Add AWSManagedRulesKnownBadInputsRuleSet without a count override, and a rate-based rule.",
    options={
        "groups": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["AWSManagedRulesKnownBadInputsRuleSet"],
            "description": "Names of AWS's groups of rules that have to be there",
        }
    },
)
def rules(acl: Resource, options: Options) -> Iterable[str]:
    """Leave out one that only admits what another one has let through: it blocks what lacks a header."""
    found = acl.at("rules")
    if found is UNKNOWN or any(rule is UNKNOWN or _asks_for_proof(rule) for rule in each(found)):
        return
    for group in options["groups"]:
        if not any(_is_group(rule, group) for rule in each(found)):
            yield f"{group} is missing, or counts alone"
    if not any(is_set(at(rule, "statement", "rateBasedStatement")) for rule in each(found)):
        yield "nothing limits how much one address asks"


def _asks_for_proof(rule: Any) -> bool:
    return at(rule, "action", "block") is not None and is_set(at(rule, "statement", "notStatement"))


def _is_group(rule: Any, name: str) -> bool:
    return (
        may_be(at(rule, "statement", "managedRuleGroupStatement", "name"), name)
        and at(rule, "overrideAction", "count") is None
    )


@resource_rule(
    "wafv2-webacl-metrics",
    severity=Severity.MEDIUM,
    types=(WEB_ACL,),
    controls=(51,),
    references=("WAF.12",),
    description="What each rule of a web ACL does can be seen.",
    remediation="Set visibilityConfig.cloudwatchMetricsEnabled of the web ACL and of each rule.",
)
def metrics(acl: Resource, _options: Options) -> Iterable[str]:
    """Ask each rule: one that blocks the wrong people is found by its number of refusals."""
    if not may_be(acl.at("visibilityConfig", "cloudwatchMetricsEnabled"), True):
        yield "it has no metrics"
    if not all(
        may_be(at(rule, "visibilityConfig", "cloudwatchMetricsEnabled"), True)
        for rule in each(acl.at("rules"))
    ):
        yield "a rule has no metrics"


@stack_rule(
    "wafv2-webacl-logging",
    severity=Severity.LOW,
    types=(WEB_ACL, LOGGING),
    controls=(51,),
    references=("WAF.11",),
    description="A web ACL logs what it refuses.",
    remediation="Give it a WebAclLoggingConfiguration.",
)
def logging(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Whom a rule refused, nobody can tell without it."""
    for acl in graph.of_type(WEB_ACL):
        if not graph.referring_to(acl, LOGGING, by="resourceArn"):
            yield Finding(acl, "it logs nothing")
