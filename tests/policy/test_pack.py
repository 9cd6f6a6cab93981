"""The rules under the SDK that the engine talks to: the same findings, and none that goes lost."""

import datetime
import json
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from google.protobuf import struct_pb2
from nova_policy.exemptions import Exemption
from nova_policy.graph import Graph, Resource
from nova_policy.pack import RESOURCE_RULES_RUN, STACK_RULES_RUN, Pack
from nova_policy.registry import all_rules
from nova_policy.rule import AnyRule, Finding, Options, Severity, resource_rule, stack_rule
from pulumi.runtime import proto
from pulumi_policy import EnforcementLevel
from pulumi_policy import policy as sdk
from pulumi_policy.proxy import UNKNOWN_OBJECT_VALUE, UNKNOWN_STRING_VALUE

from tests.policy.conftest import graph, judgement

THING = "test:index/thing:Thing"
TODAY = datetime.date(2026, 5, 1)
SECRET = "AKIAIOSFODNN7EXAMPLE/wJalrXUtnFEMI"
URN = "urn:pulumi:dev::shop::test:index/thing:Thing::till"

type Check = Callable[[Any, Options], Iterable[Any]]


def rule(check: Check, *, stack: bool = False, **further: Any) -> AnyRule:
    """A rule of low severity around a function."""
    make: Any = stack_rule if stack else resource_rule
    common: dict[str, Any] = {
        "severity": Severity.LOW, "types": (THING,), "controls": (),
        "description": "Said.", "remediation": "Mend it.",
    }  # fmt: skip
    return make("test-thing-rule", **(common | further))(check)


class Engine:
    """Asks a pack as the engine does, without a connection."""

    def __init__(self, *rules: AnyRule, exemptions: tuple[Exemption, ...] = ()) -> None:
        policies = Pack(rules, exemptions, lambda: TODAY).policies()
        servicer: Any = getattr(sdk, "_PolicyAnalyzerServicer")  # noqa: B009 (private, and what the engine calls)
        self._servicer = servicer("test", "1.0.0", policies, EnforcementLevel.ADVISORY)

    def configure(self, name: str, options: dict[str, Any]) -> None:
        """Set a rule's options, as `--policy-pack-config` does."""
        properties = struct_pb2.Struct()
        properties.update(options)
        config = proto.PolicyConfig(enforcementLevel=proto.ADVISORY, properties=properties)
        self._servicer.Configure(proto.ConfigureAnalyzerRequest(policyConfig={name: config}), None)

    def resource(self, props: dict[str, Any], kind: str = THING) -> list[proto.AnalyzeDiagnostic]:
        """Ask about a resource."""
        request = proto.AnalyzeRequest(urn=URN, type=kind, name="till", properties=struct(props))
        return list(self._servicer.Analyze(request, None).diagnostics)

    def stack(self, *props: dict[str, Any]) -> list[proto.AnalyzeDiagnostic]:
        """Ask about a stack of things; the first is what the property ``of`` of the others comes from."""
        first = {"of": proto.AnalyzerPropertyDependencies(urns=[f"{URN}-0"])}
        resources = [
            proto.AnalyzerResource(
                urn=f"{URN}-{number}", type=THING, name=f"till-{number}", properties=struct(one),
                propertyDependencies=first if number else {},
            )
            for number, one in enumerate(props)
        ]  # fmt: skip
        return list(
            self._servicer.AnalyzeStack(proto.AnalyzeStackRequest(resources=resources), None).diagnostics
        )


def struct(props: dict[str, Any]) -> struct_pb2.Struct:
    """The form in which the engine sends properties."""
    written = struct_pb2.Struct()
    written.update(props)
    return written


def is_closed(thing: Resource, _options: Options) -> Iterable[str]:
    if thing.at("door", "open") is True:
        yield "its door is open"


def test_a_resource_is_refused_with_what_to_do_about_it() -> None:
    (found,) = Engine(rule(is_closed, severity=Severity.HIGH)).resource({"door": {"open": True}})
    assert (found.policyName, found.urn) == ("test-thing-rule", URN)
    assert found.enforcementLevel == proto.MANDATORY
    assert "its door is open\nMend it." in found.message


def test_low_severity_advises() -> None:
    (found,) = Engine(rule(is_closed)).resource({"door": {"open": True}})
    assert found.enforcementLevel == proto.ADVISORY


def test_another_type_is_not_its_business() -> None:
    assert Engine(rule(is_closed)).resource({"door": {"open": True}}, "test:index/other:Other") == []


@pytest.mark.parametrize("props", [{"door": UNKNOWN_OBJECT_VALUE}, {"door": {"open": UNKNOWN_STRING_VALUE}}])
def test_what_is_unknown_neither_stops_a_rule_nor_is_refused(props: dict[str, Any]) -> None:
    assert Engine(rule(is_closed)).resource(props) == []


def test_what_is_unknown_beside_it_hides_nothing() -> None:
    props = {"name": UNKNOWN_STRING_VALUE, "door": {"open": True, "lock": UNKNOWN_STRING_VALUE}}
    assert len(Engine(rule(is_closed)).resource(props)) == 1


