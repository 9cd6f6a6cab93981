"""EC2 networking: as far as identifiers of it are needed. No packet is filtered on one machine."""

import ipaddress
from collections.abc import Set

from local_cloud.documents import Document, parts

from ..model import Call, Kind, NameRule, Properties, Resource, State, Text, error_code, is_missing


def permission(rule: Document) -> Properties:
    """Return an EC2 IpPermission from a rule in Pulumi's spelling, inline or as a resource of its own."""
    converted: Properties = {"IpProtocol": str(rule.get("protocol") or rule.get("ipProtocol") or "-1")}
    for key, member in (("fromPort", "FromPort"), ("toPort", "ToPort")):
        if rule.get(key) is not None and converted["IpProtocol"] != "-1":
            converted[member] = int(rule[key])
    described = {"Description": rule["description"]} if rule.get("description") else {}
    blocks = list(rule.get("cidrBlocks") or []) + ([rule["cidrIpv4"]] if rule.get("cidrIpv4") else [])
    blocks6 = list(rule.get("ipv6CidrBlocks") or []) + ([rule["cidrIpv6"]] if rule.get("cidrIpv6") else [])
    lists = list(rule.get("prefixListIds") or []) + (
        [rule["prefixListId"]] if rule.get("prefixListId") else []
    )
    groups = list(rule.get("securityGroups") or [])
    groups += [rule[key] for key in ("referencedSecurityGroupId", "sourceSecurityGroupId") if rule.get(key)]
    for member, key, values in (
        ("IpRanges", "CidrIp", blocks),
        ("Ipv6Ranges", "CidrIpv6", blocks6),
        ("PrefixListIds", "PrefixListId", lists),
        ("UserIdGroupPairs", "GroupId", groups),
    ):
        if values:
            converted[member] = [{key: value, **described} for value in values]
    return converted


class SecurityGroup:
    """A security group with inline rules, which are replaced as a whole when they change."""

    name = NameRule(property="name", length_max=255, prefix_property="namePrefix")
    keeps = None
    delete_first = False
    taggable = True
    findable = True
    volatile = frozenset[str]()

    def create(self, resource: Resource) -> State:
        """Create the group; AWS adds a rule that lets everything out, which the provider takes away."""
        request: Properties = {
            "GroupName": resource.physical,
            "Description": resource.inputs.get("description") or "Managed by Pulumi",
        }
        if resource.inputs.get("vpcId"):
            request["VpcId"] = resource.inputs["vpcId"]
        try:
            group_id = resource.cloud.call("ec2", "CreateSecurityGroup", request)["GroupId"]
        except Exception as error:
            if error_code(error) != "InvalidGroup.Duplicate":
                raise
            found = self._describe(resource, [{"Name": "group-name", "Values": [resource.physical]}])
            group_id = found[0]["GroupId"]
        resource.id = group_id
        self._set_rules(resource)
        return State(group_id, self._outputs(resource, group_id))

    def find(self, resource: Resource) -> State | None:
        """Look the group up, by id or by name."""
        by_id = {"Name": "group-id", "Values": [resource.id]}
        by_name = {"Name": "group-name", "Values": [resource.physical]}
        groups = self._describe(resource, [by_id if resource.id else by_name])
        return State(groups[0]["GroupId"], self._outputs(resource, groups[0]["GroupId"])) if groups else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Name, description and VPC are fixed."""
        return changed & {"name", "description", "vpcId"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Replace the inline rules when they changed."""
        if changed & {"ingress", "egress"}:
            self._set_rules(resource)
        return State(resource.id, resource.outputs)

    def delete(self, resource: Resource) -> None:
        """Delete the group."""
        try:
            resource.cloud.call("ec2", "DeleteSecurityGroup", {"GroupId": resource.id})
        except Exception as error:
            if not is_missing(error):
                raise

    def _describe(self, resource: Resource, filters: list[Properties]) -> list[Properties]:
        return resource.cloud.call("ec2", "DescribeSecurityGroups", {"Filters": filters})["SecurityGroups"]

    def _set_rules(self, resource: Resource) -> None:
        group = self._describe(resource, [{"Name": "group-id", "Values": [resource.id]}])[0]
        for key, present, revoke, authorize in (
            ("ingress", "IpPermissions", "RevokeSecurityGroupIngress", "AuthorizeSecurityGroupIngress"),
            ("egress", "IpPermissionsEgress", "RevokeSecurityGroupEgress", "AuthorizeSecurityGroupEgress"),
        ):
            created = not resource.previous
            if key not in resource.inputs and not (created and key == "egress"):
                continue  # rules are resources of their own
            if existing := group.get(present):
                resource.cloud.call("ec2", revoke, {"GroupId": resource.id, "IpPermissions": existing})
            wanted = [permission(_self_reference(rule, resource.id)) for rule in parts(resource.inputs, key)]
            if wanted:
                resource.cloud.call("ec2", authorize, {"GroupId": resource.id, "IpPermissions": wanted})

    def _outputs(self, resource: Resource, group_id: str) -> Properties:
        owner = resource.cloud.account
        arn = f"arn:aws:ec2:{resource.cloud.region}:{owner}:security-group/{group_id}"
        return {"arn": arn, "ownerId": owner}


