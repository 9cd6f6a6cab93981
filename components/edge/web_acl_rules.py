"""What web ACLs compare requests with. Creates nothing.

No name of ``aws.wafv2`` is looked up before a rule is asked for: the module is the SDK's largest, and a stack
without web ACLs does without it.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from .origin_proof import PROOF_HEADER, OriginProof
from .routes import API_PREFIX

RATE_SECONDS = 300
RATE_LIMIT = 6_000
"""Requests of one address in ``RATE_SECONDS``: thirty people behind it, with forty a minute each."""
TOO_MANY_REQUESTS = 429

MANAGED_GROUPS = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesCommonRuleSet",
)
"""AWS's own groups of rules, in the order in which they are asked. None for SQL: there is none here."""
COUNTED: dict[str, dict[str, str]] = {
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY": "SizeRestrictions_Body",
        "CrossSiteScripting_BODY": "CrossSiteScripting_Body",
        "EC2MetaDataSSRF_BODY": "EC2MetaDataSSRF_Body",
        "GenericLFI_BODY": "GenericLFI_Body",
        "GenericRFI_BODY": "GenericRFI_Body",
    }
}
"""Rules about the size and the text of bodies, by group, with the label that each puts on what it matches.

A message to the agent may be long and may quote a script: calls of the API are counted only, and all else is
refused by a rule of ours.
"""
LABEL_NAMESPACES = {"AWSManagedRulesCommonRuleSet": "awswaf:managed:aws:core-rule-set"}

type Rule = aws.wafv2.WebAclRuleArgs
type Statement = aws.wafv2.WebAclRuleStatementArgs
type Visibility = aws.wafv2.WebAclRuleVisibilityConfigArgs


def site_rules(metric: str) -> Sequence[Rule]:
    """Return what the distribution refuses; ``metric`` is what the names of the rules' metrics begin with."""
    return (
        _own("rate", 0, _too_fast(), metric, status=TOO_MANY_REQUESTS),
        *(_managed(group, priority, metric) for priority, group in enumerate(MANAGED_GROUPS, start=1)),
        _own("bodies", len(MANAGED_GROUPS) + 1, _suspicious_elsewhere(), metric),
    )


def api_rules(proof: OriginProof, metric: str) -> Sequence[Rule]:
    """Return what the API refuses: all that has none of the proofs which are accepted."""
    known = aws.wafv2.WebAclRuleStatementOrStatementArgs(
        statements=[_header(PROOF_HEADER, value) for value in proof.accepted]
    )
    return (_own("proof", 0, _not(aws.wafv2.WebAclRuleStatementArgs(or_statement=known)), metric),)


def _own(name: str, priority: int, statement: Statement, metric: str, status: int | None = None) -> Rule:
    response = (
        None if status is None else aws.wafv2.WebAclRuleActionBlockCustomResponseArgs(response_code=status)
    )
    return aws.wafv2.WebAclRuleArgs(
        name=name,
        priority=priority,
        statement=statement,
        action=aws.wafv2.WebAclRuleActionArgs(
            block=aws.wafv2.WebAclRuleActionBlockArgs(custom_response=response)
        ),
        visibility_config=_visibility(f"{metric}-{name}"),
    )


def _managed(group: str, priority: int, metric: str) -> Rule:
    overrides = [
        aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
            name=rule,
            action_to_use=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
                count=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
            ),
        )
        for rule in COUNTED.get(group, {})
    ]
    return aws.wafv2.WebAclRuleArgs(
        name=group,
        priority=priority,
        statement=aws.wafv2.WebAclRuleStatementArgs(
            managed_rule_group_statement=aws.wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
                vendor_name="AWS", name=group, rule_action_overrides=overrides or None
            )
        ),
        # The group's own actions stand, but for those above.
        override_action=aws.wafv2.WebAclRuleOverrideActionArgs(
            none=aws.wafv2.WebAclRuleOverrideActionNoneArgs()
        ),
        visibility_config=_visibility(f"{metric}-{group}"),
    )


def _too_fast() -> Statement:
    return aws.wafv2.WebAclRuleStatementArgs(
        rate_based_statement=aws.wafv2.WebAclRuleStatementRateBasedStatementArgs(
            aggregate_key_type="IP", limit=RATE_LIMIT, evaluation_window_sec=RATE_SECONDS
        )
    )


def _suspicious_elsewhere() -> Statement:
    labels = [
        f"{LABEL_NAMESPACES[group]}:{label}" for group, rules in COUNTED.items() for label in rules.values()
    ]
    labelled = aws.wafv2.WebAclRuleStatementArgs(
        or_statement=aws.wafv2.WebAclRuleStatementOrStatementArgs(
            statements=[
                aws.wafv2.WebAclRuleStatementArgs(
                    label_match_statement=aws.wafv2.WebAclRuleStatementLabelMatchStatementArgs(
                        scope="LABEL", key=label
                    )
                )
                for label in labels
            ]
        )
    )
    return aws.wafv2.WebAclRuleStatementArgs(
        and_statement=aws.wafv2.WebAclRuleStatementAndStatementArgs(
            statements=[labelled, _not(_path_begins(f"{API_PREFIX}/"))]
        )
    )


def _not(statement: Statement) -> Statement:
    return aws.wafv2.WebAclRuleStatementArgs(
        not_statement=aws.wafv2.WebAclRuleStatementNotStatementArgs(statement=statement)
    )


def _path_begins(prefix: str) -> Statement:
    # As it was sent: CloudFront chooses the origin by that too.
    return _bytes(
        "STARTS_WITH",
        prefix,
        aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
            uri_path=aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchUriPathArgs()
        ),
    )


def _header(name: str, value: pulumi.Input[str]) -> Statement:
    return _bytes(
        "EXACTLY",
        value,
        aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
            single_header=aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchSingleHeaderArgs(
                # The provider takes lower case only; WAF takes no notice of it.
                name=name.lower()
            )
        ),
    )


def _bytes(
    constraint: str,
    text: pulumi.Input[str],
    field: "aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs",
) -> Statement:
    return aws.wafv2.WebAclRuleStatementArgs(
        byte_match_statement=aws.wafv2.WebAclRuleStatementByteMatchStatementArgs(
            positional_constraint=constraint,
            search_string=text,
            field_to_match=field,
            text_transformations=[
                aws.wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs(priority=0, type="NONE")
            ],
        )
    )


def _visibility(metric: str) -> Visibility:
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True,
        metric_name=metric,
        # A sample shows all headers, those that sign people in among them.
        sampled_requests_enabled=False,
    )