def test_a_rule_that_fails_stops_the_update_and_says_no_value() -> None:
    def fails(thing: Resource, _options: Options) -> Iterable[str]:
        yield "before"
        raise KeyError(thing.at("password"))

    advice, failure = Engine(rule(fails)).resource({"password": SECRET})
    assert advice.enforcementLevel == proto.ADVISORY
    assert (failure.policyName, failure.urn) == (RESOURCE_RULES_RUN, URN)
    assert failure.enforcementLevel == proto.MANDATORY
    assert "test-thing-rule" in failure.message
    assert "KeyError at test_pack.py" in failure.message
    assert SECRET not in failure.message


def test_a_failure_is_said_once() -> None:
    def fails(_thing: Resource, _options: Options) -> Iterable[str]:
        raise RuntimeError

    engine = Engine(rule(fails))
    assert len(engine.resource({})) == len(engine.resource({})) == 1


def test_a_stack_rule_sees_what_refers_to_what() -> None:
    def has_friends(graph: Graph, _options: Options) -> Iterable[Finding]:
        for thing in graph.of_type(THING):
            if not graph.referring_to(thing, THING, by="of"):
                yield Finding(thing, "nobody refers to it")

    found = Engine(rule(has_friends, stack=True)).stack({}, {"of": UNKNOWN_STRING_VALUE}, {"of": "x"})
    assert [one.urn for one in found] == [f"{URN}-1", f"{URN}-2"]


def test_a_stack_rule_that_fails_stops_the_update() -> None:
    def fails(_graph: Graph, _options: Options) -> Iterable[Finding]:
        raise ValueError(SECRET)

    (failure,) = Engine(rule(fails, stack=True)).stack({})
    assert (failure.policyName, failure.enforcementLevel) == (STACK_RULES_RUN, proto.MANDATORY)
    assert SECRET not in failure.message


LIMIT = {"limit": {"type": "integer", "minimum": 1, "default": 2, "description": "The most there may be"}}


def few(thing: Resource, options: Options) -> Iterable[str]:
    if thing.at("count") > options["limit"]:
        yield "there are too many"


def test_options_have_their_defaults_under_the_engine_too() -> None:
    engine = Engine(rule(few, options=LIMIT))
    assert (len(engine.resource({"count": 2})), len(engine.resource({"count": 3}))) == (0, 1)
    engine.configure("test-thing-rule", {"limit": 3})
    assert (len(engine.resource({"count": 3})), len(engine.resource({"count": 4}))) == (0, 1)


@pytest.mark.parametrize(
    ("options", "said"), [({"limits": 3}, "no option 'limits'"), ({"limit": "3"}, "option limit")]
)
def test_options_that_nobody_knows_stop_the_update(options: dict[str, Any], said: str) -> None:
    engine = Engine(rule(few, options=LIMIT))
    engine.configure("test-thing-rule", options)
    (failure,) = engine.resource({"count": 1})
    assert failure.enforcementLevel == proto.MANDATORY
    assert said in failure.message


def exemption(**changed: Any) -> Exemption:
    values: dict[str, Any] = {
        "rule": "test-thing-rule", "resource": "till*", "stacks": ("dev",), "expires": TODAY,
        "reason": "The till is opened by hand every morning.", "reviewed_by": "platform",
    }  # fmt: skip
    return Exemption(**(values | changed))


def test_an_exception_covers_its_resources_until_its_last_day() -> None:
    def asked(**changed: Any) -> int:
        engine = Engine(rule(is_closed), exemptions=(exemption(**changed),))
        return len(engine.resource({"door": {"open": True}}))

    assert asked() == asked(resource="urn:*::till") == 0
    assert asked(expires=TODAY - datetime.timedelta(days=1)) == 1
    assert asked(resource="safe") == asked(stacks=("prod",)) == asked(rule="test-other-rule") == 1


def test_the_engine_hears_of_exceptions_that_should_not_be_there() -> None:
    engine = Engine(rule(is_closed), exemptions=(exemption(rule="test-thing-gone"), exemption(reason="so")))
    found = engine.stack({})
    assert [one.enforcementLevel for one in found] == [proto.MANDATORY] * 2
    assert "there is no rule test-thing-gone" in found[0].message


def test_no_rule_says_a_value() -> None:
    """Whatever text a resource holds may be secret; with each replaced, none turns up in a finding."""

    def veiled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: veiled(member) for key, member in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [veiled(item) for item in cast("list[Any]", value)]
        return SECRET if isinstance(value, str) else False if isinstance(value, bool) else 0

    changed = Graph(
        Resource(
            urn=one.urn, type=one.type, name=one.name, props=veiled(one.props), references=one.references
        )
        for one in graph("prod").resources
    )
    verdicts = judgement(changed, "prod").verdicts
    assert len({one.rule for one in verdicts}) > len(all_rules()) / 3
    assert [one for one in verdicts if SECRET in json.dumps([one.message, one.remediation])] == []
