"""What is checked for one stack in its account: its models, its zones and room for what it makes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from nova_policy.containers import SERVICE, TASK
from nova_policy.fixed_costs import ADDRESS, CPU_UNITS_PER_VCPU, tasks

from cli.doctor.account import SIGNED, Account
from cli.doctor.finding import Broken, Check, Ok, Verdict, warning
from cli.policies import graph_of

if TYPE_CHECKING:
    from evaluation.program import Deployment

MODEL_DOCS = "https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html"
_AGENTS_QUOTA = re.compile(r"\bagents per account\b", re.IGNORECASE)
"""What Service Quotas calls the number of runtimes (AgentCore developer guide, quotas)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A quota, and what the stack takes of it."""

    what: str
    service: str
    code: str
    least: int
    """What it takes at once."""
    most: int
    """What it grows to."""
    others: int = 0
    """What is taken already, by whoever it is but this stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackNeeds:
    """What a stack wants of an account."""

    account: Account
    stack: str
    deployment: "Deployment"

    def checks(self) -> tuple[Check, ...]:
        """Return a check for each model and quota, and for the zones."""
        needs = (*SIGNED, "region")
        models = {f"model {model}": (model, region) for model, region in self._models() if model}
        return (
            *(
                Check(
                    name=name,
                    ask=lambda model=model, region=region: self._model(model, region),
                    needs=needs,
                    right="bedrock:GetFoundationModelAvailability and bedrock:GetInferenceProfile",
                )
                for name, (model, region) in models.items()
            ),
            Check(name="zones", ask=self._zones, needs=needs, right="ec2:DescribeAvailabilityZones"),
            Check(name="room for tasks", ask=self._tasks, needs=needs, right=_QUOTA_RIGHT),
            Check(name="room for networks", ask=self._networks, needs=needs, right=_QUOTA_RIGHT),
            Check(name="room for addresses", ask=self._addresses, needs=needs, right=_QUOTA_RIGHT),
            Check(name="room for endpoints", ask=self._endpoints, needs=needs, right=_QUOTA_RIGHT),
            Check(name="room for agents", ask=self._agents, needs=needs, right=_QUOTA_RIGHT),
        )

    def _models(self) -> Iterator[tuple[str, str]]:
        models, region = self.account.settings.models, self.account.region
        yield from ((model, region) for model in (models.agent, models.sentiment, models.video))
        yield models.sonic, models.sonic_region
        yield models.embedding, models.embedding_region

    def _model(self, model: str, region: str) -> Verdict:
        from components.agent.model_ids import parse_model_id  # noqa: PLC0415 (loads what needs none of it)

        parsed = parse_model_id(model)
        client = self.account.client("bedrock", region)
        if parsed.scope != "region":
            try:
                profile = client.get_inference_profile(inferenceProfileIdentifier=model)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                    raise
                return Broken(f"{region} has no profile {model}", f"choose another one: {MODEL_DOCS}")
            if profile["status"] != "ACTIVE":
                return Broken(f"its profile is {profile['status']}", f"choose another one: {MODEL_DOCS}")
        found = client.get_foundation_model_availability(modelId=parsed.foundation_model)
        missing = _missing(found, in_region=parsed.scope == "region")
        if missing:
            return Broken(
                f"the account may not call it in {region}: {', '.join(missing)}",
                f"ask for access: `aws bedrock list-foundation-model-agreement-offers --model-id "
                f"{parsed.foundation_model} --region {region}`, or {MODEL_DOCS}",
            )
        return Ok(f"may be called in {region}")

    def _zones(self) -> Verdict:
        from components.network.agent_zones import check_agent_zones, unknown_zones_warning  # noqa: PLC0415
        from components.network.plan import NewNetwork  # noqa: PLC0415

        network = self.account.settings.network.plan
        if not isinstance(network, NewNetwork):
            return Ok("the network is given")
        listed = self.account.client("ec2", self.account.region).describe_availability_zones()
        ids = {str(zone["ZoneName"]): str(zone["ZoneId"]) for zone in listed["AvailabilityZones"]}
        if unknown := [zone for zone in network.zones if zone not in ids]:
            return Broken(
                f"the account has no zone {', '.join(unknown)}",
                f"set nova:availabilityZones in Pulumi.{self.stack}.yaml to some of {', '.join(sorted(ids))}",
            )
        if not self.account.settings.agent.in_vpc:
            return Ok(", ".join(network.zones))
        if said := unknown_zones_warning(self.account.region):
            return warning(said, "https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/")
        try:
            check_agent_zones(self.account.region, network.zones, ids)
        except ValueError as error:
            return Broken(str(error), f"set nova:availabilityZones in Pulumi.{self.stack}.yaml")
        return Ok(f"AgentCore takes {', '.join(f'{zone} ({ids[zone]})' for zone in network.zones)}")

    def _tasks(self) -> Verdict:
        least, most = {"on demand": 0.0, "Spot": 0.0}, {"on demand": 0.0, "Spot": 0.0}
        graph = graph_of(self.deployment)
        for service in graph.of_type(SERVICE):
            (task,) = graph.targets(service, "taskDefinition", TASK)
            vcpu = float(task.at("cpu")) / CPU_UNITS_PER_VCPU
            for counted, limit in ((least, "minCapacity"), (most, "maxCapacity")):
                on_demand, spot = tasks(graph, service, limit)
                counted["on demand"] += on_demand * vcpu
                counted["Spot"] += spot * vcpu
        return self._fits(
            *(
                Room(
                    what=f"vCPU of Fargate, {kind}", service="fargate", code=code,
                    least=ceil(least[kind]), most=ceil(most[kind]),
                )
                for kind, code in (("on demand", "L-3032A538"), ("Spot", "L-36FBB829"))
                if most[kind]
            )
        )  # fmt: skip

    def _networks(self) -> Verdict:
        made = len(self.deployment.of_type("awsx:ec2:Vpc"))
        listed = self.account.client("ec2", self.account.region).describe_vpcs()
        return self._fits(
            Room(
                what="VPCs", service="vpc", code="L-F678F1CE", least=made, most=made,
                others=self._of_others(listed["Vpcs"]),
            )
        )  # fmt: skip

    def _addresses(self) -> Verdict:
        made = len(graph_of(self.deployment).of_type(ADDRESS))
        listed = self.account.client("ec2", self.account.region).describe_addresses()
        return self._fits(
            Room(
                what="elastic IP addresses", service="ec2", code="L-0263D0A3", least=made, most=made,
                others=self._of_others(listed["Addresses"]),
            )
        )  # fmt: skip

    def _endpoints(self) -> Verdict:
        made = sum(
            found.inputs.get("vpcEndpointType") == "Interface"
            for found in self.deployment.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        )
        return self._fits(
            Room(what="interface endpoints of a VPC", service="vpc", code="L-29B6F2EB", least=made, most=made)
        )

    def _agents(self) -> Verdict:
        made = len(self.deployment.of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime"))
        if not made:
            return Ok("the stack has none")
        region = self.account.region
        pages = self.account.client("service-quotas", region).get_paginator("list_service_quotas")
        quotas = [
            quota
            for page in pages.paginate(ServiceCode="bedrock-agentcore")
            for quota in page["Quotas"]
            if _AGENTS_QUOTA.search(str(quota["QuotaName"]))
        ]
        if not quotas:
            return Ok("Service Quotas names no limit of them here")
        listed = self.account.client("bedrock-agentcore-control", region).get_paginator("list_agent_runtimes")
        own = {
            found.inputs["agentRuntimeName"]
            for found in self.deployment.of_type("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime")
        }
        others = sum(
            runtime["agentRuntimeName"] not in own
            for page in listed.paginate()
            for runtime in page["agentRuntimes"]
        )
        room = Room(
            what="agents", service="bedrock-agentcore", code=str(quotas[0]["QuotaCode"]), least=made,
            most=made, others=others,
        )  # fmt: skip
        return _judged(room, float(quotas[0]["Value"]), region)

    def _of_others(self, listed: list[dict[str, Any]]) -> int:
        return sum({"Key": "stack", "Value": self.stack} not in one.get("Tags", []) for one in listed)

    def _fits(self, *rooms: Room) -> Verdict:
        region = self.account.region
        client = self.account.client("service-quotas", region)
        verdicts: list[Verdict] = []
        for room in rooms:
            if not room.most:
                continue
            named = {"ServiceCode": room.service, "QuotaCode": room.code}
            try:
                quota = client.get_service_quota(**named)["Quota"]
            except ClientError as error:
                # Nobody has asked for more of it yet.
                if error.response.get("Error", {}).get("Code") != "NoSuchResourceException":
                    raise
                quota = client.get_aws_default_service_quota(**named)["Quota"]
            verdicts.append(_judged(room, float(quota["Value"]), region))
        broken = [verdict for verdict in verdicts if isinstance(verdict, Broken)]
        if broken:
            return min(broken, key=lambda verdict: verdict.state != "failure")
        return Ok("; ".join(verdict.found for verdict in verdicts) or "the stack needs none")


_QUOTA_RIGHT = (
    "servicequotas:GetServiceQuota, servicequotas:ListServiceQuotas, ec2:DescribeVpcs and "
    "ec2:DescribeAddresses"
)


def _judged(room: Room, value: float, region: str) -> Verdict:
    taken = f" beside {room.others} that are there" if room.others else ""
    fix = (
        f"`aws service-quotas request-service-quota-increase --service-code {room.service} --quota-code "
        f"{room.code} --desired-value {room.others + room.most} --region {region}`"
    )
    if room.others + room.least > value:
        return Broken(f"{value:g} {room.what} are allowed, the stack takes {room.least}{taken}", fix)
    if room.others + room.most > value:
        return warning(f"{value:g} {room.what} are allowed, the stack grows to {room.most}{taken}", fix)
    return Ok(f"{room.most} of {value:g} {room.what}{taken}")


def _missing(found: Mapping[str, Any], *, in_region: bool) -> list[str]:
    """Say what of a model's availability is not there; by a profile it may be offered elsewhere only."""
    wanted = {
        "agreement": (found["agreementAvailability"]["status"], "AVAILABLE"),
        "authorization": (found["authorizationStatus"], "AUTHORIZED"),
        "entitlement": (found["entitlementAvailability"], "AVAILABLE"),
        **({"region": (found["regionAvailability"], "AVAILABLE")} if in_region else {}),
    }
    return [f"{name} {status}" for name, (status, good) in wanted.items() if status != good]