def _self_reference(rule: Document, group_id: str) -> Document:
    if not rule.get("self"):
        return rule
    return {**rule, "securityGroups": [*(rule.get("securityGroups") or []), group_id]}


class SecurityGroupRule:
    """One rule of a group; a change replaces it."""

    name = None
    keeps = None
    # The old and the new rule may be equal for EC2, which refuses duplicates.
    delete_first = True
    taggable = False
    findable = False
    volatile = frozenset[str]()

    def __init__(self, direction: str) -> None:
        """`direction` is "ingress" or "egress"."""
        self._direction = direction

    def create(self, resource: Resource) -> State:
        """Authorize the rule; one that exists already is the same rule."""
        try:
            answer = self._call(resource, "Authorize")
        except Exception as error:
            if error_code(error) != "InvalidPermission.Duplicate":
                raise
            answer = {}
        rules = parts(answer, "SecurityGroupRules")
        rule_id = rules[0]["SecurityGroupRuleId"] if rules else f"sgr-{resource.name}"
        arn = f"arn:aws:ec2:{resource.cloud.region}:{resource.cloud.account}:security-group-rule/{rule_id}"
        return State(rule_id, {"arn": arn, "securityGroupRuleId": rule_id})

    def find(self, resource: Resource) -> State | None:
        """Rules are not looked up."""
        del resource
        return None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Everything but tags."""
        return changed - {"tags", "tagsAll", "region"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Nothing can change in place."""
        del changed
        return State(resource.id, resource.outputs)

    def delete(self, resource: Resource) -> None:
        """Revoke the rule."""
        try:
            self._call(resource, "Revoke")
        except Exception as error:
            if not is_missing(error):
                raise

    def _call(self, resource: Resource, verb: str) -> Properties:
        request = {
            "GroupId": resource.inputs["securityGroupId"],
            "IpPermissions": [
                permission(_self_reference(resource.inputs, resource.inputs["securityGroupId"]))
            ],
        }
        return resource.cloud.call("ec2", f"{verb}SecurityGroup{self._direction.capitalize()}", request)


