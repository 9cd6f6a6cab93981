"""The load balancer.

Creates: an internal application load balancer over the private subnets; its listeners `api` and `site`, which
answer 404 by default; a security group for what calls and is called inside the VPC, and one that admits
CloudFront to the site alone; with a certificate its name in DNS; for each target a target group and its
listener rules; for each admitted caller the security-group rules between the two.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from ..asleep import NOWHERE
from ..data.access_logs import LOAD_BALANCER_PREFIX, AccessLogs
from ..network.connection import Peer, RuleNames, connect
from ..network.vpc import Vpc
from ..observe.alarms import Alerts
from ..observe.sets.edge import load_balancer_alarms, target_alarms
from ..observe.sets.traffic import target_requests
from .listener_rules import ListenerName, ListenerRules, RequestMatch
from .origin_proof import OriginProof
from .plan import SiteDomain
from .target import Alternate, Entrance, Target, target_group

ORIGIN_PREFIX_LIST = "com.amazonaws.global.cloudfront.origin-facing"
"""The list of addresses from which CloudFront calls origins. It counts as 55 rules of a security group."""
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
"""TLS 1.3, or 1.2 with forward secrecy and authenticated encryption."""
IDLE_SECONDS = 300
"""How long an answer may say nothing.

As long as API Gateway lets a stream be silent (5 minutes), and far longer than the 15 s between two
heartbeats.
"""


ROLLBACK_ALARMS = ("errors", "unhealthy")
"""What is watched of a target that ends a deployment; a slow answer may have other causes."""


class Shifting(StrEnum):
    """How requests move from the tasks of one deployment to those of the next."""

    NONE = "none"
    """Tasks take each other's place in one target group."""
    PRODUCTION = "production"
    """ECS sets the weights of a second target group."""
    TEST_AND_PRODUCTION = "test-and-production"
    """It first sends test requests there."""


PORTS: Mapping[ListenerName, tuple[int, int]] = {ListenerName.API: (80, 443), ListenerName.SITE: (8080, 8443)}
"""Where each listens: without and with a certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerCertificate:
    """What lets the load balancer speak TLS."""

    arn: pulumi.Output[str]
    domain: SiteDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerArgs:
    """Where it stands, how it is reached, who is asked for a proof, and whether it refuses deletion."""

    vpc: Vpc
    access_logs: AccessLogs
    alerts: Alerts
    protect: bool
    certificate: BalancerCertificate | None = None
    """Nothing for plain HTTP, between security groups that name each other."""
    proof: OriginProof | None = None
    """What every request to the API has to carry; nothing where that is seen to before."""
    shifting: Shifting = Shifting.NONE
    """Whether ECS moves requests between two sets of a service's tasks."""
    origin_security_group: str = ""
    """Id of the group of CloudFront's VPC origins; empty for all addresses that CloudFront calls from."""
    asleep: bool = False
    """Whether there are security groups and target groups alone, for when there is a load balancer again."""

    def __post_init__(self) -> None:
        """Refuse a proof where tasks come in by the API's door too, who have none."""
        if self.proof is not None and self.shifting is not Shifting.NONE:
            raise ValueError(
                f"shifting: {self.shifting} is not allowed with a proof of origin: services then call "
                "each other by the load balancer, and have no proof"
            )


