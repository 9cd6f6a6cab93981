"""The network: zones, existing networks, needs and the ways out that follow from them."""

import json
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.access.statements import Conditions, Statement
from components.access.unrestricted import UNRESTRICTED_ACTIONS
from components.network.agent_zones import AGENT_ZONE_IDS, check_agent_zones, unknown_zones_warning
from components.network.connection import Peer
from components.network.endpoints import InterfaceEndpointsArgs
from components.network.needs import (
    DRAWN_SERVICES,
    ENDPOINT_ACTIONS,
    GATEWAY_SERVICES,
    EndpointMode,
    InternetNeed,
    Need,
    ServiceNeed,
    Way,
    needs_of,
    pick_subnets,
    services_called,
    way_of,
)
from components.network.plan import ExistingNetwork, Network, NewNetwork
from components.network.vpc import Vpc, VpcArgs
from components.network.zones import NatStrategy
from components.observe.logs import LogPolicy
from evaluation.answers import ACCOUNT_ID
from settings.errors import SettingsError
from settings.slices import ModelUse
from tests.infra.deployment import Deployment, deployed, run
from tests.infra.policies import granted, statements
from tests.infra.test_components import account
from tests.infra.test_settings import SIZE, settings_with
from tests.slices import CALLS, SERVICES

REGION = "us-east-1"
ELSEWHERE = "eu-west-1"
SQS = ServiceNeed(service="sqs", region=REGION)
S3 = ServiceNeed(service="s3", region=REGION)
HOST = InternetNeed(host="example.com", reason="the weather")
OWN = NewNetwork(cidr="10.0.0.0/16", zones=("us-east-1a", "us-east-1b", "us-east-1c"), nat=NatStrategy.SINGLE)
GIVEN: dict[str, Any] = {
    "vpcId": "vpc-0123456789abcdef0",
    "privateSubnetIds": ["subnet-00000000000000000", "subnet-00000000000000001"],
    "isolatedSubnetIds": ["subnet-00000000000000010", "subnet-00000000000000011"],
    "agentSubnetIds": ["subnet-00000000000000020", "subnet-00000000000000021"],
    "routeTableIds": ["rtb-00000000000000000"],
    "internetAccess": True,
}
FAR = {"region": "us-west-2", "availabilityZones": '["us-west-2a","us-west-2b"]'}
"""A region without the embedding model."""
NOTHING_MADE = {"availabilityZones": "[]", "vpcCidr": "", "natGateways": "none"}
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def vpc(network: Network = OWN, endpoints: EndpointMode = EndpointMode.NONE, agents: bool = False) -> Vpc:
    """A network; it has to be made inside a run."""
    logs = LogPolicy(retention_days=30, key_arn="arn")
    args = VpcArgs(account=account(), network=network, endpoints=endpoints, agents=agents, logs=logs)
    return Vpc("net", args)


def opened(
    needs: tuple[Need, ...], endpoints: EndpointMode = EndpointMode.NONE, network: Network = OWN
) -> Deployment:
    """What is registered when somebody is let out to ``needs``."""

    def program() -> None:
        made = vpc(network, endpoints)
        made.allow_out(Peer(label="it", security_group_id="sg-it"), "it", needs, parent=made)

    return run(program)


