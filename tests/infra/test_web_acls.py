"""What web ACLs refuse, what they write down of it, and where they stand."""

import pytest

from components.edge.web_acl_rules import COUNTED, LABEL_NAMESPACES, MANAGED_GROUPS
from evaluation.recorder import Recorded
from evaluation.secrecy import plain
from tests.infra.deployment import Deployment, deployed
from tests.infra.walk import DISTRIBUTION, WEB_ACL, WEB_ACL_ASSOCIATION, Request, blocks

LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
KEY = "aws:kms/key:Key"
TOKYO = {
    "region": "ap-northeast-1",
    "availabilityZones": '["ap-northeast-1a","ap-northeast-1c","ap-northeast-1d"]',
}


def acl(deployment: Deployment, name: str) -> Recorded:
    """The web ACL of ``site`` or ``api``."""
    return deployment.one(WEB_ACL, f"nova-web-{name}-acl")


class TestWhere:
    def test_without_the_setting_there_is_none(self, development: Deployment) -> None:
        assert not [found for found in development.resources.values() if found.type.startswith("aws:wafv2")]
        (distribution,) = development.of_type(DISTRIBUTION)
        assert "webAclId" not in distribution.inputs

    def test_one_before_the_distribution_and_one_before_the_api(self, production: Deployment) -> None:
        site, api = acl(production, "site"), acl(production, "api")
        assert (site.inputs["scope"], api.inputs["scope"]) == ("CLOUDFRONT", "REGIONAL")
        (distribution,) = production.of_type(DISTRIBUTION)
        assert site.urn in distribution.references["webAclId"]
        (association,) = production.of_type(WEB_ACL_ASSOCIATION)
        assert api.urn in association.references["webAclArn"]
        assert (
            association.inputs["resourceArn"]
            == "arn:aws:apigateway:us-east-1::/restapis/a1b2c3d4e5/stages/api"
        )

    def test_of_a_stack_elsewhere_the_distributions_is_in_us_east_1(self) -> None:
        tokyo = deployed("prod", overrides=TOKYO)
        for kind, suffix in ((WEB_ACL, "acl"), (LOGGING, "logging"), (LOG_GROUP, "logs")):
            assert tokyo.one(kind, f"nova-web-site-{suffix}").inputs["region"] == "us-east-1", kind
            assert "region" not in tokyo.one(kind, f"nova-web-api-{suffix}").inputs, kind
        alarm = tokyo.one("aws:cloudwatch/metricAlarm:MetricAlarm", "nova-web-site-refusals-alarm")
        assert alarm.inputs["region"] == "us-east-1"
        key = tokyo.one(KEY, "nova-keys-us-east-1-logs")
        assert key.urn in tokyo.one(LOG_GROUP, "nova-web-site-logs").references["kmsKeyId"]
        assert "logs.us-east-1.amazonaws.com" in key.inputs["policy"]

    def test_at_home_it_takes_the_key_that_is_there(self, production: Deployment) -> None:
        assert "nova-keys-us-east-1-logs" not in {key.name for key in production.of_type(KEY)}


class TestSite:
    def test_managed_rules_and_a_rate_in_an_order_of_their_own(self, production: Deployment) -> None:
        rules = acl(production, "site").inputs["rules"]
        assert [rule["priority"] for rule in rules] == list(range(len(rules)))
        assert [rule["name"] for rule in rules] == ["rate", *MANAGED_GROUPS, "bodies"]
        rate = rules[0]["statement"]["rateBasedStatement"]
        assert (rate["aggregateKeyType"], rate["limit"], rate["evaluationWindowSec"]) == ("IP", 6000, 300)
        assert rules[0]["action"]["block"]["customResponse"]["responseCode"] == 429
        for rule in rules[1:-1]:
            assert rule["overrideAction"] == {"none": {}}
            assert rule["statement"]["managedRuleGroupStatement"]["vendorName"] == "AWS"

    def test_bodies_are_counted_and_nothing_else_is(self, production: Deployment) -> None:
        counted = {
            rule["name"]: [
                override["name"]
                for override in rule["statement"]["managedRuleGroupStatement"].get("ruleActionOverrides", [])
                if override["actionToUse"] == {"count": {}}
            ]
            for rule in acl(production, "site").inputs["rules"][1:-1]
        }
        assert {group: names for group, names in counted.items() if names} == {
            group: list(rules) for group, rules in COUNTED.items()
        }

    @pytest.mark.parametrize("label", COUNTED["AWSManagedRulesCommonRuleSet"].values())
    def test_a_suspicious_body_passes_to_the_api_alone(self, production: Deployment, label: str) -> None:
        declared = plain(acl(production, "site").inputs)
        labels = frozenset({f"{LABEL_NAMESPACES['AWSManagedRulesCommonRuleSet']}:{label}"})
        for path, refused in (
            ("/api/sessions/1/messages", False),
            ("/", True),
            ("/apis", True),
            ("/live", True),
        ):
            assert blocks(declared, Request(path=path, labels=labels)) is refused, path
            assert not blocks(declared, Request(path=path)), path


class TestLogging:
    @pytest.mark.parametrize("name", ["site", "api"])
    def test_what_is_refused_is_logged_without_what_signs_people_in(
        self, production: Deployment, name: str
    ) -> None:
        logging = production.one(LOGGING, f"nova-web-{name}-logging")
        group = production.one(LOG_GROUP, f"nova-web-{name}-logs")
        assert group.inputs["name"].startswith("aws-waf-logs-nova-prod-")
        assert group.inputs["retentionInDays"] == 365
        assert group.urn in logging.references["logDestinationConfigs"]
        assert acl(production, name).urn in logging.references["resourceArn"]
        redacted = logging.inputs["redactedFields"]
        headers = {field["singleHeader"]["name"] for field in redacted if "singleHeader" in field}
        assert headers == {"authorization", "cookie", "x-origin-proof"}
        assert {"queryString": {}} in redacted
        filtered = logging.inputs["loggingFilter"]
        assert filtered["defaultBehavior"] == "DROP"
        kept = [
            condition["actionCondition"]["action"]
            for one in filtered["filters"]
            for condition in one["conditions"]
        ]
        assert kept == ["BLOCK", "COUNT"]

    @pytest.mark.parametrize("name", ["site", "api"])
    def test_no_headers_are_sampled(self, production: Deployment, name: str) -> None:
        declared = plain(acl(production, name).inputs)
        for visible in (declared, *declared["rules"]):
            assert visible["visibilityConfig"]["sampledRequestsEnabled"] is False
            assert visible["visibilityConfig"]["cloudwatchMetricsEnabled"] is True


def test_stacks_share_no_names() -> None:
    names = {
        group.inputs["name"]
        for group in (
            *deployed("prod").of_type(LOG_GROUP),
            *deployed("dev", overrides={"webAcl": "true"}).of_type(LOG_GROUP),
        )
        if group.name.startswith("nova-web-")
    }
    assert len(names) == 4
