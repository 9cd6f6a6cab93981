"""How people reach the platform.

Creates: the proof that a request came by the distribution, certificates, load balancer, user pool; and,
once workloads have declared their routes, the public API, the sampling of its traces, web ACLs and the
distribution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from ..compute.deployment import Deployment
from ..compute.function import Function
from ..compute.service import ServiceHost
from ..data.access_logs import AccessLogs
from ..edge.api import Api, ApiArgs
from ..edge.certificates import DISTRIBUTION_REGION, Certificates, CertificatesArgs
from ..edge.distribution import Backends, Distribution, DistributionArgs, DistributionDomain
from ..edge.load_balancer import BalancerCertificate, LoadBalancer, LoadBalancerArgs, Shifting
from ..edge.origin_proof import OriginProof, OriginProofArgs
from ..edge.plan import EdgePlan, SiteDomain
from ..edge.routes import Route
from ..edge.user_pool import UserPool, UserPoolArgs
from ..edge.web_acls import WebAcls, WebAclsArgs
from ..observe.sampling import TraceSampling, TraceSamplingArgs
from .common import Common

STATIC_PATHS = ("/_next/static/*",)
"""Files of the site whose names change with their content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPlan:
    """Where the site is found and what guards it, and what of it is traced."""

    edge: EdgePlan
    trace_sample_percent: int


class Front:
    """Load balancer and user pool from the beginning; the rest once it is opened."""

    load_balancer: LoadBalancer
    user_pool: UserPool
    access_log_group: pulumi.Output[str]
    """Where the API says who asked for what; there is none before it is opened."""

    def __init__(self, common: Common, plan: FrontPlan, host: ServiceHost, access_logs: AccessLogs) -> None:
        self._common = common
        self._plan = plan
        self._vpc = host.vpc
        self._access_logs = access_logs
        self._proof = OriginProof(
            common.named("proof"),
            OriginProofArgs(generation=plan.edge.origin_proof_generation),
            opts=common.options,
        )
        self._domain, certificate = self._certified(plan.edge.domain)
        self.load_balancer = LoadBalancer(
            common.named("balancer"),
            LoadBalancerArgs(
                vpc=self._vpc,
                access_logs=access_logs,
                alerts=common.alerts,
                protect=common.protect,
                certificate=certificate,
                proof=None if plan.edge.web_acl else self._proof,
                shifting=_shifting(host.deployment),
                origin_security_group=plan.edge.origin_security_group,
                asleep=common.asleep,
            ),
            opts=common.options,
        )
        self.user_pool = UserPool(
            common.named("users"),
            UserPoolArgs(
                account=common.account,
                alerts=common.alerts,
                existing=plan.edge.existing_pool,
                access_token_minutes=plan.edge.access_token_minutes,
                refresh_token_days=plan.edge.refresh_token_days,
                protect=common.protect,
            ),
            opts=common.options,
        )

    def open(self, routes: Sequence[Route], functions: Mapping[str, Function]) -> Distribution:
        """Make the API with ``routes``, and the distribution before it; once."""
        common = self._common
        api = Api(
            common.named("api"),
            ApiArgs(
                account=common.account,
                routes=routes,
                user_pool=self.user_pool,
                load_balancer=self.load_balancer,
                vpc=self._vpc,
                logs=common.logs,
                alerts=common.alerts,
                plan=self._plan.edge,
                functions=functions,
                asleep=common.asleep,
            ),
            opts=common.options,
        )
        self.access_log_group = api.access_log_group
        return Distribution(
            common.named("site"),
            DistributionArgs(
                backends=None if common.asleep else self._backends(api),
                domain=self._domain,
                access_logs=self._access_logs,
                alerts=common.alerts,
            ),
            opts=common.options,
        )

    def _backends(self, api: Api) -> Backends:
        TraceSampling(
            self._common.named("traces"),
            TraceSamplingArgs(stage=api.traced_stage, percent=self._plan.trace_sample_percent),
            opts=self._common.options,
        )
        web_acl_arn, accepted_by = self._guards(api)
        return Backends(
            api_host=api.host,
            load_balancer=self.load_balancer,
            proof=self._proof,
            proof_accepted_by=accepted_by,
            static_paths=STATIC_PATHS,
            web_acl_arn=web_acl_arn,
        )

    def _guards(self, api: Api) -> tuple[pulumi.Output[str] | None, Sequence[pulumi.Resource]]:
        """Return the ARN of the distribution's web ACL, if there is one, and what asks for the proof."""
        if not self._plan.edge.web_acl:
            return None, self.load_balancer.rules
        common = self._common
        acls = WebAcls(
            common.named("web"),
            WebAclsArgs(
                region=common.account.region,
                stage_arn=api.stage_arn,
                proof=self._proof,
                logs=common.logs,
                distribution_logs=common.logs_in(DISTRIBUTION_REGION),
                alerts=common.alerts,
            ),
            opts=common.options,
        )
        return acls.distribution_arn, acls.asking

    def _certified(
        self, domain: SiteDomain | None
    ) -> tuple[DistributionDomain, BalancerCertificate] | tuple[None, None]:
        if domain is None:
            return None, None
        certificates = Certificates(
            self._common.named("certificates"), CertificatesArgs(domain=domain), opts=self._common.options
        )
        return (
            DistributionDomain(domain=domain, certificate_arn=certificates.distribution_arn),
            BalancerCertificate(arn=certificates.balancer_arn, domain=domain),
        )


def _shifting(deployment: Deployment) -> Shifting:
    if not deployment.shifts:
        return Shifting.NONE
    return Shifting.TEST_AND_PRODUCTION if deployment.test_minutes else Shifting.PRODUCTION