def rules(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Rules of the group that was let out, or that name it, by name."""
    found = [*deployment.of_type(EGRESS), *deployment.of_type(INGRESS)]
    return {rule.name: rule.inputs for rule in found if rule.name.startswith("it-")}


class TestSubnets:
    def test_agents_have_subnets_of_their_own(self, deployment: Deployment) -> None:
        network = deployment.one("awsx:ec2:Vpc", "nova-vpc-network").inputs
        assert [(spec["type"], spec.get("name"), spec["cidrMask"]) for spec in network["subnetSpecs"]] == [
            ("Public", None, 24),
            ("Private", None, 24),
            ("Isolated", None, 24),
            ("Private", "agents", 24),
        ]

    def test_each_kind_of_subnet_is_told_apart(self) -> None:
        def program() -> None:
            made = vpc()
            pulumi.export("private", made.private_subnet_ids)
            pulumi.export("isolated", made.isolated_subnet_ids)
            pulumi.export("agent", made.agent_subnet_ids)

        assert run(program).outputs == {
            kind: [f"subnet-net-network-{name}-us-east-1{zone}" for zone in "abc"]
            for kind, name in (("private", "private"), ("isolated", "isolated"), ("agent", "agents"))
        }


class TestAgentZones:
    IDS = {"us-east-1a": "use1-az6", "us-east-1b": "use1-az1", "us-east-1c": "use1-az2"}  # noqa: RUF012

    def test_zones_are_compared_by_id(self) -> None:
        check_agent_zones(REGION, ("us-east-1b", "us-east-1c"), self.IDS)
        with pytest.raises(ValueError, match="us-east-1a is use1-az6, us-east-1b is use1-az1") as raised:
            check_agent_zones(REGION, ("us-east-1a", "us-east-1b"), self.IDS)
        assert "takes use1-az1 (us-east-1b), use1-az2 (us-east-1c), use1-az4 (not in this account)" in str(
            raised.value
        )

    def test_nothing_is_refused_where_nothing_is_known(self) -> None:
        check_agent_zones("xx-north-9", ("xx-north-9a",), {})
        assert "xx-north-9" in str(unknown_zones_warning("xx-north-9"))
        assert all(unknown_zones_warning(region) is None for region in AGENT_ZONE_IDS)

    def test_every_region_has_three_zones_of_one_prefix(self) -> None:
        for region, ids in AGENT_ZONE_IDS.items():
            prefixes = {zone_id.rpartition("-az")[0] for zone_id in ids}
            assert len(prefixes) == 1, region
            assert len(set(ids)) == len(ids) == 3

    @pytest.mark.parametrize("preview", [False, True])
    def test_a_preview_already_fails(self, preview: bool) -> None:
        zones = ("us-east-1a", "us-east-1d")

        def program() -> None:
            vpc(NewNetwork(cidr="10.0.0.0/16", zones=zones, nat=NatStrategy.SINGLE), agents=True)

        with pytest.raises(Exception, match=r"us-east-1d is use1-az6.*AgentCore in us-east-1 takes"):
            run(program, preview=preview)

    def test_zones_are_asked_for_only_with_agents(self) -> None:
        asked = "aws:index/getAvailabilityZones:getAvailabilityZones"
        assert asked in deployed("prod").invokes
        assert asked not in opened((SQS,)).invokes


class TestNeeds:
    def statement(
        self, *actions: str, conditions: Conditions | None = None, region: str | None = None
    ) -> Statement:
        return Statement(
            sid="It", actions=actions, resources=("arn:aws:x",), conditions=conditions or {}, region=region
        )

    def test_needs_follow_from_actions(self) -> None:
        pull = self.statement("ecr:BatchGetImage", "sqs:SendMessage")
        assert needs_of([pull, pull], REGION) == tuple(
            ServiceNeed(service=service, region=REGION) for service in ("ecr.api", "ecr.dkr", "s3", "sqs")
        )

    def test_a_call_made_by_another_service_is_no_need(self) -> None:
        through: Conditions = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
        assert needs_of([self.statement("kms:Decrypt", conditions=through)], REGION) == ()
        assert needs_of([self.statement("kms:Decrypt")], REGION) == (
            ServiceNeed(service="kms", region=REGION),
        )

    def test_a_model_elsewhere_is_needed_there(self) -> None:
        (need,) = needs_of([self.statement("bedrock:InvokeModel", region=ELSEWHERE)], REGION)
        assert need == ServiceNeed(service="bedrock-runtime", region=ELSEWHERE)
        assert way_of(need, REGION, EndpointMode.ALL) is Way.INTERNET

    @pytest.mark.parametrize(
        ("action", "services"),
        [
            ("bedrock:InvokeModelWithResponseStream", ("bedrock-runtime",)),
            ("bedrock:ApplyGuardrail", ("bedrock-runtime",)),
            ("bedrock:GetInferenceProfile", ("bedrock",)),
            ("cloudwatch:PutMetricData", ("monitoring",)),
            ("dynamodb:PutItem", ("dynamodb",)),
            ("dynamodb:GetRecords", ("dynamodb-streams",)),
            ("elasticache:Connect", ()),
            ("lambda:InvokeFunctionUrl", ()),
            ("transcribe:StartTranscriptionJob", ("transcribe",)),
            ("transcribe:StartStreamTranscriptionWebSocket", ("transcribestreaming",)),
            ("xray:PutTraceSegments", ("xray",)),
        ],
    )
    def test_what_an_action_calls(self, action: str, services: tuple[str, ...]) -> None:
        assert services_called(action) == services

    def test_an_unknown_action_is_refused(self) -> None:
        with pytest.raises(ValueError, match="action polly:Speak: nobody has said"):
            services_called("polly:Speak")

    def test_everything_that_is_granted_is_known(self, deployment: Deployment) -> None:
        for statement in granted(deployment):
            if "-task-" in statement.role or "-execution-" in statement.role:
                assert all(services_called(action) is not None for action in statement.actions)

    @given(
        service=st.sampled_from(sorted({*ENDPOINT_ACTIONS, *GATEWAY_SERVICES, "cognito-idp"})),
        region=st.sampled_from([REGION, ELSEWHERE]),
        mode=st.sampled_from(EndpointMode),
    )
    def test_the_way_of_a_need(self, service: str, region: str, mode: EndpointMode) -> None:
        way = way_of(ServiceNeed(service=service, region=region), REGION, mode)
        near = region == REGION
        assert (way is Way.GATEWAY) == (near and service in GATEWAY_SERVICES)
        assert (way is Way.ENDPOINT) == (
            near and service in ENDPOINT_ACTIONS and mode is not EndpointMode.NONE
        )
        assert way_of(HOST, REGION, mode) is Way.INTERNET

    def test_the_drawing_shows_endpoints_that_exist(self) -> None:
        assert set(DRAWN_SERVICES) <= set(ENDPOINT_ACTIONS)
        assert set(DRAWN_SERVICES) >= {"ssm", "events", "sts", "bedrock-agentcore", "ecr.api", "ecr.dkr"}


class TestWaysOut:
    def test_each_way_has_its_rule(self) -> None:
        found = rules(opened((SQS, S3, HOST), EndpointMode.GRANTED))
        assert set(found) == {
            "it-egress-s3",
            "it-egress-endpoints",
            "it-ingress-at-endpoints",
            "it-egress-tls",
        }
        assert found["it-egress-s3"]["prefixListId"] == "pl-s3"
        assert found["it-egress-endpoints"]["referencedSecurityGroupId"].startswith("net-endpoints-")
        assert found["it-ingress-at-endpoints"]["referencedSecurityGroupId"] == "sg-it"
        assert found["it-egress-tls"]["cidrIpv4"] == "0.0.0.0/0"
        assert all(rule["fromPort"] == rule["toPort"] == 443 for rule in found.values())
        assert "example.com for the weather" in found["it-egress-tls"]["description"]

    def test_nobody_who_needs_nothing_gets_out(self) -> None:
        assert rules(opened((), EndpointMode.ALL)) == {}

    def test_endpoints_alone_open_no_internet(self) -> None:
        assert set(rules(opened((SQS,), EndpointMode.GRANTED))) == {
            "it-egress-endpoints",
            "it-ingress-at-endpoints",
        }

    def test_without_endpoints_apis_are_on_the_internet(self) -> None:
        assert set(rules(opened((SQS, S3)))) == {"it-egress-s3", "it-egress-tls"}

    def test_many_needs_still_fit_a_description(self) -> None:
        needs = tuple(InternetNeed(host=f"host-{number}.example.com", reason="tests") for number in range(20))
        description = rules(opened(needs))["it-egress-tls"]["description"]
        assert len(description) <= 255
        assert description.endswith(" ...")

    def test_without_a_way_to_the_internet_the_need_is_named(self) -> None:
        alone = NewNetwork(cidr="10.0.0.0/16", zones=OWN.zones, nat=NatStrategy.NONE)
        assert rules(opened((SQS, S3), EndpointMode.GRANTED, alone))
        with pytest.raises(ValueError, match=r"it cannot reach example.com for the weather: .* per-az"):
            opened((SQS, HOST), EndpointMode.GRANTED, alone)
        with pytest.raises(ValueError, match="it cannot reach sqs in us-east-1"):
            opened((SQS,), EndpointMode.NONE, alone)


class TestEndpoints:
    def test_production_has_those_that_tasks_call(self, production: Deployment) -> None:
        services = {found.inputs["serviceName"].split(".", 3)[3] for found in production.of_type(ENDPOINT)}
        assert services == {
            "bedrock-agentcore",
            "bedrock-runtime",
            "ecr.api",
            "ecr.dkr",
            "kms",
            "logs",
            "monitoring",
            "s3vectors",
            "secretsmanager",
            "sqs",
            "transcribe",
            "xray",
        }

    def test_development_has_none(self, development: Deployment) -> None:
        assert development.of_type(ENDPOINT) == []

    def test_all_has_the_drawings_too(self) -> None:
        found = opened((), EndpointMode.ALL).of_type(ENDPOINT)
        assert {endpoint.inputs["serviceName"].split(".", 3)[3] for endpoint in found} == set(DRAWN_SERVICES)

    def test_each_is_private_and_for_this_account(self, production: Deployment) -> None:
        for endpoint in production.of_type(ENDPOINT):
            inputs = endpoint.inputs
            assert inputs["vpcEndpointType"] == "Interface"
            assert inputs["privateDnsEnabled"] is True
            assert inputs["subnetIds"] == [
                f"subnet-nova-vpc-network-private-us-east-1{zone}" for zone in "abc"
            ]
            assert inputs["securityGroupIds"] == ["nova-vpc-endpoints-security-group-0000000"]
            (statement,) = statements(inputs["policy"])
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": ACCOUNT_ID}}
            (action,) = statement["Action"]
            service = inputs["serviceName"].split(".", 3)[3]
            assert action == f"{ENDPOINT_ACTIONS[service]}:*"

    def test_what_needs_an_endpoint_waits_for_it(self, production: Deployment) -> None:
        service = production.one("aws:ecs/service:Service", "audio-worker-service")
        awaited = {urn.rpartition("::")[2] for urn in service.depends_on}
        assert {f"nova-vpc-endpoints-{name}" for name in ("sqs", "transcribe", "ecr-dkr", "logs")} <= awaited
        assert {"audio-worker-egress-s3", "audio-worker-ingress-at-endpoints"} <= awaited

    def test_an_endpoint_stands_where_its_service_is_offered(self) -> None:
        subnets = [("subnet-1", "a"), ("subnet-2", "b"), ("subnet-3", "b"), ("subnet-4", "c")]
        assert pick_subnets("sqs", subnets, ("b", "c", "d")) == ["subnet-2", "subnet-4"]
        with pytest.raises(ValueError, match=r"endpoint sqs: it is offered in d, and .* lie in a, b, b, c"):
            pick_subnets("sqs", subnets, ("d",))

    def test_no_endpoints_is_no_set_of_endpoints(self) -> None:
        def program() -> None:
            nowhere = pulumi.Output.from_input([("subnet-1", "us-east-1a")])
            with pytest.raises(ValueError, match="mode: none is not allowed"):
                InterfaceEndpointsArgs(
                    account=account(), mode=EndpointMode.NONE, vpc_id="vpc", subnets=nowhere
                )

        run(program)


class TestExistingNetwork:
    def settings(self, changes: dict[str, Any] | None = None, **overrides: str) -> ExistingNetwork:
        given = GIVEN | (changes or {})
        texts = NOTHING_MADE | {"existingNetwork": json.dumps(given)} | overrides
        plan = settings_with(**texts).network.plan
        assert isinstance(plan, ExistingNetwork)
        return plan

    def test_it_is_read(self) -> None:
        plan = self.settings()
        assert plan.vpc_id == GIVEN["vpcId"]
        assert plan.private_subnet_ids == tuple(GIVEN["privateSubnetIds"])
        assert plan.internet

    @pytest.mark.parametrize(
        ("changes", "path", "allowed"),
        [
            ({"vpcId": "nova"}, "vpcId: 'nova'", "vpc-0123456789abcdef0"),
            ({"vpcId": 7}, "vpcId: 7", "vpc-0123456789abcdef0"),
            ({"privateSubnetIds": "subnet-00000000"}, "privateSubnetIds", "has to be a list"),
            ({"privateSubnetIds": ["subnet-00000000"]}, "privateSubnetIds", "at least 2 subnets"),
            ({"privateSubnetIds": ["subnet-00000000"] * 2}, "privateSubnetIds", "each once"),
            ({"isolatedSubnetIds": []}, "isolatedSubnetIds", "at least 2 subnets"),
            ({"agentSubnetIds": ["subnet-00000000"]}, "agentSubnetIds", "at least 2 subnets"),
            (
                {"agentSubnetIds": GIVEN["privateSubnetIds"]},
                "agentSubnetIds: 'subnet-00000000000000000'",
                "one of privateSubnetIds too",
            ),
            ({"routeTableIds": ["subnet-00000000"]}, "routeTableIds", "rtb-0123456789abcdef0"),
            ({"internetAccess": "yes"}, "internetAccess: 'yes'", "true or false"),
            ({"natGateways": "none"}, "natGateways: 'none'", "no such field"),
        ],
    )
    def test_wrong_forms_are_refused(self, changes: dict[str, Any], path: str, allowed: str) -> None:
        with pytest.raises(SettingsError) as raised:
            self.settings(changes)
        assert str(raised.value).startswith(f"nova:existingNetwork.{path}")
        assert allowed in str(raised.value)

    def test_a_missing_field_is_named(self) -> None:
        given = {key: value for key, value in GIVEN.items() if key != "internetAccess"}
        with pytest.raises(SettingsError, match=r"nova:existingNetwork\.internetAccess: None .* missing"):
            settings_with(**NOTHING_MADE, existingNetwork=json.dumps(given))

    @pytest.mark.parametrize(
        ("key", "text", "because"),
        [
            ("vpcCidr", "10.0.0.0/16", "it has addresses of its own: set it to an empty text"),
            ("natGateways", "single", "none are added to it"),
            ("availabilityZones", '["us-east-1a","us-east-1b"]', "zones of their own: set it to []"),
        ],
    )
    def test_contradictions_are_explained(self, key: str, text: str, because: str) -> None:
        with pytest.raises(SettingsError, match=f"nova:{key}: .*vpc-0123456789abcdef0") as raised:
            self.settings(None, **{key: text})
        assert because in str(raised.value)

    def test_the_program_stands_in_it(self) -> None:
        overrides = NOTHING_MADE | {"existingNetwork": json.dumps(GIVEN)}
        found = deployed("prod", overrides=overrides)
        assert not found.of_type("awsx:ec2:Vpc")
        assert not found.of_type("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
        assert not found.of_type("aws:ec2/flowLog:FlowLog")
        for service in found.of_type("aws:ecs/service:Service"):
            assert service.inputs["networkConfiguration"]["subnets"] == GIVEN["privateSubnetIds"]
        (cache,) = found.of_type("aws:elasticache/subnetGroup:SubnetGroup")
        assert cache.inputs["subnetIds"] == GIVEN["isolatedSubnetIds"]
        gateways = [e for e in found.of_type(ENDPOINT) if e.inputs["vpcEndpointType"] == "Gateway"]
        assert {e.inputs["serviceName"] for e in gateways} == {
            "com.amazonaws.us-east-1.s3",
            "com.amazonaws.us-east-1.dynamodb",
        }
        assert all(e.inputs["routeTableIds"] == GIVEN["routeTableIds"] for e in gateways)
        for endpoint in found.of_type(ENDPOINT):
            assert endpoint.inputs["vpcId"] == GIVEN["vpcId"]
            if endpoint not in gateways:
                assert endpoint.inputs["subnetIds"] == GIVEN["privateSubnetIds"]

    def test_a_runtime_needs_subnets_there(self) -> None:
        without: dict[str, Any] = {"agentSubnetIds": []}

        def program() -> None:
            with pytest.raises(ValueError, match=r"agent_subnet_ids: \(\) is not allowed"):
                vpc(self.settings(without, agentRuntimeNetwork="public"), agents=True)

        run(program)
        with pytest.raises(SettingsError, match=r"nova:existingNetwork.agentSubnetIds: \[\] is not allowed"):
            self.settings(without)

    def test_its_agent_subnets_are_checked_too(self) -> None:
        wrong = {"agentSubnetIds": ["subnet-00000000000000020", "subnet-00000000000000024"]}

        def program() -> None:
            vpc(self.settings(wrong), agents=True)

        with pytest.raises(Exception, match="us-east-1e is use1-az3"):
            run(program, preview=True)


class TestInternet:
    """Which parts need the internet, according to the settings and to the program."""

    def idle_except(self, *running: str) -> str:
        idle = SIZE | {"minTasks": 0, "maxTasks": 0}
        return json.dumps({name: SIZE if name in running else idle for name in SERVICES})

    def test_the_settings_know_what_the_program_declares(self, production: Deployment) -> None:
        tls = {rule.name for rule in production.of_type(EGRESS) if rule.inputs.get("cidrIpv4")}
        assert tls == {f"{name}-egress-tls" for name, calls in CALLS.items() if calls.internet}
        for engine, uses in (("transcribe", {*ModelUse} - {ModelUse.DICTATION}), ("sonic", {*ModelUse})):
            far = deployed("prod", overrides={**FAR, "transcriptionEngine": engine})
            tls = {rule.name for rule in far.of_type(EGRESS) if rule.inputs.get("cidrIpv4")}
            callers = {name for name, calls in CALLS.items() if calls.internet or calls.models & uses}
            assert tls == {f"{name}-egress-tls" for name in (*callers, "search-reindex")}

    @pytest.mark.parametrize("mode", ["granted", "all"])
    def test_workers_run_without_nat(self, mode: str) -> None:
        workers = self.idle_except("audio-worker", "projector-worker", "search-indexer")
        overrides = {
            "natGateways": "none",
            "services": workers,
            "interfaceEndpoints": mode,
            "agentRuntimeNetwork": "none",
        }
        assert not settings_with(**overrides).network.plan.internet
        found = deployed("prod", overrides=overrides)
        assert not [rule for rule in found.of_type(EGRESS) if rule.inputs.get("cidrIpv4")]

    @pytest.mark.parametrize(
        ("running", "overrides", "blocked"),
        [
            (
                ("audio", "audio-worker"),
                {},
                "audio call Amazon Cognito's keys that sign access tokens, which no endpoint serves.",
            ),
            (
                ("audio-worker",),
                {"interfaceEndpoints": "none"},
                "audio-worker call AWS APIs, and interfaceEndpoints is none",
            ),
            (
                ("audio-live",),
                FAR,
                "call the speech-to-speech model in us-east-1, and endpoints serve us-west-2 only",
            ),
            (
                ("audio-worker",),
                {**FAR, "transcriptionEngine": "sonic"},
                "audio-worker call the speech-to-speech model in us-east-1, and endpoints serve us-west-2",
            ),
            (
                ("search-indexer",),
                FAR,
                "search-indexer call the embedding model in us-east-1, and endpoints serve us-west-2 only",
            ),
        ],
    )
    def test_nat_none_names_who_needs_it(
        self, running: tuple[str, ...], overrides: dict[str, str], blocked: str
    ) -> None:
        with pytest.raises(SettingsError, match="nova:natGateways: 'none' is not allowed") as raised:
            settings_with(
                natGateways="none",
                agentRuntimeNetwork="none",
                services=self.idle_except(*running),
                **overrides,
            )
        assert blocked in str(raised.value)
        assert "single or per-az" in str(raised.value)

    def test_nat_none_names_the_runtime(self) -> None:
        with pytest.raises(SettingsError, match="agent-core-runtime call Amazon Cognito's keys"):
            settings_with(natGateways="none", services=self.idle_except())

    def test_a_given_network_may_have_no_way_out_either(self) -> None:
        given = json.dumps(GIVEN | {"internetAccess": False})
        with pytest.raises(SettingsError, match=r"nova:existingNetwork\.internetAccess: False .* audio"):
            settings_with(**NOTHING_MADE, existingNetwork=given)


class TestFlowLogs:
    def test_streams_are_looked_up_under_the_groups_pattern(self, production: Deployment) -> None:
        found = {statement.sid: statement for statement in granted(production, "nova-vpc-flow-logs-policy")}
        (group,) = [
            found
            for found in production.of_type("aws:cloudwatch/logGroup:LogGroup")
            if found.name == "nova-vpc-flow-logs"
        ]
        assert found["FindLogStreams"].resources[0].endswith(f":log-group:{group.name}-0000000:*")
        assert found["FindLogGroup"].actions == ("logs:DescribeLogGroups",)
        assert "logs:DescribeLogGroups" in UNRESTRICTED_ACTIONS
        assert {action for statement in found.values() for action in statement.actions} == {
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        }


def test_a_local_stack_needs_no_endpoints() -> None:
    assert deployed("local").of_type(ENDPOINT) == []
