"""The rules for Pulumi's engine: the only module that knows the SDK of policy packs.

The SDK would drop the rest of a check where a value is unknown and call that advisory, and break the whole
run where a check raises anything else. Here a rule gets plain values, and what it raises is kept and reported
by two policies that come last in the pack and are mandatory: a broken rule stops the update, whatever its
level.
"""

import datetime
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy import Severity as SdkSeverity
from pulumi_policy.proxy import (
    UNKNOWN_ARCHIVE_VALUE,
    UNKNOWN_ARRAY_VALUE,
    UNKNOWN_ASSET_VALUE,
    UNKNOWN_BOOLEAN_VALUE,
    UNKNOWN_NUMBER_VALUE,
    UNKNOWN_OBJECT_VALUE,
    UNKNOWN_STRING_VALUE,
    UnknownValueError,
)

from nova_policy.exemptions import Exemption, problems
from nova_policy.graph import Graph, Resource
from nova_policy.judgement import EXEMPTIONS, failure_message
from nova_policy.rule import AnyRule, Finding, Options, ResourceRule, StackRule
from nova_policy.settings import PolicySettingsError, checked_options
from nova_policy.values import plain

RESOURCE_RULES_RUN = "policy-resource-rules-run"
STACK_RULES_RUN = "policy-stack-rules-run"
_UNKNOWN = frozenset(
    {
        UNKNOWN_ARCHIVE_VALUE,
        UNKNOWN_ARRAY_VALUE,
        UNKNOWN_ASSET_VALUE,
        UNKNOWN_BOOLEAN_VALUE,
        UNKNOWN_NUMBER_VALUE,
        UNKNOWN_OBJECT_VALUE,
        UNKNOWN_STRING_VALUE,
    }
)


class Pack:
    """All policies of the pack, and what went wrong in them during this run of the engine."""

    def __init__(
        self,
        rules: Sequence[AnyRule],
        exemptions: Sequence[Exemption],
        today: Callable[[], datetime.date] = datetime.date.today,
    ) -> None:
        self._rules = rules
        self._exemptions = exemptions
        self._today = today
        self._failures: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        """The engine asks about several resources at once."""

    def policies(self) -> list[Policy]:
        """Return them in the order in which the engine asks them."""
        mandatory = EnforcementLevel.MANDATORY
        return [
            *(self._policy(rule) for rule in self._rules),
            ResourceValidationPolicy(
                name=RESOURCE_RULES_RUN,
                description="Every rule about a resource has been able to judge it.",
                validate=lambda args, report: self._tell(args.urn, report),
                enforcement_level=mandatory,
                severity=SdkSeverity.CRITICAL,
            ),
            StackValidationPolicy(
                name=STACK_RULES_RUN,
                description="Every rule about the stack has been able to judge it.",
                validate=lambda _args, report: self._tell("", report),
                enforcement_level=mandatory,
                severity=SdkSeverity.CRITICAL,
            ),
            StackValidationPolicy(
                name=EXEMPTIONS,
                description="Every exception names a rule, says why and has an end that is near.",
                validate=self._check_exemptions,
                enforcement_level=mandatory,
                severity=SdkSeverity.HIGH,
            ),
        ]

    def _policy(self, rule: AnyRule) -> Policy:
        schema = PolicyConfigSchema(properties={name: dict(part) for name, part in rule.all_options.items()})
        common: dict[str, Any] = {
            "name": rule.name,
            "description": rule.description,
            "enforcement_level": EnforcementLevel(rule.level.value),
            "config_schema": schema if rule.all_options else None,
            "severity": SdkSeverity(rule.severity.value),
            "framework": _framework(rule),
            "remediation_steps": rule.remediation,
        }
        if isinstance(rule, ResourceRule):
            return ResourceValidationPolicy(validate=self._resource_check(rule), **common)
        return StackValidationPolicy(validate=self._stack_check(rule), **common)

    def _resource_check(
        self, rule: ResourceRule
    ) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
        def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
            if args.resource_type not in rule.types:
                return
            try:
                resource = _resource(args)
                options = _options(rule, args.get_config())
                for finding in rule.findings(Graph([resource]), options):
                    self._say(rule, finding, options, report)
            except Exception as error:  # noqa: BLE001 (said by a policy of its own)
                self._keep(args.urn, rule, error)

        return validate

    def _stack_check(self, rule: StackRule) -> Callable[[StackValidationArgs, ReportViolation], None]:
        def validate(args: StackValidationArgs, report: ReportViolation) -> None:
            try:
                graph = Graph(_resource_of_stack(found) for found in args.resources)
                options = _options(rule, args.get_config())
                for finding in rule.findings(graph, options):
                    self._say(rule, finding, options, report)
            except Exception as error:  # noqa: BLE001 (said by a policy of its own)
                self._keep("", rule, error)

        return validate

    def _say(self, rule: AnyRule, finding: Finding, options: Options, report: ReportViolation) -> None:
        resource, today = finding.resource, self._today()
        if rule.holds_in(resource.stack, options) and not any(
            one.covers(rule.name, resource, today) for one in self._exemptions
        ):
            report(f"{finding.message}\n{rule.remediation}", resource.urn)

    def _keep(self, urn: str, rule: AnyRule, error: Exception) -> None:
        # Of settings the text is ours, and tells how to mend them; other texts may hold values.
        said = str(error) if isinstance(error, PolicySettingsError) else failure_message(error)
        with self._lock:
            self._failures.setdefault(urn, []).append(f"{rule.name}: {said}")

    def _tell(self, urn: str, report: ReportViolation) -> None:
        with self._lock:
            failures = self._failures.pop(urn, [])
        for failure in failures:
            report(failure, urn or None)

    def _check_exemptions(self, _args: StackValidationArgs, report: ReportViolation) -> None:
        for exemption, what in problems(self._exemptions, {rule.name for rule in self._rules}, self._today()):
            report(f"{exemption.label}: {what}", None)


def _options(rule: AnyRule, given: Mapping[str, Any]) -> Options:
    """Return the rule's options: the SDK applies neither schemas nor defaults."""
    values = plain(dict(given), lambda _value: False)
    return checked_options(rule, values) if values else rule.defaults


def _resource(args: ResourceValidationArgs) -> Resource:
    return Resource(
        urn=args.urn,
        type=args.resource_type,
        name=args.name,
        props=_Properties(args.props),
        protect=args.opts.protect,
        parent=args.opts.parent or "",
    )


def _resource_of_stack(found: Any) -> Resource:
    return Resource(
        urn=found.urn,
        type=found.resource_type,
        name=found.name,
        props=_Properties(found.props),
        protect=found.opts.protect,
        parent=found.parent.urn if found.parent else "",
        references={
            key: frozenset(one.urn for one in members) for key, members in found.property_dependencies.items()
        },
    )


class _Properties(Mapping[str, Any]):
    """The SDK's properties, made plain when a rule first asks: most rules look at few resources."""

    def __init__(self, props: Mapping[str, Any]) -> None:
        self._props = props

    @cached_property
    def _plain(self) -> Mapping[str, Any]:
        return plain(self._props, _is_unknown, (UnknownValueError,))

    def __getitem__(self, key: str) -> Any:
        return self._plain[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


def _is_unknown(value: Any) -> bool:
    return isinstance(value, str) and value in _UNKNOWN


def _framework(rule: AnyRule) -> PolicyComplianceFramework | None:
    if not rule.references:
        return None
    return PolicyComplianceFramework(
        name="AWS Foundational Security Best Practices", reference=", ".join(rule.references)
    )