class Vpc:
    """The awsx component: a VPC with public, private and isolated subnets in every zone."""

    name = None
    keeps = None
    delete_first = False
    taggable = True
    findable = True
    volatile = frozenset[str]()

    def create(self, resource: Resource) -> State:
        """Create the VPC, its gateway, and one subnet and route table for each kind and zone."""
        block = str(resource.inputs.get("cidrBlock") or "10.0.0.0/16")
        vpc_id = resource.cloud.call("ec2", "CreateVpc", {"CidrBlock": block})["Vpc"]["VpcId"]
        gateway = resource.cloud.call("ec2", "CreateInternetGateway", {})["InternetGateway"]
        gateway_id = gateway["InternetGatewayId"]
        attachment = {"InternetGatewayId": gateway_id, "VpcId": vpc_id}
        resource.cloud.call("ec2", "AttachInternetGateway", attachment)
        subnets: dict[str, list[str]] = {"Public": [], "Private": [], "Isolated": []}
        tables: list[str] = []
        for kind, zone, subnet_block in _subnet_plan(resource, block):
            request = {"VpcId": vpc_id, "CidrBlock": subnet_block, "AvailabilityZone": zone}
            subnet_id = resource.cloud.call("ec2", "CreateSubnet", request)["Subnet"]["SubnetId"]
            table = resource.cloud.call("ec2", "CreateRouteTable", {"VpcId": vpc_id})["RouteTable"]
            association = {"RouteTableId": table["RouteTableId"], "SubnetId": subnet_id}
            resource.cloud.call("ec2", "AssociateRouteTable", association)
            subnets[kind].append(subnet_id)
            tables.append(table["RouteTableId"])
        return State(
            vpc_id,
            {
                "vpcId": vpc_id,
                "publicSubnetIds": subnets["Public"],
                "privateSubnetIds": subnets["Private"],
                "isolatedSubnetIds": subnets["Isolated"],
                "internetGatewayId": gateway_id,
                "routeTableIds": tables,
            },
        )

    def find(self, resource: Resource) -> State | None:
        """Look the VPC up by id."""
        if not resource.id:
            return None
        filters = [{"Name": "vpc-id", "Values": [resource.id]}]
        vpcs = resource.cloud.call("ec2", "DescribeVpcs", {"Filters": filters})["Vpcs"]
        return State(resource.id, resource.outputs) if vpcs else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Return what decides over addresses and zones."""
        return changed & {"cidrBlock", "availabilityZoneNames", "numberOfAvailabilityZones", "subnetSpecs"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """NAT gateways and endpoints carry no traffic here, so there is nothing to change."""
        del changed
        return State(resource.id, resource.outputs)

    def delete(self, resource: Resource) -> None:
        """Delete the VPC with all that was created for it."""
        outputs = resource.outputs
        kinds = ("publicSubnetIds", "privateSubnetIds", "isolatedSubnetIds")
        steps: list[tuple[str, Properties]] = [
            ("DeleteSubnet", {"SubnetId": subnet_id}) for kind in kinds for subnet_id in outputs.get(kind, [])
        ]
        steps += [("DeleteRouteTable", {"RouteTableId": table}) for table in outputs.get("routeTableIds", [])]
        if gateway_id := outputs.get("internetGatewayId"):
            gateway = {"InternetGatewayId": gateway_id}
            steps += [
                ("DetachInternetGateway", {**gateway, "VpcId": resource.id}),
                ("DeleteInternetGateway", gateway),
            ]
        steps.append(("DeleteVpc", {"VpcId": resource.id}))
        for operation, request in steps:
            try:
                resource.cloud.call("ec2", operation, request)
            except Exception as error:
                if not is_missing(error):
                    raise


def _subnet_plan(resource: Resource, block: str) -> list[tuple[str, str, str]]:
    """Return (kind, zone, block) of each subnet as awsx's AUTO strategy: an equal share a zone."""
    zones = resource.inputs.get("availabilityZoneNames")
    if not zones:
        count = int(resource.inputs.get("numberOfAvailabilityZones") or 3)
        zones = [f"{resource.cloud.region}{letter}" for letter in "abcdef"[:count]]
    specs: list[Document] = resource.inputs.get("subnetSpecs") or [
        {"type": "Public", "cidrMask": 24},
        {"type": "Private", "cidrMask": 24},
    ]
    shares = list(ipaddress.ip_network(block).subnets(prefixlen_diff=(len(zones) - 1).bit_length()))
    plan: list[tuple[str, str, str]] = []
    for zone, share in zip(zones, shares, strict=False):
        start = int(share.network_address)
        for spec in specs:
            prefix = int(spec.get("cidrMask") or 24)
            size = 2 ** (32 - prefix)
            start = -(-start // size) * size  # aligned, as networks have to be
            plan.append((str(spec["type"]).capitalize(), zone, f"{ipaddress.ip_address(start)}/{prefix}"))
            start += size
    return plan


class DefaultSecurityGroup:
    """The group that comes with a VPC: taken over, not created, and left behind."""

    name = None
    keeps = None
    delete_first = False
    taggable = True
    findable = False
    volatile = frozenset[str]()

    def create(self, resource: Resource) -> State:
        """Find the VPC's default group and set its rules."""
        filters = [
            {"Name": "vpc-id", "Values": [resource.inputs["vpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
        group = resource.cloud.call("ec2", "DescribeSecurityGroups", {"Filters": filters})["SecurityGroups"][
            0
        ]
        resource.id = group["GroupId"]
        self._close(resource, group)
        arn = f"arn:aws:ec2:{resource.cloud.region}:{resource.cloud.account}:security-group/{resource.id}"
        return State(resource.id, {"arn": arn, "name": "default"})

    def find(self, resource: Resource) -> State | None:
        """Return nothing: it lives and dies with its VPC."""
        del resource
        return None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Another VPC has another group."""
        return changed & {"vpcId"}

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Set the rules again."""
        del changed
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        """AWS does not delete it."""

    def _close(self, resource: Resource, group: Properties) -> None:
        for present, operation in (
            ("IpPermissions", "RevokeSecurityGroupIngress"),
            ("IpPermissionsEgress", "RevokeSecurityGroupEgress"),
        ):
            if group.get(present):
                request = {"GroupId": resource.id, "IpPermissions": group[present]}
                resource.cloud.call("ec2", operation, request)


FLOW_LOG = Kind(
    type="aws:ec2/flowLog:FlowLog",
    service="ec2",
    create_call=Call(
        operation="CreateFlowLogs",
        keys={"trafficType", "logDestination", "logDestinationType", "maxAggregationInterval", "logFormat"},
        extra=lambda resource: {
            "ResourceIds": [resource.inputs["vpcId"]],
            "ResourceType": "VPC",
            **(
                {"DeliverLogsPermissionArn": resource.inputs["iamRoleArn"]}
                if resource.inputs.get("iamRoleArn")
                else {}
            ),
        },
    ),
    delete_call=Call(
        operation="DeleteFlowLogs", keys=frozenset(), extra=lambda resource: {"FlowLogIds": [resource.id]}
    ),
    id="FlowLogIds[0]",
    outputs={"arn": Text("arn:aws:ec2:{region}:{account}:vpc-flow-log/{id}")},
)

KINDS = (FLOW_LOG,)
OTHERS = {
    "awsx:ec2:Vpc": Vpc(),
    "aws:ec2/securityGroup:SecurityGroup": SecurityGroup(),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": DefaultSecurityGroup(),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": SecurityGroupRule("ingress"),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": SecurityGroupRule("egress"),
}
