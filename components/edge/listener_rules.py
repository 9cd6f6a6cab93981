"""What the load balancer's listeners do with which requests.

Creates: for each match a listener rule, behind a proof of origin where one is asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from .origin_proof import PROOF_HEADER, OriginProof

TEST_HEADER, TEST_VALUE = "X-Nova-Test", "true"
"""What a request carries that is meant for tasks which do not take production requests yet."""

_PATTERNS_MAX = 5
"""Values that one rule may compare (AWS limit)."""
_PROOFS = 2
_PRIORITY_MAX = 50_000

type Groups = tuple[pulumi.Output[str], pulumi.Output[str]]
"""ARNs of the target groups of one service, of which one has its production requests."""


class ListenerName(StrEnum):
    """One of the load balancer's doors."""

    API = "api"
    """For the public API: it knows the services."""
    SITE = "site"
    """For CloudFront: it knows what a browser may reach without the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMatch:
    """Requests that go to one target: any of ``paths``, and any of ``methods`` unless that is empty."""

    label: str
    priority: int
    """The rule with the lowest number that matches wins; unique at its listener."""
    paths: tuple[str, ...]
    methods: tuple[str, ...] = ()
    listener: ListenerName = ListenerName.API

    def __post_init__(self) -> None:
        """Check the limits of a listener rule."""
        if not 1 <= self.priority <= _PRIORITY_MAX:
            raise ValueError(f"priority: {self.priority} is not allowed; it is 1 to {_PRIORITY_MAX}")
        most = _PATTERNS_MAX - (_PROOFS if self.listener is ListenerName.API else 0)
        if not self.paths or len(self.paths) + len(self.methods) > most:
            raise ValueError(
                f"paths: {self.paths} with {self.methods}: a rule at {self.listener} compares 1 to {most}"
            )


class ListenerRules:
    """The rules of a load balancer's listeners. No two of one listener have the same priority."""

    def __init__(
        self, listeners: Mapping[ListenerName, pulumi.Output[str]], proof: OriginProof | None
    ) -> None:
        self._listeners = listeners
        self._proof = proof
        self._taken: set[tuple[ListenerName, int]] = set()

    def forward(
        self, name: str, match: RequestMatch, group_arn: pulumi.Output[str], parent: pulumi.Resource
    ) -> aws.lb.ListenerRule:
        """Send what ``match`` describes to one target group."""
        return self._rule(
            name,
            match,
            aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=group_arn),
            [*_conditions(match), *self._proven(match.listener)],
            pulumi.ResourceOptions(parent=parent),
        )

    def shift(
        self, name: str, match: RequestMatch, groups: Groups, parent: pulumi.Resource
    ) -> aws.lb.ListenerRule:
        """Send what ``match`` describes to the first of two target groups, until ECS sets other weights.

        The rule comes before the one that ``forward`` would make, so that a service can change over: that one
        is deleted last, and no request is without a rule.
        """
        before = replace(match, label="production", priority=match.priority - 1)
        return self._rule(name, before, _weights(groups), _conditions(before), _owned_by_ecs(parent))

    def shift_tests(
        self, name: str, match: RequestMatch, groups: Groups, parent: pulumi.Resource
    ) -> aws.lb.ListenerRule:
        """Do the same for requests with the test header alone, before all others.

        Raises ``ValueError`` for a match that takes up the whole rule.
        """
        if len(match.paths) + len(match.methods) == _PATTERNS_MAX:
            raise ValueError(f"paths: those of {name} leave no room for the test header in a rule")
        before = replace(match, label="test", priority=match.priority - 2)
        header = aws.lb.ListenerRuleConditionHttpHeaderArgs(http_header_name=TEST_HEADER, values=[TEST_VALUE])
        conditions = [*_conditions(before), aws.lb.ListenerRuleConditionArgs(http_header=header)]
        return self._rule(name, before, _weights(groups), conditions, _owned_by_ecs(parent))

    def _rule(
        self,
        name: str,
        match: RequestMatch,
        action: aws.lb.ListenerRuleActionArgs,
        conditions: Sequence[aws.lb.ListenerRuleConditionArgs],
        opts: pulumi.ResourceOptions,
    ) -> aws.lb.ListenerRule:
        place = (match.listener, match.priority)
        if place in self._taken:
            raise ValueError(
                f"priority: {match.priority} of {name} is taken by another rule; choose a free one"
            )
        self._taken.add(place)
        return aws.lb.ListenerRule(
            f"{name}-rule-{match.label}",
            listener_arn=self._listeners[match.listener],
            priority=match.priority,
            actions=[action],
            conditions=list(conditions),
            opts=opts,
        )

    def _proven(self, listener: ListenerName) -> list[aws.lb.ListenerRuleConditionArgs]:
        if self._proof is None or listener is not ListenerName.API:
            return []
        return [
            aws.lb.ListenerRuleConditionArgs(
                http_header=aws.lb.ListenerRuleConditionHttpHeaderArgs(
                    http_header_name=PROOF_HEADER, values=list(self._proof.accepted)
                )
            )
        ]


def _weights(groups: Groups) -> aws.lb.ListenerRuleActionArgs:
    # Both groups belong to the rule from the start: ECS takes no group that has no load balancer, and a group
    # outside of every rule is not checked for health.
    weighted = [
        aws.lb.ListenerRuleActionForwardTargetGroupArgs(arn=arn, weight=weight)
        for arn, weight in zip(groups, (100, 0), strict=True)
    ]
    return aws.lb.ListenerRuleActionArgs(
        type="forward", forward=aws.lb.ListenerRuleActionForwardArgs(target_groups=weighted)
    )


def _owned_by_ecs(parent: pulumi.Resource) -> pulumi.ResourceOptions:
    # ECS sets the weights from now on; putting them back would move live requests.
    return pulumi.ResourceOptions(parent=parent, ignore_changes=["actions"])


def _conditions(match: RequestMatch) -> list[aws.lb.ListenerRuleConditionArgs]:
    conditions = [
        aws.lb.ListenerRuleConditionArgs(
            path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(match.paths))
        )
    ]
    if match.methods:
        conditions.append(
            aws.lb.ListenerRuleConditionArgs(
                http_request_method=aws.lb.ListenerRuleConditionHttpRequestMethodArgs(
                    values=list(match.methods)
                )
            )
        )
    return conditions