class LoadBalancer(pulumi.ComponentResource):
    """One internal load balancer for all services.

    The API's listener is reached after ``admit`` alone, the site's by CloudFront alone.
    """

    arn: pulumi.Output[str]
    """Nothing has it while the stack sleeps."""
    host: pulumi.Input[str]
    """The name to call it by; its certificate covers it. It leads nowhere while the stack sleeps."""
    scheme: str
    """``https`` with a certificate, else ``http``."""
    rules: list[pulumi.Resource]
    """Where, so far, requests go; and by which proof."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:LoadBalancer", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.rules = []
        self.scheme = "http" if args.certificate is None else "https"
        group = self._group("", "Internal load balancer")
        self._peer = Peer(label="the load balancer", security_group_id=group.id)
        door = self._site_door()
        if args.asleep:
            self.host = NOWHERE
            self.register_outputs({"host": self.host})
            return
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            load_balancer_type="application",
            internal=True,
            subnets=args.vpc.private_subnet_ids,
            security_groups=[group.id, door.id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            idle_timeout=IDLE_SECONDS,
            enable_deletion_protection=args.protect,
            access_logs=aws.lb.LoadBalancerAccessLogsArgs(
                bucket=args.access_logs.name, prefix=LOAD_BALANCER_PREFIX, enabled=True
            ),
            # It writes a first object when it is told where to.
            opts=pulumi.ResourceOptions(
                parent=self, protect=args.protect, depends_on=[args.access_logs.policy]
            ),
        )
        self._arn_suffix = balancer.arn_suffix
        self._dns_name = balancer.dns_name
        self.arn = balancer.arn
        self.host = self._host(balancer)
        listeners = {which: self._listener(which, balancer.arn) for which in ListenerName}
        self._rules = ListenerRules(listeners, args.proof)
        args.alerts.watch(name, load_balancer_alarms(balancer.arn_suffix), parent=self)
        self.register_outputs({"arn": self.arn, "host": self.host})

    @property
    def asks_proof(self) -> bool:
        """Whether a request to the API has to carry a proof of where it came from."""
        return self._args.proof is not None

    def port(self, listener: ListenerName) -> int:
        """Return where ``listener`` listens."""
        plain, encrypted = PORTS[listener]
        return plain if self._args.certificate is None else encrypted

    def target(
        self, name: str, port: int, matches: Sequence[RequestMatch], parent: pulumi.Resource
    ) -> Target:
        """Send what any of ``matches`` describes to tasks that listen on ``port``.

        The resources become children of ``parent``. Raises ``ValueError`` for a priority that is taken, and
        for more than one match where requests are shifted: ECS moves one rule.
        """
        group = target_group(f"{name}-target", port, self._args.vpc, parent)
        if self._args.asleep:
            return self._idle(group)
        alternate = None
        if self._args.shifting is Shifting.NONE:
            rules = tuple(self._rules.forward(name, match, group.arn, parent) for match in matches)
        else:
            alternate = self._alternate(name, port, _only(name, matches), group, parent)
            rules = tuple(rule for rule in (alternate.production_rule, alternate.test_rule) if rule)
        self.rules += rules
        return Target(
            target_group_arn=group.arn,
            caller=self._peer,
            entrance=Entrance(
                scheme=self.scheme,
                host=self.host,
                port=self.port(ListenerName.API),
                dns_name=self._dns_name,
            ),
            balancer_suffix=self._arn_suffix,
            group_suffix=group.arn_suffix,
            rules=rules,
            rollback_alarms=(
                *self._watch(f"{name}-target", group.arn_suffix, parent),
                *(
                    ()
                    if alternate is None
                    else self._watch(f"{name}-alternate", alternate.group_suffix, parent)
                ),
            ),
            alternate=alternate,
        )

    def _idle(self, group: aws.lb.TargetGroup) -> Target:
        """Return what nobody sends requests to."""
        nowhere = pulumi.Output.from_input(NOWHERE)
        return Target(
            target_group_arn=group.arn,
            caller=self._peer,
            entrance=Entrance(
                scheme=self.scheme, host=NOWHERE, port=self.port(ListenerName.API), dns_name=nowhere
            ),
            balancer_suffix=nowhere,
            group_suffix=group.arn_suffix,
            rules=(),
            rollback_alarms=(),
        )

    def _watch(
        self, name: str, group_suffix: pulumi.Output[str], parent: pulumi.Resource
    ) -> list[pulumi.Output[str]]:
        alarms = self._args.alerts.watch(name, target_alarms(self._arn_suffix, group_suffix), parent)
        self._args.alerts.show(*target_requests(name, self._arn_suffix, group_suffix))
        return [alarm.name for label, alarm in alarms.items() if label in ROLLBACK_ALARMS]

    def _alternate(
        self,
        name: str,
        port: int,
        match: RequestMatch,
        group: aws.lb.TargetGroup,
        parent: pulumi.Resource,
    ) -> Alternate:
        second = target_group(f"{name}-alternate", port, self._args.vpc, parent)
        test = None
        if self._args.shifting is Shifting.TEST_AND_PRODUCTION:
            test = self._rules.shift_tests(name, match, (group.arn, second.arn), parent)
        return Alternate(
            target_group_arn=second.arn,
            group_suffix=second.arn_suffix,
            production_rule=self._rules.shift(name, match, (group.arn, second.arn), parent),
            test_rule=test,
        )

    def admit(self, name: str, security_group_id: pulumi.Input[str]) -> None:
        """Let what has the security group ``security_group_id`` call the API; ``name`` labels the rules."""
        connect(
            caller=Peer(label=name, security_group_id=security_group_id),
            callee=self._peer,
            port=self.port(ListenerName.API),
            names=RuleNames(
                ingress=f"{self._label}-ingress-{name}", egress=f"{self._label}-egress-of-{name}"
            ),
            parent=self,
        )

    def _group(self, role: str, description: str) -> aws.ec2.SecurityGroup:
        return aws.ec2.SecurityGroup(
            f"{self._label}{role}-security-group",
            description=description,
            vpc_id=self._args.vpc.vpc_id,
            opts=self._child,
        )

    def _site_door(self) -> aws.ec2.SecurityGroup:
        # A group of its own: the list of addresses counts as nearly all the rules that a group may have.
        group = self._group("-site", "Load balancer, from CloudFront")
        known = self._args.origin_security_group
        port = self.port(ListenerName.SITE)
        aws.vpc.SecurityGroupIngressRule(
            f"{self._label}-ingress-cloudfront",
            security_group_id=group.id,
            description="Requests from CloudFront",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=known or None,
            prefix_list_id=None if known else _origin_prefix_list(self),
            opts=self._child,
        )
        return group

    def _host(self, balancer: aws.lb.LoadBalancer) -> pulumi.Input[str]:
        if self._args.certificate is None:
            return balancer.dns_name
        domain = self._args.certificate.domain
        aws.route53.Record(
            f"{self._label}-record",
            zone_id=domain.zone_id,
            name=domain.origin,
            type="A",
            aliases=[
                aws.route53.RecordAliasArgs(
                    name=balancer.dns_name, zone_id=balancer.zone_id, evaluate_target_health=False
                )
            ],
            opts=self._child,
        )
        return domain.origin

    def _listener(self, which: ListenerName, balancer_arn: pulumi.Output[str]) -> pulumi.Output[str]:
        certificate = self._args.certificate
        return aws.lb.Listener(
            f"{self._label}-{which}-listener",
            load_balancer_arn=balancer_arn,
            port=self.port(which),
            protocol=self.scheme.upper(),
            ssl_policy=None if certificate is None else TLS_POLICY,
            certificate_arn=None if certificate is None else certificate.arn,
            default_actions=[_not_found()],
            opts=self._child,
        ).arn


def _only(name: str, matches: Sequence[RequestMatch]) -> RequestMatch:
    if len(matches) != 1:
        raise ValueError(
            f"matches: {name} has {len(matches)}; ECS shifts the requests of one rule: merge them into "
            "one, which compares several paths and methods"
        )
    return matches[0]


def _origin_prefix_list(balancer: LoadBalancer) -> pulumi.Output[str]:
    return aws.ec2.get_managed_prefix_list_output(
        name=ORIGIN_PREFIX_LIST, opts=pulumi.InvokeOutputOptions(parent=balancer)
    ).id


def _not_found() -> aws.lb.ListenerDefaultActionArgs:
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is nothing here."}
    return aws.lb.ListenerDefaultActionArgs(
        type="fixed-response",
        fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
            # A fixed response knows five content types; this is the nearest to application/problem+json.
            content_type="application/json",
            status_code="404",
            message_body=json.dumps(problem),
        ),
    )
